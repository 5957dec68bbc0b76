//! Closes that come where nobody looks for them: in the hook, behind what is queued, without a connection.

#[path = "support/reconnect.rs"]
mod support;

use std::{task::Poll, time::Duration};

use bowline::{Config, Message, client::Unsent};
use futures_util::{SinkExt, future::join};
use support::{Server, connected, failed, next, poll_once, soon};
use tokio::time::{Instant, sleep};

/// The hook reads the peer's Close, and then fails to send, or thinks that all is well.
#[tokio::test]
async fn a_close_that_the_hook_reads_is_judged_by_its_code() {
    let server = Server::bind().await;
    for (code, is_sending) in [(1012, true), (4001, true), (1012, false), (4001, false)] {
        let mut ws = server.reconnecting().websocket().on_connect(move |ws, _| {
            Box::pin(async move {
                match ws.next().await {
                    Some(Ok(Message::Close(_))) if is_sending => ws.send("login").await,
                    _ => Ok(()),
                }
            })
        });
        let far = async {
            let mut far = server.accept().await;
            far.close(code, "").await.expect("closed");
            drop(far);
            if code == 1012 {
                let mut far = server.accept().await;
                far.send("hello").await.expect("open");
                far.send("again").await.expect("open");
                soon(far.next()).await;
            }
        };
        let ours = async {
            let mut events = Vec::new();
            loop {
                events.push(next(&mut ws).await);
                let last = events.last().expect("one");
                if last == "end" || last.contains("again\"") {
                    break;
                }
            }
            drop(ws);
            events
        };
        let ((), events) = soon(join(far, ours)).await;
        let is_over = events.iter().any(|event| event == "4001, 0 unsent, for good");
        assert_eq!(is_over, code == 4001, "{code}, {is_sending}: {events:?}");
        assert_eq!(events.last().is_some_and(|last| last == "end"), code == 4001, "{events:?}");
    }
}

/// What no connection will take any more was not written.
#[tokio::test]
async fn what_waits_behind_the_peers_close_is_not_flushed_by_our_own() {
    let server = Server::bind().await;
    let (mut ws, mut far) = connected(&server, server.reconnecting().websocket()).await;
    far.send(Message::close(1012, "")).await.expect("open");
    while poll_once(ws.next()).is_pending() && poll_once(far.next()).is_pending() {
        sleep(Duration::from_millis(1)).await;
    }
    soon(ws.feed("unsent")).await.expect("room");
    assert_eq!(failed(soon(SinkExt::close(&mut ws)).await), "Usage(SendAfterClose)");
    assert_eq!(failed(soon(ws.flush()).await), "Usage(SendAfterClose)");
    assert_eq!(ws.unsent_len(), 1);
    drop(far);
}

/// Our Close waits behind what a peer doesn't read, and not for ever.
#[tokio::test]
async fn closing_takes_no_longer_than_its_time() {
    let server = Server::bind().await;
    let config = Config::new().with_close_timeout(Some(Duration::from_millis(200)));
    let client = server.client().config(config);
    let (mut ws, _far) = connected(&server, client.reconnecting().websocket()).await;
    while let Poll::Ready(fed) = poll_once(ws.feed(vec![7; 1 << 20])) {
        fed.expect("open");
        sleep(Duration::from_millis(1)).await;
    }
    let start = Instant::now();
    assert_eq!(failed(soon(ws.close(1000, "")).await), "CloseTimeout");
    let elapsed = start.elapsed();
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
    assert_eq!(next(&mut ws).await, "end");
    assert!(ws.unsent_len() > 0, "what didn't go out can be had back");
}

#[tokio::test]
async fn a_close_needs_no_connection() {
    let server = Server::bind().await;
    for unsent in [Unsent::Keep, Unsent::Drop] {
        let mut ws = server.reconnecting().websocket().unsent(unsent);
        soon(ws.feed(Message::close(1000, ""))).await.expect("taken");
        assert_eq!(next(&mut ws).await, "end");
        assert!(ws.connection().is_none());
    }
}

#[tokio::test]
async fn debug_shows_how_much_waits_and_not_what() {
    let server = Server::bind().await;
    let mut ws = server.reconnecting().websocket();
    assert!(poll_once(ws.feed("password=hunter2")).is_ready());
    let shown = format!("{ws:?}");
    assert!(shown.contains("waiting: 1"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
}
