//! Frames of compressed messages on `FrameCodec`, and `MessageCodec` made from it in the middle of them.

use bowline::{
    CloseCode, Frame, FrameCodec, Limits, Message, MessageCodec, OpCode, ReservedBits, Role,
    UsageError,
};
use bytes::BytesMut;
use tokio_util::codec::{Decoder, Encoder};

use crate::{
    FIRST, LAST, WHOLE,
    codec::{BINARY, FIN, Failure, KEY, PING, ROLES, TEXT, every_way, frame, frames, other},
    deflate::{Deflater, RSV1, deflated},
    end, texts,
};

const RSV2: u8 = 0x20;

#[test]
fn section_6_frames_pass_untouched() {
    let hello = deflated("Hello");
    let (head, tail) = hello.split_at(3);
    // Not even DEFLATE data, nor text.
    let table: [(u8, &[u8]); 7] = [
        (WHOLE, &hello),
        (FIRST, head),
        (FIN | PING, b"?"),
        (LAST, tail),
        (WHOLE, b"\xff\xff\xff"),
        (FIN | RSV1 | 2, b""),
        (FIN | TEXT, b"plain"),
    ];
    for role in ROLES {
        let codec = end(role, "");
        let outcome = every_way(|| codec.clone(), &frames(role, &table));
        assert_eq!(outcome.failure, None);
        let expected = table.map(|(first, payload)| {
            let opcode = OpCode::new(first & 0xf).expect("four bits");
            let rsv1 = first & RSV1 != 0;
            let reserved = if rsv1 { ReservedBits::RSV1 } else { ReservedBits::NONE };
            let frame = Frame::new(opcode, payload.to_vec()).with_reserved(reserved);
            if first & FIN == 0 { frame.not_final() } else { frame }
        });
        assert_eq!(outcome.items, expected);
        // And out again.
        let mut sender = codec.with_masking_keys(|| bowline::MaskingKey::new(KEY));
        let mut wire = BytesMut::new();
        for frame in expected {
            sender.encode(frame, &mut wire).expect("encodable");
        }
        assert_eq!(wire, frames(other(role), &table));
        // Plain text is checked as ever.
        let wire = frame(role, FIN | TEXT, b"\xff");
        let codec = end(role, "");
        assert!(every_way(|| codec.clone(), &wire).failure.is_some());
    }
}

/// Lets a `FrameCodec` read the first bytes and a `MessageCodec` made from it the rest.
fn switched(codec: &FrameCodec, first: &[u8], rest: &[u8]) -> Result<Vec<Message>, Failure> {
    let mut frames = codec.clone();
    let mut buffer = BytesMut::from(first);
    while frames.decode(&mut buffer)?.is_some() {}
    let mut messages = MessageCodec::from(frames);
    let mut items = Vec::new();
    // Without a byte more, and then with all of them.
    for bytes in [&b""[..], rest] {
        buffer.extend_from_slice(bytes);
        while let Some(message) = messages.decode(&mut buffer)? {
            items.push(message);
        }
    }
    Ok(items)
}

#[test]
fn section_6_2_inside_a_compressed_frame_nothing_is_lost() {
    for role in ROLES {
        let codec = end(role, "");
        for text in ["", "Hello", &"κόσμε ".repeat(50), &"x".repeat(70_000)] {
            let mut peer = Deflater::new();
            let first = frame(role, WHOLE, &peer.payload(text.as_bytes()));
            // The window is that of the message in between, too.
            let next = frame(role, WHOLE, &peer.payload(text.as_bytes()));
            for cut in 0..first.len() {
                let rest = [&first[cut..], &next].concat();
                let read = switched(&codec, &first[..cut], &rest);
                assert!(read == Ok(texts(&[text, text])), "{role:?}: cut at {cut}");
            }
        }
    }
}

#[test]
fn section_6_2_inside_a_compressed_messages_first_fragment() {
    for role in ROLES {
        let codec = end(role, "");
        let payload = deflated("Hello, Hello, κόσμε");
        for split in 0..payload.len() {
            let (head, tail) = payload.split_at(split);
            let first = frame(role, FIRST, head);
            let rest = frames(role, &[(FIN | PING, b""), (LAST, tail)]);
            let wire = [&first[..], &rest].concat();
            for cut in 0..first.len() {
                let read = switched(&codec, &wire[..cut], &wire[cut..]);
                let expected = [Message::ping(""), Message::text("Hello, Hello, κόσμε")];
                assert_eq!(read.as_deref(), Ok(&expected[..]), "{role:?}: {split}, {cut}");
            }
            // Once the fragment has gone out as a frame, no message can be made of the rest.
            for cut in first.len()..wire.len() {
                let read = switched(&codec, &wire[..cut], &wire[cut..]);
                let expected = Failure::Usage(UsageError::MessageInProgress);
                assert_eq!(read, Err(expected), "{role:?}: {split}, {cut}");
            }
        }
    }
}

#[test]
fn section_6_2_between_messages_the_next_one_starts_as_the_peers_first() {
    let (server, _) = crate::agreeing_on("");
    let mut sender = Deflater::new();
    let wire = [(); 3].map(|()| frame(Role::Server, WHOLE, &sender.payload(b"Hello, Hello")));
    let read = switched(&server, b"", &wire.concat());
    assert_eq!(read, Ok(texts(&["Hello, Hello"; 3])));
}

#[test]
fn section_5_2_other_extensions_beside_compression() {
    for role in ROLES {
        // Allowing RSV2 takes nothing from RSV1,
        let codec = end(role, "").with_reserved_bits(ReservedBits::RSV2);
        let wire = frame(role, WHOLE, &deflated("Hello"));
        assert_eq!(switched(&codec, b"", &wire), Ok(texts(&["Hello"])));
        // and nobody but this crate measures what is marked with RSV2 alone.
        let limits = Limits::new().with_max_message_size(10);
        let mut messages = MessageCodec::from(codec).with_limits(limits);
        let mut wire = BytesMut::from(&frame(role, FIN | RSV2 | BINARY, &[0; 11])[..]);
        let error = messages.decode(&mut wire).expect_err("too large");
        assert_eq!(error.close_code(), Some(CloseCode::SIZE));
    }
}
