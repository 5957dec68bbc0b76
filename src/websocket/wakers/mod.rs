//! One connection polled from several tasks: by a reader and a writer, or by a reader and many writers.
//!
//! A transport remembers one waker for reading and one for writing, but every task may read and write: the
//! reader writes pongs and what was fed, a writer reads to judge keepalive. Were each to leave its own waker
//! with the transport, it would take another's place there, and that other would sleep on. So where there
//! are several, the transport gets one that wakes them all.

#[cfg(all(test, shuttle))]
mod models;
mod parties;

use std::{
    sync::Arc,
    task::{Wake, Waker},
};

pub(super) use parties::{Parties, Party};

/// The wakers of whoever polls.
#[derive(Debug)]
pub(super) enum Wakers {
    /// A whole connection, in one task or, by `futures`' `split`, in two.
    Whole(Pair),
    /// Halves.
    Halves(Arc<Parties>),
}

/// Which side of a connection polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// `poll_next`.
    Reader,
    /// `poll_ready`, `poll_flush`, `poll_close`.
    Writer,
}

impl Wakers {
    /// Notes who polls; the waker to leave with the transport, where it isn't simply that one.
    pub(super) fn register(&mut self, party: Party, waker: &Waker) -> Option<Waker> {
        match self {
            Self::Whole(pair) => pair.register(party.side(), waker),
            Self::Halves(parties) => {
                parties.register(party, waker);
                Some(Waker::from(parties.clone()))
            }
        }
    }

    /// Forgets one that waits no more. A whole connection keeps its wakers, and saves making them anew.
    pub(super) fn forget(&mut self, party: Party) {
        if let Self::Halves(parties) = self {
            parties.forget(party);
        }
    }

    /// Wakes everybody else, for whom the connection has changed.
    pub(super) fn wake_others(&self, party: Party) {
        match self {
            Self::Whole(pair) => pair.wake_other(party.side()),
            Self::Halves(parties) => parties.wake_others(party),
        }
    }
}

impl Default for Wakers {
    fn default() -> Self {
        Self::Whole(Pair::default())
    }
}

/// The wakers of both sides.
#[derive(Debug, Default)]
pub(super) struct Pair {
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Wakes both, while they differ.
    both: Option<Waker>,
}

impl Pair {
    fn register(&mut self, side: Side, waker: &Waker) -> Option<Waker> {
        let (own, other) = match side {
            Side::Reader => (&mut self.reader, &self.writer),
            Side::Writer => (&mut self.writer, &self.reader),
        };
        if own.as_ref().is_none_or(|own| !own.will_wake(waker)) {
            *own = Some(waker.clone());
            self.both = None;
        }
        match other {
            Some(other) if !other.will_wake(waker) => {
                let both = || Waker::from(Arc::new(Both(waker.clone(), other.clone())));
                Some(self.both.get_or_insert_with(both).clone())
            }
            _ => None,
        }
    }

    fn wake_other(&self, side: Side) {
        let other = match side {
            Side::Reader => &self.writer,
            Side::Writer => &self.reader,
        };
        if let Some(other) = other {
            other.wake_by_ref();
        }
    }
}

struct Both(Waker, Waker);

impl Wake for Both {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.wake_by_ref();
        self.1.wake_by_ref();
    }
}
