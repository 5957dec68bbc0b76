//! `MessageCodec` made from a `FrameCodec` that has already read (RFC 6455 section 5.4): inside a frame,
//! inside a message, with its limits and its end.

#[path = "support/codec.rs"]
mod codec;

use bowline::{
    Error, FrameCodec, LimitError, Message, MessageCodec, ProtocolError, ReservedBits, Role,
    UsageError,
};
use bytes::BytesMut;
use codec::{BINARY, CLOSE, CONTINUATION, FIN, Failure, PING, ROLES, TEXT, frame, frames, header};
use tokio_util::codec::Decoder;

const LAST: u8 = FIN | CONTINUATION;

/// Lets a `FrameCodec` read the first bytes and a `MessageCodec` made from it the rest; what the second
/// decodes, or fails with.
fn switched(role: Role, first: &[u8], rest: &[u8]) -> Result<Vec<Message>, Failure> {
    let mut buffer = BytesMut::from(first);
    let mut frames = FrameCodec::new(role);
    while frames.decode(&mut buffer)?.is_some() {}
    let mut messages = MessageCodec::from(frames);
    buffer.extend_from_slice(rest);
    let mut items = Vec::new();
    loop {
        match messages.decode(&mut buffer) {
            Ok(Some(message)) => items.push(message),
            Ok(None) => return Ok(items),
            Err(error) => {
                assert!(buffer.is_empty(), "bytes kept after the failure");
                buffer.extend_from_slice(&frame(role, FIN | TEXT, b"late"));
                assert!(matches!(messages.decode(&mut buffer), Ok(None)));
                assert!(matches!(messages.decode_eof(&mut buffer), Ok(None)));
                return Err(error.into());
            }
        }
    }
}

#[test]
fn section_5_4_inside_a_frame_nothing_is_lost() {
    let table: [(u8, &[u8], Message); 5] = [
        (FIN | TEXT, "Hello κόσμε".as_bytes(), Message::text("Hello κόσμε")),
        (FIN | BINARY, &[0xfe; 300], Message::binary(vec![0xfe; 300])),
        (FIN | BINARY, b"", Message::binary("")),
        (FIN | PING, b"ping", Message::ping("ping")),
        (FIN | CLOSE, b"\x03\xe8bye", Message::close(1000, "bye")),
    ];
    for role in ROLES {
        for (first, payload, message) in &table {
            let wire = frame(role, *first, payload);
            for cut in 0..wire.len() {
                let (head, tail) = wire.split_at(cut);
                let decoded = switched(role, head, tail);
                assert_eq!(decoded, Ok(vec![message.clone()]), "{role:?}: cut at {cut}");
            }
        }
    }
}

#[test]
fn section_5_4_text_is_checked_across_the_switch() {
    for role in ROLES {
        let wire = frame(role, FIN | TEXT, b"a\xe2\x82(z");
        let bad = wire.len() - 1;
        for cut in 0..bad {
            let (head, tail) = wire.split_at(cut);
            let expected = Failure::Protocol(ProtocolError::InvalidUtf8);
            assert_eq!(switched(role, head, tail), Err(expected), "{role:?}: cut at {cut}");
        }
    }
}

#[test]
fn section_5_4_inside_a_message_half_of_it_is_never_taken_for_whole() {
    let expected = Err(Failure::Usage(UsageError::MessageInProgress));
    for role in ROLES {
        for code in [TEXT, BINARY] {
            let begun = [(code, &b"a"[..]), (FIN | PING, b""), (CONTINUATION, b"b")];
            for handed_out in 1..=begun.len() {
                let first = frames(role, &begun[..handed_out]);
                let rest = frames(role, &begun[handed_out..]);
                let rest = [rest, frames(role, &[(LAST, b"c"), (FIN | TEXT, b"d")])].concat();
                let decoded = switched(role, &first, &rest);
                assert_eq!(decoded, expected, "{role:?}: {handed_out} handed out");
                let head = header(role, CONTINUATION, 1 << 20);
                assert_eq!(switched(role, &first, &head), expected, "on its header");
            }
        }
    }
}

#[test]
fn section_5_4_inside_a_later_fragment_too() {
    let expected = Err(Failure::Usage(UsageError::MessageInProgress));
    for role in ROLES {
        let first = frame(role, TEXT, b"begun");
        for next in [CONTINUATION, LAST] {
            let second = frame(role, next, b"second");
            for cut in 0..second.len() {
                let (head, tail) = second.split_at(cut);
                let rest = [tail, &frame(role, LAST, b"last")[..]].concat();
                let decoded = switched(role, &[&first[..], head].concat(), &rest);
                assert_eq!(decoded, expected, "{role:?}: {next:x} cut at {cut}");
            }
        }
    }
}

#[test]
fn section_5_4_inside_the_first_fragment_of_which_nothing_was_handed_out() {
    for role in ROLES {
        for code in [TEXT, BINARY] {
            let wire = frame(role, code, b"begun, ");
            let rest = frame(role, LAST, b"ended");
            for cut in 0..wire.len() {
                let (head, tail) = wire.split_at(cut);
                let messages = switched(role, head, &[tail, &rest].concat());
                let payloads = messages.map(|messages| {
                    messages.into_iter().map(Message::into_bytes).collect::<Vec<_>>()
                });
                let expected = vec![bytes::Bytes::from("begun, ended")];
                assert_eq!(payloads, Ok(expected), "{role:?}: {code:x} cut at {cut}");
            }
        }
    }
}

#[test]
fn section_5_4_a_message_after_one_whose_last_fragment_went_out_as_a_frame() {
    for role in ROLES {
        let first = frames(role, &[(TEXT, b"a"), (LAST, b"b")]);
        let rest = frames(role, &[(BINARY, b"c"), (LAST, b"d")]);
        assert_eq!(switched(role, &first, &rest), Ok(vec![Message::binary("cd")]), "{role:?}");
    }
}

#[test]
fn section_5_4_the_frame_limit_goes_with_the_codec() {
    for role in ROLES {
        let frames = FrameCodec::new(role).with_max_frame_size(5);
        assert_eq!(frames.role(), role);
        let mut messages = MessageCodec::from(frames);
        assert_eq!(messages.role(), role);
        let mut buffer = BytesMut::from(&header(role, FIN | BINARY, 6)[..]);
        let error = messages.decode(&mut buffer).map_err(Failure::from);
        let expected = LimitError::FrameTooLarge { size: 6, limit: 5 };
        assert_eq!(error, Err(Failure::Limit(expected)));
    }
}

#[test]
fn section_5_4_a_codec_that_has_failed_or_ended_stays_so() {
    for role in ROLES {
        for last in [frame(role, FIN | CLOSE, b""), b"\x83\x83".to_vec()] {
            let mut frames = FrameCodec::new(role);
            let mut buffer = BytesMut::from(&last[..]);
            let _: Result<_, Error> = frames.decode(&mut buffer);
            let mut messages = MessageCodec::from(frames);
            buffer.extend_from_slice(&frame(role, FIN | TEXT, b"late"));
            assert!(matches!(messages.decode(&mut buffer), Ok(None)));
            assert!(buffer.is_empty());
            assert!(matches!(messages.decode_eof(&mut buffer), Ok(None)));
        }
    }
}

#[test]
fn section_8_1_text_that_an_extension_has_transformed_is_not_taken_for_text() {
    // Such frames are not checked, and `MessageCodec` has no extension that could decode them.
    for role in ROLES {
        let wires = [
            frame(role, 0xc1, b"\xff\xfe"),
            frames(role, &[(0x41, b"\xff"), (FIN | PING, b""), (LAST, b"\xfe")]),
        ];
        for wire in wires {
            let frames = FrameCodec::new(role).with_reserved_bits(ReservedBits::RSV1);
            let mut messages = MessageCodec::from(frames);
            let mut buffer = BytesMut::from(&wire[..]);
            while let Ok(Some(message)) = messages.decode(&mut buffer) {
                if let Message::Text(text) = message {
                    panic!("{:x?} is no text", text.into_bytes());
                }
            }
        }
    }
}
