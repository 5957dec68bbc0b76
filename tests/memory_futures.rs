//! What a task costs that runs the README's loops: a future keeps room for whatever it has ever held across
//! an `await`, for as long as it lives.

use std::mem::size_of;

use bowline::{Client, Error, Message, Server, WebSocket};
use tokio::net::TcpStream;

async fn one_step(tcp: TcpStream) -> Result<(), Error> {
    echo(bowline::server::accept(tcp).await?).await
}

async fn two_steps(server: Server, tcp: TcpStream) -> Result<(), Error> {
    let pending = server.receive(tcp).await?;
    echo(pending.choose_subprotocol(["chat"]).accept().await?).await
}

async fn client(client: Client, tcp: TcpStream) -> Result<(), Error> {
    echo(client.handshake(tcp).await?.0).await
}

async fn echo(mut ws: WebSocket<TcpStream>) -> Result<(), Error> {
    while let Some(message) = ws.next().await {
        match message? {
            Message::Text(text) => ws.feed(text).await?,
            Message::Binary(bytes) => ws.feed(bytes).await?,
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => {}
        }
    }
    Ok(())
}

/// The future that such a function makes; none is.
fn size<F>(_: impl FnOnce(TcpStream) -> F) -> usize {
    size_of::<F>()
}

#[test]
fn a_task_is_small() {
    let plain = size(one_step);
    assert!(plain <= 304, "{plain} bytes for accept and the loop");
    let pending = size(|tcp| two_steps(Server::new(), tcp));
    assert!(pending <= 368, "{pending} bytes for receive, accept and the loop");
    let outgoing = size(|tcp| client(Client::new("ws://localhost/").expect("valid"), tcp));
    assert!(outgoing <= 704, "{outgoing} bytes for a client's handshake and the loop");
    assert_eq!(size_of::<WebSocket<TcpStream>>(), size_of::<usize>());
}
