//! One connection polled from two tasks, as after `futures::StreamExt::split`.
//!
//! A transport remembers one waker for reading and one for writing, but either task may read and write:
//! the reader writes pongs and what was fed, the writer reads to judge keepalive. Were each to leave its
//! own waker with the transport, it would take the other's place there, and the other would sleep on.

use std::{
    sync::Arc,
    task::{Wake, Waker},
};

/// The wakers of both sides.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Wakes both, while they differ.
    both: Option<Waker>,
}

/// Which side polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// `poll_next`.
    Reader,
    /// `poll_ready`, `poll_flush`, `poll_close`.
    Writer,
}

impl Wakers {
    /// Notes who polls; the waker to leave with the transport, where it isn't simply that one.
    pub(super) fn register(&mut self, side: Side, waker: &Waker) -> Option<Waker> {
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

    /// Wakes the other side, for which the connection has changed.
    pub(super) fn wake_other(&self, side: Side) {
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
