use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_core::{FusedStream, Stream};

use super::{
    queue::{Queue, Status},
    topic::Topic,
    topics::Topics,
};
use crate::{message::Prepared, vocabulary::CloseFrame};

/// One subscriber of a topic: a `Stream` of what is published to it. Made by
/// [`Hub::subscribe`](super::Hub::subscribe).
///
/// It ends when its [`Policy`](super::Policy) cuts it off, which [`overrun`](Self::overrun) then tells, and
/// after the last handle of its hub was dropped. Dropping it unsubscribes, and lets go of what is queued.
#[must_use = "dropping it unsubscribes"]
pub struct Subscription {
    pub(super) queue: Arc<Queue>,
    topic: Arc<Topic>,
    topics: Arc<Topics>,
}

impl Subscription {
    pub(super) fn new(queue: Arc<Queue>, topic: Arc<Topic>, topics: Arc<Topics>) -> Self {
        Self { queue, topic, topics }
    }

    /// The next message; `None` when no more will come.
    ///
    /// Cancel-safe: a message is either returned or still there.
    pub async fn next(&mut self) -> Option<Prepared> {
        poll_fn(|cx| self.queue.poll_take(cx)).await
    }

    /// The next message, where it is there already.
    pub fn try_next(&mut self) -> Option<Prepared> {
        self.queue.take()
    }

    /// How many messages this subscriber has missed: those that its policy has dropped, and those that the
    /// hub had no room for. What was queued when it was cut off is not in here.
    pub fn missed(&self) -> u64 {
        self.queue.missed()
    }

    /// The Close that is due, once the policy has cut this subscriber off; [`next`](Self::next) is `None`
    /// from then on. [`forward`](Self::forward) sends it.
    pub fn overrun(&self) -> Option<&CloseFrame> {
        self.queue.overrun()
    }

    /// What it is subscribed to.
    pub fn topic(&self) -> &str {
        self.topic.name()
    }
}

impl Stream for Subscription {
    type Item = Prepared;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Prepared>> {
        self.queue.poll_take(cx)
    }
}

impl FusedStream for Subscription {
    fn is_terminated(&self) -> bool {
        matches!(self.queue.status(), Status::Ended | Status::Overrun)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.topics.leave(&self.topic, &self.queue);
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("topic", &self.topic())
            .field("missed", &self.missed())
            .field("overrun", &self.overrun())
            .finish_non_exhaustive()
    }
}
