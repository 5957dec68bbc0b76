//! bowline's codecs on tokio-util's `Framed`, as in its example `codecs`: what is to be answered the loop answers.

use std::io;

use bowline::{Error, FrameCodec, HandshakeCodec, Message, MessageCodec, Request};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_util::codec::Framed;

use super::forward::forward;

pub(super) async fn echo(tcp: TcpStream) -> Result<(), Error> {
    let mut messages = open(tcp).await?;
    while let Some(message) = messages.next().await {
        match message? {
            message @ (Message::Text(_) | Message::Binary(_)) => messages.send(message).await?,
            Message::Ping(payload) => messages.send(Message::Pong(payload)).await?,
            Message::Pong(_) => {}
            Message::Close(frame) => return messages.send(Message::Close(frame)).await,
        }
    }
    Ok(())
}

pub(super) async fn echo_by_forward(tcp: TcpStream) -> Result<(), Error> {
    forward(open(tcp).await?, Message::is_data).await
}

/// In a box, so that the task of an open connection has no room for what this needs.
async fn open(tcp: TcpStream) -> Result<Framed<TcpStream, MessageCodec>, Error> {
    Box::pin(async {
        let mut http = Framed::new(tcp, HandshakeCodec::server());
        let Some(Request::WebSocket(offer)) = http.next().await.transpose()? else {
            return Err(io::Error::other("the load asks for a WebSocket, and this is none").into());
        };
        http.send(offer.accept()).await?;
        Ok(http.map_codec(FrameCodec::from).map_codec(MessageCodec::from))
    })
    .await
}
