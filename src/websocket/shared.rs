//! A connection that several own, behind a lock that is held for one poll.

use std::{
    future::poll_fn,
    sync::{Arc, PoisonError},
    task::{Context, Poll, Waker},
};

use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    connection::Connection,
    owner::Owner,
    sync::{Mutex, MutexGuard},
    wakers::{Halves, Parties, Party, Wakers, Writes, charge},
};
use crate::vocabulary::{Agreement, CloseFrame, Error, Role};

/// What the halves share.
#[derive(Debug)]
pub(super) struct Shared<T> {
    connection: Mutex<Owner<T>>,
    parties: Arc<Parties>,
    agreement: Option<Box<Agreement>>,
    role: Role,
}

impl<T> Shared<T> {
    pub(super) fn new(mut connection: Owner<T>) -> Self {
        let parties = Arc::new(Parties::new());
        connection.set_wakers(Wakers::Halves(Halves::new(parties.clone())));
        Self {
            agreement: connection.codec.agreement().cloned().map(Box::new),
            role: connection.codec.role(),
            connection: Mutex::new(connection),
            parties,
        }
    }

    /// Has whoever lent the connection know where it is.
    pub(super) fn note_lent(self: &Arc<Self>) {
        if let Some(lender) = self.lock().ties.lender() {
            lender.note_halves(Arc::downgrade(self));
        }
    }

    /// The connection, whole again.
    pub(super) fn into_owner(self) -> Owner<T> {
        let mut connection = self.connection.into_inner().unwrap_or_else(PoisonError::into_inner);
        connection.reset_wakers();
        connection
    }

    pub(super) fn agreement(&self) -> Option<&Agreement> {
        self.agreement.as_deref()
    }

    pub(super) fn role(&self) -> Role {
        self.role
    }

    pub(super) fn parties(&self) -> &Parties {
        &self.parties
    }

    /// Does something to the connection; then, without the lock, wakes whom it concerns.
    pub(super) fn act<O>(&self, act: impl FnOnce(&mut Connection<T>) -> O) -> O {
        let mut connection = self.lock();
        let output = act(&mut connection);
        let due = connection.take_due();
        let left = connection.take_left();
        let answered = connection.take_answered();
        drop(connection);
        drop(left);
        self.parties.wake_due(due);
        answered.into_iter().for_each(Waker::wake);
        output
    }

    /// Polls the connection on behalf of one who waits until this is ready.
    pub(super) fn poll<O>(
        &self,
        party: Party,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Connection<T>, &mut Context<'_>) -> Poll<O>,
    ) -> Poll<O> {
        self.parties.register(party, cx.waker());
        let (output, written) =
            self.act(|connection| (poll(connection, cx), connection.take_written()));
        charge(written, Writes::AmongOthers, cx);
        if output.is_ready() {
            self.parties.forget(party);
        }
        output
    }

    fn lock(&self) -> MutexGuard<'_, Owner<T>> {
        // What a transport's panic leaves behind is its own connection, and nobody else's.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a reader that waits look for what there is to write.
    pub(super) fn wake_reader(&self) {
        self.parties.wake(Party::READER);
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Shared<T> {
    /// Sends Close on behalf of whoever lent the connection. Where there is nobody to read any more, this carries the
    /// closing handshake out.
    pub(super) async fn close(self: Arc<Self>, frame: &CloseFrame) -> Result<(), Error> {
        self.offer_close(frame)?;
        let parties = self.parties.clone();
        if parties.has_reader() {
            // It may want to have the connection for itself, so this lets go of it before it wakes.
            drop(self);
            parties.wake_all();
            return Ok(());
        }
        parties.wake_all();
        let guest = Guest { party: parties.join(), shared: self };
        // How it ends is nobody's to know.
        let _ = poll_fn(|cx| guest.shared.poll(guest.party, cx, Connection::poll_closed)).await;
        Ok(())
    }

    /// Queues Close, and offers it to the transport at once, should nobody come to poll. Wakes nobody.
    fn offer_close(&self, frame: &CloseFrame) -> Result<(), Error> {
        let mut connection = self.lock();
        connection.start_close(frame, Party::WRITER)?;
        // The transport gets the waker of them all.
        let _ = connection.poll_flush(&mut Context::from_waker(Waker::noop()), Party::WRITER);
        let _ = connection.take_due();
        Ok(())
    }
}

/// One who polls without having a half.
struct Guest<T> {
    shared: Arc<Shared<T>>,
    party: Party,
}

impl<T> Drop for Guest<T> {
    fn drop(&mut self) {
        self.shared.parties.leave(self.party);
    }
}
