//! What goes out of a message that is sent in pieces, byte for byte: opcodes, FIN and RSV1, sizes, and compressed data
//! that another implementation can inflate as far as it was flushed.

#[path = "support/deflate.rs"]
mod deflate;
#[path = "support/io.rs"]
mod io;
#[path = "support/streamed.rs"]
mod streamed;

use bowline::{Error, MessageKind, Role, UsageError};
use bytes::Bytes;
use deflate::{Inflater, noise, sent_frames};
use futures_util::SinkExt;
use io::{Script, finish, frame, run, untimed, wire};
use streamed::{End, ends, few_agreements, text};
use tokio::io::AsyncWriteExt;

const TEXT: MessageKind = MessageKind::Text;
const BINARY: MessageKind = MessageKind::Binary;

/// What is done to a message, one after the other.
#[derive(Clone, Copy, Debug)]
enum Step {
    Feed(&'static str),
    Write(&'static str),
    Sink(&'static str),
    Flush,
}

use Step::{Feed, Flush, Sink, Write};

/// Steps, and the frames that they and the end come to.
const TABLE: &[(MessageKind, &[Step], &[u8])] = &[
    (BINARY, &[], b"\x82\x00"),
    (TEXT, &[], b"\x81\x00"),
    (TEXT, &[Flush, Feed(""), Flush, Write(""), Sink("")], b"\x81\x00"),
    (BINARY, &[Feed("a")], b"\x82\x01a"),
    (TEXT, &[Write("a"), Feed("b"), Sink("c")], b"\x81\x03abc"),
    (TEXT, &[Flush, Feed("a"), Flush, Flush], b"\x01\x01a\x80\x00"),
    (TEXT, &[Feed("a"), Flush, Write("bc"), Flush, Feed("d")], b"\x01\x01a\x00\x02bc\x80\x01d"),
    (BINARY, &[Feed("a"), Flush, Flush, Feed("b"), Flush], b"\x02\x01a\x00\x01b\x80\x00"),
];

async fn play(end: &mut End<Script>, kind: MessageKind, steps: &[Step]) -> Result<(), Error> {
    let mut message = end.start_message(kind).await?;
    assert_eq!(message.kind(), kind);
    for step in steps {
        match *step {
            Feed(bytes) => message.feed(bytes).await?,
            Write(bytes) => message.write_all(bytes.as_bytes()).await.expect("open"),
            Sink(bytes) => SinkExt::feed(&mut message, Bytes::from(bytes)).await?,
            Flush => message.flush().await?,
        }
    }
    message.finish().await
}

#[test]
fn section_5_4_fragments_go_out_in_order() {
    for (kind, steps, frames) in TABLE {
        for end in ends() {
            let io = Script::of([]);
            let mut sender = End::over(io.clone(), end, None, untimed());
            finish(play(&mut sender, *kind, steps)).expect("open");
            assert_eq!(io.written(), wire(end.0, frames), "{end:?} {steps:?}");
            finish(sender.send("next")).expect("open");
            let next = wire(end.0, &[frames, &b"\x81\x04next"[..]].concat());
            assert_eq!(io.written(), next, "{end:?} {steps:?}");
        }
    }
}

/// Small pieces are put together to 16 KiB, large ones go out as they are.
#[test]
fn pieces_become_fragments_of_a_sensible_size() {
    for end in ends() {
        for (sizes, fragments) in [
            (&[1000; 17][..], &[16_000, 1000][..]),
            (&[4095; 4], &[16_380, 0]),
            (&[4095, 4095, 4095, 4095, 4], &[16_384, 0]),
            (&[10, 4096, 10], &[10, 4096, 10]),
            (&[100_000, 5, 5000], &[100_000, 5, 5000, 0]),
        ] {
            let io = Script::of([]);
            let mut sender = End::over(io.clone(), end, None, untimed());
            finish(async {
                let mut message = sender.start_message(BINARY).await.expect("open");
                for size in sizes {
                    message.feed(vec![7; *size]).await.expect("open");
                }
                message.finish().await.expect("open");
            });
            let sent = sent_frames(&io.written());
            let lens: Vec<_> = sent.iter().map(|(_, payload)| payload.len()).collect();
            // The last one may be empty, or the one before it be the last.
            let whole: Vec<_> = fragments.iter().copied().filter(|len| *len > 0).collect();
            let nonempty: Vec<_> = lens.iter().copied().filter(|len| *len > 0).collect();
            assert_eq!(nonempty, whole, "{end:?} {sizes:?}");
            check_order(&sent, 0x02);
        }
    }
}

/// The first frame's opcode and bits, continuations, and FIN at the end.
#[track_caller]
fn check_order(frames: &[(u8, Vec<u8>)], first: u8) {
    let last = frames.len() - 1;
    for (n, (byte, _)) in frames.iter().enumerate() {
        let opcode = if n == 0 { first } else { 0 };
        assert_eq!(*byte, if n == last { opcode | 0x80 } else { opcode }, "frame {n} of {last}");
    }
}

/// A client masks into a copy of its own.
#[test]
fn large_pieces_go_out_by_reference() {
    for (end, len) in ends().flat_map(|end| [4096, 60 << 10].map(|len| (end, len))) {
        let io = Script::of([]);
        let mut sender = End::over(io.clone(), end, None, untimed());
        let piece = Bytes::from(vec![7; len]);
        let mut message = finish(sender.start_message(BINARY)).expect("open");
        finish(message.feed(piece.clone())).expect("room");
        finish(message.finish()).expect("open");
        let is_by_reference = io.record().writes.concat().contains(&(piece.as_ptr().addr(), len));
        // What is not larger than that goes behind its header in any frame.
        let is_large = len > 4096;
        let is_server = end.0 == Role::Server;
        assert_eq!(is_by_reference, is_large && is_server, "{end:?} {len}");
    }
}

#[test]
fn outgoing_frames_keep_to_their_size() {
    for agreement in few_agreements() {
        for (end, size) in ends().flat_map(|end| [1, 7, 1000].map(|size| (end, size))) {
            let io = Script::of([]);
            let config = untimed().with_outgoing_frame_size(Some(size));
            let mut sender = End::over(io.clone(), end, agreement.as_ref(), config);
            let payload = noise(5, 2500);
            finish(async {
                let mut message = sender.start_message(BINARY).await.expect("open");
                for piece in payload.chunks(900) {
                    message.feed(piece.to_vec()).await.expect("open");
                    message.flush().await.expect("open");
                }
                message.finish().await.expect("open");
            });
            let sent = sent_frames(&io.written());
            assert!(sent.iter().all(|(_, payload)| payload.len() <= size), "{end:?} {size}");
            check_order(&sent, if agreement.is_some() { 0x42 } else { 0x02 });
            let together: Vec<_> = sent.into_iter().flat_map(|(_, payload)| payload).collect();
            let got = match agreement {
                Some(_) => Inflater::new().message(&together),
                None => together,
            };
            assert!(got == payload, "{end:?} {size} {agreement:?}");
        }
    }
}

/// Another implementation inflates as much as was flushed, and the whole at the end; and the next message too.
#[test]
fn rfc_7692_section_7_2_1_a_peer_inflates_all_that_was_flushed() {
    for agreement in few_agreements().into_iter().flatten() {
        let is_kept = format!("{agreement:?}").contains("Kept");
        for (end, step) in ends().flat_map(|end| [1, 50, 5000, 20_000].map(|step| (end, step))) {
            let io = Script::of([]);
            let mut sender = End::over(io.clone(), end, Some(&agreement), untimed());
            let mut peer = Inflater::new();
            for round in 0..3 {
                let payload = text(3 * step + round);
                let start = io.written().len();
                let mut message = finish(sender.start_message(TEXT)).expect("open");
                let mut flushed = Vec::new();
                for (n, piece) in payload.as_bytes().chunks(step).enumerate() {
                    finish(message.feed(piece.to_vec())).expect("open");
                    flushed.extend_from_slice(piece);
                    if n % 2 == round % 2 {
                        finish(message.flush()).expect("open");
                        check_flushed(&io.written()[start..], &flushed, round == 0 || !is_kept);
                        let len = io.written().len();
                        finish(message.flush()).expect("open");
                        assert_eq!(io.written().len(), len, "a frame for nothing");
                    }
                }
                finish(message.finish()).expect("open");
                let sent = sent_frames(&io.written()[start..]);
                check_order(&sent, 0x41);
                let together: Vec<_> = sent.into_iter().flat_map(|(_, p)| p).collect();
                if !is_kept {
                    peer = Inflater::new();
                }
                let got = peer.message(&together);
                assert!(got == payload.as_bytes(), "{end:?} {step} {round}");
                // And one that is not in pieces, on the same context.
                let start = io.written().len();
                finish(sender.send(payload.as_str())).expect("open");
                let sent = sent_frames(&io.written()[start..]);
                assert!(sent.len() == 1 && (sent[0].0 == 0xc1 || !is_kept && sent[0].0 == 0x81));
                if !is_kept {
                    peer = Inflater::new();
                }
                let got =
                    if sent[0].0 == 0x81 { sent[0].1.clone() } else { peer.message(&sent[0].1) };
                assert!(got == payload.as_bytes(), "{end:?} {step} {round}");
            }
        }
    }
}

/// Where nothing was before it in the window, what is there inflates to what was flushed.
fn check_flushed(wire: &[u8], flushed: &[u8], is_alone: bool) {
    let sent = sent_frames(wire);
    assert!(sent.iter().all(|(first, _)| first & 0x80 == 0), "FIN before the end");
    let together: Vec<_> = sent.into_iter().flat_map(|(_, payload)| payload).collect();
    assert!(together.ends_with(&deflate::TAIL), "not flushed");
    if is_alone {
        assert!(Inflater::new().message(&together[..together.len() - 4]) == flushed);
    }
}

#[test]
fn an_empty_compressed_message_is_one_empty_block() {
    for agreement in few_agreements().into_iter().flatten() {
        for end in ends() {
            let io = Script::of([]);
            let mut sender = End::over(io.clone(), end, Some(&agreement), untimed());
            let mut peer = Inflater::new();
            for flushes in 0..3 {
                let start = io.written().len();
                let mut message = finish(sender.start_message(BINARY)).expect("open");
                for _ in 0..flushes {
                    finish(message.flush()).expect("open");
                }
                finish(message.finish()).expect("open");
                let sent = sent_frames(&io.written()[start..]);
                check_order(&sent, 0x42);
                let together: Vec<_> = sent.into_iter().flat_map(|(_, p)| p).collect();
                assert!(!together.is_empty());
                assert_eq!(peer.message(&together), b"", "{end:?} {flushes}");
            }
        }
    }
}

#[test]
fn a_message_may_stay_uncompressed_and_the_next_one_is_not() {
    for agreement in few_agreements().into_iter().flatten() {
        for end in ends() {
            let io = Script::of([]);
            let mut sender = End::over(io.clone(), end, Some(&agreement), untimed());
            let mut message = finish(sender.start_message_uncompressed(TEXT)).expect("open");
            finish(message.feed("plain")).expect("open");
            finish(message.finish()).expect("open");
            assert_eq!(io.written(), wire(end.0, b"\x81\x05plain"), "{end:?}");
            for _ in 0..2 {
                let start = io.written().len();
                finish(play(&mut sender, TEXT, &[Feed("again")])).expect("open");
                assert_eq!(sent_frames(&io.written()[start..])[0].0, 0xc1);
            }
        }
    }
}

const BAD: &[&[u8]] = &[b"\xff", b"ab\xc0\xaf", b"\xed\xa0\x80", b"ok\xf5"];

/// What is refused changes nothing, and the message goes on.
#[test]
fn section_8_1_text_is_refused_at_its_first_bad_byte() {
    for (bad, end) in BAD.iter().flat_map(|bad| ends().map(move |end| (bad, end))) {
        let io = Script::of([]);
        let mut sender = End::over(io.clone(), end, None, untimed());
        let mut message = finish(sender.start_message(TEXT)).expect("open");
        // Half a character, which is to be completed.
        finish(message.feed(&b"a\xe2\x82"[..])).expect("text so far");
        let is_refused = |error| matches!(error, Error::Usage(UsageError::InvalidUtf8));
        assert!(is_refused(finish(message.feed(*bad)).expect_err("bad")), "{end:?} {bad:02x?}");
        let written = finish(message.write(bad)).expect_err("bad");
        assert_eq!(written.kind(), std::io::ErrorKind::InvalidInput);
        let sunk = finish(SinkExt::send(&mut message, Bytes::from_static(bad)));
        assert!(is_refused(sunk.expect_err("bad")), "{end:?}");
        assert_eq!(io.written(), b"", "{end:?} {bad:02x?}");
        finish(message.feed(&b"\xac!"[..])).expect("the rest of it");
        finish(message.finish()).expect("open");
        assert_eq!(io.written(), wire(end.0, &frame(0x81, "a€!".as_bytes())), "{end:?}");
    }
}

#[test]
fn section_8_1_text_that_ends_inside_a_character_cannot_be_finished() {
    for (is_flushed, end) in [false, true].into_iter().flat_map(|f| ends().map(move |e| (f, e))) {
        let io = Script::of([]);
        let mut sender = End::over(io.clone(), end, None, untimed());
        let mut message = finish(sender.start_message(TEXT)).expect("open");
        finish(message.feed(&b"a\xe2\x82"[..])).expect("text so far");
        if is_flushed {
            finish(message.flush()).expect("open");
        }
        let error = finish(message.finish()).expect_err("half a character");
        assert!(matches!(error, Error::Usage(UsageError::InvalidUtf8)), "{error}");
        if is_flushed {
            assert!(finish(sender.send("late")).is_err());
            assert!(run(sender.next()).is_pending());
            let sent = sent_frames(&io.written());
            assert_eq!(sent[0], (0x01, b"a\xe2\x82".to_vec()));
            assert_eq!((sent[1].0, &sent[1].1[..2]), (0x88, &1011u16.to_be_bytes()[..]));
            assert_eq!(sent.len(), 2, "{end:?}");
        } else {
            finish(sender.send("next")).expect("nothing of it was sent");
            assert_eq!(io.written(), wire(end.0, b"\x81\x04next"), "{end:?}");
        }
    }
}

/// A message that is finished by a sink's close takes no more.
#[test]
fn nothing_is_added_to_a_finished_message() {
    for end in ends() {
        let io = Script::of([]);
        let mut sender = End::over(io.clone(), end, None, untimed());
        let mut message = finish(sender.start_message(BINARY)).expect("open");
        finish(message.feed("a")).expect("open");
        finish(SinkExt::<Bytes>::close(&mut message)).expect("open");
        finish(SinkExt::<Bytes>::close(&mut message)).expect("open");
        finish(message.shutdown()).expect("open");
        finish(message.flush()).expect("open");
        let error = finish(message.feed("b")).expect_err("finished");
        assert!(matches!(error, Error::Usage(UsageError::FinishedMessage)), "{error}");
        assert!(finish(message.write(b"b")).is_err());
        finish(message.finish()).expect("open");
        finish(sender.send("c")).expect("open");
        assert_eq!(io.written(), wire(end.0, b"\x82\x01a\x81\x01c"), "{end:?}");
    }
}
