//! Compressed connections with all context kept, on transports that stop at every byte or break at every
//! operation, under futures that are dropped at every poll: a message is lost or comes twice nowhere, both ends'
//! contexts stay the same, and what arrives is right or an error (RFC 7692 section 7.1.1).

#[path = "support/deflate.rs"]
mod deflate;
#[path = "support/io.rs"]
mod io;

use std::{pin::pin, task::Poll};

use bowline::{Config, MaskingKey, Message, MessageCodec, Role, WebSocket};
use deflate::{Deflater, Inflater, RSV1, agreeing_on, deflated, noise, sent_frames};
use futures_util::stream::FusedStream;
use io::{
    Fault, Item, KEY, Op, Pace, ROLES, Read, Script, drain_to_end, finish, frame, from_peer, item,
    poll_times, run, untimed,
};
use tokio::io::{AsyncRead, AsyncWrite, duplex};
use tokio_util::codec::Framed;

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;

/// After how many polls a future is dropped.
const POLLS: [usize; 5] = [1, 2, 3, 5, 8];

fn codecs(parameters: &str) -> [MessageCodec; 2] {
    let (server, client) = agreeing_on(parameters);
    [server.into(), client.with_masking_keys(|| MaskingKey::new(KEY)).into()]
}

/// The end of this role, with all context kept.
fn in_context(role: Role, io: &Script, config: Config) -> WebSocket<Script> {
    let [server, client] = codecs("");
    let codec = if role == Role::Server { server } else { client };
    WebSocket::from_framed(Framed::new(io.clone(), codec), config)
}

/// What a peer reads of whole frames: their opcodes, and their payloads inflated in context.
#[track_caller]
fn read_naively(written: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut peer = Inflater::new();
    let frames = sent_frames(written).into_iter().map(|(first, payload)| match first & RSV1 {
        0 => (first, payload),
        _ => (first, peer.message(&payload)),
    });
    frames.collect()
}

/// Messages that refer back to each other: any that is missing, or there twice, changes what later ones say.
fn numbered(n: u8) -> Vec<u8> {
    let before = noise(u64::from(n.max(1)), 20);
    [before, vec![n; 20], noise(u64::from(n) + 1, 20)].concat()
}

/// Makes the future anew whenever it was polled so many times, until one is ready.
fn insist<T, O>(
    ws: &mut WebSocket<T>,
    polls: usize,
    make: impl AsyncFn(&mut WebSocket<T>) -> O,
) -> O {
    for _ in 0..100_000 {
        if let Poll::Ready(output) = poll_times(pin!(make(ws)), polls) {
            return output;
        }
    }
    panic!("never ready");
}

/// Compressed messages in context, one of them in fragments with pings between and one as it is; and Close.
fn arriving(role: Role) -> Vec<u8> {
    let mut peer = Deflater::new();
    let mut frames = frame(BINARY | RSV1, &peer.payload(&numbered(0)));
    let payload = peer.payload(&numbered(1));
    let (head, tail) = payload.split_at(payload.len() / 2);
    frames.extend(frame(0x02 | RSV1, head));
    frames.extend(frame(0x89, b"hi"));
    frames.extend(frame(0x00, b""));
    frames.extend(frame(0x00, tail));
    frames.extend(frame(0x8a, b""));
    frames.extend(frame(0x80, b""));
    frames.extend(frame(BINARY, &numbered(9)));
    frames.extend(frame(TEXT | RSV1, &peer.payload(b"")));
    frames.extend(frame(BINARY | RSV1, &peer.payload(&numbered(2))));
    frames.extend(frame(0x88, b"\x03\xe8bye"));
    from_peer(role, &frames)
}

fn expected() -> [Message; 8] {
    [
        Message::binary(numbered(0)),
        Message::ping("hi"),
        Message::pong(""),
        Message::binary(numbered(1)),
        Message::binary(numbered(9)),
        Message::text(""),
        Message::binary(numbered(2)),
        Message::close(1000, "bye"),
    ]
}

fn halting(role: Role) -> Script {
    let io = Script::new(arriving(role)).pace(Pace::Halting);
    io.arrive(Read::End);
    io
}

#[test]
fn next_dropped_at_every_poll_loses_no_message_and_no_context() {
    for role in ROLES {
        for polls in POLLS {
            let io = halting(role);
            let mut ws = in_context(role, &io, untimed());
            let mut items: Vec<Item> = Vec::new();
            while let Some(next) = insist(&mut ws, polls, async |ws| ws.next().await) {
                items.push(item(next));
            }
            assert_eq!(items, expected().map(Ok), "{role:?}, dropped after {polls} polls");
            let answers = [(0x8a, b"hi".to_vec()), (0x88, b"\x03\xe8".to_vec())];
            assert_eq!(read_naively(&io.written()), answers, "{role:?}, {polls} polls");
        }
    }
}

#[test]
fn a_dropped_feed_has_compressed_nothing_and_a_dropped_flush_tears_nothing() {
    for (role, vectored) in ROLES.into_iter().flat_map(|role| [(role, true), (role, false)]) {
        for polls in POLLS {
            let io = Script::of([]).pace(Pace::Halting);
            let io = if vectored { io } else { io.not_vectored() };
            // Every feed but the first has to wait for the one before it to be written.
            let mut ws = in_context(role, &io, untimed().with_high_water(1));
            let large = noise(5, 5000);
            let messages = [&numbered(0), &numbered(1), &large, &numbered(2), &large];
            for message in messages {
                insist(&mut ws, polls, async |ws| ws.feed(message.clone()).await).expect("open");
                insist(&mut ws, polls, async |ws| ws.feed_uncompressed("x").await).expect("open");
            }
            insist(&mut ws, polls, async |ws| ws.flush().await).expect("open");
            let frames =
                messages.map(|message| [(BINARY | RSV1, message.clone()), (TEXT, b"x".to_vec())]);
            assert_eq!(read_naively(&io.written()), frames.concat(), "{role:?}, {polls} polls");
        }
    }
}

#[test]
fn a_dropped_send_is_wholly_in_the_context_or_not_at_all() {
    for role in ROLES {
        let mut queued = [0; 2];
        for polls in 0..200 {
            let io = Script::of([]).pace(Pace::Halting);
            let mut ws = in_context(role, &io, untimed().with_high_water(1));
            finish(ws.feed(numbered(0))).expect("open");
            let is_done = poll_times(pin!(ws.send(numbered(1))), polls).is_ready();
            finish(ws.send(numbered(2))).expect("open");
            finish(ws.send(numbered(1))).expect("open");
            let sent = |numbers: &[u8]| -> Vec<_> {
                numbers.iter().map(|n| (BINARY | RSV1, numbered(*n))).collect()
            };
            let read = read_naively(&io.written());
            let is_queued = read.len() == 4;
            assert!(is_queued || !is_done, "{role:?}, {polls} polls");
            let numbers = if is_queued { &[0, 1, 2, 1][..] } else { &[0, 2, 1] };
            assert_eq!(read, sent(numbers), "{role:?}, {polls} polls");
            queued[usize::from(is_queued)] += 1;
        }
        assert!(queued.iter().all(|count| *count > 10), "{role:?}: {queued:?}");
    }
}

/// What one end of a connection has got through.
struct End<T> {
    ws: WebSocket<T>,
    fed: u8,
    received: u8,
}

impl<T: AsyncRead + AsyncWrite + Unpin> End<T> {
    fn new(io: T, codec: MessageCodec, frame_size: Option<usize>) -> Self {
        let config = untimed().with_high_water(50).with_outgoing_frame_size(frame_size);
        let ws = WebSocket::from_framed(Framed::new(io, codec), config);
        Self { ws, fed: 0, received: 0 }
    }

    /// Polls one future or the other so many times, and drops it.
    fn step(&mut self, turn: usize) {
        let polls = turn % 4;
        match turn % 3 {
            0 if self.fed < LAST => {
                let feed = pin!(self.ws.feed(numbered(self.fed)));
                self.fed += u8::from(matches!(poll_times(feed, polls), Poll::Ready(Ok(()))));
            }
            1 => {
                let _ = poll_times(pin!(self.ws.flush()), polls);
            }
            _ => {
                if let Poll::Ready(next) = poll_times(pin!(self.ws.next()), polls) {
                    let message = next.expect("open").expect("open");
                    assert!(message == Message::binary(numbered(self.received)), "{message:?}");
                    self.received += 1;
                }
            }
        }
    }
}

/// How many messages each end feeds.
const LAST: u8 = 30;

/// Two ends that never finish what they begin, over a pipe of a few bytes.
#[test]
fn both_ends_dropped_at_every_poll_keep_both_contexts() {
    let narrow = "server_max_window_bits=9; client_max_window_bits=10";
    for (parameters, pipe, frame_size) in
        [("", 16, None), ("", 100, Some(7)), (narrow, 16, Some(50)), (narrow, 1, None)]
    {
        let (far, near) = duplex(pipe);
        let [server, client] = codecs(parameters);
        let mut server = End::new(far, server, frame_size);
        let mut client = End::new(near, client, frame_size);
        let turns = noise(pipe as u64, 1 << 17);
        for turn in turns {
            let turn = usize::from(turn);
            if turn >= 128 {
                server.step(turn);
            } else {
                client.step(turn);
            }
            if [server.received, client.received] == [LAST; 2] {
                break;
            }
        }
        let received = (server.received, client.received);
        assert_eq!(received, (LAST, LAST), "{parameters}, a pipe of {pipe}");
    }
}

// ---- faults ----

const OPS: [(Op, Fault); 6] = [
    (Op::Read, Fault::Error),
    (Op::Read, Fault::End),
    (Op::Write, Fault::Error),
    (Op::Write, Fault::End),
    (Op::Flush, Fault::Error),
    (Op::Shutdown, Fault::Error),
];

/// What an echo got, and what went out.
#[derive(Debug)]
struct Played {
    items: Vec<Item>,
    written: Vec<u8>,
}

/// How a connection goes that nothing disturbs: an echo of data, in context both ways.
fn play(role: Role, bytes: &[u8], io: &Script) -> Played {
    io.arrive_bytes(bytes);
    io.arrive(Read::End);
    let mut ws = in_context(role, io, untimed());
    let mut items = Vec::new();
    while let Some(next) = finish(ws.next()) {
        let next = item(next);
        assert_eq!(ws.is_terminated(), next.is_err(), "an error is the last item: {next:?}");
        if let Ok(message) = &next
            && message.is_data()
        {
            // A failed transport is the reader's to tell of.
            let _ = finish(ws.feed(message.clone()));
        }
        items.push(next);
    }
    assert!(finish(ws.next()).is_none() && finish(ws.send("too late")).is_err());
    Played { items, written: io.written() }
}

#[test]
fn each_operation_fails_once_and_no_message_is_wrong() {
    let mut faults = 0;
    for role in ROLES {
        let bytes = arriving(role);
        for pace in [Pace::Swift, Pace::Halting] {
            let undisturbed = Script::of([]).pace(pace);
            let whole = play(role, &bytes, &undisturbed);
            assert_eq!(whole.items, expected().map(Ok), "{role:?}, {pace:?}");
            for (op, fault) in OPS {
                for n in 0..=undisturbed.record().done[op as usize] {
                    let io = Script::of([]).pace(pace).fail(op, n, fault);
                    let played = play(role, &bytes, &io);
                    check_disturbed(&whole, &played, &format!("{role:?}, {op:?} {n}, {fault:?}"));
                    faults += 1;
                }
            }
        }
    }
    assert!(faults > 500, "{faults}");
}

fn check_disturbed(whole: &Played, played: &Played, place: &str) {
    let (messages, error) = match played.items.split_last() {
        Some((Err(error), messages)) => (messages, Some(error)),
        _ => (&played.items[..], None),
    };
    assert!(whole.items.starts_with(messages), "{place}: {messages:?}");
    assert!(whole.written.starts_with(&played.written), "{place}");
    let has_closed = messages.iter().any(|item| matches!(item, Ok(Message::Close(_))));
    assert_eq!(error.is_none(), has_closed, "a close is no error, all else is: {place}");
    let is_broken = |error: &String| {
        error.contains("BrokenPipe") || error.contains("WriteZero") || error.contains("Abnormal")
    };
    assert!(error.is_none_or(is_broken), "{place}: {error:?}");
}

/// The stream ends after every number of its bytes: what is whole is delivered, and nothing of what is not.
#[test]
fn section_7_2_2_a_stream_cut_at_every_byte_gives_whole_messages_alone() {
    for role in ROLES {
        let bytes = arriving(role);
        let mut delivered = Vec::new();
        for len in 0..bytes.len() {
            let io = Script::new(&bytes[..len]);
            io.arrive(Read::End);
            let mut items = drain_to_end(&mut in_context(role, &io, untimed()));
            let error = items.pop().expect("an error").expect_err("no close has come");
            assert!(error.starts_with("AbnormalClosure("), "{role:?}, {len} bytes: {error}");
            assert_eq!(
                items,
                expected()[..items.len()].iter().cloned().map(Ok).collect::<Vec<_>>()
            );
            delivered.push(items.len());
        }
        assert!(delivered.is_sorted() && delivered.last() == Some(&7), "{role:?}: {delivered:?}");
    }
}

/// Which error it is does not depend on how its bytes arrive, and no later message gets past it.
#[test]
fn section_7_2_2_a_bad_message_is_refused_in_every_pace() {
    for role in ROLES {
        let mut peer = Deflater::new();
        let good = peer.payload(&numbered(0));
        // Refers to a context that this connection has not: a distance too far back.
        let mut elsewhere = Deflater::new();
        elsewhere.payload(&noise(77, 3000));
        let foreign = elsewhere.payload(&noise(77, 3000));
        let truncated = deflated(numbered(1));
        let truncated = &truncated[..truncated.len() - 20];
        for bad in [&foreign[..], b"\x07\xff", truncated] {
            let bytes =
                [frame(BINARY | RSV1, &good), frame(BINARY | RSV1, bad), frame(BINARY, b"later")];
            let bytes = from_peer(role, &bytes.concat());
            for pace in [Pace::Swift, Pace::Halting] {
                let io = Script::new(&bytes[..]).pace(pace);
                let mut ws = in_context(role, &io, untimed());
                assert_eq!(finish(ws.next()).map(item), Some(Ok(Message::binary(numbered(0)))));
                assert!(run(ws.next()).is_pending(), "the error waits for the drain");
                io.arrive(Read::End);
                let items = drain_to_end(&mut ws);
                assert_eq!(items, [Err("Protocol(InvalidDeflate)".into())], "{role:?}, {pace:?}");
                let frames = sent_frames(&io.written());
                assert_eq!((frames.len(), &frames[0].1[..2]), (1, &1007u16.to_be_bytes()[..]));
            }
        }
    }
}
