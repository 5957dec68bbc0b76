//! [`WebSocket`]: messages over a transport, with pings answered, the connection kept alive and closed
//! as RFC 6455 asks.

mod buffers;
mod connection;
mod drain;
mod halves;
mod lend;
mod opening;
mod outbox;
mod owner;
mod pings;
mod read_buffer;
mod round_trip;
mod shared;
mod streamed;
mod sync;
mod taken;
mod timer;
mod wakers;

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_core::{FusedStream, Stream};
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::codec::{Framed, FramedParts};

use crate::{
    handshake::Agreed,
    message::{Message, MessageCodec, Parcel, Prepared},
    vocabulary::{Agreement, CloseCode, CloseFrame, Config, Error, Extension, Role, Utf8Bytes},
};
use connection::Connection;
pub use drain::{Drain, Drained, Hold, Reserved};
pub use halves::{Reader, ReuniteError, Writer};
pub use lend::Loan;
pub(crate) use opening::Opening;
pub(crate) use outbox::Mark;
use owner::Owner;
pub use round_trip::RoundTrip;
pub use streamed::{ByteStream, IncomingMessage, OutgoingMessage};
pub(crate) use wakers::{Party, Wakers};

/// A WebSocket: a `Stream` and `Sink` of [`Message`]s over any transport.
///
/// ```no_run
/// use bowline::{Error, Message, server};
///
/// # async fn echo(tcp: tokio::net::TcpStream) -> Result<(), Error> {
/// let mut ws = server::accept(tcp).await?;
/// while let Some(message) = ws.next().await {
///     match message? {
///         Message::Text(text) => ws.feed(text).await?,
///         Message::Binary(bytes) => ws.feed(bytes).await?,
///         Message::Ping(_) | Message::Pong(_) => {} // answered already
///         Message::Close(frame) => println!("closed by the peer: {frame:?}"), // replied to already
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// # What it does on its own
///
/// - A Ping is answered when the reader is polled, ahead of every frame not begun. Of several unanswered
///   ones the newest is answered, so that a flood of them costs one slot.
/// - After 30 to 60 seconds without a byte in it pings, and gives up 30 seconds later ([`Config`]).
/// - The peer's Close is replied to before [`Message::Close`] is yielded; then a server shuts its side down
///   and discards what still comes, a client waits for the server to end, and the stream yields `None`.
/// - A breach of the protocol or of a limit is answered with Close and its code, the input is drained so
///   that no reset destroys that Close, and the error is the stream's last item.
///
/// All this happens while the WebSocket is polled: a task that only sends answers no pings.
///
/// # Sending
///
/// [`send`](Self::send) writes at once; [`feed`](Self::feed) queues, and what is fed is written at the
/// latest when [`next`](Self::next) finds nothing more to read. A loop that answers with `feed` thus
/// answers a burst with one write. A reply fed before a slow `await` waits with it: `flush` or `send` then.
///
/// A peer that doesn't read makes `send` and `feed` wait once 64 KiB are queued, and ends the connection
/// with [`Error::SendTimeout`] after 30 seconds without progress. Two ends that both send without reading
/// meet there too.
///
/// # Cost
///
/// An idle connection holds no buffers; they are taken from a cache of the thread as bytes arrive, and
/// given back when they run out. A received message is a slice of such a buffer: see [`Message`].
///
/// # Polled from two tasks
///
/// The halves of `futures`' `StreamExt::split` may live in different tasks: both are woken.
pub struct WebSocket<T> {
    connection: Owner<T>,
}

impl<T> WebSocket<T> {
    /// The transport.
    pub fn get_ref(&self) -> &T {
        &self.connection.io
    }

    /// The transport, to set its options; reading or writing would tear frames.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.connection.io
    }

    /// The subprotocol agreed on in the opening handshake.
    pub fn subprotocol(&self) -> Option<&str> {
        Agreement::subprotocol_of(self.connection.codec.agreement())
    }

    /// The extensions agreed on in the opening handshake.
    pub fn extensions(&self) -> &[Extension] {
        Agreement::extensions_of(self.connection.codec.agreement())
    }

    /// Which end of the connection this is.
    pub fn role(&self) -> Role {
        self.connection.codec.role()
    }

    /// How long the peer's last answer took, to keepalive's ping or to [`ping`](Self::ping); `None` before there is one.
    pub fn round_trip(&self) -> Option<Duration> {
        self.connection.round_trip()
    }

    /// The two halves, for different tasks; [`Writer`] can be cloned. [`Reader::reunite`] gives the whole back.
    pub fn split(self) -> (Reader<T>, Writer<T>) {
        halves::split(self.connection)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> WebSocket<T> {
    /// A WebSocket on a transport whose opening handshake is over.
    pub fn new(io: T, role: Role, config: impl Into<Arc<Config>>) -> Self {
        Self::from_parts(FramedParts::new::<Message>(io, MessageCodec::new(role)), config.into())
    }

    /// Goes on from an opening handshake whose HTTP somebody else has spoken. `read` is what has been read behind the
    /// head, and not been looked at.
    pub fn agreed(io: T, agreed: Agreed, read: Bytes, config: impl Into<Arc<Config>>) -> Self {
        let transport = agreed.transport();
        let mut parts = FramedParts::new::<Message>(io, MessageCodec::from(agreed));
        parts.read_buf = read.into();
        let mut ws = Self::from_parts(parts, config.into());
        ws.connection.set_transport(transport);
        ws
    }

    /// Goes on from a codec on a framed transport: no byte in its buffers is lost.
    ///
    /// The limits and the outgoing frame size are those of `config`.
    pub fn from_framed(framed: Framed<T, MessageCodec>, config: impl Into<Arc<Config>>) -> Self {
        Self::from_parts(framed.into_parts(), config.into())
    }

    pub(crate) fn from_parts(parts: FramedParts<T, MessageCodec>, config: Arc<Config>) -> Self {
        let FramedParts { io, codec, read_buf, write_buf, .. } = parts;
        // Framed's buffers have a capacity of their own that an idle connection would keep.
        let read_buf = if read_buf.is_empty() { BytesMut::new() } else { read_buf };
        Self { connection: Owner::new(Connection::new(io, codec, read_buf, write_buf, config)) }
    }

    /// The codec on a framed transport, with what was read and what waits to be written; from here on
    /// nothing is answered on its own.
    pub fn into_framed(self) -> Framed<T, MessageCodec> {
        let (io, codec, read, write) = self.connection.into_connection().into_parts();
        let mut parts = FramedParts::new::<Message>(io, codec);
        parts.read_buf = read;
        parts.write_buf = write;
        Framed::from_parts(parts)
    }

    /// The transport; what was read and not taken and what was not yet written is lost.
    pub fn into_inner(self) -> T {
        self.connection.into_connection().into_parts().0
    }

    /// The next message; `None` after the end.
    ///
    /// Cancel-safe: a message is either returned or still there.
    ///
    /// # Errors
    ///
    /// Whatever ended the connection, once, as the last item. A normal close is none.
    pub async fn next(&mut self) -> Option<Result<Message, Error>> {
        poll_fn(|cx| self.connection.poll_next(cx)).await
    }

    /// Queues a message and writes what is queued.
    ///
    /// It does not read meanwhile: two ends that only send, each more than the transport holds, wait for
    /// each other. Where large messages go both ways, read in another task.
    ///
    /// Cancel-safe: when dropped, the message is wholly queued or not at all, and no frame is torn.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] for what can't be sent, and after Close; otherwise what ended the connection.
    pub fn send(&mut self, message: impl Into<Message>) -> impl Future<Output = Result<(), Error>> {
        self.deliver(message)
    }

    /// Queues a message, waiting while 64 KiB are queued already. It is written by the next
    /// [`flush`](Self::flush), or when [`next`](Self::next) finds nothing more to read.
    ///
    /// Cancel-safe: when dropped, the message is not queued.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn feed(&mut self, message: impl Into<Message>) -> impl Future<Output = Result<(), Error>> {
        self.queue(message)
    }

    /// [`send`](Self::send) of a message that is encoded once for many.
    ///
    /// Cancel-safe, as `send` is.
    ///
    /// # Errors
    ///
    /// As `send`.
    pub async fn send_prepared(&mut self, message: &Prepared) -> Result<(), Error> {
        self.deliver(Parcel::Prepared(message.clone())).await
    }

    /// [`feed`](Self::feed) of a message that is encoded once for many.
    ///
    /// Cancel-safe, as `feed` is.
    ///
    /// # Errors
    ///
    /// As `feed`.
    pub async fn feed_prepared(&mut self, message: &Prepared) -> Result<(), Error> {
        self.queue(Parcel::Prepared(message.clone())).await
    }

    /// [`send`](Self::send) of a message that stays uncompressed, whatever was agreed on: it is compressed
    /// already, or mixes a secret with what others can choose (as in the CRIME and BREACH attacks).
    ///
    /// Cancel-safe, as `send` is.
    ///
    /// # Errors
    ///
    /// As `send`.
    #[cfg(feature = "deflate")]
    pub async fn send_uncompressed(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.deliver(Parcel::uncompressed(message.into())).await
    }

    /// [`feed`](Self::feed) of a message that stays uncompressed, as with
    /// [`send_uncompressed`](Self::send_uncompressed).
    ///
    /// Cancel-safe, as `feed` is.
    ///
    /// # Errors
    ///
    /// As `feed`.
    #[cfg(feature = "deflate")]
    pub async fn feed_uncompressed(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.queue(Parcel::uncompressed(message.into())).await
    }

    /// Queues a message. A future by hand, because an async function's keeps room for what it is given twice, as long
    /// as the task lives.
    #[inline]
    fn queue(&mut self, parcel: impl Into<Parcel>) -> impl Future<Output = Result<(), Error>> {
        let mut parcel = Some(parcel);
        poll_fn(move |cx| self.connection.poll_queue(cx, &mut parcel, Party::WRITER))
    }

    /// Queues a message, then writes what is queued.
    #[inline]
    fn deliver(&mut self, parcel: impl Into<Parcel>) -> impl Future<Output = Result<(), Error>> {
        let mut parcel = Some(parcel);
        poll_fn(move |cx| {
            ready!(self.connection.poll_queue(cx, &mut parcel, Party::WRITER))?;
            self.connection.poll_flush(cx, Party::WRITER)
        })
    }

    /// Sends a ping that answers: the future gives how long it took to the peer and back. The ping is queued at once, and
    /// written as what is fed is; the Pong is also yielded by [`next`](Self::next), which has to be polled meanwhile:
    ///
    /// ```
    /// # async fn talk(ws: &mut bowline::WebSocket<tokio::net::TcpStream>) -> Result<(), bowline::Error> {
    /// let mut round_trip = ws.ping();
    /// let latency = loop {
    ///     tokio::select! {
    ///         answered = &mut round_trip => break answered?,
    ///         Some(message) = ws.next() => println!("{:?}", message?),
    ///     }
    /// };
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Takes no room in the outbox that others would wait for. Up to 64 may wait for their answers.
    pub fn ping(&mut self) -> RoundTrip {
        self.connection.start_ping(Party::WRITER)
    }

    /// Writes what is queued.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// What ended the connection.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.connection.poll_flush(cx, Party::WRITER)).await
    }

    /// Carries out the closing handshake: sends Close, then reads and discards until the peer's Close
    /// and the end of the stream. Gives the peer's Close, `None` where it came without a body or not at all.
    ///
    /// After the peer's Close it only waits for the end. Takes at most `close_timeout`, 5 seconds unless
    /// set, and discards at most 1 MiB.
    ///
    /// Cancel-safe: called again it goes on.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] where the code may not be sent or the reason has over 123 bytes;
    /// [`Error::CloseTimeout`]; what else ended the connection before its time.
    pub async fn close(
        &mut self,
        code: impl Into<CloseCode>,
        reason: impl Into<Utf8Bytes>,
    ) -> Result<Option<CloseFrame>, Error> {
        let frame = CloseFrame::new(code, reason);
        self.connection.start_close(&frame, Party::WRITER)?;
        poll_fn(|cx| self.connection.poll_closed(cx)).await
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for WebSocket<T> {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.connection.poll_next(cx)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> FusedStream for WebSocket<T> {
    fn is_terminated(&self) -> bool {
        self.connection.is_terminated()
    }
}

/// What `start_send` has queued waits for `poll_flush`. A stream that finds nothing to read leaves it to the flush that is near, so
/// that `stream.forward(sink)` makes one write of a burst; if none comes, the task is woken and the stream writes it, as it
/// does with what was fed.
///
/// `poll_close` sends Close 1000 and flushes it; it never reads, so the peer's Close is the stream's to
/// see. [`WebSocket::close`] is the whole closing handshake.
impl<T: AsyncRead + AsyncWrite + Unpin> Sink<Message> for WebSocket<T> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.connection.poll_ready(cx, Party::WRITER)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.connection.start_send_unflushed(message, Party::WRITER)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.connection.poll_flush(cx, Party::WRITER)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.connection.poll_close(cx, Party::WRITER)
    }
}

impl<T: fmt::Debug> fmt::Debug for WebSocket<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket").field("io", &self.connection.io).finish_non_exhaustive()
    }
}
