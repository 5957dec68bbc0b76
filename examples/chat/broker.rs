//! The broker: one connection to a NATS server after another, and what goes over them.
//!
//! What a connection had not sent goes with it. So nothing that was said while the server was away is sent
//! when it is back.

use std::{
    convert::Infallible,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::mpsc,
    task::{self, JoinSet},
    time,
};

use crate::{
    federation::{Federation, News},
    line::{End, Incoming, Line, PATIENCE},
    protocol::Link,
    room::Room,
    uplink::{Event, Uplink},
};

const FIRST_DELAY: Duration = Duration::from_millis(200);
const LAST_DELAY: Duration = Duration::from_secs(5);
/// Complaints about messages are one line in so much time.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(1);

/// The room of this process. With a URL there is a task, which keeps it in touch with those of others.
pub(crate) fn open(url: Option<&str>) -> (Arc<Room>, JoinSet<()>) {
    let mut task = JoinSet::new();
    let Some(url) = url else { return (Arc::new(Room::new(None)), task) };
    let (uplink, events) = Uplink::new();
    let room = Arc::new(Room::new(Some(uplink)));
    task.spawn(Broker::new(url.to_owned(), room.clone(), events).run());
    (room, task)
}

/// Keeps a room in touch with those of other processes.
struct Broker {
    url: String,
    room: Arc<Room>,
    events: mpsc::UnboundedReceiver<Event>,
    federation: Federation,
    log: Log,
}

impl Broker {
    fn new(url: String, room: Arc<Room>, events: mpsc::UnboundedReceiver<Event>) -> Self {
        let federation = Federation::new(format!("{:016x}", rand::random::<u64>()));
        Self { url, room, events, federation, log: Log::default() }
    }

    /// Connects and connects again, until the room hangs up.
    async fn run(mut self) {
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
            Err(End::Stopped) => {
                // The others are to hear that everybody here has left.
                let _ = line.flush().await;
                End::Stopped
            }
            Err(end) => end,
        }
    }

    async fn converse(&mut self, line: &mut Line) -> Result<Infallible, End> {
        // From before this link: it would be late.
        while let Ok(event) = self.events.try_recv() {
            let _ = self.hear(event);
        }
        let hello = self.federation.link_up(Instant::now());
        self.publish(line, hello).await?;
        self.room.take(News::Link(Link::Joined));
        loop {
            let tick = self.federation.next_tick().expect("the link is up");
            tokio::select! {
                incoming = line.next() => self.receive(incoming?).await,
                event = self.events.recv() => {
                    if let Some(payload) = self.hear(event.ok_or(End::Stopped)?) {
                        self.publish(line, payload).await?;
                    }
                }
                () = time::sleep_until(tick.into()) => {
                    let (payload, news) = self.federation.tick(Instant::now());
                    for news in news {
                        self.room.take(news);
                    }
                    if let Some(payload) = payload {
                        self.publish(line, payload).await?;
                    }
                }
            }
        }
    }

    async fn publish(&mut self, line: &Line, payload: String) -> Result<(), End> {
        let (length, allowed) = (payload.len(), line.max_payload_length());
        if length > allowed {
            self.log.complain(&format!("{length} bytes not sent, {allowed} allowed"));
            return Ok(());
        }
        line.publish(payload).await
    }

    /// Something from the server.
    async fn receive(&mut self, incoming: Incoming) {
        let Incoming::Message(payload) = incoming else {
            self.log.complain("a message was lost: too many at once");
            return;
        };
        match self.federation.receive(Instant::now(), &payload) {
            Ok(news) => {
                for news in news {
                    self.room.take(news);
                }
                // Many may have come in one read. The guests' queues are short: they get their turn
                // between one and the next.
                task::yield_now().await;
            }
            Err(why) => self.log.complain(&format!("a message was ignored: {why}")),
        }
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
