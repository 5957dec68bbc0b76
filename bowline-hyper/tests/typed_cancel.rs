//! Every future of a typed connection, dropped at every poll on a transport that stops at every byte: no value is lost,
//! none is sent twice, none in part.

#[path = "../../tests/support/io.rs"]
mod io;

use std::{pin::pin, task::Poll};

use bowline::{Config, Error, Message, Role};
use bowline_hyper::{Typed, TypedError};
use futures_util::{Sink, Stream};
use io::{
    Pace, ROLES, Read, Script, finish, frame, from_peer, poll_times, untimed, websocket, wire,
};

/// After how many polls a future is dropped.
const POLLS: [usize; 5] = [1, 2, 3, 5, 8];

fn text(json: &str) -> Vec<u8> {
    frame(0x81, json.as_bytes())
}

/// Numbers with a ping between, in fragments, one that doesn't fit, and a Close.
fn halting(role: Role) -> Script {
    let arriving = [
        text("1"),
        frame(0x89, b"hi"),
        frame(0x01, b"[2"),
        frame(0x89, b"x"),
        frame(0x80, b"]"),
        text("3"),
        frame(0x82, b"4"),
        text("5"),
        frame(0x88, b"\x03\xe8"),
    ];
    let io = Script::new(from_peer(role, &arriving.concat())).pace(Pace::Halting);
    io.arrive(Read::End);
    io
}

fn config() -> Config {
    // A second message waits until the one before it is written.
    untimed().with_high_water(1)
}

/// Makes the future anew whenever it was polled so many times, until one is ready.
fn insist<T, O>(typed: &mut T, polls: usize, make: impl AsyncFn(&mut T) -> O) -> O {
    for _ in 0..100_000 {
        if let Poll::Ready(output) = poll_times(pin!(make(typed)), polls) {
            return output;
        }
    }
    panic!("never ready");
}

/// What is received to the end; what doesn't fit as what is said of it.
fn received<S>(typed: &mut Typed<u8, String, S>, polls: usize) -> Vec<Result<u8, String>>
where
    S: Stream<Item = Result<Message, Error>> + Unpin,
{
    let mut items = Vec::new();
    while let Some(item) = insist(typed, polls, async |typed| typed.next().await) {
        items.push(item.map_err(|error| error.to_string()));
    }
    items
}

#[test]
fn next_dropped_at_every_poll_loses_nothing() {
    for (role, polls) in ROLES.into_iter().flat_map(|role| POLLS.map(|polls| (role, polls))) {
        let invalid = "invalid type: sequence, expected u8 at line 1 column 0".to_owned();
        let binary = "binary message of 1 bytes, text expected".to_owned();
        let expected = [Ok(1), Err(invalid), Ok(3), Err(binary), Ok(5)];
        let written = wire(role, b"\x8a\x02hi\x8a\x01x\x88\x02\x03\xe8");
        let io = halting(role);
        let mut whole = Typed::new(websocket(role, io.clone(), config()));
        assert_eq!(received(&mut whole, polls), expected, "{role:?}, {polls} polls");
        assert_eq!(io.written(), written, "{role:?}, {polls} polls");
        let io = halting(role);
        let (mut reader, _writer) = Typed::new(websocket(role, io.clone(), config())).split();
        assert_eq!(received(&mut reader, polls), expected, "{role:?}, {polls} polls");
        assert_eq!(io.written(), written, "{role:?}, {polls} polls");
    }
}

/// How a value is sent.
#[derive(Clone, Copy, Debug)]
enum Way {
    Send,
    Feed,
}

async fn queue<S>(typed: &mut Typed<u8, String, S>, way: Way, value: &str) -> Result<(), TypedError>
where
    S: Sink<Message, Error = Error> + Unpin,
{
    match way {
        Way::Send => typed.send(&value.to_owned()).await,
        Way::Feed => typed.feed(&value.to_owned()).await,
    }
}

/// Sends between two others, dropped after so many polls; whether it came to its end.
fn between<S>(typed: &mut Typed<u8, String, S>, way: Way, polls: usize) -> bool
where
    S: Sink<Message, Error = Error> + Unpin,
{
    finish(typed.feed(&"first".to_owned())).expect("open");
    let is_done = poll_times(pin!(queue(typed, way, "second")), polls).is_ready();
    finish(typed.send(&"third".to_owned())).expect("open");
    is_done
}

#[test]
fn what_is_dropped_is_wholly_queued_or_not_at_all() {
    for (role, way) in ROLES.into_iter().flat_map(|r| [(r, Way::Send), (r, Way::Feed)]) {
        let without = wire(role, &[text("\"first\""), text("\"third\"")].concat());
        let all = [text("\"first\""), text("\"second\""), text("\"third\"")];
        let with = wire(role, &all.concat());
        let mut queued = [0; 2];
        for polls in 0..200 {
            for halves in [false, true] {
                let io = Script::of([]).pace(Pace::Halting);
                let mut typed = Typed::<u8, String, _>::new(websocket(role, io.clone(), config()));
                let is_done = if halves {
                    between(&mut typed.split().1, way, polls)
                } else {
                    between(&mut typed, way, polls)
                };
                let written = io.written();
                let is_right = written == with || (written == without && !is_done);
                assert!(is_right, "{role:?}, {way:?}, {halves}, {polls} polls");
                queued[usize::from(written == with)] += 1;
            }
        }
        assert!(queued.iter().all(|count| *count > 5), "{way:?}, both happen: {queued:?}");
    }
}

#[test]
fn a_dropped_flush_or_close_goes_on() {
    for (role, polls) in ROLES.into_iter().flat_map(|role| POLLS.map(|polls| (role, polls))) {
        let io = Script::of([]).pace(Pace::Halting);
        let mut typed = Typed::<u8, String, _>::new(websocket(role, io.clone(), config()));
        finish(typed.feed(&"value".to_owned())).expect("room");
        insist(&mut typed, polls, async |typed| typed.flush().await).expect("open");
        assert_eq!(io.written(), wire(role, &text("\"value\"")), "{role:?}, {polls} polls");

        let io = halting(role);
        let mut typed = Typed::<u8, String, _>::new(websocket(role, io.clone(), config()));
        let closed = insist(&mut typed, polls, async |typed| typed.close(4000, "x").await);
        assert_eq!(closed.expect("closed"), typed.close_frame().cloned(), "{role:?}");
        assert!(typed.close_frame().is_some_and(|frame| frame.code == 1000), "{role:?}");
        assert_eq!(io.written(), wire(role, b"\x88\x03\x0f\xa0x"), "{role:?}, {polls} polls");
    }
}

/// A future that was never polled has done nothing.
#[test]
fn futures_are_lazy() {
    for role in ROLES {
        let io = Script::of([]);
        let mut typed = Typed::<u8, String, _>::new(websocket(role, io.clone(), config()));
        let value = "value".to_owned();
        drop(typed.send(&value));
        drop(typed.feed(&value));
        drop(typed.close(1000, ""));
        drop(typed.next());
        finish(typed.flush()).expect("open");
        assert_eq!((io.written(), io.record().done[0]), (Vec::new(), 0), "{role:?}");
    }
}
