//! What a build without features says, or with few: `cargo test --manifest-path tests/lean/Cargo.toml [--features ..]`.

#![cfg(test)]

use std::time::Duration;

use bowline::{Client, Error, Message, UsageError, client, server};
use tokio::{net::TcpListener, time::timeout};

const HAS_PROVIDER: bool = cfg!(any(feature = "rustls-aws-lc-rs", feature = "rustls-ring"));

/// What `wss` lacks here.
const MISSING: Option<UsageError> = match (HAS_PROVIDER, cfg!(feature = "webpki-roots")) {
    (false, false) => Some(UsageError::TlsNotAvailable),
    (true, true) => None,
    _ => Some(UsageError::TlsNotConfigured),
};

/// Never plain text in its place.
#[tokio::test]
async fn wss_without_tls_is_refused_before_anything_is_dialled() {
    let Some(missing) = MISSING else { return };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let refused = client::connect(format!("wss://{address}/")).await.map(drop);
    assert!(matches!(refused, Err(Error::Usage(error)) if error == missing));
    let nobody = timeout(Duration::from_millis(100), listener.accept()).await;
    assert!(nobody.is_err(), "somebody was dialled");
}

#[tokio::test]
async fn wss_with_tls_is_no_plain_text() {
    if MISSING.is_some() {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let serve = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.expect("a connection");
        server::accept(tcp).await.map(drop)
    });
    let refused = client::connect(format!("wss://{address}/")).await.map(drop);
    let Err(error @ Error::Connect(_)) = refused else { panic!("{refused:?}") };
    assert!(error.to_string().starts_with("the server's answer is no TLS"), "{error}");
    assert!(serve.await.expect("the server").is_err(), "that was a request");
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
