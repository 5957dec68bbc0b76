//! What `MessageCodec` writes, and what it refuses to write (RFC 6455 sections 5.4 to 5.6).

#[path = "support/codec.rs"]
mod codec;

use bowline::{Frame, FrameCodec, MaskingKey, Message, MessageCodec, OpCode, Role, UsageError};
use bytes::BytesMut;
use codec::{
    BINARY, CLOSE, CONTINUATION, FIN, Failure, KEY, PING, PONG, ROLES, TEXT, decode, frame, frames,
    other,
};
use tokio_util::codec::Encoder;

type Fragments<'a> = &'a [&'a [u8]];

fn codec(role: Role) -> MessageCodec {
    MessageCodec::new(role).with_masking_keys(|| MaskingKey::new(KEY))
}

#[track_caller]
fn encoded(mut codec: MessageCodec, message: &Message) -> Vec<u8> {
    let mut wire = BytesMut::new();
    codec.encode(message.clone(), &mut wire).expect("encodable");
    wire.to_vec()
}

#[test]
fn section_5_6_each_kind_of_message() {
    let table: [(Message, u8, &[u8]); 11] = [
        (Message::text("Hello"), TEXT, b"Hello"),
        (Message::text("κό"), TEXT, "κό".as_bytes()),
        (Message::text(""), TEXT, b""),
        (Message::binary(&b"\xff\0"[..]), BINARY, b"\xff\0"),
        (Message::binary(&b""[..]), BINARY, b""),
        (Message::ping(&b"?"[..]), PING, b"?"),
        (Message::pong(&b""[..]), PONG, b""),
        (Message::Close(None), CLOSE, b""),
        (Message::close(1000, ""), CLOSE, b"\x03\xe8"),
        (Message::close(4999, "bye"), CLOSE, b"\x13\x87bye"),
        (Message::ping(vec![1; 125]), PING, &[1; 125]),
    ];
    for role in ROLES {
        for (message, code, payload) in &table {
            let wire = encoded(codec(role), message);
            assert_eq!(wire, frame(other(role), FIN | code, payload), "{role:?} {message:?}");
            assert_eq!((message.len(), message.is_empty()), (payload.len(), payload.is_empty()));
            assert_eq!(message.is_data(), code & 0x8 == 0);
            assert_eq!(message.clone().into_bytes(), *payload);
        }
    }
}

#[test]
fn section_5_4_messages_are_split_into_frames_of_a_size() {
    let table: [(&[u8], usize, Fragments<'_>); 9] = [
        (b"Hello", 5, &[b"Hello"]),
        (b"Hello", 6, &[b"Hello"]),
        (b"Hello", usize::MAX, &[b"Hello"]),
        (b"Hello", 4, &[b"Hell", b"o"]),
        (b"Hello", 3, &[b"Hel", b"lo"]),
        (b"Hello", 1, &[b"H", b"e", b"l", b"l", b"o"]),
        // A size that would split without end is taken for one.
        (b"He", 0, &[b"H", b"e"]),
        (b"", 1, &[b""]),
        (b"\xce\xba", 1, &[b"\xce", b"\xba"]),
    ];
    for role in ROLES {
        for code in [TEXT, BINARY] {
            for (payload, size, fragments) in table {
                let message = match code {
                    TEXT => Message::text(std::str::from_utf8(payload).unwrap()),
                    _ => Message::binary(payload),
                };
                let wire = encoded(codec(role).with_outgoing_frame_size(Some(size)), &message);
                let last = fragments.len() - 1;
                let expected = fragments.iter().enumerate().map(|(i, fragment)| {
                    let fin = if i == last { FIN } else { 0 };
                    let code = if i == 0 { code } else { CONTINUATION };
                    (fin | code, *fragment)
                });
                let expected = frames(other(role), &expected.collect::<Vec<_>>());
                assert_eq!(wire, expected, "{role:?}: {payload:x?} by {size}");
                assert_eq!(decode(other(role), &wire).messages, [message]);
            }
        }
    }
}

#[test]
fn section_5_5_control_frames_are_never_split() {
    for role in ROLES {
        for message in [Message::ping(vec![7; 125]), Message::close(1000, "a reason")] {
            let wire = encoded(codec(role).with_outgoing_frame_size(Some(1)), &message);
            assert_eq!(wire, encoded(codec(role), &message));
        }
    }
}

#[test]
fn section_5_3_every_fragment_has_a_fresh_key() {
    let codec = MessageCodec::new(Role::Client).with_outgoing_frame_size(Some(4));
    let wire = encoded(codec, &Message::binary(vec![0; 40]));
    let keys: Vec<_> = wire.chunks(2 + 4 + 4).map(|frame| &frame[2..6]).collect();
    assert_eq!(keys.len(), 10);
    for (i, key) in keys.iter().enumerate() {
        assert!(!keys[..i].contains(key), "{key:x?} again");
    }
}

/// The message is refused with nothing written, and another may go.
#[track_caller]
fn refused(role: Role, message: Message, expected: UsageError) {
    let mut codec = codec(role);
    let mut wire = BytesMut::from("before");
    let error = codec.encode(message, &mut wire).map_err(Failure::from);
    assert_eq!(error, Err(Failure::Usage(expected)));
    assert_eq!(wire, "before");
    codec.encode(Message::text("next"), &mut wire).expect("as if never asked");
    assert!(wire.len() > "before".len());
}

#[test]
fn section_5_5_control_messages_that_are_too_long() {
    for role in ROLES {
        for len in [126, 127, 65536] {
            refused(role, Message::ping(vec![0; len]), UsageError::ControlTooLong(len));
            refused(role, Message::pong(vec![0; len]), UsageError::ControlTooLong(len));
        }
        for len in [124, 125, 1000] {
            let message = Message::close(1000, "r".repeat(len));
            refused(role, message, UsageError::ReasonTooLong(len));
        }
        // The limit is one of bytes.
        let message = Message::close(1000, "κ".repeat(62));
        refused(role, message, UsageError::ReasonTooLong(124));
        assert_eq!(encoded(codec(role), &Message::close(1000, "r".repeat(123)))[1] & 0x7f, 125);
        let unsendable = UsageError::UnsendableCloseCode(1005.into());
        refused(role, Message::close(1005, ""), unsendable);
    }
}

#[test]
fn section_5_5_1_no_message_after_close() {
    for role in ROLES {
        for close in [Message::Close(None), Message::close(1001, "gone")] {
            for late in [Message::text(""), Message::ping(""), Message::pong(""), close.clone()] {
                let mut codec = codec(role);
                let mut wire = BytesMut::new();
                codec.encode(close.clone(), &mut wire).unwrap();
                let as_it_was = wire.clone();
                let error = codec.encode(late, &mut wire).map_err(Failure::from);
                assert_eq!(error, Err(Failure::Usage(UsageError::SendAfterClose)));
                assert_eq!(wire, as_it_was);
            }
        }
    }
}

#[test]
fn section_5_4_a_message_begun_as_frames_is_not_interleaved() {
    for role in ROLES {
        let mut frames = FrameCodec::new(role);
        let mut wire = BytesMut::new();
        frames.encode(Frame::new(OpCode::TEXT, "begun").not_final(), &mut wire).unwrap();
        let as_it_was = wire.clone();
        let mut codec = MessageCodec::from(frames);
        let error = codec.encode(Message::text("other"), &mut wire).map_err(Failure::from);
        let expected = UsageError::InterleavedMessage(OpCode::TEXT);
        assert_eq!(error, Err(Failure::Usage(expected)));
        assert_eq!(wire, as_it_was);
        codec.encode(Message::ping(""), &mut wire).expect("control messages may come in between");
    }
}

#[test]
fn section_5_5_1_a_codec_that_has_closed_stays_closed_as_another() {
    for role in ROLES {
        let mut frames = FrameCodec::new(role);
        frames.encode(Frame::close(None), &mut BytesMut::new()).unwrap();
        let error = MessageCodec::from(frames).encode(Message::text(""), &mut BytesMut::new());
        let expected = Failure::Usage(UsageError::SendAfterClose);
        assert_eq!(error.map_err(Failure::from), Err(expected));
    }
}
