//! WebSockets in front of any tower service, here one without a framework:
//! `cargo run -p bowline-hyper --example tower_layer [ADDR]`.
//!
//! The service answers every request with a line of text and knows nothing of WebSockets. The layer takes those, at any
//! path, over HTTP/1.1 and HTTP/2, and sends back whatever it is sent.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::{convert::Infallible, env, io, process::ExitCode};

use bowline::{Error, Message, WebSocket};
use bowline_hyper::{Io, Options, WebSocketLayer};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::net::TcpListener;
use tower::{ServiceBuilder, service_fn};

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let address = match &words[..] {
        [] => "127.0.0.1:8080",
        [address] if !address.starts_with('-') => address,
        _ => {
            eprintln!("usage: tower_layer [ADDR]");
            return ExitCode::from(2);
        }
    };
    match run(address).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tower_layer: {address}: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(address: &str) -> io::Result<()> {
    let sockets = WebSocketLayer::new(Options::new().protocols(["echo"]), echo);
    let service = ServiceBuilder::new().layer(sockets).service(service_fn(hello));

    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (tcp, peer) = listener.accept().await?;
        let _ = tcp.set_nodelay(true);
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(async move {
            let mut builder = auto::Builder::new(TokioExecutor::new());
            // For WebSockets over HTTP/2.
            builder.http2().enable_connect_protocol();
            let connection = builder.serve_connection_with_upgrades(TokioIo::new(tcp), service);
            if let Err(error) = connection.await {
                eprintln!("tower_layer: {peer}: {error}");
            }
        });
    }
}

async fn hello(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let text = format!("{} {} is no WebSocket\n", request.method(), request.uri().path());
    Ok(Response::new(text.into()))
}

async fn echo(mut ws: WebSocket<Io>, head: Request<()>) -> Result<(), Error> {
    ws.feed(format!("this is {}", head.uri().path())).await?;
    while let Some(message) = ws.next().await {
        match message? {
            Message::Text(text) => ws.feed(text).await?,
            Message::Binary(bytes) => ws.feed(bytes).await?,
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => {}
        }
    }
    Ok(())
}
