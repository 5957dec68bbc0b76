use std::{
    fmt,
    future::poll_fn,
    io,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::ReaderStream;

use super::Access;
use crate::{
    vocabulary::{Compression, Error, MessageKind, PieceEnd, UsageError, Utf8Validator},
    websocket::{
        connection::{Connection, Started},
        outbox::Mark,
    },
};

/// Small writes are put together into fragments of this size.
const FRAGMENT: usize = 16 << 10;
/// Bytes from this size on go out as a fragment of their own, without a copy.
const LARGE: usize = 4 << 10;

/// A message that is sent while it is made: a `Sink` of [`Bytes`], and an `AsyncWrite`.
///
/// Given by [`start_message`](crate::Writer::start_message). It goes out in fragments (RFC 6455 section 5.4) as
/// it grows, so that it may be larger than memory and its length need not be known. Writing waits while
/// 64 KiB are queued for the peer, as every send does. Small writes are put together to 16 KiB, and
/// [`flush`](Self::flush) sends what is there. Control messages go out in between, Close among them; the messages of
/// other clones of a [`Writer`](crate::Writer) wait in line until this one has ended, one of each clone.
///
/// **[`finish`](Self::finish) is what ends it.** Dropped before that, with some of it sent, it ends the
/// connection with Close 1011, because the peer must never take half of it for the whole; dropped before its
/// first byte it was never begun. Forgotten (`mem::forget`), it is unfinished until
/// its writer is dropped.
///
/// Where permessage-deflate is agreed on it is compressed; each flush then costs some of the gain.
///
/// Costs up to 16 KiB while it is open; where it is compressed without context, also a compressor of the
/// thread's.
///
/// ```
/// use bowline::{Error, MessageKind, Writer};
/// use tokio::{fs::File, io::AsyncWriteExt, net::TcpStream};
///
/// # async fn send(writer: &mut Writer<TcpStream>, file: &mut File) -> Result<(), Error> {
/// let mut message = writer.start_message(MessageKind::Binary).await?;
/// message.write_all(b"header").await?;
/// tokio::io::copy(file, &mut message).await?;
/// message.finish().await
/// # }
/// ```
#[must_use = "a message that is not finished ends the connection"]
pub struct OutgoingMessage<'a, T> {
    access: Access<'a, T>,
    /// Where it is text.
    utf8: Option<Utf8Validator>,
    /// What is to be the next fragment.
    buffer: BytesMut,
    state: State,
    /// How far a flush has to get that has begun.
    flushing: Option<Mark>,
}

/// ```text
///             others are before it             its turn
///  New ---------------------------> InLine --------------> Open ----> Finished
///   |                                                       ^
///   +-------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nobody else knows of it.
    New,
    InLine,
    Open,
    /// Its last fragment is queued.
    Finished,
}

impl<'a, T> OutgoingMessage<'a, T> {
    fn new(access: Access<'a, T>, kind: MessageKind) -> Self {
        let utf8 = (kind == MessageKind::Text).then(Utf8Validator::default);
        Self { access, utf8, buffer: BytesMut::new(), state: State::New, flushing: None }
    }

    /// Whether it is text or binary.
    pub fn kind(&self) -> MessageKind {
        if self.utf8.is_some() { MessageKind::Text } else { MessageKind::Binary }
    }

    /// Text may end inside a character only where more follows. A refused piece changes nothing.
    fn check_text(&mut self, piece: &[u8]) -> Result<(), UsageError> {
        if let Some(utf8) = &mut self.utf8 {
            let mut checked = *utf8;
            checked.validate(piece).map_err(|_| UsageError::InvalidUtf8)?;
            *utf8 = checked;
        }
        Ok(())
    }

    fn check_open(&self) -> Result<(), UsageError> {
        if self.state == State::Open { Ok(()) } else { Err(UsageError::FinishedMessage) }
    }

    /// Queues a fragment.
    fn push(&mut self, payload: Bytes, end: PieceEnd) -> Result<(), Error> {
        self.access.act(|connection, party| connection.start_piece(payload, end, party))?;
        // With the others a flush comes at once.
        if end == PieceEnd::Open {
            self.access.wake_reader();
        }
        Ok(())
    }

    fn push_buffer(&mut self, end: PieceEnd) -> Result<(), Error> {
        let payload = self.buffer.split().freeze();
        self.push(payload, end)
    }

    fn queue(&mut self, bytes: Bytes) -> Result<(), Error> {
        self.check_text(&bytes)?;
        self.flushing = None;
        let has_room = self.buffer.len() + bytes.len() <= FRAGMENT && bytes.len() < LARGE;
        if !has_room && !self.buffer.is_empty() {
            self.push_buffer(PieceEnd::Open)?;
        }
        if bytes.len() >= LARGE {
            return self.push(bytes, PieceEnd::Open);
        }
        self.append(&bytes)
    }

    /// Puts bytes for which there is room into the next fragment, which goes out when it is full.
    fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.flushing = None;
        if self.buffer.capacity() - self.buffer.len() < bytes.len() {
            self.buffer.reserve(FRAGMENT - self.buffer.len());
        }
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() < FRAGMENT { Ok(()) } else { self.push_buffer(PieceEnd::Open) }
    }

    fn push_rest(&mut self) -> Result<(), Error> {
        if self.state == State::Open { self.push_buffer(PieceEnd::Flushed) } else { Ok(()) }
    }

    fn end(&mut self) -> Result<(), Error> {
        if self.state == State::Finished {
            return Ok(());
        }
        if let Some(utf8) = &self.utf8 {
            let mut utf8 = *utf8;
            utf8.finish().map_err(|_| UsageError::InvalidUtf8)?;
        }
        self.push_buffer(PieceEnd::Last)?;
        self.state = State::Finished;
        self.flushing = None;
        Ok(())
    }
}

impl<'a, T: AsyncRead + AsyncWrite + Unpin> OutgoingMessage<'a, T> {
    /// Begins it, once there is room and nobody is before it. Dropped meanwhile, it is taken out of the line.
    pub(in crate::websocket) async fn start(
        access: Access<'a, T>,
        kind: MessageKind,
        compression: Compression,
    ) -> Result<Self, Error> {
        let mut message = Self::new(access, kind);
        poll_fn(|cx| message.poll_start(cx, compression)).await?;
        Ok(message)
    }

    fn poll_start(
        &mut self,
        cx: &mut Context<'_>,
        compression: Compression,
    ) -> Poll<Result<(), Error>> {
        if self.state == State::New {
            let start = (self.kind(), compression);
            let started = self
                .access
                .poll(cx, |connection, cx, party| connection.poll_start(cx, party, start));
            match ready!(started)? {
                Started::Now => self.state = State::Open,
                Started::InLine => self.state = State::InLine,
            }
        }
        if self.state == State::InLine {
            ready!(self.access.poll(cx, Connection::poll_turn))?;
            self.state = State::Open;
        }
        Poll::Ready(Ok(()))
    }

    /// Adds bytes, waiting while 64 KiB are queued already; they go out by reference from 4 KiB on. What is
    /// added is written at the latest by [`flush`](Self::flush) or [`finish`](Self::finish).
    ///
    /// Cancel-safe: when dropped, the bytes are not added.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] for text that is not UTF-8, which adds nothing; otherwise what ended the connection.
    pub async fn feed(&mut self, bytes: impl Into<Bytes>) -> Result<(), Error> {
        poll_fn(|cx| self.poll_room(cx)).await?;
        self.queue(bytes.into())
    }

    /// Adds all that a stream yields, and flushes whenever the stream has nothing more for the moment.
    ///
    /// Not cancel-safe: what the stream has yielded may have been added or not.
    ///
    /// # Errors
    ///
    /// The stream's, with which it stops; otherwise as [`feed`](Self::feed).
    pub async fn feed_all<S, E>(&mut self, stream: S) -> Result<(), Error>
    where
        S: Stream<Item = Result<Bytes, E>>,
        E: Into<Error>,
    {
        let mut stream = pin!(stream);
        poll_fn(|cx| {
            loop {
                ready!(self.poll_room(cx))?;
                match stream.as_mut().poll_next(cx) {
                    Poll::Ready(Some(bytes)) => self.queue(bytes.map_err(Into::into)?)?,
                    Poll::Ready(None) => return Poll::Ready(Ok(())),
                    Poll::Pending => {
                        let _ = self.poll_written(cx)?;
                        // A source that rests for long is not to be waited for in vain.
                        return self.poll_closing(cx).map(Err);
                    }
                }
            }
        })
        .await
    }

    /// Sends what has been added, without ending the message.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// What ended the connection.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_written(cx)).await
    }

    /// Ends the message, and writes what is queued.
    ///
    /// Cancel-safe in that the message is whole from the first poll on: when dropped then, it goes out with the
    /// connection's next write.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] for text that ends inside a character, which is thus left unfinished; otherwise what ended the
    /// connection.
    pub async fn finish(mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_finish(cx)).await
    }

    /// Waits for room in the outbox.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.check_open()?;
        self.access.poll(cx, Connection::poll_ready)
    }

    /// Writes what has been added; what others queue meanwhile is not waited for.
    fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.push_rest()?;
        let mark = &mut self.flushing;
        let flush = |connection: &mut Connection<T>, cx: &mut Context<'_>, party| {
            connection.poll_flush_to(cx, party, mark)
        };
        let flushed = self.access.poll(cx, flush);
        if flushed.is_ready() {
            self.flushing = None;
        }
        flushed
    }

    /// Waits until nothing can be sent any more.
    fn poll_closing(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        self.access.poll(cx, Connection::poll_closing)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.end()?;
        self.poll_written(cx)
    }
}

impl<T> Drop for OutgoingMessage<'_, T> {
    fn drop(&mut self) {
        if matches!(self.state, State::InLine | State::Open) {
            self.access.act(Connection::abandon_pieces);
        }
    }
}

/// `poll_close` ends the message, as [`OutgoingMessage::finish`] does.
impl<T: AsyncRead + AsyncWrite + Unpin> Sink<Bytes> for OutgoingMessage<'_, T> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_room(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, bytes: Bytes) -> Result<(), Error> {
        self.check_open()?;
        self.queue(bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_written(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_finish(cx)
    }
}

/// `poll_shutdown` ends the message, as [`OutgoingMessage::finish`] does. An [`Error`] comes inside the
/// `io::Error`.
impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for OutgoingMessage<'_, T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_room(cx))?;
        let len = buf.len().min(FRAGMENT - self.buffer.len());
        self.check_text(&buf[..len]).map_err(Error::from)?;
        self.append(&buf[..len])?;
        Poll::Ready(Ok(len))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_written(cx).map_err(Into::into)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_finish(cx).map_err(Into::into)
    }
}

/// What a reader yields, in pieces that go out by reference.
pub(in crate::websocket) fn pieces<R: AsyncRead>(reader: R) -> ReaderStream<R> {
    ReaderStream::with_capacity(reader, FRAGMENT)
}

impl<T> fmt::Debug for OutgoingMessage<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutgoingMessage").field("state", &self.state).finish_non_exhaustive()
    }
}
