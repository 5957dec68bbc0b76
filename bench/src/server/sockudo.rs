//! sockudo-ws: the echo loop of its examples, and the same by `forward`.

use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use sockudo_ws::{
    CompressedWebSocketStream, Config, Error, Message, WebSocketStream, deflate::DeflateConfig,
};
use tokio::net::TcpStream;

use super::{MAX_MESSAGE_BYTES, forward::forward, handshake};
use crate::setting::Setting;

pub(super) async fn echo(mut tcp: TcpStream, setting: Setting) -> Result<(), Error> {
    handshake::answer(&mut tcp, setting).await?;
    if setting == Setting::Off {
        return echo_messages(WebSocketStream::server(tcp, config())).await;
    }
    let dropped = setting == Setting::Dropped;
    let deflate = DeflateConfig {
        server_no_context_takeover: dropped,
        client_no_context_takeover: dropped,
        compression_level: 6,
        ..DeflateConfig::default()
    };
    echo_messages(CompressedWebSocketStream::server(tcp, Config::default(), deflate)).await
}

pub(super) async fn echo_by_forward(mut tcp: TcpStream) -> Result<(), Error> {
    handshake::answer(&mut tcp, Setting::Off).await?;
    let is_wanted = |message: &Message| matches!(message, Message::Text(_) | Message::Binary(_));
    forward(WebSocketStream::server(tcp, config()), is_wanted).await
}

pub(super) fn config() -> Config {
    Config::builder().max_payload_length(MAX_MESSAGE_BYTES).build()
}

async fn echo_messages<W>(mut ws: W) -> Result<(), Error>
where
    W: Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error> + Unpin,
{
    while let Some(message) = ws.next().await {
        match message? {
            message @ (Message::Text(_) | Message::Binary(_)) => ws.send(message).await?,
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Close(_) => break,
        }
    }
    Ok(())
}
