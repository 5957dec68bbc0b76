//! What inflating costs in memory (RFC 7692 section 7.2.2): what has come out so far, and never twice the
//! limit, however little has come in.

#[path = "support/codec.rs"]
mod codec;
#[path = "support/deflate.rs"]
mod deflate;
#[path = "support/heap.rs"]
mod heap;

use bowline::{LimitError, Limits, Message, MessageCodec, Role};
use bytes::BytesMut;
use codec::{BINARY, CONTINUATION, FIN, Failure, ROLES, frame};
use deflate::{Deflater, RSV1, agreeing_on, decoded, deflated};
use heap::{Cost, cost};
use tokio_util::codec::Decoder;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
/// Bookkeeping: what a shared buffer costs beside its bytes.
const CHANGE: usize = 512;
/// What a connection keeps of its peer's messages, at 15 bits.
const WINDOW: usize = 32 * KIB;

/// The end of this role, context kept both ways.
fn receiver(role: Role) -> MessageCodec {
    let (server, client) = agreeing_on("");
    if role == Role::Server { server.into() } else { client.into() }
}

/// Makes the thread's own part whole, to which no message adds any more: the 32 decompressors that it keeps,
/// and the space that they write to.
fn warm_up() {
    add_decompressors(32);
}

/// A message that fails takes its decompressor with it.
fn add_decompressors(count: usize) {
    for _ in 0..count {
        let wire = frame(Role::Server, FIN | RSV1 | BINARY, &deflated("Hello"));
        decoded(&mut receiver(Role::Server), &wire).expect("valid");
    }
}

/// The payload of so many zeros, about a thousandth of them.
fn bomb(len: usize) -> Vec<u8> {
    const BLOCK: usize = 256 << 10;
    let blocks = Deflater::new().flushed(&[0; BLOCK]).repeat(len / BLOCK);
    let payload = [blocks, deflated(vec![0; len % BLOCK])].concat();
    assert!(payload.len() * 700 < len, "{} for {len}", payload.len());
    payload
}

/// Frames of so many bytes of payload.
fn in_fragments(role: Role, payload: &[u8], size: usize) -> Vec<u8> {
    let count = payload.len().div_ceil(size);
    let fragments = payload.chunks(size).enumerate().map(|(i, piece)| {
        let code = if i == 0 { BINARY | RSV1 } else { CONTINUATION };
        frame(role, if i + 1 == count { code | FIN } else { code }, piece)
    });
    fragments.flatten().collect()
}

/// Decodes pieces of so many bytes to the first message, and gives its length.
fn inflate(role: Role, limit: usize, wire: &[u8], piece: usize) -> (Cost, Result<usize, Failure>) {
    let limits = Limits::new().with_max_message_size(limit);
    let mut codec = receiver(role).with_limits(limits);
    let mut buffer = BytesMut::with_capacity(wire.len());
    cost(|| {
        for piece in wire.chunks(piece) {
            buffer.extend_from_slice(piece);
            if let Some(message) = codec.decode(&mut buffer)? {
                return Ok(message.len());
            }
        }
        panic!("neither a message nor an error");
    })
}

fn check_bomb(limit: usize, fragment: usize, piece: usize) {
    for len in [limit - 1, limit, limit + 1, limit + 2] {
        let payload = bomb(len);
        for role in ROLES {
            let wire = in_fragments(role, &payload, fragment);
            add_decompressors(1);
            let (cost, outcome) = inflate(role, limit, &wire, piece);
            let place = format!("{role:?}: {len} of {limit} in {fragment}s, fed in {piece}s");
            let expected = match len {
                _ if len <= limit => Ok(len),
                // At the first byte over, however many follow.
                _ => Err(Failure::Limit(LimitError::MessageTooLarge {
                    size: limit as u64 + 1,
                    limit,
                })),
            };
            assert_eq!(outcome, expected, "{place}");
            assert!(cost.peak as usize <= 2 * limit + 64 * KIB, "{} bytes, {place}", cost.peak);
            let pieces = wire.len().div_ceil(piece) + wire.len() / fragment;
            assert!(cost.calls <= 2 * pieces + 40, "{cost:?}, {pieces} pieces, {place}");
            let window = if outcome.is_ok() { WINDOW } else { 0 };
            let kept = usize::try_from(cost.kept).unwrap_or_default();
            assert!(kept <= window + CHANGE, "{kept} kept, {place}");
        }
    }
}

#[test]
fn section_7_2_2_a_bomb_costs_at_most_twice_the_limit() {
    warm_up();
    for limit in [64 * KIB, 65_537, MIB, 1_000_003] {
        check_bomb(limit, usize::MAX, usize::MAX);
        check_bomb(limit, usize::MAX, 1);
        check_bomb(limit, 7, 100);
    }
    check_bomb(MIB, 1, 1);
}

#[test]
fn section_7_2_2_a_large_bomb_costs_at_most_twice_the_limit() {
    warm_up();
    check_bomb(16 * MIB, usize::MAX, 4096);
}

/// The buffer that grows by doubling is a byte short when the last byte comes.
#[test]
fn section_7_2_2_the_least_fortunate_sizes_cost_no_more() {
    warm_up();
    let limit = 256 * KIB + 1;
    let limits = Limits::new().with_max_message_size(limit);
    for role in ROLES {
        let mut codec = receiver(role).with_limits(limits);
        let mut peer = Deflater::new();
        let mut wire = frame(role, BINARY | RSV1, &peer.flushed(&[0; 8 * KIB]));
        wire.extend(frame(role, CONTINUATION, &peer.flushed(&[0; 248 * KIB])));
        wire.extend(frame(role, FIN | CONTINUATION, &peer.payload(b"a")));
        let mut buffer = BytesMut::from(&wire[..]);
        let (cost, message) = cost(|| codec.decode(&mut buffer));
        assert_eq!(message.expect("valid").expect("whole").len(), limit);
        assert!(cost.peak as usize <= 2 * limit + 64 * KIB, "{role:?}: {cost:?}");
    }
}

#[test]
fn section_7_2_2_one_bomb_after_the_other_costs_what_one_does() {
    warm_up();
    let limit = 100_000;
    let payload = bomb(limit - 1);
    for role in ROLES {
        let limits = Limits::new().with_max_message_size(limit);
        let mut codec = receiver(role).with_limits(limits);
        let wire = frame(role, FIN | RSV1 | BINARY, &payload);
        let mut buffer = BytesMut::with_capacity(2 * wire.len());
        let (cost, ()) = cost(|| {
            for _ in 0..20 {
                buffer.extend_from_slice(&wire);
                let message = codec.decode(&mut buffer).expect("valid").expect("whole");
                assert_eq!(message.len(), limit - 1);
            }
        });
        assert!(cost.peak as usize <= 2 * limit + 64 * KIB, "{role:?}: {cost:?}");
        assert!(cost.kept as usize <= WINDOW + CHANGE, "{role:?}: {cost:?}");
    }
}

/// Blocks of nothing, stored and with fixed codes, of which a message can have any number.
#[test]
fn section_7_2_3_5_endless_empty_blocks_cost_nothing() {
    // A block with fixed codes has three bits and the seven of its end; three of them, and a stored one.
    let fixed = [0x02, 0x08, 0x20, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff];
    for block in [&[0x00, 0x00, 0x00, 0xff, 0xff][..], &fixed] {
        for role in ROLES {
            let next = frame(role, CONTINUATION, &block.repeat(1000));
            let mut codec = receiver(role);
            let mut buffer = BytesMut::with_capacity(2 * next.len());
            buffer.extend_from_slice(&frame(role, BINARY | RSV1, block));
            assert_eq!(codec.decode(&mut buffer).expect("valid"), None);
            let (cost, ()) = cost(|| {
                for _ in 0..200 {
                    buffer.extend_from_slice(&next);
                    assert_eq!(codec.decode(&mut buffer).expect("valid"), None);
                }
            });
            assert!(cost.peak as usize <= 2 * next.len() + CHANGE, "{role:?}: {cost:?}");
            buffer.extend_from_slice(&frame(role, FIN | CONTINUATION, &[0x00]));
            assert_eq!(codec.decode(&mut buffer).expect("valid"), Some(Message::binary("")));
        }
    }
}
