use std::{sync::Arc, task::Waker};

use super::{
    Roll,
    roll::{Left, Place},
};

/// A connection's place in a drain, given back when it is dropped; that may wake those who wait for an empty drain.
#[derive(Debug)]
pub(in crate::websocket) struct Member {
    roll: Arc<Roll>,
    place: Place,
    /// The round that it knows of.
    seen: u32,
    left: Left,
    /// The same as is in the place, where it can be compared without a lock. After the next round there is none
    /// in the place any more.
    waker: Option<Waker>,
}

/// What a connection is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::websocket) enum Order {
    Close,
    /// End, the time is up. Its place is gone.
    Cut,
}

impl Member {
    pub(in crate::websocket) fn join(roll: Arc<Roll>) -> Self {
        let place = roll.join();
        Self { seen: place.since(), place, roll, left: Left::Lost, waker: None }
    }

    pub(in crate::websocket) fn roll(&self) -> &Arc<Roll> {
        &self.roll
    }

    /// Whether all were called to close before it came.
    pub(in crate::websocket) fn is_late(&self) -> bool {
        self.seen > 0
    }

    /// Leaves the waker of whoever polls; what there is to do, once. To be asked before each poll.
    #[inline]
    pub(in crate::websocket) fn look(&mut self, waker: &Waker) -> Option<Order> {
        let is_known = self.roll.round() == self.seen;
        if is_known && self.waker.as_ref().is_some_and(|own| own.will_wake(waker)) {
            return None;
        }
        self.register(waker)
    }

    fn register(&mut self, waker: &Waker) -> Option<Order> {
        self.waker = Some(waker.clone());
        let round = self.roll.register(self.place, self.waker.clone());
        let seen = std::mem::replace(&mut self.seen, round);
        match (seen, round) {
            _ if seen == round => None,
            (0, 1) => Some(Order::Close),
            _ => Some(Order::Cut),
        }
    }

    /// Whoever has polled so far does so no more.
    pub(in crate::websocket) fn forget_waker(&mut self) {
        if self.waker.take().is_some() {
            // What it says of the round, the next poll will see.
            self.roll.register(self.place, None);
        }
    }

    /// Both Closes have passed.
    pub(in crate::websocket) fn handle_closed(&mut self) {
        self.left = Left::Closed;
    }

    /// Leaves for another drain.
    pub(in crate::websocket) fn move_on(mut self) {
        self.left = Left::Moved;
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.roll.leave(self.place, self.left);
    }
}
