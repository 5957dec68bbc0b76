//! One connection polled from several tasks: by a reader and a writer, or by a reader and many writers.
//!
//! A transport remembers one waker for reading and one for writing, but every task may read and write: the
//! reader writes pongs and what was fed, a writer reads to judge keepalive. Were each to leave its own waker
//! with the transport, it would take another's place there, and that other would sleep on. So where there
//! are several, the transport gets one that wakes them all.

mod budget;
#[cfg(all(test, shuttle))]
mod models;
mod pair;
mod parties;

use std::{
    sync::Arc,
    task::{Context, Waker},
};

pub(super) use budget::{Writes, charge};
pub(crate) use pair::Pair;
pub(super) use parties::Parties;
pub(crate) use parties::Party;

/// The wakers of whoever polls.
#[derive(Debug)]
pub(crate) enum Wakers {
    /// A whole connection, in one task or, by `futures`' `split`, in two.
    Whole(Pair),
    /// Halves, which note who waits on their own.
    Halves(Halves),
}

/// Which side of a connection polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// `poll_next`.
    Reader,
    /// `poll_ready`, `poll_flush`, `poll_close`.
    Writer,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Reader => Self::Writer,
            Self::Writer => Self::Reader,
        }
    }
}

impl Wakers {
    /// Whether nothing has changed about who polls.
    #[inline]
    pub(crate) fn know(&self, party: Party, waker: &Waker) -> bool {
        match self {
            Self::Whole(pair) => pair.knows(party.side(), waker),
            Self::Halves(_) => true,
        }
    }

    /// Notes who polls.
    pub(crate) fn note(&mut self, party: Party, waker: &Waker) {
        if let Self::Whole(pair) = self {
            pair.note(party.side(), waker);
        }
    }

    /// The waker to leave with the transport, where it isn't simply the one that polls.
    #[inline]
    pub(crate) fn for_all(&self) -> Option<Waker> {
        match self {
            Self::Whole(pair) => pair.for_all(),
            Self::Halves(halves) => Some(halves.all.clone()),
        }
    }

    /// Wakes everybody else, for whom the connection has changed; of halves, when the lock is free.
    pub(crate) fn wake_others(&mut self, party: Party) {
        match self {
            Self::Whole(pair) => pair.wake_other(party.side()),
            Self::Halves(halves) => halves.due = halves.due.and_others(party),
        }
    }

    /// Counts what has been written as work done; of halves, when the lock is free.
    pub(super) fn count_written(&mut self, bytes: usize, cx: &mut Context<'_>) {
        match self {
            Self::Whole(_) => charge(bytes, Writes::Alone, cx),
            Self::Halves(halves) => halves.written += bytes,
        }
    }

    /// How much has been written since it was last asked, under the lock of halves.
    pub(super) fn take_written(&mut self) -> usize {
        match self {
            Self::Whole(_) => 0,
            Self::Halves(halves) => std::mem::take(&mut halves.written),
        }
    }

    /// Whether there is no lock, under which nobody may be woken.
    pub(super) fn are_whole(&self) -> bool {
        matches!(self, Self::Whole(_))
    }

    /// Who is to be woken, now that the lock is free.
    pub(super) fn take_due(&mut self) -> Due {
        match self {
            Self::Whole(_) => Due::Nobody,
            Self::Halves(halves) => std::mem::take(&mut halves.due),
        }
    }
}

/// A connection behind a lock. Nobody is woken under it, and no waker dropped: what is behind a waker may be the
/// executor's last hold on a task, and in the task a half that comes back for the lock.
#[derive(Debug)]
pub(crate) struct Halves {
    /// Wakes all that wait.
    all: Waker,
    due: Due,
    /// Bytes that have yet to be counted as work done.
    written: usize,
}

impl Halves {
    pub(super) fn new(parties: Arc<Parties>) -> Self {
        Self { all: parties.into(), due: Due::Nobody, written: 0 }
    }
}

/// Who is to be woken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Due {
    #[default]
    Nobody,
    AllBut(Party),
    All,
}

impl Due {
    fn and_others(self, party: Party) -> Self {
        match self {
            Self::Nobody => Self::AllBut(party),
            Self::AllBut(spared) if spared == party => self,
            _ => Self::All,
        }
    }
}

impl Default for Wakers {
    fn default() -> Self {
        Self::Whole(Pair::Nobody)
    }
}
