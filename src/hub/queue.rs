//! What waits for one subscriber.
//!
//! ```text
//!        a message too many, `disconnect`
//!  Open ----------------------------------> Overrun: emptied, the Close is due
//!    |   the last handle is dropped
//!    +------------------------------------> Ended: what is there is still taken
//! ```

use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicUsize},
    task::{Context, Poll, Waker},
};

use super::{
    budget::Queued,
    policy::{Policy, WhenFull},
    report::{Room, Tally},
};
use crate::{message::Prepared, vocabulary::CloseFrame};

/// What an empty queue keeps room for, in messages: the first to come allocates nothing. And how much it may
/// have kept before it gives the rest back.
const KEPT: usize = 4;
const LARGE: usize = 64;

/// One subscriber's messages. Its lock is the innermost: nothing is called under it that takes another.
#[derive(Debug)]
pub(super) struct Queue {
    policy: Policy,
    /// Where it is in its topic's list, under the topic's lock.
    pub(super) place: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    messages: VecDeque<Arc<Queued>>,
    phase: Phase,
    waiting: Waiting,
    missed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    Overrun,
    Ended,
}

/// What a waiting subscriber is to be woken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    /// A message, or that none will come.
    Message,
    /// That it has been cut off.
    Overrun,
}

#[derive(Debug)]
enum Waiting {
    Nobody,
    For(Event, Waker),
}

/// Whether a subscriber is still one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Stays,
    CutOff,
}

/// What giving way came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    Nothing,
    Message,
    Subscriber,
}

/// What there is for the subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Messages.
    Queued,
    /// Nothing yet.
    Empty,
    /// Nothing any more.
    Ended,
    /// A Close.
    Overrun,
}

impl Queue {
    pub(super) fn new(policy: Policy) -> Self {
        let state = State {
            messages: VecDeque::with_capacity(policy.capacity().min(KEPT)),
            phase: Phase::Open,
            waiting: Waiting::Nobody,
            missed: 0,
        };
        Self { policy, place: AtomicUsize::new(usize::MAX), state: Mutex::new(state) }
    }

    // ---- the publisher's side, under the topic's lock ----

    /// Queues a message, or has the policy decide.
    pub(super) fn push(&self, message: &Arc<Queued>, room: Room, tally: &mut Tally) -> Fate {
        let mut state = self.lock();
        let is_full = state.messages.len() >= self.policy.capacity();
        match self.policy.when_full() {
            WhenFull::Oldest if is_full => state.drop_oldest(tally),
            WhenFull::Newest if is_full || (room == Room::Made && !state.messages.is_empty()) => {
                state.miss(tally);
                return Fate::Stays;
            }
            WhenFull::Subscriber(_) if is_full => {
                state.cut_off(tally);
                return Fate::CutOff;
            }
            _ => {}
        }
        state.messages.push_back(message.clone());
        tally.report.queued += 1;
        tally.wakers.extend(state.wake_for(Event::Message));
        Fate::Stays
    }

    /// Gives way to a message that there is no room for, where anything is queued. One that drops the newest
    /// does so when it comes.
    pub(super) fn give_way(&self, tally: &mut Tally) -> Given {
        let mut state = self.lock();
        match self.policy.when_full() {
            _ if state.messages.is_empty() => Given::Nothing,
            WhenFull::Oldest => {
                state.drop_oldest(tally);
                Given::Message
            }
            WhenFull::Newest => Given::Nothing,
            WhenFull::Subscriber(_) => {
                state.cut_off(tally);
                Given::Subscriber
            }
        }
    }

    /// There is no room for a message anywhere.
    pub(super) fn miss(&self, tally: &mut Tally) {
        self.lock().miss(tally);
    }

    /// Nothing more will come; whoever is to be woken for it.
    pub(super) fn end(&self) -> Option<Waker> {
        let mut state = self.lock();
        state.phase = Phase::Ended;
        state.wake_for(Event::Message)
    }

    // ---- the subscriber's side ----

    pub(super) fn take(&self) -> Option<Prepared> {
        self.lock().take()
    }

    pub(super) fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Option<Prepared>> {
        self.poll(Event::Message, cx, |state| match state.take() {
            None if state.phase == Phase::Open => None,
            taken => Some(taken),
        })
    }

    /// Waits for a message or the end, which `status` then tells.
    pub(super) fn poll_filled(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll(Event::Message, cx, |state| (state.status() != Status::Empty).then_some(()))
    }

    /// Waits, whatever comes, to be cut off.
    pub(super) fn poll_overrun(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll(Event::Overrun, cx, |state| (state.phase == Phase::Overrun).then_some(()))
    }

    pub(super) fn status(&self) -> Status {
        self.lock().status()
    }

    pub(super) fn missed(&self) -> u64 {
        self.lock().missed
    }

    /// The Close that is due.
    pub(super) fn overrun(&self) -> Option<&CloseFrame> {
        match self.policy.when_full() {
            WhenFull::Subscriber(frame) => (self.status() == Status::Overrun).then_some(frame),
            _ => None,
        }
    }

    /// Looks for something, and leaves the waker for its event where it isn't there. The waker is cloned, and
    /// the one before it dropped, without the lock: both are the caller's code.
    fn poll<O>(
        &self,
        event: Event,
        cx: &mut Context<'_>,
        look: impl Fn(&mut State) -> Option<O>,
    ) -> Poll<O> {
        {
            let mut state = self.lock();
            if let Some(found) = look(&mut state) {
                return Poll::Ready(found);
            }
            if matches!(&state.waiting, Waiting::For(own, waker)
                if *own == event && waker.will_wake(cx.waker()))
            {
                return Poll::Pending;
            }
        }
        let waiting = Waiting::For(event, cx.waker().clone());
        let mut state = self.lock();
        // It may have come meanwhile.
        if let Some(found) = look(&mut state) {
            drop(state);
            drop(waiting);
            return Poll::Ready(found);
        }
        let before = mem::replace(&mut state.waiting, waiting);
        drop(state);
        drop(before);
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock can panic halfway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self) -> Option<Prepared> {
        let queued = self.messages.pop_front()?;
        if self.messages.is_empty() && self.messages.capacity() > LARGE {
            self.messages = VecDeque::with_capacity(KEPT);
        }
        Some(queued.message().clone())
    }

    fn status(&self) -> Status {
        match self.phase {
            Phase::Overrun => Status::Overrun,
            _ if !self.messages.is_empty() => Status::Queued,
            Phase::Open => Status::Empty,
            Phase::Ended => Status::Ended,
        }
    }

    fn drop_oldest(&mut self, tally: &mut Tally) {
        self.messages.pop_front();
        self.miss(tally);
    }

    fn miss(&mut self, tally: &mut Tally) {
        self.missed += 1;
        tally.report.dropped += 1;
    }

    fn cut_off(&mut self, tally: &mut Tally) {
        self.messages = VecDeque::new();
        self.phase = Phase::Overrun;
        tally.report.disconnected += 1;
        tally.wakers.extend(self.wake_for(Event::Overrun));
    }

    /// The waker of whoever waits for this. A message is nothing to one that waits to be cut off, all else
    /// is something to everybody.
    fn wake_for(&mut self, event: Event) -> Option<Waker> {
        match (&self.waiting, event) {
            (Waiting::Nobody, _) | (Waiting::For(Event::Overrun, _), Event::Message) => None,
            _ => match mem::replace(&mut self.waiting, Waiting::Nobody) {
                Waiting::For(_, waker) => Some(waker),
                Waiting::Nobody => None,
            },
        }
    }
}
