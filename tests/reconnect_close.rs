//! A reconnecting WebSocket closed for good, wherever it stands.

#[path = "support/reconnect.rs"]
mod support;

use std::{task::Poll, time::Duration};

use bowline::{CloseCode, Message, client::Backoff};
use futures_util::{SinkExt, future::join, stream::FusedStream};
use support::{Server, connected, failed, next, poll_once, soon, text};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn closing_sends_what_is_queued_and_says_goodbye() {
    let server = Server::bind().await;
    let (mut ws, mut far) = connected(&server, server.reconnecting().websocket()).await;
    for number in 0..10 {
        ws.feed(number.to_string()).await.expect("open");
    }
    let far = async move {
        for number in 0..10 {
            assert_eq!(text(&mut far).await, Some(number.to_string()));
        }
        far.send("unread").await.expect("open");
        soon(far.next()).await
    };
    let (close, closed) = join(far, soon(ws.close(4321, "bye"))).await;
    assert_eq!(close.expect("one").expect("open"), Message::close(4321, "bye"));
    let code = closed.expect("closed").map(|frame| frame.code);
    assert_eq!(code, Some(CloseCode::new(4321)));
    assert_eq!(next(&mut ws).await, "end");
    assert_eq!(failed(ws.send("x").await), "Usage(SendAfterClose)");
    assert_eq!(ws.close(1000, "").await.expect("over"), None);
}

#[tokio::test]
async fn closing_in_every_state_without_a_connection_ends_it_at_once() {
    let elsewhere = Server::bind().await;
    let idle = elsewhere.reconnecting().websocket();
    let mut connecting = elsewhere.reconnecting().websocket();
    assert!(poll_once(connecting.next()).is_pending());

    let server = Server::bind().await;
    let mut greeting =
        server.reconnecting().websocket().on_connect(|_, _| Box::pin(std::future::pending()));
    let (far, ()) = join(server.accept(), async {
        let mut polls = 0;
        while polls < 20 {
            assert!(poll_once(greeting.next()).is_pending());
            sleep(Duration::from_millis(5)).await;
            polls += 1;
        }
    })
    .await;
    drop(far);

    let (mut waiting, far) = {
        let backoff = Backoff::new().with_initial(1_000 * SECOND);
        let ws = server.client().reconnecting().backoff(backoff).jitter(|| 1.0).websocket();
        connected(&server, ws).await
    };
    drop(far);
    assert_eq!(next(&mut waiting).await, "broken, 0 unsent, again");
    assert!(poll_once(waiting.next()).is_pending());

    for mut ws in [idle, connecting, greeting, waiting] {
        assert!(poll_once(ws.feed("unsent")).is_ready());
        let closed = poll_once(ws.close(1000, ""));
        assert!(matches!(closed, Poll::Ready(Ok(None))), "{ws:?}");
        assert!(ws.is_terminated());
        assert_eq!(next(&mut ws).await, "end");
        assert_eq!(failed(ws.feed("x").await), "Usage(SendAfterClose)");
        assert_eq!(ws.take_unsent(), [Message::text("unsent")]);
    }
}

#[tokio::test]
async fn closing_behind_the_peers_close_does_not_come_back() {
    let server = Server::bind().await;
    let (mut ws, mut far) = connected(&server, server.reconnecting().websocket()).await;
    // The reply goes out, and the server doesn't end the stream yet.
    far.send(Message::close(1012, "")).await.expect("open");
    while poll_once(ws.next()).is_pending() && poll_once(far.next()).is_pending() {
        sleep(Duration::from_millis(1)).await;
    }
    let (_, closed) = join(async { drop(far) }, soon(ws.close(1000, ""))).await;
    assert_eq!(closed.expect("closed").map(|frame| u16::from(frame.code)), Some(1012));
    assert_eq!(next(&mut ws).await, "1012, 0 unsent, for good");
    assert_eq!(next(&mut ws).await, "end");
}

#[tokio::test]
async fn a_close_that_is_sent_as_a_message_is_for_good_and_the_reader_sees_the_answer() {
    let server = Server::bind().await;
    for way in 0..2 {
        let (mut ws, mut far) = connected(&server, server.reconnecting().websocket()).await;
        if way == 0 {
            soon(ws.send(Message::close(4000, ""))).await.expect("open");
        } else {
            soon(SinkExt::close(&mut ws)).await.expect("open");
        }
        let code = if way == 0 { 4000 } else { 1000 };
        assert_eq!(failed(ws.feed("x").await), "Usage(SendAfterClose)");
        far.send("meanwhile").await.expect("open");
        let (close, event) = join(soon(far.next()), next(&mut ws)).await;
        assert_eq!(close.expect("one").expect("open"), Message::close(code, ""));
        assert_eq!(event, "Text(\"meanwhile\")");
        let (_, event) = join(async { drop(far) }, next(&mut ws)).await;
        assert_eq!(event, format!("{code}, 0 unsent, for good"));
        assert_eq!(next(&mut ws).await, "end");
        assert!(ws.is_terminated());
    }
}

/// The server neither reads nor closes until it has got rid of its own data, and neither does the client.
#[tokio::test]
async fn closing_reads_while_it_waits_for_room() {
    let server = Server::bind().await;
    let (mut ws, mut far) = connected(&server, server.reconnecting().websocket()).await;
    let large = vec![7; 1 << 20];
    while let Poll::Ready(fed) = poll_once(ws.feed(large.clone())) {
        fed.expect("open");
        sleep(Duration::from_millis(1)).await;
    }
    let far = async move {
        // More than anybody discards once Close is sent.
        for _ in 0..16 {
            if far.send(vec![8; 1 << 20]).await.is_err() {
                break;
            }
        }
        while let Some(Ok(_)) = far.next().await {}
    };
    let ((), closed) = soon(join(far, ws.close(1000, ""))).await;
    drop(closed);
    assert!(ws.connection().is_none());
    assert_eq!(next(&mut ws).await, "end");
}
