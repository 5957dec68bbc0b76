//! How a stream of bytes ends: what is an end and what an error, what the peer is told of ours, and what is refused
//! after it.

#[path = "support/io.rs"]
mod io;

use std::io::{Error, ErrorKind};

use bowline::{ByteStream, CloseFrame, Role};
use io::{Pace, ROLES, Read, Script, finish, frame, from_peer, run, untimed, websocket, wire};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A stream on which this arrives, and then the end.
fn ending(role: Role, frames: &[u8]) -> (ByteStream<Script>, Script) {
    let io = Script::new(from_peer(role, frames));
    io.arrive(Read::End);
    (websocket(role, io.clone(), untimed()).into_byte_stream(), io)
}

fn read_all(stream: &mut ByteStream<Script>) -> (Vec<u8>, Option<Error>) {
    let mut bytes = Vec::new();
    let error = finish(stream.read_to_end(&mut bytes)).err();
    // The error comes once; then there is nothing.
    for _ in 0..3 {
        assert_eq!(finish(stream.read(&mut [0; 8])).expect("nothing"), 0);
    }
    (bytes, error)
}

/// What arrives behind `ab`, whether that is an end, with half-close too, and the kind of the error.
#[rustfmt::skip]
const ENDS: &[(&[u8], Result<(), ErrorKind>, Result<(), ErrorKind>)] = &[
    (b"\x88\x02\x03\xe8", Ok(()), Err(ErrorKind::UnexpectedEof)),
    (b"\x88\x02\x03\xe9", Err(ErrorKind::UnexpectedEof), Err(ErrorKind::UnexpectedEof)),
    (b"\x88\x00", Ok(()), Err(ErrorKind::UnexpectedEof)),
    (b"\x88\x02\x03\xea", Err(ErrorKind::UnexpectedEof), Err(ErrorKind::UnexpectedEof)),
    (b"\x88\x02\x03\xf3", Err(ErrorKind::UnexpectedEof), Err(ErrorKind::UnexpectedEof)),
    (b"\x88\x02\x0f\xa0", Err(ErrorKind::UnexpectedEof), Err(ErrorKind::UnexpectedEof)),
    (b"", Err(ErrorKind::UnexpectedEof), Err(ErrorKind::UnexpectedEof)),
    (b"\x02\x00\x88\x00", Err(ErrorKind::UnexpectedEof), Err(ErrorKind::UnexpectedEof)),
    (b"\x02\x00", Err(ErrorKind::UnexpectedEof), Err(ErrorKind::UnexpectedEof)),
    (b"\x82\x00", Err(ErrorKind::UnexpectedEof), Ok(())),
    (b"\x02\x00\x80\x00", Err(ErrorKind::UnexpectedEof), Ok(())),
    (b"\x82\x00\x88\x02\x03\xe8", Ok(()), Ok(())),
    (b"\x82\x00\x88\x02\x03\xf3", Err(ErrorKind::UnexpectedEof), Ok(())),
    (b"\x83\x00", Err(ErrorKind::InvalidData), Err(ErrorKind::InvalidData)),
    (b"\x81\x01a", Err(ErrorKind::InvalidData), Err(ErrorKind::InvalidData)),
    (b"\x81\x00", Err(ErrorKind::InvalidData), Err(ErrorKind::InvalidData)),
];

#[test]
fn ends_and_errors_are_told_apart() {
    for (role, (behind, plain, half)) in
        ROLES.into_iter().flat_map(|r| ENDS.iter().map(move |e| (r, e)))
    {
        for is_half in [false, true] {
            let (mut stream, _) = ending(role, &[&b"\x82\x02ab"[..], behind].concat());
            if is_half {
                stream = stream.with_half_close();
            }
            let (bytes, error) = read_all(&mut stream);
            let expected = if is_half { half } else { plain };
            let place = format!("{role:?} {behind:02x?} {is_half}: {error:?}");
            assert_eq!(bytes, b"ab", "{place}");
            assert_eq!(
                error.as_ref().map_or(Ok(()), |error| Err(error.kind())),
                *expected,
                "{place}"
            );
        }
    }
}

/// Empty messages are an end only where both have agreed on it.
#[test]
fn an_empty_message_is_no_end_without_half_close() {
    for role in ROLES {
        let frames = b"\x82\x01a\x82\x00\x02\x00\x80\x00\x82\x01b\x88\x00";
        let (mut stream, _) = ending(role, frames);
        assert_eq!(read_all(&mut stream).0, b"ab", "{role:?}");
        let (stream, io) = ending(role, frames);
        let mut stream = stream.with_half_close();
        assert_eq!(read_all(&mut stream).0, b"a", "{role:?}");
        // A fragment with something in it makes a message that is not empty.
        let frames = b"\x02\x00\x00\x01a\x80\x00\x82\x01b\x82\x00\x82\x01c";
        let mut other = ending(role, frames).0.with_half_close();
        assert_eq!(read_all(&mut other).0, b"ab", "{role:?}");
        // What is left belongs to the close.
        assert_eq!(finish(stream.close(1000, "")).expect("closed"), None);
        assert_eq!(io.written(), wire(role, b"\x88\x02\x03\xe8"), "{role:?}");
    }
}

/// A flood of them neither ends the stream nor takes the thread.
#[test]
fn messages_without_content_are_worked_off_in_turns() {
    for role in ROLES {
        let frames = [&b"\x82\x00".repeat(5000)[..], b"\x89\x00\x82\x01a"].concat();
        let (mut stream, io) = ending(role, &frames);
        let mut byte = [0];
        finish(stream.read_exact(&mut byte)).expect("a byte");
        finish(stream.read(&mut [0])).expect_err("no Close");
        assert_eq!((byte, io.written()), (*b"a", wire(role, b"\x8a\x00")), "{role:?}");
    }
}

#[test]
fn a_text_message_is_refused_with_1003() {
    for (role, is_dropped) in ROLES.into_iter().flat_map(|role| [(role, true), (role, false)]) {
        let io = Script::new(from_peer(role, b"\x82\x01a\x81\x05Hello\x82\x04more"));
        io.arrive(Read::End);
        let mut stream = websocket(role, io.clone(), untimed()).into_byte_stream();
        let mut bytes = Vec::new();
        let error = finish(stream.read_to_end(&mut bytes)).expect_err("text");
        assert_eq!((bytes, error.kind()), (b"a".to_vec(), ErrorKind::InvalidData), "{role:?}");
        assert_eq!(finish(stream.read(&mut [0; 8])).expect("nothing"), 0);
        let close = frame(0x88, &[&1003u16.to_be_bytes()[..], b"binary messages only"].concat());
        if is_dropped {
            // Whoever has the error drops the stream.
            drop(stream);
        } else {
            finish(stream.write(b"x")).expect_err("closed");
            let _ = finish(stream.close(1000, ""));
        }
        assert_eq!(io.written(), wire(role, &close), "{role:?} {is_dropped}");
    }
}

#[test]
fn a_shutdown_is_a_close_and_reading_goes_on() {
    for role in ROLES {
        let io = Script::new(from_peer(role, b"\x82\x01a"));
        let mut stream = websocket(role, io.clone(), untimed()).into_byte_stream();
        finish(stream.write_all(b"last")).expect("open");
        for _ in 0..3 {
            finish(stream.shutdown()).expect("open");
        }
        let sent = wire(role, b"\x82\x04last\x88\x02\x03\xe8");
        assert_eq!(io.written(), sent, "{role:?}");
        for error in [
            finish(stream.write(b"late")).expect_err("shut down"),
            finish(stream.write(b"")).expect_err("shut down"),
        ] {
            assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{role:?}");
        }
        finish(stream.flush()).expect("nothing is left");
        io.arrive_bytes(from_peer(role, b"\x82\x01b\x88\x02\x03\xe8"));
        io.arrive(Read::End);
        assert_eq!(read_all(&mut stream).0, b"ab", "{role:?}");
        finish(stream.shutdown()).expect("it was");
        assert_eq!(io.written(), sent, "{role:?}");
    }
}

#[test]
fn a_half_close_is_an_empty_message_sent_once() {
    for role in ROLES {
        let io = Script::new(from_peer(role, b"\x82\x01a")).pace(Pace::Halting);
        let stream = websocket(role, io.clone(), untimed()).into_byte_stream();
        let mut stream = stream.with_half_close();
        finish(stream.write_all(b"last")).expect("open");
        finish(stream.write_all(b"")).expect("open");
        for _ in 0..3 {
            finish(stream.shutdown()).expect("open");
        }
        assert_eq!(io.written(), wire(role, b"\x82\x04last\x82\x00"), "{role:?}");
        let error = finish(stream.write(b"late")).expect_err("shut down");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{role:?}");
        let mut byte = [0];
        finish(stream.read_exact(&mut byte)).expect("open");
        io.arrive_bytes(from_peer(role, b"\x82\x01b\x82\x00"));
        assert_eq!(read_all(&mut stream).0, b"b", "{role:?}");
        io.arrive_bytes(from_peer(role, b"\x88\x02\x03\xe8"));
        io.arrive(Read::End);
        let closed = finish(stream.close(1000, "")).expect("closed");
        assert_eq!(closed, Some(CloseFrame::new(1000, "")), "{role:?}");
        let sent = wire(role, b"\x82\x04last\x82\x00\x88\x02\x03\xe8");
        assert_eq!(io.written(), sent, "{role:?}");
    }
}

/// A peer that has closed reads nothing any more.
#[test]
fn writes_after_the_peers_close_are_refused() {
    for role in ROLES {
        let (mut stream, io) = ending(role, b"\x88\x02\x03\xe8");
        assert_eq!(read_all(&mut stream).0, b"");
        let error = finish(stream.write(b"late")).expect_err("closed");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{role:?}");
        assert!(error.get_ref().expect("a source").is::<bowline::Error>());
        finish(stream.shutdown()).expect("it was");
        assert_eq!(io.written(), wire(role, b"\x88\x02\x03\xe8"), "{role:?}");
    }
}

/// What was written before a shutdown goes out before it, at any pace, or the shutdown says so.
#[test]
fn a_shutdown_waits_for_what_was_written() {
    for role in ROLES {
        for is_half in [false, true] {
            let io = Script::of([]).room(3);
            let mut stream = websocket(role, io.clone(), untimed()).into_byte_stream();
            if is_half {
                stream = stream.with_half_close();
            }
            finish(stream.write_all(&[7; 1000])).expect("room");
            assert!(run(stream.shutdown()).is_pending(), "{role:?}");
            io.make_room(None);
            finish(stream.shutdown()).expect("open");
            let end: &[u8] = if is_half { b"\x82\x00" } else { b"\x88\x02\x03\xe8" };
            let sent = [&frame(0x82, &[7; 1000])[..], end].concat();
            assert!(io.written() == wire(role, &sent), "{role:?} {is_half}");
        }
    }
}

/// `get_ref` and a dropped stream: the transport goes with it, and no Close is sent.
#[test]
fn a_dropped_stream_drops_the_transport() {
    for role in ROLES {
        let io = Script::of([]);
        let stream = websocket(role, io.clone(), untimed()).into_byte_stream();
        assert_eq!(stream.get_ref().role(), role);
        drop(stream);
        assert!(io.is_dropped() && io.written().is_empty(), "{role:?}");
    }
}
