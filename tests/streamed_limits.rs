//! What a message that is received in pieces may be: its size, exactly and compressed too; UTF-8 and order; and the
//! codes that a breach is answered with.

#[path = "support/deflate.rs"]
mod deflate;
#[path = "support/heap.rs"]
mod heap;
#[path = "support/io.rs"]
mod io;
#[path = "support/streamed.rs"]
mod streamed;

use bowline::{Config, Deflate, Message, Role};
use deflate::{Deflater, RSV1, deflated, noise, sent_frames};
use io::{Read, Script, finish, frame, from_peer, item, run, untimed};
use streamed::{End, Shape, body, ends, few_agreements, fragments};

/// What arrives, and then the end of the stream.
fn ending(role: Role, frames: &[u8]) -> Script {
    let io = Script::new(from_peer(role, frames));
    io.arrive(Read::End);
    io
}

/// The code of the Close that has gone out last.
fn code_sent(io: &Script) -> Option<u16> {
    let (first, payload) = sent_frames(&io.written()).pop()?;
    assert_eq!(first, 0x88);
    Some(u16::from_be_bytes([payload[0], payload[1]]))
}

fn limited(limit: impl Into<Option<usize>>) -> Config {
    untimed().with_max_streamed_size(limit.into())
}

fn too_large(size: usize, limit: usize) -> String {
    format!("Limit(MessageTooLarge {{ size: {size}, limit: {limit} }})")
}

/// The next message to its end; its error may come before its first byte.
fn streamed(receiver: &mut End<Script>) -> (Vec<u8>, Option<String>) {
    match finish(receiver.next_streamed()).expect("one") {
        Ok(mut message) => finish(body(&mut message)),
        Err(error) => (Vec::new(), Some(format!("{error:?}"))),
    }
}

fn check_limit(end: (Role, Shape), agreement: Option<&Deflate>, frames: &[u8], expected: Expected) {
    for size in [1, 3, 1000, usize::MAX] {
        let bytes = from_peer(end.0, frames);
        let io = Script::of(bytes.chunks(size).map(|chunk| Read::Bytes(chunk.to_vec())));
        io.arrive(Read::End);
        let mut receiver = End::over(io.clone(), end, agreement, limited(expected.limit));
        let (got, error) = streamed(&mut receiver);
        let place = format!("{end:?} {agreement:?} in {size}s, {expected:?}");
        if expected.len <= expected.limit {
            assert_eq!((got.len(), error), (expected.len, None), "{place}");
            assert_eq!(finish(receiver.next()).map(item), Some(Ok(Message::text("next"))));
            continue;
        }
        let refused = expected.refused_at;
        assert_eq!(error, Some(too_large(refused, expected.limit)), "{place}");
        assert!(got.len() <= expected.limit, "{place}");
        assert_eq!(code_sent(&io), Some(1009), "{place}");
        assert!(finish(receiver.next()).is_none() && finish(receiver.next_streamed()).is_none());
    }
}

#[derive(Clone, Copy, Debug)]
struct Expected {
    limit: usize,
    len: usize,
    /// What size it is refused with.
    refused_at: usize,
}

#[test]
fn section_7_4_1_a_message_past_the_limit_is_refused_and_closed_with_1009() {
    let limit = 300;
    for end in ends() {
        for len in [0, 1, limit - 1, limit, limit + 1, limit + 200] {
            let payload = noise(1, len);
            // One frame, and fragments, are refused on the header with which they are too large.
            let one = [frame(0x82, &payload), frame(0x81, b"next")].concat();
            check_limit(end, None, &one, Expected { limit, len, refused_at: len });
            let pieces = fragments(0x82, &payload, &[100, 0, 100, 99]);
            let pieces = [pieces.concat(), frame(0x81, b"next")].concat();
            check_limit(end, None, &pieces, Expected { limit, len, refused_at: len });
            let at_first_byte = Expected { limit, len, refused_at: limit + 1 };
            for agreement in few_agreements().into_iter().flatten() {
                let payload = deflated(&payload);
                let mut one = frame(0xc2, &payload);
                one.extend(frame(0x81, b"next"));
                check_limit(end, Some(&agreement), &one, at_first_byte);
                let mut pieces = fragments(0xc2, &payload, &[2, 0, 100]).concat();
                pieces.extend(frame(0x81, b"next"));
                check_limit(end, Some(&agreement), &pieces, at_first_byte);
            }
        }
    }
}

/// A thousand bytes for one, in one frame: not more than the limit comes out, and little is held.
#[test]
fn section_7_2_2_a_bomb_stops_at_the_limit() {
    let zeros = Deflater::new().flushed(&[0; 256 << 10]);
    let bomb = zeros.repeat(64);
    for agreement in few_agreements().into_iter().flatten() {
        for end in ends() {
            for limit in [1, 100_000, 1 << 20] {
                let io = ending(end.0, &frame(0xc2, &bomb));
                let mut receiver = End::over(io.clone(), end, Some(&agreement), limited(limit));
                // What the thread keeps for all its connections is there from now on.
                let mut message = finish(receiver.next_streamed()).expect("one").expect("fine");
                let (cost, (len, error)) = heap::cost(|| drained(&mut message));
                assert_eq!(error, Some(too_large(limit + 1, limit)), "{end:?}");
                assert!(len <= limit && len + (64 << 10) > limit, "{len} of {limit}");
                assert!(cost.peak < 400 << 10, "{cost:?} for {limit}, {end:?} {agreement:?}");
                assert!(cost.kept < 200 << 10 && cost.calls < 2000, "{cost:?} for {limit}");
                assert_eq!(code_sent(&io), Some(1009), "{end:?}");
            }
        }
    }
}

/// How much came of a message, none of it kept, and what it ended with.
fn drained(message: &mut bowline::IncomingMessage<'_, Script>) -> (usize, Option<String>) {
    let mut len = 0;
    while let Some(piece) = finish(message.next()) {
        match piece {
            Ok(piece) => len += piece.len(),
            Err(error) => return (len, Some(format!("{error:?}"))),
        }
    }
    (len, None)
}

/// The limits of whole messages are no limits of streamed ones, and hold again for the next.
#[test]
fn each_message_is_held_to_the_limits_of_how_it_is_read() {
    let config = || limited(None).with_max_frame_size(10).with_max_message_size(20);
    for end in ends() {
        let large = frame(0x82, &[7; 5000]);
        let (small, too_large) = (frame(0x82, &[8; 10]), frame(0x82, &[9; 11]));
        let many = fragments(0x82, &[9; 21], &[10, 10]).concat();
        for (last, error) in [
            (&too_large, "Limit(FrameTooLarge { size: 11, limit: 10 })"),
            (&many, "Limit(MessageTooLarge { size: 21, limit: 20 })"),
        ] {
            for is_read in [true, false] {
                let io = ending(end.0, &[&large[..], &small, &large, last].concat());
                let mut receiver = End::over(io.clone(), end, None, config());
                for expected in [Some(vec![8; 10]), None] {
                    if is_read {
                        assert_eq!(streamed(&mut receiver), (vec![7; 5000], None), "{end:?}");
                    } else {
                        drop(finish(receiver.next_streamed()).expect("one").expect("fine"));
                    }
                    let next = finish(receiver.next()).map(item);
                    match expected {
                        Some(bytes) => assert_eq!(next, Some(Ok(Message::binary(bytes)))),
                        None => assert_eq!(next, Some(Err(error.into())), "{end:?} {is_read}"),
                    }
                }
                assert_eq!(code_sent(&io), Some(1009), "{end:?}");
            }
        }
    }
}

/// What is only there to be thrown away has the bound for that, and no other.
#[test]
fn a_close_is_not_disturbed_by_messages_that_nobody_reads() {
    for end in ends() {
        let frames = [frame(0x82, &[7; 1000]), frame(0x88, b"\x03\xe9")].concat();
        let io = ending(end.0, &frames);
        let mut receiver = End::over(io, end, None, limited(10));
        let closed = finish(receiver.close(1000)).map(|close| close.map(|close| close.code));
        assert_eq!(closed.map_err(|error| error.to_string()), Ok(Some(1001.into())), "{end:?}");
    }
}

/// Whoever asks for it whole and takes it over has it judged as a whole one; from the next header on as a streamed one.
#[test]
fn a_message_that_is_taken_over_is_held_to_the_limit_of_how_it_began() {
    for end in ends() {
        for (frames, error) in [
            (frame(0x82, &[7; 11]), None),
            (fragments(0x82, &[7; 11], &[11]).concat(), Some(too_large(11, 10))),
        ] {
            let io = Script::new(&from_peer(end.0, &frames)[..9]);
            let mut receiver = End::over(io.clone(), end, None, limited(10));
            assert!(run(receiver.next()).is_pending());
            io.arrive_bytes(&from_peer(end.0, &frames)[9..]);
            io.arrive(Read::End);
            let (got, failure) = streamed(&mut receiver);
            assert_eq!((got.len(), failure), (11, error), "{end:?}");
        }
    }
}

/// Bytes that are no text, how much of them is, and what is wrong with them.
const BAD_TEXT: &[(&[u8], usize, &str)] = &[
    (b"ab\xffcd", 2, "Protocol(InvalidUtf8)"),
    (b"\xed\xa0\x80", 0, "Protocol(InvalidUtf8)"),
    ("ab€".as_bytes().split_at(4).0, 2, "Protocol(TruncatedUtf8)"),
    (b"\xf0\x9f\xa6", 0, "Protocol(TruncatedUtf8)"),
];

#[test]
fn section_8_1_text_fails_at_its_first_bad_byte_with_1007() {
    for (text, valid, error) in BAD_TEXT {
        for agreement in few_agreements() {
            let (first, payload) = match agreement {
                Some(_) => (0x81 | RSV1, deflated(text)),
                None => (0x81, text.to_vec()),
            };
            for (end, sizes) in ends().flat_map(|end| [(end, vec![]), (end, vec![1, 0, 1])]) {
                let frames = fragments(first, &payload, &sizes).concat();
                for size in [1, usize::MAX] {
                    let bytes = from_peer(end.0, &[&frames[..], b"\x81\x01z"].concat());
                    let io = Script::of(bytes.chunks(size).map(|c| Read::Bytes(c.to_vec())));
                    io.arrive(Read::End);
                    let mut receiver = End::over(io.clone(), end, agreement.as_ref(), untimed());
                    let (got, failure) = streamed(&mut receiver);
                    let place = format!("{end:?} {agreement:?} {text:02x?} {sizes:?} in {size}s");
                    assert_eq!(failure.as_deref(), Some(*error), "{place}");
                    // What may yet become a character may have been handed out.
                    let is_bad = !text[..*valid].starts_with(&got) && !text.starts_with(&got);
                    assert!(!is_bad && !got.contains(&0xff), "{got:02x?}, {place}");
                    assert_eq!(code_sent(&io), Some(1007), "{place}");
                }
            }
        }
    }
}

/// Nobody waits for the rest of a frame whose text is wrong already.
#[test]
fn section_8_1_bad_text_fails_before_its_frame_is_complete() {
    for end in ends() {
        let bytes = from_peer(end.0, &frame(0x81, b"abc\xff and much more"));
        let io = Script::new(&bytes[..bytes.len() - 8]);
        let mut receiver = End::over(io.clone(), end, None, untimed());
        io.arrive(Read::End);
        let mut message = finish(receiver.next_streamed()).expect("one").expect("fine");
        assert_eq!(finish(body(&mut message)).1.as_deref(), Some("Protocol(InvalidUtf8)"));
        assert_eq!(code_sent(&io), Some(1007));
    }
}

#[test]
fn section_5_4_frames_out_of_order_are_refused_inside_a_streamed_message() {
    for (frames, error) in [
        (&b"\x02\x01a\x82\x01b"[..], "Protocol(InterleavedMessage(OpCode(Binary)))"),
        (b"\x02\x01a\x01\x01b", "Protocol(InterleavedMessage(OpCode(Text)))"),
        (b"\x80\x01a", "Protocol(UnexpectedContinuation)"),
        (b"\x02\x01a\x00\x01b\x83\x00", "Protocol(ReservedOpCode("),
        (b"\x02\x01a\x40\x01b", "Protocol(ReservedBits("),
        (b"\x02\x01a\x09\x00", "Protocol(FragmentedControl("),
    ] {
        for end in ends() {
            let io = ending(end.0, frames);
            let mut receiver = End::over(io.clone(), end, None, untimed());
            let (got, failure) = streamed(&mut receiver);
            let failure = failure.expect("a breach");
            let start = error.split('(').take(2).collect::<Vec<_>>().join("(");
            assert!(failure.starts_with(&start), "{failure} {error}");
            assert!(b"ab".starts_with(&got[..]), "{end:?}");
            assert_eq!(code_sent(&io), Some(1002), "{end:?} {error}");
            assert!(finish(receiver.next()).is_none());
        }
    }
}

/// Empty fragments without end are a flood, streamed or not.
#[test]
fn a_flood_of_empty_fragments_is_refused() {
    for end in ends() {
        let io = ending(end.0, &[&b"\x02\x00"[..], &b"\x00\x00".repeat(1100)].concat());
        let mut receiver = End::over(io.clone(), end, None, limited(None));
        let failure = streamed(&mut receiver).1.expect("a breach");
        assert_eq!(failure, "Limit(TooManyFragments { fragments: 1025 })", "{end:?}");
        assert_eq!(code_sent(&io), Some(1008), "{end:?}");
    }
}

/// A message of which the rest is skipped is held to its rules all the same.
#[test]
fn a_breach_in_what_is_skipped_is_found() {
    for end in ends() {
        for (frames, code) in [
            (&b"\x01\x01a\x80\x02\xff\xff"[..], 1007),
            (b"\x01\x01a\x80\x7e\x01\x00", 1009),
            (b"\x01\x01a\x81\x01a", 1002),
        ] {
            let bytes = if end.0 == Role::Server { masked(frames) } else { frames.to_vec() };
            let io = Script::new(bytes);
            io.arrive(Read::End);
            let mut receiver = End::over(io.clone(), end, None, limited(100));
            drop(finish(receiver.next_streamed()).expect("one").expect("fine"));
            assert!(finish(receiver.next()).expect("an error").is_err(), "{end:?} {code}");
            assert_eq!(code_sent(&io), Some(code), "{end:?}");
        }
    }
}

/// With keys of zeros, and a header whose payload need not be there.
fn masked(mut frames: &[u8]) -> Vec<u8> {
    let mut masked = Vec::new();
    while let [first, short, ..] = *frames {
        let header = if short == 126 { 4 } else { 2 };
        let end = frames.len().min(header + usize::from(short & 0x7f));
        masked.extend([first, short | 0x80]);
        masked.extend([&frames[2..header], &[0; 4], &frames[header..end]].concat());
        frames = &frames[end..];
    }
    masked
}
