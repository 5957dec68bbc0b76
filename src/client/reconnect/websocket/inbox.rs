//! What nobody has taken yet.

use std::collections::VecDeque;

use super::{Connected, Disconnected, Event, cost};
use crate::message::Message;

/// The most bytes of messages that wait here, and so the most that is read on behalf of nobody.
const MAX_BYTES: usize = 1 << 20;

/// Events in order: the newest of each end and beginning of a connection, and messages that were read from a connection
/// that takes nothing more before a sender could give it up.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    events: VecDeque<Event>,
    bytes: usize,
}

impl Inbox {
    /// In place of an older one that nobody has taken.
    pub(super) fn push_connected(&mut self, connected: Connected) {
        self.events.retain(|event| !matches!(event, Event::Connected(_)));
        self.events.push_back(Event::Connected(connected));
    }

    /// In place of an older one that nobody has taken.
    pub(super) fn push_disconnected(&mut self, disconnected: Disconnected) {
        self.events.retain(|event| !matches!(event, Event::Disconnected(_)));
        self.events.push_back(Event::Disconnected(disconnected));
    }

    pub(super) fn push_message(&mut self, message: Message) {
        self.bytes += cost(&message);
        self.events.push_back(Event::Message(message));
    }

    /// Whether it has no room for another message.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= MAX_BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub(super) fn pop(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        if let Event::Message(message) = &event {
            self.bytes -= cost(message);
        }
        if self.events.is_empty() {
            self.events = VecDeque::new();
        }
        Some(event)
    }
}
