//! Fragmentation (RFC 6455 section 5.4): the order of frames, what may come in between, floods.

#[path = "support/codec.rs"]
mod codec;

use std::slice;

use bowline::{
    Error, Frame, FrameCodec, LimitError, Limits, Message, MessageCodec, OpCode, ProtocolError,
    Role,
};
use bytes::BytesMut;
use codec::{
    BINARY, CONTINUATION, FIN, Failure, PING, PONG, ROLES, TEXT, Table, decode, every_way, failure,
    frame, frames,
};
use tokio_util::codec::Decoder;

const LAST: u8 = FIN | CONTINUATION;

#[test]
fn section_5_4_fragments_make_one_message() {
    let table: [(Table<'_>, Message); 8] = [
        (&[(TEXT, b"Hel"), (LAST, b"lo")], Message::text("Hello")),
        (&[(TEXT, b"H"), (CONTINUATION, b"ell"), (LAST, b"o")], Message::text("Hello")),
        (&[(BINARY, b"\xff"), (LAST, b"\xfe")], Message::binary(&b"\xff\xfe"[..])),
        (&[(TEXT, b""), (LAST, b"")], Message::text("")),
        (&[(BINARY, b""), (LAST, b"")], Message::binary(&b""[..])),
        (&[(TEXT, b""), (CONTINUATION, b""), (LAST, b"late")], Message::text("late")),
        (&[(TEXT, b"early"), (CONTINUATION, b""), (LAST, b"")], Message::text("early")),
        (&[(BINARY, b"a"), (CONTINUATION, b""), (LAST, b"b")], Message::binary(&b"ab"[..])),
    ];
    for role in ROLES {
        for (fragments, message) in &table {
            let decoded = decode(role, &frames(role, fragments));
            assert_eq!(decoded.failure, None);
            assert_eq!(decoded.messages, slice::from_ref(message), "{role:?} {fragments:x?}");
            let opcodes: Vec<u8> =
                decoded.frames.iter().map(|frame| frame.opcode().into()).collect();
            let sent: Vec<u8> = fragments.iter().map(|(first, _)| first & 0x0f).collect();
            assert_eq!(opcodes, sent, "frames come as they were sent");
        }
    }
}

#[test]
fn section_5_4_control_frames_may_come_in_between() {
    let table: Table<'_> = &[
        (TEXT, b"a"),
        (FIN | PING, b"1"),
        (CONTINUATION, b""),
        (FIN | PONG, b""),
        (FIN | PING, b"2"),
        (LAST, b"b"),
        (FIN | BINARY, b"c"),
    ];
    let expected = [
        Message::ping(&b"1"[..]),
        Message::pong(&b""[..]),
        Message::ping(&b"2"[..]),
        Message::text("ab"),
        Message::binary(&b"c"[..]),
    ];
    for role in ROLES {
        let decoded = decode(role, &frames(role, table));
        assert_eq!((decoded.failure, &decoded.messages[..]), (None, &expected[..]), "{role:?}");
    }
}

#[test]
fn section_5_4_a_close_inside_a_message_ends_it_all() {
    for role in ROLES {
        let wire = frames(role, &[(TEXT, b"half"), (0x88, b"\x03\xe8"), (LAST, b"rest")]);
        let decoded = decode(role, &wire);
        assert_eq!((decoded.failure, decoded.end), (None, None));
        assert_eq!(decoded.messages, [Message::close(1000, "")], "half a message is none");
        assert_eq!(decoded.frames.len(), 2);
    }
}

#[test]
fn section_5_4_frames_out_of_order() {
    let continuation = ProtocolError::UnexpectedContinuation;
    let text = ProtocolError::InterleavedMessage(OpCode::TEXT);
    let binary = ProtocolError::InterleavedMessage(OpCode::BINARY);
    let table: [(Table<'_>, ProtocolError); 10] = [
        (&[(CONTINUATION, b"x")], continuation),
        (&[(LAST, b"")], continuation),
        (&[(FIN | TEXT, b"a"), (LAST, b"b")], continuation),
        (&[(FIN | PING, b""), (CONTINUATION, b"")], continuation),
        (&[(TEXT, b"a"), (LAST, b"b"), (LAST, b"c")], continuation),
        (&[(TEXT, b"a"), (TEXT, b"b")], text),
        (&[(BINARY, b"a"), (FIN | TEXT, b"b")], text),
        (&[(TEXT, b"a"), (FIN | BINARY, b"b")], binary),
        (&[(BINARY, b""), (FIN | PING, b""), (BINARY, b"")], binary),
        (&[(TEXT, b"a"), (CONTINUATION, b"b"), (FIN | BINARY, b"c")], binary),
    ];
    for role in ROLES {
        for (fragments, expected) in table {
            let wire = frames(role, fragments);
            let (_, last) = fragments.last().expect("a frame");
            let last_frame = frame(role, 0, last).len();
            let failed = failure(role, &wire);
            let two_bytes_of_the_last = wire.len() - last_frame + 2;
            assert_eq!(failed, Some((Failure::Protocol(expected), two_bytes_of_the_last)));
            assert_eq!(expected.close_code(), 1002);
        }
    }
}

/// Feeds the same frame again and again until the codec fails or has had so many; tells how many items
/// came, and the error.
fn flood<C: Decoder<Error = Error>>(
    codec: &mut C,
    frame: &[u8],
    times: usize,
) -> (usize, Option<Failure>) {
    let at_once = 4096;
    let burst = frame.repeat(at_once);
    let mut buffer = BytesMut::new();
    let mut items = 0;
    for begun in (0..times).step_by(at_once) {
        buffer.extend_from_slice(&burst[..frame.len() * at_once.min(times - begun)]);
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(_)) => items += 1,
                Ok(None) => break,
                Err(error) => return (items, Some(error.into())),
            }
        }
    }
    assert!(buffer.is_empty());
    (items, None)
}

fn begun<C: Decoder<Error = Error>>(mut codec: C, first_frame: &[u8]) -> C {
    let mut buffer = BytesMut::from(first_frame);
    codec.decode(&mut buffer).expect("valid");
    codec
}

#[test]
fn section_10_4_a_million_empty_fragments_are_cut_at_1024() {
    let cut = Some(Failure::Limit(LimitError::TooManyFragments { fragments: 1025 }));
    for role in ROLES {
        for code in [TEXT, BINARY] {
            let (first, next) = (frame(role, code, b""), frame(role, CONTINUATION, b""));
            let mut frames = begun(FrameCodec::new(role), &first);
            assert_eq!(flood(&mut frames, &next, 1_000_000), (1023, cut.clone()), "{role:?}");
            let mut messages = begun(MessageCodec::new(role), &first);
            assert_eq!(flood(&mut messages, &next, 1_000_000), (0, cut.clone()), "{role:?}");
        }
    }
}

#[test]
fn section_10_4_fragments_may_outnumber_the_bytes_so_far_by_1024() {
    for role in ROLES {
        for bytes in [0, 1, 2, 100] {
            let payload = vec![b'x'; bytes];
            let allowed = 1024 + bytes;
            let empty = frame(role, CONTINUATION, b"").repeat(allowed - 1);
            let at_limit = [frame(role, TEXT, &payload), empty].concat();
            for (more, expected) in [(&b""[..], Some(allowed as u64 + 1)), (b"y", None)] {
                let wire = [&at_limit[..], &frame(role, LAST, more)].concat();
                let mut buffer = BytesMut::from(&wire[..]);
                let decoded = MessageCodec::new(role).decode(&mut buffer).map_err(Failure::from);
                match expected {
                    Some(fragments) => {
                        let cut = Failure::Limit(LimitError::TooManyFragments { fragments });
                        assert_eq!(decoded, Err(cut), "{role:?}, {bytes} bytes");
                    }
                    None => {
                        let len = decoded.expect("legal").map(|message| message.len());
                        assert_eq!(len, Some(bytes + 1), "{role:?}, {bytes} bytes");
                    }
                }
            }
        }
    }
    assert_eq!(LimitError::TooManyFragments { fragments: 0 }.close_code(), 1008);
}

#[test]
fn section_5_4_a_million_fragments_of_one_byte_are_legal() {
    for role in ROLES {
        let (first, next) = (frame(role, TEXT, b"a"), frame(role, CONTINUATION, b"a"));
        let mut frames = begun(FrameCodec::new(role), &first);
        assert_eq!(flood(&mut frames, &next, 100_000), (100_000, None), "{role:?}");
        let mut messages = begun(MessageCodec::new(role), &first);
        assert_eq!(flood(&mut messages, &next, 1_000_000), (0, None), "{role:?}");
        let mut last = BytesMut::from(&frame(role, LAST, b"z")[..]);
        let message = messages.decode(&mut last).expect("valid").expect("complete");
        assert_eq!(message.len(), 1_000_002);
        assert!(message.as_text().is_some_and(|text| text.ends_with("aaz")));
    }
}

#[test]
fn section_10_4_a_message_over_the_limit_is_refused_on_the_header_that_passes_it() {
    let limits = Limits::new().with_max_message_size(10);
    let too_large = |size| Failure::Limit(LimitError::MessageTooLarge { size, limit: 10 });
    let table: [(Table<'_>, Option<u64>); 7] = [
        (&[(FIN | BINARY, &[0; 10])], None),
        (&[(FIN | BINARY, &[0; 11])], Some(11)),
        (&[(BINARY, &[0; 9]), (LAST, &[0; 1])], None),
        (&[(BINARY, &[0; 9]), (LAST, &[0; 2])], Some(11)),
        (&[(BINARY, &[0; 10]), (CONTINUATION, b""), (LAST, &[0; 7])], Some(17)),
        (&[(BINARY, &[0; 10]), (LAST, b""), (FIN | TEXT, &[0; 10])], None),
        (&[(BINARY, &[0; 10]), (FIN | PING, &[0; 99]), (LAST, b"")], None),
    ];
    for role in ROLES {
        for (fragments, size) in table {
            let wire = frames(role, fragments);
            let messages = every_way(|| MessageCodec::new(role).with_limits(limits), &wire);
            assert_eq!(messages.failure, size.map(too_large), "{role:?} {fragments:x?}");
            let (_, last) = fragments.last().expect("a frame");
            let codec = MessageCodec::new(role).with_limits(limits);
            let seen = codec::fails_after(codec, &wire);
            assert_eq!(seen, size.map(|_| wire.len() - last.len()), "on the header");
            let frames = every_way(|| FrameCodec::new(role), &wire);
            assert_eq!(frames.failure, None, "frames are handed out: messages have no limit");
        }
    }
    assert_eq!(LimitError::MessageTooLarge { size: 11, limit: 10 }.close_code(), 1009);
    assert_eq!(LimitError::FrameTooLarge { size: 11, limit: 10 }.close_code(), 1009);
}

#[test]
fn section_10_4_sizes_that_overflow_64_bits_are_refused() {
    let limits =
        Limits::new().with_max_frame_size(usize::MAX).with_max_message_size(usize::MAX - 1);
    let wire =
        [frame(Role::Client, BINARY, b"one"), codec::header(Role::Client, LAST, (1 << 63) - 1)];
    let decoded = every_way(|| MessageCodec::new(Role::Client).with_limits(limits), &wire.concat());
    assert_eq!((decoded.items, decoded.failure), (vec![], None), "2^63 + 2 bytes are no overflow");
}

#[test]
fn section_5_4_frames_of_a_fragmented_message_say_what_they_are() {
    let wire = frames(Role::Server, &[(TEXT, b"a"), (LAST, b"b")]);
    let expected =
        [Frame::new(OpCode::TEXT, "a").not_final(), Frame::new(OpCode::CONTINUATION, "b")];
    assert_eq!(decode(Role::Server, &wire).frames, expected);
}
