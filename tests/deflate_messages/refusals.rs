//! RSV1 where it may not be (RFC 7692 section 6), and what follows on any breach: nothing.

use bowline::{
    CloseCode, EndOfStream, Error, Frame, FrameCodec, Message, MessageCodec, OpCode, ProtocolError,
    ReservedBits, Role,
};
use bytes::BytesMut;
use tokio_util::codec::{Decoder, Encoder};

use crate::{
    FIRST, LAST, WHOLE,
    codec::{
        BINARY, CLOSE, CONTINUATION, FIN, Failure, PING, PONG, ROLES, TEXT, Table, every_way,
        fails_after, frame, frames,
    },
    deflate::{RSV1, deflated},
    end, received, texts,
};

fn rsv1() -> Option<Failure> {
    Some(Failure::Protocol(ProtocolError::ReservedBits(ReservedBits::RSV1)))
}

#[test]
fn section_6_1_rsv1_on_any_other_than_a_messages_first_frame() {
    let hello = deflated("Hello");
    let (head, tail) = hello.split_at(3);
    // Good frames, and a bad one.
    let table: [(Table<'_>, (u8, &[u8])); 9] = [
        (&[(FIRST, head)], (RSV1 | LAST, tail)),
        (&[(FIRST, head)], (RSV1 | CONTINUATION, tail)),
        (&[(FIRST, head), (0, b"")], (RSV1 | LAST, tail)),
        (&[(TEXT, b"Hel")], (RSV1 | LAST, b"lo")),
        (&[(WHOLE, &hello)], (FIN | RSV1 | PING, b"")),
        (&[(FIRST, head)], (FIN | RSV1 | PING, b"ping")),
        (&[(FIRST, head)], (FIN | RSV1 | PONG, b"")),
        (&[], (FIN | RSV1 | CLOSE, b"\x03\xe8")),
        // Without a message open the bit is judged first.
        (&[], (RSV1 | LAST, tail)),
    ];
    for role in ROLES {
        for (good, (first, payload)) in table {
            let good = frames(role, good);
            let wire = [good.clone(), frame(role, first, payload)].concat();
            let outcome = received(role, "", &wire);
            assert_eq!((outcome.failure, outcome.end), (rsv1(), None), "{first:#x}");
            let codec = end(role, "");
            assert_eq!(every_way(|| codec.clone(), &wire).failure, rsv1());
            // Two bytes are enough to know.
            assert_eq!(fails_after(MessageCodec::from(codec), &wire), Some(good.len() + 2));
        }
    }
}

#[test]
fn section_6_bits_that_nobody_agreed_on() {
    let hello = deflated("Hello");
    for role in ROLES {
        let wire = frame(role, WHOLE, &hello);
        assert_eq!(every_way(|| MessageCodec::new(role), &wire).failure, rsv1());
        assert_eq!(every_way(|| FrameCodec::new(role), &wire).failure, rsv1());
        let agreed = crate::deflate::handshake(None, bowline::Deflate::new());
        let declined = if role == Role::Server { agreed.server } else { agreed.client };
        let outcome = every_way(|| MessageCodec::from(declined.clone()), &wire);
        assert_eq!(outcome.failure, rsv1());
        // The other two mean nothing to compression either.
        for (bit, reserved) in [(0x20, ReservedBits::RSV2), (0x10, ReservedBits::RSV3)] {
            for first in [WHOLE, FIN | TEXT, FIN | BINARY] {
                let outcome = received(role, "", &frame(role, first | bit, &hello));
                let expected = ProtocolError::ReservedBits(reserved);
                assert_eq!(outcome.failure, Some(Failure::Protocol(expected)), "{first:#x}");
            }
        }
    }
}

#[test]
fn section_6_the_close_codes_of_each_breach() {
    let table: [(Table<'_>, CloseCode); 5] = [
        (&[(RSV1 | LAST, b"")], CloseCode::PROTOCOL),
        (&[(FIN | RSV1 | PING, b"")], CloseCode::PROTOCOL),
        (&[(WHOLE, b"\x06")], CloseCode::INVALID),
        (&[(WHOLE, b"")], CloseCode::INVALID),
        (&[(WHOLE, b"\x00\x01\x00\xfe\xff\xff\x00")], CloseCode::INVALID),
    ];
    for role in ROLES {
        for (table, code) in table {
            let mut buffer = BytesMut::from(&*frames(role, table));
            let mut codec = MessageCodec::from(end(role, ""));
            let error = codec.decode(&mut buffer).expect_err("a breach");
            assert_eq!(error.close_code(), Some(code), "{error}");
        }
    }
    assert_eq!((CloseCode::PROTOCOL, CloseCode::INVALID), (1002.into(), 1007.into()));
}

#[test]
fn section_7_2_2_after_a_breach_nothing_more() {
    let hello = deflated("Hello");
    let breaches: [(u8, &[u8]); 5] = [
        (RSV1 | LAST, b""),
        (WHOLE, b"\x06"),
        (WHOLE, b""),
        (WHOLE, b"\x00\x01\x00\xfe\xff\xff\x00"),
        (FIRST, b"\x06"),
    ];
    for role in ROLES {
        for (first, payload) in breaches {
            let mut codec = MessageCodec::from(end(role, ""));
            let good = frame(role, WHOLE, &hello);
            let wire = [&good[..], &frame(role, first, payload), &good].concat();
            let mut buffer = BytesMut::from(&*wire);
            let message = codec.decode(&mut buffer).expect("valid");
            assert_eq!(message, Some(Message::text("Hello")));
            codec.decode(&mut buffer).expect_err("a breach");
            assert!(buffer.is_empty());
            for wire in [&good, &frame(role, FIN | TEXT, b"Hello"), &frame(role, LAST, &hello)] {
                buffer.extend_from_slice(wire);
                assert!(matches!(codec.decode(&mut buffer), Ok(None)));
                assert!(buffer.is_empty());
            }
            assert!(matches!(codec.decode_eof(&mut buffer), Ok(None)));
        }
    }
}

#[test]
fn section_5_4_a_message_inside_a_compressed_one() {
    let hello = deflated("Hello");
    let (head, tail) = hello.split_at(3);
    for role in ROLES {
        for first in [FIN | TEXT, WHOLE, FIRST, BINARY, FIN | RSV1 | BINARY] {
            let wire = frames(role, &[(FIRST, head), (first, &hello)]);
            let opcode = OpCode::new(first & 0xf).expect("four bits");
            let expected = ProtocolError::InterleavedMessage(opcode);
            let outcome = received(role, "", &wire);
            assert_eq!(outcome.failure, Some(Failure::Protocol(expected)));
        }
        let wire = frames(role, &[(WHOLE, &hello), (LAST, tail)]);
        let outcome = received(role, "", &wire);
        let expected = ProtocolError::UnexpectedContinuation;
        assert_eq!(outcome.failure, Some(Failure::Protocol(expected)));
        assert_eq!(outcome.items, texts(&["Hello"]));
    }
}

#[test]
fn rfc_6455_section_7_the_end_inside_a_compressed_message() {
    let hello = deflated("Hello");
    let (head, tail) = hello.split_at(3);
    for role in ROLES {
        let whole = frame(role, WHOLE, &hello);
        let first = frame(role, FIRST, head);
        let both = frames(role, &[(FIRST, head), (0, tail)]);
        let table = [
            (&whole[..1], EndOfStream::InsideHeader),
            (&whole[..whole.len() - 1], EndOfStream::InsidePayload),
            (&first, EndOfStream::InsideMessage),
            (&both, EndOfStream::InsideMessage),
            (&whole, EndOfStream::BetweenFrames),
        ];
        for (wire, place) in table {
            let outcome = received(role, "", wire);
            assert_eq!((outcome.failure, outcome.end), (None, Some(Failure::End(place))));
        }
        // A Close puts an end to what it interrupts.
        let wire = frames(role, &[(FIRST, head), (FIN | CLOSE, b"\x03\xe8"), (LAST, tail)]);
        let outcome = received(role, "", &wire);
        assert_eq!((outcome.failure, outcome.end), (None, None));
        assert_eq!(outcome.items, [Message::close(1000, "")]);
    }
}

#[test]
fn section_6_1_rsv1_is_not_sent_where_it_may_not_be() {
    for role in ROLES {
        let bad = [
            Frame::new(OpCode::PING, "").with_reserved(ReservedBits::RSV1),
            Frame::close(None).with_reserved(ReservedBits::RSV1),
            Frame::new(OpCode::TEXT, "").with_reserved(ReservedBits::RSV2),
            Frame::new(OpCode::CONTINUATION, "").with_reserved(ReservedBits::RSV1),
        ];
        for frame in bad {
            let mut codec = end(role, "");
            let mut wire = BytesMut::new();
            let open = Frame::new(OpCode::TEXT, "").with_reserved(ReservedBits::RSV1).not_final();
            codec.encode(open, &mut wire).expect("RSV1 is agreed on");
            let len = wire.len();
            let error = codec.encode(frame, &mut wire).expect_err("no place for it");
            assert!(matches!(error, Error::Usage(_)), "{error:?}");
            assert_eq!(wire.len(), len);
        }
    }
}
