//! The bytes that all queues of a hub may hold together.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::message::Prepared;

/// A small message's share in the allocator's blocks: what is prepared, with room for its compressed forms,
/// and what the queues hold of it.
pub(super) const MESSAGE_OVERHEAD: usize = 512;

const MAX_QUEUED: usize = 64 << 20;

/// How many bytes may be queued, and are.
#[derive(Debug)]
pub(super) struct Budget {
    max: AtomicUsize,
    queued: AtomicUsize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { max: AtomicUsize::new(MAX_QUEUED), queued: AtomicUsize::new(0) }
    }
}

impl Budget {
    /// What a message counts for.
    pub(super) fn cost(message: &Prepared) -> usize {
        message.len().saturating_add(MESSAGE_OVERHEAD)
    }

    pub(super) fn max(&self) -> usize {
        self.max.load(Ordering::Relaxed)
    }

    pub(super) fn set_max(&self, bytes: usize) {
        self.max.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    /// Takes so many bytes, where that doesn't go past the most. One step, so that of two publishers who
    /// find room for one message only one gets it.
    fn reserve(self: &Arc<Self>, bytes: usize) -> Option<Reserved> {
        let grown = |queued: usize| queued.checked_add(bytes).filter(|sum| *sum <= self.max());
        let taken = self.queued.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown);
        taken.is_ok().then(|| Reserved { budget: self.clone(), bytes })
    }
}

/// Bytes that count as queued for as long as this is there.
#[derive(Debug)]
struct Reserved {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.budget.queued.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A message as the queues of its topic share it.
///
/// It may be dropped under a lock: all of it is this crate's own, with nothing of the caller's behind it.
#[derive(Debug)]
pub(super) struct Queued {
    message: Prepared,
    /// Behind the message: its bytes are free before they count as such.
    _reserved: Reserved,
}

impl Queued {
    /// `None` where there is no room for it.
    pub(super) fn new(message: &Prepared, budget: &Arc<Budget>) -> Option<Arc<Self>> {
        let reserved = budget.reserve(Budget::cost(message))?;
        Some(Arc::new(Self { message: message.clone(), _reserved: reserved }))
    }

    pub(super) fn message(&self) -> &Prepared {
        &self.message
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Barrier, thread};

    use super::*;

    /// With room for one message, no two publishers ever have one each.
    #[test]
    fn of_two_who_find_room_for_one_message_only_one_gets_it() {
        let budget = Arc::new(Budget::default());
        let message = Prepared::new("").expect("no Close");
        budget.set_max(Budget::cost(&message));
        let (barrier, held) = (Barrier::new(3), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    barrier.wait();
                    for _ in 0..100_000 {
                        if let Some(reserved) = budget.reserve(Budget::cost(&message)) {
                            assert_eq!(held.fetch_add(1, Ordering::SeqCst), 0);
                            assert_eq!(budget.queued(), budget.max());
                            held.fetch_sub(1, Ordering::SeqCst);
                            drop(reserved);
                        }
                    }
                });
            }
        });
        assert_eq!(budget.queued(), 0);
    }
}
