use std::{
    sync::{Arc, PoisonError},
    task::{Wake, Waker},
};

use super::{Due, Side};
use crate::websocket::sync::{Mutex, MutexGuard};

/// One of those who poll a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Party(u32);

impl Party {
    pub(crate) const READER: Self = Self(0);
    /// The writing side of a whole connection, and the first writer of halves.
    pub(crate) const WRITER: Self = Self(1);

    fn at(index: usize) -> Self {
        // Nobody has so many.
        Self(index as u32)
    }

    fn index(self) -> usize {
        self.0 as usize
    }

    pub(super) fn side(self) -> Side {
        if self == Self::READER { Side::Reader } else { Side::Writer }
    }
}

/// Whoever polls the halves of one connection, with a waker while they wait: the reader first, then each
/// writer in its place.
///
/// This is the waker that the transport gets. It wakes all that wait, and each then sees for itself; so
/// none is lost, whoever of them left it there.
#[derive(Debug)]
pub(in crate::websocket) struct Parties {
    places: Mutex<Vec<Place>>,
}

#[derive(Debug)]
enum Place {
    Free,
    Taken(Option<Waker>),
}

impl Parties {
    /// A reader and a writer.
    pub(in crate::websocket) fn new() -> Self {
        Self { places: Mutex::new(vec![Place::Taken(None), Place::Taken(None)]) }
    }

    /// A place for one more writer.
    pub(in crate::websocket) fn join(&self) -> Party {
        let mut places = self.places();
        // The reader's place is nobody else's, whether there is one or not.
        let mut writers = places.iter().skip(1);
        let free = writers.position(|place| matches!(place, Place::Free));
        let index = free.map_or(places.len(), |free| free + 1);
        match places.get_mut(index) {
            Some(place) => *place = Place::Taken(None),
            None => places.push(Place::Taken(None)),
        }
        Party::at(index)
    }

    /// Gives a place back.
    pub(in crate::websocket) fn leave(&self, party: Party) {
        drop(self.replace(party, Place::Free));
    }

    /// Whether there is nobody but a reader and a writer.
    pub(in crate::websocket) fn are_two(&self) -> bool {
        let places = self.places();
        places.iter().filter(|place| matches!(place, Place::Taken(_))).count() == 2
    }

    /// Whether there is a reader.
    pub(in crate::websocket) fn has_reader(&self) -> bool {
        matches!(self.places().first(), Some(Place::Taken(_)))
    }

    /// Notes who waits, before it looks whether it has to.
    pub(in crate::websocket) fn register(&self, party: Party, waker: &Waker) {
        if !self.is_registered(party, waker) {
            drop(self.replace(party, Place::Taken(Some(waker.clone()))));
        }
    }

    fn is_registered(&self, party: Party, waker: &Waker) -> bool {
        let places = self.places();
        matches!(places.get(party.index()), Some(Place::Taken(Some(own))) if own.will_wake(waker))
    }

    /// What was there before, to be dropped without the lock: a waker may be the last to hold its task, and
    /// the task another writer, who comes back for the lock.
    fn replace(&self, party: Party, place: Place) -> Option<Place> {
        let mut places = self.places();
        places.get_mut(party.index()).map(|old| std::mem::replace(old, place))
    }

    /// Forgets one that waits no more.
    pub(in crate::websocket) fn forget(&self, party: Party) {
        drop(self.take(party.index()));
    }

    /// Wakes this one, if it waits.
    pub(in crate::websocket) fn wake(&self, party: Party) {
        if let Taken::Waker(waker) = self.take(party.index()) {
            waker.wake();
        }
    }

    pub(in crate::websocket) fn wake_due(&self, due: Due) {
        match due {
            Due::Nobody => {}
            Due::AllBut(party) => self.wake_all_but(Some(party)),
            Due::All => self.wake_all_but(None),
        }
    }

    /// Wakes all that wait.
    pub(in crate::websocket) fn wake_all(&self) {
        self.wake_all_but(None);
    }

    /// One at a time, because whoever is woken may come back for the lock.
    fn wake_all_but(&self, spared: Option<Party>) {
        for index in 0.. {
            if spared == Some(Party::at(index)) {
                continue;
            }
            match self.take(index) {
                Taken::Waker(waker) => waker.wake(),
                Taken::Nothing => {}
                Taken::End => return,
            }
        }
    }

    fn take(&self, index: usize) -> Taken {
        match self.places().get_mut(index) {
            Some(Place::Taken(waker)) => waker.take().map_or(Taken::Nothing, Taken::Waker),
            Some(Place::Free) => Taken::Nothing,
            None => Taken::End,
        }
    }

    fn places(&self) -> MutexGuard<'_, Vec<Place>> {
        // Nothing under this lock can panic halfway.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was in a place.
enum Taken {
    Waker(Waker),
    Nothing,
    /// There is no such place, nor any behind it.
    End,
}

impl Wake for Parties {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_all_but(None);
    }
}
