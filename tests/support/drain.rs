//! Connections in a drain, and what closing them comes to.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::time::Duration;

use bowline::{Config, Drain, Drained, Message, Role, WebSocket};
use tokio::{
    io::{DuplexStream, duplex},
    spawn,
    task::{JoinHandle, yield_now},
};

use super::io::{Item, item, other, websocket};

pub(crate) const CLOSED: &str = "Usage(SendAfterClose)";
pub(crate) const TIMED_OUT: &str = "CloseTimeout";

/// Longer than any connection takes that closes by itself, and less than keepalive takes to wake one.
pub(crate) const LONG: Duration = Duration::from_secs(25);

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The numbers of a report.
pub(crate) fn numbers(drained: Drained) -> [usize; 3] {
    [drained.closed, drained.lost, drained.cut]
}

/// What `close_all` with 1012 comes to.
pub(crate) async fn close_all(drain: &Drain, time: Duration) -> [usize; 3] {
    numbers(drain.close_all(1012, "restart", time).await.expect("a code that may be sent"))
}

/// The same in a task, begun.
pub(crate) async fn closing(drain: &Drain, time: Duration) -> JoinHandle<[usize; 3]> {
    let drain = drain.clone();
    let closing = spawn(async move { close_all(&drain, time).await });
    settle().await;
    closing
}

/// Lets all tasks run until nobody is woken any more, without the clock going on.
pub(crate) async fn settle() {
    for _ in 0..100 {
        yield_now().await;
    }
}

pub(crate) fn restart() -> Item {
    Ok(Message::close(1012, "restart"))
}

/// The reply to it, as the one who sent it sees it.
pub(crate) fn reply() -> Item {
    Ok(Message::close(1012, ""))
}

/// Two ends over pipes of so many bytes.
pub(crate) fn pair(role: Role, room: usize) -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (near, far) = duplex(room);
    let ours = WebSocket::new(near, role, Config::new());
    (ours, WebSocket::new(far, other(role), Config::new()))
}

/// Our end, in a drain of its own; the other is bare.
pub(crate) fn tracked(role: Role) -> (Drain, WebSocket<DuplexStream>, DuplexStream) {
    let (near, far) = duplex(64 << 10);
    let (drain, mut ws) = (Drain::new(), websocket(role, near, Config::new()));
    drain.track(&mut ws);
    assert_eq!((drain.len(), drain.is_empty()), (1, false));
    (drain, ws, far)
}

/// All that the connection yields, in a task that lets go of it then.
pub(crate) fn owner(mut ws: WebSocket<DuplexStream>) -> JoinHandle<Vec<Item>> {
    spawn(async move { items(&mut ws).await })
}

pub(crate) async fn items(ws: &mut WebSocket<DuplexStream>) -> Vec<Item> {
    let mut items = Vec::new();
    while let Some(next) = ws.next().await {
        items.push(item(next));
    }
    items
}
