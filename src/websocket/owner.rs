//! Who has a connection, and what happens to it when they have it no more.

use std::{
    fmt,
    ops::{Deref, DerefMut},
};

use super::{connection::Connection, wakers::Party};

/// A connection that is somebody's: a [`WebSocket`](super::WebSocket)'s or the halves'. When its owner lets go of it,
/// in whatever way, it goes to whoever lent it.
pub(super) struct Owner<T> {
    /// Boxed, because a future keeps room for each place that a value moves through. Empty while it is dropped.
    connection: Option<Box<Connection<T>>>,
}

impl<T> Owner<T> {
    pub(super) fn new(connection: Connection<T>) -> Self {
        Self { connection: Some(Box::new(connection)) }
    }

    /// The connection itself, to be taken apart; whoever lent it won't have it back.
    pub(super) fn into_connection(mut self) -> Connection<T> {
        let Some(connection) = self.connection.take() else { empty() };
        *connection
    }
}

impl<T> Deref for Owner<T> {
    type Target = Connection<T>;

    #[inline]
    fn deref(&self) -> &Connection<T> {
        let Some(connection) = &self.connection else { empty() };
        connection
    }
}

impl<T> DerefMut for Owner<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Connection<T> {
        let Some(connection) = &mut self.connection else { empty() };
        connection
    }
}

#[cold]
fn empty() -> ! {
    unreachable!("nobody has what is dropped")
}

impl<T> Drop for Owner<T> {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        if let Some(lender) = connection.ties.take_lender() {
            // Their tasks have nothing to do with it any more.
            connection.reset_wakers();
            // One that was forgotten; nobody could go on with it.
            connection.abandon_pieces(Party::WRITER);
            lender.give_back(Self { connection: Some(connection) });
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Owner<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.connection.fmt(f)
    }
}
