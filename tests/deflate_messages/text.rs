//! Compressed text is UTF-8 too (RFC 6455 section 8.1), and found bad as soon as it can be.

use bowline::{Message, MessageCodec, ProtocolError};

use crate::{
    FIRST, LAST, WHOLE,
    bits::{Bits, Block},
    codec::{BINARY, FIN, Failure, PING, ROLES, fails_after, frame, frames},
    deflate::{Deflater, RSV1, deflated, noise},
    end, inflated, items, peer_drops, received, texts,
};

const BAD: Option<Failure> = Some(Failure::Protocol(ProtocolError::InvalidUtf8));
const CUT: Option<Failure> = Some(Failure::Protocol(ProtocolError::TruncatedUtf8));

#[test]
fn rfc_6455_section_8_1_text_that_is_none() {
    let table: [(&[u8], Option<Failure>); 12] = [
        (b"\xff", BAD),
        (b"Hello\x80", BAD),
        (b"\xc0\xaf", BAD),
        (b"\xed\xa0\x80", BAD),
        (b"\xf4\x90\x80\x80", BAD),
        (b"\xf8\x88\x80\x80\x80", BAD),
        ("κόσμε\u{10ffff}".as_bytes(), None),
        (b"\xce", CUT),
        (b"Hello\xe2\x82", CUT),
        (b"\xf0\x9f\x98", CUT),
        (b"\xf0\x9f\x98Hello", BAD),
        (b"", None),
    ];
    for role in ROLES {
        for parameters in ["", peer_drops(role)] {
            for (bytes, failure) in &table {
                let stored = Bits::new().stored(Block::Inner, bytes).message();
                for payload in [deflated(bytes), stored] {
                    let outcome = inflated(role, parameters, &[&payload]);
                    assert_eq!(outcome.failure, *failure, "{bytes:x?}");
                    // Any bytes are binary.
                    let wire = frame(role, FIN | RSV1 | BINARY, &payload);
                    let message = items(received(role, parameters, &wire));
                    assert_eq!(message, [Message::binary(bytes.to_vec())]);
                }
            }
        }
    }
}

#[test]
fn rfc_6455_section_8_1_a_bad_byte_is_found_before_the_message_is_complete() {
    let bad = Deflater::new().flushed(b"Hello \xff world");
    for role in ROLES {
        let wire = frame(role, FIRST, &bad);
        let codec = || MessageCodec::from(end(role, ""));
        let place = fails_after(codec(), &wire).expect("no more is needed");
        assert!(place <= wire.len());
        assert_eq!(received(role, "", &wire).failure, BAD);
        // Nor is the rest of its frame needed.
        let long = [&bad[..], &noise(1, 20_000)].concat();
        let wire = frame(role, FIRST, &long);
        let place = fails_after(codec(), &wire).expect("found");
        assert!(place <= wire.len() - 20_000, "after {place} bytes of {}", wire.len());
        // In a later fragment; the first is good.
        let good = Deflater::new().flushed("κόσμε".as_bytes());
        let wire = frames(role, &[(FIRST, &good), (FIN | PING, b""), (0, &bad), (0, b"")]);
        let outcome = received(role, "", &wire);
        assert_eq!((outcome.items, outcome.failure), (vec![Message::ping("")], BAD));
    }
}

#[test]
fn rfc_6455_section_8_1_code_points_in_pieces() {
    let text = "aß→🎉".as_bytes();
    for role in ROLES {
        for cut in 0..=text.len() {
            // Cut in the text, so that each fragment inflates to its part of it...
            let mut peer = Deflater::new();
            let head = peer.flushed(&text[..cut]);
            let tail = peer.payload(&text[cut..]);
            let wire = frames(role, &[(FIRST, &head), (FIN | PING, b""), (LAST, &tail)]);
            let expected = [Message::ping(""), Message::text("aß→🎉")];
            assert_eq!(items(received(role, "", &wire)), expected, "cut at {cut}");
            // ... and what lacks the second part is bad or not, as it is in the first.
            let is_boundary = [0, 1, 3, 6, 10].contains(&cut);
            let outcome = inflated(role, "", &[&deflated(&text[..cut])]);
            assert_eq!(outcome.failure, if is_boundary { None } else { CUT }, "cut at {cut}");
        }
        // A code point is one message's own.
        let outcome = inflated(role, "", &[&deflated(b"\xe2\x82\xac"), &deflated(b"\xac")]);
        assert_eq!((outcome.items, outcome.failure), (texts(&["€"]), BAD));
    }
}

#[test]
fn rfc_6455_section_8_1_long_text() {
    // Longer than what is inflated in one go, with a code point across every boundary of powers of two.
    for shift in 0..4 {
        let text = format!("{}{}", &"abc"[..shift.min(3)], "🎉".repeat(40_000));
        let payload = deflated(&text);
        for role in ROLES {
            let mut codec = MessageCodec::from(end(role, ""));
            let read = crate::deflate::decoded(&mut codec, &frame(role, WHOLE, &payload));
            assert!(read.expect("valid") == texts(&[&text]));
            let mut bytes = text.clone().into_bytes();
            let middle = bytes.len() - 7;
            bytes[middle] = 0xff;
            let mut codec = MessageCodec::from(end(role, ""));
            let wire = frame(role, WHOLE, &deflated(&bytes));
            let error = crate::deflate::decoded(&mut codec, &wire).map_err(Failure::from);
            assert_eq!(error.err(), BAD);
        }
    }
}
