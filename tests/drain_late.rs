//! `Drain`: connections that come later or are handed on, places that are reserved, calls that are dropped and made again.

#[path = "support/drain.rs"]
mod drain;
#[path = "support/io.rs"]
mod io;

use std::{future::Future, pin::pin, task::Poll};

use bowline::{CloseCode, Config, Drain, Message};
use drain::{
    CLOSED, LONG, TIMED_OUT, close_all, closing, items, numbers, owner, pair, reply, restart,
    seconds, settle, tracked,
};
use futures_util::FutureExt;
use io::{
    ROLES, Read, Script, drain_to_end, failure, finish, from_peer, item, run, websocket, wire,
    within,
};
use tokio::{io::AsyncWriteExt, spawn, time::Instant};

#[tokio::test(start_paused = true)]
async fn one_that_comes_later_is_closed_at_once() {
    for role in ROLES {
        let drain = Drain::new();
        assert_eq!(close_all(&drain, LONG).await, [0, 0, 0]);
        let (mut ours, theirs) = pair(role, 1 << 10);
        drain.track(&mut ours);
        assert_eq!(failure(ours.feed("late").await), Err(CLOSED.into()), "{role:?}");
        let (ours, theirs) = (owner(ours), owner(theirs));
        assert_eq!(within(ours).await.expect("no panic"), [reply()], "{role:?}");
        assert_eq!(within(theirs).await.expect("no panic"), [restart()]);
        // Behind one that was cut as well: it has the time that it takes, and is not cut for that.
        let (mut silent, _far) = pair(role, 1 << 10);
        drain.track(&mut silent);
        assert_eq!(close_all(&drain, seconds(1)).await, [1, 0, 1]);
        let (mut ours, theirs) = pair(role, 1 << 10);
        drain.track(&mut ours);
        let (ours, theirs) = (owner(ours), owner(theirs));
        assert_eq!(close_all(&drain, LONG).await, [2, 0, 1], "{role:?}");
        assert_eq!(within(ours).await.expect("no panic"), [reply()]);
        assert_eq!(within(theirs).await.expect("no panic"), [restart()]);
        assert_eq!(items(&mut silent).await, [Err(TIMED_OUT.into())]);
        assert_eq!(close_all(&drain, LONG).await, [2, 0, 1]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_place_is_waited_for_until_it_is_filled_given_back_or_the_time_is_up() {
    for role in ROLES {
        let drain = Drain::new();
        let (filled, dropped) = (drain.reserve(), drain.reserve());
        assert_eq!(drain.len(), 2);
        let first = closing(&drain, LONG).await;
        drop(dropped);
        let (mut ours, theirs) = pair(role, 1 << 10);
        filled.track(&mut ours);
        assert_eq!(drain.len(), 1, "{role:?}");
        settle().await;
        assert!(!first.is_finished(), "a connection is there now");
        let (_ours, _theirs) = (owner(ours), owner(theirs));
        assert_eq!(within(first).await.expect("no panic"), [1, 0, 0], "{role:?}");

        let late = drain.reserve();
        let start = Instant::now();
        assert_eq!(close_all(&drain, seconds(7)).await, [1, 0, 0], "no connection was there");
        assert_eq!((start.elapsed().as_secs(), drain.len()), (7, 1));
        let (mut ours, theirs) = pair(role, 1 << 10);
        late.track(&mut ours);
        assert_eq!(failure(ours.feed("late").await), Err(CLOSED.into()), "{role:?}");
        let (_ours, _theirs) = (owner(ours), owner(theirs));
        assert_eq!(close_all(&drain, LONG).await, [2, 0, 0], "{role:?}");
        let given_back = drain.reserve();
        let waiting = closing(&drain, LONG).await;
        drop(given_back);
        assert_eq!(within(waiting).await.expect("no panic"), [2, 0, 0], "{role:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_closes_all_the_same_and_the_next_goes_on() {
    for role in ROLES {
        let (drain, (mut ours, mut theirs)) = (Drain::new(), pair(role, 1 << 10));
        drain.track(&mut ours);
        let (mut silent, _far) = pair(role, 1 << 10);
        drain.track(&mut silent);
        {
            let mut dropped = pin!(drain.close_all(1012, "restart", seconds(1)));
            assert!(dropped.as_mut().now_or_never().is_none());
        }
        let owner = owner(ours);
        assert_eq!(within(theirs.next()).await.map(item), Some(restart()), "{role:?}");
        assert_eq!(within(items(&mut theirs)).await, []);
        assert_eq!(owner.await.expect("no panic"), [reply()]);
        tokio::time::sleep(seconds(2)).await;
        assert_eq!(drain.len(), 1, "the time of the one that was dropped doesn't count");
        // Two at once: both go by the first's Close, and the shorter time is the one that cuts.
        let other = drain.clone();
        let waits = spawn(async move { other.close_all(CloseCode::NORMAL, "", LONG).await });
        assert_eq!(close_all(&drain, seconds(3)).await, [1, 0, 1], "{role:?}");
        let waited = within(waits).await.expect("no panic").expect("a code that may be sent");
        assert_eq!(numbers(waited), [1, 0, 1]);
        // It was never polled in all that time; its Close goes out when it is.
        assert_eq!(items(&mut silent).await, [Err(TIMED_OUT.into())], "{role:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_in_one_drain() {
    for role in ROLES {
        let (first, mut ws, mut far) = tracked(role);
        first.track(&mut ws);
        assert_eq!(first.len(), 1, "twice the same");
        let second = Drain::new();
        second.track(&mut ws);
        assert_eq!((first.len(), second.len()), (0, 1), "{role:?}");
        assert_eq!(close_all(&first, LONG).await, [0, 0, 0]);
        assert!(ws.next().now_or_never().is_none());
        ws.send("open").await.expect("open");
        // And to one that closes.
        first.track(&mut ws);
        assert_eq!((first.len(), second.len()), (1, 0));
        assert_eq!(failure(ws.send("late").await), Err(CLOSED.into()), "{role:?}");
        far.write_all(&from_peer(role, b"\x88\x02\x03\xf4")).await.expect("open");
        far.shutdown().await.expect("open");
        assert_eq!(items(&mut ws).await, [reply()]);
        assert_eq!(close_all(&first, LONG).await, [1, 0, 0], "{role:?}");
        first.track(&mut ws);
        assert!(first.is_empty(), "it has ended");
        // And away from one that closes.
        let (mut moved, _far) = pair(role, 1 << 10);
        first.track(&mut moved);
        second.track(&mut moved);
        assert_eq!(close_all(&first, LONG).await, [1, 0, 0], "{role:?}");
        assert_eq!(second.len(), 1);
    }
}

/// Tracked after both Closes have passed, and before the end: it counts as closed.
#[tokio::test(start_paused = true)]
async fn one_that_is_closing_already_counts_as_what_it_comes_to() {
    for role in ROLES {
        let io = Script::new(from_peer(role, b"\x88\x02\x03\xe8"));
        let (drain, mut ws) = (Drain::new(), websocket(role, io.clone(), Config::new()));
        assert_eq!(finish(ws.next()).map(item), Some(Ok(Message::close(1000, ""))));
        drain.track(&mut ws);
        assert_eq!(drain.len(), 1, "the peer has yet to end the stream");
        let closing = closing(&drain, LONG).await;
        assert!(matches!(run(ws.next()), Poll::Pending));
        assert!(!closing.is_finished());
        io.arrive(Read::End);
        assert!(drain_to_end(&mut ws).is_empty(), "{role:?}");
        assert_eq!(within(closing).await.expect("no panic"), [1, 0, 0], "{role:?}");
        assert_eq!(io.written(), wire(role, b"\x88\x02\x03\xe8"), "and not closed twice");
    }
}

/// One task after the other polls, as when a connection is handed on: it is the last that is woken.
#[tokio::test(start_paused = true)]
async fn the_task_that_has_it_now_is_woken() {
    for role in ROLES {
        let (drain, (mut ours, theirs)) = (Drain::new(), pair(role, 1 << 10));
        drain.track(&mut ours);
        for _ in 0..3 {
            let handed = spawn(async move {
                let waits = std::future::poll_fn(|cx| {
                    let mut next = pin!(ours.next());
                    assert!(next.as_mut().poll(cx).is_pending());
                    Poll::Ready(())
                });
                waits.await;
                ours
            });
            ours = handed.await.expect("no panic");
        }
        let (ours, _theirs) = (owner(ours), owner(theirs));
        settle().await;
        assert_eq!(within(close_all(&drain, LONG)).await, [1, 0, 0], "{role:?}");
        assert_eq!(ours.await.expect("no panic"), [reply()]);
    }
}
