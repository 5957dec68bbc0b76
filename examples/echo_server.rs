//! Echoes every message: `cargo run --release --example echo_server -- 127.0.0.1:9001 [--deflate]`.
//!
//! `--deflate` compresses for the clients that offer it. The loop is the README's. Replies are fed, not
//! sent, so that a burst is answered with one write.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::{env, sync::Arc};

use bowline::{Config, Deflate, Error, Message, Server};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let (flags, addresses): (Vec<_>, Vec<_>) =
        env::args().skip(1).partition(|word| word.starts_with('-'));
    let address = addresses.first().map_or("127.0.0.1:9001", String::as_str);
    let listener = TcpListener::bind(address).await?;
    println!("echo_server: ws://{}/", listener.local_addr()?);

    // Autobahn sends messages of 16 MiB in one frame and more.
    let config = Config::new().with_max_frame_size(64 << 20).with_max_message_size(64 << 20);
    let mut server = Server::new().config(Arc::new(config));
    if flags.iter().any(|flag| flag == "--deflate") {
        server = server.deflate(Deflate::new());
    }
    loop {
        let (tcp, peer) = listener.accept().await?;
        let server = server.clone();
        tokio::spawn(async move {
            match echo(server, tcp).await {
                Err(error) if !error.is_disconnect() => println!("{peer}: {error}"),
                _ => {}
            }
        });
    }
}

async fn echo(server: Server, tcp: TcpStream) -> Result<(), Error> {
    tcp.set_nodelay(true)?;
    let mut ws = server.receive(tcp).await?.accept().await?;
    while let Some(message) = ws.next().await {
        match message? {
            Message::Text(text) => ws.feed(text).await?,
            Message::Binary(bytes) => ws.feed(bytes).await?,
            // Pings are answered and a Close is replied to by the time they get here.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => {}
        }
    }
    Ok(())
}
