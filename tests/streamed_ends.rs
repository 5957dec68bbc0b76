//! How a message that is received in pieces ends before its time: by a Close, the end of the stream, an error, a
//! deadline; what is answered meanwhile; and what becomes of a rest that nobody reads.

#[path = "support/deflate.rs"]
mod deflate;
#[path = "support/heap.rs"]
mod heap;
#[path = "support/io.rs"]
mod io;
#[path = "support/streamed.rs"]
mod streamed;

use std::{io::ErrorKind, time::Duration};

use bowline::{CloseFrame, Config, Keepalive, Message, MessageKind};
use deflate::{Deflater, sent_frames};
use io::{Read, Script, finish, frame, from_peer, item, rest_of, run, untimed, wire, within};
use streamed::{End, body, ends, few_agreements};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    time::sleep,
};

#[test]
fn section_5_5_1_a_close_inside_a_message_leaves_it_incomplete() {
    for (end, is_begun) in ends().flat_map(|end| [(end, true), (end, false)]) {
        let payload = if is_begun { &b"\x02\x01a"[..] } else { b"\x02\x00" };
        let io = Script::new(from_peer(end.0, &[payload, b"\x88\x05\x03\xe9bye"].concat()));
        io.arrive(Read::End);
        let mut receiver = End::over(io.clone(), end, None, untimed());
        let mut message = finish(receiver.next_streamed()).expect("one").expect("fine");
        let (got, error) = finish(body(&mut message));
        assert_eq!(got, if is_begun { &b"a"[..] } else { b"" }, "{end:?}");
        let close = CloseFrame::new(1001, "bye");
        assert_eq!(error, Some(format!("ClosedEarly({:?})", Some(close))), "{end:?}");
        assert_eq!(io.written(), wire(end.0, b"\x88\x02\x03\xe9"), "replied to: {end:?}");
        assert!(finish(receiver.send("late")).is_err());
        let closed = finish(receiver.close(1000)).expect("closed");
        assert_eq!(closed, Some(CloseFrame::new(1001, "bye")), "{end:?}");
        assert!(finish(receiver.next()).is_none() && finish(receiver.next_streamed()).is_none());
    }
}

/// Between messages there is nothing to be incomplete.
#[test]
fn section_5_5_1_a_close_is_what_close_gives_after_the_end() {
    for end in ends() {
        for is_left in [true, false] {
            let frames = b"\x02\x01a\x80\x01b\x89\x01?\x88\x05\x03\xe9bye";
            let io = Script::new(from_peer(end.0, frames));
            io.arrive(Read::End);
            let mut receiver = End::over(io.clone(), end, None, untimed());
            let mut message = finish(receiver.next_streamed()).expect("one").expect("fine");
            if !is_left {
                assert_eq!(finish(body(&mut message)), (b"ab".to_vec(), None));
            }
            assert!(finish(receiver.next_streamed()).is_none(), "{end:?}");
            let closed = finish(receiver.close(1000)).expect("closed");
            assert_eq!(closed, Some(CloseFrame::new(1001, "bye")), "{end:?}");
            assert_eq!(io.written(), wire(end.0, b"\x8a\x01?\x88\x02\x03\xe9"), "{end:?}");
        }
    }
}

/// What is there when the stream ends, and where that is.
const ENDS: &[(&[u8], usize, &str)] = &[
    (b"\x02\x05a", 0, "InsidePayload"),
    (b"\x02\x01a", 0, "InsideMessage"),
    (b"\x02\x00", 0, "InsideMessage"),
    (b"\x02\x01a\x80", 0, "InsideHeader"),
    (b"\x02\x01a\x80\x05b", 0, "InsidePayload"),
    (b"\x02\x01a\x89\x05b", 0, "InsidePayload"),
    (b"\x02\x01a\x89\x00", 0, "InsideMessage"),
];

/// The literals with payload that is missing, as they arrive.
fn truncated(role: bowline::Role, frames: &[u8], is_payload_missing: bool) -> Vec<u8> {
    if !is_payload_missing {
        return match frames {
            // A header of which only the first byte is there.
            [head @ .., 0x80] => [&from_peer(role, head)[..], b"\x80"].concat(),
            _ => from_peer(role, frames),
        };
    }
    // Completed, masked, and cut again.
    let bytes = from_peer(role, &[frames, b"...."].concat());
    bytes[..bytes.len() - 4].to_vec()
}

#[test]
fn section_7_1_5_an_end_inside_a_message_tells_its_place_once() {
    for (frames, _, place) in ENDS {
        for end in ends() {
            let bytes = truncated(end.0, frames, *place == "InsidePayload");
            let io = Script::new(bytes);
            io.arrive(Read::End);
            let mut receiver = End::over(io, end, None, untimed());
            let mut message = finish(receiver.next_streamed()).expect("one").expect("fine");
            let error = finish(body(&mut message)).1;
            assert_eq!(error, Some(format!("AbnormalClosure({place})")), "{end:?} {frames:02x?}");
            assert!(
                finish(receiver.next()).is_none() && finish(receiver.next_streamed()).is_none()
            );
        }
    }
}

#[test]
fn a_read_error_inside_a_message_comes_once() {
    for end in ends() {
        for kind in [ErrorKind::ConnectionReset, ErrorKind::Other] {
            let io = Script::new(from_peer(end.0, b"\x02\x01a"));
            io.arrive(Read::Error(kind));
            let mut receiver = End::over(io, end, None, untimed());
            let mut message = finish(receiver.next_streamed()).expect("one").expect("fine");
            let (got, error) = finish(body(&mut message));
            assert_eq!((got, error), (b"a".to_vec(), Some(format!("Io(Kind({kind:?}))"))));
            assert!(
                finish(receiver.next()).is_none() && finish(receiver.next_streamed()).is_none()
            );
        }
    }
}

/// By `AsyncRead` the error is the source of an `io::Error`; after it nothing is left.
#[test]
fn a_reader_of_bytes_is_told_why_they_end() {
    for end in ends() {
        for (frames, kind) in [
            (&b"\x02\x01a\x88\x00"[..], ErrorKind::UnexpectedEof),
            (b"\x02\x01a\x83\x00", ErrorKind::InvalidData),
            (b"\x02\x01a", ErrorKind::UnexpectedEof),
        ] {
            let io = Script::new(from_peer(end.0, frames));
            io.arrive(Read::End);
            let mut receiver = End::over(io, end, None, untimed());
            let mut message = finish(receiver.next_streamed()).expect("one").expect("fine");
            let mut bytes = Vec::new();
            let error = finish(message.read_to_end(&mut bytes)).expect_err("half");
            assert_eq!((bytes, error.kind()), (b"a".to_vec(), kind), "{end:?}");
            let inner = error.get_ref().expect("a source");
            assert!(inner.is::<bowline::Error>(), "{inner:?}");
            assert_eq!(finish(message.read(&mut [0; 4])).expect("nothing"), 0);
        }
    }
}

#[test]
fn section_5_5_2_pings_are_answered_while_only_the_body_is_polled() {
    for agreement in few_agreements() {
        for end in ends() {
            let mut peer = Deflater::new();
            let (first, piece) = match agreement {
                Some(_) => (0x42, peer.flushed(b"a")),
                None => (0x02, b"a".to_vec()),
            };
            let io = Script::new(from_peer(end.0, &frame(first, &piece)));
            let mut receiver = End::over(io.clone(), end, agreement.as_ref(), untimed());
            let mut message = finish(receiver.next_streamed()).expect("one").expect("fine");
            assert_eq!(finish(message.next()).expect("some").expect("fine"), &b"a"[..]);
            for n in 0..300u16 {
                io.arrive_bytes(from_peer(end.0, &frame(0x89, &n.to_be_bytes())));
                assert!(run(message.next()).is_pending());
            }
            let pongs: Vec<_> = (0..300u16).flat_map(|n| frame(0x8a, &n.to_be_bytes())).collect();
            assert!(io.written() == wire(end.0, &pongs), "{end:?}");
            // A flood in one read is worked off in turns, and doesn't put the body to sleep.
            let pings = frame(0x89, b"").repeat(1000);
            io.arrive_bytes(from_peer(end.0, &[pings, frame(0, b"")].concat()));
            assert!(run(message.next()).is_pending());
            let written = sent_frames(&io.written());
            assert_eq!(written.len(), 1300, "{end:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_falls_silent_inside_a_body_is_given_up() {
    let keepalive = Keepalive::new(Duration::from_secs(30), Duration::from_secs(20));
    let resting = Duration::from_secs(10);
    for end in ends() {
        for (config, error, sent) in [
            (untimed().with_keepalive(Some(keepalive)), "KeepaliveTimeout", &[0x89][..]),
            (untimed().with_message_timeout(Some(resting)), "Limit(MessageTimeout)", &[0x88]),
        ] {
            let (near, mut far) = duplex(1 << 16);
            let mut receiver = End::over(near, end, None, config);
            far.write_all(&from_peer(end.0, b"\x02\x01a")).await.expect("open");
            let mut message = within(receiver.next_streamed()).await.expect("one").expect("fine");
            let (got, failure) = if error.contains("Message") {
                // Its bytes put the deadline off, pings don't.
                let feeding = async {
                    sleep(Duration::from_secs(9)).await;
                    far.write_all(&from_peer(end.0, b"\x00\x01b")).await.expect("open");
                    for _ in 0..3 {
                        sleep(Duration::from_secs(3)).await;
                        far.write_all(&from_peer(end.0, b"\x89\x00")).await.expect("open");
                    }
                    sleep(Duration::from_secs(3)).await;
                    far.shutdown().await.expect("open");
                };
                within(async { tokio::join!(body(&mut message), feeding).0 }).await
            } else {
                within(body(&mut message)).await
            };
            assert_eq!(failure.as_deref(), Some(error), "{end:?} {got:?}");
            drop(receiver);
            let frames = sent_frames(&rest_of(&mut far).await);
            let others: Vec<_> =
                frames.iter().map(|f| f.0).filter(|first| *first != 0x8a).collect();
            assert_eq!(others, sent, "{end:?}");
            if sent == [0x88] {
                assert_eq!(frames.last().expect("Close").1[..2], 1008u16.to_be_bytes());
            }
        }
    }
}

/// A peer that sends slowly is alive, and its body is not given up.
#[tokio::test(start_paused = true)]
async fn a_slow_body_is_no_silent_peer() {
    let keepalive = Keepalive::new(Duration::from_secs(30), Duration::from_secs(20));
    let config = untimed().with_keepalive(Some(keepalive));
    let config = config.with_message_timeout(Some(Duration::from_secs(30)));
    for end in ends() {
        let (near, mut far) = duplex(1 << 16);
        let mut receiver = End::over(near, end, None, config.clone());
        let bytes = from_peer(end.0, &frame(0x82, &[7; 100]));
        let feeding = async {
            for byte in bytes {
                far.write_all(&[byte]).await.expect("open");
                sleep(Duration::from_secs(25)).await;
            }
        };
        let reading = async {
            let mut message = receiver.next_streamed().await.expect("one").expect("fine");
            body(&mut message).await
        };
        let (got, ()) = within(async { tokio::join!(reading, feeding) }).await;
        assert_eq!(got, (vec![7; 100], None), "{end:?}");
    }
}

// ---- a rest that nobody reads ----

#[test]
fn the_rest_of_a_large_message_costs_nothing() {
    const LEN: usize = 10 << 20;
    for end in ends() {
        for is_whole in [true, false] {
            let frames = frame(0x82, &vec![7; LEN]);
            let bytes = from_peer(end.0, &[&frames[..], b"\x81\x04next"].concat());
            let reads = bytes.chunks(50_000).map(|chunk| Read::Bytes(chunk.to_vec()));
            let io = Script::of(reads.collect::<Vec<_>>());
            let mut receiver = End::over(io, end, None, untimed());
            let mut message = finish(receiver.next_streamed()).expect("one").expect("fine");
            finish(message.next()).expect("some").expect("fine");
            // Of what the script holds, less and less is left: what else is held must not grow.
            let (cost, kind) = heap::cost(|| {
                if is_whole {
                    assert_eq!(finish(receiver.next()).map(item), Some(Ok(Message::text("next"))));
                    return MessageKind::Text;
                }
                finish(receiver.next_streamed()).expect("one").expect("fine").kind()
            });
            assert_eq!(kind, MessageKind::Text);
            assert!(cost.peak < 300 << 10, "{end:?}: {cost:?}");
        }
    }
}

/// What a peer has to say after our Close is thrown away, up to 1 MiB of it.
#[test]
fn section_7_1_1_a_close_throws_away_a_megabyte_and_no_more() {
    for end in ends() {
        for is_begun in [true, false] {
            let mut header = vec![0x82, 127];
            header.extend(u64::to_be_bytes(100 << 20));
            if end.0 == bowline::Role::Server {
                header[1] |= 0x80;
                header.extend([0; 4]);
            }
            let io = Script::new(header);
            for _ in 0..200 {
                io.arrive_bytes(vec![0; 50_000]);
            }
            let config: Config = untimed().with_max_streamed_size(None);
            let mut receiver = End::over(io.clone(), end, None, config);
            if is_begun {
                let mut message = finish(receiver.next_streamed()).expect("one").expect("fine");
                finish(message.next()).expect("some").expect("fine");
            }
            assert_eq!(finish(receiver.close(1000)).expect("ended"), None, "{end:?}");
            let read = io.record().read;
            assert!((1 << 20..1 << 21).contains(&read), "{end:?}: {read}");
            assert_eq!(io.written(), wire(end.0, b"\x88\x02\x03\xe8"), "{end:?}");
        }
    }
}
