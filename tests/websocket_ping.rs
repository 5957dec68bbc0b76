//! Ping and Pong (RFC 6455 sections 5.5.2 and 5.5.3): what is answered, with what, and where among the
//! frames on their way out.

#[path = "support/io.rs"]
mod io;

use bowline::{Message, Role, WebSocket};
use io::{
    Item, Pace, ROLES, Read, Script, drain, drain_to_end, finish, frame, from_peer, item, run,
    untimed, websocket, wire,
};

fn open(role: Role, io: &Script) -> WebSocket<Script> {
    websocket(role, io.clone(), untimed())
}

fn next(ws: &mut WebSocket<Script>) -> Option<Item> {
    finish(ws.next()).map(item)
}

fn ping(payload: &[u8]) -> Vec<u8> {
    frame(0x89, payload)
}

fn pong(payload: &[u8]) -> Vec<u8> {
    frame(0x8a, payload)
}

#[test]
fn section_5_5_3_a_pong_repeats_its_pings_payload() {
    let longest: Vec<u8> = (0..125).collect();
    let payloads: [&[u8]; 5] = [b"", b"?", b"Hello", b"\xff\x00\xfe", &longest];
    for (role, payload) in ROLES.into_iter().flat_map(|role| payloads.map(|bytes| (role, bytes))) {
        let io = Script::new(from_peer(role, &ping(payload)));
        let mut ws = open(role, &io);
        assert_eq!(next(&mut ws), Some(Ok(Message::ping(payload.to_vec()))));
        assert!(run(ws.next()).is_pending());
        assert_eq!(io.written(), wire(role, &pong(payload)), "{role:?}");
    }
}

/// While the peer reads it gets every pong, in order, however the pings arrived.
#[test]
fn section_5_5_2_every_ping_is_answered_while_the_peer_reads() {
    let pings: Vec<u8> = (0..50u8).flat_map(|n| ping(&[n])).collect();
    let pongs: Vec<u8> = (0..50u8).flat_map(|n| pong(&[n])).collect();
    for (role, pace) in
        ROLES.into_iter().flat_map(|role| [(role, Pace::Swift), (role, Pace::Halting)])
    {
        let io = Script::new(from_peer(role, &pings));
        let mut ws = open(role, &io);
        assert_eq!(drain(&mut ws).len(), 50);
        assert_eq!(io.written(), wire(role, &pongs), "{role:?}, {pace:?}");
    }
}

/// "If an endpoint receives a Ping frame and has not yet sent Pong frame(s) in response to previous Ping
/// frame(s), the endpoint MAY elect to send a Pong frame for only the most recently processed Ping frame."
#[test]
fn section_5_5_3_of_several_unanswered_pings_the_newest_is_answered() {
    let pings: Vec<u8> = (0..=255u8).flat_map(|n| ping(&[n])).collect();
    for role in ROLES {
        let io = Script::new(from_peer(role, &pings)).room(0);
        let mut ws = open(role, &io);
        assert_eq!(drain(&mut ws).len(), 256, "the reader waits for no pong");
        io.make_room(None);
        assert!(run(ws.next()).is_pending());
        assert_eq!(io.written(), wire(role, &pong(&[255])), "{role:?}");
    }
}

#[test]
fn a_pong_begun_is_finished_before_the_newest_one() {
    for role in ROLES {
        let io = Script::new(from_peer(role, &ping(b"begun"))).room(3);
        let mut ws = open(role, &io);
        assert_eq!(drain(&mut ws).len(), 1);
        for payload in [b"a", b"b", b"c"] {
            io.arrive_bytes(from_peer(role, &ping(payload)));
            assert_eq!(drain(&mut ws).len(), 1);
        }
        io.make_room(None);
        assert!(run(ws.next()).is_pending());
        let expected = [pong(b"begun"), pong(b"c")].concat();
        assert_eq!(io.written(), wire(role, &expected), "{role:?}");
    }
}

/// Ahead of every frame not begun, and never into one that is: cut at each byte of the first frame.
#[test]
fn section_5_5_a_pong_overtakes_frames_not_begun_and_tears_none() {
    let first = frame(0x82, &[1; 20]);
    for role in ROLES {
        let length = wire(role, &first).len();
        for room in 0..=length {
            let io = Script::new(b"").room(room);
            let mut ws = open(role, &io);
            finish(ws.feed(vec![1; 20])).expect("room");
            finish(ws.feed("second")).expect("room");
            assert!(run(ws.flush()).is_pending());
            io.arrive_bytes(from_peer(role, &ping(b"?")));
            assert_eq!(drain(&mut ws).len(), 1);
            io.make_room(None);
            finish(ws.flush()).expect("open");
            let second = frame(0x81, b"second");
            let expected = match room {
                0 => [pong(b"?"), first.clone(), second].concat(),
                _ => [first.clone(), pong(b"?"), second].concat(),
            };
            assert_eq!(io.written(), wire(role, &expected), "{role:?} after {room} bytes");
        }
    }
}

/// The same within a payload that goes out by reference, masked piece by piece where the role masks.
#[test]
fn a_pong_waits_for_the_end_of_a_large_frame() {
    let large: Vec<u8> = (0..140_000u32).map(|n| (n % 251) as u8).collect();
    let expected =
        [frame(0x82, &large), pong(b"?"), frame(0x82, &large), frame(0x81, b"x")].concat();
    for role in ROLES {
        let expected = wire(role, &expected);
        for room in [1, 2, 9, 13, 14, 15, 16_400, 65_536, 65_550, 131_072, 140_009] {
            for is_vectored in [true, false] {
                let io = Script::new(b"").room(room);
                let io = if is_vectored { io } else { io.not_vectored() };
                let mut ws = websocket(role, io.clone(), untimed().with_high_water(1 << 20));
                finish(ws.feed(large.clone())).expect("room");
                finish(ws.feed(large.clone())).expect("room");
                finish(ws.feed("x")).expect("room");
                assert!(run(ws.flush()).is_pending());
                io.arrive_bytes(from_peer(role, &ping(b"?")));
                assert_eq!(drain(&mut ws).len(), 1);
                io.make_room(None);
                finish(ws.flush()).expect("open");
                assert!(io.written() == expected, "{role:?} after {room} bytes, {is_vectored}");
            }
        }
    }
}

/// Between two fragments of an outgoing message is a good place.
#[test]
fn section_5_4_a_pong_may_part_our_fragments() {
    for role in ROLES {
        let io = Script::new(b"").room(1);
        let mut ws = websocket(role, io.clone(), untimed().with_outgoing_frame_size(Some(2)));
        finish(ws.feed("abcde")).expect("room");
        assert!(run(ws.flush()).is_pending());
        io.arrive_bytes(from_peer(role, &ping(b"?")));
        assert_eq!(drain(&mut ws).len(), 1);
        io.make_room(None);
        finish(ws.flush()).expect("open");
        assert_eq!(io.written(), wire(role, b"\x01\x02ab\x8a\x01?\x00\x02cd\x80\x01e"), "{role:?}");
    }
}

#[test]
fn section_5_4_a_ping_inside_a_fragmented_message_comes_out_before_it() {
    for role in ROLES {
        let io =
            Script::new(from_peer(role, b"\x01\x02ab\x89\x01?\x00\x01c\x8a\x00\x89\x00\x80\x00"));
        io.arrive(Read::End);
        let mut ws = open(role, &io);
        let mut items = drain_to_end(&mut ws);
        assert!(items.pop().is_some_and(|end| end.is_err()));
        let messages =
            [Message::ping("?"), Message::pong(""), Message::ping(""), Message::text("abc")];
        assert_eq!(items, messages.map(Ok), "{role:?}");
        assert_eq!(io.written(), wire(role, b"\x8a\x01?\x8a\x00"), "{role:?}");
    }
}

/// "A Pong frame MAY be sent unsolicited. ... A response to an unsolicited Pong frame is not expected."
#[test]
fn section_5_5_3_an_unsolicited_pong_is_yielded_and_not_answered() {
    for role in ROLES {
        let io = Script::new(from_peer(role, b"\x8a\x00\x8a\x02hi\x81\x01a"));
        let mut ws = open(role, &io);
        let messages = [Message::pong(""), Message::pong("hi"), Message::text("a")];
        assert_eq!(drain(&mut ws), messages.map(|message| Some(Ok(message))), "{role:?}");
        assert_eq!(io.written(), b"");
    }
}

/// What the caller sends keeps its order, control messages too.
#[test]
fn pings_and_pongs_of_the_caller_go_out_in_their_turn() {
    for role in ROLES {
        let io = Script::new(b"");
        let mut ws = open(role, &io);
        for message in
            [Message::text("a"), Message::ping("1"), Message::pong("2"), Message::ping("3")]
        {
            finish(ws.feed(message)).expect("room");
        }
        finish(ws.flush()).expect("open");
        assert_eq!(io.written(), wire(role, b"\x81\x01a\x89\x011\x8a\x012\x89\x013"), "{role:?}");
    }
}

/// After either Close there is nothing more to say.
#[test]
fn section_5_5_1_no_pong_after_close() {
    for role in ROLES {
        let io = Script::new(b"");
        let mut ws = open(role, &io);
        finish(ws.send(Message::close(1000, ""))).expect("open");
        io.arrive_bytes(from_peer(role, b"\x89\x01?\x88\x02\x03\xe8\x89\x01!"));
        io.arrive(Read::End);
        let items = drain_to_end(&mut ws);
        assert_eq!(items, [Ok(Message::ping("?")), Ok(Message::close(1000, ""))]);
        assert_eq!(io.written(), wire(role, b"\x88\x02\x03\xe8"), "{role:?}");
    }
}

/// A pong that was due before our Close still precedes it.
#[test]
fn a_pong_that_waits_goes_out_before_close() {
    for role in ROLES {
        let io = Script::new(from_peer(role, &ping(b"?"))).room(0);
        let mut ws = open(role, &io);
        assert_eq!(drain(&mut ws).len(), 1);
        assert!(run(ws.close(1000, "")).is_pending());
        io.make_room(None);
        assert!(run(ws.close(1000, "")).is_pending());
        assert_eq!(io.written(), wire(role, b"\x8a\x01?\x88\x02\x03\xe8"), "{role:?}");
    }
}
