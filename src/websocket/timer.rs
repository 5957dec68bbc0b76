use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    task::coop,
    time::{Instant, Sleep, sleep_until},
};

/// The connection's one timer, made when there is a deadline and set anew as seldom as can be: a
/// deadline that moves away lets it fire early, and is judged then.
#[derive(Debug, Default)]
pub(super) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    /// Whether it will wake whoever polls the connection now.
    is_armed: bool,
}

impl Timer {
    /// Waits for the deadline, or for an earlier one that was set before.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, deadline: Option<Instant>) -> Poll<()> {
        self.is_armed = false;
        let Some(deadline) = deadline else {
            // An alarm that has gone off is no alarm any more.
            self.sleep.take_if(|sleep| sleep.is_elapsed());
            return Poll::Pending;
        };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        // Asked directly, because a task that has used up its budget is told "pending" by `poll`.
        if sleep.is_elapsed() && deadline <= sleep.deadline() {
            return Poll::Ready(());
        }
        if sleep.deadline() > deadline || sleep.is_elapsed() {
            sleep.as_mut().reset(deadline);
        }
        // It keeps no waker of a task whose budget is used up, but wakes it at once.
        let keeps_waker = coop::has_budget_remaining();
        let poll = sleep.as_mut().poll(cx);
        self.is_armed = keeps_waker && poll.is_pending();
        poll
    }

    /// Somebody else polls the connection from now on.
    pub(super) fn disarm(&mut self) {
        self.is_armed = false;
    }

    /// Whether it has been polled for whoever polls the connection now, and there is nothing to judge yet. A nearer
    /// deadline that has come up since is the caller's to know.
    pub(super) fn is_armed(&self) -> bool {
        self.is_armed && !self.is_elapsed()
    }

    /// Whether there is something to judge; nobody is woken on behalf of this.
    #[inline]
    pub(super) fn is_elapsed(&self) -> bool {
        self.sleep.as_ref().is_some_and(|sleep| sleep.is_elapsed())
    }
}
