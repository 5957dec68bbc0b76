//! One topic: who has subscribed to it, and in which order its messages go.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    task::Waker,
};

use super::{
    budget::Budget,
    publishing,
    queue::Queue,
    report::{Report, Tally},
};
use crate::message::Prepared;

/// The lock is held while a message goes into all queues: that is what makes the order one. No waker is
/// woken, cloned or dropped under it.
#[derive(Debug)]
pub(super) struct Topic {
    name: Arc<str>,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// In the hub's list.
    Listed(Subscribers),
    /// The last subscriber has left, and another topic may have the name.
    Removed,
}

#[derive(Debug, Default)]
struct Subscribers {
    queues: Vec<Arc<Queue>>,
    /// Room for the wakers of the next message, always empty: so publishing allocates for none of them.
    wakers: Vec<Waker>,
}

/// Whether anybody is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    Some,
    Nobody,
}

impl Topic {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.into(), state: Mutex::new(State::Listed(Subscribers::default())) }
    }

    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(super) fn len(&self) -> usize {
        match &*self.lock() {
            State::Listed(subscribers) => subscribers.queues.len(),
            State::Removed => 0,
        }
    }

    /// Adds a subscriber; false where the topic is gone.
    pub(super) fn join(&self, queue: &Arc<Queue>) -> bool {
        match &mut *self.lock() {
            State::Listed(Subscribers { queues, .. }) => {
                queue.place.store(queues.len(), Ordering::Relaxed);
                queues.push(queue.clone());
                true
            }
            State::Removed => false,
        }
    }

    /// Takes a subscriber out, if it is still in.
    pub(super) fn leave(&self, queue: &Queue) -> Left {
        let State::Listed(Subscribers { queues, .. }) = &mut *self.lock() else {
            return Left::Nobody;
        };
        let place = queue.place.load(Ordering::Relaxed);
        if place < queues.len() {
            publishing::remove(queues, place);
        }
        if queues.is_empty() { Left::Nobody } else { Left::Some }
    }

    /// Marks the topic as gone, where nobody is left.
    pub(super) fn remove(&self) -> Left {
        let mut state = self.lock();
        match &*state {
            State::Listed(subscribers) if !subscribers.queues.is_empty() => Left::Some,
            _ => {
                *state = State::Removed;
                Left::Nobody
            }
        }
    }

    pub(super) fn publish(&self, message: &Prepared, budget: &Arc<Budget>) -> (Report, Left) {
        let mut tally = Tally::default();
        let left = match &mut *self.lock() {
            State::Listed(Subscribers { queues, wakers }) if !queues.is_empty() => {
                tally.wakers = mem::take(wakers);
                publishing::publish(queues, message, budget, &mut tally);
                if queues.is_empty() { Left::Nobody } else { Left::Some }
            }
            _ => return (tally.report, Left::Some),
        };
        self.wake_all(tally.wakers);
        (tally.report, left)
    }

    /// Nothing will be published any more.
    pub(super) fn end(&self) {
        let wakers: Vec<Waker> = match &*self.lock() {
            State::Listed(subscribers) => {
                subscribers.queues.iter().filter_map(|queue| queue.end()).collect()
            }
            State::Removed => return,
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Wakes them, and keeps their room for the next message.
    fn wake_all(&self, mut wakers: Vec<Waker>) {
        if wakers.is_empty() {
            return;
        }
        wakers.drain(..).for_each(Waker::wake);
        if let State::Listed(subscribers) = &mut *self.lock() {
            let most = (subscribers.queues.len() * 2).max(4);
            if (subscribers.wakers.capacity()..=most).contains(&wakers.capacity()) {
                subscribers.wakers = wakers;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock can panic halfway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
