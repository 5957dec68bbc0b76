//! Every read, write, flush and shutdown of a transport fails once: nothing hangs or panics, what could be
//! read is delivered, one error says what happened, and then the stream is over.

#[path = "support/io.rs"]
mod io;

use bowline::{Error, Message, Role, WebSocket};
use futures_util::stream::FusedStream;
use io::{
    Fault, Item, Op, Pace, ROLES, Read, Script, drain, drain_to_end, finish, frame, from_peer,
    item, run, untimed, websocket, wire,
};

const OPS: [(Op, Fault); 6] = [
    (Op::Read, Fault::Error),
    (Op::Read, Fault::End),
    (Op::Write, Fault::Error),
    (Op::Write, Fault::End),
    (Op::Flush, Fault::Error),
    (Op::Shutdown, Fault::Error),
];

/// How a connection goes that nothing disturbs.
#[derive(Clone, Copy, Debug)]
enum Scene {
    /// The peer closes, and ends the stream.
    PeerCloses,
    /// The peer ends the stream without Close.
    PeerLeaves,
    /// The peer breaks a rule.
    PeerBreaksARule,
    /// We close after the first message.
    WeClose,
}

const SCENES: [Scene; 4] =
    [Scene::PeerCloses, Scene::PeerLeaves, Scene::PeerBreaksARule, Scene::WeClose];

impl Scene {
    fn arriving(self) -> &'static [u8] {
        match self {
            Self::PeerCloses => b"\x81\x02ab\x89\x01?\x02\x01c\x80\x01d\x88\x02\x03\xe8",
            Self::PeerLeaves => b"\x81\x02ab\x89\x01?\x02\x01c\x80\x01d",
            Self::PeerBreaksARule => b"\x81\x02ab\x89\x01?\x02\x01c\x80\x01d\x83\x00\x81\x05after",
            Self::WeClose => b"\x81\x02ab\x82\x01c\x88\x02\x03\xe8",
        }
    }

    fn play(self, role: Role, io: Script) -> Played {
        io.arrive_bytes(from_peer(role, self.arriving()));
        io.arrive(Read::End);
        let mut ws = websocket(role, io.clone(), untimed());
        let mut played = Played { items: Vec::new(), refused: Vec::new(), written: Vec::new() };
        while let Some(next) = finish(ws.next()) {
            let next = item(next);
            assert_eq!(ws.is_terminated(), next.is_err(), "an error is the last item: {next:?}");
            if let Ok(Message::Text(text)) = &next {
                played.refused.extend(finish(ws.feed(text.clone())).err().map(|e| e.to_string()));
                if matches!(self, Self::WeClose) {
                    let _ = run(ws.feed(Message::close(1000, "")));
                }
            }
            played.items.push(next);
        }
        check_over(&mut ws);
        played.written = io.written();
        played
    }
}

/// What an echo got, what it could not send, and what went out.
#[derive(Debug)]
struct Played {
    items: Vec<Item>,
    refused: Vec<String>,
    written: Vec<u8>,
}

impl Played {
    /// The messages, and the error behind them.
    fn split(&self) -> (&[Item], Option<&String>) {
        match self.items.split_last() {
            Some((Err(error), messages)) => (messages, Some(error)),
            _ => (&self.items, None),
        }
    }
}

/// The stream is over and stays so, and whoever sends is told.
#[track_caller]
fn check_over(ws: &mut WebSocket<Script>) {
    assert!(ws.is_terminated());
    for _ in 0..3 {
        assert!(finish(ws.next()).is_none(), "an item after the end");
        assert!(finish(ws.send("too late")).is_err());
        // Whether there was anything left to flush, the scenes differ in.
        let _ = finish(ws.flush());
        assert!(finish(ws.close(1000, "")).is_ok());
    }
}

#[test]
fn each_operation_of_each_scene_fails_once() {
    let mut faults = 0;
    for (role, scene, pace) in product(ROLES, SCENES, [Pace::Swift, Pace::Halting]) {
        let undisturbed = Script::of([]).pace(pace);
        let whole = scene.play(role, undisturbed.clone());
        assert!(whole.refused.is_empty());
        for (op, fault) in OPS {
            for n in 0..=undisturbed.record().done[op as usize] {
                let io = Script::of([]).pace(pace).fail(op, n, fault);
                let played = scene.play(role, io);
                let place =
                    format!("{role:?}, {scene:?}, {pace:?}, {op:?} {n}, {fault:?}: {played:?}");
                check_disturbed(&whole, &played, pace, &place);
                faults += 1;
            }
        }
    }
    assert!(faults > 500, "{faults}");
}

fn check_disturbed(whole: &Played, played: &Played, pace: Pace, place: &str) {
    let (messages, error) = played.split();
    assert!(messages.iter().all(Result::is_ok), "an error before the end: {place}");
    assert!(whole.split().0.starts_with(messages), "{place}");
    assert!(whole.written.starts_with(&played.written), "{place}");
    let has_closed = messages.iter().any(|item| matches!(item, Ok(Message::Close(_))));
    assert_eq!(error.is_none(), has_closed, "a close is no error, all else is: {place}");
    // Arrived at once, a breach is found before any write is.
    let breach = whole.split().1.filter(|error| error.contains("Protocol"));
    if breach.is_some() && pace == Pace::Swift && messages == whole.split().0 {
        assert_eq!(error, breach, "{place}");
    }
}

fn product<A: Copy, B: Copy, C: Copy>(
    first: impl IntoIterator<Item = A>,
    second: impl IntoIterator<Item = B> + Copy,
    third: impl IntoIterator<Item = C> + Copy,
) -> impl Iterator<Item = (A, B, C)> {
    first.into_iter().flat_map(move |a| {
        second.into_iter().flat_map(move |b| third.into_iter().map(move |c| (a, b, c)))
    })
}

/// With everything in one read, all of it is there before the transport is found broken.
#[test]
fn a_write_error_hides_no_message_that_can_be_read() {
    for (role, fault) in
        ROLES.into_iter().flat_map(|role| [(role, Fault::Error), (role, Fault::End)])
    {
        let io = Script::new(from_peer(role, b"\x81\x01a\x81\x01b")).fail(Op::Write, 0, fault);
        io.arrive(Read::Bytes(from_peer(role, b"\x81\x01c")));
        let mut ws = websocket(role, io.clone(), untimed());
        let error = finish(ws.send("x")).expect_err("the write fails");
        assert!(matches!(error, Error::Io(_)), "{error:?}");
        let mut items = drain_to_end(&mut ws);
        let error = items.pop().expect("an error").expect_err("an error");
        assert!(error.contains("BrokenPipe") || error.contains("WriteZero"), "{error}");
        assert_eq!(items, ["a", "b", "c"].map(|text| Ok(Message::text(text))), "{role:?}");
        check_over(&mut ws);
        assert_eq!(io.written(), b"");
    }
}

/// `flush` says that what was fed did not go out, however often it is asked.
#[test]
fn a_failed_flush_fails_again() {
    for role in ROLES {
        for (op, fault) in
            [(Op::Write, Fault::Error), (Op::Write, Fault::End), (Op::Flush, Fault::Error)]
        {
            let io = Script::of([]).fail(op, 0, fault);
            let mut ws = websocket(role, io, untimed());
            finish(ws.feed("x")).expect("room");
            for _ in 0..3 {
                assert!(matches!(finish(ws.flush()), Err(Error::Io(_))), "{role:?}, {op:?}");
            }
        }
    }
}

/// What will not be written any more, a flush must not call written.
#[test]
fn a_flush_after_the_end_says_whether_all_went_out() {
    for role in ROLES {
        for (fed, room, expected) in [(0, 0, true), (1, 100, true), (1, 3, false), (2, 0, false)] {
            let io = Script::of([]).room(room);
            let mut ws = websocket(role, io.clone(), untimed());
            for _ in 0..fed {
                finish(ws.feed("Hello")).expect("room");
            }
            let _ = run(ws.flush());
            io.arrive(Read::End);
            let items = drain_to_end(&mut ws);
            assert_eq!(items, [Err("AbnormalClosure(BetweenFrames)".into())]);
            assert_eq!(
                finish(ws.flush()).is_ok(),
                expected,
                "{role:?}: {fed} fed, room for {room}"
            );
        }
    }
}

/// What waits to be written when the peer is gone stops neither the end nor the messages before it.
#[test]
fn an_end_behind_a_blocked_write_is_seen() {
    for role in ROLES {
        let io = Script::new(from_peer(role, b"\x81\x01a")).room(3);
        io.arrive(Read::End);
        let mut ws = websocket(role, io.clone(), untimed());
        finish(ws.feed("Hello")).expect("room");
        let items = drain_to_end(&mut ws);
        assert_eq!(items, [Ok(Message::text("a")), Err("AbnormalClosure(BetweenFrames)".into())]);
        assert_eq!(io.written(), wire(role, b"\x81\x05Hello")[..3]);
        check_over(&mut ws);
    }
}

/// No kind is taken for a wish to be asked again.
#[test]
fn every_kind_of_read_error_is_handed_on() {
    use std::io::ErrorKind;
    for role in ROLES {
        for kind in [ErrorKind::ConnectionReset, ErrorKind::Interrupted, ErrorKind::Other] {
            let io = Script::new(from_peer(role, &frame(0x82, &[1; 200])));
            io.arrive(Read::Error(kind));
            let mut ws = websocket(role, io, untimed());
            let first = finish(ws.next()).expect("a message").expect("a message");
            assert_eq!(first, Message::binary(vec![1; 200]));
            match finish(ws.next()) {
                Some(Err(Error::Io(error))) => assert_eq!(error.kind(), kind),
                other => panic!("{other:?}"),
            }
            check_over(&mut ws);
            assert_eq!(drain(&mut ws), [None]);
        }
    }
}
