//! Messages in pieces, for those that are larger than memory or come from somewhere bit by bit; and the
//! connection as a stream of bytes.
//!
//! ```text
//! peer  --frames--> Piece ...  --> IncomingMessage: Stream of Bytes, AsyncRead
//! peer <--fragments-- pieces  <-- OutgoingMessage: Sink of Bytes, AsyncWrite
//! ```

mod byte_stream;
mod copying;
mod incoming;
mod outgoing;
mod whole;

pub use byte_stream::ByteStream;
pub use incoming::IncomingMessage;
pub use outgoing::OutgoingMessage;
pub(super) use outgoing::pieces;

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncBufRead, ReadBuf};

use super::{connection::Connection, shared::Shared, wakers::Party};

/// A way to a connection: to a whole one, or as one of those who share it.
#[derive(Debug)]
pub(super) enum Access<'a, T> {
    Whole(&'a mut Connection<T>),
    Shared(&'a Shared<T>, Party),
}

impl<T> Access<'_, T> {
    /// Does something to the connection, on behalf of a party.
    fn act<O>(&mut self, act: impl FnOnce(&mut Connection<T>, Party) -> O) -> O {
        match self {
            Self::Whole(connection) => act(connection, Party::WRITER),
            Self::Shared(shared, party) => shared.act(|connection| act(connection, *party)),
        }
    }

    /// Polls it, on behalf of a party.
    fn poll<O>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Connection<T>, &mut Context<'_>, Party) -> Poll<O>,
    ) -> Poll<O> {
        match self {
            Self::Whole(connection) => poll(connection, cx, Party::WRITER),
            Self::Shared(shared, party) => {
                shared.poll(*party, cx, |connection, cx| poll(connection, cx, *party))
            }
        }
    }

    /// Has a reader that waits write what was queued.
    fn wake_reader(&self) {
        if let Self::Shared(shared, _) = self {
            shared.wake_reader();
        }
    }
}

/// `poll_read` of whoever has its bytes in a buffer.
fn poll_read_buffered(
    mut reader: Pin<&mut impl AsyncBufRead>,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    if buf.remaining() == 0 {
        return Poll::Ready(Ok(()));
    }
    let bytes = ready!(reader.as_mut().poll_fill_buf(cx))?;
    let len = bytes.len().min(buf.remaining());
    buf.put_slice(&bytes[..len]);
    reader.consume(len);
    Poll::Ready(Ok(()))
}
