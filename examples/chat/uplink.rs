//! From the room to the broker: what the other processes are to hear.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::protocol::Entry;

/// What may wait to be passed on, where the broker takes nothing for a while. What is said beyond that is
/// heard here alone: nobody waits for the broker.
const MAX_BACKLOG: usize = 1_000;

/// What happens in this process's room.
#[derive(Debug)]
pub(crate) enum Event {
    Arrived(String),
    Left(String),
    Said { entry: Entry, _place: OwnedSemaphorePermit },
}

/// The room's end. Dropping it ends the broker's work.
pub(crate) struct Uplink {
    events: mpsc::UnboundedSender<Event>,
    backlog: Arc<Semaphore>,
}

impl Uplink {
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (events, receiver) = mpsc::unbounded_channel();
        (Self { events, backlog: Arc::new(Semaphore::new(MAX_BACKLOG)) }, receiver)
    }

    pub(crate) fn arrived(&self, name: &str) {
        self.pass_on(Event::Arrived(name.to_owned()));
    }

    pub(crate) fn left(&self, name: &str) {
        self.pass_on(Event::Left(name.to_owned()));
    }

    pub(crate) fn said(&self, entry: &Entry) {
        if let Ok(place) = self.backlog.clone().try_acquire_owned() {
            self.pass_on(Event::Said { entry: entry.clone(), _place: place });
        }
    }

    fn pass_on(&self, event: Event) {
        // It fails where the broker's task is over, which is when the process ends.
        let _ = self.events.send(event);
    }
}
