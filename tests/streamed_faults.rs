//! Everything that can be done to a message in pieces, dropped at every poll on a transport that stops at every byte,
//! and on one of which each operation fails once: no frame is torn, no byte is lost or sent twice, nobody hangs.

#[path = "support/deflate.rs"]
mod deflate;
#[path = "support/io.rs"]
mod io;
#[path = "support/streamed.rs"]
mod streamed;

use std::{pin::pin, task::Poll};

use bowline::{MessageKind, OutgoingMessage};
use deflate::{Inflater, sent_frames};
use futures_util::{StreamExt, stream};
use io::{Fault, Op, Pace, Read, Script, finish, frame, from_peer, poll_times, run, untimed, wire};
use streamed::{End, body, ends, few_agreements};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};

const BINARY: MessageKind = MessageKind::Binary;

/// Makes the future anew whenever it was polled so many times, until one is ready.
fn insist<'a, O>(
    message: &mut OutgoingMessage<'a, Script>,
    polls: usize,
    make: impl AsyncFn(&mut OutgoingMessage<'a, Script>) -> O,
) -> O {
    for _ in 0..100_000 {
        if let Poll::Ready(output) = poll_times(pin!(make(message)), polls) {
            return output;
        }
    }
    panic!("never ready");
}

/// The payloads of whole messages in these bytes; an open one at the end is of no interest.
fn payloads(wire: &[u8], is_compressed: bool) -> Vec<Vec<u8>> {
    let (mut all, mut payload) = (Vec::new(), Vec::new());
    for (first, piece) in sent_frames(wire).into_iter().filter(|(first, _)| first & 8 == 0) {
        payload.extend(piece);
        if first & 0x80 != 0 {
            let whole = std::mem::take(&mut payload);
            all.push(if is_compressed { Inflater::new().message(&whole) } else { whole });
        }
    }
    all
}

#[test]
fn feeds_and_flushes_dropped_at_every_poll_add_and_write_each_byte_once() {
    for agreement in few_agreements() {
        for (end, polls) in ends().flat_map(|end| [1, 2, 3, 7].map(|polls| (end, polls))) {
            for vectored in [true, false] {
                let io = Script::of([]).pace(Pace::Halting);
                let io = if vectored { io } else { io.not_vectored() };
                // Each feed waits for what is queued before it.
                let config = untimed().with_high_water(1);
                let mut sender = End::over(io.clone(), end, agreement.as_ref(), config);
                let mut message = finish(sender.start_message(BINARY)).expect("open");
                let mut expected = Vec::new();
                for n in 0..20u8 {
                    let piece = vec![n; if n % 7 == 0 { 5000 } else { 3 }];
                    insist(&mut message, polls, async |m| m.feed(piece.clone()).await)
                        .expect("open");
                    expected.extend(piece);
                    if n % 3 == 0 {
                        insist(&mut message, polls, async |m| m.flush().await).expect("open");
                    }
                }
                let _ = poll_times(Box::pin(message.finish()).as_mut(), polls);
                finish(sender.flush()).expect("open");
                let got = payloads(&io.written(), agreement.is_some());
                assert!(got == [expected], "{end:?} {agreement:?} {polls} {vectored}");
            }
        }
    }
}

/// A write that is dropped has taken nothing.
#[test]
fn writes_dropped_at_every_poll_write_each_byte_once() {
    for (end, polls) in ends().flat_map(|end| [1, 2, 3, 7].map(|polls| (end, polls))) {
        let io = Script::of([]).pace(Pace::Halting);
        let mut sender = End::over(io.clone(), end, None, untimed().with_high_water(1));
        let mut message = finish(sender.start_message(BINARY)).expect("open");
        let expected: Vec<u8> = (0..20_000u16).map(|n| n as u8).collect();
        let mut rest = &expected[..];
        while !rest.is_empty() {
            let len = rest.len().min(7000);
            let piece = &rest[..len];
            let written = insist(&mut message, polls, async |m| m.write(piece).await);
            rest = &rest[written.expect("open")..];
        }
        insist(&mut message, polls, async |m| AsyncWriteExt::flush(m).await).expect("open");
        insist(&mut message, polls, async |m| m.shutdown().await).expect("open");
        drop(message);
        assert!(payloads(&io.written(), false) == [expected], "{end:?} {polls}");
    }
}

/// A message before, one in pieces, one behind; each thing that can fail does.
fn play(end: &mut End<Script>, dropped_after: usize) -> (usize, usize) {
    let mut whole = 0;
    let mut failed = 0;
    let mut count = |is_ok: bool| if is_ok { whole += 1 } else { failed += 1 };
    count(finish(end.send("before")).is_ok());
    let sent = async {
        let mut message = end.start_message(BINARY).await?;
        message.feed(&b"a"[..]).await?;
        message.flush().await?;
        message.feed(vec![7; 5000]).await?;
        message.write_all(b"b").await?;
        message.flush().await?;
        message.finish().await
    };
    match poll_times(pin!(sent), dropped_after) {
        Poll::Ready(sent) => count(sent.is_ok()),
        Poll::Pending => count(false),
    }
    count(finish(end.send("behind")).is_ok());
    (whole, failed)
}

#[test]
fn each_operation_fails_once() {
    let mut piece = frame(0x02, b"a");
    piece.extend(frame(0x00, &[7; 5000]));
    piece.extend(frame(0x00, b"b"));
    piece.extend(b"\x80\x00");
    let all = [&b"\x81\x06before"[..], &piece, b"\x81\x06behind"].concat();
    for end in ends() {
        let whole = wire(end.0, &all);
        let undisturbed = Script::of([]);
        assert_eq!(
            play(&mut End::over(undisturbed.clone(), end, None, untimed()), 1_000_000),
            (3, 0)
        );
        assert!(undisturbed.written() == whole);
        for (op, fault) in
            [(Op::Write, Fault::Error), (Op::Write, Fault::End), (Op::Flush, Fault::Error)]
        {
            for n in 0..undisturbed.record().done[op as usize] {
                let io = Script::of([]).fail(op, n, fault);
                let mut sender = End::over(io.clone(), end, None, untimed());
                let (_, failed) = play(&mut sender, 1_000_000);
                assert!(failed > 0, "{end:?} {op:?} {n}");
                assert!(whole.starts_with(&io.written()), "{end:?} {op:?} {n}: torn");
                let next = finish(sender.next()).expect("an error").expect_err("an error");
                assert!(matches!(next, bowline::Error::Io(_)), "{end:?} {op:?} {n}: {next}");
                assert!(finish(sender.next()).is_none());
            }
        }
    }
}

/// Dropped at any poll, what is there is the whole message, or a begun one and Close.
#[test]
fn a_sender_dropped_at_every_poll_leaves_a_whole_message_or_a_close() {
    for end in ends() {
        let mut seen = [0; 3];
        // Each byte takes two polls, and there are five thousand in one piece.
        for polls in (0..60).chain((60..10_000).step_by(1999)).chain((10_040..10_140).step_by(3)) {
            let io = Script::of([]).pace(Pace::Halting);
            let mut sender = End::over(io.clone(), end, None, untimed());
            let (whole, _) = play(&mut sender, polls);
            let _ = run(sender.next());
            let frames = sent_frames(&io.written());
            let closes = frames.iter().filter(|(first, _)| *first == 0x88).count();
            let got = payloads(&io.written(), false);
            assert_eq!(got.first().map(Vec::as_slice), Some(&b"before"[..]));
            let outcome = match (got.len(), closes) {
                // Not begun.
                (2, 0) => 0,
                // Cut off.
                (1, 1) => 1,
                (3, 0) => 2,
                other => panic!("{end:?} {polls}: {other:?}, {whole} whole"),
            };
            seen[outcome] += 1;
        }
        assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
    }
}

/// Each read of a message in pieces fails once: what came before is delivered, the error once.
#[test]
fn each_read_fails_once() {
    let frames = b"\x02\x03abc\x89\x01?\x00\x00\x80\x03def\x81\x01z";
    for (end, fault) in ends().flat_map(|end| [(end, Fault::Error), (end, Fault::End)]) {
        let bytes = from_peer(end.0, frames);
        for n in 0..bytes.len() {
            let io = Script::new(bytes.clone()).pace(Pace::Halting).fail(Op::Read, n, fault);
            let mut receiver = End::over(io.clone(), end, None, untimed());
            let mut got = Vec::new();
            let mut errors = 0;
            while let Some(message) = finish(receiver.next_streamed()) {
                match message {
                    Ok(mut message) => {
                        let (bytes, error) = finish(body(&mut message));
                        got.extend(bytes);
                        errors += usize::from(error.is_some());
                    }
                    Err(_) => errors += 1,
                }
            }
            assert!(b"abcdefz".starts_with(&got[..]), "{end:?} {n}");
            assert_eq!(errors, 1, "{end:?} {n} {fault:?}");
            assert!(finish(receiver.next()).is_none());
        }
    }
}

/// As in the docs: `copy` both ways, and a stream forwarded into a message.
#[test]
fn readers_writers_and_streams_are_copied() {
    for end in ends() {
        let io = Script::of([]);
        let mut sender = End::over(io.clone(), end, None, untimed());
        let data: Vec<u8> = (0..50_000u16).map(|n| (n / 7) as u8).collect();
        finish(async {
            let mut message = sender.start_message(BINARY).await.expect("open");
            copy(&mut &data[..], &mut message).await.expect("open");
            message.finish().await.expect("open");
            let mut message = sender.start_message(BINARY).await.expect("open");
            let pieces = data.chunks(999).map(|piece| Ok(bytes::Bytes::copy_from_slice(piece)));
            stream::iter(pieces).forward(&mut message).await.expect("open");
        });
        let sent = io.written();
        assert!(payloads(&sent, false) == [data.clone(), data.clone()], "{end:?}");
        // And back, at the other end.
        let far = (io::other(end.0), end.1);
        let io = Script::new(sent);
        io.arrive(Read::End);
        let mut receiver = End::over(io, far, None, untimed());
        finish(async {
            let mut message = receiver.next_streamed().await.expect("one").expect("fine");
            let mut got = Vec::new();
            copy(&mut message, &mut got).await.expect("fine");
            assert!(got == data);
            let mut message = receiver.next_streamed().await.expect("one").expect("fine");
            let mut got = Vec::new();
            let mut buffer = [0; 3];
            assert_eq!(message.read(&mut []).await.expect("fine"), 0);
            loop {
                match message.read(&mut buffer).await.expect("fine") {
                    0 => break,
                    len => got.extend_from_slice(&buffer[..len]),
                }
            }
            assert!(got == data, "{end:?}");
        });
    }
}
