//! What a connection with compression holds (RFC 7692 section 7.1): nothing before it is used, between
//! messages the context that was agreed on; and what a thread keeps for all of its connections.

#[path = "support/codec.rs"]
mod codec;
#[path = "support/deflate.rs"]
mod deflate;
#[path = "support/heap.rs"]
mod heap;

use std::{panic, thread};

use bowline::{Deflate, Message, MessageCodec, Role};
use bytes::BytesMut;
use codec::{BINARY, CONTINUATION, FIN, ROLES, TEXT, frame};
use deflate::{RSV1, agreeing_on, codecs, decoded, deflated, encoded, full_context};
use heap::{cost, live};
use tokio_util::codec::{Decoder, Encoder};

const KIB: usize = 1 << 10;
/// Bookkeeping: what a shared buffer costs beside its bytes.
const CHANGE: usize = 512;
/// A decompressor with its window.
const INFLATER: usize = 47 * KIB;
/// A compressor at 15 bits and memory level 8.
const COMPRESSOR: usize = 376 * KIB;
/// One at memory level 9.
const LARGEST_COMPRESSOR: usize = 488 * KIB;
/// What zlib writes to.
const SPACE: usize = 32 * KIB;
/// What a thread keeps.
const POOL: usize = 32 * INFLATER + 4 * LARGEST_COMPRESSOR + SPACE + 4 * KIB;
const NO_CONTEXT: &str = "server_no_context_takeover; client_no_context_takeover";

/// Runs on a thread that keeps nothing yet.
fn on_a_new_thread(work: impl FnOnce() + Send) {
    let outcome = thread::scope(|scope| scope.spawn(work).join());
    if let Err(payload) = outcome {
        panic::resume_unwind(payload);
    }
}

fn pair(parameters: &str) -> (MessageCodec, MessageCodec) {
    let (server, client) = agreeing_on(parameters);
    (server.into(), client.into())
}

fn receiver(role: Role, parameters: &str) -> MessageCodec {
    let (server, client) = pair(parameters);
    if role == Role::Server { server } else { client }
}

/// A message from the one to the other.
fn exchange(sender: &mut MessageCodec, receiver: &mut MessageCodec, message: &Message) {
    let wire = encoded(sender, message.clone());
    assert!(decoded(receiver, &wire).expect("valid") == [message.clone()]);
}

/// Messages both ways, of which each is compressed.
fn talk(server: &mut MessageCodec, client: &mut MessageCodec, message: &Message) {
    exchange(server, client, message);
    exchange(client, server, message);
}

fn prose(len: usize) -> Message {
    Message::text("the bowline holds under load. ".repeat(len / 30 + 1)[..len].to_owned())
}

/// What the thread holds more than before.
fn held_since(before: isize) -> usize {
    usize::try_from(live() - before).unwrap_or_default()
}

#[test]
fn nothing_is_made_before_the_first_message_that_needs_it() {
    let wishes = full_context().with_threshold(128);
    on_a_new_thread(|| {
        let (mut server, mut client) = codecs(wishes, wishes);
        let small = prose(127);
        let mut wire = BytesMut::with_capacity(KIB);
        let mut relay = |from: &mut MessageCodec, to: &mut MessageCodec| {
            from.encode(small.clone(), &mut wire).expect("encodable");
            assert_eq!(to.decode(&mut wire).expect("valid"), Some(small.clone()));
        };
        let (cost, ()) = cost(|| {
            for _ in 0..10 {
                relay(&mut server, &mut client);
                relay(&mut client, &mut server);
            }
        });
        assert!(cost.peak as usize <= 2 * KIB, "{cost:?}");
    });
}

/// Not for a header that says "compressed", nor for fragments of nothing.
#[test]
fn nothing_is_made_before_the_first_byte_of_a_compressed_message() {
    for role in ROLES {
        on_a_new_thread(|| {
            let mut codec = receiver(role, "");
            let mut buffer = BytesMut::with_capacity(KIB);
            let wire = [frame(role, TEXT | RSV1, b""), frame(role, CONTINUATION, b"")].concat();
            let (before, ()) = cost(|| {
                buffer.extend_from_slice(&wire);
                assert_eq!(codec.decode(&mut buffer).expect("valid"), None);
            });
            assert!(before.peak as usize <= KIB, "{role:?}: {before:?}");
            let wire = frame(role, FIN | CONTINUATION, &[0x00]);
            let (after, ()) = cost(|| {
                assert_eq!(decoded(&mut codec, &wire).expect("valid"), [Message::text("")]);
            });
            assert!(after.peak as usize <= INFLATER + SPACE + KIB, "{role:?}: {after:?}");
        });
    }
}

#[test]
fn section_7_1_1_idle_connections_without_context_keep_nothing() {
    on_a_new_thread(|| {
        const COUNT: usize = 200;
        let start = live();
        let mut pairs = Vec::with_capacity(COUNT);
        let room = held_since(start);
        pairs.extend((0..COUNT).map(|_| pair(NO_CONTEXT)));
        let agreed = held_since(start) - room;
        assert!(agreed <= COUNT * 2 * KIB, "{} a pair", agreed / COUNT);
        let message = prose(3000);
        for (server, client) in &mut pairs {
            talk(server, client, &message);
        }
        let talked = held_since(start) - room;
        assert!(talked <= agreed + INFLATER + COMPRESSOR + SPACE + KIB, "{talked} after {agreed}");
        drop(pairs);
        let left = held_since(start);
        assert!(left <= INFLATER + COMPRESSOR + SPACE + KIB, "{left} left");
    });
}

/// What a connection costs that keeps context, with windows of these bits.
fn cost_in_context(bits: u8) -> (usize, usize) {
    const COUNT: usize = 4;
    let parameters = match bits {
        15 => String::new(),
        bits => format!("server_max_window_bits={bits}; client_max_window_bits={bits}"),
    };
    let message = Message::binary(deflate::noise(1, 40_000));
    let mut senders = Vec::with_capacity(COUNT);
    let mut receivers = Vec::with_capacity(COUNT);
    for _ in 0..COUNT {
        let (server, client) = pair(&parameters);
        senders.push(server);
        receivers.push(client);
    }
    let wire = deflate::sent_frames(&encoded(&mut pair(&parameters).0, message.clone()));
    let wire = frame(Role::Client, wire[0].0, &wire[0].1);
    decoded(&mut receiver(Role::Client, &parameters), &wire).expect("valid");
    let before = live();
    for sender in &mut senders {
        encoded(sender, message.clone());
    }
    let sending = held_since(before) / COUNT;
    // Decompressors up to the bound are the thread's: this many connections find theirs there.
    let before = live() + (COUNT * INFLATER) as isize;
    for receiver in &mut receivers {
        assert!(decoded(receiver, &wire).expect("valid") == [message.clone()]);
    }
    (sending, held_since(before) / COUNT)
}

#[test]
fn section_7_1_1_context_costs_a_compressor_and_the_peers_window() {
    for bits in 9..=15 {
        on_a_new_thread(move || {
            let (sending, receiving) = cost_in_context(bits);
            // Window and chains follow the bits, up to those of 15; all else is the memory level's.
            let window = 4 << bits;
            let most = COMPRESSOR - (4 << 15) + window;
            assert!(sending <= most, "{bits} bits: {sending} to send, {most} allowed");
            assert!(receiving <= (1 << bits) + CHANGE, "{bits} bits: {receiving} to receive");
        });
    }
}

/// The history grows with what was received; a connection of small messages keeps little.
#[test]
fn section_7_1_1_context_of_little_costs_little() {
    on_a_new_thread(|| {
        let wire = |role| frame(role, FIN | RSV1 | TEXT, &deflated("Hello"));
        // The space that is written to is the thread's.
        decoded(&mut receiver(Role::Client, NO_CONTEXT), &wire(Role::Client)).expect("valid");
        for role in ROLES {
            let mut codec = receiver(role, "");
            let before = live();
            for _ in 0..10 {
                decoded(&mut codec, &wire(role)).expect("valid");
            }
            let kept = held_since(before);
            assert!(kept <= INFLATER + CHANGE, "{role:?}: {kept}");
        }
    });
}

// ---- the thread's part ----

#[test]
fn section_7_2_a_thread_keeps_a_bounded_number_of_decompressors() {
    for parameters in ["", NO_CONTEXT] {
        on_a_new_thread(|| {
            let start = live();
            let mut codecs: Vec<_> = (0..100).map(|i| receiver(ROLES[i % 2], parameters)).collect();
            let payload = deflated(vec![7; 1000]);
            let (head, tail) = payload.split_at(payload.len() / 2);
            for codec in &mut codecs {
                let wire = frame(codec.role(), BINARY | RSV1, head);
                assert_eq!(decoded(codec, &wire).expect("valid"), []);
            }
            // All are in use at once: a message that is arriving has a decompressor of its own.
            assert!(held_since(start) >= 100 * 32 * KIB);
            for codec in &mut codecs {
                let wire = frame(codec.role(), FIN | CONTINUATION, tail);
                assert_eq!(decoded(codec, &wire).expect("valid"), [Message::binary(vec![7; 1000])]);
            }
            drop((codecs, payload));
            let left = held_since(start);
            assert!(left <= 32 * INFLATER + SPACE + 4 * KIB, "{left} left");
        });
    }
}

/// One that fails, and one that is dropped inside a message.
#[test]
fn section_7_2_a_message_given_up_leaves_nothing() {
    on_a_new_thread(|| {
        // The space that is written to is the thread's.
        decoded(&mut receiver(Role::Client, NO_CONTEXT), b"\xc1\x01\x00").expect("valid");
        let start = live();
        for (i, role) in (0..100).zip(ROLES.into_iter().cycle()) {
            let mut codec = receiver(role, ["", NO_CONTEXT][i / 2 % 2]);
            let begun = frame(role, BINARY | RSV1, &deflated(vec![7; 100_000]));
            assert_eq!(decoded(&mut codec, &begun).expect("valid"), []);
            if i % 3 == 0 {
                // A block of the reserved type.
                let bad = frame(role, FIN | CONTINUATION, &[0x07, 0xff]);
                assert!(decoded(&mut codec, &bad).is_err());
                let kept = held_since(start);
                assert!(kept <= 4 * KIB, "{role:?}: {kept} kept after the failure");
            }
        }
        let left = held_since(start);
        assert!(left <= CHANGE, "{left} left");
    });
}

#[test]
fn section_7_2_a_thread_keeps_a_bounded_number_of_compressors() {
    on_a_new_thread(|| {
        let start = live();
        let message = prose(3000);
        for (level, memory_level) in (1..=9).flat_map(|level| [(level, 9), (level, 4)]) {
            let wishes = Deflate::low_memory()
                .with_server_max_window_bits(15)
                .with_level(level)
                .with_memory_level(memory_level);
            let (mut server, mut client) = codecs(wishes, wishes);
            talk(&mut server, &mut client, &message);
        }
        let left = held_since(start);
        assert!(left <= 4 * LARGEST_COMPRESSOR + INFLATER + SPACE + 4 * KIB, "{left} left");
    });
}

#[test]
fn dropped_connections_give_back_all_but_the_threads_part() {
    on_a_new_thread(|| {
        let start = live();
        let message = prose(10_000);
        for parameters in ["", NO_CONTEXT, "server_no_context_takeover"] {
            let mut pairs: Vec<_> = (0..50).map(|_| pair(parameters)).collect();
            for (server, client) in &mut pairs {
                talk(server, client, &message);
            }
            drop(pairs);
            let left = held_since(start);
            assert!(left <= POOL, "{left} left");
        }
    });
}

#[test]
fn nothing_is_allocated_for_state_once_warm() {
    on_a_new_thread(|| {
        let (mut server, mut client) = pair(NO_CONTEXT);
        let message = prose(3000);
        talk(&mut server, &mut client, &message);
        let mut wire = BytesMut::with_capacity(64 * KIB);
        for _ in ROLES {
            let (cost, ()) = cost(|| {
                server.encode(message.clone(), &mut wire).expect("encodable");
                assert!(client.decode(&mut wire).expect("valid").is_some());
            });
            // The message on its way, what is known of it while it arrives, and the message received.
            assert!(cost.calls <= 5 && cost.peak <= 12 * KIB as isize, "{cost:?}");
            assert!(cost.kept <= CHANGE as isize, "{cost:?}");
            std::mem::swap(&mut server, &mut client);
        }
    });
}
