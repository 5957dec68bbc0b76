//! What messages have to do with those before them (RFC 7692 section 7.1.1), sent and received.

use std::thread;

use bowline::{Message, MessageCodec, Role};

use crate::{
    BAD_DATA, FIRST, LAST, WHOLE,
    bits::{Bits, Block, FIXED},
    codec::{BINARY, FIN, ROLES, TEXT, frame, frames, other},
    deflate::{
        Deflater, Inflater, RSV1, decoded, encoded, inflated as inflated_alone, noise, sent_frames,
    },
    end, inflated, items, peer_drops, texts,
};

/// Messages that resemble each other, of many sizes.
fn conversation() -> Vec<Vec<u8>> {
    let noise = noise(21, 100_000);
    let mut messages = Vec::new();
    for round in 0..30 {
        messages.push(format!("{{\"round\": {round}, \"kind\": \"tick\"}}").into_bytes());
        let start = round * 911;
        messages.push(noise[start..start + 40 * round * round].to_vec());
        messages.push(vec![round as u8; 17 * round]);
    }
    messages.push(noise.clone());
    messages.push(noise[90_000..].to_vec());
    messages
}

#[test]
fn section_7_1_1_context_taken_over_by_what_is_sent() {
    for role in ROLES {
        let mut codec = MessageCodec::from(end(role, ""));
        let mut peer = Inflater::new();
        for message in conversation() {
            let frames = sent_frames(&encoded(&mut codec, message.clone()));
            // Noise that fills a window by itself goes out as it is, and the context begins anew behind it.
            let first = if message.len() == 100_000 { FIN | BINARY } else { FIN | RSV1 | BINARY };
            assert_eq!((frames.len(), frames[0].0), (1, first));
            let is_compressed = first & RSV1 != 0;
            let payload = &frames[0].1;
            let read = if is_compressed { peer.message(payload) } else { payload.clone() };
            assert!(read == message);
        }
        // What was sent 10,000 bytes before is a reference.
        let again = sent_frames(&encoded(&mut codec, noise(21, 100_000)[90_000..].to_vec()));
        assert!(again[0].1.len() < 1000, "{}", again[0].1.len());
    }
}

#[test]
fn section_7_1_1_no_context_taken_over_by_what_is_sent() {
    for role in ROLES {
        let mut codec = MessageCodec::from(end(role, peer_drops(other(role))));
        let text = "Hello, ".repeat(100);
        let first = sent_frames(&encoded(&mut codec, &*text));
        assert_eq!(first[0].0, WHOLE);
        for message in conversation() {
            let (first, payload) = sent_frames(&encoded(&mut codec, message.clone())).remove(0);
            let is_compressed = first & RSV1 != 0;
            let read = if is_compressed { inflated_alone(&payload) } else { payload };
            assert!(read == message);
        }
        assert_eq!(sent_frames(&encoded(&mut codec, &*text)), first);
    }
}

#[test]
fn section_7_1_1_context_taken_over_by_what_is_received() {
    for role in ROLES {
        let mut codec = MessageCodec::from(end(role, ""));
        let mut peer = Deflater::new();
        for (number, message) in conversation().into_iter().enumerate() {
            // Every third goes as it is, and has no place in the window.
            let wire = match number % 3 {
                0 => frame(role, FIN | BINARY, &message),
                _ => frame(role, FIN | RSV1 | BINARY, &peer.payload(&message)),
            };
            let read = decoded(&mut codec, &wire).expect("valid");
            assert!(read == [Message::binary(message)], "message {number}");
        }
    }
}

#[test]
fn section_6_2_compressed_and_plain_messages_in_any_order() {
    for role in ROLES {
        let mut peer = Deflater::new();
        let mut wire = Vec::new();
        let mut expected = Vec::new();
        for pattern in 0..16 {
            for bit in 0..4 {
                let text = format!("pattern {pattern}, again and again, bit {bit}");
                let is_compressed = pattern >> bit & 1 == 1;
                let (rsv1, payload) = match is_compressed {
                    true => (RSV1, peer.payload(text.as_bytes())),
                    false => (0, text.clone().into_bytes()),
                };
                let (head, tail) = payload.split_at(payload.len() / 2);
                wire.extend(match bit {
                    0 | 1 => frame(role, FIN | rsv1 | TEXT, &payload),
                    _ => frames(role, &[(rsv1 | TEXT, head), (LAST, tail)]),
                });
                expected.push(Message::text(text));
            }
        }
        let mut codec = MessageCodec::from(end(role, ""));
        assert_eq!(decoded(&mut codec, &wire).expect("valid"), expected);
    }
}

#[test]
fn section_7_1_1_without_context_the_window_is_empty() {
    let literal = Bits::new().fixed(Block::Inner, b"abcdef").message();
    let again = Bits::new().block(Block::Inner, FIXED).repeat(6, 6).end().message();
    let near = Bits::new().block(Block::Inner, FIXED).literals(b"12").repeat(3, 8).end().message();
    for role in ROLES {
        let drops = peer_drops(role);
        assert_eq!(items(inflated(role, "", &[&literal, &again])), texts(&["abcdef"; 2]));
        let both = texts(&["abcdef", "12abc"]);
        assert_eq!(items(inflated(role, "", &[&literal, &near])), both);
        for payload in [&again, &near] {
            let outcome = inflated(role, drops, &[&literal, payload]);
            assert_eq!((outcome.items, outcome.failure), (texts(&["abcdef"]), BAD_DATA));
            // A message of this connection's peer never refers to another connection's.
            let outcome = inflated(role, "", &[payload]);
            assert_eq!((outcome.items, outcome.failure), (vec![], BAD_DATA));
        }
        // What the other direction drops is no matter.
        let parameters = peer_drops(other(role));
        assert_eq!(items(inflated(role, parameters, &[&literal, &again])), texts(&["abcdef"; 2]));
    }
}

#[test]
fn section_7_1_1_the_window_is_32_kib_over_any_messages() {
    let noise = noise(22, 40_000);
    for role in ROLES {
        // 40,000 bytes in pieces of every kind, and then what is exactly a window away.
        for piece in [1000, 7001, 32_767, 32_768, 32_769, 40_000] {
            let mut codec = MessageCodec::from(end(role, ""));
            for message in noise.chunks(piece) {
                let payload = Bits::new().stored(Block::Inner, message).message();
                let wire = frame(role, FIN | RSV1 | BINARY, &payload);
                let read = decoded(&mut codec, &wire).expect("valid");
                assert!(read == [Message::binary(message.to_vec())]);
            }
            let payload = Bits::new().block(Block::Inner, FIXED).repeat(10, 32_768).end().message();
            let wire = frame(role, FIN | RSV1 | BINARY, &payload);
            let expected = noise[40_000 - 32_768..][..10].to_vec();
            let read = decoded(&mut codec, &wire).expect("valid");
            assert_eq!(read, [Message::binary(expected)], "{piece}");
        }
    }
}

#[test]
fn section_7_1_1_many_connections_keep_their_windows_apart() {
    // More than a thread has decompressors to lend, and each message in two fragments, so that every one
    // is under way while the others' go on.
    let mut ends: Vec<_> = (0..80)
        .map(|number| {
            let role = ROLES[number % 2];
            let bits = ["", "client_max_window_bits=10; server_max_window_bits=10"][number / 2 % 2];
            (MessageCodec::from(end(role, bits)), Deflater::new(), noise(number as u64, 300))
        })
        .collect();
    for round in 0..6 {
        let payloads: Vec<_> =
            ends.iter_mut().map(|(_, peer, message)| peer.payload(message)).collect();
        let halves = |payload: &[u8]| payload.len() / (round + 1);
        for ((codec, _, _), payload) in ends.iter_mut().zip(&payloads) {
            let wire = frame(codec.role(), FIRST & !TEXT | BINARY, &payload[..halves(payload)]);
            assert_eq!(decoded(codec, &wire).expect("valid"), []);
        }
        for ((codec, _, message), payload) in ends.iter_mut().zip(&payloads).rev() {
            let wire = frame(codec.role(), LAST, &payload[halves(payload)..]);
            let read = decoded(codec, &wire).expect("valid");
            assert_eq!(read, [Message::binary(message.clone())], "round {round}");
        }
        if round > 0 {
            let lens = payloads.iter().map(Vec::len);
            assert!(lens.max() < Some(30), "the second time it is a reference");
        }
    }
}

#[test]
fn section_7_1_1_a_window_goes_from_thread_to_thread() {
    for role in ROLES {
        let mut codec = MessageCodec::from(end(role, ""));
        let mut far = MessageCodec::from(end(other(role), ""));
        let (mut peer, mut reader) = (Deflater::new(), Inflater::new());
        for round in 0..4 {
            let message = noise(30 + round / 2, 2000);
            let payload = peer.payload(&message);
            let (head, tail) = payload.split_at(payload.len() / 2);
            let head = frame(role, RSV1 | BINARY, head);
            let tail = frame(role, LAST, tail);
            assert_eq!(decoded(&mut codec, &head).expect("valid"), []);
            // In the middle of the message too.
            let expected = Message::binary(message.clone());
            (codec, far) = thread::spawn(move || {
                assert_eq!(decoded(&mut codec, &tail).expect("valid"), [expected]);
                (codec, far)
            })
            .join()
            .expect("valid");
            let sent = sent_frames(&encoded(&mut far, message.clone()));
            assert_eq!(reader.message(&sent[0].1), message);
            far = thread::spawn(move || {
                let sent = encoded(&mut far, message);
                (far, sent)
            })
            .join()
            .map(|(far, sent)| {
                reader.message(&sent_frames(&sent)[0].1);
                far
            })
            .expect("sent");
        }
    }
}

#[test]
fn section_7_1_1_each_direction_has_its_own_context() {
    for (parameters, sender) in
        [("server_no_context_takeover", Role::Server), ("client_no_context_takeover", Role::Client)]
    {
        let text = "Hello, ".repeat(20);
        for role in ROLES {
            let mut codec = MessageCodec::from(end(role, parameters));
            let mut far = MessageCodec::from(end(other(role), parameters));
            let wires = [(); 2].map(|()| encoded(&mut codec, &*text));
            assert_eq!(wires[0].len() == wires[1].len(), role == sender, "{parameters}: {role:?}");
            for wire in wires {
                assert_eq!(decoded(&mut far, &wire).expect("valid"), texts(&[&text]));
            }
        }
    }
}
