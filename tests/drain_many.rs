//! `Drain` with many connections: under load, on several threads, with tracking and closing at the same time. Nobody is
//! forgotten, no message is lost, the numbers add up; and what it costs.

#[path = "support/heap.rs"]
mod heap;
#[path = "support/io.rs"]
mod io;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Waker},
    time::Duration,
};

use bowline::{Config, Drain, Drained, Message, Role, WebSocket};
use futures_util::StreamExt;
use heap::cost;
use io::{ROLES, Script, other, untimed, websocket};
use tokio::{
    io::{DuplexStream, duplex},
    runtime::Builder,
    spawn,
    sync::Notify,
    time::timeout,
};

const LONG: Duration = Duration::from_secs(60);

/// Runs the test on one thread and on four; a waker that is lost stops it, and the clock tells.
fn on_both_runtimes<F: Future<Output = ()>>(test: impl Fn() -> F) {
    for mut builder in [Builder::new_current_thread(), Builder::new_multi_thread()] {
        let runtime = builder.worker_threads(4).enable_all().build().expect("a runtime");
        let in_time = runtime.block_on(async { timeout(Duration::from_secs(50), test()).await });
        in_time.expect("somebody was never woken");
    }
}

fn pair(role: Role) -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (near, far) = duplex(256);
    let ours = WebSocket::new(near, role, untimed());
    (ours, WebSocket::new(far, other(role), untimed()))
}

/// Answers each message, as a whole or by halves in two tasks; how many.
async fn echo(mut ws: WebSocket<DuplexStream>, by_halves: bool) -> usize {
    let mut count = 0;
    if !by_halves {
        while let Some(message) = ws.next().await {
            if let Message::Text(text) = message.expect("no error") {
                count += 1;
                let _ = ws.feed(text).await;
            }
        }
        return count;
    }
    let (mut reader, mut writer) = ws.split();
    let (sender, mut texts) = tokio::sync::mpsc::unbounded_channel();
    let writing = spawn(async move {
        while let Some(text) = texts.recv().await {
            if writer.feed(text).await.is_err() {
                break;
            }
        }
        // Whatever holds it up, it lets go when the connection is closing.
        writer.closed().await;
    });
    while let Some(message) = reader.next().await {
        if let Message::Text(text) = message.expect("no error") {
            count += 1;
            let _ = sender.send(text);
        }
    }
    drop(sender);
    writing.await.expect("no panic");
    count
}

/// Sends and receives in turn until it is closed: the messages sent, and those that came back in order.
async fn chat(mut ws: WebSocket<DuplexStream>, close: Message) -> (usize, usize) {
    let (mut sent, mut back) = (0, 0);
    loop {
        if ws.send(format!("message {sent}")).await.is_ok() {
            sent += 1;
        }
        match ws.next().await {
            Some(Ok(Message::Text(text))) => {
                assert_eq!(text.as_str(), format!("message {back}"));
                back += 1;
            }
            Some(Ok(message)) => assert_eq!(message, close),
            Some(Err(error)) => panic!("{error:?}"),
            None => return (sent, back),
        }
    }
}

#[test]
fn two_thousand_connections_under_load_are_closed_and_none_loses_a_message() {
    on_both_runtimes(|| async {
        let drain = Drain::new();
        let started = Arc::new(Notify::new());
        let mut tasks = Vec::new();
        for n in 0..2000 {
            let (mut ours, theirs) = pair(ROLES[n % 2]);
            drain.track(&mut ours);
            let started = started.clone();
            let echo = spawn(async move {
                if n == 1999 {
                    started.notify_one();
                }
                echo(ours, n % 4 < 2).await
            });
            tasks.push((echo, spawn(chat(theirs, Message::close(1012, "restart")))));
        }
        assert_eq!(drain.len(), 2000);
        started.notified().await;
        let drained = drain.close_all(1012, "restart", LONG).await.expect("may be sent");
        assert_eq!([drained.closed, drained.lost, drained.cut], [2000, 0, 0]);
        for (echo, chat) in tasks {
            let (sent, back) = chat.await.expect("no panic");
            // What was sent has all been received; only answers may have come too late for the Close.
            assert_eq!(echo.await.expect("no panic"), sent);
            assert!(back <= sent && sent - back <= 1, "{sent} sent, {back} back");
        }
    });
}

/// How long a connection lives beside the call: not polled yet, polled, in halves, ended by its peer.
#[test]
fn tracking_polling_and_closing_at_the_same_time_forget_nobody() {
    let runtime = Builder::new_multi_thread().worker_threads(4).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        for round in 0..150 {
            let all = timeout(Duration::from_secs(50), race(round)).await;
            all.expect("somebody was never woken");
        }
    });
}

async fn race(round: usize) {
    let drain = Drain::new();
    let (count, tracked) = (40, Arc::new(AtomicUsize::new(0)));
    let mut tasks = Vec::new();
    for n in 0..count {
        let (ours, theirs) = pair(ROLES[n % 2]);
        let (drain, tracked, reserved) = (drain.clone(), tracked.clone(), drain.reserve());
        tasks.push(spawn(async move {
            let mut ours = ours;
            for _ in 0..(n + round) % 5 {
                tokio::task::yield_now().await;
            }
            if n % 7 == 0 {
                drop(reserved);
                return;
            }
            reserved.track(&mut ours);
            drain.track(&mut ours);
            tracked.fetch_add(1, Ordering::Relaxed);
            echo(ours, n % 3 == 0).await;
        }));
        tasks.push(spawn(async move {
            let mut ws = theirs;
            while let Some(Ok(_)) = ws.next().await {}
        }));
    }
    for _ in 0..round % 6 {
        tokio::task::yield_now().await;
    }
    // Two at once, and one that is dropped.
    let close_all = |drain: Drain| async move { drain.close_all(1012, "", LONG).await };
    let dropped = spawn(close_all(drain.clone()));
    let other = spawn(close_all(drain.clone()));
    dropped.abort();
    let drained = close_all(drain.clone()).await.expect("may be sent");
    other.await.expect("no panic").expect("may be sent");
    for task in tasks {
        task.await.expect("no panic");
    }
    let tracked = tracked.load(Ordering::Relaxed);
    assert_eq!([drained.closed, drained.lost, drained.cut], [tracked, 0, 0], "round {round}");
    assert!(drain.is_empty());
}

/// "About 70 bytes for each connection".
#[test]
fn a_tracked_connection_costs_little_and_its_polls_allocate_nothing() {
    let (count, mut cx) = (1000, Context::from_waker(Waker::noop()));
    for role in ROLES {
        let drain = Drain::new();
        let connect = |_| websocket(role, Script::new([]), untimed());
        let mut all: Vec<_> = (0..count).map(connect).collect();
        for ws in &mut all {
            assert!(ws.poll_next_unpin(&mut cx).is_pending());
        }
        let (tracking, ()) = cost(|| all.iter_mut().for_each(|ws| drain.track(ws)));
        let each = tracking.kept / count;
        assert!((60..=80).contains(&each), "{role:?}: {each} bytes");
        let mut poll = || {
            for ws in &mut all {
                assert!(ws.poll_next_unpin(&mut cx).is_pending());
            }
        };
        poll();
        let (polls, ()) = cost(poll);
        assert_eq!((polls.calls, polls.kept), (0, 0), "{role:?}");
        let (tracked, bare) = (all.pop().expect("one"), connect(0));
        let (left, ()) = cost(|| drop(tracked));
        let (untracked, ()) = cost(|| drop(bare));
        // All but its place, which the next one takes.
        assert!(untracked.kept - left.kept >= 32, "{role:?}: {left:?}, {untracked:?}");
        drop(all);
        let (rest, ()) = cost(|| drop(drain));
        assert!(-rest.kept / count <= 24, "{role:?}: {rest:?}");
    }
}

/// Coming and going take no more room than the most that were there at once.
#[test]
fn places_are_used_again() {
    let drain = Drain::new();
    let connect = || websocket(Role::Server, Script::new([]), Config::new());
    let mut few: Vec<_> = (0..10).map(|_| connect()).collect();
    few.iter_mut().for_each(|ws| drain.track(ws));
    let (going, ()) = cost(|| {
        for n in 0..10_000 {
            let mut ws = connect();
            drain.track(&mut ws);
            few[n % 10] = ws;
            assert_eq!(drain.len(), 10);
        }
    });
    assert!(going.kept < 400, "{going:?}");
    drop(few);
    assert!(drain.is_empty());
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    let drained = runtime.block_on(drain.close_all(1000, "", LONG)).expect("may be sent");
    assert_eq!(drained, Drained::default(), "they left before");
}
