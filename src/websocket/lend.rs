//! A connection lent to somebody: it comes back when they drop it, whatever the reason.
//!
//! ```text
//!             the owner drops it
//!  Lent -----+------------------> Back ----+
//!            |                             | the loan takes it
//!            | the owner takes it apart    v
//!            +--------------------------> Gone
//! ```

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::{Arc, PoisonError, Weak},
    task::{Context, Poll, Waker},
};

use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    WebSocket,
    owner::Owner,
    shared::Shared,
    sync::{Mutex, MutexGuard},
};
use crate::vocabulary::{CloseCode, CloseFrame, Error, Utf8Bytes};

/// What a lent connection comes back to: a future of the connection, made by [`WebSocket::lend`].
///
/// It is ready once the connection has been dropped: as a `WebSocket` or a [`ByteStream`](super::ByteStream), or the last of
/// its halves. `None` where it was taken apart instead, by [`WebSocket::into_inner`] or
/// [`into_framed`](WebSocket::into_framed), and after it was given once. Whoever awaits it while they have the connection
/// themselves waits for ever.
///
/// Dropped, it wants nothing back: the connection is dropped with its owner, as one that was never lent.
///
/// Cancel-safe: awaited again (`&mut loan`) it goes on.
#[must_use = "the connection comes back to it"]
pub struct Loan<T> {
    slot: Arc<Slot<T>>,
}

/// Where a connection is given back, while it is lent. Dropped with that undone, it tells that nothing will be.
pub(super) struct Lender<T> {
    slot: Arc<Slot<T>>,
}

/// What the two share.
struct Slot<T> {
    state: Mutex<State<T>>,
}

enum State<T> {
    Lent {
        /// Whoever lent it before, and has it back after this one.
        outer: Option<Lender<T>>,
        waker: Option<Waker>,
        /// What it was split into.
        halves: Weak<Shared<T>>,
    },
    Back(Owner<T>),
    Gone,
}

impl<T> WebSocket<T> {
    /// Lends the connection: what is returned first is the connection as before, to be handed to whoever is to
    /// have it, and the [`Loan`] gives it back once they have dropped it. It doesn't matter how they did: by a return, an
    /// error, a panic, a task that was aborted.
    ///
    /// For whoever has a handler own the connection and says the last word after it:
    ///
    /// ```
    /// use bowline::{CloseCode, Error, WebSocket};
    /// use tokio::net::TcpStream;
    ///
    /// # async fn handle(ws: WebSocket<TcpStream>) -> Result<(), Error> { Ok(()) }
    /// # async fn run(ws: WebSocket<TcpStream>) -> Result<(), Error> {
    /// let (ws, loan) = ws.lend();
    /// let code = match tokio::spawn(handle(ws)).await {
    ///     Ok(Ok(())) => CloseCode::NORMAL,
    ///     _ => CloseCode::ERROR, // an error, or a panic
    /// };
    /// if let Some(mut ws) = loan.await {
    ///     ws.close(code, "").await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// It comes back whole, also where it was [`split`](Self::split): with what was received and not taken, what was queued
    /// and not written, and with a message in pieces that was left unfinished the same as if its owner had gone
    /// on: it has ended the connection, or was never begun. Nobody polls it between the drop and the loan's owner, so no
    /// ping is answered there.
    ///
    /// One that is lent already can be lent again. It comes back to the loan that was made last, and when what that gives
    /// is dropped, to the one before.
    ///
    /// Costs about 110 bytes while it is lent.
    pub fn lend(mut self) -> (Self, Loan<T>) {
        let outer = self.connection.ties.take_lender().and_then(Lender::wanted);
        let state = Mutex::new(State::Lent { outer, waker: None, halves: Weak::new() });
        let slot = Arc::new(Slot { state });
        self.connection.ties.set_lender(Some(Lender { slot: slot.clone() }));
        (self, Loan { slot })
    }
}

impl<T> Loan<T> {
    /// The connection, where it is back; doesn't wait.
    pub fn take(&mut self) -> Option<WebSocket<T>> {
        match self.slot.lock().take() {
            Poll::Ready(owner) => owner.map(whole),
            Poll::Pending => None,
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Loan<T> {
    /// Sends Close from here, where the connection was split and its halves are in tasks that go on, though the one that
    /// it was lent to has failed: sends fail from then on. Where the reader is gone this carries the closing handshake
    /// out, as [`WebSocket::close`] does; a reader that is there goes on to the end. Of a connection that is whole, or back,
    /// nothing is done.
    ///
    /// Cancel-safe: called again it goes on.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] where the code may not be sent or the reason has over 123 bytes.
    pub async fn close(
        &mut self,
        code: impl Into<CloseCode>,
        reason: impl Into<Utf8Bytes>,
    ) -> Result<(), Error> {
        let frame = CloseFrame::new(code, reason);
        frame.check()?;
        let halves = match &*self.slot.lock() {
            State::Lent { halves, .. } => halves.upgrade(),
            State::Back(_) | State::Gone => None,
        };
        match halves {
            Some(halves) => halves.close(&frame).await,
            None => Ok(()),
        }
    }
}

fn whole<T>(connection: Owner<T>) -> WebSocket<T> {
    WebSocket { connection }
}

impl<T> Future for Loan<T> {
    type Output = Option<WebSocket<T>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.slot.poll(cx.waker()).map(|owner| owner.map(whole))
    }
}

/// Whoever waited does so no more, though the slot is there for as long as the connection is lent.
impl<T> Drop for Loan<T> {
    fn drop(&mut self) {
        // A statement of its own: a waker dropped may drop the task that has the connection.
        let waker = self.slot.lock().replace_waker(None);
        drop(waker);
    }
}

impl<T> Slot<T> {
    /// What has become of the connection, or a waker left for it. None is cloned or dropped under the lock.
    fn poll(&self, waker: &Waker) -> Poll<Option<Owner<T>>> {
        let mut state = self.lock();
        if state.is_waiting(waker) {
            return Poll::Pending;
        }
        if let Poll::Ready(owner) = state.take() {
            return Poll::Ready(owner);
        }
        drop(state);
        let waker = waker.clone();
        let mut state = self.lock();
        let replaced = state.replace_waker(Some(waker));
        let taken = state.take();
        drop(state);
        drop(replaced);
        taken
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing under this lock can panic halfway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    /// What has become of the connection, if it is lent no more; it is had once.
    fn take(&mut self) -> Poll<Option<Owner<T>>> {
        match self {
            Self::Lent { .. } => Poll::Pending,
            Self::Back(_) | Self::Gone => match mem::replace(self, Self::Gone) {
                Self::Back(owner) => Poll::Ready(Some(owner)),
                _ => Poll::Ready(None),
            },
        }
    }

    fn is_waiting(&self, waker: &Waker) -> bool {
        matches!(self, Self::Lent { waker: Some(own), .. } if own.will_wake(waker))
    }

    /// The waker that is not needed any more: the one before, or this, where nothing is lent.
    fn replace_waker(&mut self, new: Option<Waker>) -> Option<Waker> {
        match self {
            Self::Lent { waker, .. } => mem::replace(waker, new),
            Self::Back(_) | Self::Gone => new,
        }
    }
}

impl<T> Lender<T> {
    /// The connection was split.
    pub(super) fn note_halves(&self, shared: Weak<Shared<T>>) {
        if let State::Lent { halves, .. } = &mut *self.slot.lock() {
            *halves = shared;
        }
    }

    /// This one, or the nearest before it whose loan is still there. One by one: the list may be long.
    fn wanted(mut self) -> Option<Self> {
        // A loan is a hold on the slot, and can't come back.
        while Arc::strong_count(&self.slot) == 1 {
            self = self.take_outer()?;
        }
        Some(self)
    }

    fn take_outer(&self) -> Option<Self> {
        match &mut *self.slot.lock() {
            State::Lent { outer, .. } => outer.take(),
            State::Back(_) | State::Gone => None,
        }
    }

    /// Gives the connection back, to the nearest whose loan is still there; without any it is dropped.
    pub(super) fn give_back(self, mut owner: Owner<T>) {
        let Some(lender) = self.wanted() else { return };
        owner.ties.set_lender(lender.take_outer());
        let mut state = lender.slot.lock();
        let lent = mem::replace(&mut *state, State::Back(owner));
        drop(state);
        if let State::Lent { waker: Some(waker), .. } = lent {
            waker.wake();
        }
        // Where the loan has just gone, this is the last hold: what is in the slot is dropped, and that gives it on.
    }

    /// Tells that nothing will be given back; whom to tell next.
    fn end(&self) -> Option<Self> {
        let mut state = self.slot.lock();
        let lent = match &mut *state {
            State::Lent { .. } => mem::replace(&mut *state, State::Gone),
            State::Back(_) | State::Gone => return None,
        };
        drop(state);
        let State::Lent { outer, waker, .. } = lent else { return None };
        if let Some(waker) = waker {
            waker.wake();
        }
        outer
    }
}

/// Nothing will be given back, to those who lent it before neither. One by one: the list may be long.
impl<T> Drop for Lender<T> {
    fn drop(&mut self) {
        let mut next = self.end();
        while let Some(lender) = next {
            next = lender.end();
        }
    }
}

impl<T> fmt::Debug for Loan<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loan").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Lender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lender").finish_non_exhaustive()
    }
}
