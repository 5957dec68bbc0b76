use crate::vocabulary::{CloseCode, CloseFrame, Utf8Bytes};

/// How many messages may wait for a subscriber, and what happens when there are more.
///
/// Chosen for each subscription on its own. Unless chosen it is
/// `disconnect(64, CloseCode::AGAIN, "too far behind")`.
///
/// A queue's memory is 8 bytes a message; the messages themselves are shared by all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    capacity: usize,
    when_full: WhenFull,
}

/// What gives way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WhenFull {
    /// The queue's first message.
    Oldest,
    /// The message that comes.
    Newest,
    /// The subscriber, with this Close due.
    Subscriber(CloseFrame),
}

impl Policy {
    /// At most so many messages wait, and the oldest is dropped for a newer one: for states that replace
    /// each other, as prices and positions do. A capacity of 0 is taken for 1.
    pub fn drop_oldest(capacity: usize) -> Self {
        Self::new(capacity, WhenFull::Oldest)
    }

    /// At most so many messages wait, and one that comes to a full queue is dropped: for what is better late
    /// than torn. A capacity of 0 is taken for 1.
    pub fn drop_newest(capacity: usize) -> Self {
        Self::new(capacity, WhenFull::Newest)
    }

    /// At most so many messages wait, and a message that comes to a full queue ends the subscription: its
    /// queue is emptied at once, and the Close of this code and reason is due
    /// ([`Subscription::overrun`](super::Subscription::overrun)). For those who must not miss anything
    /// unawares. A capacity of 0 is taken for 1.
    ///
    /// A code that may not be sent, or a reason over 123 bytes, is refused where the Close would be sent.
    pub fn disconnect(
        capacity: usize,
        code: impl Into<CloseCode>,
        reason: impl Into<Utf8Bytes>,
    ) -> Self {
        Self::new(capacity, WhenFull::Subscriber(CloseFrame::new(code, reason)))
    }

    fn new(capacity: usize, when_full: WhenFull) -> Self {
        Self { capacity: capacity.max(1), when_full }
    }

    /// How many messages may wait.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn when_full(&self) -> &WhenFull {
        &self.when_full
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::disconnect(64, CloseCode::AGAIN, Utf8Bytes::from_static("too far behind"))
    }
}
