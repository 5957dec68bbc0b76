//! No message is there twice, and what no transport has taken is there once: connections cut at bytes all over, whole
//! and halved between tasks, and with every future dropped at every poll.

#[path = "support/reconnect.rs"]
mod support;

use std::{
    ops::Range,
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bowline::{
    Client, Error, Message,
    client::{Event, ReconnectingWebSocket},
    server,
};
use futures_util::{SinkExt, StreamExt};
use support::{soon, swift, untimed};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
    time::sleep,
};

/// How a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// At once.
    Swift,
    /// When the client has filled what there is between it and the cut.
    Late,
}

/// A server that writes down the number of each message that it has got whole, behind something that cuts the wire.
struct Cutter {
    uri: String,
    record: Arc<Mutex<Vec<u32>>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Cutter {
    /// The first connections are cut after so many bytes from the client, the head of its request among them.
    async fn start(cuts: Vec<usize>, cut: Cut) -> Self {
        let inner = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = inner.local_addr().expect("an address");
        let outer = TcpSocket::new_v4().expect("a socket");
        outer.set_recv_buffer_size(4 << 10).expect("a socket");
        outer.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
        let outer = outer.listen(16).expect("a port");
        let uri = format!("ws://{}/", outer.local_addr().expect("an address"));
        let record = Arc::new(Mutex::new(Vec::new()));
        let serve = tokio::spawn(serve(inner, record.clone()));
        let relay = tokio::spawn(async move {
            let mut cuts = cuts.into_iter();
            loop {
                let (client, _) = outer.accept().await.expect("a connection");
                let server = TcpStream::connect(address).await.expect("a server");
                tokio::spawn(relay(client, server, cuts.next(), cut));
            }
        });
        Self { uri, record, tasks: vec![serve, relay] }
    }

    fn websocket(&self) -> ReconnectingWebSocket {
        let client = Client::new(&self.uri).expect("a URI").config(untimed());
        client.reconnecting().backoff(swift()).websocket()
    }

    fn record(&self) -> Vec<u32> {
        self.record.lock().expect("no panic").clone()
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Echoes numbers, and writes them down.
async fn serve(listener: TcpListener, record: Arc<Mutex<Vec<u32>>>) {
    loop {
        let (tcp, _) = listener.accept().await.expect("a connection");
        let record = record.clone();
        tokio::spawn(async move {
            let pending = server::Server::new().config(untimed()).receive(tcp).await?;
            let mut ws = pending.accept().await?;
            while let Some(message) = ws.next().await {
                let message = message?;
                if message.is_data() {
                    let number = number(&message);
                    record.lock().expect("no panic").push(number);
                    ws.feed(numbered(number, 0)).await?;
                }
            }
            Ok::<_, Error>(())
        });
    }
}

async fn relay(mut client: TcpStream, server: TcpStream, bytes: Option<usize>, cut: Cut) {
    let (mut from_server, mut to_server) = server.into_split();
    let Some(bytes) = bytes else {
        let (mut from_client, mut to_client) = client.split();
        let _ = tokio::join!(copy(&mut from_client, &mut to_server), async {
            let copied = copy(&mut from_server, &mut to_client).await;
            let _ = to_client.shutdown().await;
            copied
        });
        return;
    };
    let (from_client, mut to_client) = client.split();
    let mut from_client = from_client.take(bytes as u64);
    tokio::select! {
        _ = copy(&mut from_client, &mut to_server) => {}
        _ = copy(&mut from_server, &mut to_client) => {}
    }
    if cut == Cut::Late {
        sleep(Duration::from_millis(60)).await;
    }
    client.set_zero_linger().expect("a socket");
}

fn numbered(number: u32, len: usize) -> Message {
    let mut payload = number.to_be_bytes().to_vec();
    payload.resize(4 + len, number as u8);
    Message::binary(payload)
}

fn number(message: &Message) -> u32 {
    let Message::Binary(payload) = message else { panic!("{message:?}") };
    u32::from_be_bytes(payload[..4].try_into().expect("four bytes"))
}

/// Whether futures are kept until they are ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    Kept,
    /// Each is dropped after each poll, and made anew.
    Dropped,
}

impl Hold {
    async fn poll<O>(
        self,
        ws: &mut ReconnectingWebSocket,
        make: impl AsyncFn(&mut ReconnectingWebSocket) -> O,
    ) -> O {
        soon(async {
            match self {
                Self::Kept => make(ws).await,
                Self::Dropped => std::future::poll_fn(|cx| pin!(make(ws)).poll(cx)).await,
            }
        })
        .await
    }
}

/// What a client knows about what has become of its messages.
#[derive(Debug, Default)]
struct Books {
    given: u32,
    /// Those that no transport had taken when a connection was lost.
    unsent: Vec<Range<u32>>,
    lost: usize,
}

impl Books {
    /// `doubtful` messages at the end may have been given before the loss or after it.
    fn look(&mut self, ws: &mut ReconnectingWebSocket, doubtful: u32) {
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(event) = pin!(ws.next()).poll(&mut cx) {
            match event.expect("no end").expect("no error") {
                Event::Disconnected(lost) => {
                    self.unsent.push(self.given - lost.unsent() as u32..self.given - doubtful);
                    self.lost += 1;
                }
                Event::Connected(_) | Event::Message(_) => {}
                event => panic!("{event:?}"),
            }
        }
    }

    /// Each message at most once and in order, and those exactly once that were not sent at first.
    fn check(&self, record: &[u32], name: &str) {
        assert!(record.is_sorted_by(|a, b| a < b), "{name}: {record:?}");
        for number in self.unsent.iter().cloned().flatten() {
            assert!(record.binary_search(&number).is_ok(), "{name}: {number} is missing, {self:?}");
        }
        assert!(record.iter().all(|number| *number < self.given));
    }
}

async fn run(cutter: &Cutter, count: u32, len: fn(u32) -> usize, hold: Hold) -> Books {
    let mut ws = cutter.websocket();
    let mut books = Books::default();
    for number in 0..count {
        let fed = hold.poll(&mut ws, async |ws| ws.feed(numbered(number, len(number))).await).await;
        fed.expect("no end");
        books.given += 1;
        books.look(&mut ws, 1);
        if number % 3 == 0 {
            hold.poll(&mut ws, async |ws| ws.flush().await).await.expect("no end");
            books.look(&mut ws, 0);
        }
    }
    hold.poll(&mut ws, async |ws| ws.flush().await).await.expect("no end");
    books.look(&mut ws, 0);
    // What was taken last may be lost, without a word. So one more, until it has arrived.
    while cutter.record().last() != Some(&(books.given - 1)) {
        let number = books.given;
        let fed = hold.poll(&mut ws, async |ws| ws.feed(numbered(number, 0)).await).await;
        fed.expect("no end");
        books.given += 1;
        books.look(&mut ws, 1);
        hold.poll(&mut ws, async |ws| ws.flush().await).await.expect("no end");
        sleep(Duration::from_millis(3)).await;
        books.look(&mut ws, 0);
    }
    let closed = hold.poll(&mut ws, async |ws| ws.close(1000, "").await).await;
    // It may have been cut meanwhile.
    assert!(closed.map_or_else(|error| error.is_disconnect(), |_| true));
    books
}

#[tokio::test]
async fn cut_at_bytes_all_over_no_message_is_there_twice() {
    for hold in [Hold::Kept, Hold::Dropped] {
        let mut lost = 0;
        for at in (0..1_000).step_by(7) {
            let cuts = vec![at, at + 13, 250 + at / 2];
            let cutter = Cutter::start(cuts, Cut::Swift).await;
            let books = run(&cutter, 24, |number| number as usize % 40, hold).await;
            books.check(&cutter.record(), &format!("{hold:?}, cut at {at}"));
            lost += books.lost;
        }
        assert!(lost > 50, "{lost}");
    }
}

#[tokio::test]
async fn cut_inside_large_messages_what_was_not_taken_arrives_once() {
    for hold in [Hold::Kept, Hold::Dropped] {
        let mut unsent = 0;
        for at in [200, 1_000, 70_000, 1_000_003] {
            let cutter = Cutter::start(vec![at, at + 100_000], Cut::Late).await;
            let books = run(&cutter, 160, |_| 64 << 10, hold).await;
            books.check(&cutter.record(), &format!("{hold:?}, cut at {at}"));
            unsent += books.unsent.iter().map(ExactSizeIterator::len).sum::<usize>();
        }
        assert!(unsent > 0, "nothing was ever left");
    }
}

/// A reader and a writer in two tasks, neither of which may be forgotten; how many messages have arrived.
async fn in_two_tasks(seed: usize) -> usize {
    let cuts = (0..12).map(|i| 200 + (seed * 131 + i * 337) % 2_500).collect();
    let cutter = Cutter::start(cuts, Cut::Swift).await;
    let (mut sink, mut stream) = cutter.websocket().split();
    let writer = tokio::spawn(async move {
        for number in 0..300 {
            let message = numbered(number, (seed + number as usize) % 60);
            if number % 5 == 0 {
                soon(sink.feed(message)).await.expect("no end");
            } else {
                soon(sink.send(message)).await.expect("no end");
            }
            if number % 32 == 0 {
                tokio::task::yield_now().await;
            }
        }
        soon(sink.flush()).await.expect("no end");
        soon(sink.close()).await
    });
    let reader = tokio::spawn(async move {
        let mut echoes = Vec::new();
        while let Some(event) = soon(stream.next()).await {
            match event {
                Ok(Event::Message(message)) => echoes.push(number(&message)),
                Ok(_) => {}
                // The connection was cut behind our Close.
                Err(error) => assert!(error.is_disconnect(), "{error}"),
            }
        }
        echoes
    });
    let _ = soon(writer).await.expect("no panic");
    let echoes = soon(reader).await.expect("no panic");
    // Two connections are two streams: the server may get to the end of the first behind the second's beginning.
    let mut record = cutter.record();
    record.sort_unstable();
    assert!(record.is_sorted_by(|a, b| a < b), "one is there twice: {record:?}");
    assert!(echoes.is_sorted_by(|a, b| a < b), "{echoes:?}");
    assert!(echoes.iter().all(|number| record.binary_search(number).is_ok()));
    record.len()
}

/// Of one run, cuts may swallow all that the server had not read yet.
async fn many_times_in_two_tasks() {
    let mut arrived = 0;
    for seed in 0..40 {
        arrived += in_two_tasks(seed).await;
    }
    assert!(arrived > 1_000, "{arrived}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reader_and_writer_in_two_tasks_of_two_threads() {
    many_times_in_two_tasks().await;
}

#[tokio::test]
async fn reader_and_writer_in_two_tasks_of_one_thread() {
    many_times_in_two_tasks().await;
}
