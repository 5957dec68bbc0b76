//! A message to a hundred subscribers.

use bowline::{
    Config, Message, Prepared, Role, WebSocket,
    hub::{Hub, Policy, Subscription},
};

use super::{
    Case, Part,
    corpus::{Content, wire},
    transport::Tap,
    websocket::{Task, step},
};

const SUBSCRIBERS: usize = 100;
const MESSAGES: usize = 16;
const MESSAGE: usize = 200;
const TOPIC: &str = "harbour";

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("hub/publish/100-subscribers", MESSAGES, Publish::new),
        Case::new("hub/forward/100-subscribers", MESSAGES, Forward::new),
    ]
}

/// A message that is made, and queued for all; nobody waits for it.
struct Publish {
    hub: Hub,
    message: Message,
    subscriptions: Vec<Subscription>,
}

impl Publish {
    fn new() -> Self {
        let hub = Hub::new();
        let subscribe = |_| hub.subscribe(TOPIC, Policy::default());
        let subscriptions = (0..SUBSCRIBERS).map(subscribe).collect();
        Self { hub, message: message(), subscriptions }
    }
}

fn message() -> Message {
    Content::Ascii.message(MESSAGE)
}

fn publish(hub: &Hub, message: &Message) {
    hub.publish(TOPIC, &Prepared::new(message.clone()).expect("may be sent"));
}

impl Part for Publish {
    fn prepare(&mut self) {
        for subscription in &mut self.subscriptions {
            while subscription.try_next().is_some() {}
        }
    }

    fn run(&mut self) {
        for _ in 0..MESSAGES {
            publish(&self.hub, &self.message);
        }
        assert_eq!(self.hub.subscribers(TOPIC), SUBSCRIBERS);
    }
}

/// The same for connections that wait for it, up to what each of them writes.
struct Forward {
    hub: Hub,
    message: Message,
    connections: Vec<(Tap, Task)>,
    written: usize,
}

impl Forward {
    fn new() -> Self {
        let hub = Hub::new();
        let mut connections: Vec<_> = (0..SUBSCRIBERS).map(|_| connection(&hub)).collect();
        for (_, task) in &mut connections {
            step(task);
        }
        let written = wire(Role::Server, &message(), MESSAGES).len();
        Self { hub, message: message(), connections, written }
    }
}

fn connection(hub: &Hub) -> (Tap, Task) {
    let tap = Tap::default();
    let ws = WebSocket::new(tap.clone(), Role::Server, Config::new());
    let mut news = hub.subscribe(TOPIC, Policy::default());
    let (reader, mut writer) = ws.split();
    let task = async move {
        // Nothing is read, and the half is kept.
        let _reader = reader;
        news.forward(&mut writer).await
    };
    (tap, Box::pin(task))
}

impl Part for Forward {
    fn prepare(&mut self) {}

    fn run(&mut self) {
        for _ in 0..MESSAGES {
            publish(&self.hub, &self.message);
            for (_, task) in &mut self.connections {
                step(task);
            }
        }
        for (tap, _) in &self.connections {
            assert_eq!(tap.take_written(), self.written, "bytes written in a round");
        }
    }
}
