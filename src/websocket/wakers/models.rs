//! The list of places in every order of its steps there is: it is small enough for that.
//!
//! A step is a lock taken or given back. Nothing else is shared by tasks here, so that weaker memory than
//! the explorer's adds no order.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use shuttle::{
    check_dfs,
    future::{block_on, spawn},
};

use super::{Parties, Party};
use crate::websocket::sync::Mutex;

/// A transport as far as wakers go: something has happened on it, or has not yet, and then it keeps one waker.
#[derive(Default)]
struct Event(Mutex<(bool, Option<Waker>)>);

impl Event {
    fn happen(&self) {
        let mut state = self.0.lock().expect("nobody panics under it");
        state.0 = true;
        let waker = state.1.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    fn poll(&self, waker: Waker) -> Poll<()> {
        let mut state = self.0.lock().expect("nobody panics under it");
        if state.0 {
            return Poll::Ready(());
        }
        state.1 = Some(waker);
        Poll::Pending
    }
}

/// Counts how often it is woken.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Waits for the event as a half does: registers, looks, and forgets when it is there.
async fn wait(parties: &Arc<Parties>, party: Party, event: &Event) {
    poll_fn(|cx| {
        parties.register(party, cx.waker());
        let poll = event.poll(Waker::from(parties.clone()));
        if poll.is_ready() {
            parties.forget(party);
        }
        poll
    })
    .await;
}

/// Runs a model in every order.
fn in_every_order(model: impl Fn() + Send + Sync + 'static) {
    check_dfs(model, None);
}

/// One has left its waker with the event already, and the other comes while it happens.
#[test]
fn an_event_wakes_both_that_wait_for_it() {
    for (early, late) in [(Party::READER, Party::WRITER), (Party::WRITER, Party::READER)] {
        in_every_order(move || {
            let (parties, event) = (Arc::new(Parties::new()), Arc::new(Event::default()));
            let mut first = pin!(wait(&parties, early, &event));
            let wakes = Arc::new(Wakes::default());
            let waker = Waker::from(wakes.clone());
            assert!(first.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            let there = (parties.clone(), event.clone());
            let second = spawn(async move { wait(&there.0, late, &there.1).await });
            event.happen();
            block_on(second).expect("the one that came late");
            assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
        });
    }
}

/// One is woken alone, as a reader is by what is fed.
#[test]
fn who_is_woken_alone_sees_what_was_done_before() {
    in_every_order(|| {
        let (parties, fed) = (Arc::new(Parties::new()), Arc::new(Event::default()));
        let there = (parties.clone(), fed.clone());
        let reader = spawn(async move { wait(&there.0, Party::READER, &there.1).await });
        // What is fed has no waker of its own.
        let mut state = fed.0.lock().expect("nobody panics under it");
        state.0 = true;
        drop(state);
        Parties::wake(&parties, Party::READER);
        block_on(reader).expect("the reader");
    });
}

#[test]
fn places_are_taken_by_one_at_a_time() {
    in_every_order(|| {
        let parties = Arc::new(Parties::new());
        let there = parties.clone();
        let other = spawn(async move {
            let first = there.join();
            there.leave(first);
            there.join()
        });
        let own = parties.join();
        let other = block_on(other).expect("the other");
        assert!(own != other && ![own, other].contains(&Party::WRITER));
        parties.leave(own);
        assert_eq!(parties.join(), own, "a place that is free is used again");
    });
}

/// A place may be given back while all are woken, and taken by another who waits there.
#[test]
fn who_takes_a_place_that_another_gave_back_is_woken() {
    in_every_order(|| {
        let (parties, event) = (Arc::new(Parties::new()), Arc::new(Event::default()));
        parties.leave(Party::WRITER);
        let there = (parties.clone(), event.clone());
        let writer = spawn(async move {
            let party = there.0.join();
            wait(&there.0, party, &there.1).await;
            there.0.leave(party);
        });
        event.happen();
        block_on(writer).expect("the writer");
    });
}
