use std::{error, fmt};

use http::StatusCode;

use crate::vocabulary::{CloseCode, OpCode, ReservedBits};

/// The caller asked for what the protocol doesn't allow. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UsageError {
    /// A message after Close was sent or received, or after the connection ended.
    SendAfterClose,
    /// A message while there is no connection, where none is kept for the next one.
    NotConnected,
    /// A Ping, Pong or Close of more than 125 bytes; how many were given.
    ControlTooLong(usize),
    /// A control frame that is not final.
    FragmentedControl(OpCode),
    /// A close code that may not be on the wire.
    UnsendableCloseCode(CloseCode),
    /// A close reason of more than 123 bytes; how many were given.
    ReasonTooLong(usize),
    /// A Close frame whose body is no code and reason.
    InvalidCloseBody,
    /// A frame with an opcode kept for future use.
    ReservedOpCode(OpCode),
    /// A frame with reserved bits that no extension allows.
    ReservedBits(ReservedBits),
    /// A continuation frame with no message open.
    UnexpectedContinuation,
    /// A new message inside another's fragments.
    InterleavedMessage(OpCode),
    /// A text frame whose payload is not UTF-8.
    InvalidUtf8,
    /// A Close prepared for many.
    PreparedClose,
    /// More for a message that is sent in pieces, after its end.
    FinishedMessage,
    /// A ping whose answer is waited for, where 64 wait for theirs or have yet to go out.
    TooManyPings,
    /// A message codec made from a frame codec that has handed out the first fragments of a message.
    MessageInProgress,
    /// A URI that is not `ws://[user[:password]@]host[:port]/path[?query]`, or has a fragment.
    InvalidUri,
    /// A `wss` URI, and no TLS in this build.
    TlsNotAvailable,
    /// A `wss` URI, and TLS without cryptography or without anybody to trust: neither was compiled in or given.
    TlsNotConfigured,
    /// A proxy that is not `http`, `https`, `socks5` or `socks5h` with a host.
    InvalidProxy,
    /// A header name or value with bytes that HTTP doesn't allow.
    InvalidHeader,
    /// A header that the handshake itself sets.
    ReservedHeader,
    /// An opening request whose method is not GET.
    InvalidMethod,
    /// A subprotocol that is no token, or is there twice.
    InvalidSubprotocol,
    /// A subprotocol in the response that the client didn't offer.
    SubprotocolNotOffered,
    /// An extension in the response that the client didn't offer, or that this end doesn't have.
    ExtensionNotOffered,
    /// An opening handshake accepted whose request is no WebSocket request.
    NotWebSocket,
    /// A status that cannot answer the request: 101 made by hand, or any other 1xx.
    InvalidStatus(StatusCode),
    /// A handshake codec was given a second head, or one out of turn.
    HandshakeOutOfTurn,
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SendAfterClose => f.write_str("the connection is closing or closed"),
            Self::NotConnected => f.write_str("there is no connection at present"),
            Self::ControlTooLong(length) => {
                write!(f, "control frame of {length} bytes, 125 allowed")
            }
            Self::FragmentedControl(opcode) => write!(f, "{opcode} frame without FIN"),
            Self::UnsendableCloseCode(code) => write!(
                f,
                "close code {code}, allowed are 1000-1003, 1007-1014 and 3000-4999"
            ),
            Self::ReasonTooLong(length) => {
                write!(f, "close reason of {length} bytes, 123 allowed")
            }
            Self::InvalidCloseBody => f.write_str("close body is no code and UTF-8 reason"),
            Self::ReservedOpCode(opcode) => write!(f, "{opcode} has no meaning"),
            Self::ReservedBits(bits) => write!(f, "reserved bits {bits} set, no extension allows them"),
            Self::UnexpectedContinuation => f.write_str("continuation frame with no message open"),
            Self::InterleavedMessage(opcode) => {
                write!(f, "{opcode} frame inside a fragmented message, continuation expected")
            }
            Self::InvalidUtf8 => f.write_str("text is not UTF-8"),
            Self::PreparedClose => f.write_str("a Close is said to each connection on its own"),
            Self::FinishedMessage => f.write_str("the message is finished"),
            Self::TooManyPings => f.write_str("64 pings have no answer yet, no more are allowed"),
            Self::MessageInProgress => f.write_str("fragments of a message were taken as frames"),
            Self::InvalidUri => f.write_str(
                "the URI is not ws://[user[:password]@]host[:port]/path[?query] without fragment",
            ),
            Self::TlsNotAvailable => f.write_str("a wss URI needs TLS, which this build lacks"),
            Self::TlsNotConfigured => f.write_str(
                "a wss URI needs a provider of cryptography and trust roots, which this build lacks",
            ),
            Self::InvalidProxy => {
                f.write_str("the proxy is not http, https, socks5 or socks5h with a host")
            }
            Self::InvalidHeader => f.write_str("header name or value with bytes that HTTP forbids"),
            Self::InvalidMethod => f.write_str("the method of an opening request is GET"),
            Self::ReservedHeader => f.write_str("the handshake sets this header itself"),
            Self::InvalidSubprotocol => f.write_str("subprotocol is no token or is there twice"),
            Self::SubprotocolNotOffered => f.write_str("the client did not offer this subprotocol"),
            Self::ExtensionNotOffered => f.write_str("the client did not offer this extension"),
            Self::NotWebSocket => f.write_str("the request is no WebSocket request"),
            Self::InvalidStatus(status) => write!(f, "status {status} cannot answer the request"),
            Self::HandshakeOutOfTurn => f.write_str("the opening handshake has one head each way"),
        }
    }
}

impl error::Error for UsageError {}
