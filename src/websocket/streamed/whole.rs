use std::future::poll_fn;

use bytes::Bytes;
use futures_core::Stream;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Access, ByteStream, IncomingMessage, OutgoingMessage, pieces};
use crate::{
    vocabulary::{Compression, Error, MessageKind},
    websocket::WebSocket,
};

/// # Messages in pieces
impl<T: AsyncRead + AsyncWrite + Unpin> WebSocket<T> {
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
        let kind = poll_fn(|cx| self.connection.poll_begin(cx)).await?;
        Some(kind.map(|kind| IncomingMessage::new(Access::Whole(&mut self.connection), kind)))
    }

    /// Begins a message that is sent in pieces, its length unknown.
    ///
    /// Nothing is read meanwhile, and no ping is answered: for messages that take long, [`split`](Self::split).
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
        let access = Access::Whole(&mut self.connection);
        OutgoingMessage::start(access, kind, Compression::AsAgreed).await
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
        let access = Access::Whole(&mut self.connection);
        OutgoingMessage::start(access, kind, Compression::Never).await
    }

    /// Sends all that a stream yields as one message; nothing is read meanwhile.
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

    /// Sends all that a reader yields as one message, in pieces of up to 16 KiB; nothing is read meanwhile.
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

    /// The connection as a stream of bytes over binary messages, for tunnels.
    pub fn into_byte_stream(self) -> ByteStream<T> {
        ByteStream::new(self)
    }
}
