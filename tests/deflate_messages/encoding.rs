//! What the crate sends (RFC 7692 sections 6.1 and 7.2.1), read by another implementation.

use bowline::{Deflate, Message, MessageCodec, Role};

use crate::{
    FIRST, LAST, WHOLE,
    codec::{BINARY, CLOSE, FIN, PING, PONG, ROLES, TEXT},
    deflate::{
        Inflater, RSV1, codecs, configured, encoded, frame_codecs, full_context, inflated, noise,
        sent_frames,
    },
    end,
};

/// No context either way, and every message compressed that shrinks.
fn no_context() -> Deflate {
    configured(full_context(), "server_no_context_takeover; client_no_context_takeover")
}

/// The end of this role where both are configured so.
fn configured_end(role: Role, deflate: Deflate) -> MessageCodec {
    let (server, client) = codecs(deflate, deflate);
    match role {
        Role::Server => server,
        Role::Client => client,
    }
}

/// The one frame of a message.
#[track_caller]
fn sent(codec: &mut MessageCodec, message: impl Into<Message>) -> (u8, Vec<u8>) {
    let mut frames = sent_frames(&encoded(codec, message));
    assert_eq!(frames.len(), 1);
    frames.remove(0)
}

#[test]
fn section_6_1_rsv1_is_on_the_first_fragment_alone() {
    let messages = ["", "a", "Hello", &"Hello, ".repeat(1000), &"κόσμε".repeat(20)];
    for role in ROLES {
        for size in [1, 2, 3, 7, 1000, usize::MAX] {
            let mut codec = MessageCodec::from(end(role, "")).with_outgoing_frame_size(Some(size));
            let mut peer = Inflater::new();
            for message in messages {
                let frames = sent_frames(&encoded(&mut codec, message));
                let payload: Vec<u8> =
                    frames.iter().flat_map(|(_, payload)| payload.clone()).collect();
                assert_eq!(peer.message(&payload), message.as_bytes());
                assert_eq!(frames.len(), payload.len().div_ceil(size));
                assert!(frames.iter().all(|(_, payload)| payload.len() <= size));
                let mut firsts: Vec<_> = frames.iter().map(|(first, _)| *first).collect();
                let last = firsts.pop();
                let expected = if firsts.is_empty() { WHOLE } else { LAST };
                assert_eq!(last, Some(expected), "{size}: {message:?}");
                assert!(firsts.iter().skip(1).all(|first| *first == 0));
                assert!(firsts.first().is_none_or(|first| *first == FIRST));
            }
        }
    }
}

#[test]
fn section_6_control_messages_stay_as_they_are() {
    let table = [
        (Message::ping("p".repeat(125)), FIN | PING),
        (Message::pong("p".repeat(125)), FIN | PONG),
        (Message::ping(""), FIN | PING),
        (Message::close(1000, "c".repeat(123)), FIN | CLOSE),
    ];
    for role in ROLES {
        let mut codec = MessageCodec::from(end(role, ""));
        for (message, first) in table.clone() {
            let payload = message.clone().into_bytes();
            assert_eq!(sent(&mut codec, message), (first, payload.to_vec()));
        }
    }
}

#[test]
fn section_6_1_short_messages_may_stay_as_they_are() {
    let text = "a".repeat(1000);
    for role in ROLES {
        for context in [full_context(), no_context()] {
            for (threshold, deflate) in
                [(0, context), (1, context), (20, context), (128, context), (1000, context)]
                    .map(|(bytes, deflate)| (bytes, deflate.with_threshold(bytes)))
            {
                let mut codec = configured_end(role, deflate);
                for len in [19, 20, 127, 128, 999, 1000] {
                    let is_compressed = sent(&mut codec, &text[..len]).0 == WHOLE;
                    assert_eq!(is_compressed, len >= threshold, "{len} of {threshold}");
                }
            }
        }
        let mut codec = configured_end(role, Deflate::new());
        assert_eq!(sent(&mut codec, &text[..127]).0, FIN | TEXT, "128 unless set");
        assert_eq!(sent(&mut codec, &text[..128]).0, WHOLE);
        let mut codec = configured_end(role, full_context().with_threshold(usize::MAX));
        assert_eq!(sent(&mut codec, &*text).0, FIN | TEXT);
    }
}

#[test]
fn section_6_1_messages_that_would_grow() {
    let (noise, text) = (noise(5, 1000), "Hello, ".repeat(100));
    for role in ROLES {
        // Without context they go out as they are: that, or smaller.
        let mut codec = configured_end(role, no_context());
        for message in [&b""[..], b"a", b"Hello", &noise] {
            let frame = sent(&mut codec, message.to_vec());
            assert_eq!(frame, (FIN | BINARY, message.to_vec()));
        }
        let (first, payload) = sent(&mut codec, &*text);
        assert_eq!((first, inflated(&payload)), (WHOLE, text.clone().into_bytes()));
        // With context the peer has to see what went through the window.
        let mut codec = configured_end(role, full_context());
        let mut peer = Inflater::new();
        for round in 0..3 {
            let (first, payload) = sent(&mut codec, noise.clone());
            assert_eq!((first, peer.message(&payload)), (FIN | RSV1 | BINARY, noise.clone()));
            assert_eq!(payload.len() > noise.len(), round == 0, "the second is a repetition");
            let (first, payload) = sent(&mut codec, &*text);
            assert_eq!((first, peer.message(&payload)), (WHOLE, text.clone().into_bytes()));
        }
    }
}

#[test]
fn section_6_1_the_next_data_message_may_stay_as_it_is() {
    let text = "Hello, ".repeat(100);
    for role in ROLES {
        for context in [full_context(), no_context()] {
            let mut codec = configured_end(role, context.with_threshold(10));
            let mut peer = Inflater::new();
            let mut send = |codec: &mut MessageCodec, expected: u8| {
                let (first, payload) = sent(codec, &*text);
                assert_eq!(first, expected);
                if context == no_context() {
                    peer = Inflater::new();
                }
                let message = if first == WHOLE { peer.message(&payload) } else { payload };
                assert_eq!(message, text.as_bytes());
            };
            send(&mut codec, WHOLE);
            codec.skip_compression();
            send(&mut codec, FIN | TEXT);
            send(&mut codec, WHOLE);
            // Once is once, and control messages are no data.
            codec.skip_compression();
            codec.skip_compression();
            assert_eq!(sent(&mut codec, Message::ping("p")).0, FIN | PING);
            send(&mut codec, FIN | TEXT);
            send(&mut codec, WHOLE);
            // A short message is one too.
            codec.skip_compression();
            assert_eq!(sent(&mut codec, "short"), (FIN | TEXT, b"short".to_vec()));
            send(&mut codec, WHOLE);
        }
        // Where nothing is compressed there is nothing to skip.
        let mut codec = MessageCodec::new(role);
        codec.skip_compression();
        assert_eq!(sent(&mut codec, &*text).0, FIN | TEXT);
    }
}

#[test]
fn section_7_2_1_every_level_and_memory_level() {
    let text = (0..3000u32).map(|number| format!("{}, ", number % 700)).collect::<String>();
    let messages = [text.as_bytes(), &noise(9, 5000), b"", b"a", text.as_bytes()];
    for level in 0..=10 {
        for memory_level in [0, 1, 5, 9, 10] {
            for context in [full_context(), no_context()] {
                let deflate = context.with_level(level).with_memory_level(memory_level);
                let mut codec = configured_end(Role::Server, deflate);
                let mut peer = Inflater::new();
                for message in messages {
                    let (first, payload) = sent(&mut codec, message.to_vec());
                    if context == no_context() {
                        peer = Inflater::new();
                    }
                    let is_compressed = first & RSV1 != 0;
                    let read = if is_compressed { peer.message(&payload) } else { payload.clone() };
                    assert!(read == message, "level {level}, memory level {memory_level}");
                    if message.len() > 5000 && level > 0 {
                        assert!(is_compressed && payload.len() < message.len() / 2, "{level}");
                    }
                }
            }
        }
    }
}

#[test]
fn section_7_2_1_payloads_of_every_length_near_32_and_64_kib() {
    // What comes out of zlib is taken 32 KiB at a time.
    let noise = noise(11, 66_000);
    let (with, without) = (
        frame_codecs(full_context(), full_context()).0,
        frame_codecs(no_context(), no_context()).0,
    );
    let mut lengths = std::collections::BTreeSet::new();
    for len in (32_700..32_718).chain(65_455..65_473) {
        let mut message = noise[..len].to_vec();
        message.extend([0; 2000]);
        for codec in [&with, &without] {
            let (first, payload) = sent(&mut MessageCodec::from(codec.clone()), message.clone());
            assert_eq!(first, FIN | RSV1 | BINARY, "{len}");
            assert!(inflated(&payload) == message, "{len}");
            lengths.insert(payload.len());
        }
    }
    // Where the last bytes just fit, and where they don't.
    for edge in [32 << 10, 64 << 10] {
        assert!((edge - 20..edge).any(|len| lengths.contains(&len)), "{lengths:?}");
        assert!((edge..edge + 20).any(|len| lengths.contains(&len)), "{lengths:?}");
    }
}
