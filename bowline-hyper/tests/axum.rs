//! The extractor in an axum `Router`, over HTTP/1.1 and HTTP/2, without a port.

#[path = "support/served.rs"]
mod served;

use axum::{Router, response::Response, routing::any};
use bowline::{Client, Message};
use bowline_hyper::{axum::WebSocketUpgrade, test};
use served::echo;

fn app() -> Router {
    async fn handler(upgrade: WebSocketUpgrade) -> Response {
        upgrade.protocols(["b", "a"]).on_upgrade(echo)
    }
    Router::new().route("/echo", any(handler))
}

#[tokio::test]
async fn echo_over_http1() {
    let client = Client::new("ws://localhost/echo").unwrap().subprotocols(["a", "b"]);
    let (mut ws, response) = test::connect(app(), client).await.unwrap();
    assert_eq!(response.status(), 101);
    assert_eq!(ws.subprotocol(), Some("b"));
    ws.send("hello").await.unwrap();
    assert_eq!(ws.next().await.unwrap().unwrap(), Message::text("hello"));
    ws.close(1000, "bye").await.unwrap();
}

#[tokio::test]
async fn echo_over_http2() {
    let client = Client::new("ws://localhost/echo").unwrap().subprotocols(["a", "b"]);
    let (mut ws, response) = test::connect_h2(app(), client).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(ws.subprotocol(), Some("b"));
    ws.send("hello").await.unwrap();
    assert_eq!(ws.next().await.unwrap().unwrap(), Message::text("hello"));
    let large = vec![7; 1 << 20];
    ws.send(large.clone()).await.unwrap();
    assert_eq!(ws.next().await.unwrap().unwrap(), Message::binary(large));
    ws.close(1000, "bye").await.unwrap();
}
