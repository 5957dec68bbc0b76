//! The closing handshake (RFC 6455 sections 5.5.1 and 7): who says what, in which order, and who closes
//! the transport.

#[path = "support/io.rs"]
mod io;

use bowline::{CloseCode, CloseFrame, Error, Message, Role, UsageError, WebSocket};
use futures_util::SinkExt;
use io::{
    Item, ROLES, Read, Script, drain, drain_to_end, failure, finish, frame, from_peer, item, run,
    untimed, websocket, wire,
};

fn open(role: Role, frames: &[u8]) -> (WebSocket<Script>, Script) {
    let io = Script::new(from_peer(role, frames));
    (websocket(role, io.clone(), untimed()), io)
}

/// A Close frame of this code and reason; without a body for none.
fn close(body: Option<(u16, &str)>) -> Vec<u8> {
    let payload = body.map(|(code, reason)| [&code.to_be_bytes(), reason.as_bytes()].concat());
    frame(0x88, &payload.unwrap_or_default())
}

fn next(ws: &mut WebSocket<Script>) -> Option<Item> {
    finish(ws.next()).map(item)
}

#[track_caller]
fn assert_closed<T: std::fmt::Debug>(result: Result<T, Error>) {
    assert!(matches!(result, Err(Error::Usage(UsageError::SendAfterClose))), "{result:?}");
}

#[test]
fn section_5_5_1_the_reply_to_a_close_has_its_code_and_precedes_the_message() {
    let long = "é".repeat(61) + "!";
    let bodies = [
        None,
        Some((1000, "")),
        Some((1000, "bye")),
        Some((1001, "away")),
        Some((1014, "")),
        Some((3000, "é")),
        Some((4999, long.as_str())),
    ];
    for (role, body) in ROLES.into_iter().flat_map(|role| bodies.map(|body| (role, body))) {
        let (mut ws, io) = open(role, &close(body));
        let expected = body.map(|(code, reason)| CloseFrame::new(code, reason));
        assert_eq!(next(&mut ws), Some(Ok(Message::Close(expected))), "{role:?}");
        let reply = close(body.map(|(code, _)| (code, "")));
        assert_eq!(io.written(), wire(role, &reply), "{role:?}, {body:?}");
        assert_closed(finish(ws.send("more")));
        io.arrive(Read::End);
        assert_eq!(drain(&mut ws), [None]);
        assert_eq!(io.written(), wire(role, &reply), "one reply: {role:?}, {body:?}");
    }
}

/// "The server MUST close the underlying TCP connection immediately": it shuts its side down and reads on; a
/// client waits for the end.
#[test]
fn section_5_5_1_the_server_ends_the_transport_first_and_the_client_waits() {
    for role in ROLES {
        for is_ours in [true, false] {
            let (mut ws, io) = open(role, &close(Some((1000, ""))));
            if is_ours {
                assert!(run(ws.close(1000, "")).is_pending());
            } else {
                assert!(matches!(next(&mut ws), Some(Ok(Message::Close(_)))));
                assert!(run(ws.next()).is_pending());
            }
            let shut_down = io.record().shut_down_after;
            let expected = (role == Role::Server).then_some(4);
            assert_eq!(shut_down, expected, "{role:?}, our close: {is_ours}");
            io.arrive(Read::End);
            assert_eq!(drain(&mut ws), [None]);
            assert!(io.record().shut_down_after.is_some(), "{role:?}: the end of ours");
        }
    }
}

#[test]
fn section_7_1_2_our_close_gives_the_peers_answer() {
    let answers = [None, Some((1000, "")), Some((4000, "fine"))];
    for (role, answer) in ROLES.into_iter().flat_map(|role| answers.map(|answer| (role, answer))) {
        // What the peer still says before it closes is read and discarded.
        let before = b"\x81\x02ab\x02\x01c\x89\x01?\x80\x01d".to_vec();
        let (mut ws, io) = open(role, &[before, close(answer)].concat());
        io.arrive(Read::End);
        let closed = finish(ws.close(3000, "enough")).expect("closed");
        assert_eq!(closed, answer.map(|(code, reason)| CloseFrame::new(code, reason)));
        assert_eq!(io.written(), wire(role, &close(Some((3000, "enough")))), "{role:?}");
        assert_eq!(drain(&mut ws), [None]);
    }
}

#[test]
fn section_7_both_close_at_once_and_neither_twice() {
    for role in ROLES {
        let (mut ws, io) = open(role, b"");
        finish(SinkExt::close(&mut ws)).expect("sent");
        io.arrive_bytes(from_peer(role, &close(Some((4001, "me too")))));
        io.arrive(Read::End);
        let items = drain_to_end(&mut ws);
        assert_eq!(items, [Ok(Message::close(4001, "me too"))], "{role:?}");
        assert_eq!(io.written(), wire(role, &close(Some((1000, "")))), "{role:?}");
    }
}

/// A reset would destroy what is on its way to us; and after Close we say nothing, not even pong.
#[test]
fn section_5_5_1_data_after_our_close_is_still_delivered() {
    for role in ROLES {
        let (mut ws, io) = open(role, b"");
        finish(ws.send(Message::close(1001, "away"))).expect("sent");
        let arriving = b"\x81\x02ab\x89\x01?\x02\x01c\x80\x01d\x88\x00";
        io.arrive_bytes(from_peer(role, arriving));
        io.arrive(Read::End);
        let messages =
            [Message::text("ab"), Message::ping("?"), Message::binary("cd"), Message::Close(None)];
        assert_eq!(drain_to_end(&mut ws), messages.map(Ok), "{role:?}");
        assert_eq!(io.written(), wire(role, &close(Some((1001, "away")))), "{role:?}");
    }
}

#[test]
fn section_5_5_1_whatever_follows_the_peers_close_is_discarded() {
    let followers: [&[u8]; 5] = [
        b"\x81\x05Hello",
        b"\x89\x00",
        b"\x88\x02\x03\xe9",
        // No frame at all.
        b"\x83\x00",
        b"\x81",
    ];
    for (role, follower) in ROLES.into_iter().flat_map(|role| followers.map(|bytes| (role, bytes)))
    {
        let first = from_peer(role, &close(Some((1000, ""))));
        let together = vec![Read::Bytes([&first[..], follower].concat())];
        let apart = vec![Read::Bytes(first), Read::Pending, Read::Bytes(follower.into())];
        for mut reads in [together, apart] {
            reads.push(Read::End);
            let io = Script::of(reads);
            let mut ws = websocket(role, io.clone(), untimed());
            let items = drain_to_end(&mut ws);
            assert_eq!(items, [Ok(Message::close(1000, ""))], "{role:?}, {follower:02x?}");
            assert_eq!(io.written(), wire(role, &close(Some((1000, "")))));
        }
    }
}

#[test]
fn what_was_queued_before_the_peers_close_goes_out_before_the_reply() {
    for role in ROLES {
        let (mut ws, io) = open(role, &close(Some((1000, ""))));
        finish(ws.feed("one")).expect("room");
        finish(ws.feed("two")).expect("room");
        assert_eq!(next(&mut ws), Some(Ok(Message::close(1000, ""))));
        let expected = b"\x81\x03one\x81\x03two\x88\x02\x03\xe8";
        assert_eq!(io.written(), wire(role, expected), "{role:?}");
    }
}

/// The reply is offered once; where the transport takes nothing, the Close is not held back for it.
#[test]
fn a_blocked_reply_holds_nothing_up_and_goes_out_later() {
    for role in ROLES {
        let io = Script::new(from_peer(role, &close(Some((1000, ""))))).room(3);
        let mut ws = websocket(role, io.clone(), untimed());
        assert_eq!(next(&mut ws), Some(Ok(Message::close(1000, ""))));
        let reply = wire(role, &close(Some((1000, ""))));
        assert_eq!(io.written(), reply[..3], "{role:?}");
        assert!(run(ws.next()).is_pending());
        assert_eq!(io.record().shut_down_after, None, "not before the reply is out");
        io.make_room(None);
        assert!(run(ws.next()).is_pending());
        assert_eq!(io.written(), reply, "{role:?}");
        io.arrive(Read::End);
        assert_eq!(drain(&mut ws), [None]);
    }
}

#[test]
fn closing_again_and_after_the_end_says_nothing_more() {
    for role in ROLES {
        let (mut ws, io) = open(role, b"");
        assert!(run(ws.close(1000, "")).is_pending());
        assert!(run(ws.close(1001, "again")).is_pending());
        finish(SinkExt::close(&mut ws)).expect("flushed");
        assert_closed(finish(ws.send("more")));
        assert_closed(finish(ws.feed(Message::close(1000, ""))));
        io.arrive_bytes(from_peer(role, &close(Some((1000, "")))));
        io.arrive(Read::End);
        for _ in 0..3 {
            let answer = finish(ws.close(1002, "again")).expect("closed");
            assert_eq!(answer, Some(CloseFrame::new(1000, "")));
            finish(SinkExt::close(&mut ws)).expect("over");
            assert_closed(finish(ws.send("more")));
            assert_closed(finish(SinkExt::send(&mut ws, Message::text("more"))));
            assert_eq!(drain(&mut ws), [None]);
        }
        assert_eq!(io.written(), wire(role, &close(Some((1000, "")))), "{role:?}");
    }
}

/// After the stream has yielded the peer's Close, `close` waits for the end, and gives it again.
#[test]
fn close_after_the_peers_close_waits_for_the_end() {
    for role in ROLES {
        let (mut ws, io) = open(role, &close(Some((1000, "bye"))));
        assert!(matches!(next(&mut ws), Some(Ok(Message::Close(_)))));
        assert!(run(ws.close(4000, "")).is_pending());
        io.arrive(Read::End);
        let answer = finish(ws.close(4000, "")).expect("closed");
        assert_eq!(answer, Some(CloseFrame::new(1000, "bye")));
        assert_eq!(io.written(), wire(role, &close(Some((1000, "")))), "{role:?}");
    }
}

#[test]
fn section_7_4_codes_that_may_not_be_sent_are_refused_with_nothing_sent() {
    for role in ROLES {
        let (mut ws, io) = open(role, b"");
        let refused = (0..=5001u16).filter(|code| !CloseCode::new(*code).is_sendable());
        for code in refused {
            let error = Err(format!("Usage(UnsendableCloseCode({code}))"));
            assert_eq!(failure(finish(ws.close(code, ""))).map(drop), error);
            assert_eq!(failure(finish(ws.send(Message::close(code, "")))), error);
            assert_eq!(failure(finish(ws.feed(CloseFrame::new(code, "")))), error);
        }
        let reason = "é".repeat(62);
        let error = Err("Usage(ReasonTooLong(124))".into());
        assert_eq!(failure(finish(ws.close(1000, reason.as_str()))).map(drop), error);
        assert_eq!(failure(finish(ws.send(Message::close(1000, reason)))), error);
        let error = Err("Usage(ControlTooLong(126))".into());
        assert_eq!(failure(finish(ws.send(Message::ping(vec![0; 126])))), error);
        assert_eq!(failure(finish(ws.send(Message::pong(vec![0; 126])))), error);
        assert_eq!(io.written(), b"");
        finish(ws.send("still open")).expect("open");
        assert_eq!(io.written(), wire(role, b"\x81\x0astill open"));
    }
}

#[test]
fn every_code_and_reason_that_may_be_sent_is() {
    for role in ROLES {
        let longest = "x".repeat(123);
        let codes = (1000..=1003u16).chain(1007..=1014).chain([3000, 3999, 4000, 4999]);
        for (code, reason) in codes.flat_map(|code| [(code, ""), (code, longest.as_str())]) {
            let (mut ws, io) = open(role, b"");
            assert!(run(ws.close(code, reason)).is_pending());
            assert_eq!(io.written(), wire(role, &close(Some((code, reason)))), "{role:?}, {code}");
        }
        let (mut ws, io) = open(role, b"");
        finish(ws.send(Message::Close(None))).expect("sent");
        assert_eq!(io.written(), wire(role, b"\x88\x00"));
    }
}

/// `Sink::poll_close` sends Close 1000 behind what is queued, and flushes; it never reads.
#[test]
fn closing_the_sink_flushes_and_does_not_read() {
    for role in ROLES {
        let (mut ws, io) = open(role, b"\x81\x02ab\x88\x02\x03\xe8");
        finish(ws.feed("last")).expect("room");
        finish(SinkExt::close(&mut ws)).expect("flushed");
        finish(SinkExt::close(&mut ws)).expect("flushed");
        let expected = wire(role, b"\x81\x04last\x88\x02\x03\xe8");
        let record = io.record();
        assert_eq!((record.written, record.read), (expected.clone(), 0), "{role:?}");
        assert_eq!(record.shut_down_after, None, "the answer is still to come");
        io.arrive(Read::End);
        let items = drain_to_end(&mut ws);
        assert_eq!(items, [Ok(Message::text("ab")), Ok(Message::close(1000, ""))]);
        assert_eq!(io.written(), expected);
    }
}
