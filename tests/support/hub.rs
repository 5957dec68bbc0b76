//! Messages told apart by their length, and what a subscription has.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    pin::pin,
    sync::mpsc,
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use bowline::{
    Prepared,
    hub::{Hub, Report, Subscription},
};

/// A message of so many bytes.
pub(crate) fn message(len: usize) -> Prepared {
    Prepared::new(vec![7; len]).expect("no Close")
}

/// What such a message counts for.
pub(crate) fn cost(len: usize) -> usize {
    len + Hub::MESSAGE_OVERHEAD
}

pub(crate) fn report(queued: usize, dropped: usize, disconnected: usize) -> Report {
    let mut report = Report::default();
    (report.queued, report.dropped, report.disconnected) = (queued, dropped, disconnected);
    report
}

/// The lengths of all that is there.
pub(crate) fn drain(subscription: &mut Subscription) -> Vec<usize> {
    std::iter::from_fn(|| subscription.try_next()).map(|message| message.len()).collect()
}

/// Polled once with this waker, and dropped.
pub(crate) fn poll_once<F: Future>(future: F, waker: &Waker) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(waker))
}

/// Runs this in a thread, and fails where it never comes back.
#[track_caller]
pub(crate) fn not_locked_out<O: Send + 'static>(work: impl FnOnce() -> O + Send + 'static) -> O {
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || done.send(work()).expect("somebody waits"));
    is_done.recv_timeout(Duration::from_secs(30)).expect("locked out")
}
