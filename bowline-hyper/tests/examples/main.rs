//! The examples as a user runs them: processes, with ports, signals and exit statuses.

#![allow(clippy::unwrap_used)]

mod both;
mod chat;
mod dwebsocket;
mod layer;
#[path = "../../../tests/support/program.rs"]
mod program;

use bowline::{Client, CloseCode, CloseFrame, Message, WebSocket, client::Stream};
use bowline_hyper::{Http2, Io};
use http::StatusCode;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};

use program::{Service, run, within};

async fn start(name: &str) -> Service {
    Service::start(name, "listening on http://").await
}

fn client(service: &Service, path: &str) -> Client {
    Client::new(format!("ws://{}{path}", service.address)).unwrap()
}

async fn connect(service: &Service, path: &str) -> WebSocket<Stream> {
    within(client(service, path).connect()).await.unwrap().0
}

/// A WebSocket over HTTP/2.
async fn connect_h2(service: &Service, path: &str) -> WebSocket<Io> {
    within(async {
        let tcp = TcpStream::connect(&service.address).await.unwrap();
        let mut http2 = Http2::handshake(tcp).await.unwrap();
        http2.connect(client(service, path)).await.unwrap().0
    })
    .await
}

/// The status that a request for a WebSocket is refused with.
async fn refusal(client: Client) -> StatusCode {
    let error = within(client.connect()).await.err().unwrap();
    error.refusal().unwrap_or_else(|| panic!("{error}")).status()
}

/// The status and the body of a plain GET.
async fn get(service: &Service, path: &str) -> (u16, String) {
    within(async {
        let mut tcp = TcpStream::connect(&service.address).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        tcp.write_all(head.as_bytes()).await.unwrap();
        let mut response = String::new();
        tcp.read_to_string(&mut response).await.unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    })
    .await
}

/// The next text.
async fn text<T: AsyncRead + AsyncWrite + Unpin>(ws: &mut WebSocket<T>) -> String {
    let message = within(ws.next()).await.unwrap().unwrap();
    message.as_text().unwrap_or_else(|| panic!("{message:?}")).to_owned()
}

/// The Close that comes next, and the end behind it.
async fn close<T: AsyncRead + AsyncWrite + Unpin>(ws: &mut WebSocket<T>) -> CloseFrame {
    let message = within(ws.next()).await.unwrap().unwrap();
    let Message::Close(Some(frame)) = message else { panic!("{message:?}") };
    assert!(within(ws.next()).await.is_none());
    frame
}

#[tokio::test]
async fn each_says_how_it_is_called() {
    for (name, bad) in [
        ("axum_both", &["127.0.0.1:0", "example.com"][..]),
        ("axum_both", &["--port"]),
        ("axum_chat", &["a", "b"]),
        ("axum_chat", &["--nats"]),
        ("axum_chat", &["--port"]),
        ("dwebsocket", &["a", "b"]),
        ("dwebsocket", &["--port"]),
        ("tower_layer", &["a", "b"]),
        ("tower_layer", &["--port"]),
    ] {
        let run = run(name, bad, "").await;
        run.assert_status(2);
        run.assert_complains(&format!("usage: {name} [ADDR]"));
    }
}

#[tokio::test]
async fn each_says_where_it_can_not_listen() {
    for name in ["axum_both", "axum_chat", "dwebsocket", "tower_layer"] {
        let run = run(name, &["nowhere"], "").await;
        run.assert_status(1);
        run.assert_complains(&format!("{name}: nowhere: "));
    }
}
