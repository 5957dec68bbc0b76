use std::task::Waker;

/// What became of a message that was published.
///
/// Each subscriber of the topic was either sent it (`queued`), missed it (one of `dropped`) or was cut off
/// by it (`disconnected`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The subscribers that it was queued for.
    pub queued: usize,
    /// How often a subscriber lost a message by it: an older one, dropped for it, or this one. A subscriber
    /// counts for each. What was queued for those that were cut off is not in here.
    pub dropped: usize,
    /// The subscribers that were cut off by it.
    pub disconnected: usize,
}

/// What a publisher carries out of the lock.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) report: Report,
    pub(super) wakers: Vec<Waker>,
}

/// Whether there was room within the hub's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Found,
    /// Some subscribers have given way.
    Made,
}
