//! `Drain` and the halves of a connection, in tasks of their own: whichever is polled closes, and all are told.

#[path = "support/io.rs"]
mod io;

use std::{
    pin::pin,
    sync::{Arc, Mutex, mpsc},
    task::{Context, Wake, Waker},
    thread,
    time::Duration,
};

use bowline::{Config, Drain, Message, MessageKind, Reader, Role, WebSocket, Writer};
use futures_util::{FutureExt, SinkExt, StreamExt};
use io::{
    Item, ROLES, Script, Wakes, failure, from_peer, item, other, rest_of, untimed, websocket, wire,
    within,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    spawn,
    task::yield_now,
    time::Instant,
};

const CLOSED: &str = "Usage(SendAfterClose)";
const TIMED_OUT: &str = "CloseTimeout";
/// Less than keepalive takes to wake anybody.
const LONG: Duration = Duration::from_secs(25);

/// What `close_all` with 1012 comes to.
async fn close_all(drain: &Drain, time: Duration) -> [usize; 3] {
    let drained = drain.close_all(1012, "", time).await.expect("a code that may be sent");
    [drained.closed, drained.lost, drained.cut]
}

async fn settle() {
    for _ in 0..100 {
        yield_now().await;
    }
}

type Ends = (Drain, Reader<DuplexStream>, Writer<DuplexStream>, DuplexStream);

/// Our halves, in a drain of their own; the other end is bare.
fn tracked(role: Role, room: usize) -> Ends {
    let (near, far) = duplex(room);
    let config = Config::new().with_high_water(16).with_send_timeout(None).with_keepalive(None);
    let (drain, mut ws) = (Drain::new(), websocket(role, near, config));
    drain.track(&mut ws);
    let (reader, writer) = ws.split();
    (drain, reader, writer, far)
}

async fn items(mut reader: Reader<DuplexStream>) -> Vec<Item> {
    let mut items = Vec::new();
    while let Some(next) = reader.next().await {
        items.push(item(next));
    }
    items
}

/// The peer reads to our Close, replies, and ends the stream; what it has got.
async fn reply(role: Role, far: &mut DuplexStream) -> Vec<u8> {
    let close = wire(role, b"\x88\x02\x03\xf4");
    let mut got = Vec::new();
    while !got.ends_with(&close) {
        assert!(within(far.read_buf(&mut got)).await.expect("open") > 0, "{got:?}");
    }
    far.write_all(&from_peer(role, b"\x88\x02\x03\xf4")).await.expect("open");
    far.shutdown().await.expect("open");
    got
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_waits_closes_and_the_writers_are_told() {
    for role in ROLES {
        let (drain, reader, mut writer, mut far) = tracked(role, 1 << 10);
        let mut clone = writer.clone();
        let reading = spawn(items(reader));
        let told = spawn(async move { format!("{:?}", clone.closed().await) });
        settle().await;
        let closing = spawn(async move { close_all(&drain, LONG).await });
        assert_eq!(reply(role, &mut far).await, wire(role, b"\x88\x02\x03\xf4"), "{role:?}");
        assert_eq!(within(closing).await.expect("no panic"), [1, 0, 0], "{role:?}");
        assert_eq!(reading.await.expect("no panic"), [Ok(Message::close(1012, ""))]);
        assert_eq!(within(told).await.expect("no panic"), CLOSED);
        assert_eq!(failure(writer.send("late").await), Err(CLOSED.into()));
    }
}

/// The reader is busy elsewhere: a writer that sends closes, and the reader's part is done when it comes back.
#[tokio::test(start_paused = true)]
async fn a_writer_that_sends_closes_beside_a_reader_that_is_not_polled() {
    for role in ROLES {
        let (drain, reader, mut writer, mut far) = tracked(role, 1 << 10);
        writer.send("first").await.expect("open");
        let closing = spawn(async move { close_all(&drain, LONG).await });
        settle().await;
        // It was queued before the connection was polled.
        writer.send("last").await.expect("open");
        assert_eq!(failure(writer.send("late").await), Err(CLOSED.into()), "{role:?}");
        let sent = reply(role, &mut far).await;
        assert_eq!(sent, wire(role, b"\x81\x05first\x81\x04last\x88\x02\x03\xf4"), "{role:?}");
        settle().await;
        assert!(!closing.is_finished());
        assert_eq!(items(reader).await, [Ok(Message::close(1012, ""))]);
        assert_eq!(within(closing).await.expect("no panic"), [1, 0, 0], "{role:?}");
    }
}

/// What a writer waits for when its connection is to close.
#[derive(Clone, Copy, Debug)]
enum Wait {
    Room,
    Turn,
    Start,
    Closed,
    Flush,
}

impl Wait {
    const ALL: [Self; 5] = [Self::Room, Self::Turn, Self::Start, Self::Closed, Self::Flush];

    /// Waits; what it was told.
    async fn told(self, mut writer: Writer<DuplexStream>) -> String {
        match self {
            Self::Room | Self::Turn => loop {
                if let Err(error) = writer.feed("a message of some length").await {
                    break format!("{error:?}");
                }
                if let Self::Turn = self
                    && let Err(error) = writer.flush().await
                {
                    break format!("{error:?}");
                }
            },
            Self::Start => match writer.start_message(MessageKind::Text).await {
                Ok(_) => "started".into(),
                Err(error) => format!("{error:?}"),
            },
            Self::Closed => format!("{:?}", writer.closed().await),
            Self::Flush => {
                writer.feed(vec![7; 1000]).await.expect("room");
                failure(writer.flush().await).err().unwrap_or_default()
            }
        }
    }
}

/// There is no reader, and the peer reads nothing before the writer has been told.
#[tokio::test(start_paused = true)]
async fn a_writer_that_waits_alone_is_told_at_once() {
    for (role, wait) in ROLES.into_iter().flat_map(|role| Wait::ALL.map(|wait| (role, wait))) {
        let (drain, reader, mut other, mut far) = tracked(role, 64);
        drop(reader);
        let writer = other.clone();
        // Another's message in pieces, for those who are to wait behind it.
        let mut message = None;
        if let Wait::Turn | Wait::Start = wait {
            let mut begun = other.start_message(MessageKind::Binary).await.expect("open");
            begun.feed(vec![1; 8]).await.expect("open");
            begun.flush().await.expect("open");
            message = Some(begun);
        }
        let waiting = spawn(wait.told(writer));
        settle().await;
        assert!(!waiting.is_finished(), "{role:?}, {wait:?}");
        let (there, start) = (drain.clone(), Instant::now());
        let closing = spawn(async move { close_all(&there, LONG).await });
        if let Wait::Flush = wait {
            // All that it waits for is to be written; Close comes behind it.
            settle().await;
            assert!(!waiting.is_finished());
            assert!(reply(role, &mut far).await.len() > 1000);
            assert_eq!(within(waiting).await.expect("no panic"), "", "{role:?}");
        } else {
            let told = within(waiting).await.expect("no panic");
            assert_eq!(told, CLOSED, "{role:?}, {wait:?}");
        }
        assert!(start.elapsed() < Duration::from_secs(1), "{role:?}, {wait:?}");
        drop(far);
        drop(message);
        drop(other);
        assert_eq!(within(closing).await.expect("no panic"), [0, 1, 0], "{role:?}, {wait:?}");
    }
}

/// A writer alone reads nothing. Whoever waits for the end sees to it that the Close goes out.
#[tokio::test(start_paused = true)]
async fn a_writer_that_only_waits_for_the_end_sends_the_close() {
    for role in ROLES {
        let (drain, reader, mut writer, mut far) = tracked(role, 1 << 10);
        drop(reader);
        let told = spawn(async move { (format!("{:?}", writer.closed().await), writer) });
        settle().await;
        assert_eq!(close_all(&drain, Duration::from_secs(1)).await, [0, 0, 1], "{role:?}");
        let (told, mut writer) = told.await.expect("no panic");
        assert_eq!(told, CLOSED);
        assert_eq!(failure(writer.flush().await), Err(TIMED_OUT.into()), "{role:?}");
        assert_eq!(failure(writer.send("late").await), Err(TIMED_OUT.into()), "{role:?}");
        drop(writer);
        assert_eq!(rest_of(&mut far).await, wire(role, b"\x88\x02\x03\xf4"), "{role:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_are_cut_are_all_told() {
    for role in ROLES {
        let (drain, reader, mut writer, far) = tracked(role, 64);
        let reading = spawn(items(reader));
        let flushing = spawn(async move {
            writer.feed(vec![7; 1000]).await.expect("room");
            (failure(writer.flush().await), writer)
        });
        settle().await;
        assert_eq!(close_all(&drain, Duration::from_secs(1)).await, [0, 0, 1], "{role:?}");
        assert_eq!(within(reading).await.expect("no panic"), [Err(TIMED_OUT.into())]);
        let (flushed, mut writer) = within(flushing).await.expect("no panic");
        assert_eq!(flushed, Err(TIMED_OUT.into()), "{role:?}");
        assert_eq!(failure(writer.send("late").await), Err(TIMED_OUT.into()));
        assert!(drain.is_empty());
        drop(far);
    }
}

/// Waits as a whole, as halves and as a whole again: what was left in the drain before wakes nobody in vain.
#[tokio::test(start_paused = true)]
async fn a_connection_that_is_split_and_put_together_again_is_woken() {
    for role in ROLES {
        let (near, far) = duplex(1 << 10);
        let (drain, mut ws) = (Drain::new(), websocket(role, near, Config::new()));
        drain.track(&mut ws);
        let wakes: [Arc<Wakes>; 2] = Default::default();
        let wakers = wakes.clone().map(Waker::from);
        let mut contexts = wakers.each_ref().map(Context::from_waker);
        assert!(ws.poll_next_unpin(&mut contexts[0]).is_pending());
        let (mut reader, writer) = ws.split();
        assert!(reader.poll_next_unpin(&mut contexts[1]).is_pending());
        let mut ws = reader.reunite(writer).expect("both");
        assert_eq!(Arc::strong_count(&wakes[0]), 2, "itself and the waker here");
        let owner = spawn(async move { ws.next().await.map(item) });
        settle().await;
        let before = wakes.each_ref().map(|wakes| wakes.count());
        let mut theirs = WebSocket::new(far, other(role), Config::new());
        let peer = spawn(async move { while theirs.next().await.is_some() {} });
        let closing = drain.close_all(1012, "", LONG);
        assert_eq!(within(closing).await.expect("a code that may be sent").closed, 1, "{role:?}");
        assert_eq!(owner.await.expect("no panic"), Some(Ok(Message::close(1012, ""))));
        assert_eq!(wakes.each_ref().map(|wakes| wakes.count()), before);
        peer.await.expect("no panic");
    }
}

/// An executor that runs a task from inside `wake`: this one uses the drain, and a half of a connection in it.
struct Inline(Drain, Mutex<Writer<Script>>);

impl Wake for Inline {
    fn wake(self: Arc<Self>) {
        // Each takes a lock.
        let _ = self.0.len();
        if let Ok(mut writer) = self.1.try_lock() {
            let _ = writer.start_send_unpin(Message::text("late"));
        }
    }
}

/// Who waits for the drain is woken by a connection's end, and not under the connection's lock; nor is a half
/// woken under the drain's.
#[test]
fn nobody_is_woken_under_a_lock() {
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.expect("a runtime");
        let _guard = runtime.enter();
        for (role, is_cut) in ROLES.into_iter().flat_map(|role| [(role, false), (role, true)]) {
            let io = Script::new([]);
            let (drain, mut ws) = (Drain::new(), websocket(role, io.clone(), untimed()));
            drain.track(&mut ws);
            let (mut reader, mut writer) = ws.split();
            let inline = Arc::new(Inline(drain.clone(), Mutex::new(writer.clone())));
            let waker = Waker::from(inline);
            let mut cx = Context::from_waker(&waker);
            // The drain wakes a half that comes back for the drain and for the connection.
            let mut closed = Box::pin(async move { writer.closed().await });
            assert!(closed.poll_unpin(&mut cx).is_pending());
            let mut closing = pin!(drain.close_all(1012, "", LONG));
            assert!(closing.poll_unpin(&mut cx).is_pending());
            let _ = closed.now_or_never().expect("told");
            if is_cut {
                assert!(reader.poll_next_unpin(&mut cx).is_pending());
                let cut = runtime.block_on(drain.close_all(1012, "", Duration::ZERO));
                assert_eq!(cut.expect("a code that may be sent").cut, 1, "{role:?}");
                continue;
            }
            // The connection's end wakes who waits for the drain, who comes back for the connection.
            io.arrive_bytes(from_peer(role, b"\x88\x02\x03\xf4"));
            io.arrive(io::Read::End);
            let end = reader.next().now_or_never().expect("there");
            assert_eq!(end.map(item), Some(Ok(Message::close(1012, ""))));
            assert!(reader.next().now_or_never().expect("the end").is_none());
            let drained = closing.now_or_never().expect("empty").expect("a code that may be sent");
            assert_eq!(drained.closed, 1, "{role:?}");
        }
        done.send(()).expect("somebody waits");
    });
    is_done.recv_timeout(Duration::from_secs(30)).expect("somebody waits for a lock that it holds");
}
