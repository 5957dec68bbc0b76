//! The halves of `StreamExt::split` in two tasks: whatever one does, the other is woken when it must be.

#[path = "support/io.rs"]
mod io;

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bowline::{Config, Keepalive, Message, Role, WebSocket};
use bytes::Bytes;
use futures_util::{FutureExt, SinkExt, StreamExt, stream::SplitSink};
use io::{
    ROLES, Read, Script, Wakes, failure, frame, from_peer, item, run, untimed, websocket, wire,
    within,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Builder,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

const SECOND: Duration = Duration::from_secs(1);

/// Runs the test on one thread and on two; a waker that is lost stops it, and the clock tells.
fn on_both_runtimes<F: Future<Output = ()>>(test: impl Fn() -> F) {
    let builders = [Builder::new_current_thread(), Builder::new_multi_thread()];
    for mut builder in builders {
        let runtime = builder.worker_threads(2).enable_all().build().expect("a runtime");
        let in_time = runtime.block_on(async { timeout(20 * SECOND, test()).await });
        in_time.expect("somebody was never woken");
    }
}

async fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
    (near.expect("a connection"), far.expect("a connection").0)
}

/// A message that tells its number, of this length.
fn numbered(n: u32, length: usize) -> Bytes {
    let mut payload = vec![n as u8; length];
    payload[..4].copy_from_slice(&n.to_be_bytes());
    payload.into()
}

/// Both halves in tasks of their own: one sends so many messages, the other gets as many, in order. Then the
/// client closes.
fn busy<T>(ws: WebSocket<T>, messages: u32, length: usize) -> JoinHandle<()>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let role = ws.role();
    let (mut sink, mut stream) = StreamExt::split(ws);
    let writer = tokio::spawn(async move {
        for n in 0..messages {
            sink.send(Message::Binary(numbered(n, length))).await.expect("open");
        }
        sink
    });
    tokio::spawn(async move {
        for n in 0..messages {
            let message = stream.next().await.expect("open").expect("open");
            assert!(message == Message::Binary(numbered(n, length)), "{role:?}: message {n}");
        }
        let mut sink = writer.await.expect("the writer");
        if role == Role::Client {
            sink.close().await.expect("open");
        }
        let close = stream.next().await.map(item);
        assert_eq!(close, Some(Ok(Message::close(1000, ""))), "{role:?}");
        assert!(stream.next().await.is_none(), "{role:?}");
    })
}

/// Both ends at once over this transport.
async fn exchange<T>(near: T, far: T, messages: u32, length: usize)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let ours = busy(websocket(Role::Client, near, Config::new()), messages, length);
    let theirs = busy(websocket(Role::Server, far, Config::new()), messages, length);
    ours.await.expect("the client");
    theirs.await.expect("the server");
}

/// Unsplit ends would stand in each other's way here for ever.
#[test]
fn halves_that_send_into_each_other_get_through() {
    for (messages, length) in [(40_000, 10), (400, 10_000), (20, 300_000)] {
        on_both_runtimes(|| async move {
            let (near, far) = tokio::io::duplex(64 << 10);
            exchange(near, far, messages, length).await;
        });
        on_both_runtimes(|| async move {
            let (near, far) = tcp().await;
            exchange(near, far, messages, length).await;
        });
    }
}

type Sink<T> = SplitSink<WebSocket<T>, Message>;

/// Sends until the pipe is full and the outbox too; what the last send comes to.
fn send_until_stuck<T>(mut sink: Sink<T>) -> JoinHandle<Result<(), String>>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        loop {
            failure(sink.send(Message::binary(vec![0; 1000])).await)?;
        }
    })
}

/// The reader gets what comes while the writer stands at a full pipe, and each is woken by its own event.
async fn reads_while_the_writer_is_stuck<T, P>(near: T, mut far: P, role: Role)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    P: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let ws = websocket(role, near, Config::new());
    let (sink, mut stream) = StreamExt::split(ws);
    let writer = send_until_stuck(sink);
    for n in 0..100 {
        far.write_all(&from_peer(role, &frame(0x82, &[n]))).await.expect("open");
        assert_eq!(stream.next().await.map(item), Some(Ok(Message::binary(vec![n]))));
        tokio::task::yield_now().await;
    }
    // The writer goes on as soon as the peer reads.
    let length = wire(role, &frame(0x82, &[0; 1000])).len();
    let mut bytes = vec![0; 5000 * length];
    far.read_exact(&mut bytes).await.expect("the writer goes on");
    assert!(bytes.chunks(length).all(|chunk| chunk == &bytes[..length]), "whole frames in order");
    assert!(!writer.is_finished());
    writer.abort();
}

#[test]
fn a_reader_is_not_stopped_by_a_writer_that_is() {
    for role in ROLES {
        on_both_runtimes(|| async move {
            let (near, far) = tokio::io::duplex(1 << 16);
            reads_while_the_writer_is_stuck(near, far, role).await;
        });
        on_both_runtimes(|| async move {
            let (near, far) = tcp().await;
            reads_while_the_writer_is_stuck(near, far, role).await;
        });
    }
}

/// The pong is ahead of every frame not begun: behind what the pipe holds already, there is one frame at
/// most before it.
#[tokio::test(start_paused = true)]
async fn pongs_flow_while_the_writer_waits() {
    for role in ROLES {
        let (near, mut far) = tokio::io::duplex(4096);
        let (sink, mut stream) = StreamExt::split(websocket(role, near, untimed()));
        let writer = send_until_stuck(sink);
        let reader = tokio::spawn(async move { while stream.next().await.is_some() {} });
        sleep(SECOND).await;
        for n in 0..20 {
            far.write_all(&from_peer(role, &frame(0x89, &[n]))).await.expect("open");
            sleep(SECOND).await;
            let pong = wire(role, &frame(0x8a, &[n]));
            let mut bytes = vec![0; 4096 + 1100];
            within(far.read_exact(&mut bytes)).await.expect("the writer goes on");
            let is_there = bytes.windows(pong.len()).any(|window| window == pong);
            assert!(is_there, "{role:?}: ping {n}");
            sleep(SECOND).await;
        }
        writer.abort();
        reader.abort();
    }
}

/// How the reader ends, with a writer that stands at a full pipe meanwhile; the writer must not stand on.
async fn both_end(role: Role, config: Config, last: &[u8], ending: &str) {
    let (near, mut far) = tokio::io::duplex(4096);
    let (sink, mut stream) = StreamExt::split(websocket(role, near, config));
    let writer = send_until_stuck(sink);
    let reader = tokio::spawn(async move { stream.next().await.map(item) });
    sleep(SECOND).await;
    let start = Instant::now();
    far.write_all(last).await.expect("open");
    far.shutdown().await.expect("open");
    let stuck = timeout(100 * SECOND, writer).await.expect("the writer stands on");
    assert!(stuck.expect("the writer").is_err(), "{role:?}, {ending}");
    assert!(start.elapsed() < 10 * SECOND, "{role:?}, {ending}: {:?}", start.elapsed());
    drop(far);
    let reader = timeout(100 * SECOND, reader).await.expect("the reader stands on");
    let item = format!("{:?}", reader.expect("the reader"));
    assert!(item.contains(ending), "{role:?}: {item}, {ending} expected");
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_waits_is_told_how_the_connection_ended() {
    for role in ROLES {
        // Without a timer nobody else would wake it.
        both_end(role, untimed(), b"", "AbnormalClosure").await;
        both_end(role, Config::new(), b"", "AbnormalClosure").await;
        // What is begun still waits for the peer to read, for as long as closing may take.
        both_end(role, Config::new(), &from_peer(role, b"\x88\x02\x03\xe8"), "Close").await;
        both_end(role, Config::new(), &from_peer(role, b"\x83\x00"), "ReservedOpCode").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_is_told_of_the_writers_close_and_of_its_time_out() {
    for (role, keepalive) in
        ROLES.into_iter().flat_map(|r| [(r, None), (r, Some(Keepalive::default()))])
    {
        let (near, _far) = tokio::io::duplex(4096);
        let config = Config::new().with_keepalive(keepalive);
        let (mut sink, mut stream) = StreamExt::split(websocket(role, near, config.clone()));
        let start = Instant::now();
        let reader = tokio::spawn(async move { stream.next().await.map(item) });
        sleep(SECOND).await;
        sink.close().await.expect("open");
        let end = timeout(100 * SECOND, reader).await.expect("the reader stands on");
        assert_eq!(end.expect("the reader"), Some(Err("CloseTimeout".into())), "{role:?}");
        assert_eq!(start.elapsed().as_secs(), 6, "{role:?}");

        let (near, _far) = tokio::io::duplex(4096);
        let (sink, mut stream) = StreamExt::split(websocket(role, near, config));
        let reader = tokio::spawn(async move { stream.next().await.map(item) });
        let writer = send_until_stuck(sink);
        let (writer, reader) = timeout(100 * SECOND, async { tokio::join!(writer, reader) })
            .await
            .expect("one of them stands on");
        // Each of them has the error, whoever it was that found it.
        let ends = format!("{:?} {:?}", writer.expect("the writer"), reader.expect("the reader"));
        assert_eq!(ends.matches("SendTimeout").count(), 2, "{role:?}: {ends}");
    }
}

/// A half may move to another task: the waker that counts is the last one.
#[tokio::test(start_paused = true)]
async fn a_half_that_moves_to_another_task_is_woken_there() {
    for role in ROLES {
        let (near, mut far) = tokio::io::duplex(64);
        let (mut sink, mut stream) = StreamExt::split(websocket(role, near, untimed()));
        assert!(stream.next().now_or_never().is_none());
        assert!(sink.send(Message::binary(vec![0; 100])).now_or_never().is_none());
        let writer = tokio::spawn(async move { failure(sink.flush().await) });
        let reader = tokio::spawn(async move { stream.next().await.map(item) });
        sleep(SECOND).await;
        far.write_all(&from_peer(role, b"\x81\x01a")).await.expect("open");
        let message = within(reader).await.expect("the reader");
        assert_eq!(message, Some(Ok(Message::text("a"))), "{role:?}");
        let length = wire(role, &frame(0x82, &[0; 100])).len();
        within(far.read_exact(&mut vec![0; length])).await.expect("the rest");
        assert_eq!(within(writer).await.expect("the writer"), Ok(()), "{role:?}");
    }
}

/// A future polled by hand, and how often it was woken.
struct ByHand<F> {
    future: Pin<Box<F>>,
    wakes: Arc<Wakes>,
}

impl<F: Future> ByHand<F> {
    fn new(future: F) -> Self {
        Self { future: Box::pin(future), wakes: Arc::default() }
    }

    fn poll(&mut self) -> Poll<F::Output> {
        let waker = Waker::from(self.wakes.clone());
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    /// Whether this, done by others, wakes it.
    fn is_woken_by<O>(&self, work: impl FnOnce() -> O) -> bool {
        let before = self.wakes.count();
        work();
        self.wakes.count() > before
    }
}

#[test]
fn one_event_of_the_transport_wakes_who_waits_for_it() {
    for role in ROLES {
        let io = Script::new(b"").room(3);
        let (mut sink, mut stream) = StreamExt::split(websocket(role, io.clone(), untimed()));
        let mut next = ByHand::new(stream.next());
        let mut send = ByHand::new(sink.send(Message::text("Hello")));
        assert!(next.poll().is_pending() && send.poll().is_pending() && next.poll().is_pending());
        assert!(send.is_woken_by(|| io.make_room(None)), "{role:?}");
        assert!(next.is_woken_by(|| io.arrive_bytes(from_peer(role, b"\x81\x01a"))), "{role:?}");
        assert!(next.poll().is_ready() && send.poll().is_ready());
    }
}

/// The transport's event has woken both, and the writer came first and went to sleep again: only the reader
/// can wake it now.
#[test]
fn the_reader_wakes_a_writer_when_the_connection_ends_or_closes() {
    let endings: [fn(Role) -> Read; 3] = [
        |_| Read::End,
        |role| Read::Bytes(from_peer(role, b"\x88\x02\x03\xe8")),
        |role| Read::Bytes(from_peer(role, b"\x83\x00")),
    ];
    for (role, ending) in ROLES.into_iter().flat_map(|role| endings.map(|ending| (role, ending))) {
        let io = Script::new(b"").room(3);
        let (mut sink, mut stream) = StreamExt::split(websocket(role, io.clone(), untimed()));
        let mut next = ByHand::new(stream.next());
        let mut send = ByHand::new(sink.send(Message::text("Hello")));
        assert!(next.poll().is_pending() && send.poll().is_pending());
        io.arrive(ending(role));
        assert!(send.poll().is_pending(), "{role:?}: a writer doesn't read");
        assert!(send.is_woken_by(|| next.poll()), "{role:?}: {:?}", ending(role));
    }
}

/// From our Close on the reader has a deadline, and it must be awake to set its clock.
#[test]
fn the_writer_wakes_a_reader_when_it_closes() {
    for role in ROLES {
        let (mut sink, mut stream) = StreamExt::split(websocket(role, Script::new(b""), untimed()));
        let mut next = ByHand::new(stream.next());
        assert!(next.poll().is_pending());
        assert!(next.is_woken_by(|| run(sink.close())), "{role:?}");
        let (mut sink, mut stream) = StreamExt::split(websocket(role, Script::new(b""), untimed()));
        let mut next = ByHand::new(stream.next());
        assert!(next.poll().is_pending());
        assert!(next.is_woken_by(|| run(sink.send(Message::Close(None)))), "{role:?}");
    }
}
