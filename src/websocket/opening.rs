use std::{
    future::{Future, poll_fn},
    io, mem,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use bytes::BytesMut;
use futures_core::Stream;
use futures_sink::Sink;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};
use tokio_util::codec::{Decoder, Encoder, Framed};

use super::WebSocket;
use crate::{
    frame::FrameCodec,
    handshake::HandshakeCodec,
    message::MessageCodec,
    vocabulary::{Config, EndOfStream, Error, HandshakeError},
};

/// How much of what a client still sends is read after an answer that ends the connection.
const MAX_DISCARDED: usize = 1 << 20;

/// A transport inside its opening handshake.
#[derive(Debug)]
pub(crate) struct Opening<T, R> {
    framed: Framed<T, HandshakeCodec<R>>,
    config: Arc<Config>,
}

impl<T, R> Opening<T, R>
where
    T: AsyncRead + AsyncWrite + Unpin,
    HandshakeCodec<R>: Decoder<Error = Error>,
{
    pub(crate) fn new(io: T, codec: HandshakeCodec<R>, config: Arc<Config>) -> Self {
        Self { framed: codec.framed(io), config }
    }

    pub(crate) fn get_ref(&self) -> &T {
        self.framed.get_ref()
    }

    pub(crate) fn codec_mut(&mut self) -> &mut HandshakeCodec<R> {
        self.framed.codec_mut()
    }

    /// The peer's head, within `handshake_timeout`.
    pub(crate) async fn receive(&mut self) -> Result<<HandshakeCodec<R> as Decoder>::Item, Error> {
        let framed = &mut self.framed;
        let head = poll_fn(|cx| Pin::new(&mut *framed).poll_next(cx));
        let head = within(self.config.handshake_timeout(), async { head.await.transpose() });
        let head = match head.await {
            // TLS that ends without its own goodbye, as many peers have it: what is missing is told by HTTP.
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => self.at_end(),
            head => head,
        };
        let end = HandshakeError::EndOfStream(EndOfStream::BeforeHead);
        head?.ok_or_else(|| end.into())
    }

    /// What the stream's end makes of the bytes that are left.
    fn at_end(&mut self) -> Result<Option<<HandshakeCodec<R> as Decoder>::Item>, Error> {
        let mut bytes = mem::take(self.framed.read_buffer_mut());
        self.framed.codec_mut().decode_eof(&mut bytes)
    }

    /// Sends our head, within `handshake_timeout`.
    pub(crate) async fn send<I>(&mut self, head: I) -> Result<(), Error>
    where
        HandshakeCodec<R>: Encoder<I, Error = Error>,
    {
        let mut framed = Pin::new(&mut self.framed);
        framed.as_mut().start_send(head)?;
        let flush = poll_fn(|cx| Sink::<I>::poll_flush(framed.as_mut(), cx));
        within(self.config.handshake_timeout(), flush).await
    }

    /// Ends a connection that has become no WebSocket, so that the answer arrives: a socket closed with
    /// unread input would send a reset after it.
    pub(crate) async fn finish(self) -> Result<(), Error> {
        let close_timeout = self.config.close_timeout();
        let mut io = self.framed.into_inner();
        let drained = within(close_timeout, async {
            io.shutdown().await?;
            Ok(discard(&mut io).await?)
        });
        match drained.await {
            // Whoever doesn't hang up after the answer has it all the same.
            Err(Error::Handshake(_)) => Ok(()),
            // Nor does it matter how the client went once it had it.
            Err(error) if error.is_disconnect() => Ok(()),
            other => other,
        }
    }

    /// The transport, when both heads have passed and whoever answered speaks next only when spoken to.
    #[cfg(feature = "proxy")]
    pub(crate) fn into_inner(self) -> Result<T, Error> {
        let parts = self.framed.into_parts();
        if parts.read_buf.is_empty() {
            return Ok(parts.io);
        }
        Err(HandshakeError::UnexpectedResponse.into())
    }

    /// The WebSocket, when both heads have passed.
    pub(crate) fn into_websocket(self) -> WebSocket<T>
    where
        FrameCodec: From<HandshakeCodec<R>>,
    {
        let framed = self.framed.map_codec(FrameCodec::from).map_codec(MessageCodec::from);
        WebSocket::from_parts(framed.into_parts(), self.config)
    }
}

/// The future's output, or [`HandshakeError::TimedOut`]. Without a limit no timer is made.
async fn within<O>(
    limit: Option<Duration>,
    future: impl Future<Output = Result<O, Error>>,
) -> Result<O, Error> {
    match limit {
        Some(limit) => timeout(limit, future).await.unwrap_or(Err(HandshakeError::TimedOut.into())),
        None => future.await,
    }
}

async fn discard(io: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
    let mut buffer = BytesMut::with_capacity(4 << 10);
    let mut discarded = 0;
    while discarded < MAX_DISCARDED && io.read_buf(&mut buffer).await? > 0 {
        discarded += buffer.len();
        buffer.clear();
    }
    Ok(())
}
