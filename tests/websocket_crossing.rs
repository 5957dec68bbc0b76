//! From codecs to a WebSocket and back: no byte is lost in either direction, wherever the crossing comes.

#[path = "support/io.rs"]
mod io;

use bowline::{
    Config, Error, FrameCodec, HandshakeCodec, MaskingKey, Message, MessageCodec, Request, Role,
    UsageError, WebSocket,
};
use futures_util::{SinkExt, StreamExt};
use io::{
    KEY, ROLES, Read, Script, drain, drain_to_end, finish, frame, from_peer, item, run, untimed,
    websocket, wire,
};
use tokio_util::codec::{Decoder, Framed};

const CLOSE: &[u8] = b"\x88\x02\x03\xe8";

/// Messages in every shape, and Close.
const ARRIVING: &[u8] =
    b"\x81\x02ab\x01\x01c\x89\x01?\x00\x01d\x80\x01e\x82\x00\x82\x04\x00\x01\x02\x03\x88\x02\x03\xe8";

fn messages() -> Vec<Message> {
    vec![
        Message::text("ab"),
        Message::ping("?"),
        Message::text("cde"),
        Message::binary(""),
        Message::binary(vec![0, 1, 2, 3]),
        Message::close(1000, ""),
    ]
}

fn framed(role: Role, io: Script) -> Framed<Script, MessageCodec> {
    let codec = MessageCodec::new(role).with_masking_keys(|| MaskingKey::new(KEY));
    Framed::new(io, codec)
}

/// Cut at every byte: what arrived before is with one of them, the rest comes to the other.
#[test]
fn what_was_half_read_crosses_over() {
    for role in ROLES {
        let bytes = from_peer(role, ARRIVING);
        for cut in 0..=bytes.len() {
            let io = Script::new(&bytes[..cut]);
            let mut codec = framed(role, io.clone());
            let mut received = Vec::new();
            while let std::task::Poll::Ready(Some(message)) = run(codec.next()) {
                received.push(message.expect("no error"));
            }
            let mut ws = WebSocket::from_framed(codec, untimed());
            io.arrive_bytes(&bytes[cut..]);
            io.arrive(Read::End);
            received.extend(drain_to_end(&mut ws).into_iter().map(|item| item.expect("no error")));
            assert_eq!(received, messages(), "{role:?}, from the codec after {cut} bytes");

            let io = Script::new(&bytes[..cut]);
            let mut ws = websocket(role, io.clone(), untimed());
            let mut received: Vec<_> =
                drain(&mut ws).into_iter().flatten().map(|item| item.expect("no error")).collect();
            let mut codec = ws.into_framed();
            io.arrive_bytes(&bytes[cut..]);
            io.arrive(Read::End);
            while let Some(message) = finish(codec.next()) {
                received.push(message.expect("no error"));
            }
            assert_eq!(received, messages(), "{role:?}, to the codec after {cut} bytes");
        }
    }
}

/// Read in one go and not taken yet: the messages lie in a buffer that crosses over.
#[test]
fn what_was_read_and_not_taken_crosses_over_and_back() {
    for role in ROLES {
        for taken in 0..messages().len() {
            let io = Script::new(from_peer(role, ARRIVING));
            io.arrive(Read::End);
            let mut codec = framed(role, io);
            let mut received = Vec::new();
            for n in 0..messages().len() {
                if n == taken {
                    let ws = WebSocket::from_framed(codec, untimed());
                    codec = WebSocket::from_framed(ws.into_framed(), untimed()).into_framed();
                }
                received.push(finish(codec.next()).expect("a message").expect("no error"));
            }
            assert_eq!(received, messages(), "{role:?} after {taken}");
        }
    }
}

/// Blocked after every number of bytes, inside small frames and large ones: what waits is written by the
/// other, masked on from where the mask was.
#[test]
fn what_was_half_written_crosses_over() {
    let large: Vec<u8> = (0..20_000u32).map(|n| (n % 251) as u8).collect();
    let expected = [frame(0x81, b"one"), frame(0x82, &large), frame(0x81, b"two"), CLOSE.to_vec()];
    for role in ROLES {
        let expected = wire(role, &expected.concat());
        for room in (0..40).chain([5000, 16_384, 16_400, 20_000, expected.len() - 3]) {
            for is_vectored in [true, false] {
                let io = Script::new(b"").room(room);
                let io = if is_vectored { io } else { io.not_vectored() };
                let mut ws = websocket(role, io.clone(), untimed());
                finish(ws.feed("one")).expect("room");
                finish(ws.feed(large.clone())).expect("room");
                let _ = run(ws.flush());
                let mut codec = ws.into_framed();
                let _ = run(SinkExt::<Message>::flush(&mut codec));
                let mut ws = WebSocket::from_framed(codec, untimed());
                finish(ws.feed("two")).expect("room");
                let _ = run(ws.flush());
                io.make_room(None);
                let mut codec = ws.into_framed();
                finish(codec.send(Message::close(1000, ""))).expect("open");
                assert!(io.written() == expected, "{role:?} after {room} bytes, {is_vectored}");
            }
        }
    }
}

/// A pong in its slot and fed messages are written by whoever comes after.
#[test]
fn answers_that_wait_cross_over() {
    for role in ROLES {
        let io = Script::new(from_peer(role, b"\x89\x01?")).room(0);
        let mut ws = websocket(role, io.clone(), untimed());
        finish(ws.feed("fed")).expect("room");
        assert_eq!(drain(&mut ws).len(), 1);
        let mut codec = ws.into_framed();
        io.make_room(None);
        finish(SinkExt::<Message>::flush(&mut codec)).expect("open");
        assert_eq!(io.written(), wire(role, b"\x8a\x01?\x81\x03fed"), "{role:?}");
    }
}

#[test]
fn section_5_5_1_a_close_sent_by_the_codec_is_not_sent_again() {
    for role in ROLES {
        let io = Script::new(b"");
        let mut codec = framed(role, io.clone());
        finish(codec.send(Message::close(1000, ""))).expect("open");
        let mut ws = WebSocket::from_framed(codec, untimed());
        assert!(matches!(finish(ws.send("x")), Err(Error::Usage(UsageError::SendAfterClose))));
        assert!(run(ws.close(1001, "")).is_pending());
        io.arrive_bytes(from_peer(role, b"\x89\x00\x81\x01a\x88\x02\x0f\xa0"));
        io.arrive(Read::End);
        let closed = finish(ws.close(1000, "")).expect("closed");
        assert_eq!(closed.map(|frame| u16::from(frame.code)), Some(4000), "{role:?}");
        assert_eq!(io.written(), wire(role, CLOSE), "{role:?}: one Close, no pong");
    }
}

/// The codec has yielded the peer's Close; what is left is the reply, if it was not sent, and the end.
#[test]
fn section_5_5_1_a_close_received_by_the_codec_is_replied_to_once() {
    for (role, has_replied) in ROLES.into_iter().flat_map(|role| [(role, true), (role, false)]) {
        let io = Script::new(from_peer(role, CLOSE));
        let mut codec = framed(role, io.clone());
        let close = finish(codec.next()).expect("a message").expect("no error");
        if has_replied {
            finish(codec.send(close)).expect("open");
        }
        let mut ws = WebSocket::from_framed(codec, untimed());
        assert!(finish(ws.send("x")).is_err(), "{role:?}");
        io.arrive_bytes(from_peer(role, b"\x81\x01a"));
        io.arrive(Read::End);
        assert_eq!(drain(&mut ws), [None], "{role:?}");
        let written = io.written();
        // Which code the Close had, the codec doesn't remember.
        assert!(
            written == wire(role, CLOSE) || written == wire(role, b"\x88\x00"),
            "{written:02x?}"
        );
    }
}

/// What was sent in fragments through the frame codec must be finished there.
#[test]
fn section_5_4_no_message_begins_inside_the_frame_codecs_fragments() {
    for role in ROLES {
        let io = Script::new(b"");
        let mut frames = Framed::new(io.clone(), FrameCodec::new(role));
        let fragment = bowline::Frame::new(bowline::OpCode::TEXT, "a").not_final();
        finish(frames.send(fragment)).expect("open");
        let before = io.written();
        let mut ws = WebSocket::from_framed(frames.map_codec(MessageCodec::from), untimed());
        let refused = finish(ws.send("b"));
        assert!(matches!(refused, Err(Error::Usage(UsageError::InterleavedMessage(_)))));
        assert_eq!(io.written(), before, "{role:?}");
    }
}

/// Half a message that went out as frames is never taken for whole: it is the caller's mistake, and what
/// the peer is told is 1011.
#[test]
fn section_5_4_half_a_message_taken_as_frames_ends_the_messages() {
    for role in ROLES {
        let io = Script::new(from_peer(role, b"\x01\x01a\x80\x01b"));
        let codec = FrameCodec::new(role).with_masking_keys(|| MaskingKey::new(KEY));
        let mut frames = Framed::new(io.clone(), codec);
        finish(frames.next()).expect("a frame").expect("no error");
        let mut ws = WebSocket::from_framed(frames.map_codec(MessageCodec::from), untimed());
        io.arrive(Read::End);
        let items = drain_to_end(&mut ws);
        assert_eq!(items, [Err("Usage(MessageInProgress)".into())], "{role:?}");
        let close = b"\x88\x2d\x03\xf3fragments of a message were taken as frames";
        assert_eq!(io.written(), wire(role, close));
    }
}

#[test]
fn limits_are_those_of_the_configuration() {
    for role in ROLES {
        let io = Script::new(from_peer(role, b"\x82\x0512345"));
        let ws = websocket(role, io, Config::new());
        let config = untimed().with_max_frame_size(4);
        let mut ws = WebSocket::from_framed(ws.into_framed(), config);
        assert!(run(ws.next()).is_pending());
        ws.get_ref().arrive(Read::End);
        let last = finish(ws.next()).map(item);
        assert_eq!(
            last,
            Some(Err("Limit(FrameTooLarge { size: 5, limit: 4 })".into())),
            "{role:?}"
        );
    }
}

#[test]
fn into_inner_gives_the_transport_and_new_takes_one() {
    for role in ROLES {
        let ws = WebSocket::new(Script::new(from_peer(role, b"\x81\x01a")), role, untimed());
        assert_eq!(ws.role(), role);
        let mut ws = WebSocket::new(ws.into_inner(), role, untimed());
        assert_eq!(finish(ws.next()).map(item), Some(Ok(Message::text("a"))));
        assert_eq!((ws.subprotocol(), ws.extensions()), (None, &[][..]));
    }
}

const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Protocol: superchat, chat\r\n\r\n";

const RESPONSE: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n";

/// Across three codecs, with the first message in the same read as the head.
#[test]
fn the_subprotocol_and_the_bytes_behind_the_head_survive_every_codec() {
    let io = Script::new([REQUEST, &from_peer(Role::Server, b"\x81\x01a")].concat());
    let mut http = HandshakeCodec::server().framed(io.clone());
    let Some(Ok(Request::WebSocket(offer))) = finish(http.next()) else { panic!("a request") };
    assert!(offer.requested_protocols().eq(["superchat", "chat"]));
    finish(http.send(offer.subprotocol("chat").accept())).expect("open");
    assert_eq!(io.written(), RESPONSE);
    check_crossing(http.map_codec(FrameCodec::from), Role::Server);

    let io = Script::new([RESPONSE, &from_peer(Role::Client, b"\x81\x01a")].concat());
    let key = || bowline::handshake::Key::new(*b"the sample nonce");
    let mut http = HandshakeCodec::client().with_keys(key).framed(io);
    let request = http::Request::get("ws://h/").header("sec-websocket-protocol", "superchat, chat");
    finish(http.send(request.body(()).expect("a request"))).expect("open");
    finish(http.next()).expect("a response").expect("101");
    check_crossing(http.map_codec(FrameCodec::from), Role::Client);
}

fn check_crossing(frames: Framed<Script, FrameCodec>, role: Role) {
    let messages = frames.map_codec(MessageCodec::from);
    let mut ws = WebSocket::from_framed(messages, untimed());
    for _ in 0..2 {
        assert_eq!((ws.role(), ws.subprotocol()), (role, Some("chat")));
        ws = WebSocket::from_framed(ws.into_framed(), untimed());
    }
    assert_eq!(finish(ws.next()).map(item), Some(Ok(Message::text("a"))), "{role:?}");
}
