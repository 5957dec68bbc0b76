//! The two halves of a connection, for different tasks.
//!
//! ```text
//!  Reader ---+                     poll_next: messages in, pings answered, what was fed written
//!            +--- Mutex<Connection> ---- transport
//!  Writer ---+                     poll_ready, start_send, poll_flush: messages out
//!  Writer ---+
//! ```
//!
//! The lock is held for one poll and never across an `await`.

mod reader;
mod writer;

use std::{
    error, fmt,
    sync::{Arc, PoisonError},
    task::{Context, Poll},
};

pub use reader::Reader;
pub use writer::Writer;

use super::{
    WebSocket,
    connection::Connection,
    sync::{Mutex, MutexGuard},
    wakers::{Halves, Parties, Party, Wakers, charge},
};
use crate::vocabulary::{Agreement, Role};

/// What the halves share.
#[derive(Debug)]
pub(super) struct Shared<T> {
    connection: Mutex<Connection<T>>,
    parties: Arc<Parties>,
    agreement: Option<Box<Agreement>>,
    role: Role,
}

impl<T> Shared<T> {
    /// Does something to the connection; then, without the lock, wakes whom it concerns.
    pub(super) fn act<O>(&self, act: impl FnOnce(&mut Connection<T>) -> O) -> O {
        let mut connection = self.lock();
        let output = act(&mut connection);
        let due = connection.take_due();
        drop(connection);
        self.parties.wake_due(due);
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
        charge(written, cx);
        if output.is_ready() {
            self.parties.forget(party);
        }
        output
    }

    fn lock(&self) -> MutexGuard<'_, Connection<T>> {
        // What a transport's panic leaves behind is its own connection, and nobody else's.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a reader that waits look for what there is to write.
    pub(super) fn wake_reader(&self) {
        self.parties.wake(Party::READER);
    }
}

/// Two halves that don't belong together, or a writer that is not the only one left: both are handed back.
pub struct ReuniteError<T>(pub Reader<T>, pub Writer<T>);

impl<T> fmt::Display for ReuniteError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the halves are of two connections, or the writer has clones")
    }
}

impl<T> fmt::Debug for ReuniteError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReuniteError").field(&self.0).field(&self.1).finish()
    }
}

impl<T> error::Error for ReuniteError<T> {}

pub(super) fn split<T>(mut connection: Connection<T>) -> (Reader<T>, Writer<T>) {
    // One that was forgotten; nobody else could have a message in pieces now.
    connection.abandon_pieces(Party::WRITER);
    let parties = Arc::new(Parties::new());
    connection.set_wakers(Wakers::Halves(Halves::new(parties.clone())));
    let shared = Arc::new(Shared {
        agreement: connection.codec.agreement().cloned().map(Box::new),
        role: connection.codec.role(),
        connection: Mutex::new(connection),
        parties,
    });
    (Reader::new(shared.clone()), Writer::new(shared, Party::WRITER))
}

fn reunite<T>(reader: Reader<T>, writer: Writer<T>) -> Result<WebSocket<T>, ReuniteError<T>> {
    if !Arc::ptr_eq(reader.shared(), writer.shared()) || Arc::strong_count(reader.shared()) != 2 {
        return Err(ReuniteError(reader, writer));
    }
    drop(writer);
    let shared = Arc::try_unwrap(reader.into_shared());
    let Ok(shared) = shared else { unreachable!("nobody else can clone what two owners hold") };
    let mut connection = shared.connection.into_inner().unwrap_or_else(PoisonError::into_inner);
    connection.set_wakers(Wakers::default());
    Ok(WebSocket { connection: Box::new(connection) })
}
