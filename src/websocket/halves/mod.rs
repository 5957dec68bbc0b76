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

use std::{error, fmt, sync::Arc, thread};

pub use reader::Reader;
pub use writer::Writer;

use super::{WebSocket, owner::Owner, shared::Shared, wakers::Party};

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

pub(super) fn split<T>(mut connection: Owner<T>) -> (Reader<T>, Writer<T>) {
    // One that was forgotten; nobody else could have a message in pieces now.
    connection.abandon_pieces(Party::WRITER);
    let shared = Arc::new(Shared::new(connection));
    shared.note_lent();
    (Reader::new(shared.clone()), Writer::new(shared, Party::WRITER))
}

fn reunite<T>(reader: Reader<T>, writer: Writer<T>) -> Result<WebSocket<T>, ReuniteError<T>> {
    if !Arc::ptr_eq(reader.shared(), writer.shared()) || Arc::strong_count(reader.shared()) != 2 {
        return Err(ReuniteError(reader, writer));
    }
    let mut shared = reader.shared().clone();
    drop((reader, writer));
    let shared = loop {
        match Arc::try_unwrap(shared) {
            Ok(shared) => break shared,
            // Whoever has lent the connection is just sending its Close.
            Err(held) => shared = held,
        }
        thread::yield_now();
    };
    Ok(WebSocket { connection: shared.into_owner() })
}
