//! Failing the connection (RFC 6455 section 7.1.7): each breach is answered with its close code, once, and
//! is the stream's last item.

#[path = "support/io.rs"]
mod io;

use std::time::Duration;

use bowline::{Config, LimitError, Message, Role, WebSocket};
use io::{
    Item, KEY, ROLES, Read, Script, drain, finish, from_peer, item, run, untimed, websocket, wire,
};
use tokio::{io::AsyncWriteExt, time::Instant};

/// What breaks a rule, the error that names it, and the code that answers it.
struct Breach {
    bytes: Vec<u8>,
    error: &'static str,
    code: u16,
}

fn config() -> Config {
    untimed().with_max_frame_size(1000).with_max_message_size(1500)
}

/// A header as the peer of this role sends it, its mask only if it is to have one.
fn header(role: Role, first: u8, short: u8, extended: &[u8]) -> Vec<u8> {
    match role {
        Role::Server => [&[first, 0x80 | short], extended, &KEY].concat(),
        Role::Client => [&[first, short], extended].concat(),
    }
}

/// One breach or more for every rule.
fn breaches(role: Role) -> Vec<Breach> {
    let frames = |frames: &[u8]| from_peer(role, frames);
    let raw = |first, short, extended: &[u8]| header(role, first, short, extended);
    let flood = [b"\x01\x00".to_vec(), [0, 0].repeat(1024)].concat();
    let (mask_error, wrong_mask) = match role {
        Role::Server => ("Protocol(UnmaskedFrame)", b"\x81\x02ab".to_vec()),
        Role::Client => ("Protocol(MaskedFrame)", wire(Role::Client, b"\x81\x02ab")),
    };
    let big = 1u64 << 63;
    let table: [(Vec<u8>, &'static str, u16); 26] = [
        (frames(b"\xc1\x00"), "Protocol(ReservedBits(", 1002),
        (frames(b"\xb9\x00"), "Protocol(ReservedBits(", 1002),
        (frames(b"\x83\x00"), "Protocol(ReservedOpCode(", 1002),
        (frames(b"\x8b\x00"), "Protocol(ReservedOpCode(", 1002),
        (wrong_mask, mask_error, 1002),
        (raw(0x82, 127, &big.to_be_bytes()), "Protocol(LengthTooLarge(9223372036854775808))", 1002),
        (raw(0x82, 126, &[0, 125]), "Protocol(LengthNotMinimal(125))", 1002),
        (raw(0x82, 127, &[0, 0, 0, 0, 0, 0, 255, 255]), "Protocol(LengthNotMinimal(65535))", 1002),
        (frames(b"\x09\x00"), "Protocol(FragmentedControl(", 1002),
        (frames(b"\x08\x00"), "Protocol(FragmentedControl(", 1002),
        (raw(0x89, 126, &[0, 126]), "Protocol(ControlTooLong(126))", 1002),
        (raw(0x88, 127, &[0; 8]), "Protocol(ControlTooLong(127))", 1002),
        (frames(b"\x80\x00"), "Protocol(UnexpectedContinuation)", 1002),
        (frames(b"\x01\x01a\x02\x01b"), "Protocol(InterleavedMessage(", 1002),
        (frames(b"\x88\x01\x03"), "Protocol(TruncatedCloseCode)", 1002),
        (frames(b"\x88\x02\x03\xed"), "Protocol(InvalidCloseCode(1005))", 1002),
        (frames(b"\x88\x02\x13\x88"), "Protocol(InvalidCloseCode(5000))", 1002),
        (frames(b"\x88\x03\x03\xe8\xff"), "Protocol(InvalidCloseReason)", 1007),
        (frames(b"\x81\x01\xff"), "Protocol(InvalidUtf8)", 1007),
        (frames(b"\x01\x01\xc3\x80\x01a"), "Protocol(InvalidUtf8)", 1007),
        (frames(b"\x81\x01\xc3"), "Protocol(TruncatedUtf8)", 1007),
        (raw(0x82, 126, &[0x03, 0xe9]), "Limit(FrameTooLarge { size: 1001, limit: 1000 })", 1009),
        (
            raw(0x82, 127, &[0, 0, 0, 1, 0, 0, 0, 0]),
            "Limit(FrameTooLarge { size: 4294967296,",
            1009,
        ),
        (frames(&too_large()), "Limit(MessageTooLarge { size: 1501, limit: 1500 })", 1009),
        (frames(&flood), "Limit(TooManyFragments { fragments: 1025 })", 1008),
        // The first bad byte fails a text, though its frame is far from complete.
        (
            raw(0x81, 100, &[]).into_iter().chain(first_bytes(role)).collect(),
            "Protocol(InvalidUtf8)",
            1007,
        ),
    ];
    table.into_iter().map(|(bytes, error, code)| Breach { bytes, error, code }).collect()
}

/// Two fragments that come to a byte more than a message may have.
fn too_large() -> Vec<u8> {
    let fragments = [io::frame(0x02, &[0; 1000]), io::frame(0x80, &[0; 501])];
    fragments.concat()
}

/// "a" and a byte that no text has.
fn first_bytes(role: Role) -> [u8; 2] {
    match role {
        Role::Server => [b'a' ^ KEY[0], 0xff ^ KEY[1]],
        Role::Client => [b'a', 0xff],
    }
}

fn all() -> impl Iterator<Item = (Role, Breach)> {
    ROLES.into_iter().flat_map(|role| breaches(role).into_iter().map(move |breach| (role, breach)))
}

/// Whether these bytes are one whole Close of this code from an end of this role, the reason being text.
#[track_caller]
fn assert_close(role: Role, written: &[u8], breach: &Breach) {
    let masked = if role == Role::Client { 0x80 } else { 0 };
    let [0x88, short, rest @ ..] = written else { panic!("{}: {written:02x?}", breach.error) };
    let length = usize::from(short & !masked);
    let payload = if masked == 0 { rest } else { rest.strip_prefix(&KEY).expect("the key") };
    assert_eq!(payload.len(), length, "one Close and nothing more: {}", breach.error);
    // Masking twice unmasks.
    let unmasked = wire(role, &io::frame(0x88, payload));
    let payload = &unmasked[unmasked.len() - length..];
    assert_eq!(payload[..2], breach.code.to_be_bytes(), "{}", breach.error);
    let reason = str::from_utf8(&payload[2..]).expect("text");
    assert!(!reason.is_empty() && length <= 125, "{reason:?}");
}

#[track_caller]
fn assert_failed(item: Option<Item>, breach: &Breach) {
    let Some(Err(error)) = item else { panic!("{item:?}, {} expected", breach.error) };
    assert!(error.starts_with(breach.error), "{error}, {} expected", breach.error);
}

fn next(ws: &mut WebSocket<Script>) -> Option<Item> {
    finish(ws.next()).map(item)
}

#[test]
fn section_7_1_7_a_breach_is_answered_with_its_code_and_is_the_last_item() {
    for (role, breach) in all() {
        let io = Script::new([from_peer(role, b"\x82\x02ok"), breach.bytes.clone()].concat());
        let mut ws = websocket(role, io.clone(), config());
        assert_eq!(next(&mut ws), Some(Ok(Message::binary("ok"))));
        assert!(run(ws.next()).is_pending(), "the error waits for the drain: {}", breach.error);
        assert_close(role, &io.written(), &breach);
        let written = io.written().len();
        assert_eq!(io.record().shut_down_after, Some(written), "{role:?}, {}", breach.error);
        assert!(finish(ws.send("more")).is_err());
        io.arrive_bytes(from_peer(role, b"\x81\x02ab\x88\x02\x03\xe8"));
        assert!(run(ws.next()).is_pending(), "nothing is processed any more");
        io.arrive(Read::End);
        assert_failed(next(&mut ws), &breach);
        assert_eq!(drain(&mut ws), [None]);
        assert_eq!(io.written().len(), written, "one Close: {role:?}, {}", breach.error);
    }
}

#[test]
fn a_frame_half_written_is_finished_and_frames_not_begun_are_dropped() {
    for (role, breach) in all() {
        let io = Script::new(b"").room(3);
        let mut ws = websocket(role, io.clone(), config());
        finish(ws.feed("begun")).expect("room");
        finish(ws.feed("not begun")).expect("room");
        finish(ws.feed(vec![0; 5000])).expect("room");
        assert!(run(ws.flush()).is_pending());
        io.arrive_bytes(breach.bytes.clone());
        assert!(run(ws.next()).is_pending());
        io.make_room(None);
        assert!(run(ws.next()).is_pending());
        let begun = wire(role, b"\x81\x05begun");
        let written = io.written();
        assert!(written.starts_with(&begun), "{role:?}, {}", breach.error);
        assert_close(role, &written[begun.len()..], &breach);
        io.arrive(Read::End);
        assert_failed(next(&mut ws), &breach);
    }
}

/// What the transport takes at once still goes out: it was sent before the breach was seen.
#[test]
fn what_was_fed_before_a_breach_goes_out_where_it_can() {
    for role in ROLES {
        let io = Script::new(from_peer(role, b"\x83\x00"));
        let mut ws = websocket(role, io.clone(), config());
        finish(ws.feed("one")).expect("room");
        finish(ws.feed("two")).expect("room");
        assert!(run(ws.next()).is_pending());
        let before = wire(role, b"\x81\x03one\x81\x03two");
        let written = io.written();
        assert!(written.starts_with(&before) && written.len() > before.len(), "{role:?}");
    }
}

/// "An endpoint MUST NOT send any more data frames after sending a Close": nor a second Close.
#[test]
fn a_breach_after_our_close_is_reported_without_another() {
    for (role, breach) in all() {
        for is_blocked in [false, true] {
            let io = Script::new(b"");
            if is_blocked {
                io.make_room(Some(3));
            }
            let mut ws = websocket(role, io.clone(), config());
            finish(ws.feed("last")).expect("room");
            assert!(run(ws.close(1000, "")).is_pending());
            io.arrive_bytes(breach.bytes.clone());
            assert!(run(ws.next()).is_pending());
            io.make_room(None);
            io.arrive(Read::End);
            assert_failed(next(&mut ws), &breach);
            let (last, written) = (wire(role, b"\x81\x04last"), io.written());
            let close = written.strip_prefix(&last[..]).expect("what was begun");
            if is_blocked && close != wire(role, b"\x88\x02\x03\xe8") {
                // Ours was not begun: the breach's may stand in for it.
                assert_close(role, close, &breach);
            } else {
                assert_eq!(close, wire(role, b"\x88\x02\x03\xe8"), "{role:?}, {}", breach.error);
            }
        }
    }
}

/// A peer that doesn't hang up after our Close gets the close time-out, and the error comes then.
#[tokio::test(start_paused = true)]
async fn the_error_comes_after_the_close_timeout_at_the_latest() {
    for (role, breach) in all() {
        let (near, mut far) = tokio::io::duplex(1 << 14);
        let config = config().with_close_timeout(Some(Duration::from_secs(5)));
        let mut ws = websocket(role, near, config);
        far.write_all(&breach.bytes).await.expect("room");
        let start = Instant::now();
        assert_failed(ws.next().await.map(item), &breach);
        assert_eq!(start.elapsed().as_secs(), 5, "{role:?}, {}", breach.error);
        assert!(ws.next().await.is_none());
        let written = io::rest_of(&mut far).await;
        assert_close(role, &written, &breach);
    }
}

/// The one limit that a clock judges.
#[tokio::test(start_paused = true)]
async fn an_incomplete_message_that_rests_is_answered_with_1008() {
    for role in ROLES {
        let (near, mut far) = tokio::io::duplex(1 << 14);
        let config = Config::new().with_message_timeout(Some(Duration::from_secs(10)));
        let mut ws = websocket(role, near, config);
        far.write_all(&from_peer(role, b"\x01\x02ab")).await.expect("room");
        let start = Instant::now();
        let breach = Breach { bytes: Vec::new(), error: "Limit(MessageTimeout)", code: 1008 };
        assert_eq!(LimitError::MessageTimeout.close_code(), breach.code);
        assert_failed(ws.next().await.map(item), &breach);
        assert_eq!(start.elapsed().as_secs(), 10 + 5, "{role:?}: the time, and the drain's");
        let written = io::rest_of(&mut far).await;
        assert_close(role, &written, &breach);
    }
}
