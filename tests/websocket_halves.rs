//! The halves of `WebSocket::split` in tasks of their own: a reader, and writers that can be cloned. Nobody
//! waits for ever, nobody's messages are torn or out of order, and everybody is told of the end.

#[path = "support/deflate.rs"]
mod deflate;
#[path = "support/heap.rs"]
mod heap;
#[path = "support/io.rs"]
mod io;

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bowline::{CloseFrame, FrameCodec, Message, Prepared, Reader, Role, WebSocket, Writer};
use bytes::Bytes;
use deflate::agreeing_on;
use futures_util::SinkExt;
use io::{
    Fault, Op, ROLES, Read, Script, Wakes, failure, finish, frame, from_peer, item, run, untimed,
    websocket, wire,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, duplex},
    net::{TcpListener, TcpStream},
    runtime::Builder,
    task::JoinHandle,
    time::timeout,
};
use tokio_util::codec::Framed;

/// Runs the test on one thread and on four; a waker that is lost stops it, and the clock tells.
fn on_both_runtimes<F: Future<Output = ()>>(test: impl Fn() -> F) {
    for mut builder in [Builder::new_current_thread(), Builder::new_multi_thread()] {
        let runtime = builder.worker_threads(4).enable_all().build().expect("a runtime");
        let in_time = runtime.block_on(async { timeout(Duration::from_secs(30), test()).await });
        in_time.expect("somebody was never woken");
    }
}

async fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
    (near.expect("a connection"), far.expect("a connection").0)
}

/// So many clones, and what each sends: so many messages of this length.
#[derive(Clone, Copy)]
struct Load {
    clones: u8,
    messages: u32,
    length: usize,
}

impl Load {
    /// A message that tells whose it is, and its number.
    fn message(self, clone: u8, n: u32) -> Bytes {
        let mut payload = vec![clone ^ n as u8; self.length];
        payload[0] = clone;
        payload[1..5].copy_from_slice(&n.to_be_bytes());
        payload.into()
    }

    /// Sends what one clone has to send, in turns in every way.
    async fn send<T: AsyncRead + AsyncWrite + Unpin>(self, mut writer: Writer<T>, clone: u8) {
        for n in 0..self.messages {
            let message = self.message(clone, n);
            let prepared = || Prepared::new(message.clone()).expect("no Close");
            match n % 4 {
                0 => writer.send(message).await,
                1 => writer.feed(message).await,
                2 => SinkExt::feed(&mut writer, Message::Binary(message)).await,
                _ => writer.feed_prepared(&prepared()).await,
            }
            .expect("open");
        }
    }
}

/// The clones and the reader in tasks of their own: all send, and one gets what as many others send. Then
/// the client closes.
fn busy<T>(ws: WebSocket<T>, load: Load) -> JoinHandle<()>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let role = ws.role();
    let (mut reader, mut writer) = ws.split();
    let clones = (0..load.clones).map(|clone| tokio::spawn(load.send(writer.clone(), clone)));
    let clones: Vec<_> = clones.collect();
    tokio::spawn(async move {
        let mut counts = vec![0; load.clones.into()];
        for _ in 0..u32::from(load.clones) * load.messages {
            let message = reader.next().await.expect("open").expect("open");
            let Message::Binary(bytes) = message else { panic!("{message:?}") };
            let count = &mut counts[usize::from(bytes[0])];
            assert!(bytes == load.message(bytes[0], *count), "{role:?}: {} {count}", bytes[0]);
            *count += 1;
        }
        for clone in clones {
            clone.await.expect("a clone");
        }
        if role == Role::Client {
            writer.close(1000, "").await.expect("open");
        }
        let end = [reader.next().await.map(item), reader.next().await.map(item)];
        assert_eq!(end, [Some(Ok(Message::close(1000, ""))), None], "{role:?}");
    })
}

/// Both ends at once over this transport; with compression or without.
async fn exchange<T>(near: T, far: T, load: Load, deflate: bool)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (server, client) = if deflate {
        agreeing_on("")
    } else {
        (FrameCodec::new(Role::Server), FrameCodec::new(Role::Client))
    };
    let ours = WebSocket::from_framed(Framed::new(near, client.into()), untimed());
    let theirs = WebSocket::from_framed(Framed::new(far, server.into()), untimed());
    let (ours, theirs) = (busy(ours, load), busy(theirs, load));
    ours.await.expect("the client");
    theirs.await.expect("the server");
}

#[test]
fn clones_at_both_ends_that_send_into_each_other_get_through_in_order() {
    for (clones, messages, length) in [(1, 1000, 10), (8, 300, 500), (8, 4, 100_000)] {
        let load = Load { clones, messages, length };
        for deflate in [false, true] {
            on_both_runtimes(|| async move {
                let (near, far) = duplex(16 << 10);
                exchange(near, far, load, deflate).await;
            });
            on_both_runtimes(|| async move {
                let (near, far) = tcp().await;
                exchange(near, far, load, deflate).await;
            });
        }
    }
}

// ---- polled by hand ----

/// A future, and how often it was woken.
struct ByHand<'a, O> {
    future: Pin<Box<dyn Future<Output = O> + 'a>>,
    wakes: Arc<Wakes>,
}

impl<'a, O> ByHand<'a, O> {
    fn poll(&mut self) -> Poll<O> {
        let waker = Waker::from(self.wakes.clone());
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    /// One that waits from here on.
    #[track_caller]
    fn waiting(future: impl Future<Output = O> + 'a) -> Self {
        let mut waiting = Self { future: Box::pin(future), wakes: Arc::default() };
        assert!(waiting.poll().is_pending());
        waiting
    }

    /// What it comes to now that it must have been woken.
    #[track_caller]
    fn woken(mut self) -> O {
        assert!(self.wakes.count() > 0, "asleep");
        let Poll::Ready(output) = self.poll() else { panic!("woken for nothing") };
        output
    }
}

type Failure = Result<(), String>;

fn split(role: Role, io: &Script, high_water: usize) -> (Reader<Script>, Writer<Script>) {
    websocket(role, io.clone(), untimed().with_high_water(high_water)).split()
}

async fn feed(writer: &mut Writer<Script>, message: impl Into<Message>) -> Failure {
    failure(writer.feed(message).await)
}

const CLOSED: &str = "Usage(SendAfterClose)";
const BROKEN: &str = "Io(Kind(BrokenPipe))";

#[test]
fn pings_are_answered_while_writers_wait() {
    for role in ROLES {
        let io = Script::of([]).room(3);
        let (mut reader, mut writer) = split(role, &io, 1);
        let [mut second, mut third] = [writer.clone(), writer.clone()];
        let mut send = ByHand::waiting(writer.send("first"));
        let waiting = [feed(&mut second, "2"), feed(&mut third, "3")].map(ByHand::waiting);
        for n in 0..3 {
            io.arrive_bytes(from_peer(role, &frame(0x89, &[n])));
            assert_eq!(finish(reader.next()).map(item), Some(Ok(Message::ping(vec![n]))));
            io.make_room(Some(0));
        }
        assert!(send.poll().is_pending(), "{role:?}");
        io.make_room(None);
        // Of three answers that could not go out the last is left, ahead of what is not begun.
        assert!(run(reader.next()).is_pending());
        assert_eq!(io.written(), wire(role, b"\x81\x05first\x8a\x01\x02"), "{role:?}");
        assert!(waiting.into_iter().all(|feed| feed.woken() == Ok(())) && send.woken().is_ok());
    }
}

/// Below the mark all may send; at it each that was told to go on has one message more, and no second one.
#[test]
fn the_queue_holds_high_water_and_one_message_of_each_clone() {
    for role in ROLES {
        let io = Script::of([]).room(0);
        let (_reader, writer) = split(role, &io, 10_000);
        let mut clones = [(); 8].map(|()| writer.clone());
        let mut cx = Context::from_waker(Waker::noop());
        for n in 0..9 {
            finish(feed(&mut clones[n % 8], vec![7; 1000])).expect("room");
        }
        assert!(clones.iter_mut().all(|writer| writer.poll_ready_unpin(&mut cx).is_ready()));
        // The last one is ready and never sends.
        for writer in &mut clones[..7] {
            writer.start_send_unpin(Message::binary(vec![7; 1000])).expect("open");
        }
        let waiting = clones[..7].iter_mut().map(|w| ByHand::waiting(feed(w, vec![8; 10])));
        let waiting: Vec<_> = waiting.collect();
        io.make_room(None);
        assert!(waiting.into_iter().all(|feed| feed.woken() == Ok(())), "{role:?}");
        finish(clones[0].flush()).expect("open");
        let queued = [frame(0x82, &[7; 1000]).repeat(16), frame(0x82, &[8; 10]).repeat(7)];
        assert!(io.written() == wire(role, &queued.concat()), "{role:?}");
    }
}

#[test]
fn a_clone_that_is_dropped_holds_nobody_up_and_its_place_is_used_again() {
    let io = Script::of([]).room(0);
    let (_reader, mut writer) = split(Role::Server, &io, 1);
    finish(feed(&mut writer, "a")).expect("room");
    let (mut dropped, mut kept) = (writer.clone(), writer.clone());
    let late = ByHand::waiting(feed(&mut kept, "b"));
    let early = ByHand::waiting(feed(&mut dropped, "never"));
    let wakes = early.wakes.clone();
    drop(early);
    drop(dropped);
    let cost = heap::cost(|| (0..1000).for_each(|_| drop(writer.clone()))).0;
    assert_eq!((cost.calls, cost.kept, cost.peak), (0, 0, 0), "no place of its own for each");
    let mut next = writer.clone();
    let last = ByHand::waiting(feed(&mut next, "c"));
    io.make_room(None);
    assert_eq!((late.woken(), last.woken(), wakes.count()), (Ok(()), Ok(()), 0));
}

#[test]
fn what_is_fed_is_written_by_a_reader_that_is_parked() {
    for (role, way) in ROLES.into_iter().flat_map(|role| [0, 1, 2].map(|way| (role, way))) {
        let io = Script::of([]);
        let (mut reader, mut writer) = split(role, &io, 1000);
        let mut next = ByHand::waiting(reader.next());
        match way {
            0 => finish(writer.feed("fed")),
            1 => finish(SinkExt::feed(&mut writer, Message::text("fed"))),
            _ => finish(writer.feed_prepared(&Prepared::new("fed").expect("no Close"))),
        }
        .expect("room");
        assert_eq!((next.wakes.count(), io.written().len()), (1, 0), "{role:?}, {way}");
        assert!(next.poll().is_pending());
        assert_eq!(io.written(), wire(role, b"\x81\x03fed"), "{role:?}, {way}");
    }
}

/// A half may move to another task: the waker that counts is the last one, and its own event's.
#[test]
fn each_is_woken_by_its_event_in_the_task_where_it_was_polled_last() {
    for role in ROLES {
        let io = Script::of([]).room(3);
        let (mut reader, mut writer) = split(role, &io, 1);
        let mut clone = writer.clone();
        let mut all = [
            ByHand::waiting(async { reader.next().await.map(item).is_some() }),
            ByHand::waiting(async { writer.send("first").await.is_ok() }),
            ByHand::waiting(async { feed(&mut clone, "b").await.is_ok() }),
        ];
        let old = all.each_mut().map(|half| std::mem::take(&mut half.wakes));
        assert!(all.iter_mut().all(|half| half.poll().is_pending()));
        io.arrive_bytes(from_peer(role, b"\x81\x01a"));
        assert!(all[0].wakes.count() == 1 && all[0].poll() == Poll::Ready(true));
        assert!(all[1..].iter_mut().all(|half| half.poll().is_pending()));
        let before = all.each_ref().map(|half| half.wakes.count());
        io.make_room(None);
        assert_eq!(all[0].wakes.count(), before[0], "{role:?}: it waits no more");
        assert!([1, 2].iter().all(|n| all[*n].wakes.count() > before[*n]), "{role:?}");
        assert!(all[1..].iter_mut().all(|half| half.poll() == Poll::Ready(true)), "{role:?}");
        assert!(old.iter().all(|wakes| wakes.count() == 0), "{role:?}");
    }
}

// ---- the end ----

/// Two writers wait for room, one for its frame to be written: what each is told when the end wakes it.
fn told_of(writer: &Writer<Script>, end: impl FnOnce()) -> [Failure; 3] {
    let [mut first, mut second, mut third] = [(); 3].map(|()| writer.clone());
    let sent = ByHand::waiting(async { failure(first.send("first").await) });
    let waiting = [feed(&mut second, "2"), feed(&mut third, "3")].map(ByHand::waiting);
    end();
    let [second, third] = waiting.map(ByHand::woken);
    [sent.woken(), second, third]
}

const CLOSE: &[u8] = b"\x88\x05\x03\xe8bye";

/// Closes from either half: its Close is behind what was queued, and nobody queues any more.
#[test]
fn section_7_1_2_one_half_closes_and_the_others_are_told() {
    for (role, by_reader) in ROLES.into_iter().flat_map(|role| [(role, true), (role, false)]) {
        let io = Script::of([]).room(3);
        let (mut reader, writer) = split(role, &io, 1);
        let told = told_of(&writer, || {
            if by_reader {
                assert!(run(reader.close(1000, "bye")).is_pending());
            } else {
                let mut next = ByHand::waiting(reader.next());
                assert!(run(writer.clone().close(1000, "bye")).is_pending());
                assert!(next.wakes.count() > 0 && next.poll().is_pending(), "{role:?}");
            }
            io.make_room(None);
        });
        assert_eq!(told, [Ok(()), Err(CLOSED.into()), Err(CLOSED.into())], "{role:?}");
        assert_eq!(io.written(), wire(role, &[b"\x81\x05first", CLOSE].concat()), "{role:?}");
        io.arrive_bytes(from_peer(role, &[b"\x81\x01a", CLOSE].concat()));
        io.arrive(Read::End);
        if by_reader {
            let close = finish(reader.close(1000, "")).expect("closed");
            assert_eq!(close, Some(CloseFrame::new(1000, "bye")), "{role:?}");
        } else {
            for message in [Message::text("a"), Message::close(1000, "bye")] {
                assert_eq!(finish(reader.next()).map(item), Some(Ok(message)), "{role:?}");
            }
        }
        assert!(finish(reader.next()).is_none(), "{role:?}");
        assert_eq!(finish(feed(&mut writer.clone(), "late")), Err(CLOSED.into()), "{role:?}");
    }
}

#[test]
fn section_7_1_3_writers_that_wait_are_told_of_the_peers_close() {
    for role in ROLES {
        let io = Script::of([]).room(3);
        let (mut reader, writer) = split(role, &io, 1);
        let told = told_of(&writer, || {
            io.arrive_bytes(from_peer(role, CLOSE));
            let close = finish(reader.next()).map(item);
            assert_eq!(close, Some(Ok(Message::close(1000, "bye"))), "{role:?}");
            io.make_room(None);
        });
        assert_eq!(told, [Ok(()), Err(CLOSED.into()), Err(CLOSED.into())], "{role:?}");
        assert_eq!(io.written(), wire(role, b"\x81\x05first\x88\x02\x03\xe8"), "{role:?}");
        io.arrive(Read::End);
        assert!(finish(reader.next()).is_none(), "{role:?}");
    }
}

/// Whoever of them meets it first.
#[test]
fn an_error_of_the_transport_is_told_to_the_reader_once_and_to_each_writer() {
    let cases = [(Op::Write, false), (Op::Write, true), (Op::Read, true)];
    for (role, (op, reader_first)) in ROLES.into_iter().flat_map(|r| cases.map(|case| (r, case))) {
        let io = Script::of([]).room(3).fail(op, usize::from(op == Op::Write), Fault::Error);
        let (mut reader, writer) = split(role, &io, 1);
        let mut seen = None;
        let told = told_of(&writer, || {
            if op == Op::Read {
                io.arrive(Read::End);
            }
            io.make_room(None);
            seen = reader_first.then(|| finish(reader.next()).map(item));
        });
        let seen = seen.unwrap_or_else(|| finish(reader.next()).map(item));
        assert_eq!(seen, Some(Err(BROKEN.into())), "{role:?}, {op:?}, {reader_first}");
        assert_eq!(told, [(); 3].map(|()| Err(BROKEN.into())), "{role:?}, {op:?}, {reader_first}");
        assert!(finish(reader.next()).is_none(), "{role:?}: once");
    }
}

/// A reader that is parked, with a peer that sends nothing more.
#[test]
fn a_writer_that_meets_an_error_wakes_the_reader() {
    for role in ROLES {
        let io = Script::of([]).fail(Op::Write, 0, Fault::Error);
        let (mut reader, mut writer) = split(role, &io, 1);
        let next = ByHand::waiting(async { reader.next().await.map(item) });
        assert!(finish(writer.send("a")).is_err(), "{role:?}");
        assert_eq!(next.woken(), Some(Err(BROKEN.into())), "{role:?}");
    }
}
