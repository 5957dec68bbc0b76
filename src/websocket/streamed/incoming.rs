use std::{
    fmt,
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use futures_core::{FusedStream, Stream};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

use super::Access;
use crate::{
    message::{Message, Piece},
    vocabulary::{Error, MessageKind},
    websocket::connection::BUDGET,
};

/// A message that is read while it arrives: a `Stream` of [`Bytes`], and an `AsyncRead` and `AsyncBufRead`.
///
/// Given by [`WebSocket::next_streamed`](crate::WebSocket::next_streamed) and
/// [`Reader::next_streamed`](crate::Reader::next_streamed). Its bytes come as the transport delivers them, from
/// inside one frame too, so that a message may be larger than memory: what is held is one read buffer (at
/// most 64 KiB), and for a compressed message a decompressor (46 KiB) and the window behind it (32 KiB).
/// [`Config::with_max_streamed_size`](crate::Config::with_max_streamed_size) limits it.
///
/// Text is checked as it comes; a piece may end inside a character. Pings are answered meanwhile, and control
/// messages inside the message are not shown.
///
/// Dropping it before its end is safe: the rest is read and dropped by whoever reads next, from the connection's
/// next message on. What its reader has not taken is lost.
///
/// ```
/// use bowline::{Error, MessageKind, Reader};
/// use tokio::{fs::File, net::TcpStream};
///
/// # async fn keep(mut reader: Reader<TcpStream>, mut file: File) -> Result<(), Error> {
/// while let Some(message) = reader.next_streamed().await {
///     let mut message = message?;
///     if message.kind() == MessageKind::Binary {
///         tokio::io::copy(&mut message, &mut file).await?;
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct IncomingMessage<'a, T> {
    access: Access<'a, T>,
    kind: MessageKind,
    state: State,
}

/// How far it has been read.
#[derive(Debug)]
enum State {
    /// More is to come, behind bytes that `AsyncRead` has not handed out yet.
    Open(Bytes),
    /// Read to the end, or failed.
    Over,
}

impl<'a, T> IncomingMessage<'a, T> {
    pub(in crate::websocket) fn new(access: Access<'a, T>, kind: MessageKind) -> Self {
        Self { access, kind, state: State::Open(Bytes::new()) }
    }

    /// Whether it is text or binary.
    pub fn kind(&self) -> MessageKind {
        self.kind
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> IncomingMessage<'_, T> {
    /// The next bytes, never none; `None` after the message's end.
    ///
    /// Cancel-safe: bytes are either returned or still there.
    ///
    /// # Errors
    ///
    /// [`Error::ClosedEarly`] where the connection is closed before the message's end; otherwise what
    /// ended the connection, which its stream then yields no more. The last item in any case.
    pub async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        poll_fn(|cx| self.poll_bytes(cx)).await
    }

    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        match &mut self.state {
            State::Over => return Poll::Ready(None),
            State::Open(rest) if !rest.is_empty() => {
                return Poll::Ready(Some(Ok(std::mem::take(rest))));
            }
            State::Open(_) => {}
        }
        for _ in 0..BUDGET {
            let piece = ready!(self.access.poll(cx, |connection, cx, _| connection.poll_piece(cx)));
            let last = match piece {
                Some(Ok(Piece::Payload(bytes))) => return Poll::Ready(Some(Ok(bytes))),
                Some(Ok(Piece::Control(Message::Close(frame)))) => {
                    Some(Err(Error::ClosedEarly(frame.map(Box::new))))
                }
                None => Some(Err(Error::ClosedEarly(None))),
                Some(Ok(Piece::Control(_))) => continue,
                Some(Ok(Piece::End | Piece::Begin(_))) => None,
                Some(Err(error)) => Some(Err(error)),
            };
            self.state = State::Over;
            return Poll::Ready(last);
        }
        // Nothing but control messages: others get their turn.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for IncomingMessage<'_, T> {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_bytes(cx)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> FusedStream for IncomingMessage<'_, T> {
    fn is_terminated(&self) -> bool {
        matches!(self.state, State::Over)
    }
}

/// An [`Error`] that ends the message comes inside the `io::Error`, once.
impl<T: AsyncRead + AsyncWrite + Unpin> AsyncBufRead for IncomingMessage<'_, T> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        match ready!(this.poll_bytes(cx)) {
            Some(Ok(bytes)) => this.state = State::Open(bytes),
            Some(Err(error)) => return Poll::Ready(Err(error.into())),
            None => {}
        }
        Poll::Ready(Ok(match &this.state {
            State::Open(rest) => rest,
            State::Over => &[],
        }))
    }

    fn consume(mut self: Pin<&mut Self>, amount: usize) {
        if let State::Open(rest) = &mut self.state {
            rest.advance(amount);
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for IncomingMessage<'_, T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        super::poll_read_buffered(self.as_mut(), cx, buf)
    }
}

impl<T> fmt::Debug for IncomingMessage<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncomingMessage").field("kind", &self.kind).finish_non_exhaustive()
    }
}
