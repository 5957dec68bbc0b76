//! Typed messages on a whole connection: what parses, what doesn't and what is said of it, and that the connection
//! goes on meanwhile.

#[path = "../../tests/support/io.rs"]
mod io;

use std::{
    collections::{BTreeMap, VecDeque},
    error::Error as _,
    pin::Pin,
    task::{Context, Poll},
};

use bowline::{CloseFrame, Error, Message, Role, WebSocket};
use bowline_hyper::{Typed, TypedError};
use futures_util::{SinkExt, Stream, StreamExt, stream::FusedStream};
use io::{Fault, Op, ROLES, Read, Script, finish, frame, from_peer, run, untimed, websocket, wire};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Move {
    to: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Game {
    moves: Vec<Move>,
}

type Over<S> = Typed<Game, Game, S>;

fn game(to: &[u8]) -> Game {
    Game { moves: to.iter().map(|to| Move { to: *to }).collect() }
}

/// A connection of this role on which these frames, unmasked here, arrive.
fn typed<In, Out>(role: Role, frames: &[u8]) -> (Script, Typed<In, Out, WebSocket<Script>>) {
    let io = Script::new(from_peer(role, frames));
    let ws = websocket(role, io.clone(), untimed());
    (io, Typed::new(ws))
}

fn text(json: &str) -> Vec<u8> {
    frame(0x81, json.as_bytes())
}

/// The `Display` of an error that ends nothing.
#[track_caller]
fn complaint<In>(next: Option<Result<In, TypedError>>) -> String {
    next.expect("open").map(|_| ()).expect_err("invalid").to_string()
}

#[test]
fn values_come_and_go_as_text() {
    for role in ROLES {
        let arriving = [
            text(r#"{"moves":[]}"#),
            frame(0x89, b"?"),
            frame(0x8a, b"!"),
            text(" {\n\"moves\" : [ {\"to\":255} ]}\t"),
            // In fragments, and with fields that nobody knows.
            frame(0x01, br#"{"x":null,"mo"#),
            frame(0x80, br#"ves":[{"to":7,"from":6}]}"#),
        ];
        let (io, mut typed) = typed::<Game, Game>(role, &arriving.concat());
        for expected in [game(&[]), game(&[255]), game(&[7])] {
            assert_eq!(finish(typed.next()).expect("open").expect("a game"), expected, "{role:?}");
        }
        assert!(run(typed.next()).is_pending());
        finish(typed.send(&game(&[1, 2]))).expect("open");
        finish(typed.feed(&game(&[]))).expect("open");
        assert!(!io.written().ends_with(&wire(role, &text(r#"{"moves":[]}"#))), "only fed");
        finish(typed.flush()).expect("open");
        let answers =
            [frame(0x8a, b"?"), text(r#"{"moves":[{"to":1},{"to":2}]}"#), text(r#"{"moves":[]}"#)];
        assert_eq!(io.written(), wire(role, &answers.concat()), "{role:?}");
    }
}

/// A fed value is written when there is nothing more to read.
#[test]
fn what_is_fed_is_written_by_next() {
    for role in ROLES {
        let (io, mut typed) = typed::<Game, u8>(role, &text(r#"{"moves":[]}"#).repeat(3));
        for n in 0..3 {
            finish(typed.next()).expect("open").expect("a game");
            finish(typed.feed(&n)).expect("open");
        }
        assert_eq!(io.written(), b"");
        assert!(run(typed.next()).is_pending());
        let answers = ["0", "1", "2"].map(text).concat();
        assert_eq!(io.written(), wire(role, &answers), "{role:?}");
    }
}

#[test]
fn as_a_stream_and_a_sink() {
    for role in ROLES {
        let arriving = [text(r#"{"moves":[{"to":3}]}"#), frame(0x88, b"\x03\xe8")].concat();
        let (io, mut typed) = typed::<Game, Game>(role, &arriving);
        io.arrive(Read::End);
        finish(SinkExt::feed(&mut typed, game(&[1]))).expect("open");
        finish(SinkExt::send(&mut typed, game(&[2]))).expect("open");
        assert!(!typed.is_terminated());
        let games: Vec<_> = finish(StreamExt::collect(&mut typed));
        let games: Vec<_> = games.into_iter().map(|game| game.expect("a game")).collect();
        assert_eq!(games, [game(&[3])], "{role:?}");
        assert!(typed.is_terminated());
        let answers = [
            text(r#"{"moves":[{"to":1}]}"#),
            text(r#"{"moves":[{"to":2}]}"#),
            frame(0x88, b"\x03\xe8"),
        ];
        assert_eq!(io.written(), wire(role, &answers.concat()), "{role:?}");

        let (io, mut closing) = self::typed::<Game, Game>(role, b"");
        finish(SinkExt::feed(&mut closing, game(&[]))).expect("open");
        finish(SinkExt::close(&mut closing)).expect("open");
        let answers = [text(r#"{"moves":[]}"#), frame(0x88, b"\x03\xe8")];
        assert_eq!(io.written(), wire(role, &answers.concat()), "{role:?}");
    }
}

// ---- messages that don't fit ----

/// What is said of each message as a `Game`; path, line and column as they are in it.
const MISFITS: [(&str, &str, &str, (usize, usize)); 14] = [
    (
        r#"{"moves":[{"to":1},{"to":2},{"to":3},{"to":"x"}]}"#,
        r#"moves[3].to: invalid type: string "x", expected u8 at line 1 column 46"#,
        "moves[3].to",
        (1, 46),
    ),
    (
        "{\n  \"moves\": [\n    {\"to\": 256}\n  ]\n}",
        "moves[0].to: invalid value: integer `256`, expected u8 at line 3 column 14",
        "moves[0].to",
        (3, 14),
    ),
    (r#"{"moves":[{}]}"#, "moves[0]: missing field `to` at line 1 column 12", "moves[0]", (1, 12)),
    ("{}", "missing field `moves` at line 1 column 2", ".", (1, 2)),
    ("[]", "invalid length 0, expected struct Game with 1 element at line 1 column 2", ".", (1, 2)),
    ("null", "invalid type: null, expected struct Game at line 1 column 4", ".", (1, 4)),
    ("", "EOF while parsing a value at line 1 column 0", ".", (1, 0)),
    ("{", "EOF while parsing an object at line 1 column 1", ".", (1, 1)),
    (
        r#"{"moves":[{"#,
        "moves[0]: EOF while parsing an object at line 1 column 11",
        "moves[0]",
        (1, 11),
    ),
    (r#"{"moves":["#, "moves: EOF while parsing a list at line 1 column 10", "moves", (1, 10)),
    (
        r#"{"moves":[{"to":x}]}"#,
        "moves[0].to: expected value at line 1 column 17",
        "moves[0].to",
        (1, 17),
    ),
    ("hello", "expected value at line 1 column 1", ".", (1, 1)),
    (r#"{"moves":[]} []"#, "trailing characters at line 1 column 14", ".", (1, 14)),
    (r#"{"moves":[]}{"moves":[]}"#, "trailing characters at line 1 column 13", ".", (1, 13)),
];

#[test]
fn a_message_that_does_not_parse_names_the_place_and_the_next_one_comes() {
    for role in ROLES {
        for (json, said, path, place) in MISFITS {
            let arriving = [text(json), text(r#"{"moves":[]}"#)].concat();
            let (io, mut typed) = typed::<Game, Game>(role, &arriving);
            let error = finish(typed.next()).expect("open").expect_err(json);
            assert_eq!(error.to_string(), said, "{json}");
            let parse = error.as_parse().expect("a parse error");
            assert_eq!((parse.path(), (parse.line(), parse.column())), (path, place), "{json}");
            assert_eq!(error.close_code(), Some(1007.into()));
            assert!(!error.is_disconnect() && error.as_connection().is_none());
            assert!(matches!(finish(typed.next()), Some(Ok(next)) if next == game(&[])), "{json}");
            finish(typed.send(&game(&[9]))).expect("open");
            assert_eq!(io.written(), wire(role, &text(r#"{"moves":[{"to":9}]}"#)), "{json}");
        }
    }
}

#[test]
fn what_is_no_json_can_be_told_from_what_is_of_another_type() {
    let arriving = ["{", "x", "[1]"].map(text).concat();
    let (_io, mut typed) = typed::<Game, Game>(Role::Server, &arriving);
    let mut kinds = Vec::new();
    while let Poll::Ready(Some(Err(TypedError::Parse(error)))) = run(typed.next()) {
        kinds.push([error.inner().is_eof(), error.inner().is_syntax(), error.inner().is_data()]);
    }
    let expected = [[true, false, false], [false, true, false], [false, false, true]];
    assert_eq!(kinds, expected);
}

/// The peer has a say in it.
#[test]
fn what_is_said_of_a_message_is_short_and_without_control_characters() {
    let long = "k".repeat(100_000);
    let messages = [
        format!(r#"{{"{long}":{{"a":"{long}"}}}}"#),
        r#"{"a\u0000\u001b[31m\n":{"b":"\u0007"}}"#.to_owned(),
        format!(r#"{{"{}":{{"b":"\n"}}}}"#, "\\n".repeat(1000)),
        format!(r#"{{"a":{{"b":"{}"}}}}"#, "\u{20ac}".repeat(1000)),
    ];
    type Nested = BTreeMap<String, BTreeMap<String, u8>>;
    for message in messages {
        let (_io, mut typed) = typed::<Nested, u8>(Role::Server, &text(&message));
        let error = finish(typed.next()).expect("open").expect_err("no number");
        let said = error.to_string();
        assert!(said.len() <= 600 && !said.contains(char::is_control), "{said}");
        let column = error.as_parse().expect("a parse error").column();
        assert!(said.ends_with(&format!(" at line 1 column {column}")), "{said}");
        assert!(said.contains("invalid type: string"), "{said}");
    }
    #[derive(Debug, Deserialize)]
    enum Only {
        One,
    }
    let (_io, mut typed) = typed::<Only, u8>(Role::Server, &text(r#""a\u001bb""#));
    let said = complaint(finish(typed.next()));
    assert_eq!(said, r"unknown variant `a\u{1b}b`, expected `One` at line 1 column 10");
    assert!(format!("{:?}", Only::One).is_ascii());
}

#[test]
fn binary_messages_are_handed_over_unless_they_are_allowed() {
    for role in ROLES {
        let json = br#"{"moves":[{"to":4}]}"#;
        let arriving = [frame(0x82, json), frame(0x82, b"\xff"), text(r#"{"moves":[]}"#)].concat();
        let (_io, mut typed) = typed::<Game, Game>(role, &arriving);
        let error = finish(typed.next()).expect("open").expect_err("binary");
        assert_eq!(error.to_string(), "binary message of 20 bytes, text expected");
        assert_eq!(error.close_code(), Some(1003.into()));
        assert!(matches!(error, TypedError::NotText(bytes) if bytes == json[..]));
        assert!(matches!(finish(typed.next()), Some(Err(TypedError::NotText(_)))));
        assert!(matches!(finish(typed.next()), Some(Ok(next)) if next == game(&[])));

        let (io, typed) = self::typed::<Game, Game>(role, &arriving);
        let mut typed = typed.allow_binary();
        assert!(matches!(finish(typed.next()), Some(Ok(next)) if next == game(&[4])));
        assert_eq!(complaint(finish(typed.next())), "expected value at line 1 column 1");
        assert!(matches!(finish(typed.next()), Some(Ok(next)) if next == game(&[])));
        finish(typed.send(&game(&[]))).expect("open");
        assert_eq!(io.written(), wire(role, &text(r#"{"moves":[]}"#)), "text all the same");
    }
}

#[test]
fn values_are_nested_in_at_most_127_others() {
    let nested = |depth: usize| text(&("[".repeat(depth) + &"]".repeat(depth)));
    let arriving = [nested(127), nested(128), nested(100_000), nested(1)].concat();
    let (_io, mut typed) = typed::<Value, Value>(Role::Server, &arriving);
    assert!(finish(typed.next()).expect("open").is_ok());
    for _ in 0..2 {
        let said = complaint(finish(typed.next()));
        assert!(said.ends_with("recursion limit exceeded at line 1 column 128"), "{said}");
    }
    assert!(finish(typed.next()).expect("open").is_ok());
}

// ---- sending ----

/// A value that can't be written after it has begun.
struct Unwritable;

impl Serialize for Unwritable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let broken = BTreeMap::from([("a", 1)]);
        drop(serializer.collect_map(broken));
        Err(serde::ser::Error::custom("out of ink"))
    }
}

#[test]
fn a_value_that_can_not_be_written_sends_nothing() {
    for role in ROLES {
        let (io, mut typed) = typed::<Game, Unwritable>(role, &text(r#"{"moves":[]}"#));
        let said = "a value that is no JSON: out of ink";
        for result in [finish(typed.send(&Unwritable)), finish(typed.feed(&Unwritable))] {
            let error = result.expect_err("unwritable");
            assert!(matches!(&error, TypedError::Serialize(_)) && error.to_string() == said);
            assert!(error.close_code().is_none() && !error.is_disconnect());
        }
        assert!(finish(SinkExt::send(&mut typed, Unwritable)).is_err());
        finish(typed.flush()).expect("open");
        assert_eq!(io.written(), b"");
        assert!(finish(typed.next()).expect("open").is_ok());
        finish(typed.get_mut().send("untyped")).expect("open");
        assert_eq!(io.written(), wire(role, b"\x81\x07untyped"), "{role:?}");
    }
}

// ---- the connection underneath ----

#[test]
fn errors_of_the_connection_end_the_stream_as_they_do_without_types() {
    for role in ROLES {
        let (io, mut typed) = typed::<Game, Game>(role, &text(r#"{"moves":[]}"#));
        io.arrive(Read::End);
        assert!(finish(typed.next()).expect("open").is_ok());
        let error = finish(typed.next()).expect("the end").expect_err("no Close");
        assert!(matches!(&error, TypedError::Connection(Error::AbnormalClosure(_))), "{error:?}");
        assert!(error.is_disconnect() && error.close_code().is_none() && error.source().is_none());
        assert_eq!(error.to_string(), "end of stream between frames, Close expected");
        assert!(finish(typed.next()).is_none() && typed.is_terminated(), "{role:?}");

        // A reserved opcode.
        let (io, mut typed) = self::typed::<Game, Game>(role, b"\x83\x00");
        io.arrive(Read::End);
        let error = finish(typed.next()).expect("the end").expect_err("a breach");
        assert!(matches!(error.as_connection(), Some(Error::Protocol(_))), "{error:?}");
        assert_eq!((error.close_code(), error.is_disconnect()), (Some(1002.into()), false));
        assert!(typed.is_terminated(), "{role:?}, before it is asked again");
        assert!(finish(typed.next()).is_none());

        let io = Script::of([]).fail(Op::Write, 0, Fault::Error);
        let mut typed = Over::new(websocket(role, io, untimed()));
        let error = finish(typed.send(&game(&[]))).expect_err("broken");
        assert!(matches!(error.as_connection(), Some(Error::Io(_))) && error.is_disconnect());
    }
}

#[test]
fn a_close_ends_the_stream_and_is_kept() {
    let closes: [(&[u8], Option<CloseFrame>); 3] = [
        (b"\x03\xe9bye", Some(CloseFrame::new(1001, "bye"))),
        (b"\x03\xe8", Some(CloseFrame::new(1000, ""))),
        (b"", None),
    ];
    for (role, (body, expected)) in ROLES.into_iter().flat_map(|r| closes.clone().map(|c| (r, c))) {
        let (io, mut typed) = typed::<Game, Game>(role, &frame(0x88, body));
        assert_eq!(typed.close_frame(), None);
        // The reply is written, and then the end has to come.
        assert!(run(typed.next()).is_pending());
        let reply = frame(0x88, &body[..body.len().min(2)]);
        assert_eq!(io.written(), wire(role, &reply), "{role:?}");
        io.arrive(Read::End);
        assert!(finish(typed.next()).is_none() && finish(typed.next()).is_none());
        assert_eq!(typed.close_frame(), expected.as_ref(), "{role:?}");
        let error = finish(typed.send(&game(&[]))).expect_err("closed");
        assert!(matches!(error, TypedError::Connection(Error::Usage(_))), "{error:?}");
    }
}

/// Any other stream and sink of messages.
#[derive(Debug)]
struct Queue(VecDeque<Message>);

impl Stream for Queue {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}

#[test]
fn any_stream_of_messages_will_do() {
    let messages = [Message::ping("?"), Message::text("1"), Message::close(4000, "x")];
    let mut typed = Typed::<u8, (), _>::new(Queue(messages.into()));
    assert_eq!(finish(typed.next()).expect("a value").expect("a number"), 1);
    assert!(finish(typed.next()).is_none());
    assert_eq!(typed.close_frame(), Some(&CloseFrame::new(4000, "x")));
    // The end is the end, whatever the other stream does after its own.
    typed.get_mut().0.push_back(Message::text("2"));
    assert!(finish(typed.next()).is_none());
    // One that always has something lets others have their turn all the same.
    let pings = vec![Message::ping("?"); 1000];
    let mut typed = Typed::<u8, (), _>::new(Queue(pings.into()));
    let mut cx = Context::from_waker(std::task::Waker::noop());
    assert!(typed.poll_next_unpin(&mut cx).is_pending());
    assert!(typed.get_ref().0.len() > 500);
    assert!(finish(typed.next()).is_none());
    assert!(format!("{typed:?}").starts_with("Typed { inner: Queue([])"), "{typed:?}");
    assert!(typed.into_inner().0.is_empty());
}

/// Whatever the types, it can be moved to another thread and shared.
#[test]
fn it_is_send_and_sync_whatever_is_sent_on_it() {
    fn is_send_and_sync<T: Send + Sync + Unpin>(_: &T) {}
    let (_io, typed) = typed::<*const u8, std::cell::Cell<u8>>(Role::Server, b"");
    is_send_and_sync(&typed);
}
