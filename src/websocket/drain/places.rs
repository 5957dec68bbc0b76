use std::{mem, task::Waker};

/// Places with room for a waker each. Taking one and giving it back takes constant time.
#[derive(Debug, Default)]
pub(super) struct Places {
    wakers: Vec<Option<Waker>>,
    /// The places that are nobody's.
    free: Vec<u32>,
}

impl Places {
    /// How many are somebody's.
    pub(super) fn len(&self) -> usize {
        self.wakers.len() - self.free.len()
    }

    pub(super) fn join(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.wakers.push(None);
            (self.wakers.len() - 1) as u32
        })
    }

    /// Gives a place back, and the waker to whoever is to drop it.
    pub(super) fn leave(&mut self, place: u32) -> Option<Waker> {
        self.free.push(place);
        self.replace(place, None)
    }

    pub(super) fn replace(&mut self, place: u32, waker: Option<Waker>) -> Option<Waker> {
        mem::replace(&mut self.wakers[place as usize], waker)
    }

    /// The wakers of all, who remain in their places.
    pub(super) fn take_wakers(&mut self) -> Vec<Waker> {
        self.wakers.iter_mut().filter_map(Option::take).collect()
    }
}
