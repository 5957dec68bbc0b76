//! Errors by who is to blame: the peer against an RFC ([`ProtocolError`]), the peer against our limits
//! ([`LimitError`]), either end in the opening handshake ([`HandshakeError`]), what is on the way to it
//! ([`ConnectError`]), the transport ([`std::io::Error`]), the caller ([`UsageError`]).

mod connect;
mod handshake;
mod limit;
mod protocol;
mod socks;
mod transient;
mod usage;

use std::{convert::Infallible, error, fmt, io, result};

use bytes::Bytes;
use http::Response;

pub use connect::{ConnectError, RedirectError};
pub use handshake::HandshakeError;
pub use limit::LimitError;
pub use protocol::ProtocolError;
pub use socks::{SocksError, SocksReply};
pub use usage::UsageError;

use super::{CloseCode, CloseFrame};

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = result::Result<T, E>;

/// Whatever can end a connection, or refuse a call.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The peer broke RFC 6455.
    Protocol(ProtocolError),
    /// The peer went past a limit that we set.
    Limit(LimitError),
    /// The opening handshake failed.
    Handshake(Box<HandshakeError>),
    /// A client got no transport to its server, by name, proxy, TLS or redirect.
    Connect(Box<ConnectError>),
    /// The transport failed.
    Io(io::Error),
    /// The caller asked for what can't be done; the connection is as it was.
    Usage(UsageError),
    /// The stream ended without a Close: what browsers call 1006.
    AbnormalClosure(EndOfStream),
    /// A Close, the peer's if it is there, where more was to come: inside a message that was read as it arrived, or
    /// before a byte stream's end. What has come is not all.
    ClosedEarly(Option<Box<CloseFrame>>),
    /// Nothing arrived in time after a keepalive ping.
    KeepaliveTimeout,
    /// A write made no progress for `send_timeout`: the peer doesn't read.
    SendTimeout,
    /// The peer didn't answer our Close within `close_timeout`.
    CloseTimeout,
}

impl Error {
    /// Whether the peer just went away, as phones and laptops do: the stream ended or was reset, or
    /// stayed silent past a deadline. A log may stay quiet about it, and about what was sent when the connection was
    /// closing already, which nobody can rule out.
    pub fn is_disconnect(&self) -> bool {
        match self {
            Self::AbnormalClosure(_)
            | Self::KeepaliveTimeout
            | Self::SendTimeout
            | Self::CloseTimeout => true,
            Self::Io(error) => is_disconnect(error),
            Self::ClosedEarly(frame) => {
                frame.as_ref().is_none_or(|frame| frame.code == CloseCode::AWAY)
            }
            Self::Handshake(error) => error.is_disconnect(),
            Self::Connect(error) => error.is_disconnect(),
            Self::Usage(error) => {
                matches!(error, UsageError::SendAfterClose | UsageError::NotConnected)
            }
            Self::Protocol(_) | Self::Limit(_) => false,
        }
    }

    /// The response with which a server refused the opening handshake, a proxy the way there, or with which a
    /// redirect was asked for that is not followed: its head and up to 64 KiB of its body.
    pub fn refusal(&self) -> Option<&Response<Bytes>> {
        match self {
            Self::Handshake(error) => match &**error {
                HandshakeError::Refused(response) => Some(response),
                _ => None,
            },
            Self::Connect(error) => error.refusal(),
            _ => None,
        }
    }

    /// The same error once more; `None` for those whose parts can't be had twice.
    pub(crate) fn duplicate(&self) -> Option<Self> {
        Some(match self {
            Self::Protocol(error) => Self::Protocol(*error),
            Self::Limit(error) => Self::Limit(*error),
            Self::Usage(error) => Self::Usage(*error),
            Self::Io(error) => Self::Io(error.kind().into()),
            Self::AbnormalClosure(place) => Self::AbnormalClosure(*place),
            Self::ClosedEarly(frame) => Self::ClosedEarly(frame.clone()),
            Self::KeepaliveTimeout => Self::KeepaliveTimeout,
            Self::SendTimeout => Self::SendTimeout,
            Self::CloseTimeout => Self::CloseTimeout,
            Self::Handshake(_) | Self::Connect(_) => return None,
        })
    }

    /// The close code that this error puts on the wire; `None` where there is nothing to send it on,
    /// or no reason to.
    pub fn close_code(&self) -> Option<CloseCode> {
        match self {
            Self::Protocol(error) => Some(error.close_code()),
            Self::Limit(error) => Some(error.close_code()),
            _ => None,
        }
    }
}

fn is_disconnect(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::NotConnected
            | io::ErrorKind::TimedOut
            | io::ErrorKind::UnexpectedEof
    )
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(error) => fmt::Display::fmt(error, f),
            Self::Limit(error) => fmt::Display::fmt(error, f),
            Self::Handshake(error) => fmt::Display::fmt(error, f),
            Self::Connect(error) => fmt::Display::fmt(error, f),
            Self::Io(error) => fmt::Display::fmt(error, f),
            Self::Usage(error) => fmt::Display::fmt(error, f),
            Self::AbnormalClosure(place) => write!(f, "end of stream {place}, Close expected"),
            Self::ClosedEarly(None) => f.write_str("closed while more was to come"),
            Self::ClosedEarly(Some(frame)) => write!(f, "closed while more was to come: {frame}"),
            Self::KeepaliveTimeout => f.write_str("no byte from the peer in time after a ping"),
            Self::SendTimeout => f.write_str("no progress in writing for the whole send timeout"),
            Self::CloseTimeout => f.write_str("no Close from the peer within the close timeout"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        // The variants that show their inner error whole hand on that error's own source.
        match self {
            Self::Handshake(error) => error.source(),
            Self::Connect(error) => error.source(),
            Self::Io(error) => error.source(),
            _ => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// For `AsyncRead` and `AsyncWrite`, whose errors are of this type. The error itself is inside, an I/O error too
/// (`get_ref`), so that it can be told from another stream's.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Protocol(_) | Error::Limit(_) => io::ErrorKind::InvalidData,
            Error::Usage(UsageError::SendAfterClose) => io::ErrorKind::BrokenPipe,
            Error::Usage(UsageError::NotConnected) => io::ErrorKind::NotConnected,
            Error::Usage(_) => io::ErrorKind::InvalidInput,
            Error::AbnormalClosure(_) | Error::ClosedEarly(_) => io::ErrorKind::UnexpectedEof,
            Error::KeepaliveTimeout | Error::SendTimeout | Error::CloseTimeout => {
                io::ErrorKind::TimedOut
            }
            Error::Handshake(_) | Error::Connect(_) => io::ErrorKind::Other,
            Error::Io(error) => error.kind(),
        };
        Self::new(kind, error)
    }
}

/// For conversions that can't fail.
impl From<Infallible> for Error {
    fn from(error: Infallible) -> Self {
        match error {}
    }
}

impl From<ProtocolError> for Error {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

impl From<LimitError> for Error {
    fn from(error: LimitError) -> Self {
        Self::Limit(error)
    }
}

impl From<HandshakeError> for Error {
    fn from(error: HandshakeError) -> Self {
        Self::Handshake(Box::new(error))
    }
}

impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        Self::Connect(Box::new(error))
    }
}

impl From<UsageError> for Error {
    fn from(error: UsageError) -> Self {
        Self::Usage(error)
    }
}

/// Where a stream ended that should have gone on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndOfStream {
    /// Before the first byte of the opening handshake's head.
    BeforeHead,
    /// Inside the opening handshake's head.
    InsideHead,
    /// Between two frames, with no message open.
    BetweenFrames,
    /// Between two fragments of a message.
    InsideMessage,
    /// Inside a frame's header.
    InsideHeader,
    /// Inside a frame's payload.
    InsidePayload,
}

impl fmt::Display for EndOfStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BeforeHead => "before the HTTP head",
            Self::InsideHead => "inside the HTTP head",
            Self::BetweenFrames => "between frames",
            Self::InsideMessage => "inside a fragmented message",
            Self::InsideHeader => "inside a frame header",
            Self::InsidePayload => "inside a frame payload",
        })
    }
}
