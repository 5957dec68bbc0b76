//! The words that every other floor speaks: roles, opcodes, close codes, masking keys, text, header
//! grammar, configuration and errors.
//!
//! Nothing here holds a connection's state, and nothing here knows of a floor above it.

mod close;
mod config;
#[cfg(feature = "deflate")]
mod deflate;
#[cfg(not(feature = "deflate"))]
#[path = "no_deflate.rs"]
mod deflate;
mod error;
pub(crate) mod grammar;
mod limits;
mod masking;
mod opcode;
mod piece;
mod role;
mod text;
#[cfg(feature = "tracing")]
pub(crate) mod trace;
#[cfg(not(feature = "tracing"))]
#[path = "no_trace.rs"]
pub(crate) mod trace;
mod transport;
mod utf8;

pub use close::{CloseCode, CloseFrame};
pub use config::{Config, Keepalive};
#[cfg(not(feature = "deflate"))]
pub(crate) use deflate::Deflate;
pub(crate) use deflate::DeflateTerms;
#[cfg(feature = "deflate")]
pub(crate) use deflate::{Coding, Direction, MAX_WINDOW_BITS, MIN_WINDOW_BITS, Wish};
#[cfg(feature = "deflate")]
pub use deflate::{ContextTakeover, Deflate};
pub use error::{
    ConnectError, EndOfStream, Error, HandshakeError, LimitError, ProtocolError, RedirectError,
    Result, SocksError, SocksReply, UsageError,
};
pub(crate) use grammar::Agreement;
pub use grammar::Extension;
pub use limits::Limits;
pub use masking::MaskingKey;
pub(crate) use masking::Seen;
pub use opcode::{OpCode, ReservedBits};
pub use piece::MessageKind;
pub(crate) use piece::{Compression, PieceCoding, PieceEnd};
pub use role::Role;
pub use text::{InvalidUtf8, Utf8Bytes};
pub(crate) use transport::Transport;
pub(crate) use utf8::{Utf8Validator, validate_text};
