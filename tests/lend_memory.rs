//! What `WebSocket::lend` costs, and what it keeps: nothing, once the connection is back.

#[path = "support/heap.rs"]
mod heap;
#[path = "support/io.rs"]
mod io;

use std::{
    sync::Arc,
    task::{Context, Waker},
};

use bowline::{Drain, WebSocket};
use futures_util::{FutureExt, StreamExt};
use heap::{cost, live};
use io::{ROLES, Script, Wakes, untimed, websocket};

/// The wakers of those who had it are let go of, as is the waker of a loan that was dropped.
#[test]
fn no_waker_is_kept() {
    for (role, is_tracked) in ROLES.into_iter().flat_map(|role| [(role, false), (role, true)]) {
        let wakes: [Arc<Wakes>; 3] = Default::default();
        let wakers = wakes.clone().map(Waker::from);
        let mut contexts = wakers.each_ref().map(Context::from_waker);
        let mut ws = websocket(role, Script::new([]), untimed());
        let drain = Drain::new();
        if is_tracked {
            drain.track(&mut ws);
        }
        let (mut ws, mut loan) = ws.lend();
        assert!(loan.poll_unpin(&mut contexts[0]).is_pending());
        assert!(loan.poll_unpin(&mut contexts[1]).is_pending());
        assert!(loan.poll_unpin(&mut contexts[1]).is_pending());
        let count = |n: usize| Arc::strong_count(&wakes[n]) - 2;
        assert_eq!([count(0), count(1)], [0, 1], "{role:?}: the last that polled");
        assert!(ws.poll_next_unpin(&mut contexts[2]).is_pending());
        assert!(count(2) > 1);
        drop(ws);
        assert_eq!(wakes.each_ref().map(|wakes| wakes.count()), [0, 1, 0], "{role:?}");
        assert_eq!(count(1), 0);
        assert_eq!(count(2), 1, "{role:?}: the transport's alone");
        let ws = loan.take().expect("back");
        let (ws, mut loan) = ws.lend();
        assert!(loan.poll_unpin(&mut contexts[0]).is_pending());
        drop(loan);
        assert_eq!(count(0), 0, "{role:?}: nobody waits");
        drop(ws);
        assert_eq!(wakes[0].count(), 0);
    }
}

/// "About 110 bytes while it is lent", and nothing when it is back.
#[test]
fn a_loan_costs_little_and_leaves_nothing() {
    for role in ROLES {
        let connect = || websocket(role, Script::new([]), untimed());
        let mut cx = Context::from_waker(Waker::noop());
        let (mut reader, writer) = connect().split();
        assert!(reader.poll_next_unpin(&mut cx).is_pending());
        let mut ws = reader.reunite(writer).expect("both");
        assert!(ws.poll_next_unpin(&mut cx).is_pending());
        let before = live();
        let lend = |ws: WebSocket<Script>| cost(|| ws.lend());
        let (lending, (lent, mut loan)) = lend(ws);
        assert!((80..=120).contains(&lending.kept), "{role:?}: {lending:?}");
        drop(lent);
        ws = loan.take().expect("back");
        drop(loan);
        assert_eq!(live(), before, "{role:?}");
        let (lent, loan) = ws.lend();
        let (mut reader, writer) = lent.split();
        assert!(reader.poll_next_unpin(&mut cx).is_pending());
        drop((reader, writer));
        let mut loan = loan;
        ws = loan.take().expect("back");
        drop(loan);
        // The transport has the halves' waker until it gets another.
        assert!(ws.poll_next_unpin(&mut cx).is_pending());
        assert_eq!(live(), before, "{role:?}: nor of halves");
        drop(ws);
    }
}
