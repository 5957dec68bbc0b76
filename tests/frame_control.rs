//! Control frames and the body of Close (RFC 6455 sections 5.5 and 7.4).

#[path = "support/codec.rs"]
mod codec;

use bowline::{
    CloseCode, CloseFrame, Error, Frame, FrameCodec, Message, MessageCodec, OpCode, ProtocolError,
    Role, UsageError,
};
use bytes::{Bytes, BytesMut};
use codec::{
    BINARY, CLOSE, CONTINUATION, FIN, Failure, PING, PONG, ROLES, TEXT, decode, failure, frame,
    frames, header_with, opcode,
};
use tokio_util::codec::{Decoder, Encoder};

const CLOSES: u8 = FIN | CLOSE;

/// The codes of section 7.4 and its registry that may be on the wire.
fn is_on_the_wire(code: u16) -> bool {
    let named = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
    named.contains(&code) || (3000..5000).contains(&code)
}

fn close_body(code: u16, reason: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes(), reason].concat()
}

fn protocol(error: ProtocolError, bytes: usize) -> Option<(Failure, usize)> {
    Some((Failure::Protocol(error), bytes))
}

#[test]
fn section_5_5_pings_and_pongs_of_up_to_125_bytes() {
    for role in ROLES {
        for len in [0, 1, 2, 124, 125] {
            let payload = vec![0xff; len];
            let wire = frames(role, &[(FIN | PING, &payload), (FIN | PONG, &payload)]);
            let decoded = decode(role, &wire);
            assert_eq!(decoded.failure, None);
            let payload = Bytes::from(payload);
            assert_eq!(decoded.messages, [Message::Ping(payload.clone()), Message::Pong(payload)]);
        }
    }
}

#[test]
fn section_5_5_control_frames_over_125_bytes() {
    for role in ROLES {
        for code in [CLOSE, PING, PONG] {
            let table: [(u8, &[u8]); 4] = [
                (126, b"\x00\x7e"),
                // In more bytes than it needs, and too long all the same.
                (126, b"\x00\x05"),
                (126, b"\xff\xff"),
                (127, b"\x00\x00\x00\x00\x00\x01\x00\x00"),
            ];
            for (short_len, extended) in table {
                let wire = header_with(role, FIN | code, short_len, extended);
                let expected = protocol(ProtocolError::ControlTooLong(short_len), 2);
                assert_eq!(failure(role, &wire), expected, "{role:?} {code:x}");
            }
        }
    }
}

#[test]
fn section_5_5_control_frames_must_not_be_fragmented() {
    for role in ROLES {
        for code in [CLOSE, PING, PONG] {
            let expected = protocol(ProtocolError::FragmentedControl(opcode(code)), 2);
            assert_eq!(failure(role, &frame(role, code, b"")), expected, "{role:?} {code:x}");
            assert_eq!(failure(role, &frame(role, code, b"\x03\xe8")), expected);
        }
    }
}

#[test]
fn section_5_5_1_close_bodies() {
    let long = "r".repeat(123);
    let table: [(Vec<u8>, Option<CloseFrame>); 6] = [
        (vec![], None),
        (close_body(1000, b""), Some(CloseFrame::new(1000, ""))),
        (close_body(1001, b"gone"), Some(CloseFrame::new(CloseCode::AWAY, "gone"))),
        (close_body(4999, "κόσμε".as_bytes()), Some(CloseFrame::new(4999, "κόσμε"))),
        (close_body(3000, b"\0"), Some(CloseFrame::new(3000, "\0"))),
        (close_body(1011, long.as_bytes()), Some(CloseFrame::new(1011, &long))),
    ];
    for role in ROLES {
        for (body, expected) in &table {
            let decoded = decode(role, &frame(role, CLOSES, body));
            assert_eq!((decoded.failure, decoded.end), (None, None));
            assert_eq!(decoded.messages, [Message::Close(expected.clone())], "{role:?}");
            assert_eq!(decoded.frames, [Frame::new(OpCode::CLOSE, body.clone())]);
        }
    }
}

#[test]
fn section_5_5_1_a_close_body_of_one_byte() {
    for role in ROLES {
        for body in [b"\x03", b"\xff", b"\0"] {
            let expected = protocol(ProtocolError::TruncatedCloseCode, 2);
            assert_eq!(failure(role, &frame(role, CLOSES, body)), expected, "on its header");
        }
    }
}

#[test]
fn section_5_5_1_close_reasons_that_are_not_utf8() {
    let reasons: [&[u8]; 8] = [
        b"\xff",
        b"fine until \x80",
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"cut \xe2\x82",
        b"\xce",
        &[0xbf; 123],
    ];
    for role in ROLES {
        for reason in reasons {
            let wire = frame(role, CLOSES, &close_body(1000, reason));
            let expected = protocol(ProtocolError::InvalidCloseReason, wire.len());
            assert_eq!(failure(role, &wire), expected, "{role:?} {reason:x?}");
        }
    }
    assert_eq!(ProtocolError::InvalidCloseReason.close_code(), 1007);
}

#[test]
fn section_7_4_every_code_received() {
    for role in ROLES {
        for code in (0..=5000).chain([u16::MAX - 1, u16::MAX]) {
            let wire = frame(role, CLOSES, &close_body(code, b"why"));
            let frame = FrameCodec::new(role).decode(&mut BytesMut::from(&wire[..]));
            let message = MessageCodec::new(role).decode(&mut BytesMut::from(&wire[..]));
            if is_on_the_wire(code) {
                let expected = Message::close(code, "why");
                assert_eq!(message.map_err(Failure::from), Ok(Some(expected)), "{code}");
                let expected = Frame::new(OpCode::CLOSE, close_body(code, b"why"));
                assert_eq!(frame.map_err(Failure::from), Ok(Some(expected)), "{code}");
            } else {
                let expected = ProtocolError::InvalidCloseCode(CloseCode::new(code));
                let expected = Failure::Protocol(expected);
                assert_eq!(message.map_err(Failure::from), Err(expected.clone()), "{code}");
                assert_eq!(frame.map_err(Failure::from), Err(expected), "{code}");
            }
        }
    }
}

#[test]
fn section_7_4_codes_around_each_edge_received_in_every_way() {
    let edges = [0, 999, 1000, 1003, 1004, 1006, 1007, 1014, 1015, 2999, 3000, 4999, 5000, 65535];
    for role in ROLES {
        for code in edges {
            let wire = frame(role, CLOSES, &close_body(code, b""));
            let refused = protocol(ProtocolError::InvalidCloseCode(code.into()), wire.len());
            let expected = if is_on_the_wire(code) { None } else { refused };
            assert_eq!(failure(role, &wire), expected, "{role:?} {code}");
        }
    }
}

#[test]
fn section_7_4_every_code_sent() {
    for role in ROLES {
        for code in (0..=5000).chain([u16::MAX - 1, u16::MAX]) {
            let mut dst = BytesMut::from("before");
            let mut codec = MessageCodec::new(role);
            let message = codec.encode(Message::close(code, "why"), &mut dst);
            let frame = Frame::new(OpCode::CLOSE, close_body(code, b"why"));
            let frame = FrameCodec::new(role).encode(frame, &mut BytesMut::new());
            if is_on_the_wire(code) {
                assert!(message.is_ok() && frame.is_ok(), "{code}");
                continue;
            }
            let expected = Failure::Usage(UsageError::UnsendableCloseCode(code.into()));
            assert_eq!(message.map_err(Failure::from), Err(expected), "{code}");
            let expected = Failure::Usage(UsageError::InvalidCloseBody);
            assert_eq!(frame.map_err(Failure::from), Err(expected), "{code}");
            assert_eq!(dst, "before");
            codec.encode(Message::close(1000, ""), &mut dst).expect("as if never asked");
        }
    }
    let unsendable = (0..=u16::MAX).filter(|code| !CloseCode::new(*code).is_sendable());
    assert!(unsendable.eq((0..=u16::MAX).filter(|code| !is_on_the_wire(*code))));
}

#[test]
fn section_5_5_1_what_arrives_after_close_is_discarded() {
    let table: [(u8, &[u8]); 9] = [
        (FIN | TEXT, b"late"),
        (FIN | BINARY, b"late"),
        (FIN | PING, b"late"),
        (CLOSES, b""),
        (CLOSES, b"\x03"),
        (FIN | TEXT, b"\xff"),
        (CONTINUATION, b""),
        (0xff, b"garbage"),
        (FIN | PING, b"\x00\x01"),
    ];
    for role in ROLES {
        for late in table {
            let wire = frames(role, &[(CLOSES, b"\x03\xe9"), late, (FIN | TEXT, b"x")]);
            let decoded = decode(role, &wire);
            assert_eq!(decoded.messages, [Message::close(1001, "")], "{role:?} {late:x?}");
            assert_eq!((decoded.failure, decoded.end), (None, None), "a clean end");
        }
    }
}

#[test]
fn section_5_5_1_what_arrives_after_close_is_not_kept() {
    for role in ROLES {
        let mut buffer = BytesMut::from(&frame(role, CLOSES, b"")[..]);
        let mut codec = FrameCodec::new(role);
        assert!(codec.decode(&mut buffer).expect("valid").is_some());
        for _ in 0..3 {
            buffer.extend_from_slice(&[0x82; 1000]);
            assert!(matches!(codec.decode(&mut buffer), Ok(None)));
            assert!(buffer.is_empty(), "{role:?}");
        }
    }
}

#[test]
fn section_7_4_1_each_breach_has_its_close_code() {
    let code = OpCode::PING;
    let table = [
        (ProtocolError::ReservedBits(codec::reserved_bits(0x40)), 1002),
        (ProtocolError::ReservedOpCode(opcode(3)), 1002),
        (ProtocolError::UnmaskedFrame, 1002),
        (ProtocolError::MaskedFrame, 1002),
        (ProtocolError::LengthTooLarge(1 << 63), 1002),
        (ProtocolError::LengthNotMinimal(5), 1002),
        (ProtocolError::FragmentedControl(code), 1002),
        (ProtocolError::ControlTooLong(126), 1002),
        (ProtocolError::UnexpectedContinuation, 1002),
        (ProtocolError::InterleavedMessage(OpCode::TEXT), 1002),
        (ProtocolError::TruncatedCloseCode, 1002),
        (ProtocolError::InvalidCloseCode(CloseCode::NO_STATUS), 1002),
        (ProtocolError::InvalidCloseReason, 1007),
        (ProtocolError::InvalidUtf8, 1007),
        (ProtocolError::TruncatedUtf8, 1007),
    ];
    for (error, code) in table {
        assert_eq!(error.close_code(), code, "{error}");
        assert_eq!(Error::from(error).close_code(), Some(CloseCode::new(code)));
    }
    let role = Role::Server;
    let usage = FrameCodec::new(role)
        .encode(Frame::new(opcode(3), ""), &mut BytesMut::new())
        .expect_err("no opcode");
    assert_eq!(usage.close_code(), None, "the caller's mistake is not the peer's to hear of");
}
