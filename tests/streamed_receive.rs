//! Messages received in pieces are the messages received whole, however they are cut, by the peer, by the network or by
//! futures dropped on the way; and whoever mixes both ways of reading loses nothing.

#[path = "support/deflate.rs"]
mod deflate;
#[path = "support/io.rs"]
mod io;
#[path = "support/streamed.rs"]
mod streamed;

use std::{pin::pin, task::Poll};

use bowline::{Deflate, Message, MessageKind, Role};
use deflate::{Deflater, RSV1, noise};
use io::{Read, Script, finish, frame, from_peer, poll_times, run, untimed, wire};
use streamed::{End, Shape, body, ends, few_agreements, fragments, text};

/// Numbers that look random, the same each time.
struct Dice(std::vec::IntoIter<u8>);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(noise(seed, 4000).into_iter())
    }

    fn below(&mut self, bound: usize) -> usize {
        let [high, low] = [(); 2].map(|()| usize::from(self.0.next().expect("dice left")));
        (high << 8 | low) % bound
    }
}

type Data = (MessageKind, Vec<u8>);

/// What a peer says: its bytes, the messages in them, and what is answered.
struct Talk {
    frames: Vec<u8>,
    messages: Vec<Data>,
    answers: Vec<u8>,
}

impl Talk {
    /// Messages of all kinds, in any number of fragments with pings between, and Close.
    fn new(seed: u64, count: usize, agreement: Option<&Deflate>) -> Self {
        let mut dice = Dice::new(seed);
        let mut talk = Self { frames: Vec::new(), messages: Vec::new(), answers: Vec::new() };
        let mut deflater = Deflater::new();
        let is_kept = agreement.is_some_and(|agreement| format!("{agreement:?}").contains("Kept"));
        for n in 0..count {
            let (kind, payload) = message(&mut dice);
            let mut first = if kind == MessageKind::Text { 0x81 } else { 0x82 };
            let mut sent = payload.clone();
            if agreement.is_some() && dice.below(4) > 0 {
                if !is_kept {
                    deflater = Deflater::new();
                }
                (first, sent) = (first | RSV1, deflater.payload(&payload));
            }
            let sizes: Vec<_> = (0..[0, 0, 1, 2, 5][dice.below(5)])
                .map(|_| dice.below(4) * dice.below(sent.len() + 2) / 4)
                .collect();
            for (i, fragment) in fragments(first, &sent, &sizes).iter().enumerate() {
                if dice.below(3) == 0 {
                    let ping = [n as u8, i as u8];
                    talk.frames.extend(frame(0x89, &ping));
                    talk.answers.extend(frame(0x8a, &ping));
                }
                talk.frames.extend(fragment);
            }
            talk.messages.push((kind, payload));
        }
        talk.frames.extend(b"\x88\x02\x03\xe8");
        talk.answers.extend(b"\x88\x02\x03\xe8");
        talk
    }
}

fn message(dice: &mut Dice) -> Data {
    let len = [0, 1, 5, 60, 200][dice.below(5)];
    match dice.below(2) {
        0 => (MessageKind::Text, if len == 0 { vec![] } else { text(len).into_bytes() }),
        _ => (MessageKind::Binary, noise(dice.below(99) as u64, len)),
    }
}

/// How a message is received.
#[derive(Clone, Copy, Debug)]
enum Way {
    Whole,
    Streamed,
    /// In pieces, of which so many are taken.
    Left(usize),
    /// Whole, dropped after so many polls, and then in pieces.
    TakenOver(usize),
}

impl Way {
    fn any(dice: &mut Dice) -> Self {
        match dice.below(4) {
            0 => Self::Whole,
            1 => Self::Streamed,
            2 => Self::Left(dice.below(3)),
            _ => Self::TakenOver(1 + dice.below(40)),
        }
    }
}

fn data(message: Message) -> Option<Data> {
    match message {
        Message::Text(text) => Some((MessageKind::Text, text.as_bytes().to_vec())),
        Message::Binary(bytes) => Some((MessageKind::Binary, bytes.to_vec())),
        _ => None,
    }
}

/// The next data message; `None` at the end.
async fn whole(end: &mut End<Script>) -> Option<Data> {
    while let Some(message) = end.next().await {
        if let Some(data) = data(message.expect("fine")) {
            return Some(data);
        }
    }
    None
}

async fn in_pieces(end: &mut End<Script>) -> Option<Data> {
    let mut message = end.next_streamed().await?.expect("fine");
    let (bytes, error) = body(&mut message).await;
    assert_eq!(error, None);
    Some((message.kind(), bytes))
}

/// So many pieces of the next message, which begin it.
fn left(end: &mut End<Script>, pieces: usize, expected: Option<&Data>) {
    let Some(message) = finish(end.next_streamed()) else { return assert!(expected.is_none()) };
    let mut message = message.expect("fine");
    let (kind, payload) = expected.expect("no more messages");
    assert_eq!(message.kind(), *kind);
    let mut got = Vec::new();
    for _ in 0..pieces {
        match finish(message.next()) {
            Some(piece) => got.extend_from_slice(&piece.expect("fine")),
            None => assert_eq!(got, *payload),
        }
    }
    assert!(payload.starts_with(&got));
}

fn taken_over(end: &mut End<Script>, polls: usize) -> Option<Data> {
    loop {
        let polled = poll_times(pin!(end.next()), polls);
        match polled {
            Poll::Ready(Some(message)) => {
                if let Some(data) = data(message.expect("fine")) {
                    return Some(data);
                }
            }
            Poll::Ready(None) => return None,
            Poll::Pending => return finish(in_pieces(end)),
        }
    }
}

/// Receives all of it as the dice fall, and compares.
fn check(end: (Role, Shape), agreement: Option<&Deflate>, talk: &Talk, io: &Script, seed: u64) {
    let mut dice = Dice::new(seed);
    let mut receiver = End::over(io.clone(), end, agreement, untimed());
    let mut ways = Vec::new();
    for n in 0..=talk.messages.len() {
        let expected = talk.messages.get(n);
        let way = Way::any(&mut dice);
        ways.push(way);
        let got = match way {
            Way::Whole => finish(whole(&mut receiver)),
            Way::Streamed => finish(in_pieces(&mut receiver)),
            Way::Left(pieces) => {
                left(&mut receiver, pieces, expected);
                continue;
            }
            Way::TakenOver(polls) => taken_over(&mut receiver, polls),
        };
        assert!(got.as_ref() == expected, "{end:?} {n} {ways:?}: {got:?} for {expected:?}");
    }
    assert!(finish(receiver.next_streamed()).is_none() && finish(receiver.next()).is_none());
    assert_eq!(io.written(), wire(end.0, &talk.answers), "{end:?}: {ways:?}");
}

/// The bytes in chunks, with a pause before each.
fn arriving(role: Role, frames: &[u8], size: usize) -> Script {
    let bytes = from_peer(role, frames);
    let reads = bytes.chunks(size).flat_map(|chunk| [Read::Pending, Read::Bytes(chunk.to_vec())]);
    let io = Script::of(reads);
    io.arrive(Read::End);
    io
}

#[test]
fn any_mixture_of_both_ways_to_read_gives_every_message() {
    for agreement in few_agreements() {
        for end in ends() {
            for seed in 0..15 {
                let talk = Talk::new(seed, 6, agreement.as_ref());
                for size in [1, 2, 7, 100_000] {
                    let io = arriving(end.0, &talk.frames, size);
                    check(end, agreement.as_ref(), &talk, &io, seed * 5 + size as u64);
                }
            }
        }
    }
}

#[test]
fn a_network_that_splits_anywhere_makes_no_difference() {
    for agreement in few_agreements() {
        let talk = Talk::new(7, 4, agreement.as_ref());
        for end in ends() {
            let bytes = from_peer(end.0, &talk.frames);
            for place in 1..bytes.len() {
                let (head, tail) = bytes.split_at(place);
                let io = Script::new(head);
                io.arrive(Read::Pending);
                io.arrive_bytes(tail);
                io.arrive(Read::End);
                check(end, agreement.as_ref(), &talk, &io, place as u64);
            }
        }
    }
}

/// `next` is dropped after each byte in turn, with a message in fragments, one that is compressed, one in one frame, and
/// a ping inside; the messages before it are none of its business.
#[test]
fn a_message_is_taken_over_at_every_byte() {
    for agreement in few_agreements() {
        let payload = text(40);
        let (first, sent) = match agreement {
            Some(_) => (0x81 | RSV1, deflate::deflated(&payload)),
            None => (0x81, payload.clone().into_bytes()),
        };
        for sizes in [&[][..], &[5, 0, 11]] {
            let mut frames = fragments(first, &sent, sizes);
            let last = frames.pop().expect("one");
            let frames = [&frames.concat(), &b"\x89\x04ping"[..], &last, b"\x82\x01z"].concat();
            for end in ends() {
                let bytes = from_peer(end.0, &frames);
                for polls in 1..=bytes.len() {
                    let io = arriving(end.0, &frames, 1);
                    let mut receiver = End::over(io, end, agreement.as_ref(), untimed());
                    let expected = Some((MessageKind::Text, payload.clone().into_bytes()));
                    let place = format!("{end:?} {agreement:?} {sizes:?}, {polls} polls");
                    assert!(taken_over(&mut receiver, polls) == expected, "{place}");
                    let expected = Some((MessageKind::Binary, b"z".to_vec()));
                    assert!(finish(in_pieces(&mut receiver)) == expected, "{place}");
                }
            }
        }
    }
}

/// Whoever drops futures at every poll gets each message once.
#[test]
fn next_streamed_and_its_body_dropped_at_every_poll_lose_nothing() {
    for agreement in few_agreements() {
        let talk = Talk::new(3, 5, agreement.as_ref());
        for (end, polls) in ends().flat_map(|end| [1, 2, 3].map(|polls| (end, polls))) {
            let io = arriving(end.0, &talk.frames, 1);
            let mut receiver = End::over(io, end, agreement.as_ref(), untimed());
            let mut got = Vec::new();
            for _ in 0..100_000 {
                let Poll::Ready(message) = poll_times(pin!(receiver.next_streamed()), polls) else {
                    continue;
                };
                let Some(message) = message else { break };
                let mut message = message.expect("fine");
                let mut bytes = Vec::new();
                loop {
                    match poll_times(pin!(message.next()), polls) {
                        Poll::Ready(Some(piece)) => bytes.extend_from_slice(&piece.expect("fine")),
                        Poll::Ready(None) => break,
                        Poll::Pending => {}
                    }
                }
                got.push((message.kind(), bytes));
            }
            assert!(got == talk.messages, "{end:?} {agreement:?}, {polls} polls");
        }
    }
}

#[test]
fn what_has_arrived_of_a_frame_is_delivered_before_the_rest() {
    for end in ends() {
        for (first, len) in [(0x82, 1 << 20), (0x02, 100), (0x82, 1 << 40)] {
            let mut header = vec![first, 127];
            header.extend(u64::to_be_bytes(len));
            if end.0 == Role::Server {
                header[1] |= 0x80;
                header.extend([0; 4]);
            }
            if len < 126 {
                let masked =
                    if end.0 == Role::Server { &[0x80 | 100, 0, 0, 0, 0][..] } else { &[100] };
                header = [&[first], masked].concat();
            }
            let io = Script::new([&header[..], &[7; 10]].concat());
            let config = untimed().with_max_streamed_size(None);
            let mut receiver = End::over(io.clone(), end, None, config);
            let mut message = finish(receiver.next_streamed()).expect("one").expect("fine");
            assert_eq!(finish(message.next()).expect("some").expect("fine"), vec![7; 10]);
            assert!(run(message.next()).is_pending());
            io.arrive_bytes([8]);
            assert_eq!(finish(message.next()).expect("some").expect("fine"), vec![8]);
            // The header alone is enough to begin with.
            let io = Script::new(header);
            let config = untimed().with_max_streamed_size(None);
            let mut receiver = End::over(io, end, None, config);
            let mut message = finish(receiver.next_streamed()).expect("one").expect("fine");
            assert!(run(message.next()).is_pending(), "{end:?} {len}");
        }
    }
}

/// What a flush of the peer's compressor has said is there, without the end of the frame.
#[test]
fn what_has_arrived_of_a_compressed_frame_is_inflated_before_the_rest() {
    for agreement in few_agreements().into_iter().flatten() {
        for end in ends() {
            let mut peer = Deflater::new();
            let begun = peer.flushed(b"some of it");
            let rest = peer.payload(b" and the rest");
            let whole = frame(0x81 | RSV1, &[&begun[..], &rest].concat());
            let bytes = from_peer(end.0, &whole);
            let (head, tail) = bytes.split_at(bytes.len() - rest.len());
            let io = Script::new(head);
            let mut receiver = End::over(io.clone(), end, Some(&agreement), untimed());
            let mut message = finish(receiver.next_streamed()).expect("one").expect("fine");
            assert_eq!(finish(message.next()).expect("some").expect("fine"), &b"some of it"[..]);
            assert!(run(message.next()).is_pending());
            io.arrive_bytes(tail);
            assert_eq!(finish(body(&mut message)), (b" and the rest".to_vec(), None), "{end:?}");
        }
    }
}
