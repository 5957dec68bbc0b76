use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_core::{FusedStream, Stream};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{ReuniteError, Writer, reunite};
use crate::{
    message::Message,
    vocabulary::{Agreement, CloseCode, CloseFrame, Error, Extension, Role, Utf8Bytes},
    websocket::{
        WebSocket,
        connection::Connection,
        shared::Shared,
        streamed::{Access, IncomingMessage},
        wakers::Party,
    },
};

/// The half of a [`WebSocket`] that receives: a `Stream` of [`Message`]s.
///
/// Made by [`WebSocket::split`]. While it is polled it does all that a whole WebSocket does on its own: it
/// answers pings and the peer's Close, keeps the connection alive, and writes what was fed to any
/// [`Writer`], whether those are polled or not. Where the writers wait for the peer, it still reads; so two
/// ends that both send more than the transport holds never wait for each other while both read.
///
/// Dropping it leaves the connection to the writers, who read nothing: the transport is dropped with the last
/// of the halves.
pub struct Reader<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Reader<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Self { shared }
    }

    pub(super) fn shared(&self) -> &Arc<Shared<T>> {
        &self.shared
    }

    /// The whole connection again, with whatever was read or queued.
    ///
    /// # Errors
    ///
    /// [`ReuniteError`] with both halves, where they are of two connections or the writer has clones.
    pub fn reunite(self, writer: Writer<T>) -> Result<WebSocket<T>, ReuniteError<T>> {
        reunite(self, writer)
    }

    /// The subprotocol agreed on in the opening handshake.
    pub fn subprotocol(&self) -> Option<&str> {
        Agreement::subprotocol_of(self.shared.agreement())
    }

    /// The extensions agreed on in the opening handshake.
    pub fn extensions(&self) -> &[Extension] {
        Agreement::extensions_of(self.shared.agreement())
    }

    /// Which end of the connection this is.
    pub fn role(&self) -> Role {
        self.shared.role()
    }

    /// How long the peer's last answer took, as [`WebSocket::round_trip`].
    pub fn round_trip(&self) -> Option<Duration> {
        self.shared.act(|connection| connection.round_trip())
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Reader<T> {
    /// The next message; `None` after the end.
    ///
    /// Cancel-safe: a message is either returned or still there.
    ///
    /// # Errors
    ///
    /// Whatever ended the connection, once, as the last item. A normal close is none.
    pub async fn next(&mut self) -> Option<Result<Message, Error>> {
        poll_fn(|cx| self.poll_message(cx)).await
    }

    /// The next text or binary message, to be read while it arrives, whatever its size; `None` after the end.
    ///
    /// Control messages are not shown: pings are answered, and the peer's Close, replied to, is what
    /// [`close`](Self::close) gives then. A message that has begun to arrive for [`next`](Self::next) is handed on
    /// from its first byte; the rest of one that was not read to its end is skipped.
    ///
    /// Cancel-safe: a message is either returned or still there.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub async fn next_streamed(&mut self) -> Option<Result<IncomingMessage<'_, T>, Error>> {
        let kind =
            poll_fn(|cx| self.shared.poll(Party::READER, cx, Connection::poll_begin)).await?;
        let access = Access::Shared(&self.shared, Party::READER);
        Some(kind.map(|kind| IncomingMessage::new(access, kind)))
    }

    /// Carries out the closing handshake, as [`WebSocket::close`] does; the writers' sends fail from here on.
    ///
    /// Cancel-safe: called again it goes on.
    ///
    /// # Errors
    ///
    /// As `WebSocket::close`.
    pub async fn close(
        &mut self,
        code: impl Into<CloseCode>,
        reason: impl Into<Utf8Bytes>,
    ) -> Result<Option<CloseFrame>, Error> {
        let frame = CloseFrame::new(code, reason);
        self.shared.act(|connection| connection.start_close(&frame, Party::READER))?;
        poll_fn(|cx| self.shared.poll(Party::READER, cx, Connection::poll_closed)).await
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Reader<T> {
    fn poll_message(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        self.shared.poll(Party::READER, cx, Connection::poll_next)
    }
}

impl<T> Drop for Reader<T> {
    fn drop(&mut self) {
        self.shared.parties().leave(Party::READER);
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for Reader<T> {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_message(cx)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> FusedStream for Reader<T> {
    fn is_terminated(&self) -> bool {
        self.shared.act(|connection| connection.is_terminated())
    }
}

impl<T> fmt::Debug for Reader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("role", &self.shared.role()).finish_non_exhaustive()
    }
}
