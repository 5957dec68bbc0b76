//! Messages (RFC 6455 section 5.4 and 5.6): frames put together, and [`MessageCodec`].

mod assembler;
mod begun;
mod codec;
mod incoming;
mod outgoing;
mod parcel;
mod prepared;

use bytes::Bytes;

pub use codec::MessageCodec;
pub(crate) use incoming::Piece;
pub(crate) use outgoing::Pieces;
pub(crate) use parcel::Parcel;
pub(crate) use prepared::Encoded;
pub use prepared::Prepared;

use crate::{
    frame::Frame,
    vocabulary::{CloseCode, CloseFrame, MessageKind, OpCode, ReservedBits, UsageError, Utf8Bytes},
};

/// What two ends exchange: text and binary data, and the three control messages.
///
/// Received data is a slice of the buffer that it was read into. Keeping it keeps that buffer: at most
/// 64 KiB, or the message's own size where it is larger, or up to twice that where it came in fragments or
/// compressed;
/// [`compact`](Self::compact) lets go of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// UTF-8 text.
    Text(Utf8Bytes),
    /// Bytes.
    Binary(Bytes),
    /// A question whether this end is there, of at most 125 bytes. A [`WebSocket`](crate::WebSocket)
    /// has answered it when it yields it.
    Ping(Bytes),
    /// The answer to a Ping, of at most 125 bytes; or a sign of life nobody asked for.
    Pong(Bytes),
    /// The closing handshake. A [`WebSocket`](crate::WebSocket) has replied when it yields it.
    Close(Option<CloseFrame>),
}

impl Message {
    /// A text message.
    pub fn text(text: impl Into<Utf8Bytes>) -> Self {
        Self::Text(text.into())
    }

    /// A binary message.
    pub fn binary(bytes: impl Into<Bytes>) -> Self {
        Self::Binary(bytes.into())
    }

    /// A Ping; sending refuses more than 125 bytes.
    pub fn ping(payload: impl Into<Bytes>) -> Self {
        Self::Ping(payload.into())
    }

    /// A Pong; sending refuses more than 125 bytes.
    pub fn pong(payload: impl Into<Bytes>) -> Self {
        Self::Pong(payload.into())
    }

    /// A Close with a code; sending refuses codes that may not be on the wire and reasons over 123 bytes.
    pub fn close(code: impl Into<CloseCode>, reason: impl Into<Utf8Bytes>) -> Self {
        Self::Close(Some(CloseFrame::new(code, reason)))
    }

    /// Whether this is text or binary, and no control message.
    pub fn is_data(&self) -> bool {
        self.kind().is_some()
    }

    /// Whether this is text or binary; `None` for a control message.
    pub fn kind(&self) -> Option<MessageKind> {
        match self {
            Self::Text(_) => Some(MessageKind::Text),
            Self::Binary(_) => Some(MessageKind::Binary),
            Self::Ping(_) | Self::Pong(_) | Self::Close(_) => None,
        }
    }

    /// The text of a text message.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The payload's length in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) | Self::Ping(bytes) | Self::Pong(bytes) => bytes.len(),
            Self::Close(None) => 0,
            Self::Close(Some(frame)) => 2 + frame.reason.len(),
        }
    }

    /// Whether the payload is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The payload.
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Binary(bytes) | Self::Ping(bytes) | Self::Pong(bytes) => bytes,
            Self::Close(frame) => frame.as_ref().map(CloseFrame::to_payload).unwrap_or_default(),
        }
    }

    /// The same in memory of its own: one copy, after which the buffer that it was read into is free.
    #[must_use]
    pub fn compact(self) -> Self {
        let copy = |bytes: Bytes| Bytes::copy_from_slice(&bytes);
        match self {
            Self::Text(text) => Self::Text(text.as_str().into()),
            Self::Binary(bytes) => Self::Binary(copy(bytes)),
            Self::Ping(bytes) => Self::Ping(copy(bytes)),
            Self::Pong(bytes) => Self::Pong(copy(bytes)),
            Self::Close(frame) => {
                Self::Close(frame.map(|frame| CloseFrame::new(frame.code, frame.reason.as_str())))
            }
        }
    }

    /// Whether it may be sent, on a connection that is open.
    pub(crate) fn check(&self) -> Result<(), UsageError> {
        self.clone().into_frame()?.check(ReservedBits::NONE)
    }

    /// This message as one frame, checked as far as a message can be.
    pub(crate) fn into_frame(self) -> Result<Frame, UsageError> {
        Ok(match self {
            Self::Text(text) => Frame::new(OpCode::TEXT, text.into_bytes()),
            Self::Binary(bytes) => Frame::new(OpCode::BINARY, bytes),
            Self::Ping(bytes) => Frame::new(OpCode::PING, bytes),
            Self::Pong(bytes) => Frame::new(OpCode::PONG, bytes),
            Self::Close(body) => {
                if let Some(body) = &body {
                    body.check()?;
                }
                Frame::close(body.as_ref())
            }
        })
    }
}

impl From<Utf8Bytes> for Message {
    fn from(text: Utf8Bytes) -> Self {
        Self::Text(text)
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Self::binary(bytes)
    }
}

impl From<CloseFrame> for Message {
    fn from(frame: CloseFrame) -> Self {
        Self::Close(Some(frame))
    }
}
