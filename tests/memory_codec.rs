//! What decoding costs in memory (RFC 6455 section 10.4): it follows the bytes received, never those
//! announced. What is reserved ahead of a message is at most 64 KiB, or as much again as has come of it.
//! Measured by counting, thread by thread.
#![allow(unsafe_code, reason = "an allocator that counts")]

#[path = "support/codec.rs"]
mod codec;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use bowline::{
    Delivery, Error, Frame, FrameCodec, FrameReader, MaskingKey, Message, MessageCodec, OpCode,
    Role,
};
use bytes::BytesMut;
use codec::{BINARY, CONTINUATION, Events, FIN, PING, ROLES, TEXT, frame, header, other};
use futures_util::{FutureExt, StreamExt};
use tokio_util::codec::{Decoder, Encoder, FramedRead};

/// What may be reserved ahead of a small message.
const AHEAD: usize = 64 << 10;
/// Bookkeeping: what a shared buffer costs beside its bytes.
const CHANGE: usize = 512;
const MIB: usize = 1 << 20;
const LAST: u8 = FIN | CONTINUATION;

struct Counting;

thread_local! {
    static LIVE: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

fn count(freed: usize, allocated: usize) {
    // A thread on its way out has no cells any more, and nothing to measure.
    let _ = LIVE.try_with(|live| {
        // Memory may be freed by another thread than allocated it.
        live.set((live.get() + allocated).saturating_sub(freed));
        PEAK.with(|peak| peak.set(peak.get().max(live.get())));
        CALLS.with(|calls| calls.set(calls.get() + usize::from(allocated > 0)));
    });
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(0, layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(layout.size(), 0);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(layout.size(), size);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Memory in use by this thread.
fn live() -> usize {
    LIVE.with(Cell::get)
}

/// How many times `work` has allocated, and how far memory has risen meanwhile.
fn measured(work: impl FnOnce()) -> (usize, usize) {
    let (calls, before) = (CALLS.with(Cell::get), live());
    PEAK.with(|peak| peak.set(before));
    work();
    (CALLS.with(Cell::get) - calls, PEAK.with(Cell::get) - before)
}

fn drain<C: Decoder<Error = Error>>(codec: &mut C, buffer: &mut BytesMut) -> usize {
    let mut items = 0;
    while codec.decode(buffer).expect("valid").is_some() {
        items += 1;
    }
    items
}

/// How far memory rises while the codec reads a header; `before` has been read already.
fn cost_of_a_header<C: Decoder<Error = Error>>(mut codec: C, before: &[u8], head: &[u8]) -> usize {
    let mut buffer = BytesMut::with_capacity(256);
    buffer.extend_from_slice(before);
    drain(&mut codec, &mut buffer);
    let (_, rise) = measured(|| {
        buffer.extend_from_slice(head);
        drain(&mut codec, &mut buffer);
        buffer.extend_from_slice(b"four");
        drain(&mut codec, &mut buffer);
    });
    rise
}

#[test]
fn section_10_4_a_header_that_announces_16_mib_costs_nothing() {
    for role in ROLES {
        let begun = frame(role, BINARY, b"begun");
        let table =
            [(&b""[..], FIN | BINARY), (b"", BINARY), (&begun, CONTINUATION), (&begun, LAST)];
        for (before, first) in table {
            let head = header(role, first, 16 << 20);
            let reader = |delivery| Events::new(FrameReader::new(role), delivery);
            let costs = [
                cost_of_a_header(FrameCodec::new(role), before, &head),
                cost_of_a_header(MessageCodec::new(role), before, &head),
                cost_of_a_header(reader(Delivery::Whole), before, &head),
                cost_of_a_header(reader(Delivery::Chunks), before, &head),
            ];
            assert!(costs.iter().all(|cost| *cost <= CHANGE), "{role:?} {first:x}: {costs:?}");
        }
    }
}

#[test]
fn section_10_4_a_header_that_announces_16_mib_costs_nothing_in_framed() {
    for role in ROLES {
        for first in [FIN | BINARY, TEXT] {
            let wire = header(role, first, 16 << 20);
            let (_, rise) = measured(|| {
                let pending = tokio_util::io::StreamReader::new(
                    futures_util::stream::iter([Ok::<_, std::io::Error>(&wire[..])])
                        .chain(futures_util::stream::pending()),
                );
                let mut messages = FramedRead::new(Box::pin(pending), MessageCodec::new(role));
                assert!(messages.next().now_or_never().is_none(), "waits for the payload");
            });
            assert!(rise <= AHEAD, "{role:?} {first:x}: {rise} bytes");
        }
    }
}

/// Feeds a message in fragments of a size, and holds memory to the bound after each.
fn check_growth(role: Role, fragment_size: usize, total: usize) {
    let first = frame(role, BINARY, &vec![7; fragment_size]);
    let next = frame(role, CONTINUATION, &vec![7; fragment_size]);
    let mut codec = MessageCodec::new(role);
    let mut buffer = BytesMut::with_capacity(2 * next.len() + 256);
    let before = live();
    let mut received = 0;
    while received < total {
        let wire = if received == 0 { &first } else { &next };
        received += fragment_size;
        let (_, rise) = measured(|| {
            buffer.extend_from_slice(wire);
            assert_eq!(drain(&mut codec, &mut buffer), 0);
        });
        let allowed = received + received.max(AHEAD) + CHANGE;
        // The read buffer is another of the same size while a fragment's bytes go to the message.
        let used = live() - before;
        assert!(used <= allowed, "{role:?}: {used} bytes for {received} in {fragment_size}s");
        assert!(rise <= received.max(AHEAD) + 2 * next.len() + CHANGE, "{rise} at {received}");
    }
    buffer.extend_from_slice(&frame(role, LAST, b""));
    let message = codec.decode(&mut buffer).expect("valid").expect("complete");
    assert_eq!(message.len(), received);
}

#[test]
fn section_10_4_a_message_in_fragments_costs_at_most_twice_what_has_come() {
    for role in ROLES {
        check_growth(role, 16, 64 << 10);
        check_growth(role, 1000, MIB);
        check_growth(role, 64 << 10, 4 * MIB);
        check_growth(role, 300_000, 4 * MIB);
    }
}

#[test]
fn section_10_4_a_million_fragments_of_a_byte_cost_a_megabyte() {
    let role = Role::Client;
    let burst = frame(role, CONTINUATION, b"a").repeat(1000);
    let mut codec = MessageCodec::new(role);
    let mut buffer = BytesMut::from(&frame(role, TEXT, b"")[..]);
    let (_, rise) = measured(|| {
        for _ in 0..1000 {
            buffer.extend_from_slice(&burst);
            drain(&mut codec, &mut buffer);
        }
    });
    assert!(rise <= 2 * MIB + 2 * burst.len() + CHANGE, "{rise} bytes");
}

#[test]
fn section_10_4_empty_fragments_and_pings_inside_a_message_cost_nothing() {
    for role in ROLES {
        let mut codec = MessageCodec::new(role);
        let mut buffer = BytesMut::with_capacity(4096);
        buffer.extend_from_slice(&frame(role, TEXT, b"begun"));
        drain(&mut codec, &mut buffer);
        let between = [frame(role, CONTINUATION, b""), frame(role, FIN | PING, b"ping")].concat();
        let (_, rise) = measured(|| {
            for _ in 0..1000 {
                buffer.extend_from_slice(&between);
                assert_eq!(drain(&mut codec, &mut buffer), 1);
            }
        });
        assert!(rise <= 2 * 4096 + CHANGE, "{role:?}: {rise} bytes");
    }
}

#[test]
fn section_10_4_a_large_frame_in_framed_costs_at_most_twice_its_size() {
    for role in ROLES {
        for wire in [
            frame(role, FIN | BINARY, &vec![1; 4 * MIB]),
            codec::frames(role, &[(BINARY, &vec![1; 2 * MIB]), (LAST, &vec![1; 2 * MIB])]),
        ] {
            let (_, rise) = measured(|| {
                let mut messages = FramedRead::new(&wire[..], MessageCodec::new(role));
                let message = messages.next().now_or_never().flatten().expect("it is all there");
                assert_eq!(message.expect("valid").len(), 4 * MIB);
            });
            assert!(rise <= 8 * MIB + AHEAD, "{role:?}: {rise} bytes");
        }
    }
}

#[test]
fn section_7_1_7_a_codec_that_has_failed_or_ended_keeps_no_half_message() {
    for role in ROLES {
        for last in [b"\x83\x80".to_vec(), frame(role, 0x88, b"")] {
            let mut codec = MessageCodec::new(role);
            let before = live();
            let mut buffer = BytesMut::from(&frame(role, BINARY, &vec![1; 4 * MIB])[..]);
            drain(&mut codec, &mut buffer);
            buffer = BytesMut::from(&last[..]);
            let _: Result<_, Error> = codec.decode(&mut buffer);
            let kept = live() - before;
            assert!(kept <= AHEAD, "{role:?}: {kept} bytes after {last:x?}");
        }
    }
}

/// How many times `step` allocates in a thousand times, once warm.
fn allocations(mut step: impl FnMut()) -> usize {
    (0..10).for_each(|_| step());
    measured(|| (0..1000).for_each(|_| step())).0
}

#[test]
fn small_messages_are_decoded_without_allocating_once_warm() {
    for role in ROLES {
        for (first, payload) in
            [(FIN | TEXT, &b"Hello"[..]), (FIN | BINARY, &[7; 125]), (0x89, b"")]
        {
            let wire = frame(role, first, payload);
            let mut buffer = BytesMut::with_capacity(8192);
            let mut messages = MessageCodec::new(role);
            let seen = allocations(|| {
                buffer.extend_from_slice(&wire);
                assert_eq!(drain(&mut messages, &mut buffer), 1);
            });
            assert_eq!(seen, 0, "{role:?} {first:x}: a message at a time");
            let burst = wire.repeat(20);
            let seen = allocations(|| {
                buffer.extend_from_slice(&burst);
                assert_eq!(drain(&mut messages, &mut buffer), 20);
            });
            assert_eq!(seen, 0, "{role:?} {first:x}: twenty at a time");
        }
    }
}

#[test]
fn small_messages_are_encoded_without_allocating_once_warm() {
    for role in ROLES {
        let mut messages = MessageCodec::new(role);
        let mut frames = FrameCodec::new(role).with_masking_keys(|| MaskingKey::new(codec::KEY));
        let mut wire = BytesMut::with_capacity(8192);
        let text = Message::text("Hello");
        let binary = Frame::new(OpCode::BINARY, &[7; 125][..]);
        // Clones of shared bytes: they count references, and don't copy.
        let seen = allocations(|| {
            wire.clear();
            messages.encode(text.clone(), &mut wire).expect("encodable");
            frames.encode(binary.clone(), &mut wire).expect("encodable");
        });
        assert_eq!(seen, 0, "{role:?}");
        assert!(wire.ends_with(&frame(other(role), FIN | BINARY, &[7; 125])));
    }
}
