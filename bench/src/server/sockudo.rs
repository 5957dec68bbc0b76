//! sockudo-ws: the echo loop of its examples on its compressed stream.

use futures_util::{SinkExt as _, StreamExt as _};
use sockudo_ws::{CompressedWebSocketStream, Config, Error, Message, deflate::DeflateConfig};
use tokio::net::TcpStream;

use super::handshake;
use crate::setting::Setting;

pub(super) async fn echo(mut tcp: TcpStream, setting: Setting) -> Result<(), Error> {
    handshake::answer(&mut tcp, setting).await?;
    let dropped = setting == Setting::Dropped;
    let deflate = DeflateConfig {
        server_no_context_takeover: dropped,
        client_no_context_takeover: dropped,
        compression_level: 6,
        ..DeflateConfig::default()
    };
    let mut ws = CompressedWebSocketStream::server(tcp, Config::default(), deflate);
    while let Some(message) = ws.next().await {
        match message? {
            message @ (Message::Text(_) | Message::Binary(_)) => ws.send(message).await?,
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Close(_) => break,
        }
    }
    Ok(())
}
