//! What a build without features says: `cargo test --manifest-path tests/lean/Cargo.toml`.

#![cfg(test)]

use std::time::Duration;

use bowline::{Client, Error, Message, UsageError, client, server};
use tokio::{net::TcpListener, time::timeout};

/// Never plain text in its place.
#[tokio::test]
async fn wss_without_tls_is_refused_before_anything_is_dialled() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let refused = client::connect(format!("wss://{address}/")).await.map(drop);
    assert!(matches!(refused, Err(Error::Usage(UsageError::TlsNotAvailable))), "{refused:?}");
    let nobody = timeout(Duration::from_millis(100), listener.accept()).await;
    assert!(nobody.is_err(), "somebody was dialled");
}

#[tokio::test]
async fn ws_needs_no_feature() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let uri = format!("ws://user:secret@{}/", listener.local_addr().expect("an address"));
    let serve = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.expect("a connection");
        let pending = server::Server::new().receive(tcp).await.expect("a request");
        let user = pending.headers()["authorization"].clone();
        let mut ws = pending.accept().await.expect("open");
        ws.send("welcome").await.expect("open");
        while ws.next().await.is_some() {}
        user
    });
    let (mut ws, _) = Client::new(uri).expect("a URI").connect().await.expect("connected");
    let welcome = ws.next().await.expect("a message").expect("no error");
    assert_eq!(welcome, Message::text("welcome"));
    ws.close(1000, "").await.expect("closed");
    assert_eq!(serve.await.expect("the server"), "Basic dXNlcjpzZWNyZXQ=");
}
