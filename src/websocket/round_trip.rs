use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use super::sync::{Mutex, MutexGuard};
use crate::vocabulary::{Error, UsageError};

/// A ping's way to the peer and back: a future of the time from the ping's being handed to the transport to its
/// Pong's being received.
///
/// Made by [`WebSocket::ping`](crate::WebSocket::ping) and [`Writer::ping`](crate::Writer::ping). It reads nothing itself:
/// **it is ready once whoever reads the connection has come to the Pong**, so `next` has to be polled meanwhile, by another
/// task or beside it. It borrows nothing, and has no time-out of its own: `tokio::time::timeout` gives it one, and keepalive ends a
/// connection that has died.
///
/// Dropping it does no harm: the Pong is one that nobody waits for.
///
/// # Errors
///
/// What a sender is told where the connection has ended before the answer, or is closing;
/// [`UsageError::TooManyPings`] where 64 of them wait already, or have yet to go out.
#[must_use = "the ping is sent anyway; `Message::ping` is one whose answer nobody waits for"]
pub struct RoundTrip(Arc<Slot>);

/// Where the answer is put.
#[derive(Debug)]
pub(super) struct Slot(Mutex<State>);

#[derive(Debug)]
enum State {
    Waiting(Option<Waker>),
    /// By the Pong, or by the end.
    Answered(Result<Duration, Error>),
}

impl RoundTrip {
    /// One that waits, and the place where its answer is put.
    pub(super) fn waiting() -> (Self, Arc<Slot>) {
        let slot = Arc::new(Slot(Mutex::new(State::Waiting(None))));
        (Self(slot.clone()), slot)
    }

    /// One that has failed at once.
    pub(crate) fn failed(error: Error) -> Self {
        Self(Arc::new(Slot(Mutex::new(State::Answered(Err(error))))))
    }
}

impl Slot {
    /// Puts the answer there; whoever waits is to be woken where no lock of others is held.
    pub(super) fn answer(&self, result: Result<Duration, Error>) -> Option<Waker> {
        match std::mem::replace(&mut *self.lock(), State::Answered(result)) {
            State::Waiting(waker) => waker,
            State::Answered(_) => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<Duration, Error>> {
        // Cloned ahead, and what it takes the place of dropped behind: wakers are somebody else's code.
        let mut own = Some(cx.waker().clone());
        let mut state = self.lock();
        match &mut *state {
            State::Waiting(waker) => {
                std::mem::swap(waker, &mut own);
                drop(state);
                Poll::Pending
            }
            State::Answered(Ok(round_trip)) => Poll::Ready(Ok(*round_trip)),
            // As often as it is asked: what a sender is told can be told again.
            State::Answered(Err(error)) => {
                Poll::Ready(Err(error.duplicate().unwrap_or(UsageError::SendAfterClose.into())))
            }
        }
    }
}

impl Future for RoundTrip {
    type Output = Result<Duration, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx)
    }
}

impl fmt::Debug for RoundTrip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoundTrip").finish_non_exhaustive()
    }
}
