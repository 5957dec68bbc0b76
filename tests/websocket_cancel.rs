//! Every public future, dropped at every poll on a transport that stops at every byte: nothing is lost,
//! nothing is sent twice, no frame is torn.

#[path = "support/io.rs"]
mod io;

use std::{future::Future, pin::pin, task::Poll};

use bowline::{Client, CloseFrame, Config, Message, Role, Server, UsageError, WebSocket, server};
use http::{Response, StatusCode};
use io::{
    Item, Pace, ROLES, Read, Script, drain, drain_to_end, finish, from_peer, item, poll_times, run,
    untimed, websocket, wire,
};

/// Text, a ping inside a fragmented message, empty frames, and Close.
const ARRIVING: &[u8] =
    b"\x81\x05Hello\x02\x01a\x89\x02hi\x80\x02bc\x82\x00\x8a\x00\x89\x01x\x81\x02ok\x88\x05\x03\xe8bye";

/// After how many polls a future is dropped.
const POLLS: [usize; 5] = [1, 2, 3, 5, 8];

fn halting(role: Role) -> Script {
    let io = Script::new(from_peer(role, ARRIVING)).pace(Pace::Halting);
    io.arrive(Read::End);
    io
}

/// Makes the future anew whenever it was polled so many times, until one is ready.
fn insist<O>(
    ws: &mut WebSocket<Script>,
    polls: usize,
    make: impl AsyncFn(&mut WebSocket<Script>) -> O,
) -> O {
    for _ in 0..100_000 {
        if let Poll::Ready(output) = poll_times(pin!(make(ws)), polls) {
            return output;
        }
    }
    panic!("never ready");
}

#[test]
fn next_dropped_at_every_poll_loses_no_message_and_no_answer() {
    for role in ROLES {
        let io = halting(role);
        let mut ws = websocket(role, io.clone(), untimed());
        let items = drain_to_end(&mut ws);
        let messages = [
            Message::text("Hello"),
            Message::ping("hi"),
            Message::binary("abc"),
            Message::binary(""),
            Message::pong(""),
            Message::ping("x"),
            Message::text("ok"),
            Message::close(1000, "bye"),
        ];
        assert_eq!(items, messages.map(Ok), "{role:?}");
        let written = io.written();
        assert_eq!(written, wire(role, b"\x8a\x02hi\x8a\x01x\x88\x02\x03\xe8"), "{role:?}");
        for polls in POLLS {
            let io = halting(role);
            let mut ws = websocket(role, io.clone(), untimed());
            let mut disturbed: Vec<Item> = Vec::new();
            while let Some(next) = insist(&mut ws, polls, async |ws| ws.next().await) {
                disturbed.push(item(next));
            }
            assert_eq!(disturbed, items, "{role:?}, dropped after {polls} polls");
            assert_eq!(io.written(), written, "{role:?}, dropped after {polls} polls");
        }
    }
}

#[test]
fn a_dropped_feed_has_queued_nothing_and_a_dropped_flush_tears_nothing() {
    for (role, vectored) in ROLES.into_iter().flat_map(|role| [(role, true), (role, false)]) {
        let expected = [
            io::frame(0x81, b"Hello"),
            io::frame(0x82, &[7; 126]),
            io::frame(0x89, b"?"),
            io::frame(0x82, &[8; 5000]),
            io::frame(0x81, b""),
        ]
        .concat();
        for polls in POLLS {
            let io = Script::of([]).pace(Pace::Halting);
            let io = if vectored { io } else { io.not_vectored() };
            // Every feed but the first has to wait for the one before it to be written.
            let mut ws = websocket(role, io.clone(), untimed().with_high_water(1));
            let messages = [
                Message::text("Hello"),
                Message::binary(vec![7; 126]),
                Message::ping("?"),
                Message::binary(vec![8; 5000]),
                Message::text(""),
            ];
            for message in messages {
                insist(&mut ws, polls, async |ws| ws.feed(message.clone()).await).expect("open");
            }
            insist(&mut ws, polls, async |ws| ws.flush().await).expect("open");
            assert_eq!(io.written(), wire(role, &expected), "{role:?}, {vectored}, {polls} polls");
        }
    }
}

#[test]
fn a_dropped_send_is_wholly_queued_or_not_at_all() {
    for role in ROLES {
        let mut queued = [0; 2];
        for polls in 0..200 {
            let io = Script::of([]).pace(Pace::Halting);
            let mut ws = websocket(role, io.clone(), untimed().with_high_water(1));
            finish(ws.feed("first")).expect("open");
            let is_done = poll_times(pin!(ws.send("second")), polls).is_ready();
            finish(ws.send("third")).expect("open");
            let without = wire(role, b"\x81\x05first\x81\x05third");
            let with = wire(role, b"\x81\x05first\x81\x06second\x81\x05third");
            let written = io.written();
            assert!(written == with || (written == without && !is_done), "{role:?}, {polls} polls");
            queued[usize::from(written == with)] += 1;
        }
        assert!(queued.iter().all(|count| *count > 5), "both happen: {queued:?}");
    }
}

#[test]
fn section_7_1_close_dropped_at_every_poll_goes_on_where_it_was() {
    for role in ROLES {
        let answer = CloseFrame::new(1000, "bye");
        for polls in POLLS {
            let io = halting(role);
            let mut ws = websocket(role, io.clone(), untimed());
            let closed = insist(&mut ws, polls, async |ws| ws.close(4321, "enough").await);
            assert_eq!(
                io.written(),
                wire(role, b"\x88\x08\x10\xe1enough"),
                "{role:?}, {polls} polls"
            );
            assert_eq!(drain(&mut ws), [None]);
            assert_eq!(closed.expect("closed"), Some(answer.clone()), "{role:?}, {polls} polls");
        }
    }
}

/// As `select!` does: the reader is dropped whenever the writer has something to do, and the other way.
#[test]
fn next_and_feed_dropped_in_turns_lose_nothing() {
    for role in ROLES {
        let io = halting(role);
        let mut ws = websocket(role, io.clone(), untimed().with_high_water(1));
        let (mut received, mut sent) = (Vec::new(), 0u8);
        for turn in 0..10_000 {
            if turn % 2 == 0 && sent < 20 {
                let fed = poll_times(pin!(ws.feed(vec![sent; 3])), turn % 5);
                match fed {
                    Poll::Ready(Ok(())) => sent += 1,
                    Poll::Ready(Err(error)) => {
                        assert!(matches!(error, bowline::Error::Usage(UsageError::SendAfterClose)));
                    }
                    Poll::Pending => {}
                }
            } else if let Poll::Ready(next) = poll_times(pin!(ws.next()), turn % 3) {
                let Some(message) = next else { break };
                received.push(item(message));
            }
        }
        assert_eq!(received.len(), 8, "{role:?}: {received:?}");
        assert_eq!(received.last(), Some(&Ok(Message::close(1000, "bye"))));
        assert!(sent > 3, "{role:?}: {sent} sent");
        let data = data_frames(role, &io.written());
        assert_eq!(data, (0..sent).map(|n| vec![n; 3]).collect::<Vec<_>>(), "{role:?}");
    }
}

/// The payloads of the binary frames that an end of this role wrote, every frame being short and whole.
fn data_frames(role: Role, mut written: &[u8]) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    while let [first, short, ..] = *written {
        let length = usize::from(short & 0x7f);
        let header = if role == Role::Client { 6 } else { 2 };
        let (frame, rest) = written.split_at(header + length);
        let unmasked = io::frame(first, &frame[header..]);
        // Masking twice unmasks.
        let payload = &wire(role, &unmasked)[header..];
        if first == 0x82 {
            payloads.push(payload.to_vec());
        } else {
            assert!(matches!(first, 0x8a | 0x88), "a torn frame: {frame:02x?}");
        }
        written = rest;
    }
    payloads
}

const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// Drops the future after every number of polls; the transport must go with it, and what was written is
/// the start of what an undisturbed run writes.
fn dropped_at_every_poll<F>(make_io: impl Fn() -> Script, make: impl Fn(Script) -> F) -> Vec<u8>
where
    F: Future,
{
    let whole = make_io();
    finish(make(whole.clone()));
    let whole = whole.written();
    for polls in 0.. {
        let io = make_io();
        let poll = poll_times(pin!(make(io.clone())), polls);
        assert!(io.is_dropped(), "after {polls} polls the transport is still held");
        let written = io.written();
        assert!(
            whole.starts_with(&written),
            "{polls} polls: {:?}",
            written.escape_ascii().to_string()
        );
        if poll.is_ready() {
            break;
        }
    }
    whole
}

#[test]
fn section_4_2_a_server_dropped_in_its_handshake_drops_the_transport() {
    let config = untimed();
    let asking = || Script::new(REQUEST).pace(Pace::Halting);
    let ended = || {
        let io = asking();
        io.arrive(Read::End);
        io
    };
    let accepted = dropped_at_every_poll(asking, |io| {
        let server = Server::new().config(config.clone());
        async move { server.receive(io).await.expect("a request").accept().await.map(drop) }
    });
    assert!(accepted.starts_with(b"HTTP/1.1 101 ") && accepted.ends_with(b"\r\n\r\n"));
    let rejected = dropped_at_every_poll(ended, |io| {
        let server = Server::new().config(config.clone());
        async move { server.receive(io).await.expect("a request").reject(StatusCode::FORBIDDEN).await }
    });
    assert!(rejected.starts_with(b"HTTP/1.1 403 ") && rejected.ends_with(b"\r\n\r\n"));
    let answered = dropped_at_every_poll(ended, |io| {
        let server = Server::new().config(config.clone());
        async move { server.receive(io).await.expect("a request").respond(Response::new("hello")).await }
    });
    assert!(answered.starts_with(b"HTTP/1.1 200 ") && answered.ends_with(b"\r\n\r\nhello"));
}

#[tokio::test(start_paused = true)]
async fn section_4_2_a_dropped_accept_drops_its_timer_too() {
    let asking = || Script::new(REQUEST).pace(Pace::Halting);
    let accepted = dropped_at_every_poll(asking, |io| async { server::accept(io).await.map(drop) });
    assert!(accepted.starts_with(b"HTTP/1.1 101 "));
}

#[test]
fn section_4_1_a_client_dropped_in_its_handshake_drops_the_transport() {
    for polls in 0.. {
        let io = Script::new(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
            .pace(Pace::Halting);
        let client = Client::new("ws://server.example.com/chat").expect("a URI").config(untimed());
        let poll = poll_times(pin!(client.handshake(io.clone())), polls);
        check_refused(&poll);
        assert!(io.is_dropped(), "after {polls} polls the transport is still held");
        if poll.is_ready() {
            assert!(io.written().ends_with(b"\r\n\r\n"));
            break;
        }
    }
}

/// The one outcome that a handshake with this answer may have.
fn check_refused<T>(poll: &Poll<Result<T, bowline::Error>>) {
    if let Poll::Ready(result) = poll {
        assert!(matches!(result, Err(bowline::Error::Handshake(_))));
    }
}

/// A future that was never polled has done nothing.
#[test]
fn futures_are_lazy() {
    for role in ROLES {
        let io = Script::of([]);
        let mut ws: WebSocket<Script> = websocket(role, io.clone(), Config::new());
        drop(ws.send("Hello"));
        drop(ws.feed("Hello"));
        drop(ws.close(1000, ""));
        drop(ws.flush());
        drop(ws.next());
        let mut ws = WebSocket::from_framed(ws.into_framed(), untimed());
        assert!(run(ws.next()).is_pending());
        assert_eq!(io.written(), b"", "{role:?}");
    }
}
