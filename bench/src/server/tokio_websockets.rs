//! tokio-websockets: the loop of its example, and the same by `forward`.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_websockets::{Config, Error, Limits, ServerBuilder, WebSocketStream};

use super::{forward::forward, handshake};
use crate::setting::Setting;

pub(super) async fn echo(tcp: TcpStream) -> Result<(), Error> {
    let mut ws = open(tcp).await?;
    while let Some(message) = ws.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            ws.send(message).await?;
        }
    }
    Ok(())
}

pub(super) async fn echo_by_forward(tcp: TcpStream) -> Result<(), Error> {
    forward(open(tcp).await?, |message| message.is_text() || message.is_binary()).await
}

/// As its example is set.
async fn open(mut tcp: TcpStream) -> Result<WebSocketStream<TcpStream>, Error> {
    handshake::answer(&mut tcp, Setting::Off).await?;
    let server = ServerBuilder::new()
        .config(Config::default().frame_size(usize::MAX))
        .limits(Limits::unlimited());
    Ok(server.serve(tcp))
}
