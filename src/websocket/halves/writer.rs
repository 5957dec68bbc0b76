use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::Stream;
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Shared;
use crate::{
    message::{Message, Prepared},
    vocabulary::{
        Agreement, CloseCode, CloseFrame, Error, Extension, MessageKind, Role, Utf8Bytes,
    },
    websocket::{
        connection::{Connection, Sending},
        streamed::{Access, OutgoingMessage, pieces},
        wakers::Party,
    },
};

/// The half of a [`WebSocket`](crate::WebSocket) that sends: a `Sink` of [`Message`]s. Clones send on the same connection.
///
/// Made by [`WebSocket::split`](crate::WebSocket::split). Messages of several clones never interleave, and
/// each clone's stay in order. Every clone waits on its own while the peer doesn't read: 64 KiB are queued
/// ([`Config::with_high_water`](crate::Config::with_high_water)), and at most one message more for each clone.
///
/// What is fed is written by a [`flush`](Self::flush) of any clone or by the [`Reader`](super::Reader), which is
/// woken for it where it waits. It is the reader that answers pings: writers alone keep no connection alive.
///
/// Dropping a clone ends nothing: [`close`](Self::close) does.
pub struct Writer<T> {
    shared: Arc<Shared<T>>,
    party: Party,
}

impl<T> Writer<T> {
    pub(super) fn new(shared: Arc<Shared<T>>, party: Party) -> Self {
        Self { shared, party }
    }

    pub(super) fn shared(&self) -> &Arc<Shared<T>> {
        &self.shared
    }

    /// The subprotocol agreed on in the opening handshake.
    pub fn subprotocol(&self) -> Option<&str> {
        Agreement::subprotocol_of(self.shared.agreement.as_deref())
    }

    /// The extensions agreed on in the opening handshake.
    pub fn extensions(&self) -> &[Extension] {
        Agreement::extensions_of(self.shared.agreement.as_deref())
    }

    /// Which end of the connection this is.
    pub fn role(&self) -> Role {
        self.shared.role
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Writer<T> {
    /// Queues a message and writes what is queued, that of other clones too.
    ///
    /// Cancel-safe: when dropped, the message is wholly queued or not at all, and no frame is torn.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] for what can't be sent, and after Close; otherwise what ended the connection.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.queue_message(message.into()).await?;
        self.flush().await
    }

    /// Queues a message, waiting while 64 KiB are queued already. A reader that waits is woken to write it.
    ///
    /// Cancel-safe: when dropped, the message is not queued.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn feed(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.queue_message(message.into()).await?;
        self.shared.wake_reader();
        Ok(())
    }

    /// [`send`](Self::send) of a message that stays uncompressed, as
    /// [`WebSocket::send_uncompressed`](crate::WebSocket::send_uncompressed).
    ///
    /// # Errors
    ///
    /// As `send`.
    #[cfg(feature = "deflate")]
    pub async fn send_uncompressed(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        let message = message.into();
        let sending = if message.is_data() { Sending::Data } else { Sending::Control };
        self.queue(sending, |connection, party| connection.start_send_uncompressed(message, party))
            .await?;
        self.flush().await
    }

    /// Begins a message that is sent in pieces, its length unknown. Waits for room, and for the end of another
    /// clone's such message; until this one ends, the other clones' messages wait. Control messages don't.
    ///
    /// Cancel-safe: when dropped, nothing has begun.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn start_message(
        &mut self,
        kind: MessageKind,
    ) -> Result<OutgoingMessage<'_, T>, Error> {
        self.queue(Sending::Data, |connection, party| connection.start_pieces(kind, party)).await?;
        Ok(OutgoingMessage::new(Access::Shared(&self.shared, self.party), kind))
    }

    /// [`start_message`](Self::start_message) of a message that stays uncompressed, as
    /// [`send_uncompressed`](Self::send_uncompressed).
    ///
    /// # Errors
    ///
    /// As `send`.
    #[cfg(feature = "deflate")]
    pub async fn start_message_uncompressed(
        &mut self,
        kind: MessageKind,
    ) -> Result<OutgoingMessage<'_, T>, Error> {
        let start = |connection: &mut Connection<T>, party| {
            connection.start_pieces_uncompressed(kind, party)
        };
        self.queue(Sending::Data, start).await?;
        Ok(OutgoingMessage::new(Access::Shared(&self.shared, self.party), kind))
    }

    /// Sends all that a stream yields as one message.
    ///
    /// Not cancel-safe: dropped with some of it sent, it ends the connection with Close 1011, as
    /// [`OutgoingMessage`] does; so does an error of the stream.
    ///
    /// # Errors
    ///
    /// The stream's; otherwise as [`send`](Self::send).
    pub async fn send_stream<S, E>(&mut self, kind: MessageKind, stream: S) -> Result<(), Error>
    where
        S: Stream<Item = Result<Bytes, E>>,
        E: Into<Error>,
    {
        let mut message = self.start_message(kind).await?;
        message.feed_all(stream).await?;
        message.finish().await
    }

    /// Sends all that a reader yields as one message, in pieces of up to 16 KiB.
    ///
    /// Not cancel-safe, as [`send_stream`](Self::send_stream).
    ///
    /// # Errors
    ///
    /// The reader's; otherwise as [`send`](Self::send).
    pub async fn send_reader<R: AsyncRead>(
        &mut self,
        kind: MessageKind,
        reader: R,
    ) -> Result<(), Error> {
        self.send_stream(kind, pieces(reader)).await
    }

    /// Writes what is queued.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// What ended the connection.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.shared.lock().poll_flush(cx, self.party)).await
    }

    /// Sends Close and flushes it. The peer's Close, and the end, are the [`Reader`](super::Reader)'s to see;
    /// sends of every clone fail from here on.
    ///
    /// Cancel-safe: called again it goes on.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] where the code may not be sent or the reason has over 123 bytes; what ended the
    /// connection before its time.
    pub async fn close(
        &mut self,
        code: impl Into<CloseCode>,
        reason: impl Into<Utf8Bytes>,
    ) -> Result<(), Error> {
        let frame = CloseFrame::new(code, reason);
        self.shared.lock().start_close(&frame, self.party)?;
        self.flush().await
    }

    /// [`send`](Self::send) of a message that is encoded once for many.
    ///
    /// Cancel-safe, as `send` is.
    ///
    /// # Errors
    ///
    /// As `send`.
    pub async fn send_prepared(&mut self, message: &Prepared) -> Result<(), Error> {
        self.queue_prepared(message).await?;
        self.flush().await
    }

    /// [`feed`](Self::feed) of a message that is encoded once for many.
    ///
    /// Cancel-safe, as `feed` is.
    ///
    /// # Errors
    ///
    /// As `feed`.
    pub async fn feed_prepared(&mut self, message: &Prepared) -> Result<(), Error> {
        self.queue_prepared(message).await?;
        self.shared.wake_reader();
        Ok(())
    }

    async fn queue_message(&mut self, message: Message) -> Result<(), Error> {
        let sending = if message.is_data() { Sending::Data } else { Sending::Control };
        self.queue(sending, |connection, party| connection.start_send(message, party)).await
    }

    async fn queue_prepared(&mut self, message: &Prepared) -> Result<(), Error> {
        let sending = if message.is_data() { Sending::Data } else { Sending::Control };
        self.queue(sending, |connection, _| connection.start_send_prepared(message)).await
    }

    /// Waits for room, and only then asks for the message; `None` queues nothing.
    #[cfg(feature = "hub")]
    pub(crate) fn poll_feed_prepared(
        &mut self,
        cx: &mut Context<'_>,
        next: impl FnOnce() -> Option<Prepared>,
    ) -> Poll<Result<(), Error>> {
        let mut connection = self.shared.lock();
        ready!(connection.poll_ready(cx, self.party))?;
        let Some(message) = next() else { return Poll::Ready(Ok(())) };
        connection.start_send_prepared(&message)?;
        drop(connection);
        self.shared.wake_reader();
        Poll::Ready(Ok(()))
    }

    /// Waits until nothing can be sent any more; what a sender is told then.
    #[cfg(feature = "hub")]
    pub(crate) fn poll_closing(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        self.shared.lock().poll_closing(cx, self.party)
    }

    /// Waits for room and queues in one step, so that nobody takes the room in between.
    async fn queue(
        &mut self,
        sending: Sending,
        queue: impl FnOnce(&mut Connection<T>, Party) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut queue = Some(queue);
        poll_fn(|cx| {
            let mut connection = self.shared.lock();
            ready!(connection.poll_ready_for(cx, self.party, sending))?;
            // The future is over with this, so that it is there.
            let queue = queue.take().map(|queue| queue(&mut connection, self.party));
            Poll::Ready(queue.unwrap_or(Ok(())))
        })
        .await
    }
}

impl<T> Clone for Writer<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), party: self.shared.parties.join() }
    }
}

impl<T> Drop for Writer<T> {
    fn drop(&mut self) {
        // Of a message in pieces that was forgotten, as `mem::forget` does, nothing more will come.
        self.shared.lock().abandon_pieces(self.party);
        self.shared.parties.leave(self.party);
    }
}

/// `poll_close` sends Close 1000 and flushes it, as [`Writer::close`] does.
impl<T: AsyncRead + AsyncWrite + Unpin> Sink<Message> for Writer<T> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.shared.lock().poll_ready(cx, self.party)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.shared.lock().start_send_or_defer(message, self.party)?;
        self.shared.wake_reader();
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.shared.lock().poll_flush(cx, self.party)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.shared.lock().poll_close(cx, self.party)
    }
}

impl<T> fmt::Debug for Writer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("role", &self.shared.role).finish_non_exhaustive()
    }
}
