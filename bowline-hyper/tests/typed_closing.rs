//! What the peer sees on the wire of a typed connection that is closed: over a message that doesn't fit, or by
//! its owner; whole and in halves.

#[path = "../../tests/support/io.rs"]
mod io;

use std::time::Duration;

use bowline::{CloseFrame, Error, Role, UsageError, WebSocket};
use bowline_hyper::{Typed, TypedError};
use futures_util::{Stream, StreamExt, stream::FusedStream};
use io::{
    Fault, Op, Pace, ROLES, Read, Script, finish, frame, from_peer, run, untimed, websocket, wire,
};
use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    time::Instant,
};

/// What arrives here: one letter.
#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Letter {
    to: char,
}

type Whole = Typed<Letter, u8, WebSocket<Script>>;

fn typed(role: Role, io: &Script) -> Whole {
    Typed::new(websocket(role, io.clone(), untimed())).close_on_invalid()
}

fn text(json: &str) -> Vec<u8> {
    frame(0x81, json.as_bytes())
}

/// A Close with this code and reason.
fn close(code: u16, reason: &str) -> Vec<u8> {
    frame(0x88, &[&code.to_be_bytes(), reason.as_bytes()].concat())
}

/// A message that doesn't fit, and the Close that it is answered with.
fn misfits() -> Vec<(Vec<u8>, Vec<u8>)> {
    let many = "x".to_owned() + &"\u{20ac}".repeat(100);
    let expected = ", expected a character at line 1 column ";
    vec![
        (text("x"), close(1007, "expected value at line 1 column 1")),
        (text(""), close(1007, "EOF while parsing a value at line 1 column 0")),
        (text(r#"{"to":7}"#), close(1007, &format!("to: invalid type: integer `7`{expected}7"))),
        (frame(0x82, b"{\"to\":\"x\"}"), close(1003, "binary message of 10 bytes, text expected")),
        // In fragments.
        ([frame(0x01, b"{\"t"), frame(0x80, b"u\":0}")].concat(), {
            close(1007, "missing field `to` at line 1 column 8")
        }),
        (text(&format!(r#"{{"to":"{many}"}}"#)), close(1007, &cut_of(&many))),
    ]
}

/// As much of what is said as there is room for, which is not all of the 123 bytes.
fn cut_of(many: &str) -> String {
    let whole = format!("to: invalid value: string \"{many}\"");
    assert!(!whole.is_char_boundary(123) && !whole.is_char_boundary(122));
    whole[..121].to_owned()
}

/// The items to the end.
fn items<S>(typed: &mut S) -> Vec<Result<Letter, TypedError>>
where
    S: Stream<Item = Result<Letter, TypedError>> + FusedStream + Unpin,
{
    let mut items = Vec::new();
    while let Some(item) = finish(typed.next()) {
        items.push(item);
    }
    assert!(typed.is_terminated());
    items
}

#[test]
fn a_message_that_does_not_fit_closes_the_connection_and_is_the_last_item() {
    for role in ROLES {
        for (n, (message, close)) in misfits().into_iter().enumerate() {
            let io = Script::new(from_peer(role, &[text(r#"{"to":"a"}"#), message].concat()));
            let mut typed = typed(role, &io);
            assert_eq!(finish(typed.next()).expect("open").expect("a letter"), Letter { to: 'a' });
            // The error waits for the peer, and the peer has the Close.
            assert!(run(typed.next()).is_pending() && run(typed.next()).is_pending());
            assert!(!typed.is_terminated());
            assert_eq!(io.written(), wire(role, &close), "{role:?}, {n}");
            let refused = finish(typed.send(&1)).expect_err("closing");
            let closed =
                matches!(refused, TypedError::Connection(Error::Usage(UsageError::SendAfterClose)));
            assert!(closed, "{refused:?}");
            // What still comes is discarded, however well it fits.
            let reply = [text(r#"{"to":"b"}"#), close.clone()].concat();
            io.arrive_bytes(from_peer(role, &reply));
            io.arrive(Read::End);
            let items = items(&mut typed);
            let [Err(error)] = &items[..] else { panic!("{items:?}") };
            let code = u16::from_be_bytes([close[2], close[3]]);
            assert_eq!(error.close_code(), Some(code.into()), "{role:?}, {n}");
            let reason = std::str::from_utf8(&close[4..]).expect("UTF-8");
            assert!(error.to_string().starts_with(reason), "{error} / {reason}");
            assert_eq!(typed.close_frame(), Some(&CloseFrame::new(code, reason)));
            assert!(io.written() == wire(role, &close), "once");
        }
    }
}

/// Byte by byte, with each poll's future dropped.
#[test]
fn closing_goes_on_where_a_dropped_next_was() {
    for role in ROLES {
        for (message, close) in misfits() {
            let arriving = [message, b"\x88\x02\x03\xe8".to_vec()].concat();
            let io = Script::new(from_peer(role, &arriving)).pace(Pace::Halting);
            io.arrive(Read::End);
            let mut typed = typed(role, &io);
            let mut polls = 0;
            let item = loop {
                if let std::task::Poll::Ready(item) =
                    io::poll_times(std::pin::pin!(typed.next()), 1)
                {
                    break item;
                }
                polls += 1;
            };
            assert!(matches!(item, Some(Err(_))) && polls > 20, "{role:?}, {polls}: {item:?}");
            assert!(finish(typed.next()).is_none());
            assert_eq!(io.written(), wire(role, &close), "{role:?}");
            assert_eq!(typed.close_frame(), Some(&CloseFrame::new(1000, "")), "{role:?}");
        }
    }
}

/// How the closing goes is of no interest beside why it came to it.
#[test]
fn the_error_is_the_message_whatever_becomes_of_the_closing() {
    for role in ROLES {
        let io = || Script::new(from_peer(role, &text("x")));
        let broken = io().fail(Op::Write, 0, Fault::Error);
        broken.arrive(Read::End);
        let reset = io();
        reset.arrive(Read::Error(std::io::ErrorKind::ConnectionReset));
        let breach = io();
        breach.arrive_bytes(b"\xff\xff".to_vec());
        breach.arrive(Read::End);
        for (n, io) in [broken, reset, breach].into_iter().enumerate() {
            let mut typed = typed(role, &io);
            let items = items(&mut typed);
            assert!(matches!(&items[..], [Err(TypedError::Parse(_))]), "{role:?}, {n}: {items:?}");
            assert_eq!(typed.close_frame(), None, "{role:?}, {n}");
        }
    }
}

/// On a clock: a peer that doesn't answer is waited for no longer than for any other Close.
#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_answer_is_left_after_the_close_timeout() {
    let (near, mut far) = duplex(1 << 10);
    let config = untimed().with_close_timeout(Some(Duration::from_secs(5)));
    let ws = websocket(Role::Server, near, config);
    let mut typed = Typed::<Letter, u8, _>::new(ws).close_on_invalid();
    let started = Instant::now();
    far.write_all(&from_peer(Role::Server, &text("x"))).await.expect("room");
    let error = io::within(typed.next()).await.expect("an item").expect_err("invalid");
    assert!(matches!(error, TypedError::Parse(_)), "{error:?}");
    assert_eq!(started.elapsed().as_secs(), 5);
    assert!(io::within(typed.next()).await.is_none());
    drop(typed);
    assert_eq!(io::rest_of(&mut far).await, close(1007, "expected value at line 1 column 1"));
}

/// As handlers do: the error goes up, and the connection is dropped. The peer was told all the same.
#[tokio::test]
async fn the_peer_knows_even_where_the_connection_is_dropped_over_the_error() {
    async fn serve(mut typed: Typed<Letter, u8, WebSocket<tokio::io::DuplexStream>>) -> String {
        let mut answer = async || -> Result<(), TypedError> {
            while let Some(letter) = typed.next().await {
                typed.send(&(letter?.to as u8)).await?;
            }
            Ok(())
        };
        answer().await.expect_err("invalid").to_string()
    }
    let (near, mut far) = duplex(16);
    let typed = Typed::new(websocket(Role::Server, near, untimed())).close_on_invalid();
    let serving = tokio::spawn(serve(typed));
    let arriving = [text(r#"{"to":"a"}"#), text(r#"{"to":"ab"}"#), close(1007, "")].concat();
    let reason = r#"to: invalid value: string "ab", expected a character at line 1 column 10"#;
    let expected = [text("97"), close(1007, reason)].concat();
    let mut seen = vec![0; expected.len()];
    let (mut reading, mut writing) = tokio::io::split(far);
    let write = tokio::spawn(async move {
        writing.write_all(&from_peer(Role::Server, &arriving)).await.expect("read");
        writing
    });
    io::within(reading.read_exact(&mut seen)).await.expect("both");
    assert_eq!(seen, expected);
    // A server ends first.
    assert_eq!(io::within(reading.read(&mut [0])).await.expect("an end"), 0);
    far = reading.unsplit(write.await.expect("the writer"));
    drop(far);
    assert_eq!(io::within(serving).await.expect("the server"), reason);
}

// ---- halves ----

#[test]
fn halves_keep_their_types_and_what_was_asked_for() {
    for role in ROLES {
        let arriving = [
            frame(0x82, br#"{"to":"a"}"#),
            text(r#"{"to":"b"}"#),
            text(r#"{"to":0}"#),
            close(1000, "bye"),
        ];
        let io = Script::new(from_peer(role, &arriving.concat()));
        io.arrive(Read::End);
        let (mut reader, mut writer) = typed(role, &io).allow_binary().split();
        let mut clone = writer.clone();
        finish(writer.send(&1)).expect("open");
        for to in ['a', 'b'] {
            assert_eq!(finish(reader.next()).expect("open").expect("a letter"), Letter { to });
        }
        finish(clone.feed(&2)).expect("open");
        let items = items(&mut reader);
        assert!(matches!(&items[..], [Err(TypedError::Parse(_))]), "{role:?}: {items:?}");
        assert_eq!(reader.close_frame(), Some(&CloseFrame::new(1000, "bye")));
        let reason = "to: invalid type: integer `0`, expected a character at line 1 column 7";
        let written = [text("1"), text("2"), close(1007, reason)].concat();
        assert_eq!(io.written(), wire(role, &written), "{role:?}");
        for writer in [&mut writer, &mut clone] {
            let error = finish(writer.send(&3)).expect_err("closed");
            assert!(matches!(error.as_connection(), Some(Error::Usage(_))), "{error:?}");
        }
        reader
            .into_inner()
            .reunite({
                drop(clone);
                writer.into_inner()
            })
            .expect("the halves of one");
    }
}

/// A half that was typed alone, and one split off while an error waits for the end.
#[test]
fn a_reader_alone_closes_too() {
    for role in ROLES {
        let invalid = || Script::new(from_peer(role, &text("x")));
        let written = close(1007, "expected value at line 1 column 1");
        let (alone, split) = (invalid(), invalid());
        let (reader, _writer) = websocket(role, alone.clone(), untimed()).split();
        let mut readers = vec![(alone, Typed::<Letter, u8, _>::new(reader).close_on_invalid())];
        let mut whole = typed(role, &split);
        assert!(run(whole.next()).is_pending());
        let (reader, _typed_writer) = whole.split();
        readers.push((split, reader));
        for (io, mut reader) in readers {
            assert!(run(reader.next()).is_pending());
            assert_eq!(io.written(), wire(role, &written), "{role:?}");
            io.arrive(Read::End);
            let items = items(&mut reader);
            assert!(matches!(&items[..], [Err(TypedError::Parse(_))]), "{role:?}: {items:?}");
        }
    }
}

#[test]
fn without_being_asked_for_nothing_is_closed() {
    for role in ROLES {
        let messages = misfits().into_iter().map(|(message, _)| message).collect::<Vec<_>>();
        let io = Script::new(from_peer(role, &messages.concat()));
        let ws = websocket(role, io.clone(), untimed());
        let (mut reader, _writer) = Typed::<Letter, u8, _>::new(ws).split();
        for _ in &messages {
            assert!(finish(reader.next()).expect("open").is_err());
        }
        assert!(run(reader.next()).is_pending());
        assert_eq!(io.written(), b"", "{role:?}");
    }
}

#[test]
fn close_is_that_of_the_connection_and_keeps_the_peers() {
    let answer = CloseFrame::new(1000, "bye");
    for role in ROLES {
        let io = || {
            let io = Script::new(from_peer(role, &[text("0"), close(1000, "bye")].concat()));
            io.arrive(Read::End);
            io
        };
        let whole_io = io();
        let mut whole = typed(role, &whole_io);
        assert_eq!(finish(whole.close(4000, "x")).expect("closed"), Some(answer.clone()));
        assert_eq!(whole.close_frame(), Some(&answer));
        assert!(finish(whole.next()).is_none() && whole.is_terminated());
        let reader_io = io();
        let (mut reader, _writer) = typed(role, &reader_io).split();
        assert_eq!(finish(reader.close(4000, "x")).expect("closed"), Some(answer.clone()));
        assert_eq!(reader.close_frame(), Some(&answer));
        let writer_io = io();
        let (mut reader, mut writer) =
            Typed::<u8, u8, _>::new(websocket(role, writer_io.clone(), untimed())).split();
        finish(writer.close(4000, "x")).expect("open");
        assert_eq!(finish(reader.next()).expect("open").expect("a number"), 0);
        assert!(finish(reader.next()).is_none());
        assert_eq!(reader.close_frame(), Some(&answer));
        for io in [whole_io, reader_io, writer_io] {
            assert_eq!(io.written(), wire(role, &close(4000, "x")), "{role:?}");
        }
        let mut refused = typed(role, &Script::of([]));
        let error = finish(refused.close(1005, "")).expect_err("not to be sent");
        assert!(matches!(error.as_connection(), Some(Error::Usage(_))), "{error:?}");
    }
}
