//! tokio-tungstenite: the loops of its docs and examples.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Result, protocol::Role, protocol::WebSocketConfig},
};

use super::{MAX_MESSAGE_BYTES, forward::forward, handshake};
use crate::setting::Setting;

/// Of both buffers: what its docs recommend "where you expect a lot of connections".
const SMALL_BUFFER: usize = 4 << 10;

/// Its default buffers, of 128 KiB each.
pub(super) fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES))
}

/// For many connections.
pub(super) fn small() -> WebSocketConfig {
    config().read_buffer_size(SMALL_BUFFER).write_buffer_size(SMALL_BUFFER)
}

pub(super) async fn echo<T>(io: T, config: WebSocketConfig) -> Result<()>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut ws = open(io, config).await?;
    while let Some(message) = ws.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            ws.send(message).await?;
        }
    }
    Ok(())
}

pub(super) async fn echo_by_forward<T>(io: T) -> Result<()>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let ws = open(io, config()).await?;
    forward(ws, |message| message.is_text() || message.is_binary()).await
}

async fn open<T>(mut io: T, config: WebSocketConfig) -> Result<WebSocketStream<T>>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    handshake::answer(&mut io, Setting::Off).await?;
    Ok(WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await)
}
