//! Close codes and the body of a Close frame (RFC 6455 sections 5.5.1 and 7.4).
//!
//! ```text
//! +----------------+---------------------+
//! | code (16 bits) | reason (UTF-8, 0-123 bytes) |
//! +----------------+---------------------+
//! ```

use std::fmt;

use bytes::Bytes;

use super::{ProtocolError, UsageError, Utf8Bytes};

/// Why an endpoint closes: a number of RFC 6455 section 7.4 and its registry.
///
/// The number space is open, so this is a number with names, not an enum.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection has been fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: going away, as a server that stops or a page that is left.
    pub const AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL: Self = Self(1002);
    /// 1003: a kind of data that this endpoint cannot accept.
    pub const UNSUPPORTED: Self = Self(1003);
    /// 1005: reserved to say that a Close came without a code; never sent.
    pub const NO_STATUS: Self = Self(1005);
    /// 1006: reserved to say that the connection ended without Close; never sent.
    pub const ABNORMAL: Self = Self(1006);
    /// 1007: data inconsistent with its type, as text that is not UTF-8.
    pub const INVALID: Self = Self(1007);
    /// 1008: a message that violates this endpoint's policy.
    pub const POLICY: Self = Self(1008);
    /// 1009: a message too big to process.
    pub const SIZE: Self = Self(1009);
    /// 1010: the client expected an extension that the server did not negotiate.
    pub const EXTENSION: Self = Self(1010);
    /// 1011: the server met an unexpected condition.
    pub const ERROR: Self = Self(1011);
    /// 1012: the service restarts.
    pub const RESTART: Self = Self(1012);
    /// 1013: try again later.
    pub const AGAIN: Self = Self(1013);
    /// 1014: a gateway got a bad answer from its upstream.
    pub const BAD_GATEWAY: Self = Self(1014);
    /// 1015: reserved to say that the TLS handshake failed; never sent.
    pub const TLS: Self = Self(1015);

    /// The close code of this number. Whether it may be sent, [`is_sendable`](Self::is_sendable) says.
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// What the code means, in a few words; `None` for one that nobody has registered.
    pub const fn meaning(self) -> Option<&'static str> {
        Some(match self {
            Self::NORMAL => "normal closure",
            Self::AWAY => "going away",
            Self::PROTOCOL => "protocol error",
            Self::UNSUPPORTED => "unsupported data",
            Self::NO_STATUS => "no status received",
            Self::ABNORMAL => "abnormal closure",
            Self::INVALID => "invalid payload data",
            Self::POLICY => "policy violation",
            Self::SIZE => "message too big",
            Self::EXTENSION => "mandatory extension missing",
            Self::ERROR => "internal error",
            Self::RESTART => "service restart",
            Self::AGAIN => "try again later",
            Self::BAD_GATEWAY => "bad gateway",
            Self::TLS => "TLS handshake failed",
            _ => return None,
        })
    }

    /// Whether the code may stand in a Close frame: 1000-1003, 1007-1014 and 3000-4999 (section
    /// 7.4.2 and the registry).
    pub const fn is_sendable(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl From<u16> for CloseCode {
    fn from(number: u16) -> Self {
        Self(number)
    }
}

impl PartialEq<u16> for CloseCode {
    fn eq(&self, number: &u16) -> bool {
        self.0 == *number
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The body of a Close frame that carries a code: why, as a number and as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseFrame {
    /// The number.
    pub code: CloseCode,
    /// The text: at most [`CloseFrame::MAX_REASON`] bytes, often empty.
    pub reason: Utf8Bytes,
}

impl CloseFrame {
    /// The longest reason, in bytes: a control frame's 125 less the two of the code.
    pub const MAX_REASON: usize = 123;

    /// A Close body of this code and reason.
    pub fn new(code: impl Into<CloseCode>, reason: impl Into<Utf8Bytes>) -> Self {
        Self { code: code.into(), reason: reason.into() }
    }

    /// Reads the payload of a Close frame; `None` where it is empty.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] for a body of one byte, a code that may not be sent, a reason that is not UTF-8.
    pub fn from_payload(mut payload: Bytes) -> Result<Option<Self>, ProtocolError> {
        // "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned integer"
        // (section 5.5.1).
        let code = match payload[..] {
            [] => return Ok(None),
            [_] => return Err(ProtocolError::TruncatedCloseCode),
            [high, low, ..] => CloseCode(u16::from_be_bytes([high, low])),
        };
        if !code.is_sendable() {
            return Err(ProtocolError::InvalidCloseCode(code));
        }
        let reason = Utf8Bytes::try_from(payload.split_off(2))
            .map_err(|_| ProtocolError::InvalidCloseReason)?;
        Ok(Some(Self { code, reason }))
    }

    /// Whether the code may be sent and the reason fits.
    pub(crate) fn check(&self) -> Result<(), UsageError> {
        if !self.code.is_sendable() {
            return Err(UsageError::UnsendableCloseCode(self.code));
        }
        if self.reason.len() > Self::MAX_REASON {
            return Err(UsageError::ReasonTooLong(self.reason.len()));
        }
        Ok(())
    }

    /// The payload of the Close frame.
    pub(crate) fn to_payload(&self) -> Bytes {
        let mut payload = Vec::with_capacity(2 + self.reason.len());
        payload.extend_from_slice(&self.code.0.to_be_bytes());
        payload.extend_from_slice(self.reason.as_bytes());
        payload.into()
    }
}

impl fmt::Display for CloseFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if !self.reason.is_empty() {
            write!(f, " ({:?})", self.reason)?;
        }
        Ok(())
    }
}
