//! Who is in a drain. Under its lock no waker is cloned, woken or dropped: a task may hold another connection, which
//! comes back for the lock.

use std::{
    mem,
    sync::{Arc, OnceLock, PoisonError, atomic::Ordering},
    task::{Context, Poll, Waker},
};

use super::{Drained, places::Places};
use crate::{
    vocabulary::CloseFrame,
    websocket::sync::{AtomicU32, Mutex, MutexGuard},
};

/// What a drain and its connections share.
///
/// A round is called when they are to close, and one more each time that those who are still there are cut. Whoever
/// has seen another number than the present one has something to do. The number is changed under the lock and
/// read without: who has left a waker before is woken after.
#[derive(Debug, Default)]
pub(in crate::websocket) struct Roll {
    /// Zero until all are to close.
    round: AtomicU32,
    /// There from the first round on.
    close: OnceLock<CloseFrame>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    members: Places,
    reserved: usize,
    /// What else is waited for.
    held: usize,
    /// Who came before this round has been cut, and has no place.
    valid_from: u32,
    drained: Drained,
    /// Those who wait until nobody is left.
    waiting: Places,
}

/// Where a connection is on the roll.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    index: u32,
    /// The round in which it came.
    since: u32,
}

/// How a connection has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    Closed,
    Lost,
    /// For another drain.
    Moved,
}

impl Place {
    pub(super) fn since(self) -> u32 {
        self.since
    }
}

impl Roll {
    /// The round that was called last. A look that costs nothing, and may come too early for one who will be woken.
    #[inline]
    pub(super) fn round(&self) -> u32 {
        self.round.load(Ordering::Relaxed)
    }

    /// The Close of the first round.
    pub(in crate::websocket) fn close(&self) -> Option<&CloseFrame> {
        self.close.get()
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    pub(super) fn drained(&self) -> Drained {
        self.lock().drained
    }

    pub(super) fn join(&self) -> Place {
        let mut state = self.lock();
        Place { index: state.members.join(), since: self.round() }
    }

    /// Leaves a waker in a place, or takes it away; gives the present round.
    pub(super) fn register(&self, place: Place, waker: Option<Waker>) -> u32 {
        let mut state = self.lock();
        let replaced =
            if state.has(place) { state.members.replace(place.index, waker) } else { waker };
        let round = self.round();
        drop(state);
        drop(replaced);
        round
    }

    pub(super) fn leave(&self, place: Place, left: Left) {
        let mut state = self.lock();
        if !state.has(place) {
            return;
        }
        let waker = state.members.leave(place.index);
        if self.round() > 0 {
            match left {
                Left::Closed => state.drained.closed += 1,
                Left::Lost => state.drained.lost += 1,
                Left::Moved => {}
            }
        }
        let due = state.take_due();
        drop(state);
        drop(waker);
        wake(due);
    }

    pub(super) fn reserve(&self) {
        self.lock().reserved += 1;
    }

    pub(super) fn release(&self) {
        self.give_up(|state| &mut state.reserved);
    }

    pub(super) fn hold(&self) {
        self.lock().held += 1;
    }

    pub(super) fn let_go(&self) {
        self.give_up(|state| &mut state.held);
    }

    fn give_up(&self, count: fn(&mut State) -> &mut usize) {
        let mut state = self.lock();
        *count(&mut state) -= 1;
        let due = state.take_due();
        drop(state);
        wake(due);
    }

    /// Has all close, now and later; the first call's Close is the one that counts.
    pub(super) fn call(&self, frame: CloseFrame) {
        let mut state = self.lock();
        if self.round() > 0 {
            return;
        }
        // There before the round is.
        let refused = self.close.set(frame);
        self.round.store(1, Ordering::Relaxed);
        let due = state.members.take_wakers();
        drop(state);
        drop(refused);
        wake(due);
    }

    /// Cuts those who are left. Their places are gone.
    pub(super) fn cut(&self) {
        let mut state = self.lock();
        let round = self.round() + 1;
        self.round.store(round, Ordering::Relaxed);
        state.valid_from = round;
        let mut members = mem::take(&mut state.members);
        state.drained.cut += members.len();
        let due = state.take_due();
        drop(state);
        wake(members.take_wakers());
        wake(due);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock can panic halfway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn len(&self) -> usize {
        self.members.len() + self.reserved
    }

    /// Whether there is nothing to wait for.
    fn is_through(&self) -> bool {
        self.len() + self.held == 0
    }

    fn has(&self, place: Place) -> bool {
        place.since >= self.valid_from
    }

    /// Whoever waited for this to be empty, if it is.
    fn take_due(&mut self) -> Vec<Waker> {
        if self.is_through() { self.waiting.take_wakers() } else { Vec::new() }
    }
}

fn wake(wakers: Vec<Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}

/// One who waits until nobody is left.
pub(super) struct Waiting<'a> {
    roll: &'a Arc<Roll>,
    index: u32,
}

impl<'a> Waiting<'a> {
    pub(super) fn new(roll: &'a Arc<Roll>) -> Self {
        let index = roll.lock().waiting.join();
        Self { roll, index }
    }

    pub(super) fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        let waker = cx.waker().clone();
        let mut state = self.roll.lock();
        let replaced = state.waiting.replace(self.index, Some(waker));
        let is_through = state.is_through();
        drop(state);
        drop(replaced);
        if is_through { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let waker = self.roll.lock().waiting.leave(self.index);
        drop(waker);
    }
}
