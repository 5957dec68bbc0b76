//! The broker: one connection to a NATS server after another, and what goes over them.
//!
//! What a connection had not sent goes with it. So nothing that was said while the server was away is sent
//! when it is back.

use std::{
    fmt, io,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::{
    net::TcpStream,
    sync::mpsc,
    task,
    time::{self, MissedTickBehavior},
};
use tokio_util::codec::Framed;

use crate::{
    address::Address,
    dispatch::MAX_LENGTH,
    federation::{Federation, News},
    nats::{ClientOp, NatsCodec, NatsError, ServerOp},
    protocol::Link,
    room::Room,
    uplink::Event,
};

const SUBJECT: &str = "bowline.chat";
/// For a connection to be made, and for bytes to be taken.
const PATIENCE: Duration = Duration::from_secs(3);
const PING_INTERVAL: Duration = Duration::from_secs(1);
/// Pings without any sign of the server after which it is taken for dead. They are counted, and the time is
/// not: a process that could not run for a while has yet to read what came meanwhile.
const MAX_UNANSWERED: u32 = 3;
const FIRST_DELAY: Duration = Duration::from_millis(200);
const LAST_DELAY: Duration = Duration::from_secs(5);
/// Complaints about messages are one line in so much time.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(1);

/// Keeps a room in touch with those of other processes.
pub(crate) struct Broker {
    url: String,
    room: Arc<Room>,
    events: mpsc::UnboundedReceiver<Event>,
    federation: Federation,
    log: Log,
}

/// A connection to a server that has taken our name and password.
struct Line {
    framed: Framed<TcpStream, NatsCodec>,
    max_payload_length: usize,
}

/// Why there is no connection, or no longer.
enum End {
    /// The room has hung up.
    Stopped,
    Address,
    Io(io::Error),
    Nats(NatsError),
    /// The first thing it said was something else.
    NoInfo,
    Tls,
    Refused(String),
    TimedOut,
    Closed,
}

impl Broker {
    pub(crate) fn new(
        url: String,
        room: Arc<Room>,
        events: mpsc::UnboundedReceiver<Event>,
    ) -> Self {
        let federation = Federation::new(format!("{:016x}", rand::random::<u64>()));
        Self { url, room, events, federation, log: Log::default() }
    }

    /// Connects and connects again, until the room hangs up.
    pub(crate) async fn run(mut self) {
        let mut delay = FIRST_DELAY;
        loop {
            let url = self.url.clone();
            let end = match self.meanwhile(Line::open(&url)).await {
                None => return,
                Some(Err(end)) => end,
                Some(Ok(line)) => {
                    let since = Instant::now();
                    self.log.say("one room with the others");
                    let end = self.talk(line).await;
                    self.federation.link_down();
                    self.room.take(News::Link(Link::Local));
                    // A server that lets people in and throws them out again is no better than none.
                    if since.elapsed() > PATIENCE {
                        delay = FIRST_DELAY;
                    }
                    end
                }
            };
            if let End::Stopped = end {
                return;
            }
            self.log.say(&format!("{end}; this room is alone until it can be reached"));
            let jitter = rand::random_range(0.5..1.0);
            if self.meanwhile(time::sleep(delay.mul_f64(jitter))).await.is_none() {
                return;
            }
            delay = LAST_DELAY.min(delay * 2);
        }
    }

    /// Keeps up with the room until something else is done. `None` when the room has hung up.
    async fn meanwhile<T>(&mut self, other: impl Future<Output = T>) -> Option<T> {
        let mut other = pin!(other);
        loop {
            tokio::select! {
                done = &mut other => return Some(done),
                event = self.events.recv() => {
                    // There is no link, so there is nothing to publish.
                    let _ = self.hear(event?);
                }
            }
        }
    }

    async fn talk(&mut self, mut line: Line) -> End {
        match self.converse(&mut line).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn converse(&mut self, line: &mut Line) -> Result<std::convert::Infallible, End> {
        // From before this link: it would be late.
        while let Ok(event) = self.events.try_recv() {
            let _ = self.hear(event);
        }
        line.feed(ClientOp::Subscribe { subject: SUBJECT }).await?;
        let hello = self.federation.link_up(Instant::now());
        line.publish(&hello, &mut self.log).await?;
        self.room.take(News::Link(Link::Joined));
        let mut unanswered = 0;
        let mut ping = time::interval(PING_INTERVAL);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            line.flush().await?;
            let tick = self.federation.next_tick().expect("the link is up");
            tokio::select! {
                op = line.next() => {
                    unanswered = 0;
                    self.receive(op?, line).await?;
                }
                event = self.events.recv() => match event {
                    Some(event) => {
                        if let Some(payload) = self.hear(event) {
                            line.publish(&payload, &mut self.log).await?;
                        }
                    }
                    None => return Err(End::Stopped),
                },
                () = time::sleep_until(tick.into()) => {
                    let (payload, news) = self.federation.tick(Instant::now());
                    for news in news {
                        self.room.take(news);
                    }
                    if let Some(payload) = payload {
                        line.publish(&payload, &mut self.log).await?;
                    }
                }
                _ = ping.tick() => {
                    if unanswered == MAX_UNANSWERED {
                        return Err(End::TimedOut);
                    }
                    unanswered += 1;
                    line.feed(ClientOp::Ping).await?;
                }
            }
        }
    }

    /// Something from the server.
    async fn receive(&mut self, op: ServerOp, line: &mut Line) -> Result<(), End> {
        match op {
            ServerOp::Message(payload) => match self.federation.receive(Instant::now(), &payload) {
                Ok(news) => {
                    for news in news {
                        self.room.take(news);
                    }
                    // Many may have come in one read. The guests' queues are short: they get their turn
                    // between one and the next.
                    task::yield_now().await;
                }
                Err(why) => self.log.complain(&format!("a message was ignored: {why}")),
            },
            ServerOp::TooLong(length) => {
                self.log.complain(&format!("a message was ignored: {length} bytes"));
            }
            ServerOp::Ping => line.feed(ClientOp::Pong).await?,
            ServerOp::Error(why) => return Err(End::Refused(why)),
            ServerOp::Info(_) | ServerOp::Pong | ServerOp::Ok => {}
        }
        Ok(())
    }

    /// Something from the room; returns what to publish.
    fn hear(&mut self, event: Event) -> Option<String> {
        let now = Instant::now();
        match event {
            Event::Arrived(name) => self.federation.arrive(now, name),
            Event::Left(name) => self.federation.leave(now, &name),
            Event::Said { entry, .. } => self.federation.say(entry),
        }
    }
}

impl Line {
    /// Connects and introduces itself.
    async fn open(url: &str) -> Result<Self, End> {
        within_patience(async {
            let address = Address::parse(url).ok_or(End::Address)?;
            let tcp = TcpStream::connect((address.host.as_str(), address.port)).await?;
            tcp.set_nodelay(true)?;
            let framed = Framed::new(tcp, NatsCodec::new(MAX_LENGTH));
            let mut line = Self { framed, max_payload_length: MAX_LENGTH };
            let ServerOp::Info(info) = line.next().await? else { return Err(End::NoInfo) };
            let info: Value = serde_json::from_slice(&info).map_err(|_| End::NoInfo)?;
            if info["tls_required"] == true {
                return Err(End::Tls);
            }
            if let Some(length) = info["max_payload"].as_u64() {
                line.max_payload_length = line.max_payload_length.min(length as usize);
            }
            line.feed(ClientOp::Connect { options: address.connect_options() }).await?;
            line.feed(ClientOp::Ping).await?;
            line.framed.flush().await?;
            loop {
                match line.next().await? {
                    ServerOp::Pong => return Ok(line),
                    ServerOp::Error(why) => return Err(End::Refused(why)),
                    _ => {}
                }
            }
        })
        .await
    }

    /// Cancel safe.
    async fn next(&mut self) -> Result<ServerOp, End> {
        Ok(self.framed.next().await.ok_or(End::Closed)??)
    }

    async fn feed(&mut self, op: ClientOp<'_>) -> Result<(), End> {
        within_patience(async { Ok(self.framed.feed(op).await?) }).await
    }

    async fn flush(&mut self) -> Result<(), End> {
        within_patience(async { Ok(SinkExt::<ClientOp<'_>>::flush(&mut self.framed).await?) }).await
    }

    async fn publish(&mut self, payload: &str, log: &mut Log) -> Result<(), End> {
        // The server would end the connection.
        if payload.len() > self.max_payload_length {
            let (length, allowed) = (payload.len(), self.max_payload_length);
            log.complain(&format!("{length} bytes not sent, {allowed} allowed"));
            return Ok(());
        }
        self.feed(ClientOp::Publish { subject: SUBJECT, payload: payload.as_bytes() }).await
    }
}

async fn within_patience<T>(step: impl Future<Output = Result<T, End>>) -> Result<T, End> {
    time::timeout(PATIENCE, step).await.unwrap_or(Err(End::TimedOut))
}

/// Standard error, with patience for what repeats itself.
#[derive(Default)]
struct Log {
    last: String,
    complained_at: Option<Instant>,
    unsaid: u64,
}

impl Log {
    /// Says how things are, where that is news.
    fn say(&mut self, words: &str) {
        if self.last != words {
            eprintln!("chat: nats: {words}");
            words.clone_into(&mut self.last);
        }
    }

    /// One line for many of the kind.
    fn complain(&mut self, words: &str) {
        if self.complained_at.is_some_and(|at| at.elapsed() < COMPLAINT_INTERVAL) {
            self.unsaid += 1;
            return;
        }
        match self.unsaid {
            0 => eprintln!("chat: nats: {words}"),
            count => eprintln!("chat: nats: {words}; and {count} more of the kind before"),
        }
        self.complained_at = Some(Instant::now());
        self.unsaid = 0;
    }
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<NatsError> for End {
    fn from(error: NatsError) -> Self {
        Self::Nats(error)
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("the chat ends"),
            Self::Address => f.write_str("this is no nats://host:port"),
            Self::Io(error) => error.fmt(f),
            Self::Nats(error) => error.fmt(f),
            Self::NoInfo => f.write_str("this is no NATS server"),
            Self::Tls => f.write_str("the server wants TLS, which this example does not speak"),
            Self::Refused(why) => write!(f, "the server says {why}"),
            Self::TimedOut => f.write_str("the server does not answer"),
            Self::Closed => f.write_str("the server has closed the connection"),
        }
    }
}
