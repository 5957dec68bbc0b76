//! A waker whose every function, that of cloning too, comes back to the hub.
#![allow(unsafe_code, reason = "a waker made by hand")]

#[path = "support/hub.rs"]
mod hub;

use std::{
    cell::Cell,
    task::{RawWaker, RawWakerVTable, Waker},
};

use bowline::hub::{Hub, Policy, Subscription};
use hub::{drain, message, not_locked_out, poll_once};

thread_local! {
    static HUB: Hub = Hub::new();
    /// How often each function was called: clone, wake, wake by reference, drop.
    static CALLS: Cell<[usize; 4]> = const { Cell::new([0; 4]) };
    /// What a waker does isn't done once more by what it wakes.
    static IS_BUSY: Cell<bool> = const { Cell::new(false) };
}

fn use_the_hub(function: usize) {
    CALLS.with(|calls| {
        let mut counts = calls.get();
        counts[function] += 1;
        calls.set(counts);
    });
    if !IS_BUSY.replace(true) {
        HUB.with(|hub| {
            drop(hub.subscribe("tides", Policy::default()));
            hub.publish("tides", &message(function));
        });
        IS_BUSY.set(false);
    }
}

fn clone(_: *const ()) -> RawWaker {
    use_the_hub(0);
    RAW
}

const RAW: RawWaker = RawWaker::new(
    std::ptr::null(),
    &RawWakerVTable::new(clone, |_| use_the_hub(1), |_| use_the_hub(2), |_| use_the_hub(3)),
);

fn waker() -> Waker {
    // SAFETY: its functions read nothing through the pointer.
    unsafe { Waker::from_raw(RAW) }
}

fn subscribe() -> Subscription {
    HUB.with(|hub| hub.subscribe("tides", Policy::default()))
}

/// A message that comes while the waker is cloned is found at once: nobody would be woken for it.
#[test]
fn what_is_published_while_a_waker_is_cloned_is_not_lost() {
    not_locked_out(|| {
        let mut tides = subscribe();
        let next = poll_once(tides.next(), &waker());
        assert!(matches!(next, std::task::Poll::Ready(Some(next)) if next.is_empty()));
        assert_eq!(CALLS.get(), [1, 0, 0, 2], "cloned, not needed, and dropped like the first");
        drain(&mut tides);
    });
}

#[test]
fn every_function_of_a_waker_may_use_the_hub() {
    not_locked_out(|| {
        let mut tides = subscribe();
        IS_BUSY.set(true);
        assert!(poll_once(tides.next(), &waker()).is_pending());
        IS_BUSY.set(false);
        HUB.with(|hub| assert_eq!(hub.publish("tides", &message(9)).queued, 1));
        assert_eq!(drain(&mut tides), [9, 1]);
        assert_eq!(CALLS.get(), [1, 1, 0, 1], "cloned and woken; and the first dropped");
        IS_BUSY.set(true);
        assert!(poll_once(tides.next(), &waker()).is_pending());
        IS_BUSY.set(false);
        assert!(
            poll_once(tides.next(), Waker::noop()).is_pending(),
            "replaced, with a message behind"
        );
        assert_eq!(drain(&mut tides), [3]);
        IS_BUSY.set(true);
        assert!(poll_once(tides.next(), &waker()).is_pending());
        IS_BUSY.set(false);
        drop(tides);
        assert_eq!(HUB.with(|hub| (hub.subscribers("tides"), hub.queued())), (0, 0));
    });
}
