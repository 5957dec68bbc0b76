//! One message on its way into a topic's queues.

use std::sync::{Arc, atomic::Ordering};

use super::{
    budget::{Budget, Queued},
    queue::{Fate, Given, Queue},
    report::{Room, Tally},
};
use crate::message::Prepared;

/// Queues a message for these subscribers; those that are cut off are gone from the list.
pub(super) fn publish(
    queues: &mut Vec<Arc<Queue>>,
    message: &Prepared,
    budget: &Arc<Budget>,
    tally: &mut Tally,
) {
    match make_room(queues, message, budget, tally) {
        Some((queued, room)) => retain(queues, |queue| queue.push(&queued, room, tally)),
        None => queues.iter().for_each(|queue| queue.miss(tally)),
    }
}

/// Has those that are behind give way, round after round, until there is room.
fn make_room(
    queues: &mut Vec<Arc<Queue>>,
    message: &Prepared,
    budget: &Arc<Budget>,
    tally: &mut Tally,
) -> Option<(Arc<Queued>, Room)> {
    let mut room = Room::Found;
    loop {
        if let Some(queued) = Queued::new(message, budget) {
            return Some((queued, room));
        }
        // Nobody gives way for what doesn't fit anyway.
        if Budget::cost(message) > budget.max() || !give_way(queues, tally) {
            return None;
        }
        room = Room::Made;
    }
}

/// One round; whether anything was let go of.
fn give_way(queues: &mut Vec<Arc<Queue>>, tally: &mut Tally) -> bool {
    let mut is_given = false;
    retain(queues, |queue| {
        let given = queue.give_way(tally);
        is_given |= given != Given::Nothing;
        if given == Given::Subscriber { Fate::CutOff } else { Fate::Stays }
    });
    is_given
}

/// Goes through the list, and takes those out that are cut off.
fn retain(queues: &mut Vec<Arc<Queue>>, mut judge: impl FnMut(&Queue) -> Fate) {
    let mut place = 0;
    while let Some(queue) = queues.get(place) {
        match judge(queue) {
            Fate::Stays => place += 1,
            Fate::CutOff => remove(queues, place),
        }
    }
}

/// Takes one out; the last takes its place. It isn't the queue's last owner: the subscription is, for as long
/// as it is in the list.
pub(super) fn remove(queues: &mut Vec<Arc<Queue>>, place: usize) {
    let gone = queues.swap_remove(place);
    gone.place.store(usize::MAX, Ordering::Relaxed);
    if let Some(moved) = queues.get(place) {
        moved.place.store(place, Ordering::Relaxed);
    }
    if queues.len() < queues.capacity() / 4 {
        queues.shrink_to(queues.len() * 2);
    }
}
