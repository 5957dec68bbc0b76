//! `WebSocket` and its halves, with the default configuration: the echo loop of the README.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Waker},
};

use bowline::{Config, Error, Message, Role, WebSocket};
use bytes::Bytes;

use super::{
    Case, Part,
    corpus::{Content, peer_of, role_name, wire},
    size,
    transport::Tap,
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for role in [Role::Server, Role::Client] {
        for traffic in TRAFFIC {
            cases.push(case(role, traffic, Loop::Whole));
        }
    }
    for traffic in &TRAFFIC[..2] {
        cases.push(case(Role::Server, *traffic, Loop::Halves));
    }
    cases
}

/// What arrives.
#[derive(Clone, Copy)]
struct Traffic {
    content: Content,
    bytes: usize,
    /// How many messages arrive together.
    burst: usize,
    /// How often that happens in a round.
    times: usize,
}

const TRAFFIC: [Traffic; 4] = [
    Traffic { content: Content::Ascii, bytes: 20, burst: 1, times: 512 },
    Traffic { content: Content::Ascii, bytes: 20, burst: 16, times: 32 },
    Traffic { content: Content::Ascii, bytes: 1 << 10, burst: 16, times: 16 },
    Traffic { content: Content::Mixed, bytes: 64 << 10, burst: 1, times: 8 },
];

impl Traffic {
    fn name(self) -> String {
        let rhythm = match self.burst {
            1 => "singly".to_owned(),
            burst => format!("bursts-of-{burst}"),
        };
        format!("{}/{}/{rhythm}", self.content.name(), size(self.bytes))
    }
}

/// Who answers.
#[derive(Clone, Copy)]
enum Loop {
    Whole,
    Halves,
}

fn case(role: Role, traffic: Traffic, by: Loop) -> Case {
    let by_name = match by {
        Loop::Whole => "websocket",
        Loop::Halves => "halves",
    };
    let name = format!("{by_name}/echo/{}/{}", role_name(role), traffic.name());
    Case::new(name, traffic.burst * traffic.times, move || Echo::new(role, traffic, by))
        .with_bytes(traffic.bytes)
}

/// A future that goes on while bytes arrive.
pub(super) type Task = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

/// Polls a task until it waits for what has yet to arrive.
pub(super) fn step(task: &mut Task) {
    let poll = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(poll.is_pending(), "the task has ended: {poll:?}");
}

struct Echo {
    tap: Tap,
    task: Task,
    burst: Bytes,
    times: usize,
    /// What is written in a round.
    written: usize,
}

impl Echo {
    fn new(role: Role, traffic: Traffic, by: Loop) -> Self {
        let tap = Tap::default();
        let ws = WebSocket::new(tap.clone(), role, Config::new());
        let message = traffic.content.message(traffic.bytes);
        let task: Task = match by {
            Loop::Whole => Box::pin(echo(ws)),
            Loop::Halves => Box::pin(echo_by_halves(ws)),
        };
        Self {
            tap,
            task,
            burst: wire(peer_of(role), &message, traffic.burst),
            times: traffic.times,
            written: wire(role, &message, traffic.burst).len() * traffic.times,
        }
    }
}

async fn echo(mut ws: WebSocket<Tap>) -> Result<(), Error> {
    while let Some(message) = ws.next().await {
        match message? {
            Message::Text(text) => ws.feed(text).await?,
            Message::Binary(bytes) => ws.feed(bytes).await?,
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => {}
        }
    }
    Ok(())
}

async fn echo_by_halves(ws: WebSocket<Tap>) -> Result<(), Error> {
    let (mut reader, mut writer) = ws.split();
    while let Some(message) = reader.next().await {
        match message? {
            Message::Text(text) => writer.feed(text).await?,
            Message::Binary(bytes) => writer.feed(bytes).await?,
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => {}
        }
    }
    Ok(())
}

impl Part for Echo {
    fn prepare(&mut self) {}

    fn run(&mut self) {
        for _ in 0..self.times {
            self.tap.arrive(self.burst.clone());
            step(&mut self.task);
        }
        assert_eq!(self.tap.take_written(), self.written, "bytes written in a round");
    }
}
