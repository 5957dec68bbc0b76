//! Pings of a reconnecting WebSocket.

#[path = "support/reconnect.rs"]
mod support;

use bowline::WebSocket;
use futures_util::future::join3;
use support::{Server, connected, failed, next, soon};

#[tokio::test]
async fn a_ping_is_answered_where_there_is_a_connection() {
    let server = Server::bind().await;
    let mut ws = server.reconnecting().websocket();
    assert_eq!(failed(ws.ping().await), "Usage(NotConnected)");
    let (mut ws, mut far) = connected(&server, ws).await;
    let round_trip = ws.ping();
    let peer = async {
        soon(far.next()).await;
        far.flush().await
    };
    let (answered, event, flushed) = join3(soon(round_trip), next(&mut ws), peer).await;
    flushed.expect("open");
    let took = answered.expect("answered");
    assert!(event.starts_with("Pong"), "{event}");
    assert_eq!(ws.connection().and_then(WebSocket::round_trip), Some(took));

    let round_trip = ws.ping();
    drop(far);
    assert_eq!(next(&mut ws).await, "broken, 0 unsent, again");
    assert!(soon(round_trip).await.expect_err("nobody is there").is_disconnect());
}
