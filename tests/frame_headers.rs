//! Frame headers (RFC 6455 sections 5.1 to 5.3): lengths, reserved bits, opcodes, masks.

#[path = "support/codec.rs"]
mod codec;

use bowline::{
    Frame, FrameCodec, FrameHeader, LimitError, Limits, MaskingKey, MessageCodec, OpCode,
    ProtocolError, ReservedBits, Role,
};
use bytes::BytesMut;
use codec::{
    BINARY, CLOSE, CONTINUATION, FIN, Failure, KEY, Outcome, PING, PONG, ROLES, TEXT, Table,
    decode, every_way, failure, frame, frames, header, header_with, opcode, other, reserved_bits,
};
use tokio_util::codec::Decoder;

const DATA: u8 = FIN | BINARY;
const MIB: usize = 1 << 20;

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8).collect()
}

fn frame_too_large(size: u64, limit: usize) -> Failure {
    Failure::Limit(LimitError::FrameTooLarge { size, limit })
}

#[test]
fn section_5_2_lengths_in_seven_sixteen_and_sixty_four_bits() {
    for role in ROLES {
        for len in [0, 1, 7, 8, 9, 124, 125, 126, 127, 128, 65535, 65536] {
            let decoded = decode(role, &frame(role, DATA, &pattern(len)));
            assert_eq!(
                decoded.frames,
                [Frame::new(OpCode::BINARY, pattern(len))],
                "{role:?} {len}"
            );
            assert_eq!(decoded.failure, None);
        }
    }
}

#[test]
fn section_5_2_the_minimal_number_of_bytes_must_be_used() {
    let table: [(u8, &[u8], u64); 9] = [
        (126, b"\x00\x00", 0),
        (126, b"\x00\x01", 1),
        (126, b"\x00\x7d", 125),
        (127, b"\x00\x00\x00\x00\x00\x00\x00\x00", 0),
        (127, b"\x00\x00\x00\x00\x00\x00\x00\x7d", 125),
        (127, b"\x00\x00\x00\x00\x00\x00\x00\x7e", 126),
        (127, b"\x00\x00\x00\x00\x00\x00\x00\x7f", 127),
        (127, b"\x00\x00\x00\x00\x00\x00\x80\x00", 32768),
        (127, b"\x00\x00\x00\x00\x00\x00\xff\xff", 65535),
    ];
    for role in ROLES {
        for (short_len, extended, len) in table {
            let head = header_with(role, DATA, short_len, extended);
            let (failure, bytes) = failure(role, &[&head[..], &[0; 200]].concat()).expect("fails");
            assert_eq!(failure, Failure::Protocol(ProtocolError::LengthNotMinimal(len)));
            assert!(bytes <= head.len(), "{role:?}, length {len}: seen after {bytes} bytes");
        }
    }
}

#[test]
fn section_5_2_the_most_significant_bit_must_be_0() {
    for role in ROLES {
        for len in [1 << 63, (1 << 63) + 1, u64::MAX - 3, u64::MAX] {
            let head = header_with(role, DATA, 127, &len.to_be_bytes());
            let (failure, bytes) = failure(role, &[&head[..], &[0; 9]].concat()).expect("fails");
            assert_eq!(failure, Failure::Protocol(ProtocolError::LengthTooLarge(len)));
            assert!(bytes <= head.len(), "{role:?}, length {len}: seen after {bytes} bytes");
        }
    }
}

#[test]
fn section_10_4_a_frame_over_the_limit_is_refused_on_its_header() {
    let sizes = [
        (16 << 20) + 1,
        (1 << 31) - 1,
        1 << 31,
        (1 << 31) + 1,
        (1 << 32) - 1,
        1 << 32,
        (1 << 32) + 1,
        (1 << 63) - 1,
    ];
    for role in ROLES {
        for size in sizes {
            let head = header(role, DATA, size);
            let failed = failure(role, &head).expect("fails");
            assert_eq!(failed, (frame_too_large(size, 16 * MIB), head.len()), "{role:?}");
        }
    }
}

#[test]
fn section_10_4_a_frame_of_the_limit_is_accepted_and_one_byte_more_is_not() {
    for role in ROLES {
        let decoded = decode(role, &header(role, DATA, 16 << 20));
        assert_eq!(decoded.failure, None, "16 MiB unless set");
        for limit in [0, 1, 5, 125, 126, 400] {
            for len in limit.max(1) - 1..=limit + 1 {
                let wire = frame(role, DATA, &pattern(len));
                let expected = (len > limit).then(|| frame_too_large(len as u64, limit));
                let frames = every_way(|| FrameCodec::new(role).with_max_frame_size(limit), &wire);
                assert_eq!(frames.failure, expected, "{role:?}: {len} of {limit}");
                let limits = Limits::new().with_max_frame_size(limit);
                let messages = every_way(|| MessageCodec::new(role).with_limits(limits), &wire);
                assert_eq!(messages.failure, expected, "{role:?}: {len} of {limit}");
            }
        }
    }
}

#[test]
fn section_5_2_lengths_up_to_63_bits_are_legal_where_no_limit_is_set() {
    let limits = Limits::new().with_max_frame_size(usize::MAX).with_max_message_size(usize::MAX);
    for role in ROLES {
        for len in [(1 << 31) - 1, 1 << 31, 1 << 32, (1 << 32) + 1, (1 << 63) - 1] {
            let wire = [header(role, DATA, len), pattern(30)].concat();
            let frames = every_way(|| FrameCodec::new(role).with_max_frame_size(usize::MAX), &wire);
            assert_eq!((frames.items, frames.failure), (vec![], None));
            let messages = every_way(|| MessageCodec::new(role).with_limits(limits), &wire);
            assert_eq!((messages.items, messages.failure), (vec![], None));
        }
    }
}

#[test]
fn section_5_2_reserved_bits_without_an_extension() {
    for role in ROLES {
        for code in [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] {
            for bits in 1..8 {
                let first = FIN | bits << 4 | code;
                let expected = ProtocolError::ReservedBits(reserved_bits(first));
                let failed = failure(role, &frame(role, first, b""));
                assert_eq!(failed, Some((Failure::Protocol(expected), 2)), "{role:?} {first:x}");
            }
        }
    }
}

#[test]
fn section_5_2_reserved_bits_of_an_extension_mark_a_messages_first_frame_alone() {
    let rsv1 = |role| move || FrameCodec::new(role).with_reserved_bits(ReservedBits::RSV1);
    for role in ROLES {
        let run = |table: Table<'_>| every_way(rsv1(role), &frames(role, table));
        let Outcome { items, failure, .. } = run(&[(0x41, b"\xff"), (0x80, b"\xfe"), (0xc2, b"")]);
        assert_eq!(failure, None, "text that an extension has transformed is not checked here");
        let reserved: Vec<_> = items.iter().map(Frame::reserved).collect();
        assert_eq!(reserved, [ReservedBits::RSV1, ReservedBits::NONE, ReservedBits::RSV1]);

        let refused: [(Table<'_>, u8); 6] = [
            (&[(0x41, b""), (0xc0, b"")], 0x40),
            (&[(0xc8, b"")], 0x40),
            (&[(0xc9, b"")], 0x40),
            (&[(0xca, b"")], 0x40),
            (&[(0xe1, b"")], 0x20),
            (&[(0xf2, b"")], 0x30),
        ];
        for (table, bits) in refused {
            let expected = ProtocolError::ReservedBits(reserved_bits(bits));
            assert_eq!(run(table).failure, Some(Failure::Protocol(expected)), "{table:x?}");
        }
    }
}

#[test]
fn section_5_2_unknown_opcodes() {
    for role in ROLES {
        for code in (0x3..=0x7).chain(0xb..=0xf) {
            for first in [code, FIN | code] {
                let expected = Failure::Protocol(ProtocolError::ReservedOpCode(opcode(code)));
                let failed = failure(role, &frame(role, first, b"x"));
                assert_eq!(failed, Some((expected, 2)), "{role:?} {first:x}");
            }
        }
    }
}

#[test]
fn section_5_1_clients_mask_and_servers_do_not() {
    for (role, expected) in
        [(Role::Server, ProtocolError::UnmaskedFrame), (Role::Client, ProtocolError::MaskedFrame)]
    {
        for code in [TEXT, BINARY, CLOSE, PING, PONG] {
            let wire = frame(other(role), FIN | code, b"\x03\xe8ok");
            assert_eq!(failure(role, &wire), Some((Failure::Protocol(expected), 2)), "{code:x}");
        }
        let table: [(u8, &[u8]); 1] = [(TEXT, b"begun")];
        let wire = [frames(role, &table), frame(other(role), FIN, b"")].concat();
        assert_eq!(decode(role, &wire).failure, Some(Failure::Protocol(expected)));
    }
}

#[test]
fn section_5_3_payloads_of_every_length_are_unmasked() {
    for key in [KEY, [0; 4], [0xff; 4], [0, 0, 0, 1], [1, 2, 3, 4]] {
        for len in 0..=40 {
            let head = [DATA, 0x80 | len as u8, key[0], key[1], key[2], key[3]];
            let masked = pattern(len).into_iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]);
            let wire: Vec<u8> = head.into_iter().chain(masked).collect();
            let decoded = decode(Role::Server, &wire);
            assert_eq!(decoded.frames, [Frame::new(OpCode::BINARY, pattern(len))], "{key:x?}");
        }
    }
}

#[test]
fn section_5_7_examples() {
    let hello = |opcode| Frame::new(opcode, "Hello");
    let table: [(Role, &[u8], &[Frame]); 5] = [
        (Role::Client, b"\x81\x05Hello", &[hello(OpCode::TEXT)]),
        (Role::Server, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", &[hello(OpCode::TEXT)]),
        (
            Role::Client,
            b"\x01\x03Hel\x80\x02lo",
            &[Frame::new(OpCode::TEXT, "Hel").not_final(), Frame::new(OpCode::CONTINUATION, "lo")],
        ),
        (Role::Client, b"\x89\x05Hello", &[hello(OpCode::PING)]),
        (Role::Server, b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", &[hello(OpCode::PONG)]),
    ];
    for (role, wire, expected) in table {
        let decoded = decode(role, wire);
        assert_eq!((decoded.failure, &decoded.frames[..]), (None, expected), "{wire:x?}");
    }
    let long = [&b"\x82\x7e\x01\x00"[..], &pattern(256)].concat();
    assert_eq!(decode(Role::Client, &long).frames, [Frame::new(OpCode::BINARY, pattern(256))]);
}

#[test]
fn section_5_2_a_header_is_parsed_and_encoded_to_the_same_bytes() {
    for len in [0, 1, 125, 126, 127, 65535, 65536, 1 << 31, 1 << 32, (1 << 63) - 1, u64::MAX] {
        for first in 0..=0xff {
            for role in ROLES {
                let wire = header(role, first, len);
                let (parsed, taken) = FrameHeader::parse(&wire).expect("complete");
                assert_eq!((taken, parsed.encoded_len()), (wire.len(), wire.len()));
                assert_eq!((parsed.is_final(), parsed.payload_len()), (first & FIN != 0, len));
                assert_eq!(
                    (parsed.opcode(), parsed.reserved()),
                    (opcode(first), reserved_bits(first))
                );
                let key = (role == Role::Server).then(|| MaskingKey::new(KEY));
                assert_eq!(parsed.masking_key(), key);
                let mut encoded = BytesMut::new();
                parsed.encode(&mut encoded);
                assert_eq!(encoded, wire);
                let incomplete = (0..wire.len()).map(|end| FrameHeader::parse(&wire[..end]));
                assert!(incomplete.into_iter().all(|parsed| parsed.is_none()), "{wire:x?}");
            }
        }
    }
}

#[test]
fn section_5_2_what_follows_a_frame_is_left_for_the_next() {
    for role in ROLES {
        let mut buffer = BytesMut::new();
        buffer.extend_from_slice(&frames(role, &[(DATA, b"one"), (DATA, b"two")]));
        buffer.extend_from_slice(&header(role, DATA, 300)[..3]);
        let mut codec = FrameCodec::new(role);
        for expected in [Some("one"), Some("two"), None] {
            let decoded = codec.decode(&mut buffer).expect("valid");
            assert_eq!(decoded, expected.map(|text| Frame::new(OpCode::BINARY, text)));
        }
        assert_eq!(buffer.len(), 3);
    }
}
