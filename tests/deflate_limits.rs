//! Limits of compressed messages (RFC 7692 section 8: "an endpoint should impose limits on ... decompressed
//! message"): on what is inflated, exactly and at once; on frames as they arrive; on floods.

#[path = "support/deflate/bits.rs"]
mod bits;
#[path = "support/codec.rs"]
mod codec;
#[path = "support/deflate.rs"]
mod deflate;

use bits::{Bits, Block};
use bowline::{CloseCode, Error, LimitError, Limits, Message, MessageCodec, Role};
use bytes::BytesMut;
use codec::{
    BINARY, CONTINUATION, FIN, Failure, PING, ROLES, TEXT, every_way, fails_after, frame, frames,
};
use deflate::{Deflater, RSV1, agreeing_on, decoded, deflated, noise};
use tokio_util::codec::Decoder;

const WHOLE: u8 = FIN | RSV1 | BINARY;
const FIRST: u8 = RSV1 | BINARY;
const LAST: u8 = FIN | CONTINUATION;

/// The end of this role, with these limits on messages and frames.
#[track_caller]
fn limited(role: Role, max_message: usize, max_frame: usize) -> MessageCodec {
    let (server, client) = agreeing_on("");
    let codec = if role == Role::Server { server } else { client };
    let limits = Limits::new().with_max_message_size(max_message);
    MessageCodec::from(codec).with_limits(limits.with_max_frame_size(max_frame))
}

/// A payload in one frame, or in fragments of so many bytes with a ping somewhere between.
fn message(role: Role, opcode: u8, payload: &[u8], fragments: Option<usize>) -> Vec<u8> {
    let Some(len) = fragments else { return frame(role, FIN | RSV1 | opcode, payload) };
    let mut wire = frame(role, RSV1 | opcode, b"");
    for (number, piece) in payload.chunks(len).enumerate() {
        if number == 1 {
            wire.extend(frame(role, FIN | PING, b"?"));
        }
        wire.extend(frame(role, CONTINUATION, piece));
    }
    wire.extend(frame(role, LAST, b""));
    wire
}

/// What becomes of data of this length.
fn expected(data: &[u8], opcode: u8, max: usize) -> Result<Message, Failure> {
    match (opcode, data.len() <= max) {
        (TEXT, true) => Ok(Message::text(std::str::from_utf8(data).expect("text"))),
        (_, true) => Ok(Message::binary(data.to_vec())),
        // One byte over is enough to know.
        (_, false) => Err(too_large(max)),
    }
}

fn too_large(limit: usize) -> Failure {
    Failure::Limit(LimitError::MessageTooLarge { size: limit as u64 + 1, limit })
}

/// What the codec makes of the bytes, the ping aside. After a failure it must make nothing of anything.
fn read(mut codec: MessageCodec, wire: &[u8]) -> Result<Message, Failure> {
    let result = decoded(&mut codec, wire);
    if let Err(error) = result {
        let good = frame(codec.role(), WHOLE, &deflated("Hello"));
        assert!(matches!(decoded(&mut codec, &good).as_deref(), Ok([])), "after {error}");
        assert!(matches!(codec.decode_eof(&mut BytesMut::new()), Ok(None)));
        return Err(error.into());
    }
    let mut messages = result?;
    messages.retain(|message| *message != Message::ping("?"));
    assert_eq!(messages.len(), 1);
    Ok(messages.remove(0))
}

#[test]
fn section_8_the_limit_is_for_the_inflated_message_and_exact() {
    for role in ROLES {
        for max in [0usize, 1, 2, 100, 32_767, 32_768, 32_769, 70_000] {
            for len in [max.saturating_sub(1), max, max + 1, max + 2] {
                let text: Vec<u8> = (0..len).map(|at| b'a' + (at % 23 * at % 26) as u8).collect();
                for (opcode, data) in [(TEXT, &text), (BINARY, &text), (BINARY, &noise(1, len))] {
                    let payload = deflated(data);
                    for fragments in [None, Some(1000), Some(payload.len() / 2 + 1)] {
                        let codec = limited(role, max, usize::MAX);
                        let wire = message(role, opcode, &payload, fragments);
                        let result = read(codec, &wire);
                        assert!(result == expected(data, opcode, max), "{len} of {max}");
                    }
                }
            }
        }
    }
}

#[test]
fn section_8_the_limit_however_the_bytes_arrive() {
    for role in ROLES {
        for len in [99, 100, 101] {
            let data = noise(2, len);
            for payload in [deflated(&data), deflated(vec![7; len])] {
                for fragments in [None, Some(1), Some(60)] {
                    let wire = message(role, BINARY, &payload, fragments);
                    let outcome = every_way(|| limited(role, 100, usize::MAX), &wire);
                    let failure = (len > 100).then(|| too_large(100));
                    assert_eq!(outcome.failure, failure, "{len}");
                }
            }
        }
    }
}

#[test]
fn section_8_bombs() {
    const MAX: usize = 1 << 20;
    for len in [MAX - 1, MAX, MAX + 1, MAX + 2] {
        let data = vec![0; len];
        let payload = deflated(&data);
        assert!(payload.len() < len / 900, "{} bytes", payload.len());
        for (role, fragments) in
            [(Role::Server, None), (Role::Client, Some(1)), (Role::Client, Some(100))]
        {
            let wire = message(role, BINARY, &payload, fragments);
            let result = read(limited(role, MAX, 1 << 20), &wire);
            assert!(result == expected(&data, BINARY, MAX), "{len}");
        }
    }
    // Far over the limit it is found early.
    let wire = frame(Role::Client, WHOLE, &deflated(vec![0; 10 * MAX]));
    let place = fails_after(limited(Role::Client, MAX, MAX), &wire).expect("found");
    assert!(place < wire.len() / 7, "after {place} bytes of {}", wire.len());
}

#[test]
fn section_8_many_messages_just_under_the_limit() {
    const MAX: usize = 50_000;
    for role in ROLES {
        let mut codec = limited(role, MAX, MAX);
        let mut peer = Deflater::new();
        for round in 0..40 {
            let data = vec![round; MAX - usize::from(round % 2)];
            let wire = frame(role, WHOLE, &peer.payload(&data));
            let read = decoded(&mut codec, &wire).expect("within the limit");
            assert!(read == [Message::binary(data)], "message {round}");
        }
        let wire = frame(role, WHOLE, &peer.payload(&vec![0; MAX + 1]));
        let error = decoded(&mut codec, &wire).map_err(Failure::from);
        assert_eq!(error, Err(too_large(MAX)));
    }
}

#[test]
fn section_8_what_is_large_on_the_wire_alone_is_no_breach() {
    for role in ROLES {
        // Data that grows by being compressed.
        for max in [1, 100, 70_000] {
            let data = noise(3, max);
            let bits =
                data.chunks(7000).fold(Bits::new(), |bits, chunk| bits.stored(Block::Inner, chunk));
            for payload in [bits.message(), deflated(&data)] {
                assert!(payload.len() > max);
                for fragments in [None, Some(10_000)] {
                    let wire = message(role, BINARY, &payload, fragments);
                    let result = read(limited(role, max, usize::MAX), &wire);
                    assert!(result == Ok(Message::binary(data.clone())), "{max}");
                }
            }
        }
        // A thousand empty blocks around one byte.
        let empty = |bits| (0..1000).fold(bits, |bits: Bits, _| bits.stored(Block::Inner, b""));
        let payload = empty(empty(Bits::new()).stored(Block::Inner, b"a")).message();
        let wire = message(role, TEXT, &payload, None);
        assert_eq!(read(limited(role, 1, usize::MAX), &wire), Ok(Message::text("a")));
        assert_eq!(read(limited(role, 0, usize::MAX), &wire), Err(too_large(0)));
        let wire = message(role, TEXT, &[0x00], None);
        assert_eq!(read(limited(role, 0, 1), &wire), Ok(Message::text("")));
    }
}

#[test]
fn section_8_the_first_byte_over_is_found_at_once() {
    const MAX: usize = 1000;
    for role in ROLES {
        // What is stored comes out byte by byte as it goes in.
        let payload = Bits::new().stored(Block::Inner, &noise(4, 2 * MAX)).message();
        for first in [WHOLE, FIRST] {
            let wire = frame(role, first, &payload);
            let before = wire.len() - payload.len() + 5;
            let place = fails_after(limited(role, MAX, usize::MAX), &wire);
            assert_eq!(place, Some(before + MAX + 1));
        }
        // In a later fragment, with no end of the message in sight.
        let mut peer = Deflater::new();
        let full = frame(role, FIRST, &peer.flushed(&[7; MAX]));
        let more = frame(role, CONTINUATION, &peer.flushed(&[7]));
        let wire = [&full[..], &more].concat();
        assert_eq!(fails_after(limited(role, MAX, MAX), &full), None);
        let place = fails_after(limited(role, MAX, MAX), &wire);
        assert!(place.is_some_and(|place| place > full.len()), "{place:?} of {}", wire.len());
        let outcome = every_way(|| limited(role, MAX, MAX), &wire);
        assert_eq!((outcome.items, outcome.failure), (vec![], Some(too_large(MAX))));
    }
}

#[test]
fn section_8_frames_are_limited_as_they_arrive() {
    let data = vec![0; 50_000];
    let payload = deflated(&data);
    for role in ROLES {
        let size = payload.len();
        let wire = frame(role, WHOLE, &payload);
        assert!(read(limited(role, usize::MAX, size), &wire) == Ok(Message::binary(data.clone())));
        let (size, limit) = (size as u64, size - 1);
        let expected = Failure::Limit(LimitError::FrameTooLarge { size, limit });
        assert_eq!(read(limited(role, usize::MAX, limit), &wire), Err(expected));
        // On its header, before anything is inflated.
        let header = &wire[..wire.len() - payload.len()];
        let place = fails_after(limited(role, 0, limit), &wire);
        assert_eq!(place, Some(header.len()));
    }
}

#[test]
fn section_8_floods_of_empty_fragments() {
    for role in ROLES {
        let begun = deflated("Hello");
        let starts: [(&[u8], u64); 3] = [(b"", 1025), (&begun[..1], 1026), (&begun, 1032)];
        for (start, fragments) in starts {
            let mut codec = limited(role, usize::MAX, usize::MAX);
            let mut buffer = BytesMut::from(&*frame(role, FIRST, start));
            let empty = frame(role, CONTINUATION, b"");
            let mut sent = 1;
            let error = loop {
                match codec.decode(&mut buffer) {
                    Ok(message) => assert_eq!(message, None),
                    Err(error) => break error,
                }
                buffer.extend_from_slice(&empty);
                sent += 1;
                assert!(sent < 1_000_000, "for ever");
            };
            assert_eq!((sent, error.close_code()), (fragments, Some(CloseCode::POLICY)));
            let expected = Failure::Limit(LimitError::TooManyFragments { fragments });
            assert_eq!(Failure::from(error), expected);
        }
    }
    assert_eq!(CloseCode::from(1008), CloseCode::POLICY);
}

#[test]
fn section_8_a_million_fragments_of_one_byte() {
    let data = noise(6, 1_000_000);
    let blocks = data.chunks(65_535);
    let payload = blocks.fold(Bits::new(), |bits, chunk| bits.stored(Block::Inner, chunk)).bytes();
    let wire: Vec<u8> = payload.iter().flat_map(|byte| [0x00, 0x01, *byte]).collect();
    let begun = |max| {
        let mut codec = limited(Role::Client, max, 1);
        assert!(matches!(decoded(&mut codec, &[FIRST, 0x00]).as_deref(), Ok([])));
        codec
    };
    // Legal without an end to it, up to the limit.
    let mut codec = begun(data.len());
    assert!(matches!(decoded(&mut codec, &wire).as_deref(), Ok([])));
    let read = decoded(&mut codec, &[LAST, 0x01, 0x00]).expect("whole");
    assert!(read == [Message::binary(data)]);
    let result = decoded(&mut begun(9_999), &wire).map_err(Failure::from);
    assert_eq!(result, Err(too_large(9_999)));
}

#[test]
fn section_7_2_3_4_floods_of_last_blocks() {
    let last = |blocks| (0..blocks).flat_map(|_| [0x03, 0x00]).collect::<Vec<u8>>();
    let expected = Failure::Limit(LimitError::TooManyLastBlocks { blocks: 1025 });
    for role in ROLES {
        let mut codec = limited(role, 10, usize::MAX);
        let allowed = [&last(1024)[..], &deflated("Hello")].concat();
        for fragments in [None, Some(1), Some(100)] {
            // Each message has its own.
            for _ in 0..2 {
                let read = decoded(&mut codec, &message(role, TEXT, &allowed, fragments));
                assert_eq!(read.expect("allowed").last(), Some(&Message::text("Hello")));
            }
            for blocks in [1025, 5000] {
                let flood = [&last(blocks)[..], &deflated("Hello")].concat();
                let wire = message(role, TEXT, &flood, fragments);
                assert_eq!(read(limited(role, 10, usize::MAX), &wire), Err(expected.clone()));
            }
        }
        // The end of the message need not be there.
        let wire = frame(role, FIRST, &last(1026));
        let error = decoded(&mut limited(role, 10, usize::MAX), &wire).expect_err("a flood");
        assert_eq!(error.close_code(), Some(CloseCode::POLICY));
        assert_eq!(Failure::from(error), expected);
    }
}

#[test]
fn section_8_the_close_code_of_what_is_too_large() {
    for role in ROLES {
        for payload in [deflated("Hello"), Bits::new().stored(Block::Last, b"Hello").bytes()] {
            let wire = frames(role, &[(FIN | RSV1 | TEXT, &payload)]);
            let error = decoded(&mut limited(role, 4, 100), &wire).expect_err("too large");
            assert!(matches!(error, Error::Limit(_)), "{error:?}");
            assert_eq!(error.close_code(), Some(1009.into()));
        }
    }
}
