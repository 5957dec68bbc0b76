//! Back pressure: how much may wait to be written, and who waits for it.

#[path = "support/io.rs"]
mod io;

use std::{future::poll_fn, pin::Pin, task::Poll};

use bowline::{Error, Message, UsageError, WebSocket};
use futures_util::Sink;
use io::{
    Fault, Op, ROLES, Read, Script, drain, failure, finish, frame, from_peer, run, untimed,
    websocket, wire,
};

/// Feeds messages of a thousand bytes until one has to wait; how many did not.
fn fill(ws: &mut WebSocket<Script>) -> usize {
    (0..10_000).take_while(|_| run(ws.feed(vec![7; 1000])).is_ready()).count()
}

#[test]
fn feeding_waits_at_high_water_and_not_before() {
    // A message goes in while less than the mark waits: 1004 bytes each from a server, 1008 from a client.
    let marks = [(1, 1), (1004, 1), (1009, 2), (10_000, 10), (64 << 10, 66)];
    for (role, (high_water, expected)) in
        ROLES.into_iter().flat_map(|role| marks.map(|m| (role, m)))
    {
        let io = Script::new(b"").room(0);
        let mut ws = websocket(role, io.clone(), untimed().with_high_water(high_water));
        assert_eq!(fill(&mut ws), expected, "{role:?}, {high_water}");
        // Nobody but who waits there is held up.
        io.arrive_bytes(from_peer(role, b"\x81\x01a"));
        assert_eq!(drain(&mut ws), [Some(Ok(Message::text("a")))]);
        io.make_room(None);
        finish(ws.flush()).expect("open");
        assert!(io.written() == wire(role, &frame(0x82, &[7; 1000]).repeat(expected)));
    }
}

/// 64 KiB is the default.
#[test]
fn the_mark_is_64_kib_unless_set() {
    assert_eq!(bowline::Config::default().high_water(), 64 << 10);
}

#[test]
fn below_the_mark_the_transport_is_left_alone() {
    for role in ROLES {
        let io = Script::new(b"");
        let mut ws = websocket(role, io.clone(), untimed().with_high_water(10_000));
        for _ in 0..9 {
            finish(ws.feed(vec![7; 1000])).expect("room");
        }
        assert_eq!(io.record().done, [0; 4], "{role:?}: no operation");
        finish(ws.feed(vec![7; 1000])).expect("room");
        finish(ws.feed(vec![7; 1000])).expect("room");
        assert_eq!(io.record().writes.len(), 1, "{role:?}: all ten at once, for room");
    }
}

/// A message larger than the mark is one message: it goes in whole.
#[test]
fn one_message_may_go_beyond_the_mark() {
    for role in ROLES {
        let io = Script::new(b"").room(0);
        let mut ws = websocket(role, io.clone(), untimed().with_high_water(20));
        finish(ws.feed(vec![7; 100_000])).expect("room");
        assert!(run(ws.feed("x")).is_pending());
        io.make_room(Some(100_000));
        finish(ws.feed("x")).expect("room below the mark");
        io.make_room(None);
        finish(ws.flush()).expect("open");
        let expected = [frame(0x82, &[7; 100_000]), frame(0x81, b"x")].concat();
        assert!(io.written() == wire(role, &expected), "{role:?}");
    }
}

#[test]
fn with_a_mark_of_zero_each_message_waits_for_the_one_before() {
    for role in ROLES {
        let io = Script::new(b"").room(0);
        let mut ws = websocket(role, io.clone(), untimed().with_high_water(0));
        finish(ws.feed("a")).expect("nothing waits");
        assert!(run(ws.feed("b")).is_pending());
        io.make_room(None);
        finish(ws.feed("b")).expect("nothing waits");
        assert_eq!(io.written(), wire(role, b"\x81\x01a"), "{role:?}");
    }
}

/// A failed transport and a close end the wait.
#[test]
fn who_waits_is_told_when_there_is_nothing_to_wait_for() {
    for role in ROLES {
        let io = Script::new(b"").room(0).fail(Op::Write, 0, Fault::Error);
        let mut ws = websocket(role, io.clone(), untimed().with_high_water(1));
        finish(ws.feed("a")).expect("room");
        assert!(run(ws.feed("b")).is_pending());
        io.make_room(None);
        assert!(matches!(finish(ws.feed("b")), Err(Error::Io(_))), "{role:?}");

        let io = Script::new(from_peer(role, b"\x88\x00")).room(0);
        let mut ws = websocket(role, io.clone(), untimed().with_high_water(1));
        finish(ws.feed("a")).expect("room");
        assert!(run(ws.feed("b")).is_pending());
        assert_eq!(drain(&mut ws), [Some(Ok(Message::Close(None)))]);
        let closed = Error::from(UsageError::SendAfterClose);
        assert_eq!(failure(finish(ws.feed("b"))), Err(format!("{closed:?}")), "{role:?}");

        let io = Script::new(b"").room(0);
        let mut ws = websocket(role, io.clone(), untimed().with_high_water(1));
        finish(ws.feed("a")).expect("room");
        assert!(run(ws.feed("b")).is_pending());
        io.arrive(Read::End);
        let end = finish(ws.next()).expect("an end").expect_err("no Close");
        // A sender is told the same, though the stream has had it.
        assert_eq!(failure(finish(ws.feed("b"))), Err(format!("{end:?}")), "{role:?}");
    }
}

/// The contract of `Sink`: `start_send` after a ready `poll_ready`, also where a Close is on its way.
#[test]
fn the_sinks_poll_ready_waits_as_feed_does() {
    for role in ROLES {
        let io = Script::new(b"").room(0);
        let mut ws = websocket(role, io.clone(), untimed().with_high_water(1));
        let mut sink = Pin::new(&mut ws);
        assert!(matches!(run(poll_fn(|cx| sink.as_mut().poll_ready(cx))), Poll::Ready(Ok(()))));
        sink.as_mut().start_send(Message::text("a")).expect("ready");
        assert!(run(poll_fn(|cx| sink.as_mut().poll_ready(cx))).is_pending());
        assert!(run(poll_fn(|cx| sink.as_mut().poll_flush(cx))).is_pending());
        assert!(run(poll_fn(|cx| sink.as_mut().poll_close(cx))).is_pending());
        // Too late now, and not pending for ever.
        assert!(matches!(run(poll_fn(|cx| sink.as_mut().poll_ready(cx))), Poll::Ready(Err(_))));
        assert!(sink.as_mut().start_send(Message::text("b")).is_err());
        io.make_room(None);
        assert!(matches!(run(poll_fn(|cx| sink.as_mut().poll_close(cx))), Poll::Ready(Ok(()))));
        assert_eq!(io.written(), wire(role, b"\x81\x01a\x88\x02\x03\xe8"), "{role:?}");
    }
}

/// What is refused leaves no trace: neither in the outbox nor in the codec.
#[test]
fn a_refused_message_leaves_nothing_behind() {
    for role in ROLES {
        let io = Script::new(b"");
        let mut ws = websocket(role, io.clone(), untimed());
        for message in
            [Message::ping(vec![0; 126]), Message::close(1005, ""), Message::pong(vec![0; 200])]
        {
            assert!(matches!(finish(ws.send(message)), Err(Error::Usage(_))), "{role:?}");
        }
        finish(ws.send("fine")).expect("open");
        assert_eq!(io.written(), wire(role, b"\x81\x04fine"), "{role:?}");
    }
}
