//! One WebSocket over many connections: its events, the hook for each connection, what is kept and what is dropped.

#[path = "support/reconnect.rs"]
mod support;

use std::{pin::Pin, task::Poll, time::Duration};

use bowline::{
    Error, Message, UsageError,
    client::{Backoff, Event, Unsent},
};
use futures_util::{Sink, future::join, stream::FusedStream};
use support::{Log, Server, connected, failed, next, poll_once, reset, soon, text};
use tokio::time::{Instant, sleep};

// ---- events ----

#[tokio::test]
async fn connections_follow_one_another_with_their_messages_in_between() {
    let server = Server::bind().await;
    let (mut ws, mut far) = connected(&server, server.reconnecting().websocket()).await;
    for number in 2..5 {
        far.send("a").await.expect("open");
        far.send(Message::ping("?")).await.expect("open");
        far.send(vec![1]).await.expect("open");
        let code = [1001, 1011, 1012][number - 2];
        let close = async { drop(far.close(code, "").await) };
        let events = async {
            let mut events = Vec::new();
            for _ in 0..4 {
                events.push(next(&mut ws).await);
            }
            events
        };
        let ((), events) = join(close, events).await;
        let closed = format!("{code}, 0 unsent, again");
        assert_eq!(events, ["Text(\"a\")", "Ping(b\"?\")", "Binary(b\"\\x01\")", &closed]);
        assert!(ws.connection().is_none());
        let (next_far, event) = join(server.accept(), next(&mut ws)).await;
        assert_eq!(event, format!("connected {number}"));
        assert!(ws.connection().is_some());
        far = next_far;
    }
}

#[tokio::test]
async fn each_end_of_a_connection_leads_on_or_ends_it() {
    let last = [1000, 1002, 1003, 1007, 1008, 1009, 1010, 3000, 4999];
    for code in [1001, 1011, 1012, 1013, 1014].into_iter().chain(last) {
        let server = Server::bind().await;
        let (mut ws, mut far) = connected(&server, server.reconnecting().websocket()).await;
        let (_, event) = join(far.close(code, ""), next(&mut ws)).await;
        let is_last = last.contains(&code);
        let then = if is_last { "for good" } else { "again" };
        assert_eq!(event, format!("{code}, 0 unsent, {then}"));
        assert_eq!(ws.is_terminated(), is_last);
        if is_last {
            assert_eq!(next(&mut ws).await, "end");
            assert_eq!(failed(ws.send("x").await), "Usage(SendAfterClose)");
            assert_eq!(failed(ws.flush().await), "ok");
        }
    }
    type End = fn(bowline::WebSocket<tokio::net::TcpStream>);
    let ends: [(&str, End); 2] = [("an end without Close", drop), ("a reset", reset)];
    for (name, end) in ends {
        let server = Server::bind().await;
        let (mut ws, far) = connected(&server, server.reconnecting().websocket()).await;
        end(far);
        assert_eq!(next(&mut ws).await, "broken, 0 unsent, again", "{name}");
        let (_far, event) = join(server.accept(), next(&mut ws)).await;
        assert_eq!(event, "connected 2", "{name}");
    }
}

#[tokio::test]
async fn a_close_without_a_code_leads_on() {
    let server = Server::bind().await;
    let (mut ws, mut far) = connected(&server, server.reconnecting().websocket()).await;
    let close = async {
        far.send(Message::Close(None)).await.expect("open");
        drop(far);
    };
    let ((), event) = join(close, next(&mut ws)).await;
    assert_eq!(event, "closed, 0 unsent, again");
}

#[tokio::test]
async fn a_breach_ends_it_with_its_error() {
    let server = Server::bind().await;
    let (mut ws, far) = connected(&server, server.reconnecting().websocket()).await;
    let mut tcp = far.into_inner();
    tokio::io::AsyncWriteExt::write_all(&mut tcp, b"\x83\x00").await.expect("open");
    drop(tcp);
    assert_eq!(next(&mut ws).await, "error: reserved opcode 0x3 has no meaning");
    assert_eq!(next(&mut ws).await, "end");
    assert!(failed(ws.send("x").await).starts_with("Protocol"));
}

#[tokio::test]
async fn whoever_knows_better_draws_the_line_elsewhere() {
    let server = Server::bind().await;
    let ws =
        server.reconnecting().retry_if(|reason| reason.to_string().contains("4000")).websocket();
    let (mut ws, mut far) = connected(&server, ws).await;
    let (_, event) = join(far.close(4000, ""), next(&mut ws)).await;
    assert_eq!(event, "4000, 0 unsent, again");
    let (mut far, _) = join(server.accept(), next(&mut ws)).await;
    let (_, event) = join(far.close(1012, ""), next(&mut ws)).await;
    assert_eq!(event, "1012, 0 unsent, for good");
}

#[tokio::test(start_paused = true)]
async fn a_limit_holds_for_connections_that_do_not_last() {
    let server = Server::bind().await;
    let log = Log::default();
    let backoff = Backoff::new().with_max_attempts(Some(2));
    let mut ws =
        log.watch(server.client().reconnecting().backoff(backoff)).jitter(|| 0.5).websocket();
    for (number, end) in [(1, "broken, 0 unsent, again"), (2, "error: end of stream")] {
        let (far, event) = join(server.accept(), next(&mut ws)).await;
        assert_eq!(event, format!("connected {number}"));
        drop(far);
        let event = next(&mut ws).await;
        assert!(event.starts_with(end), "{event}");
    }
    assert_eq!(next(&mut ws).await, "end");
    assert_eq!(log.take().len(), 1);
}

// ---- the hook ----

#[tokio::test]
async fn the_hook_speaks_first_on_each_connection() {
    let server = Server::bind().await;
    let mut count = 0;
    let mut ws = server.reconnecting().websocket().on_connect(move |ws, response| {
        count += 1;
        let hello = format!("{} {count}", response.status().as_u16());
        Box::pin(async move {
            ws.send(hello).await?;
            let answer = ws.next().await.expect("one")?;
            assert_eq!(answer, Message::text("welcome"));
            Ok(())
        })
    });
    for number in 1..4 {
        // Given before there is a connection.
        assert!(poll_once(ws.feed(format!("message {number}"))).is_ready());
        let far = async {
            let mut far = server.accept().await;
            assert_eq!(text(&mut far).await, Some(format!("101 {number}")));
            far.send("welcome").await.expect("open");
            far
        };
        let (mut far, event) = join(far, next(&mut ws)).await;
        assert_eq!(event, format!("connected {number}"));
        soon(ws.flush()).await.expect("open");
        assert_eq!(text(&mut far).await, Some(format!("message {number}")));
        drop(far);
        assert_eq!(next(&mut ws).await, "broken, 0 unsent, again");
    }
}

#[tokio::test]
async fn a_hook_that_fails_is_an_attempt_that_fails() {
    let server = Server::bind().await;
    let log = Log::default();
    let mut errors = vec![
        Error::from(UsageError::InvalidUtf8),
        Error::KeepaliveTimeout,
        std::io::Error::from(std::io::ErrorKind::BrokenPipe).into(),
    ];
    let ws = log.watch(server.reconnecting()).websocket();
    let mut ws = ws.on_connect(move |_, _| {
        let error = errors.pop();
        Box::pin(async move { error.map_or(Ok(()), Err) })
    });
    let serve = async {
        for _ in 0..3 {
            assert_eq!(text(&mut server.accept().await).await, None);
        }
    };
    let ((), event) = join(serve, next(&mut ws)).await;
    assert_eq!(event, "error: text is not UTF-8");
    assert_eq!(log.take().len(), 2, "no connection, so no event");
    assert_eq!(next(&mut ws).await, "end");
}

// ---- what is kept, and what is not ----

#[tokio::test]
async fn what_is_given_without_a_connection_waits_for_one() {
    let server = Server::bind().await;
    let mut ws = server.reconnecting().websocket();
    for number in 0..100 {
        assert!(poll_once(ws.feed(number.to_string())).is_ready());
    }
    assert_eq!(ws.unsent_len(), 100);
    assert!(poll_once(ws.feed(Message::ping("nobody's"))).is_ready());
    assert_eq!(ws.unsent_len(), 100, "a ping is about its connection");
    let far = async {
        let mut far = server.accept().await;
        for number in 0..100 {
            assert_eq!(text(&mut far).await, Some(number.to_string()));
        }
        far
    };
    let (mut far, sent) = join(far, ws.flush()).await;
    sent.expect("open");
    assert_eq!((ws.unsent_len(), next(&mut ws).await), (0, "connected 1".into()));
    drop(ws);
    assert_eq!(text(&mut far).await, None);
}

#[tokio::test]
async fn past_the_bound_feeding_waits() {
    for (bound, fed) in [(0, 1), (1, 1), (72, 1), (73, 2), (720, 10), (721, 11)] {
        let server = Server::bind().await;
        let mut ws = server.reconnecting().websocket().max_unsent_size(bound);
        for _ in 0..fed {
            assert!(poll_once(ws.feed("8 bytes.")).is_ready(), "{bound}");
        }
        assert!(poll_once(ws.feed("8 bytes.")).is_pending(), "{bound}");
        let (mut far, sent) = join(server.accept(), soon(ws.send("room"))).await;
        sent.expect("open");
        for _ in 0..fed {
            assert_eq!(text(&mut far).await.as_deref(), Some("8 bytes."));
        }
        assert_eq!(text(&mut far).await.as_deref(), Some("room"));
    }
}

#[tokio::test]
async fn dropping_refuses_without_a_connection() {
    let server = Server::bind().await;
    let mut ws = server.reconnecting().websocket().unsent(Unsent::Drop);
    let refused = poll_once(ws.send("x")).map(failed);
    assert_eq!(refused, Poll::Ready("Usage(NotConnected)".into()));
    let started = Pin::new(&mut ws).start_send("x".into());
    assert_eq!(failed(started), "Usage(NotConnected)");
    assert!(matches!(poll_once(ws.flush()), Poll::Ready(Ok(()))), "nothing waits");
    let (mut ws, mut far) = connected(&server, ws).await;
    soon(ws.send("y")).await.expect("open");
    assert_eq!(text(&mut far).await.as_deref(), Some("y"));
    drop(far);
    assert_eq!(next(&mut ws).await, "broken, 0 unsent, again");
    assert_eq!(failed(ws.send("z").await), "Usage(NotConnected)");
}

#[tokio::test]
async fn dropping_counts_what_was_queued_and_tells_who_flushes() {
    let server = Server::bind().await;
    let ws = server.reconnecting().websocket().unsent(Unsent::Drop);
    let (mut ws, far) = connected(&server, ws).await;
    for _ in 0..3 {
        assert!(poll_once(ws.feed("x")).is_ready());
    }
    reset(far);
    // The reset is there before anything is written.
    ws.connection().expect("one").get_ref().tcp().expect("one").readable().await.expect("one");
    assert_eq!(failed(soon(ws.flush()).await), "Usage(NotConnected)");
    assert_eq!(failed(soon(ws.flush()).await), "ok", "told once");
    assert_eq!(next(&mut ws).await, "broken, 3 unsent, again");
    let (mut far, event) = join(server.accept(), next(&mut ws)).await;
    assert_eq!(event, "connected 2");
    soon(ws.send("y")).await.expect("open");
    assert_eq!(text(&mut far).await.as_deref(), Some("y"));
}

#[tokio::test]
async fn keeping_sends_what_was_queued_on_the_next_connection() {
    let server = Server::bind().await;
    let (mut ws, far) = connected(&server, server.reconnecting().websocket()).await;
    for text in ["a", "b", "c"] {
        assert!(poll_once(ws.feed(text)).is_ready());
    }
    reset(far);
    ws.connection().expect("one").get_ref().tcp().expect("one").readable().await.expect("one");
    let (mut far, sent) = join(server.accept(), soon(ws.send("d"))).await;
    sent.expect("open");
    for expected in ["a", "b", "c", "d"] {
        assert_eq!(text(&mut far).await.as_deref(), Some(expected));
    }
    assert_eq!(next(&mut ws).await, "broken, 4 unsent, again");
    assert_eq!(next(&mut ws).await, "connected 2");
}

#[tokio::test]
async fn what_could_not_be_sent_can_be_taken_back() {
    let server = Server::bind().await;
    let backoff = support::swift().with_max_attempts(Some(1));
    let mut ws = server.client().reconnecting().backoff(backoff).websocket();
    assert!(poll_once(ws.feed("a")).is_ready());
    let (_, sent) = join(server.refuse("500 Oh"), soon(ws.send("b"))).await;
    // A refusal can't be had twice, and the stream has it.
    assert_eq!(failed(sent), "Usage(SendAfterClose)");
    assert!(next(&mut ws).await.starts_with("error: the server answered 500"));
    assert_eq!(ws.unsent_len(), 2);
    assert_eq!(ws.take_unsent(), [Message::text("a"), Message::text("b")]);
    assert_eq!((ws.unsent_len(), failed(ws.flush().await)), (0, "ok".into()));
}

#[tokio::test]
async fn what_may_not_be_sent_is_refused_at_once() {
    let server = Server::bind().await;
    let mut ws = server.reconnecting().websocket();
    let refused = poll_once(ws.feed(Message::ping(vec![0; 126]))).map(failed);
    assert_eq!(refused, Poll::Ready("Usage(ControlTooLong(126))".into()));
    let refused = poll_once(ws.feed(Message::close(1005, ""))).map(failed);
    assert_eq!(refused, Poll::Ready("Usage(UnsendableCloseCode(1005))".into()));
    let refused = poll_once(ws.close(1005, "")).map(failed);
    assert_eq!(refused, Poll::Ready("Usage(UnsendableCloseCode(1005))".into()));
    assert!(!ws.is_terminated());
}

/// A sender finds the connection broken, while there is something to read.
#[tokio::test]
async fn what_can_still_be_read_is_kept_for_the_reader() {
    let server = Server::bind().await;
    let (mut ws, mut far) = connected(&server, server.reconnecting().websocket()).await;
    far.send("last words").await.expect("open");
    ws.connection().expect("one").get_ref().tcp().expect("one").readable().await.expect("one");
    reset(far);
    sleep(Duration::from_millis(20)).await;
    let (mut far, sent) = join(server.accept(), soon(ws.send("x"))).await;
    sent.expect("open");
    assert_eq!(next(&mut ws).await, "Text(\"last words\")");
    assert_eq!(next(&mut ws).await, "broken, 1 unsent, again");
    assert_eq!(next(&mut ws).await, "connected 2");
    assert_eq!(text(&mut far).await.as_deref(), Some("x"));
}

/// Of events that nobody takes there are the newest two.
#[tokio::test]
async fn events_that_nobody_takes_are_few() {
    let server = Server::bind().await;
    let mut ws = server.reconnecting().websocket();
    for number in 0..10 {
        let (mut far, sent) = join(server.accept(), soon(ws.send("x"))).await;
        sent.expect("open");
        assert_eq!(text(&mut far).await.as_deref(), Some("x"));
        reset(far);
        let mut kept = 0;
        while ws.connection().is_some() && kept < 1_000 {
            if poll_once(ws.send(format!("{number}"))).is_pending() {
                break;
            }
            kept += 1;
            sleep(Duration::from_millis(1)).await;
        }
        drop(ws.take_unsent());
    }
    assert_eq!(next(&mut ws).await, "connected 10");
    assert_eq!(next(&mut ws).await.split(", ").next(), Some("broken"));
    assert!(poll_once(ws.next()).is_pending());
}

#[tokio::test(start_paused = true)]
async fn the_delay_is_told() {
    let server = Server::bind().await;
    let ws = server.client().reconnecting().jitter(|| 0.5).websocket();
    let (mut ws, far) = connected(&server, ws).await;
    drop(far);
    let begin = Instant::now();
    match soon(ws.next()).await {
        Some(Ok(Event::Disconnected(lost))) => {
            assert_eq!(lost.delay(), Some(Duration::from_millis(2_500)));
            assert!(lost.into_reason().is_transient());
        }
        other => panic!("{other:?}"),
    }
    let (_far, event) = join(server.accept(), next(&mut ws)).await;
    assert_eq!(event, "connected 2");
    assert!((2_500..2_600).contains(&begin.elapsed().as_millis()));
}
