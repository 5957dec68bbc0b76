//! tokio-websockets: the loop of its example, and the same by `forward`.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_websockets::{Config, Error, Limits, ServerBuilder, WebSocketStream};

use super::{forward::forward, handshake};
use crate::setting::Setting;

pub(super) async fn echo<T>(io: T) -> Result<(), Error>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut ws = open(io).await?;
    while let Some(message) = ws.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            ws.send(message).await?;
        }
    }
    Ok(())
}

pub(super) async fn echo_by_forward<T>(io: T) -> Result<(), Error>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    forward(open(io).await?, |message| message.is_text() || message.is_binary()).await
}

/// As its example is set.
async fn open<T>(mut io: T) -> Result<WebSocketStream<T>, Error>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    handshake::answer(&mut io, Setting::Off).await?;
    let server = ServerBuilder::new()
        .config(Config::default().frame_size(usize::MAX))
        .limits(Limits::unlimited());
    Ok(server.serve(io))
}
