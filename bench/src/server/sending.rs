//! Clients that send, each in place of a server: the load connects to it, and neither end speaks an opening handshake.
//!
//! The first connection is the load's control, each byte of which asks for one message. They are sent on the second.

use std::{error::Error, io};

use ::bowline::{Config, Role, WebSocket};
use ::fastwebsockets::{Frame, Payload};
use ::tokio_websockets::ClientBuilder;
use ::websocket_codec::MessageCodec;
use bytes::Bytes;
use futures_util::SinkExt as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufStream},
    net::TcpStream,
    task::unconstrained,
};
use tokio_tungstenite::{WebSocketStream, tungstenite};
use tokio_util::{codec::Decoder as _, compat::TokioAsyncReadCompatExt as _};

use super::{Server, sockudo, yawc};
use crate::{load, payload};

/// What asks for messages is read this many at once.
const ASKED: usize = 64;

/// Runs a client that sends messages of so many bytes until it is ended from outside. Prints its port first.
pub(crate) fn serve(server: Server, message_bytes: usize) -> io::Result<()> {
    super::run(async |listener| {
        let (control, _) = listener.accept().await?;
        let (tcp, _) = listener.accept().await?;
        tcp.set_nodelay(true)?;
        let message = Bytes::from(payload::json(message_bytes));
        match server {
            Server::Raw => send_raw(control, tcp, &message).await,
            Server::Bowline => {
                let mut ws = WebSocket::new(tcp, Role::Client, Config::default());
                on_demand(control, async || ws.send(message.clone()).await).await
            }
            _ => send_by_peer(server, control, tcp, message).await,
        }
    })
}

/// The floor: the same frame each time, encoded and masked beforehand.
async fn send_raw(control: TcpStream, mut tcp: TcpStream, message: &[u8]) -> io::Result<()> {
    let frame = load::frame(0x82, message);
    on_demand(control, async || tcp.write_all(&frame).await).await
}

/// As their clients send, and set as where they serve.
async fn send_by_peer(
    server: Server,
    control: TcpStream,
    tcp: TcpStream,
    message: Bytes,
) -> io::Result<()> {
    match server {
        Server::Tungstenite => {
            let role = tungstenite::protocol::Role::Client;
            let mut ws = WebSocketStream::from_raw_socket(tcp, role, None).await;
            let message = || tungstenite::Message::Binary(message.clone());
            on_demand(control, async || ws.send(message()).await).await
        }
        Server::FastWebSockets => {
            let role = ::fastwebsockets::Role::Client;
            let mut ws = ::fastwebsockets::WebSocket::after_handshake(tcp, role);
            let frame = || Frame::binary(Payload::Borrowed(&message));
            unconstrained(on_demand(control, async || ws.write_frame(frame()).await)).await
        }
        Server::TokioWebSockets => {
            let mut ws = ClientBuilder::new().take_over(tcp);
            let message = || ::tokio_websockets::Message::binary(message.clone());
            unconstrained(on_demand(control, async || ws.send(message()).await)).await
        }
        Server::Soketto => {
            let io = BufStream::new(tcp).compat();
            let builder = ::soketto::connection::Builder::new(io, ::soketto::Mode::Client);
            let mut sender = builder.finish().0;
            let send = async || {
                sender.send_binary(&message).await?;
                sender.flush().await
            };
            on_demand(control, send).await
        }
        Server::WebSocketCodec => {
            let mut ws = MessageCodec::client().framed(tcp);
            let message = || ::websocket_codec::Message::binary(message.clone());
            on_demand(control, async || ws.send(message()).await).await
        }
        Server::YawcTuned => {
            let role = ::yawc::Role::Client;
            let ws = ::yawc::WebSocket::from_stream(tcp, role, yawc::tuned());
            let mut ws = ws.map_err(io::Error::other)?;
            let frame = || ::yawc::Frame::binary(message.clone());
            on_demand(control, async || ws.send(frame()).await).await
        }
        Server::Sockudo => {
            let mut ws = sockudo_ws::WebSocketStream::client(tcp, sockudo::config());
            let message = || sockudo_ws::Message::Binary(message.clone());
            on_demand(control, async || ws.send(message()).await).await
        }
        other => Err(io::Error::other(format!("{}: does not send", other.name()))),
    }
}

/// Sends as many messages as are asked for, until nobody asks any more.
async fn on_demand<E>(
    mut control: TcpStream,
    mut send: impl AsyncFnMut() -> Result<(), E>,
) -> io::Result<()>
where
    E: Into<Box<dyn Error + Send + Sync>>,
{
    loop {
        let asked = control.read(&mut [0; ASKED]).await?;
        if asked == 0 {
            return Ok(());
        }
        for _ in 0..asked {
            send().await.map_err(io::Error::other)?;
        }
    }
}
