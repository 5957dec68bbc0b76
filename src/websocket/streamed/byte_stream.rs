use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

use crate::{
    message::{Message, Piece},
    vocabulary::{CloseCode, CloseFrame, Error, MessageKind, UsageError, Utf8Bytes},
    websocket::{WebSocket, connection::BUDGET, wakers::Party},
};

/// The most that goes into one message.
const MAX_WRITE: usize = 64 << 10;

/// A connection as a stream of bytes, `AsyncRead` and `AsyncWrite`: for tunnels, and protocols made for TCP.
///
/// Made by [`WebSocket::into_byte_stream`]. Each write becomes a binary message of at most 64 KiB, which is
/// queued; flush where the other end is to have it, or read, which writes it too. What is read is the payload of binary
/// messages one after the other, as it arrives, wherever they begin and end; pings are answered meanwhile, and not
/// by writing. A text message is an error, and closes with 1003.
///
/// # Ends
///
/// RFC 6455 has no half-close: a Close ends both directions. Shutting down thus sends Close 1000 and flushes it;
/// the peer's Close with 1000 or no code is the end of what is read. Whatever else ends the connection is an error
/// ([`Error::ClosedEarly`] with the peer's Close), so that what was cut off is never taken for whole.
///
/// [`with_half_close`](Self::with_half_close) carries the end of one direction across, where the peer knows of it.
/// Behind the end of what is read, pings are answered by [`copy_bidirectional`](Self::copy_bidirectional) alone.
///
/// Dropping it drops the transport, and the peer sees an end without Close. [`close`](Self::close) carries out the
/// closing handshake.
///
/// ```
/// use bowline::{Error, WebSocket};
/// use tokio::net::TcpStream;
///
/// # async fn tunnel(ws: WebSocket<TcpStream>, mut tcp: TcpStream) -> Result<(), Error> {
/// let mut stream = ws.into_byte_stream().with_half_close();
/// stream.copy_bidirectional(&mut tcp).await?;
/// stream.close(1000, "").await?;
/// # Ok(())
/// # }
/// ```
pub struct ByteStream<T> {
    ws: WebSocket<T>,
    marks: EndMark,
    reading: Reading,
    writing: Writing,
}

/// How the end of one direction is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EndMark {
    Close,
    EmptyMessage,
}

/// ```text
///            Begin            Payload             the message's end
///  Between --------> Inside(0) -------> Inside(n) ------------------> Between
///     |  |              |
///     |  | Close        | the message's end, where an empty one is the mark
///     |  +---> Ended <--+
///     | a text message begins      the connection's end, or its deadline
///     +-----> Refusing -------------------------------------------------> Ended
/// ```
#[derive(Debug)]
enum Reading {
    Between,
    /// In a message: whether it is empty so far, and what of it is not handed out.
    Inside(Content, Bytes),
    /// A text message has come, and the connection is closing.
    Refusing,
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Empty,
    Some,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    Open,
    /// Its end has been told.
    Ended,
}

impl<T> ByteStream<T> {
    pub(in crate::websocket) fn new(ws: WebSocket<T>) -> Self {
        Self { ws, marks: EndMark::Close, reading: Reading::Between, writing: Writing::Open }
    }

    /// Tells the end of what is written by an empty message, so that reading goes on; and takes one for the end of
    /// what is read. A Close before it is then an error. Both ends have to do it, which is a matter
    /// of agreement: a subprotocol, say.
    #[must_use]
    pub fn with_half_close(mut self) -> Self {
        self.marks = EndMark::EmptyMessage;
        self
    }

    /// Whether a Close is what ends either direction, and so both.
    pub(super) fn ends_with_close(&self) -> bool {
        self.marks == EndMark::Close
    }

    /// The WebSocket below.
    pub fn get_ref(&self) -> &WebSocket<T> {
        &self.ws
    }

    /// The WebSocket again. What has been received of a message and not been read is lost, with the rest of that
    /// message.
    pub fn into_inner(self) -> WebSocket<T> {
        self.ws
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> ByteStream<T> {
    /// Carries out the closing handshake, as [`WebSocket::close`] does.
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
        self.ws.close(code, reason).await
    }

    /// Reads until there are bytes, or none will come any more.
    pub(super) fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        for _ in 0..BUDGET {
            match &self.reading {
                Reading::Inside(_, rest) if !rest.is_empty() => return Poll::Ready(Ok(())),
                Reading::Refusing => return self.poll_refused(cx).map(Err),
                Reading::Ended => return Poll::Ready(Ok(())),
                _ => {}
            }
            let piece = ready!(self.ws.connection.poll_piece(cx));
            if let Err(error) = self.take(piece) {
                self.reading = Reading::Ended;
                return Poll::Ready(Err(error));
            }
        }
        // Nothing but messages without content: others get their turn.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn take(&mut self, piece: Option<Result<Piece, Error>>) -> Result<(), Error> {
        let unfinished = matches!(self.reading, Reading::Inside(..));
        match piece.transpose()? {
            Some(Piece::Begin(MessageKind::Binary)) => {
                self.reading = Reading::Inside(Content::Empty, Bytes::new());
            }
            Some(Piece::Begin(MessageKind::Text)) => self.refuse_text()?,
            Some(Piece::Payload(bytes)) if unfinished => {
                self.reading = Reading::Inside(Content::Some, bytes);
            }
            Some(Piece::End) if unfinished => self.end_message(),
            // The rest of a message that was not read to its end before.
            Some(Piece::Payload(_) | Piece::End) => {}
            Some(Piece::Control(Message::Close(frame))) => return self.end(frame),
            Some(Piece::Control(_)) => {}
            None => return self.end(None),
        }
        Ok(())
    }

    fn end_message(&mut self) {
        let is_mark = self.marks == EndMark::EmptyMessage
            && matches!(self.reading, Reading::Inside(Content::Empty, _));
        self.reading = if is_mark { Reading::Ended } else { Reading::Between };
    }

    /// Whether a Close is the end of what is read.
    fn end(&mut self, frame: Option<CloseFrame>) -> Result<(), Error> {
        let is_inside = matches!(self.reading, Reading::Inside(..));
        self.reading = Reading::Ended;
        let is_normal = frame.as_ref().is_none_or(|frame| frame.code == CloseCode::NORMAL);
        if is_normal && !is_inside && self.marks == EndMark::Close {
            return Ok(());
        }
        Err(Error::ClosedEarly(frame.map(Box::new)))
    }

    /// Reads on behind the end of what is read, so that pings are answered and the connection's end is seen; ready
    /// with that, and never where a Close was the end.
    pub(super) fn poll_behind_end(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        if self.marks == EndMark::Close {
            return Poll::Pending;
        }
        for _ in 0..BUDGET {
            return Poll::Ready(match ready!(self.ws.connection.poll_piece(cx)) {
                Some(Ok(Piece::Control(Message::Close(frame)))) => {
                    Error::ClosedEarly(frame.map(Box::new))
                }
                Some(Ok(Piece::Control(_))) => continue,
                Some(Ok(_)) => invalid_data("message behind the end of what is sent"),
                Some(Err(error)) => error,
                None => Error::ClosedEarly(None),
            });
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn refuse_text(&mut self) -> Result<(), Error> {
        self.reading = Reading::Refusing;
        let close = CloseFrame::new(CloseCode::UNSUPPORTED, "binary messages only");
        self.ws.connection.start_close(&close, Party::WRITER)
    }

    /// Has our Close arrive; what the peer still says doesn't matter.
    fn poll_refused(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let _ = ready!(self.ws.connection.poll_closed(cx));
        self.reading = Reading::Ended;
        Poll::Ready(invalid_data("text message, binary ones only expected"))
    }

    fn check_open(&self) -> Result<(), Error> {
        match self.writing {
            Writing::Open => Ok(()),
            Writing::Ended => Err(UsageError::SendAfterClose.into()),
        }
    }

    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.marks == EndMark::Close {
            self.writing = Writing::Ended;
            return self.ws.connection.poll_close(cx, Party::WRITER);
        }
        if self.writing == Writing::Open {
            ready!(self.ws.connection.poll_ready(cx, Party::WRITER))?;
            self.ws.connection.start_send(Message::binary(Bytes::new()), Party::WRITER)?;
            self.writing = Writing::Ended;
        }
        self.ws.connection.poll_flush(cx, Party::WRITER)
    }
}

fn invalid_data(what: &'static str) -> Error {
    io::Error::new(io::ErrorKind::InvalidData, what).into()
}

/// An [`Error`] comes inside the `io::Error`, once; after it, as after the end, there is nothing to read.
impl<T: AsyncRead + AsyncWrite + Unpin> AsyncBufRead for ByteStream<T> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        ready!(this.poll_bytes(cx))?;
        Poll::Ready(Ok(match &this.reading {
            Reading::Inside(_, rest) => rest,
            Reading::Between | Reading::Refusing | Reading::Ended => &[],
        }))
    }

    fn consume(mut self: Pin<&mut Self>, amount: usize) {
        if let Reading::Inside(_, rest) = &mut self.reading {
            rest.advance(amount);
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for ByteStream<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        super::poll_read_buffered(self.as_mut(), cx, buf)
    }
}

/// `poll_shutdown` tells the peer that nothing more comes.
impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ByteStream<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check_open()?;
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        ready!(self.ws.connection.poll_ready(cx, Party::WRITER))?;
        let payload = Bytes::copy_from_slice(&buf[..buf.len().min(MAX_WRITE)]);
        let len = payload.len();
        self.ws.connection.start_send(Message::binary(payload), Party::WRITER)?;
        Poll::Ready(Ok(len))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ws.connection.poll_flush(cx, Party::WRITER).map_err(Into::into)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_end(cx).map_err(Into::into)
    }
}

impl<T: fmt::Debug> fmt::Debug for ByteStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteStream").field("ws", &self.ws).finish_non_exhaustive()
    }
}
