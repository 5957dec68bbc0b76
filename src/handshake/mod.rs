//! The opening handshake (RFC 6455 section 4): HTTP heads, the key, what is negotiated, and
//! [`HandshakeCodec`].
//!
//! ```text
//! GET /chat HTTP/1.1                              HTTP/1.1 101 Switching Protocols
//! Host: server.example.com                        Upgrade: websocket
//! Upgrade: websocket                              Connection: Upgrade
//! Connection: Upgrade                      -->    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
//! Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==     Sec-WebSocket-Protocol: chat
//! Sec-WebSocket-Protocol: chat, superchat
//! Sec-WebSocket-Version: 13                       frames from here on
//! ```

mod agreed;
mod answer;
mod carrier;
mod client_codec;
mod fields;
mod head;
mod key;
mod offer;
mod proposal;
mod refusal;
mod request_rules;
mod response_head;
mod response_rules;
mod server_codec;
#[cfg(feature = "proxy")]
pub(crate) mod socks;
#[cfg(feature = "proxy")]
mod tunnel;

use std::fmt;

pub use agreed::Agreed;
pub use answer::Answer;
pub(crate) use fields::Fields;
pub use key::Key;
pub use offer::{Offer, Request};
pub(crate) use offer::{cookies, origin};
pub use proposal::Proposal;

use crate::{
    frame::FrameCodec,
    vocabulary::{Agreement, Deflate, EndOfStream, HandshakeError, Role, UsageError},
};

/// The opening handshake over any framed byte stream, as `Decoder` and `Encoder`.
///
/// A server decodes [`Request`]s and encodes [`Answer`]s; a client encodes `http::Request<()>` and
/// decodes `http::Response<()>`. One head goes each way; what follows the peer's head stays in the
/// buffer, so that `Framed::map_codec(FrameCodec::from)` goes on without losing a byte.
///
/// A head has at most 16 KiB and 100 headers.
///
/// ```no_run
/// use bowline::{Error, FrameCodec, HandshakeCodec, MessageCodec, Request};
/// use futures_util::{SinkExt, StreamExt};
/// use tokio_util::codec::Decoder;
///
/// # async fn serve(tcp: tokio::net::TcpStream) -> Result<(), Error> {
/// let mut http = HandshakeCodec::server().framed(tcp);
/// match http.next().await {
///     Some(Ok(Request::WebSocket(offer))) => http.send(offer.accept()).await?,
///     Some(Ok(Request::Http(_))) => return http.send(http::Response::new("hello\n").into()).await,
///     Some(Err(Error::Handshake(error))) if !error.is_disconnect() => {
///         return http.send(error.response().into()).await;
///     }
///     Some(Err(error)) => return Err(error),
///     None => return Ok(()),
/// }
/// let mut messages = http.map_codec(FrameCodec::from).map_codec(MessageCodec::from);
/// while let Some(message) = messages.next().await {
///     println!("{:?}", message?);
/// }
/// # Ok(())
/// # }
/// ```
pub struct HandshakeCodec<R> {
    state: R,
}

impl HandshakeCodec<Server> {
    /// The server's end: decodes a request, encodes the answer.
    pub fn server() -> Self {
        Self { state: Server::new() }
    }
}

impl HandshakeCodec<Client> {
    /// The client's end: encodes a request, decodes the response.
    pub fn client() -> Self {
        Self { state: Client::new() }
    }

    /// Where keys come from; [`Key::random`] unless set. For tests: section 4.1 wants them random.
    #[must_use]
    pub fn with_keys(mut self, keys: fn() -> Key) -> Self {
        self.state.set_keys(keys);
        self
    }

    /// Offers permessage-deflate. Where the server chooses it, the codecs made from this one compress.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_deflate(self, deflate: Deflate) -> Self {
        self.offering(Some(deflate))
    }

    pub(crate) fn offering(mut self, deflate: Option<Deflate>) -> Self {
        self.state.set_deflate(deflate);
        self
    }
}

pub use client_codec::Client;
pub use server_codec::Server;

impl<R> fmt::Debug for HandshakeCodec<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeCodec").finish_non_exhaustive()
    }
}

/// What may wait behind the head for the next codec: one buffer at most.
const MAX_BEHIND: usize = 64 << 10;

/// Bounds what is read behind the head by whoever goes on polling this codec.
fn check_behind(src: &[u8]) -> Result<(), UsageError> {
    if src.len() > MAX_BEHIND { Err(UsageError::HandshakeOutOfTurn) } else { Ok(()) }
}

/// The stream has ended where a head was to come, or to go on.
fn end_of_head(src: &[u8]) -> HandshakeError {
    let place = if src.is_empty() { EndOfStream::BeforeHead } else { EndOfStream::InsideHead };
    HandshakeError::EndOfStream(place)
}

/// An end of the handshake, with what it knows when the handshake is over.
trait End {
    const ROLE: Role;

    fn into_agreement(self) -> Agreement;
}

impl<R: End> From<HandshakeCodec<R>> for FrameCodec {
    /// The frame codec of the same end, for `Framed::map_codec` once the handshake is through.
    fn from(codec: HandshakeCodec<R>) -> Self {
        Self::new(R::ROLE).with_agreement(codec.state.into_agreement().boxed())
    }
}
