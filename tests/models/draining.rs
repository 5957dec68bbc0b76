//! Connections closed from elsewhere, and lent ones that come back: whoever waits is woken.

use std::time::Duration;

use bowline::{Drain, Message, Role, WebSocket};
use shuttle::future::{block_on, spawn};
use tokio::runtime::Builder;

use super::{ROLES, connected, explore, item, pipe::End};

/// Explores with a clock for `close_all` to ask, which never goes on.
fn explore_in_time(model: impl Fn() + Copy + Send + Sync + 'static) {
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    let _guard = runtime.enter();
    explore(model);
}

/// Waits for all to be closed; the numbers.
async fn close_all(drain: Drain) -> [usize; 3] {
    let drained = drain.close_all(1012, "", Duration::MAX).await.expect("may be sent");
    [drained.closed, drained.lost, drained.cut]
}

/// Reads to the end; the last message.
async fn last(mut ws: WebSocket<End>) -> Option<Message> {
    let mut last = None;
    while let Some(next) = ws.next().await {
        last = Some(item(next).expect("no error"));
    }
    last
}

/// A connection is tracked and waits while all are closed; two wait for that.
fn beside_a_call(role: Role) {
    let (mut ours, theirs) = connected(role, 16);
    let drain = Drain::new();
    let reserved = drain.reserve();
    let owner = spawn(async move {
        reserved.track(&mut ours);
        last(ours).await
    });
    let calls = [drain.clone(), drain].map(|drain| spawn(close_all(drain)));
    let peer = spawn(last(theirs));
    block_on(async {
        for call in calls {
            assert_eq!(call.await.expect("the call"), [1, 0, 0]);
        }
        assert_eq!(owner.await.expect("the owner"), Some(Message::close(1012, "")));
        assert_eq!(peer.await.expect("the peer"), Some(Message::close(1012, "")));
    });
}

#[test]
fn a_connection_is_told_whenever_it_comes() {
    for role in ROLES {
        explore_in_time(move || beside_a_call(role));
    }
}

/// A reader waits, a writer waits for the end, another sends; the peer reads slowly.
fn by_halves(role: Role) {
    let (mut ours, theirs) = connected(role, 3);
    let drain = Drain::new();
    drain.track(&mut ours);
    let (mut reader, mut writer) = ours.split();
    let mut clone = writer.clone();
    let waiting = spawn(async move { format!("{:?}", writer.closed().await) });
    let sending = spawn(async move {
        for _ in 0..2 {
            if clone.send("more").await.is_err() {
                return;
            }
        }
        clone.closed().await;
    });
    let reading = spawn(async move {
        while let Some(next) = reader.next().await {
            assert_eq!(item(next), Ok(Message::close(1012, "")));
        }
    });
    let call = spawn(close_all(drain));
    let peer = spawn(last(theirs));
    block_on(async {
        assert_eq!(call.await.expect("the call"), [1, 0, 0]);
        assert_eq!(waiting.await.expect("the writer"), "Usage(SendAfterClose)");
        sending.await.expect("the clone");
        reading.await.expect("the reader");
        assert_eq!(peer.await.expect("the peer"), Some(Message::close(1012, "")));
    });
}

#[test]
fn halves_that_wait_are_told() {
    for role in ROLES {
        explore_in_time(move || by_halves(role));
    }
}

/// Halves are dropped in two tasks while the loan is waited for; or it is taken apart.
fn lent(is_kept: bool) {
    let (ours, theirs) = connected(Role::Server, 64);
    let (ours, loan) = ours.lend();
    let handler = if is_kept {
        let (reader, mut writer) = ours.split();
        let dropping = spawn(async move { drop(reader) });
        spawn(async move {
            writer.feed("one").await.expect("open");
            drop(writer);
            dropping.await.expect("the reader");
        })
    } else {
        spawn(async move { drop(ours.into_inner()) })
    };
    let waiting = spawn(loan);
    block_on(async {
        let ws = waiting.await.expect("the loan");
        handler.await.expect("the handler");
        assert_eq!(ws.is_some(), is_kept);
        if let Some(mut ws) = ws {
            let peer = spawn(last(theirs));
            ws.close(1011, "").await.expect("clean");
            assert_eq!(peer.await.expect("the peer"), Some(Message::close(1011, "")));
        }
    });
}

#[test]
fn whoever_waits_for_a_loan_is_told() {
    for is_kept in [true, false] {
        explore(move || lent(is_kept));
    }
}
