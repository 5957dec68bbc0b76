//! bowline: the loop of its README, on the whole connection and on its halves.

use bowline::{ContextTakeover, Deflate, Error, Message, WebSocket};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::mpsc,
};

use super::forward::forward;
use crate::setting::Setting;

/// Messages between two tasks.
const CHANNEL: usize = 64;

/// Made once, for all connections.
pub(super) fn server(setting: Setting) -> &'static bowline::Server {
    Box::leak(Box::new(configured(setting)))
}

fn configured(setting: Setting) -> bowline::Server {
    let both = |takeover| {
        Deflate::new()
            .with_level(6)
            .with_server_context_takeover(takeover)
            .with_client_context_takeover(takeover)
    };
    let server = bowline::Server::new();
    match setting {
        Setting::Off => server,
        Setting::Default => server.deflate(Deflate::new()),
        Setting::LowMemory => server.deflate(Deflate::low_memory()),
        Setting::Dropped => server.deflate(both(ContextTakeover::Dropped)),
        Setting::Kept => server.deflate(both(ContextTakeover::Kept)),
    }
}

/// The loop in the task itself, as most have it: by way of [`echo_messages`] the task would be a size larger, as it keeps room
/// for what passes from one function to the other.
pub(super) async fn echo<T>(io: T, server: &bowline::Server) -> Result<(), Error>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut ws = server.receive(io).await?.accept().await?;
    while let Some(message) = ws.next().await {
        match message? {
            Message::Text(text) => ws.feed(text).await?,
            Message::Binary(bytes) => ws.feed(bytes).await?,
            Message::Ping(_) | Message::Pong(_) => {} // answered already
            Message::Close(_) => {}                   // replied to already
        }
    }
    Ok(())
}

/// With `send` in place of `feed`: each reply is written at once.
pub(super) async fn echo_by_send<T>(io: T, server: &bowline::Server) -> Result<(), Error>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut ws = server.receive(io).await?.accept().await?;
    while let Some(message) = ws.next().await {
        let message = message?;
        if is_wanted(&message) {
            ws.send(message).await?;
        }
    }
    Ok(())
}

pub(super) async fn echo_by_forward(tcp: TcpStream, server: &bowline::Server) -> Result<(), Error> {
    forward(server.receive(tcp).await?.accept().await?, is_wanted).await
}

/// Without a server that is made once.
pub(super) async fn echo_as_in_readme(tcp: TcpStream) -> Result<(), Error> {
    echo_messages(bowline::server::accept(tcp).await?).await
}

/// The same loop on a WebSocket that somebody else has opened.
pub(super) async fn echo_messages<T>(mut ws: WebSocket<T>) -> Result<(), Error>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = ws.next().await {
        match message? {
            Message::Text(text) => ws.feed(text).await?,
            Message::Binary(bytes) => ws.feed(bytes).await?,
            Message::Ping(_) | Message::Pong(_) => {} // answered already
            Message::Close(_) => {}                   // replied to already
        }
    }
    Ok(())
}

/// The same loop on the halves.
pub(super) async fn echo_by_halves(tcp: TcpStream, server: &bowline::Server) -> Result<(), Error> {
    let ws = server.receive(tcp).await?.accept().await?;
    let (mut reader, mut writer) = ws.split();
    while let Some(message) = reader.next().await {
        match message? {
            Message::Text(text) => writer.feed(text).await?,
            Message::Binary(bytes) => writer.feed(bytes).await?,
            Message::Ping(_) | Message::Pong(_) => {} // answered already
            Message::Close(_) => {}                   // replied to already
        }
    }
    Ok(())
}

/// The reader in this task, the writer in another.
pub(super) async fn echo_by_tasks(tcp: TcpStream, server: &bowline::Server) -> Result<(), Error> {
    let ws = server.receive(tcp).await?.accept().await?;
    let (mut reader, mut writer) = ws.split();
    let (sender, mut receiver) = mpsc::channel::<Message>(CHANNEL);
    tokio::spawn(async move {
        while let Some(message) = receiver.recv().await {
            writer.feed(message).await?;
        }
        Ok::<(), Error>(())
    });
    while let Some(message) = reader.next().await {
        let message = message?;
        if is_wanted(&message) && sender.send(message).await.is_err() {
            break; // the writer has failed, and so has the connection
        }
    }
    Ok(())
}

fn is_wanted(message: &Message) -> bool {
    matches!(message, Message::Text(_) | Message::Binary(_))
}
