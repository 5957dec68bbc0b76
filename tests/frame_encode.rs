//! What `FrameCodec` writes, and what it refuses to write (RFC 6455 sections 5.1 to 5.7).

#[path = "support/codec.rs"]
mod codec;

use bowline::{CloseFrame, Frame, FrameCodec, MaskingKey, OpCode, ReservedBits, Role, UsageError};
use bytes::BytesMut;
use codec::{BINARY, FIN, Failure, KEY, ROLES, frame, opcode, other};
use tokio_util::codec::Encoder;

fn codec(role: Role) -> FrameCodec {
    FrameCodec::new(role).with_masking_keys(|| MaskingKey::new(KEY))
}

#[track_caller]
fn encoded(role: Role, frames: &[Frame]) -> Vec<u8> {
    let mut wire = BytesMut::new();
    let mut codec = codec(role);
    for frame in frames {
        codec.encode(frame.clone(), &mut wire).expect("encodable");
    }
    wire.to_vec()
}

/// Encodes the frames that may go, then one that may not: nothing is written of it, and the next may
/// go as if it had never been.
#[track_caller]
fn refused(mut codec: FrameCodec, before: &[Frame], bad: Frame, expected: UsageError, next: Frame) {
    let mut wire = BytesMut::new();
    for frame in before {
        codec.encode(frame.clone(), &mut wire).expect("encodable");
    }
    let as_it_was = wire.clone();
    let shown = format!("{bad:.100?} after {before:?}");
    let error = codec.encode(bad, &mut wire).map_err(Failure::from);
    assert_eq!(error, Err(Failure::Usage(expected)), "{shown}");
    assert_eq!(wire, as_it_was, "{shown}");
    codec.encode(next, &mut wire).expect("as if never asked");
    assert!(wire.len() > as_it_was.len());
}

fn text(payload: &'static [u8]) -> Frame {
    Frame::new(OpCode::TEXT, payload)
}

fn binary(payload: &'static [u8]) -> Frame {
    Frame::new(OpCode::BINARY, payload)
}

fn continuation(payload: &'static [u8]) -> Frame {
    Frame::new(OpCode::CONTINUATION, payload)
}

#[test]
fn section_5_7_examples() {
    let hello = |opcode| Frame::new(opcode, "Hello");
    let table: [(Role, &[Frame], &[u8]); 5] = [
        (Role::Server, &[hello(OpCode::TEXT)], b"\x81\x05\x48\x65\x6c\x6c\x6f"),
        (Role::Client, &[hello(OpCode::TEXT)], b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
        (
            Role::Server,
            &[text(b"Hel").not_final(), continuation(b"lo")],
            b"\x01\x03\x48\x65\x6c\x80\x02\x6c\x6f",
        ),
        (Role::Server, &[hello(OpCode::PING)], b"\x89\x05\x48\x65\x6c\x6c\x6f"),
        (Role::Client, &[hello(OpCode::PONG)], b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
    ];
    for (role, frames, wire) in table {
        assert_eq!(encoded(role, frames), wire);
    }
    let wire = encoded(Role::Server, &[Frame::new(OpCode::BINARY, vec![7; 256])]);
    assert_eq!((&wire[..4], wire.len()), (&b"\x82\x7e\x01\x00"[..], 4 + 256));
    let wire = encoded(Role::Server, &[Frame::new(OpCode::BINARY, vec![7; 65536])]);
    assert_eq!(wire[..10], *b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00");
    assert_eq!(wire.len(), 10 + 65536);
}

#[test]
fn section_5_2_the_minimal_number_of_bytes_is_used() {
    for role in ROLES {
        for len in [0, 1, 3, 4, 7, 8, 9, 125, 126, 127, 128, 65535, 65536, 100_000] {
            let payload: Vec<u8> = (0..len).map(|i| (i % 253) as u8).collect();
            let wire = encoded(role, &[Frame::new(OpCode::BINARY, payload.clone())]);
            assert!(wire == frame(other(role), FIN | BINARY, &payload), "{role:?} {len}");
        }
    }
}

#[test]
fn section_5_1_a_client_masks_and_a_server_does_not() {
    for opcode in [OpCode::TEXT, OpCode::BINARY, OpCode::PING, OpCode::PONG, OpCode::CLOSE] {
        for payload in [&b""[..], b"\x03\xe8"] {
            let mask_bit = |role| {
                let payload = if opcode == OpCode::TEXT { b"" } else { payload };
                encoded(role, &[Frame::new(opcode, payload)])[1] & 0x80
            };
            assert_eq!((mask_bit(Role::Client), mask_bit(Role::Server)), (0x80, 0), "{opcode}");
        }
    }
}

#[test]
fn section_5_3_every_frame_has_a_fresh_key() {
    let mut seen = Vec::new();
    for _ in 0..3 {
        let mut codec = FrameCodec::new(Role::Client);
        for _ in 0..10 {
            let mut wire = BytesMut::new();
            codec.encode(binary(b"\0\0\0\0"), &mut wire).unwrap();
            assert_eq!(wire[2..6], wire[6..10], "zeros show the key");
            assert!(!seen.contains(&wire), "{wire:x?} again");
            seen.push(wire);
        }
    }
}

#[test]
fn section_5_2_reserved_opcodes_and_bits() {
    for role in ROLES {
        for code in (0x3..=0x7).chain(0xb..=0xf) {
            let bad = Frame::new(opcode(code), "x");
            let expected = UsageError::ReservedOpCode(opcode(code));
            refused(codec(role), &[], bad, expected, text(b"next"));
        }
        for bits in [ReservedBits::RSV1, ReservedBits::RSV2, ReservedBits::RSV3] {
            for opcode in [OpCode::TEXT, OpCode::BINARY, OpCode::PING, OpCode::CLOSE] {
                let bad = Frame::new(opcode, "").with_reserved(bits);
                refused(codec(role), &[], bad, UsageError::ReservedBits(bits), text(b"next"));
            }
        }
    }
}

#[test]
fn section_5_2_reserved_bits_of_an_extension() {
    let rsv1 = ReservedBits::RSV1;
    for role in ROLES {
        let codec = || codec(role).with_reserved_bits(rsv1);
        let mut wire = BytesMut::new();
        let fragment = text(b"\xff").not_final().with_reserved(rsv1);
        codec().encode(fragment, &mut wire).expect("text that an extension has transformed");
        assert_eq!(wire[0], 0x41);
        let both = rsv1.union(ReservedBits::RSV2);
        let bad = binary(b"").with_reserved(both);
        let expected = UsageError::ReservedBits(ReservedBits::RSV2);
        refused(codec(), &[], bad, expected, text(b"next"));
    }
}

#[test]
fn section_5_2_reserved_bits_of_an_extension_are_sent_on_a_messages_first_frame_alone() {
    let rsv1 = ReservedBits::RSV1;
    for role in ROLES {
        let codec = || codec(role).with_reserved_bits(rsv1);
        for opcode in [OpCode::PING, OpCode::PONG, OpCode::CLOSE] {
            let bad = Frame::new(opcode, "").with_reserved(rsv1);
            refused(codec(), &[], bad, UsageError::ReservedBits(rsv1), text(b"next"));
        }
        let first = binary(b"a").not_final().with_reserved(rsv1);
        let bad = continuation(b"b").with_reserved(rsv1);
        refused(codec(), &[first], bad, UsageError::ReservedBits(rsv1), continuation(b"b"));
    }
}

#[test]
fn section_5_5_control_frames() {
    for role in ROLES {
        for opcode in [OpCode::PING, OpCode::PONG, OpCode::CLOSE] {
            let bad = Frame::new(opcode, "").not_final();
            refused(codec(role), &[], bad, UsageError::FragmentedControl(opcode), text(b"next"));
            for len in [126, 127, 65536] {
                let bad = Frame::new(opcode, vec![b'x'; len]);
                refused(codec(role), &[], bad, UsageError::ControlTooLong(len), text(b"next"));
            }
        }
        let longest = [b"\x03\xe8".to_vec(), vec![b'r'; 123]].concat();
        for frame in [
            Frame::new(OpCode::PING, vec![0xff; 125]),
            Frame::new(OpCode::PONG, ""),
            Frame::new(OpCode::CLOSE, longest),
        ] {
            assert!(!encoded(role, &[frame]).is_empty());
        }
    }
}

#[test]
fn section_5_5_1_close_bodies() {
    let bodies: [&[u8]; 7] = [
        b"\x03",
        b"\x03\xe7",
        b"\x03\xed",
        b"\x03\xe8\xff",
        b"\x03\xe8\xe2\x82",
        b"\0\0",
        b"\xff\xff reason",
    ];
    for role in ROLES {
        for body in bodies {
            let bad = Frame::new(OpCode::CLOSE, body);
            refused(codec(role), &[], bad, UsageError::InvalidCloseBody, Frame::close(None));
        }
        let close = Frame::close(Some(&CloseFrame::new(1001, "bye")));
        let expected = frame(other(role), 0x88, b"\x03\xe9bye");
        assert_eq!(encoded(role, &[close]), expected);
        assert_eq!(encoded(role, &[Frame::close(None)]), frame(other(role), 0x88, b""));
    }
}

#[test]
fn section_5_5_1_no_frame_after_close() {
    for role in ROLES {
        for late in [text(b""), binary(b""), Frame::new(OpCode::PING, ""), Frame::close(None)] {
            let mut codec = codec(role);
            let mut wire = BytesMut::new();
            codec.encode(Frame::close(None), &mut wire).unwrap();
            let as_it_was = wire.clone();
            let error = codec.encode(late, &mut wire).map_err(Failure::from);
            assert_eq!(error, Err(Failure::Usage(UsageError::SendAfterClose)));
            assert_eq!(wire, as_it_was);
        }
    }
}

#[test]
fn section_5_4_the_order_of_fragments() {
    let interleaved = UsageError::InterleavedMessage;
    let ping = Frame::new(OpCode::PING, "");
    for role in ROLES {
        let begun = text(b"a").not_final();
        let table = [
            (vec![], continuation(b"x"), UsageError::UnexpectedContinuation, text(b"y")),
            (vec![text(b"a")], continuation(b""), UsageError::UnexpectedContinuation, text(b"y")),
            (vec![begun.clone()], text(b"x"), interleaved(OpCode::TEXT), continuation(b"y")),
            (
                vec![begun.clone(), ping.clone()],
                binary(b"x"),
                interleaved(OpCode::BINARY),
                continuation(b""),
            ),
            (
                vec![begun, continuation(b"b").not_final()],
                text(b"x").not_final(),
                interleaved(OpCode::TEXT),
                continuation(b"y"),
            ),
        ];
        for (before, bad, expected, next) in table {
            refused(codec(role), &before, bad, expected, next);
        }
    }
}

#[test]
fn section_8_1_text_is_checked_over_its_fragments() {
    for role in ROLES {
        let table = [
            (vec![], text(b"\xff"), text(b"next")),
            (vec![], text(b"\xe2\x82"), text(b"next")),
            (vec![], text(b"\xff").not_final(), text(b"next")),
            (vec![text(b"\xe2").not_final()], continuation(b"x"), continuation(b"\x82\xac")),
            (vec![text(b"\xe2\x82").not_final()], continuation(b""), continuation(b"\xac")),
            (vec![text(b"ok").not_final()], continuation(b"\xc0"), continuation(b"")),
        ];
        for (before, bad, next) in table {
            refused(codec(role), &before, bad, UsageError::InvalidUtf8, next);
        }
        let cut = [text(b"\xf0").not_final(), Frame::new(OpCode::PING, "\u{7f}")];
        let rest = [continuation(b"\x9d\x84").not_final(), continuation(b"\x9e"), text(b"z")];
        assert!(!encoded(role, &[&cut[..], &rest].concat()).is_empty());
        assert!(!encoded(role, &[binary(b"\xff").not_final(), continuation(b"\xc0")]).is_empty());
    }
}
