use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_core::Stream;
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    message::{Message, Parcel, Prepared},
    vocabulary::{
        Agreement, CloseCode, CloseFrame, Compression, Error, Extension, MessageKind, Role,
        Utf8Bytes,
    },
    websocket::{
        RoundTrip,
        connection::{Connection, Sending},
        outbox::Mark,
        shared::Shared,
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
    pieces: Pieces,
    /// How far a flush of the sink has to get that has begun.
    flushing: Option<Mark>,
}

/// Whether this writer has ever begun a message in pieces, and so may have one that was forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pieces {
    Never,
    Begun,
}

impl<T> Writer<T> {
    pub(super) fn new(shared: Arc<Shared<T>>, party: Party) -> Self {
        Self { shared, party, pieces: Pieces::Never, flushing: None }
    }

    pub(super) fn shared(&self) -> &Arc<Shared<T>> {
        &self.shared
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

    /// How long the peer's last answer took, as [`WebSocket::round_trip`](crate::WebSocket::round_trip).
    pub fn round_trip(&self) -> Option<Duration> {
        self.shared.act(|connection| connection.round_trip())
    }

    /// Sends a ping that answers, while the [`Reader`](super::Reader) is polled by another task:
    ///
    /// ```
    /// # async fn talk(writer: &mut bowline::Writer<tokio::net::TcpStream>) -> Result<(), bowline::Error> {
    /// println!("{:?} to the peer and back", writer.ping().await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// As [`WebSocket::ping`](crate::WebSocket::ping); a reader that waits is woken to write it.
    pub fn ping(&mut self) -> RoundTrip {
        self.flushing = None;
        let round_trip = self.shared.act(|connection| connection.start_ping(self.party));
        self.shared.wake_reader();
        round_trip
    }

    /// Has a reader that waits write what was fed.
    #[cfg(feature = "hub")]
    pub(crate) fn wake_reader(&self) {
        self.shared.wake_reader();
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
        self.queue(message.into()).await?;
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
        self.queue(message.into()).await?;
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
        self.queue(Parcel::uncompressed(message.into())).await?;
        self.flush().await
    }

    /// Begins a message that is sent in pieces, its length unknown. Waits for room, and in line behind another
    /// clone's such message and what waits there; until this one ends, the other clones' messages wait in line,
    /// one of each clone. Control messages don't wait.
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
        self.start(kind, Compression::AsAgreed).await
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
        self.start(kind, Compression::Never).await
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

    /// Writes what is queued; what other clones queue meanwhile is not waited for.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// What ended the connection.
    pub async fn flush(&mut self) -> Result<(), Error> {
        let mut mark = None;
        poll_fn(|cx| {
            self.poll(cx, |connection, cx, party| connection.poll_flush_to(cx, party, &mut mark))
        })
        .await
    }

    /// Waits until nothing can be sent any more: a Close was sent or has come, or the connection has ended. Gives what
    /// a sender is told then; [`UsageError::SendAfterClose`](crate::UsageError::SendAfterClose) where all is well.
    ///
    /// It doesn't read: a peer's Close is seen while the [`Reader`](super::Reader) is polled.
    ///
    /// Cancel-safe.
    pub async fn closed(&mut self) -> Error {
        poll_fn(|cx| self.poll_closing(cx)).await
    }

    /// Sends Close and flushes it. The peer's Close, and the end, are the [`Reader`](super::Reader)'s to see;
    /// sends of every clone fail from here on. It waits for nobody's message in pieces: that one is cut off, and what
    /// waits behind it is not sent.
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
        self.shared.act(|connection| connection.start_close(&frame, self.party))?;
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
        self.queue(Parcel::Prepared(message.clone())).await?;
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
        self.queue(Parcel::Prepared(message.clone())).await?;
        self.shared.wake_reader();
        Ok(())
    }

    /// Waits for room, and only then asks for the message; `None` queues nothing. Whoever feeds like this flushes.
    #[cfg(feature = "hub")]
    pub(crate) fn poll_feed_prepared(
        &mut self,
        cx: &mut Context<'_>,
        next: impl FnOnce() -> Option<Prepared>,
    ) -> Poll<Result<(), Error>> {
        self.flushing = None;
        self.poll(cx, |connection, cx, party| {
            ready!(connection.poll_ready(cx, party))?;
            let message = next().map(Parcel::Prepared);
            Poll::Ready(message.map_or(Ok(()), |message| connection.start_send(message, party)))
        })
    }

    /// [`closed`](Self::closed), polled.
    pub(crate) fn poll_closing(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        self.poll(cx, Connection::poll_closing)
    }

    /// Waits for room and queues in one step, so that nobody takes the room in between.
    async fn queue(&mut self, parcel: impl Into<Parcel>) -> Result<(), Error> {
        let parcel = parcel.into();
        self.flushing = None;
        let sending = if parcel.kind().is_some() { Sending::Data } else { Sending::Control };
        // The future is over once it has queued, so that it is there till then.
        let mut parcel = Some(parcel);
        let mut queue = |connection: &mut Connection<T>, party| {
            parcel.take().map_or(Ok(()), |parcel| connection.start_send(parcel, party))
        };
        poll_fn(|cx| {
            let queued_at_once = self.shared.act(|connection| {
                let is_free = connection.is_free_for(self.party, sending);
                is_free.then(|| queue(connection, self.party))
            });
            if let Some(queued) = queued_at_once {
                return Poll::Ready(queued);
            }
            self.poll(cx, |connection, cx, party| {
                ready!(connection.poll_ready_for(cx, party, sending))?;
                Poll::Ready(queue(connection, party))
            })
        })
        .await
    }

    async fn start(
        &mut self,
        kind: MessageKind,
        compression: Compression,
    ) -> Result<OutgoingMessage<'_, T>, Error> {
        self.pieces = Pieces::Begun;
        self.flushing = None;
        OutgoingMessage::start(Access::Shared(&self.shared, self.party), kind, compression).await
    }

    fn poll<O>(
        &self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Connection<T>, &mut Context<'_>, Party) -> Poll<O>,
    ) -> Poll<O> {
        let party = self.party;
        self.shared.poll(party, cx, |connection, cx| poll(connection, cx, party))
    }
}

impl<T> Clone for Writer<T> {
    fn clone(&self) -> Self {
        Self::new(self.shared.clone(), self.shared.parties().join())
    }
}

impl<T> Drop for Writer<T> {
    fn drop(&mut self) {
        if self.pieces == Pieces::Begun {
            self.shared.act(|connection| connection.abandon_pieces(self.party));
        }
        self.shared.parties().leave(self.party);
    }
}

/// `poll_close` sends Close 1000 and flushes it, as [`Writer::close`] does, but behind what this writer has sent.
impl<T: AsyncRead + AsyncWrite + Unpin> Sink<Message> for Writer<T> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll(cx, Connection::poll_ready)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.flushing = None;
        self.shared.act(|connection| connection.start_send(message, self.party))?;
        self.shared.wake_reader();
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut mark = self.flushing;
        let flushed =
            self.poll(cx, |connection, cx, party| connection.poll_flush_to(cx, party, &mut mark));
        self.flushing = mark.filter(|_| flushed.is_pending());
        flushed
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll(cx, |connection, cx, party| {
            ready!(connection.poll_line(cx, party));
            connection.poll_close(cx, party)
        })
    }
}

impl<T> fmt::Debug for Writer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("role", &self.shared.role()).finish_non_exhaustive()
    }
}
