//! bowline: the loop of its README.

use bowline::{ContextTakeover, Deflate, Error, Message};
use tokio::net::TcpStream;

use crate::setting::Setting;

/// Made once, for all connections.
pub(super) fn server(setting: Setting) -> bowline::Server {
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

pub(super) async fn echo(tcp: TcpStream, server: bowline::Server) -> Result<(), Error> {
    let mut ws = server.receive(tcp).await?.accept().await?;
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
