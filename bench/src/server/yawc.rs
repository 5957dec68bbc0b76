//! yawc: the echo loop of its docs, and the same by `forward`.

use std::future::ready;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use yawc::{CompressionLevel, DeflatePool, Frame, OpCode, Options, Result, Role, WebSocket};

use super::{MAX_MESSAGE_BYTES, handshake};
use crate::setting::Setting;

/// Of both buffers, where there are many connections: an eighth of the default.
const SMALL_BUFFER: usize = 1 << 10;

/// As its own benchmark is tuned.
const LARGE_READ_BUFFER: usize = 128 << 10;
const LARGE_WRITE_BOUNDARY: usize = 64 << 10;

/// Made once: its connections share the pool.
pub(super) fn options(setting: Setting) -> Options {
    let compressed = || Options::default().with_compression_level(CompressionLevel::new(6));
    match setting {
        Setting::Off => Options::default().with_limits(MAX_MESSAGE_BYTES, 2 * MAX_MESSAGE_BYTES),
        Setting::Dropped => compressed()
            .server_no_context_takeover()
            .client_no_context_takeover()
            .with_deflate_pool(DeflatePool::new(1)),
        _ => compressed(),
    }
    .with_utf8()
}

/// For many connections.
pub(super) fn small() -> Options {
    options(Setting::Off)
        .with_read_buffer_capacity(SMALL_BUFFER)
        .with_write_buffer_capacity(SMALL_BUFFER)
}

/// For few.
pub(super) fn tuned() -> Options {
    options(Setting::Off)
        .with_read_buffer_capacity(LARGE_READ_BUFFER)
        .with_backpressure_boundary(LARGE_WRITE_BOUNDARY)
}

pub(super) async fn echo(tcp: TcpStream, options: Options, setting: Setting) -> Result<()> {
    let mut ws = open(tcp, options, setting).await?;
    while let Some(frame) = ws.next().await {
        if is_wanted(&frame) {
            ws.send(frame).await?;
        }
    }
    Ok(())
}

pub(super) async fn echo_by_forward(tcp: TcpStream, options: Options) -> Result<()> {
    let (sink, stream) = open(tcp, options, Setting::Off).await?.split();
    stream.filter(|frame| ready(is_wanted(frame))).map(Ok).forward(sink).await
}

async fn open(
    mut tcp: TcpStream,
    options: Options,
    setting: Setting,
) -> Result<WebSocket<TcpStream>> {
    handshake::answer(&mut tcp, setting).await?;
    WebSocket::from_stream_with_extensions(tcp, Role::Server, setting.offer(), options)
}

fn is_wanted(frame: &Frame) -> bool {
    matches!(frame.opcode(), OpCode::Text | OpCode::Binary)
}
