//! UTF-8 of text (RFC 6455 section 8.1): at every split, at every fragment boundary, at its first bad
//! byte.

#[path = "support/codec.rs"]
mod codec;

use std::str;

use bowline::{FrameCodec, Message, MessageCodec, ProtocolError, Role};
use bytes::BytesMut;
use codec::{CONTINUATION, FIN, Failure, PING, ROLES, TEXT, decode, failure, frame, frames};
use tokio_util::codec::Decoder;

const LAST: u8 = FIN | CONTINUATION;

const VALID: [&str; 6] = [
    "",
    "plain",
    "κόσμε",
    "\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}",
    "\u{d7ff}\u{e000}\u{10000}\u{10ffff}",
    "€ and 𝄞 and \u{feff}",
];

/// Invalid at the byte counted here, or complete but for the end of a code point.
const INVALID: [(&[u8], Option<usize>); 30] = [
    // Bytes that are nowhere in UTF-8, or not where they are.
    (b"\x80", Some(1)),
    (b"\xbf", Some(1)),
    (b"ok\xbf", Some(3)),
    (b"\xc0\x80", Some(1)),
    (b"\xc1\xbf", Some(1)),
    (b"\xf5\x80\x80\x80", Some(1)),
    (b"\xfe", Some(1)),
    (b"\xff", Some(1)),
    (b"\xc3(", Some(2)),
    (b"\xe2\x82x", Some(3)),
    (b"\xe2(\xa1", Some(2)),
    (b"\xf0\x9d\x84x", Some(4)),
    (b"\xce\xba\xc3\xc3", Some(4)),
    // Overlong.
    (b"\xe0\x80\xaf", Some(2)),
    (b"\xe0\x9f\xbf", Some(2)),
    (b"\xf0\x80\x80\x80", Some(2)),
    (b"\xf0\x8f\xbf\xbf", Some(2)),
    // Surrogates.
    (b"\xed\xa0\x80", Some(2)),
    (b"\xed\xbf\xbf", Some(2)),
    (b"\xed\xa0\xbd\xed\xb8\x80", Some(2)),
    (b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited", Some(13)),
    // Past U+10FFFF.
    (b"\xf4\x90\x80\x80", Some(2)),
    (b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80edited", Some(13)),
    // Truncated.
    (b"\xc3", None),
    (b"\xe2", None),
    (b"\xe2\x82", None),
    (b"\xf0", None),
    (b"\xf0\x9d", None),
    (b"\xf0\x9d\x84", None),
    (b"\xce\xba\xe1\xbd", None),
];

fn expected(bad_byte: Option<usize>) -> Failure {
    Failure::Protocol(match bad_byte {
        Some(_) => ProtocolError::InvalidUtf8,
        None => ProtocolError::TruncatedUtf8,
    })
}

#[test]
fn section_8_1_the_tables_agree_with_the_standard_library() {
    for (bytes, bad_byte) in INVALID {
        let error_at = (1..=bytes.len()).find(|&end| {
            str::from_utf8(&bytes[..end]).is_err_and(|error| error.error_len().is_some())
        });
        // The library tells how long the bad sequence is only once its next byte is there.
        assert_eq!(error_at, bad_byte, "{bytes:x?}");
        assert!(str::from_utf8(bytes).is_err());
    }
}

#[test]
fn section_8_1_valid_text_in_one_frame() {
    for role in ROLES {
        for text in VALID {
            let decoded = decode(role, &frame(role, FIN | TEXT, text.as_bytes()));
            assert_eq!((decoded.failure, decoded.messages), (None, vec![Message::text(text)]));
        }
    }
}

#[test]
fn section_8_1_valid_text_in_fragments_that_cut_code_points() {
    for role in ROLES {
        for text in VALID {
            let bytes = text.as_bytes();
            for first in 0..=bytes.len() {
                for second in first..=bytes.len() {
                    let wire = frames(
                        role,
                        &[
                            (TEXT, &bytes[..first]),
                            (FIN | PING, b"\xff"),
                            (CONTINUATION, &bytes[first..second]),
                            (LAST, &bytes[second..]),
                        ],
                    );
                    let mut buffer = BytesMut::from(&wire[..]);
                    let messages = all_messages(role, &mut buffer);
                    let expected = [Message::ping(&b"\xff"[..]), Message::text(text)];
                    assert_eq!(messages, expected, "{role:?} {text} cut at {first}, {second}");
                }
            }
        }
    }
}

fn all_messages(role: Role, buffer: &mut BytesMut) -> Vec<Message> {
    let mut codec = MessageCodec::new(role);
    std::iter::from_fn(|| codec.decode(buffer).expect("valid")).collect()
}

#[test]
fn section_8_1_a_code_point_in_a_fragment_for_each_byte() {
    for role in ROLES {
        for text in VALID {
            let mut wire = frame(role, TEXT, b"");
            for byte in text.as_bytes() {
                wire.extend(frame(role, CONTINUATION, &[*byte]));
                wire.extend(frame(role, CONTINUATION, b""));
            }
            wire.extend(frame(role, LAST, b""));
            let decoded = decode(role, &wire);
            assert_eq!((decoded.failure, decoded.messages), (None, vec![Message::text(text)]));
        }
    }
}

#[test]
fn section_8_1_invalid_text_in_one_frame_fails_at_the_first_bad_byte() {
    for role in ROLES {
        for (bytes, bad_byte) in INVALID {
            let wire = frame(role, FIN | TEXT, bytes);
            let header_len = wire.len() - bytes.len();
            let place = header_len + bad_byte.unwrap_or(bytes.len());
            assert_eq!(failure(role, &wire), Some((expected(bad_byte), place)), "{bytes:x?}");
        }
    }
}

#[test]
fn section_8_1_invalid_text_fails_inside_a_frame_that_has_not_ended() {
    for role in ROLES {
        for (bytes, bad_byte) in INVALID {
            let Some(bad_byte) = bad_byte else { continue };
            let whole = frame(role, FIN | TEXT, &[bytes, &[b'x'; 500]].concat());
            let header_len = whole.len() - bytes.len() - 500;
            let arrived = &whole[..header_len + bytes.len()];
            let place = header_len + bad_byte;
            assert_eq!(failure(role, arrived), Some((expected(Some(bad_byte)), place)));
        }
    }
}

#[test]
fn section_8_1_invalid_text_at_every_fragment_boundary() {
    for role in ROLES {
        for (bytes, bad_byte) in INVALID {
            for cut in 0..=bytes.len() {
                let first = frame(role, TEXT, &bytes[..cut]);
                let last = frame(role, LAST, &bytes[cut..]);
                let header_len = last.len() - (bytes.len() - cut);
                let wire = [&first[..], &last].concat();
                let place = match bad_byte {
                    Some(byte) if byte <= cut => first.len() - cut + byte,
                    Some(byte) => first.len() + header_len + byte - cut,
                    None => wire.len(),
                };
                let failed = failure(role, &wire);
                assert_eq!(failed, Some((expected(bad_byte), place)), "{bytes:x?} cut at {cut}");
            }
        }
    }
}

#[test]
fn section_8_1_bytes_across_many_blocks_are_checked() {
    // Long enough for every vectorised path, and for the pieces in which payload is unmasked.
    for role in ROLES {
        for place in [0, 31, 32, 63, 64, 127, 128, 1000, 16383, 16384, 16385, 19_999] {
            let mut bytes = vec![b'a'; 20_000];
            bytes[place] = 0x80;
            let wire = frame(role, FIN | TEXT, &bytes);
            let header_len = wire.len() - bytes.len();
            let codec = FrameCodec::new(role);
            assert_eq!(codec::fails_after(codec, &wire), Some(header_len + place + 1), "{place}");
        }
        let text = "aé€𝄞".repeat(2000);
        let decoded = decode(role, &frame(role, FIN | TEXT, text.as_bytes()));
        assert_eq!((decoded.failure, decoded.messages), (None, vec![Message::text(&text)]));
    }
}

#[test]
fn section_8_1_a_message_does_not_inherit_the_half_code_point_of_another() {
    for role in ROLES {
        let text = "𝄞".as_bytes();
        let wire = frames(
            role,
            &[(TEXT, &text[..2]), (LAST, &text[2..]), (FIN | TEXT, b"a"), (0x82, b"\xff")],
        );
        let decoded = decode(role, &wire);
        assert_eq!(decoded.failure, None);
        assert_eq!(decoded.messages.len(), 3);
    }
}

#[test]
fn section_8_1_text_is_valid_whatever_a_caller_does_to_the_buffer() {
    // `Framed::read_buffer_mut` hands out bytes that were checked when the first half of them came. A
    // `str` must be UTF-8 all the same: anything else would be undefined behaviour out of safe code.
    for role in ROLES {
        let wire = frame(role, FIN | TEXT, b"Hello");
        let mut codec = MessageCodec::new(role);
        let mut buffer = BytesMut::from(&wire[..wire.len() - 2]);
        assert!(matches!(codec.decode(&mut buffer), Ok(None)));
        buffer.fill(0xff);
        buffer.extend_from_slice(&wire[wire.len() - 2..]);
        if let Ok(Some(Message::Text(text))) = codec.decode(&mut buffer) {
            assert!(str::from_utf8(&text.into_bytes()).is_ok(), "{role:?}");
        }
    }
}

#[test]
fn section_5_6_binary_is_not_checked() {
    for role in ROLES {
        for (bytes, _) in INVALID {
            let decoded = decode(role, &frames(role, &[(0x02, bytes), (LAST, bytes)]));
            assert_eq!(decoded.failure, None);
            assert_eq!(decoded.messages, [Message::binary(bytes.repeat(2))]);
        }
    }
}
