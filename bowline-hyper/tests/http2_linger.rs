//! The end of a stream of HTTP/2, which is left a quarter of a second after both Closes: nothing is lost by it.

#[path = "support/served.rs"]
mod served;

use std::{future::Future, time::Duration};

use axum::{Router, routing::any};
use bowline::{CloseCode, CloseFrame, Config, Message, WebSocket};
use bowline_hyper::{Http2, Io, Outcome, axum::WebSocketUpgrade};
use futures_util::SinkExt;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use served::echo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    sync::{mpsc, watch},
    time::sleep,
};
use tokio_util::codec::Framed;

fn app<F, Fut>(handler: F) -> Router
where
    F: Fn(WebSocket<Io>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output: Outcome> + Send + 'static,
{
    let route = move |upgrade: WebSocketUpgrade| {
        let handler = handler.clone();
        async move { upgrade.on_upgrade(handler) }
    };
    Router::new().route("/", any(route))
}

/// Copies from the server to the client while it may.
async fn gated(mut from: DuplexStream, mut to: DuplexStream, mut open: watch::Receiver<bool>) {
    let (mut from_read, mut from_write) = tokio::io::split(&mut from);
    let (mut to_read, mut to_write) = tokio::io::split(&mut to);
    let down = async {
        let mut buffer = [0; 4096];
        loop {
            open.wait_for(|open| *open).await.expect("somebody opens it");
            let read = from_read.read(&mut buffer).await.expect("read");
            if read == 0 {
                break;
            }
            open.wait_for(|open| *open).await.expect("somebody opens it");
            to_write.write_all(&buffer[..read]).await.expect("written");
        }
    };
    let up = async { tokio::io::copy(&mut to_read, &mut from_write).await };
    let _ = tokio::join!(down, up);
}

async fn gated_h2(app: Router) -> (WebSocket<Io>, watch::Sender<bool>) {
    let (server, near) = duplex(1 << 10);
    let (far, client) = duplex(1 << 10);
    let (open, is_open) = watch::channel(true);
    tokio::spawn(gated(near, far, is_open));
    tokio::spawn(async move {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http2().enable_connect_protocol();
        let service = TowerToHyperService::new(app);
        let _ = builder.serve_connection_with_upgrades(TokioIo::new(server), service).await;
    });
    let mut http2 = Http2::handshake(client).await.expect("HTTP/2");
    let (ws, _) = http2.connect("ws://localhost/").await.expect("accepted");
    (ws, open)
}

/// The server's Close is held up for longer than it lingers; nothing is lost of what it sent before.
#[tokio::test(start_paused = true)]
async fn what_was_sent_before_a_breach_arrives_late_and_whole() {
    let (begun, mut is_begun) = mpsc::channel(1);
    let app = app(move |mut ws: WebSocket<Io>| {
        let begun = begun.clone();
        async move {
            begun.send(()).await.expect("somebody waits");
            let _ = ws.next().await;
            ws.send(vec![7; 40_000]).await.expect("sent");
            while let Some(Ok(_)) = ws.next().await {}
        }
    });
    let (ws, open) = gated_h2(app).await;
    is_begun.recv().await.unwrap();
    open.send_replace(false);
    let mut framed = ws.into_framed();
    framed.send(Message::text("go")).await.unwrap();
    let mut parts = framed.into_parts();
    // A reserved bit.
    parts.io.write_all(&[0xf1, 0x80, 0, 0, 0, 0]).await.unwrap();
    parts.io.flush().await.unwrap();
    sleep(Duration::from_secs(2)).await;
    open.send_replace(true);
    let mut ws = WebSocket::from_framed(Framed::from_parts(parts), Config::new());
    assert_eq!(ws.next().await.unwrap().unwrap(), Message::binary(vec![7; 40_000]));
    let close = ws.next().await.unwrap().unwrap();
    assert!(
        matches!(&close, Message::Close(Some(CloseFrame { code, .. })) if *code == CloseCode::PROTOCOL),
        "{close:?}"
    );
}

/// The same, closed in order by the client.
#[tokio::test(start_paused = true)]
async fn a_close_that_is_answered_late() {
    let (mut ws, open) = gated_h2(app(echo)).await;
    ws.send(vec![7; 30_000]).await.unwrap();
    open.send_replace(false);
    let closing = tokio::spawn(async move {
        let got = ws.next().await;
        (got.is_some(), ws.close(1000, "").await)
    });
    sleep(Duration::from_secs(2)).await;
    open.send_replace(true);
    let (got, closed) = closing.await.unwrap();
    assert!(got && matches!(closed, Ok(Some(_))), "{closed:?}");
}
