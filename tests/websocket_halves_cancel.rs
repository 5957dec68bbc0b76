//! Every future of the halves, dropped at every poll on a transport that stops at every byte: nothing is
//! lost, nothing is sent twice, no frame is torn. And the halves themselves, dropped one before the other, or
//! put together again.

#[path = "support/io.rs"]
mod io;

use std::{
    pin::pin,
    sync::{Arc, mpsc},
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};

use bowline::{
    CloseFrame, Config, Error, Message, Prepared, Reader, ReuniteError, Role, UsageError, Writer,
};
use io::{
    Item, Pace, ROLES, Read, Script, drain, failure, finish, frame, from_peer, item, poll_times,
    run, untimed, websocket, wire,
};

/// Text, a ping inside a fragmented message, empty frames, and Close.
const ARRIVING: &[u8] =
    b"\x81\x05Hello\x02\x01a\x89\x02hi\x80\x02bc\x82\x00\x8a\x00\x89\x01x\x81\x02ok\x88\x05\x03\xe8bye";

/// After how many polls a future is dropped.
const POLLS: [usize; 5] = [1, 2, 3, 5, 8];

type Halves = (Reader<Script>, Writer<Script>);

fn halves(role: Role, io: &Script, config: Config) -> Halves {
    websocket(role, io.clone(), config).split()
}

fn halting(role: Role) -> Script {
    let io = Script::new(from_peer(role, ARRIVING)).pace(Pace::Halting);
    io.arrive(Read::End);
    io
}

/// Makes the future anew whenever it was polled so many times, until one is ready.
fn insist<H, O>(half: &mut H, polls: usize, make: impl AsyncFn(&mut H) -> O) -> O {
    for _ in 0..100_000 {
        if let Poll::Ready(output) = poll_times(pin!(make(half)), polls) {
            return output;
        }
    }
    panic!("never ready");
}

/// Whatever the reader still yields, to the end.
fn drain_to_end(reader: &mut Reader<Script>, polls: usize) -> Vec<Item> {
    let mut items = Vec::new();
    while let Some(next) = insist(reader, polls, async |reader| reader.next().await) {
        items.push(item(next));
    }
    items
}

#[test]
fn next_dropped_at_every_poll_loses_no_message_and_no_answer() {
    let messages = [
        Message::text("Hello"),
        Message::ping("hi"),
        Message::binary("abc"),
        Message::binary(""),
        Message::pong(""),
        Message::ping("x"),
        Message::text("ok"),
        Message::close(1000, "bye"),
    ]
    .map(Ok);
    for (role, polls) in ROLES.into_iter().flat_map(|role| POLLS.map(|polls| (role, polls))) {
        let io = halting(role);
        let (mut reader, _writer) = halves(role, &io, untimed());
        assert_eq!(drain_to_end(&mut reader, polls), messages, "{role:?}, {polls} polls");
        let written = wire(role, b"\x8a\x02hi\x8a\x01x\x88\x02\x03\xe8");
        assert_eq!(io.written(), written, "{role:?}, {polls} polls");
    }
}

/// One way to queue a message.
#[derive(Clone, Copy, Debug)]
enum Way {
    Send,
    Feed,
    SendUncompressed,
    SendPrepared,
    FeedPrepared,
}

const WAYS: [Way; 5] =
    [Way::Send, Way::Feed, Way::SendUncompressed, Way::SendPrepared, Way::FeedPrepared];

async fn queue(writer: &mut Writer<Script>, way: Way, message: &Message) -> Result<(), Error> {
    let prepared = || Prepared::new(message.clone()).expect("no Close");
    match way {
        Way::Send => writer.send(message.clone()).await,
        Way::Feed => writer.feed(message.clone()).await,
        Way::SendUncompressed => writer.send_uncompressed(message.clone()).await,
        Way::SendPrepared => writer.send_prepared(&prepared()).await,
        Way::FeedPrepared => writer.feed_prepared(&prepared()).await,
    }
}

#[test]
fn a_dropped_feed_has_queued_nothing_and_a_dropped_flush_tears_nothing() {
    let (messages, frames): (Vec<_>, Vec<_>) = [
        (Message::text("Hello"), frame(0x81, b"Hello")),
        (Message::binary(vec![7; 126]), frame(0x82, &[7; 126])),
        (Message::ping("?"), frame(0x89, b"?")),
        (Message::binary(vec![8; 5000]), frame(0x82, &[8; 5000])),
        (Message::text(""), frame(0x81, b"")),
    ]
    .into_iter()
    .unzip();
    for (role, way) in ROLES.into_iter().flat_map(|r| [(r, Way::Feed), (r, Way::FeedPrepared)]) {
        for (polls, vectored) in POLLS.into_iter().flat_map(|p| [(p, true), (p, false)]) {
            let io = Script::of([]).pace(Pace::Halting);
            let io = if vectored { io } else { io.not_vectored() };
            // Every feed but the first has to wait for the one before it to be written.
            let (_reader, writer) = halves(role, &io, untimed().with_high_water(1));
            let mut clones = [writer.clone(), writer];
            for (n, message) in messages.iter().enumerate() {
                let fed = insist(&mut clones[n % 2], polls, async |w| queue(w, way, message).await);
                fed.expect("open");
            }
            insist(&mut clones[0], polls, async |writer| writer.flush().await).expect("open");
            let expected = wire(role, &frames.concat());
            assert_eq!(io.written(), expected, "{role:?}, {way:?}, {vectored}, {polls} polls");
        }
    }
}

/// Another clone and the reader go on behind it.
#[test]
fn what_is_dropped_is_wholly_queued_or_not_at_all() {
    for (role, way) in ROLES.into_iter().flat_map(|role| WAYS.map(|way| (role, way))) {
        let mut queued = [0; 2];
        for polls in 0..200 {
            let io = Script::of([]).pace(Pace::Halting);
            let (mut reader, mut writer) = halves(role, &io, untimed().with_high_water(1));
            let mut clone = writer.clone();
            finish(writer.feed("first")).expect("open");
            let second = Message::text("second");
            let is_done = poll_times(pin!(queue(&mut clone, way, &second)), polls).is_ready();
            assert!(run(reader.next()).is_pending(), "nothing arrives");
            finish(writer.send("third")).expect("open");
            let without = wire(role, b"\x81\x05first\x81\x05third");
            let with = wire(role, b"\x81\x05first\x81\x06second\x81\x05third");
            let written = io.written();
            let is_right = written == with || (written == without && !is_done);
            assert!(is_right, "{role:?}, {way:?}, {polls} polls");
            queued[usize::from(written == with)] += 1;
        }
        assert!(queued.iter().all(|count| *count > 5), "{way:?}, both happen: {queued:?}");
    }
}

#[test]
fn section_7_1_close_dropped_at_every_poll_goes_on_where_it_was() {
    let answer = CloseFrame::new(1000, "bye");
    for (role, polls) in ROLES.into_iter().flat_map(|role| POLLS.map(|polls| (role, polls))) {
        let close = wire(role, b"\x88\x08\x10\xe1enough");
        let io = halting(role);
        let (mut reader, mut writer) = halves(role, &io, untimed());
        let closed = insist(&mut reader, polls, async |reader| reader.close(4321, "enough").await);
        assert_eq!(closed.expect("closed"), Some(answer.clone()), "{role:?}, {polls} polls");
        assert!(finish(reader.next()).is_none(), "{role:?}, {polls} polls");
        assert_eq!(io.written(), close, "{role:?}, {polls} polls");
        assert!(finish(writer.send("late")).is_err());

        let io = halting(role);
        let (mut reader, mut writer) = halves(role, &io, untimed());
        let closed = insist(&mut writer, polls, async |writer| writer.close(4321, "enough").await);
        closed.expect("written");
        assert_eq!(io.written(), close, "{role:?}, {polls} polls");
        let items = drain_to_end(&mut reader, polls);
        assert_eq!(items.last(), Some(&Ok(Message::close(1000, "bye"))), "{role:?}");
        assert_eq!((items.len(), io.written()), (8, close), "{role:?}, {polls} polls");
    }
}

/// As `select!` does: each is dropped whenever another has something to do.
#[test]
fn next_and_the_feeds_of_clones_dropped_in_turns_lose_nothing() {
    for role in ROLES {
        let io = halting(role);
        let (mut reader, writer) = halves(role, &io, untimed().with_high_water(1));
        let mut clones = [writer.clone(), writer.clone(), writer];
        let (mut received, mut sent) = (Vec::new(), 0u8);
        for turn in 0..10_000 {
            if turn % 2 == 0 && sent < 20 {
                let clone = &mut clones[turn / 2 % 3];
                let fed = poll_times(pin!(clone.feed(vec![sent; 3])), turn % 5);
                match fed {
                    Poll::Ready(Ok(())) => sent += 1,
                    Poll::Ready(Err(error)) => {
                        assert!(matches!(error, Error::Usage(UsageError::SendAfterClose)));
                    }
                    Poll::Pending => {}
                }
            } else if let Poll::Ready(next) = poll_times(pin!(reader.next()), turn % 3) {
                let Some(message) = next else { break };
                received.push(item(message));
            }
        }
        assert_eq!(received.len(), 8, "{role:?}: {received:?}");
        assert_eq!(received.last(), Some(&Ok(Message::close(1000, "bye"))));
        assert!(sent > 3, "{role:?}: {sent} sent");
        let data = data_frames(role, &io.written());
        assert_eq!(data, (0..sent).map(|n| vec![n; 3]).collect::<Vec<_>>(), "{role:?}");
    }
}

/// The payloads of the binary frames that an end of this role wrote, every frame being short and whole.
fn data_frames(role: Role, mut written: &[u8]) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    while let [first, short, ..] = *written {
        let length = usize::from(short & 0x7f);
        let header = if role == Role::Client { 6 } else { 2 };
        let (whole, rest) = written.split_at(header + length);
        // Masking twice unmasks.
        let payload = &wire(role, &frame(first, &whole[header..]))[header..];
        if first == 0x82 {
            payloads.push(payload.to_vec());
        } else {
            assert!(matches!(first, 0x8a | 0x88), "a torn frame: {whole:02x?}");
        }
        written = rest;
    }
    payloads
}

/// Polled once with this waker, and dropped.
fn poll_once<F: Future>(future: F, waker: &Waker) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(waker))
}

/// Who was dropped took no wake from the others that still wait.
#[test]
fn a_future_that_is_dropped_while_it_waits_takes_nobodys_wake() {
    for role in ROLES {
        let io = Script::of([]).room(3);
        let (mut reader, writer) = halves(role, &io, untimed().with_high_water(1));
        let [mut first, mut second, mut third] = [writer.clone(), writer.clone(), writer];
        finish(first.feed("first")).expect("room");
        let wakes = Arc::new(io::Wakes::default());
        let waker = Waker::from(wakes.clone());
        {
            let mut waiting = pin!(second.feed("second"));
            assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            assert!(poll_once(first.flush(), Waker::noop()).is_pending());
            assert!(poll_once(third.feed("third"), Waker::noop()).is_pending());
            assert!(poll_once(reader.next(), Waker::noop()).is_pending());
            drop((first, third, reader));
            io.make_room(None);
            assert_eq!(wakes.count(), 1, "{role:?}");
            assert_eq!(finish(async { failure(waiting.await) }), Ok(()), "{role:?}");
        }
        finish(second.flush()).expect("open");
        assert_eq!(io.written(), wire(role, b"\x81\x05first\x81\x06second"), "{role:?}");
    }
}

/// A future that was never polled has done nothing.
#[test]
fn futures_are_lazy() {
    for role in ROLES {
        let io = Script::of([]);
        let (mut reader, mut writer) = halves(role, &io, untimed());
        let prepared = Prepared::new("Hello").expect("no Close");
        drop(writer.send("Hello"));
        drop(writer.feed("Hello"));
        drop(writer.send_uncompressed("Hello"));
        drop(writer.send_prepared(&prepared));
        drop(writer.feed_prepared(&prepared));
        drop(writer.close(1000, ""));
        drop(writer.flush());
        drop(reader.close(1000, ""));
        drop(reader.next());
        assert!(run(reader.next()).is_pending());
        assert_eq!(io.written(), b"", "{role:?}");
        assert_eq!(io.record().done[1], 0, "{role:?}");
    }
}

// ---- the halves themselves ----

/// A message half read, and one half written: both go on where they were.
#[test]
fn halves_put_together_again_are_the_whole_with_what_was_queued_and_read() {
    for role in ROLES {
        let arriving = from_peer(role, b"\x81\x02ab");
        let (head, tail) = arriving.split_at(arriving.len() - 1);
        let io = Script::new(head).room(3);
        let (mut reader, mut writer) = halves(role, &io, untimed());
        drop(writer.clone());
        assert!(run(reader.next()).is_pending());
        assert!(run(writer.send("first")).is_pending());
        finish(writer.feed("second")).expect("room");
        let mut ws = reader.reunite(writer).expect("both halves of one");
        let wakes = Arc::new(io::Wakes::default());
        let waker = Waker::from(wakes.clone());
        assert!(poll_once(ws.next(), &waker).is_pending());
        io.arrive_bytes(tail);
        assert_eq!(wakes.count(), 1, "{role:?}");
        assert_eq!(finish(ws.next()).map(item), Some(Ok(Message::text("ab"))), "{role:?}");
        io.make_room(None);
        finish(ws.send("third")).expect("open");
        let written = wire(role, b"\x81\x05first\x81\x06second\x81\x05third");
        assert_eq!(io.written(), written, "{role:?}");
        // And once more in halves.
        let (mut reader, mut writer) = ws.split();
        io.arrive_bytes(from_peer(role, b"\x88\x00"));
        assert_eq!(finish(reader.next()).map(item), Some(Ok(Message::Close(None))), "{role:?}");
        assert!(finish(writer.send("late")).is_err());
        let mut ws = reader.reunite(writer).expect("both halves of one");
        io.arrive(Read::End);
        assert_eq!(drain(&mut ws), [None], "{role:?}");
    }
}

#[test]
fn strangers_and_clones_are_handed_back() {
    let ios = [(); 2].map(|()| Script::of([]));
    let [(near, near_writer), (far, far_writer)] =
        ios.each_ref().map(|io| halves(Role::Server, io, untimed()));
    let ReuniteError(near, far_writer) = near.reunite(far_writer).expect_err("strangers");
    let clone = near_writer.clone();
    let ReuniteError(near, mut near_writer) = near.reunite(near_writer).expect_err("a clone");
    finish(near_writer.send("still")).expect("open");
    drop(near_writer);
    near.reunite(clone).expect("the clone is the one that is left");
    far.reunite(far_writer).expect("both halves of one");
    assert_eq!(ios.map(|io| io.written()), [&b"\x81\x05still"[..], b""]);
}

#[test]
fn each_half_goes_on_without_the_other_and_the_last_drops_the_transport() {
    for role in ROLES {
        let io = Script::new(from_peer(role, b"\x89\x01?\x81\x01a")).room(3);
        let (mut reader, mut writer) = halves(role, &io, untimed().with_high_water(1));
        let mut clone = writer.clone();
        let wakes = Arc::new(io::Wakes::default());
        assert!(run(writer.send("first")).is_pending() && run(reader.next()).is_ready());
        assert!(poll_once(clone.feed("second"), &Waker::from(wakes.clone())).is_pending());
        drop((reader, writer));
        io.make_room(None);
        assert_eq!(wakes.count(), 1, "{role:?}");
        finish(clone.send("second")).expect("open");
        finish(clone.close(1000, "")).expect("open");
        let written = io.written();
        drop(clone);
        assert!(io.is_dropped(), "{role:?}");
        // The first has begun when the pong comes.
        let expected = b"\x81\x05first\x8a\x01?\x81\x06second\x88\x02\x03\xe8";
        assert_eq!(written, wire(role, expected), "{role:?}");

        let io = halting(role);
        let (mut reader, mut writer) = halves(role, &io, untimed());
        finish(writer.feed("last words")).expect("room");
        drop((writer.clone(), writer));
        assert_eq!(drain_to_end(&mut reader, 3).len(), 8, "{role:?}");
        let words = wire(role, b"\x81\x0alast words");
        assert!(io.written().windows(words.len()).any(|bytes| bytes == words), "{role:?}");
        drop(reader);
        assert!(io.is_dropped(), "{role:?}");
    }
}

/// A task whose waker is the last to hold it: with the waker goes the writer in it.
struct Holder(#[allow(dead_code, reason = "held")] Writer<Script>);

impl Wake for Holder {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn a_waker_that_drops_another_writer_when_it_is_dropped_locks_nobody_out() {
    for replaced in [false, true] {
        let (done, is_done) = mpsc::channel();
        thread::spawn(move || {
            let io = Script::of([]).room(0);
            let (_reader, mut writer) = halves(Role::Server, &io, untimed().with_high_water(1));
            finish(writer.feed("first")).expect("room");
            let waker = Waker::from(Arc::new(Holder(writer.clone())));
            assert!(poll_once(writer.feed("second"), &waker).is_pending());
            drop(waker);
            if replaced {
                assert!(poll_once(writer.feed("second"), Waker::noop()).is_pending());
            }
            drop(writer);
            done.send(()).expect("somebody waits");
        });
        is_done.recv_timeout(Duration::from_secs(10)).expect("locked out");
    }
}
