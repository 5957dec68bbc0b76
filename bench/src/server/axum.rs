//! axum's server, with bowline-hyper and with axum's own WebSocket.

use std::io;

use ::axum::{
    Error, Router,
    extract::ws,
    routing::{MethodRouter, any},
    serve::ListenerExt as _,
};
use bowline_hyper::axum::WebSocketUpgrade;
use tokio::net::TcpListener;

use super::bowline;

/// bowline's loop behind axum.
pub(super) async fn serve(listener: TcpListener) -> io::Result<()> {
    let upgrade = async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(bowline::echo_messages);
    serve_route(listener, any(upgrade)).await
}

/// The loop of its docs on its own WebSocket.
pub(super) async fn serve_own(listener: TcpListener) -> io::Result<()> {
    let upgrade = async |upgrade: ws::WebSocketUpgrade| {
        upgrade.on_upgrade(async |socket| {
            // How it ends is not reported, as elsewhere here.
            let _ = echo(socket).await;
        })
    };
    serve_route(listener, any(upgrade)).await
}

async fn echo(mut socket: ws::WebSocket) -> Result<(), Error> {
    while let Some(message) = socket.recv().await {
        let message = message?;
        if matches!(message, ws::Message::Text(_) | ws::Message::Binary(_)) {
            socket.send(message).await?;
        }
    }
    Ok(())
}

async fn serve_route(listener: TcpListener, route: MethodRouter) -> io::Result<()> {
    let listener = listener.tap_io(|tcp| {
        // Fails only where the connection has ended already.
        let _ = tcp.set_nodelay(true);
    });
    ::axum::serve(listener, Router::new().route("/", route)).await
}
