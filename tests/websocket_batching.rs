//! Writes counted: what is fed goes out together, what is sent at once, large payloads by reference.

#[path = "support/io.rs"]
mod io;

use std::{
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Waker},
};

use bowline::{Message, Role, WebSocket};
use bytes::Bytes;
use futures_util::{Sink, SinkExt, StreamExt, stream};
use io::{
    Pace, ROLES, Read, Record, Script, Wakes, drain, finish, frame, from_peer, item, poll_times,
    run, untimed, websocket, wire,
};

/// A burst of so many short messages.
fn burst(messages: usize) -> Vec<u8> {
    (0..messages).flat_map(|n| frame(0x81, format!("message {n}").as_bytes())).collect()
}

#[track_caller]
fn assert_written(record: &Record, expected: &[u8], writes: usize) {
    assert!(
        record.written == expected,
        "{} bytes, {} expected",
        record.written.len(),
        expected.len()
    );
    assert_eq!(record.writes.len(), writes, "writes");
}

/// A burst of messages is answered by this echo with one write and one flush.
#[track_caller]
fn assert_answers_a_burst_at_once(echo: impl AsyncFn(WebSocket<Script>)) {
    for role in ROLES {
        let io = Script::new(from_peer(role, &burst(50)));
        let ws = websocket(role, io.clone(), untimed());
        assert!(run(echo(ws)).is_pending());
        assert_written(&io.record(), &wire(role, &burst(50)), 1);
        assert_eq!(io.record().flushes, 1, "{role:?}");
    }
}

#[test]
fn an_echo_by_feed_answers_a_burst_with_one_write_and_one_flush() {
    assert_answers_a_burst_at_once(async |mut ws| {
        while let Some(message) = ws.next().await {
            ws.feed(message.expect("open")).await.expect("open");
        }
    });
}

/// Each time the stream runs dry, and no sooner.
#[test]
fn what_is_fed_goes_out_when_the_stream_runs_dry() {
    for role in ROLES {
        let io = Script::new(b"");
        let mut ws = websocket(role, io.clone(), untimed());
        for message in ["a", "b", "c"] {
            finish(ws.feed(message)).expect("room");
        }
        assert_written(&io.record(), b"", 0);
        assert!(run(ws.next()).is_pending());
        let expected = wire(role, b"\x81\x01a\x81\x01b\x81\x01c");
        assert_written(&io.record(), &expected, 1);
        assert!(run(ws.next()).is_pending());
        assert_eq!(io.record().flushes, 1, "nothing to flush any more: {role:?}");
        io.arrive(Read::Pending);
        assert!(run(ws.next()).is_pending());
        assert_written(&io.record(), &expected, 1);
    }
}

#[test]
fn each_send_is_a_write_and_a_flush() {
    for role in ROLES {
        let io = Script::new(b"");
        let mut ws = websocket(role, io.clone(), untimed());
        for message in ["a", "b", "c"] {
            finish(ws.send(message)).expect("open");
        }
        let record = io.record();
        assert_written(&record, &wire(role, b"\x81\x01a\x81\x01b\x81\x01c"), 3);
        assert_eq!((record.flushes, record.read), (3, 0), "{role:?}");
    }
}

#[test]
fn the_sink_batches_as_futures_does() {
    for role in ROLES {
        let io = Script::new(b"");
        let mut ws = websocket(role, io.clone(), untimed());
        let messages = ["a", "b", "c"].map(|text| Ok(Message::text(text)));
        finish(SinkExt::send_all(&mut ws, &mut stream::iter(messages))).expect("open");
        assert_written(&io.record(), &wire(role, b"\x81\x01a\x81\x01b\x81\x01c"), 1);
        let (mut sink, stream) = StreamExt::split(ws);
        finish(sink.feed(Message::text("d"))).expect("room");
        finish(sink.flush()).expect("open");
        assert_eq!(io.record().writes.len(), 2, "{role:?}");
        drop(stream);
    }
}

/// Though the half of `split` keeps back the last message until it is flushed.
#[test]
fn an_echo_by_forward_answers_a_burst_with_one_write_and_one_flush() {
    assert_answers_a_burst_at_once(async |ws| {
        let (sink, stream) = StreamExt::split(ws);
        stream.forward(sink).await.expect("open");
    });
}

/// What a sink has taken, reading leaves to a flush at first, unless there is something else to write: a message that was
/// fed, a pong, what of it a flush has begun.
#[test]
fn what_a_sink_has_taken_is_left_to_its_flush_unless_something_else_is_to_be_written() {
    for role in ROLES {
        let io = Script::new(b"");
        let mut ws = websocket(role, io.clone(), untimed());
        let take = |ws: &mut WebSocket<Script>, text: &'static str| {
            Pin::new(ws).start_send(Message::text(text)).expect("open");
        };
        let mut expected = Vec::new();
        let mut written_when_dry = |ws: &mut WebSocket<Script>, frames: &[u8]| {
            assert!(poll_times(pin!(ws.next()), 1).is_pending());
            expected.extend(wire(role, frames));
            assert_eq!(io.written(), expected, "{role:?}");
        };

        take(&mut ws, "a");
        take(&mut ws, "b");
        written_when_dry(&mut ws, b"");
        finish(ws.feed("c")).expect("room");
        written_when_dry(&mut ws, b"\x81\x01a\x81\x01b\x81\x01c");

        take(&mut ws, "d");
        io.arrive_bytes(from_peer(role, b"\x89\x01p"));
        assert_eq!(finish(ws.next()).map(item), Some(Ok(Message::ping("p"))));
        written_when_dry(&mut ws, b"\x8a\x01p\x81\x01d");

        finish(ws.feed("e")).expect("room");
        take(&mut ws, "f");
        written_when_dry(&mut ws, b"\x81\x01e\x81\x01f");

        io.make_room(Some(0));
        take(&mut ws, "g");
        assert!(run(ws.flush()).is_pending());
        io.make_room(None);
        written_when_dry(&mut ws, b"\x81\x01g");

        take(&mut ws, "h");
        finish(ws.flush()).expect("open");
        written_when_dry(&mut ws, b"\x81\x01h");
        assert_eq!(io.record().flushes, 5, "{role:?}");

        take(&mut ws, "i");
        assert!(run(ws.close(1000, "")).is_pending());
        written_when_dry(&mut ws, b"\x81\x01i\x88\x02\x03\xe8");
    }
}

/// Who feeds a sink and then only reads has its messages written all the same, and is woken once for it.
#[test]
fn what_a_sink_has_taken_and_nobody_flushes_is_written_by_the_next_reading() {
    for role in ROLES {
        let io = Script::new(b"");
        let mut ws = websocket(role, io.clone(), untimed());
        for text in ["a", "b"] {
            finish(SinkExt::feed(&mut ws, Message::text(text))).expect("open");
        }
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(wakes.clone());
        let mut next = pin!(ws.next());
        for (woken, frames) in [(1, &b""[..]), (1, b"\x81\x01a\x81\x01b")] {
            assert!(next.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            assert_eq!((wakes.count(), io.written()), (woken, wire(role, frames)), "{role:?}");
        }
        assert_eq!(io.record().flushes, 1, "{role:?}");
    }
}

/// Header and payload in one write; a server's payload is the caller's own memory, never copied.
#[test]
fn a_large_payload_goes_out_by_reference_with_its_header() {
    for length in [5000, 65_536, 1 << 20] {
        let payload = Bytes::from(vec![7; length]);
        let io = Script::new(b"");
        let mut ws = websocket(Role::Server, io.clone(), untimed());
        finish(ws.send(payload.clone())).expect("open");
        let record = io.record();
        assert_written(&record, &frame(0x82, &payload), 1);
        let [(_, header), slice] = record.writes[0][..] else { panic!("{:?}", record.writes) };
        assert_eq!(header, if length > 65_535 { 10 } else { 4 });
        assert_eq!(slice, (payload.as_ptr().addr(), length), "not copied");
    }
}

/// Small frames around it share its write too.
#[test]
fn frames_before_and_behind_a_large_one_share_its_write() {
    let io = Script::new(b"");
    let mut ws = websocket(Role::Server, io.clone(), untimed());
    let payload = Bytes::from(vec![7; 10_000]);
    finish(ws.feed("before")).expect("room");
    finish(ws.feed(payload.clone())).expect("room");
    finish(ws.feed("behind")).expect("room");
    finish(ws.flush()).expect("open");
    let expected = [frame(0x81, b"before"), frame(0x82, &payload), frame(0x81, b"behind")].concat();
    assert_written(&io.record(), &expected, 1);
}

/// More large payloads than one write has slices for.
#[test]
fn many_large_payloads_keep_their_order() {
    for role in ROLES {
        for is_vectored in [true, false] {
            let io = Script::new(b"");
            let io = if is_vectored { io } else { io.not_vectored() };
            let mut ws = websocket(role, io.clone(), untimed().with_high_water(1 << 20));
            for n in 0..40 {
                finish(ws.feed(vec![n; 5000])).expect("room");
                finish(ws.feed(vec![n; 10])).expect("room");
            }
            finish(ws.flush()).expect("open");
            let frames = (0..40u8).flat_map(|n| [frame(0x82, &[n; 5000]), frame(0x82, &[n; 10])]);
            let record = io.record();
            let expected = wire(role, &frames.collect::<Vec<_>>().concat());
            assert!(record.written == expected, "{role:?}, vectored: {is_vectored}");
            assert_eq!(record.flushes, 1);
            if is_vectored && role == Role::Server {
                assert!(record.writes.len() <= 10, "{} writes", record.writes.len());
            }
        }
    }
}

/// Where one slice goes out at a time, a header never goes alone.
#[test]
fn without_vectored_writes_a_header_is_sent_with_its_payload() {
    for (role, length) in ROLES.into_iter().flat_map(|role| [100, 5000, 40_000].map(|n| (role, n)))
    {
        let io = Script::new(b"").not_vectored();
        let mut ws = websocket(role, io.clone(), untimed());
        finish(ws.send(vec![7; length])).expect("open");
        let record = io.record();
        assert!(record.written == wire(role, &frame(0x82, &vec![7; length])), "{role:?}, {length}");
        assert!(record.writes.iter().all(|slices| slices.len() == 1));
        let first = record.writes[0][0].1;
        assert!(first > length.min(16_384), "{role:?}, {length}: {first} bytes in the first write");
        assert!(record.writes.len() <= 2, "{role:?}, {length}: {} writes", record.writes.len());
    }
}

/// The mask goes on where it was when a write takes less than it was given, at any place.
#[test]
fn section_5_3_masks_survive_partial_writes() {
    let payload: Vec<u8> = (0..150_000u32).map(|n| (n % 251) as u8).collect();
    let expected = wire(Role::Client, &[frame(0x82, &payload), frame(0x81, b"end")].concat());
    for is_vectored in [true, false] {
        for piece in [1000, 4093, 16_383, 65_537, 100_001] {
            let io = Script::new(b"").room(1);
            let io = if is_vectored { io } else { io.not_vectored() };
            let mut ws = websocket(Role::Client, io.clone(), untimed());
            let sent = async {
                ws.feed(payload.clone()).await?;
                ws.flush().await?;
                ws.send("end").await
            };
            let mut sent = std::pin::pin!(sent);
            while poll_times(sent.as_mut(), usize::MAX).is_pending() {
                io.make_room(Some(piece));
            }
            assert!(io.written() == expected, "{is_vectored}, {piece} bytes at a time");
        }
    }
}

#[test]
fn section_5_4_outgoing_messages_are_split_where_it_is_asked_for() {
    let cases: [(usize, &[u8], &[u8]); 6] = [
        (3, b"abcdefgh", b"\x02\x03abc\x00\x03def\x80\x02gh"),
        (4, b"abcdefgh", b"\x02\x04abcd\x80\x04efgh"),
        (8, b"abcdefgh", b"\x82\x08abcdefgh"),
        (9, b"abcdefgh", b"\x82\x08abcdefgh"),
        (1, b"", b"\x82\x00"),
        // Zero is taken for one.
        (0, b"ab", b"\x02\x01a\x80\x01b"),
    ];
    for (role, (size, payload, expected)) in
        ROLES.into_iter().flat_map(|role| cases.map(|c| (role, c)))
    {
        let io = Script::new(b"");
        let config = untimed().with_outgoing_frame_size(Some(size));
        let mut ws = websocket(role, io.clone(), config);
        finish(ws.send(payload.to_vec())).expect("open");
        // Control frames are never split, and Close is no exception.
        finish(ws.send(Message::ping("Hello"))).expect("open");
        assert!(run(ws.close(1000, "Hello")).is_pending());
        let expected = [expected, b"\x89\x05Hello\x88\x07\x03\xe8Hello"].concat();
        assert_written(&io.record(), &wire(role, &expected), 3);
    }
}

/// A code point may be cut; text is text over the whole message.
#[test]
fn section_5_6_text_is_split_between_bytes() {
    for role in ROLES {
        let io = Script::new(b"");
        let mut ws = websocket(role, io.clone(), untimed().with_outgoing_frame_size(Some(1)));
        finish(ws.send("é!")).expect("open");
        assert_eq!(io.written(), wire(role, b"\x01\x01\xc3\x00\x01\xa9\x80\x01!"), "{role:?}");
    }
}

/// One write a burst is worth nothing if a transport that takes a byte at a time garbles it.
#[test]
fn a_burst_survives_a_transport_of_single_bytes() {
    for role in ROLES {
        let io = Script::new(from_peer(role, &burst(20)));
        let mut ws = websocket(role, io.clone(), untimed());
        for next in drain(&mut ws) {
            finish(ws.feed(next.expect("open").expect("open"))).expect("room");
        }
        let halting = Script::new(b"").pace(Pace::Halting);
        let mut slow = websocket(role, halting.clone(), untimed());
        for n in 0..20 {
            finish(slow.feed(format!("message {n}"))).expect("room");
        }
        finish(slow.flush()).expect("open");
        finish(ws.flush()).expect("open");
        assert_eq!(halting.written(), io.written(), "{role:?}");
    }
}
