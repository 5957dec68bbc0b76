//! websocket-codec: a loop on tokio-util's `Framed`. It answers no pings by itself.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_util::codec::{Decoder as _, Framed};
use websocket_codec::{Message, MessageCodec, Opcode, Result};

use super::{forward::forward, handshake};
use crate::setting::Setting;

pub(super) async fn echo(tcp: TcpStream) -> Result<()> {
    let mut ws = open(tcp).await?;
    while let Some(message) = ws.next().await {
        let message = message?;
        match message.opcode() {
            Opcode::Text | Opcode::Binary => ws.send(message).await?,
            Opcode::Ping => ws.send(Message::pong(message.into_data())).await?,
            Opcode::Pong => {}
            Opcode::Close => return Ok(()),
        }
    }
    Ok(())
}

pub(super) async fn echo_by_forward(tcp: TcpStream) -> Result<()> {
    let is_wanted = |message: &Message| !message.opcode().is_control();
    forward(open(tcp).await?, is_wanted).await
}

async fn open(mut tcp: TcpStream) -> Result<Framed<TcpStream, MessageCodec>> {
    handshake::answer(&mut tcp, Setting::Off).await?;
    Ok(MessageCodec::server().framed(tcp))
}
