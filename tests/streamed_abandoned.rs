//! Messages in pieces that are never finished: dropped, forgotten, or failed by their source. Half of one is never taken
//! for the whole, and one of which nothing was sent disturbs nobody.

#[path = "support/deflate.rs"]
mod deflate;
#[path = "support/io.rs"]
mod io;
#[path = "support/streamed.rs"]
mod streamed;

use std::{mem, pin::pin, task::Poll};

use bowline::{Error, MessageKind};
use bytes::Bytes;
use deflate::{Inflater, noise, sent_frames};
use futures_util::{StreamExt, stream};
use io::{Pace, Script, finish, frame, from_peer, poll_times, run, untimed, wire};
use streamed::{End, Shape, ends, few_agreements, text};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};

const BINARY: MessageKind = MessageKind::Binary;

fn close_1011() -> Vec<u8> {
    frame(0x88, &[&1011u16.to_be_bytes()[..], b"message left unfinished"].concat())
}

/// The messages in these bytes, inflated by a peer that keeps context where it was agreed on.
fn messages(wire: &[u8], is_kept: bool) -> Vec<Vec<u8>> {
    let mut peer = Inflater::new();
    let (mut messages, mut payload, mut rsv1) = (Vec::new(), Vec::new(), false);
    for (first, piece) in sent_frames(wire) {
        rsv1 |= first & 0x40 != 0;
        payload.extend(piece);
        if first & 0x80 != 0 {
            let whole = mem::take(&mut payload);
            if !is_kept {
                peer = Inflater::new();
            }
            messages.push(if mem::take(&mut rsv1) { peer.message(&whole) } else { whole });
        }
    }
    assert!(payload.is_empty(), "half a message");
    messages
}

#[test]
fn a_message_dropped_before_its_first_byte_was_never_begun() {
    for agreement in few_agreements() {
        let is_kept = format!("{agreement:?}").contains("Kept");
        for (end, added) in ends().flat_map(|end| [0, 1, 4000, 5000].map(|len| (end, len))) {
            let io = Script::of([]);
            let mut sender = End::over(io.clone(), end, agreement.as_ref(), untimed());
            finish(sender.send("Hello, Hello, Hello")).expect("open");
            for _ in 0..3 {
                let before = io.written();
                let mut message = finish(sender.start_message(BINARY)).expect("open");
                // What a compressor keeps to itself has not been sent either.
                if added < 4096 || agreement.is_some() {
                    finish(message.feed(text(added).into_bytes())).expect("open");
                }
                assert!(io.written() == before, "{end:?} {added}: it has gone out");
                drop(message);
                finish(sender.send("Hello, Hello again")).expect("open");
            }
            let expected = [&b"Hello, Hello, Hello"[..], b"Hello, Hello again"];
            let expected = [expected[0], expected[1], expected[1], expected[1]];
            let place = format!("{end:?} {agreement:?} {added}");
            assert_eq!(messages(&io.written(), is_kept), expected, "{place}");
        }
    }
}

#[test]
fn section_7_4_1_a_message_dropped_with_some_of_it_sent_ends_the_connection() {
    for agreement in few_agreements() {
        for (end, is_flushed) in ends().flat_map(|end| [(end, true), (end, false)]) {
            let io = Script::of([]);
            let mut sender = End::over(io.clone(), end, agreement.as_ref(), untimed());
            let mut message = finish(sender.start_message(BINARY)).expect("open");
            finish(message.feed(noise(1, 50_000))).expect("open");
            if is_flushed {
                finish(message.flush()).expect("open");
            }
            drop(message);
            assert!(finish(sender.send("late")).is_err(), "{end:?}");
            assert!(finish(sender.start_message(BINARY)).is_err(), "{end:?}");
            assert!(run(sender.next()).is_pending());
            let mut sent = sent_frames(&io.written());
            let (first, close) = sent.pop().expect("Close");
            assert_eq!(frame(first, &close), close_1011(), "{end:?}");
            assert!(!sent.is_empty() && sent.iter().all(|(first, _)| first & 0x80 == 0), "FIN");
            io.arrive_bytes(from_peer(end.0, b"\x88\x02\x03\xf3"));
            io.arrive(io::Read::End);
            let close = finish(sender.next()).expect("Close").expect("fine");
            assert_eq!(close, bowline::Message::close(1011, ""), "{end:?}");
            assert!(finish(sender.next()).is_none(), "{end:?}");
        }
    }
}

/// The transport takes nothing while the message is dropped, and goes on inside a frame.
#[test]
fn a_close_comes_behind_the_fragment_that_is_being_written() {
    for (end, room) in ends().flat_map(|end| [0, 1, 3, 100, 4999].map(|room| (end, room))) {
        let io = Script::of([]).room(room);
        let mut sender = End::over(io.clone(), end, None, untimed());
        let mut message = finish(sender.start_message(BINARY)).expect("open");
        finish(message.feed(vec![7; 5000])).expect("room");
        assert!(run(message.flush()).is_pending());
        drop(message);
        io.make_room(None);
        assert!(run(sender.next()).is_pending());
        let expected = [frame(0x02, &[7; 5000]), close_1011()].concat();
        assert!(io.written() == wire(end.0, &expected), "{end:?} {room}");
    }
}

#[derive(Debug)]
struct Broken;

impl From<Broken> for Error {
    fn from(_: Broken) -> Self {
        std::io::Error::other("broken").into()
    }
}

/// Yields bytes, and fails.
struct Failing(usize);

impl AsyncRead for Failing {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.0 == 0 {
            return Poll::Ready(Err(std::io::Error::other("broken")));
        }
        let len = self.0.min(buf.remaining());
        buf.put_slice(&vec![7; len]);
        self.0 -= len;
        Poll::Ready(Ok(()))
    }
}

/// An error before the first byte costs the connection nothing.
#[test]
fn an_error_of_the_source_is_returned_and_ends_what_has_begun() {
    for (end, len) in ends().flat_map(|end| [0, 10, 5000, 100_000].map(|len| (end, len))) {
        for is_reader in [false, true] {
            let io = Script::of([]);
            let ws = io::websocket(end.0, io.clone(), untimed());
            let pieces = vec![7; len].chunks(5000).map(Bytes::copy_from_slice).collect::<Vec<_>>();
            let pieces = stream::iter(pieces.into_iter().map(Ok).chain([Err(Broken)]));
            let (error, is_open) = finish(async {
                match (ws, end.1) {
                    (mut ws, Shape::Whole) => {
                        let sent = if is_reader {
                            ws.send_reader(BINARY, Failing(len)).await
                        } else {
                            ws.send_stream(BINARY, pieces).await
                        };
                        (sent.expect_err("broken"), ws.send("next").await.is_ok())
                    }
                    (ws, Shape::Halves) => {
                        let (mut reader, mut writer) = ws.split();
                        let sent = if is_reader {
                            writer.send_reader(BINARY, Failing(len)).await
                        } else {
                            writer.send_stream(BINARY, pieces).await
                        };
                        let is_open = writer.send("next").await.is_ok();
                        assert!(run(reader.next()).is_pending());
                        (sent.expect_err("broken"), is_open)
                    }
                }
            });
            assert_eq!(error.to_string(), "broken");
            let place = format!("{end:?} {len} {is_reader}");
            assert_eq!(is_open, len < 4096, "{place}");
            let sent = sent_frames(&io.written());
            let has_begun = sent.iter().any(|(first, _)| first & 0x0f == 0x02);
            assert_eq!(has_begun, len >= 4096 && !sent.is_empty(), "{place}");
            assert!(sent.iter().all(|(first, _)| first & 0x8f != 0x80), "FIN: {place}");
        }
    }
}

/// A source that never goes on: the future is dropped.
#[test]
fn a_dropped_send_stream_ends_what_has_begun() {
    for end in ends() {
        for (len, is_open) in [(0, true), (1, false), (5000, false)] {
            let io = Script::of([]);
            let mut ws = io::websocket(end.0, io.clone(), untimed());
            let pieces = [Ok::<_, Broken>(Bytes::from(vec![7; len]))];
            let pieces = stream::iter(pieces).chain(stream::pending());
            assert!(run(pin!(ws.send_stream(BINARY, pieces))).is_pending());
            assert_eq!(finish(ws.send("next")).is_ok(), is_open, "{end:?} {len}");
        }
    }
}

/// As long as the forgotten message is nobody's, nothing of it may get into another.
#[test]
fn a_forgotten_message_never_gets_into_another() {
    for agreement in few_agreements() {
        let is_kept = format!("{agreement:?}").contains("Kept");
        for (end, added) in ends().flat_map(|end| [0, 10, 5000].map(|added| (end, added))) {
            let io = Script::of([]);
            let mut sender = End::over(io.clone(), end, agreement.as_ref(), untimed());
            let mut message = finish(sender.start_message(BINARY)).expect("open");
            finish(message.feed(vec![7; added])).expect("open");
            mem::forget(message);
            let sent = finish(sender.send("next"));
            let place = format!("{end:?} {agreement:?} {added}: {sent:?}");
            if sent.is_ok() {
                assert!(messages(&io.written(), is_kept) == [b"next"], "{place}");
            } else {
                let frames = sent_frames(&io.written());
                assert!(frames.iter().all(|(first, _)| first & 0x80 == 0), "{place}");
            }
        }
    }
}

/// With its writer ends what that has forgotten: others get their turn, or are told of the end.
#[test]
fn a_writer_dropped_after_it_forgot_a_message_holds_nobody_up() {
    for (role, is_sent) in io::ROLES.into_iter().flat_map(|role| [(role, false), (role, true)]) {
        let io = Script::of([]);
        let (mut reader, mut writer) = io::websocket(role, io.clone(), untimed()).split();
        let mut other = writer.clone();
        let mut message = finish(writer.start_message(BINARY)).expect("open");
        if is_sent {
            finish(message.feed(vec![7; 5000])).expect("open");
        }
        mem::forget(message);
        let mut sent = pin!(other.send("other"));
        assert!(run(sent.as_mut()).is_pending(), "{role:?}");
        drop(writer);
        assert_eq!(finish(sent).is_ok(), !is_sent, "{role:?}");
        assert!(run(reader.next()).is_pending());
        let expected = if is_sent {
            [frame(0x02, &[7; 5000]), close_1011()].concat()
        } else {
            b"\x81\x05other".to_vec()
        };
        assert!(io.written() == wire(role, &expected), "{role:?} {is_sent}");
    }
}

/// Until then it keeps its turn; what is no part of a message goes on all the same.
#[test]
fn a_forgotten_message_keeps_its_turn_and_control_messages_pass() {
    for (role, is_sent) in io::ROLES.into_iter().flat_map(|role| [(role, false), (role, true)]) {
        let io = Script::of([]);
        let (mut reader, mut writer) = io::websocket(role, io.clone(), untimed()).split();
        let mut other = writer.clone();
        let mut message = finish(writer.start_message(BINARY)).expect("open");
        if is_sent {
            finish(message.feed(vec![7; 5000])).expect("open");
        }
        mem::forget(message);
        assert!(run(pin!(other.send("never"))).is_pending(), "{role:?}");
        io.arrive_bytes(from_peer(role, b"\x89\x01?"));
        finish(reader.next()).expect("a ping").expect("a ping");
        finish(other.clone().close(1000, "")).expect("open");
        let mut expected = if is_sent { frame(0x02, &[7; 5000]) } else { Vec::new() };
        expected.extend(b"\x8a\x01?\x88\x02\x03\xe8");
        assert!(io.written() == wire(role, &expected), "{role:?} {is_sent}");
    }
}

/// A `finish` that is dropped has ended the message from its first poll on.
#[test]
fn a_finish_dropped_at_every_poll_has_finished_or_not_begun() {
    for end in ends() {
        for polls in 0..30 {
            let io = Script::of([]).pace(Pace::Halting);
            let mut sender = End::over(io.clone(), end, None, untimed());
            let mut message = finish(sender.start_message(BINARY)).expect("open");
            finish(message.write_all(b"whole")).expect("open");
            let _ = poll_times(pin!(message.finish()), polls);
            finish(sender.send("next")).expect("open");
            let expected = match polls {
                0 => &b"\x81\x04next"[..],
                _ => b"\x82\x05whole\x81\x04next",
            };
            assert_eq!(io.written(), wire(end.0, expected), "{end:?} {polls}");
        }
    }
}
