//! What is to be sent, on this connection or on the next.
//!
//! ```text
//!  given                     queued with the connection           its whole frame taken
//!    |                                |                                     |
//!    v                                v                                     v
//!  waiting  -- a connection -->   in flight   -- the transport takes it -->  gone: never sent again
//!    ^                                |
//!    +------ the connection broke ----+
//! ```

use std::{collections::VecDeque, fmt, mem};

use super::cost;
use crate::{
    message::Message,
    vocabulary::{Error, UsageError},
    websocket::{Mark, WebSocket},
};

/// What becomes of messages that no connection's transport has taken whole.
///
/// Either way a message whose whole frame the transport has taken is never sent again. It may have arrived or not: of
/// that a WebSocket knows nothing, and whoever has to know has the peer acknowledge it. Only data messages are kept; a
/// Ping or Pong is about the connection that it was given to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unsent {
    /// They go out on the next connection, in order. Sending waits for it, and past a bound so does feeding. The
    /// default: what was accepted is not lost without a word, and whoever sends need not know whether there is a
    /// connection.
    #[default]
    Keep,
    /// They are dropped, and counted in [`Disconnected::unsent`](super::Disconnected::unsent). Without a connection a
    /// message is refused with [`UsageError::NotConnected`]. For what is worth nothing later, as positions and prices
    /// are.
    Drop,
}

/// The messages on their way out.
pub(super) struct Outgoing {
    pub(super) unsent: Unsent,
    pub(super) max_bytes: usize,
    waiting: VecDeque<Message>,
    in_flight: VecDeque<(Message, Mark)>,
    /// What both cost.
    bytes: usize,
    loss: Loss,
}

/// Whether messages were dropped of which a sender may wait to hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    None,
    Untold,
}

/// How many there are, and not what is in them.
impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("unsent", &self.unsent)
            .field("waiting", &self.waiting.len())
            .field("in_flight", &self.in_flight.len())
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl Outgoing {
    pub(super) fn new() -> Self {
        Self {
            unsent: Unsent::default(),
            max_bytes: 1 << 20,
            waiting: VecDeque::new(),
            in_flight: VecDeque::new(),
            bytes: 0,
            loss: Loss::None,
        }
    }

    /// Whether another message may come, connection or not.
    pub(super) fn has_room(&self) -> bool {
        self.bytes == 0 || self.bytes < self.max_bytes
    }

    /// Whether nothing waits for a connection, or for room on it.
    pub(super) fn is_handed_over(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether a transport has taken everything.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.in_flight.is_empty()
    }

    /// How many no transport has taken.
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.in_flight.len()
    }

    /// A new message comes: what became of older ones is no answer for it.
    pub(super) fn handle_new(&mut self) {
        self.loss = Loss::None;
    }

    /// Keeps a message for the next connection.
    pub(super) fn hold(&mut self, message: Message) -> Result<(), Error> {
        if self.unsent == Unsent::Drop {
            return Err(UsageError::NotConnected.into());
        }
        if message.is_data() {
            self.bytes += cost(&message);
            self.waiting.push_back(message);
        }
        Ok(())
    }

    /// What is to go out next.
    pub(super) fn first(&self) -> Option<&Message> {
        self.waiting.front()
    }

    /// That is queued with the connection now, up to this place.
    pub(super) fn handle_first_queued(&mut self, mark: Mark) {
        if let Some(message) = self.waiting.pop_front() {
            self.in_flight.push_back((message, mark));
        }
    }

    /// A message is queued with the connection, up to this place.
    pub(super) fn handle_queued(&mut self, message: Message, mark: Mark) {
        if message.is_data() {
            self.bytes += cost(&message);
            self.in_flight.push_back((message, mark));
        }
    }

    /// Lets go of what the transport has taken.
    pub(super) fn settle<T>(&mut self, ws: &WebSocket<T>) {
        while self.in_flight.front().is_some_and(|(_, mark)| ws.is_past(*mark)) {
            let taken = self.in_flight.pop_front();
            self.bytes -= taken.map_or(0, |(message, _)| cost(&message));
        }
        if self.is_empty() {
            (self.waiting, self.in_flight) = (VecDeque::new(), VecDeque::new());
        }
    }

    /// The connection is over: what it has not got rid of is kept or dropped. How many that is.
    pub(super) fn recall<T>(&mut self, ws: &WebSocket<T>) -> usize {
        self.settle(ws);
        let unsent = self.len();
        for (message, _) in mem::take(&mut self.in_flight).into_iter().rev() {
            self.waiting.push_front(message);
        }
        if self.unsent == Unsent::Drop && unsent > 0 {
            self.take();
            self.loss = Loss::Untold;
        }
        unsent
    }

    /// What a sender is told that has waited for everything to go out, once.
    pub(super) fn take_loss(&mut self) -> Result<(), Error> {
        match mem::replace(&mut self.loss, Loss::None) {
            Loss::None => Ok(()),
            Loss::Untold => Err(UsageError::NotConnected.into()),
        }
    }

    /// What waits for a connection, by value.
    pub(super) fn take(&mut self) -> Vec<Message> {
        let taken: Vec<Message> = mem::take(&mut self.waiting).into();
        self.bytes -= taken.iter().map(cost).sum::<usize>();
        taken
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Waker},
    };

    use tokio::io::duplex;

    use super::*;
    use crate::vocabulary::{Config, Role};

    fn untimed() -> Config {
        Config::new().with_keepalive(None).with_send_timeout(None).with_close_timeout(None)
    }

    /// Frames of ten bytes each, and a transport that takes so many bytes before it breaks.
    #[test]
    fn what_was_not_taken_whole_is_recalled_in_order_and_nothing_else() {
        let messages = ["0 bytes.", "1 bytes.", "2 bytes.", "3 bytes."].map(Message::text);
        let cx = &mut Context::from_waker(Waker::noop());
        for (unsent, taken) in [Unsent::Keep, Unsent::Drop]
            .iter()
            .flat_map(|unsent| (1..=41).map(move |n| (*unsent, n)))
        {
            let (io, far) = duplex(taken);
            let mut ws = WebSocket::new(io, Role::Server, untimed());
            let mut outgoing = Outgoing { unsent, ..Outgoing::new() };
            for message in &messages {
                ws.start_feed(message.clone()).expect("open");
                outgoing.handle_queued(message.clone(), ws.mark());
            }
            assert_eq!((outgoing.len(), outgoing.bytes), (4, 4 * 72));
            // Once as far as it goes, and then it is broken: nobody has looked in between.
            let _ = pin!(ws.flush()).poll(cx);
            drop(far);
            let _ = pin!(ws.flush()).poll(cx);
            let left = &messages[(taken / 10).min(4)..];
            assert_eq!(outgoing.recall(&ws), left.len(), "{taken} bytes");
            match unsent {
                Unsent::Keep => {
                    assert_eq!(outgoing.bytes, 72 * left.len());
                    assert_eq!(outgoing.take(), left, "{taken} bytes");
                    outgoing.take_loss().expect("nothing is lost");
                }
                Unsent::Drop => {
                    assert_eq!(outgoing.take_loss().is_err(), !left.is_empty());
                    outgoing.take_loss().expect("told once");
                }
            }
            assert!(outgoing.is_empty() && outgoing.bytes == 0);
        }
    }
}
