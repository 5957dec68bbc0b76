//! The halves under a schedule explorer: each test is one small program of several tasks, run some thousand
//! times, and each time in another order of its steps. A step is a lock taken or given back, so all that
//! tasks can see of each other is explored. Whoever is never woken is found as a deadlock.
//!
//! ```sh
//! RUSTFLAGS='--cfg shuttle' cargo test --target-dir target/models --test models
//! ```
//!
//! No timer and no runtime takes part: deadlines are off, and the transport is [`pipe`]'s.
#![cfg(shuttle)]

mod cancel;
mod clones;
mod closing;
mod draining;
mod hand_over;
mod pings;
mod pipe;
mod reunite;
mod turns;

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use bowline::{Config, Error, Message, Role, WebSocket};
use pipe::End;
use shuttle::{
    Runner,
    scheduler::{PctScheduler, RandomScheduler},
};

const ROLES: [Role; 2] = [Role::Client, Role::Server];

fn other(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

/// How many orders of its steps each model is run in, by each scheduler.
const RUNS: usize = 1500;

/// Runs a model with both schedulers: one that chooses each step by chance, and one (PCT) that seldom changes
/// its mind and so finds what takes a long run of one task.
#[track_caller]
fn explore(model: impl Fn() + Copy + Send + Sync + 'static) {
    let config = || {
        let mut config = shuttle::Config::new();
        // A poll of a connection lies deeper than what the explorer's own tests do.
        config.stack_size = 1 << 18;
        // Far more than any model takes: tasks that wake each other for ever end here.
        config.max_steps = shuttle::MaxSteps::FailAfter(20_000);
        config
    };
    Runner::new(RandomScheduler::new(RUNS), config()).run(model);
    for depth in [2, 4] {
        Runner::new(PctScheduler::new(depth, RUNS / 3), config()).run(model);
    }
}

/// Two ends of one connection over pipes of so many bytes; ours has room for one message in its queue.
fn connected(role: Role, room: usize) -> (WebSocket<End>, WebSocket<End>) {
    let (near, far) = pipe::pair(room);
    let ours = WebSocket::new(near, role, untimed().with_high_water(1));
    let theirs = WebSocket::new(far, other(role), untimed());
    (ours, theirs)
}

/// A configuration without any timer.
fn untimed() -> Config {
    Config::new()
        .with_keepalive(None)
        .with_handshake_timeout(None)
        .with_close_timeout(None)
        .with_send_timeout(None)
}

/// An item of a stream that can be compared: of errors the `Debug`.
fn item(item: Result<Message, Error>) -> Result<Message, String> {
    failure(item)
}

/// An error's `Debug`, where there is one.
fn failure<T>(result: Result<T, Error>) -> Result<T, String> {
    result.map_err(|error| format!("{error:?}"))
}

/// Polls a future once, and drops it.
async fn once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// What a peer gets until the transport is dropped.
async fn everything(mut ws: WebSocket<End>) -> Vec<Message> {
    let mut seen = Vec::new();
    while let Ok(message) = ws.next().await.expect("no Close") {
        seen.push(message);
    }
    seen
}
