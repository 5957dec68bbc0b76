//! The end of a typed connection, and its halves: what only bowline's own connections can do.

use std::{
    pin::pin,
    task::{Context, Poll},
};

use bowline::{CloseCode, CloseFrame, Error, Reader, Utf8Bytes, WebSocket, Writer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Typed, TypedError};

/// Carries out the closing handshake; polled again it goes on.
pub(super) type Closer<S> =
    fn(&mut S, &mut Context<'_>, &CloseFrame) -> Poll<Result<Option<CloseFrame>, Error>>;

fn close_whole<T: AsyncRead + AsyncWrite + Unpin>(
    ws: &mut WebSocket<T>,
    cx: &mut Context<'_>,
    frame: &CloseFrame,
) -> Poll<Result<Option<CloseFrame>, Error>> {
    // It is cancel-safe and keeps nothing in its future, so that each poll may have a new one.
    pin!(ws.close(frame.code, frame.reason.clone())).poll(cx)
}

fn close_reader<T: AsyncRead + AsyncWrite + Unpin>(
    reader: &mut Reader<T>,
    cx: &mut Context<'_>,
    frame: &CloseFrame,
) -> Poll<Result<Option<CloseFrame>, Error>> {
    pin!(reader.close(frame.code, frame.reason.clone())).poll(cx)
}

impl<In, Out, T: AsyncRead + AsyncWrite + Unpin> Typed<In, Out, WebSocket<T>> {
    /// Closes the connection over the first message that doesn't fit: with 1007 where it doesn't parse, with 1003 where it
    /// is binary. The reason is the error, cut to 123 bytes.
    ///
    /// The closing handshake is carried out by [`next`](Self::next), or by polling the stream; it takes at most the
    /// connection's `close_timeout`. Then the error is the stream's last item, so that the peer knows of it even where the
    /// connection is dropped over it.
    #[must_use]
    pub fn close_on_invalid(self) -> Self {
        Self { closer: Some(close_whole), ..self }
    }

    /// Carries out the closing handshake: [`WebSocket::close`].
    ///
    /// Cancel-safe: called again it goes on.
    ///
    /// # Errors
    ///
    /// [`TypedError::Connection`] with what `WebSocket::close` says.
    pub async fn close(
        &mut self,
        code: impl Into<CloseCode>,
        reason: impl Into<Utf8Bytes>,
    ) -> Result<Option<CloseFrame>, TypedError> {
        self.close_frame = self.inner.close(code, reason).await?;
        Ok(self.close_frame.clone())
    }

    /// A half that receives and one that sends, for different tasks: [`WebSocket::split`]. The one that sends can be
    /// cloned.
    ///
    /// To put them together again, take the halves out of them.
    #[expect(clippy::type_complexity, reason = "a name for the pair would hide what it is")]
    pub fn split(self) -> (Typed<In, Out, Reader<T>>, Typed<In, Out, Writer<T>>) {
        let (reader, writer) = self.inner.split();
        let reader = Typed {
            inner: reader,
            binary: self.binary,
            closer: self.closer.map(|_| close_reader as Closer<_>),
            receiving: self.receiving,
            close_frame: self.close_frame,
            types: self.types,
        };
        (reader, Typed::new(writer))
    }
}

impl<In, Out, T: AsyncRead + AsyncWrite + Unpin> Typed<In, Out, Reader<T>> {
    /// Closes the connection over the first message that doesn't fit, as it is done on a whole one: with 1007 or 1003, and
    /// the error behind the closing handshake. Whoever sends on it is told that it is closed.
    #[must_use]
    pub fn close_on_invalid(self) -> Self {
        Self { closer: Some(close_reader), ..self }
    }

    /// Carries out the closing handshake: [`Reader::close`].
    ///
    /// Cancel-safe: called again it goes on.
    ///
    /// # Errors
    ///
    /// [`TypedError::Connection`] with what `Reader::close` says.
    pub async fn close(
        &mut self,
        code: impl Into<CloseCode>,
        reason: impl Into<Utf8Bytes>,
    ) -> Result<Option<CloseFrame>, TypedError> {
        self.close_frame = self.inner.close(code, reason).await?;
        Ok(self.close_frame.clone())
    }
}

impl<In, Out, T: AsyncRead + AsyncWrite + Unpin> Typed<In, Out, Writer<T>> {
    /// Sends Close and flushes it; the peer's is the other half's to see: [`Writer::close`].
    ///
    /// Cancel-safe: called again it goes on.
    ///
    /// # Errors
    ///
    /// [`TypedError::Connection`] with what `Writer::close` says.
    pub async fn close(
        &mut self,
        code: impl Into<CloseCode>,
        reason: impl Into<Utf8Bytes>,
    ) -> Result<(), TypedError> {
        Ok(self.inner.close(code, reason).await?)
    }
}
