//! yawc: the echo loop of its docs.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use yawc::{CompressionLevel, DeflatePool, OpCode, Options, Result, Role, WebSocket};

use super::handshake;
use crate::setting::Setting;

/// Made once: its connections share the pool.
pub(super) fn options(setting: Setting) -> Options {
    let options = Options::default().with_compression_level(CompressionLevel::new(6)).with_utf8();
    match setting {
        Setting::Dropped => options
            .server_no_context_takeover()
            .client_no_context_takeover()
            .with_deflate_pool(DeflatePool::new(1)),
        _ => options,
    }
}

pub(super) async fn echo(mut tcp: TcpStream, options: Options, setting: Setting) -> Result<()> {
    handshake::answer(&mut tcp, setting).await?;
    let extensions = setting.offer();
    let mut ws = WebSocket::from_stream_with_extensions(tcp, Role::Server, extensions, options)?;
    while let Some(frame) = ws.next().await {
        match frame.opcode() {
            OpCode::Text | OpCode::Binary => ws.send(frame).await?,
            _ => {}
        }
    }
    Ok(())
}
