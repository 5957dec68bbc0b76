//! Echoes every message: `cargo run --release --example echo_server -- 127.0.0.1:9001 [--deflate] [--tls CERT.pem KEY.pem]`.
//!
//! `--deflate` compresses for the clients that offer it, and with `--tls` it is `wss`. The loop is the README's. Replies
//! are fed, not sent, so that a burst is answered with one write.

#![allow(clippy::print_stdout, clippy::print_stderr)]

#[path = "tls/server.rs"]
mod tls;

use std::{env, error, process::ExitCode, sync::Arc};

use bowline::{Config, Deflate, Error, Message, Server};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

const USAGE: &str = "usage: echo_server [ADDRESS:PORT] [--deflate] [--tls CERT.pem KEY.pem]";

struct Arguments {
    address: String,
    server: Server,
    tls: Option<(String, String)>,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Option<Self> {
        // Autobahn sends messages of 16 MiB in one frame and more.
        let config = Config::new().with_max_frame_size(64 << 20).with_max_message_size(64 << 20);
        let server = Server::new().config(Arc::new(config));
        let mut arguments = Self { address: "127.0.0.1:9001".into(), server, tls: None };
        while let Some(word) = words.next() {
            match word.as_str() {
                "--deflate" => arguments.server = arguments.server.deflate(Deflate::new()),
                "--tls" => arguments.tls = Some((words.next()?, words.next()?)),
                _ if word.starts_with('-') => return None,
                _ => arguments.address = word,
            }
        }
        Some(arguments)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(arguments) = Arguments::parse(env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("echo_server: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn error::Error>> {
    let acceptor = match &arguments.tls {
        Some((certificate, key)) => Some(tls::acceptor(certificate, key)?),
        None => None,
    };
    let listener = TcpListener::bind(&arguments.address).await?;
    let scheme = if acceptor.is_some() { "wss" } else { "ws" };
    println!("echo_server: {scheme}://{}/", listener.local_addr()?);
    loop {
        let (tcp, peer) = listener.accept().await?;
        let (server, acceptor) = (arguments.server.clone(), acceptor.clone());
        tokio::spawn(async move {
            match echo(server, tcp, acceptor).await {
                Err(error) if !error.is_disconnect() => println!("{peer}: {error}"),
                _ => {}
            }
        });
    }
}

async fn echo(server: Server, tcp: TcpStream, acceptor: Option<TlsAcceptor>) -> Result<(), Error> {
    tcp.set_nodelay(true)?;
    let io = tls::accept(tcp, acceptor).await?;
    let mut ws = server.receive(io).await?.accept().await?;
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
