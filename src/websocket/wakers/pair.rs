use std::{
    mem,
    sync::Arc,
    task::{Wake, Waker},
};

use super::Side;

/// The wakers of both sides of a whole connection.
///
/// ```text
///           one side polls            the other does, in the same task
///  Nobody -----------------> Alone --------------------------------> Together
///                              |                                      |    ^
///                              | in another task      in another task |    | in the same
///                              +----------------> Apart <-------------+    | again
///                                                   +----------------------+
/// ```
#[derive(Debug, Default)]
pub(crate) enum Pair {
    #[default]
    Nobody,
    Alone(Side, Waker),
    Together(Waker),
    /// Boxed, because few connections are polled so.
    Apart(Box<Apart>),
}

#[derive(Debug)]
pub(crate) struct Apart {
    reader: Waker,
    writer: Waker,
    /// Wakes both.
    both: Waker,
}

impl Pair {
    /// Whether this side polls, and with this waker.
    #[inline]
    pub(super) fn knows(&self, side: Side, waker: &Waker) -> bool {
        match self {
            Self::Nobody => false,
            Self::Alone(own_side, own) => *own_side == side && own.will_wake(waker),
            Self::Together(own) => own.will_wake(waker),
            Self::Apart(apart) => apart.own(side).will_wake(waker),
        }
    }

    /// Notes who polls, where that is [new](Self::knows).
    pub(super) fn note(&mut self, side: Side, waker: &Waker) {
        *self = match mem::take(self) {
            Self::Nobody => Self::Alone(side, waker.clone()),
            Self::Alone(own_side, _) if own_side == side => Self::Alone(side, waker.clone()),
            Self::Alone(_, other) | Self::Together(other) => Self::of(side, waker, other),
            Self::Apart(apart) => Self::of(side, waker, apart.into_other(side)),
        };
    }

    /// The waker to leave with the transport, where it isn't simply the one that polls.
    #[inline]
    pub(super) fn for_all(&self) -> Option<Waker> {
        match self {
            Self::Apart(apart) => Some(apart.both.clone()),
            _ => None,
        }
    }

    /// Both sides, of which this one has this waker.
    fn of(side: Side, waker: &Waker, other: Waker) -> Self {
        if other.will_wake(waker) {
            return Self::Together(other);
        }
        let both = Waker::from(Arc::new(Both(waker.clone(), other.clone())));
        let (reader, writer) = match side {
            Side::Reader => (waker.clone(), other),
            Side::Writer => (other, waker.clone()),
        };
        Self::Apart(Box::new(Apart { reader, writer, both }))
    }

    pub(super) fn wake_other(&self, side: Side) {
        match self {
            Self::Alone(own_side, waker) if *own_side != side => waker.wake_by_ref(),
            Self::Together(waker) => waker.wake_by_ref(),
            Self::Apart(apart) => apart.other(side).wake_by_ref(),
            Self::Nobody | Self::Alone(..) => {}
        }
    }
}

impl Apart {
    fn own(&self, side: Side) -> &Waker {
        match side {
            Side::Reader => &self.reader,
            Side::Writer => &self.writer,
        }
    }

    fn other(&self, side: Side) -> &Waker {
        self.own(side.other())
    }

    fn into_other(self, side: Side) -> Waker {
        match side {
            Side::Reader => self.writer,
            Side::Writer => self.reader,
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
