//! Why a request was refused, in words that its sender may see.

use std::{error, fmt};

use http::HeaderValue;

/// A request that an [`Origins`](super::Origins) doesn't let through.
///
/// Its `Display` is fit for the response: at most some 400 bytes of ASCII, without markup and control characters,
/// whatever was in the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedOrigin(Refusal);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Refusal {
    Missing,
    Several,
    Malformed(String),
    NotAllowed(String),
}

impl RefusedOrigin {
    pub(super) fn missing() -> Self {
        Self(Refusal::Missing)
    }

    pub(super) fn several() -> Self {
        Self(Refusal::Several)
    }

    pub(super) fn malformed(origin: &HeaderValue) -> Self {
        Self(Refusal::Malformed(shown(origin)))
    }

    pub(super) fn not_allowed(origin: &HeaderValue) -> Self {
        Self(Refusal::NotAllowed(shown(origin)))
    }
}

/// The front of what was sent, with everything escaped that a page, a terminal or a log might take for its own.
fn shown(origin: &HeaderValue) -> String {
    const MOST: usize = 80;
    let bytes = origin.as_bytes();
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b":/.-_~%+*[]".contains(byte);
    let mut shown = String::new();
    for byte in bytes.iter().take(MOST) {
        match byte {
            byte if is_plain(byte) => shown.push(char::from(*byte)),
            byte => shown.push_str(&format!("\\x{byte:02x}")),
        }
    }
    if bytes.len() > MOST {
        shown.push_str("...");
    }
    shown
}

impl fmt::Display for RefusedOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Refusal::Missing => f.write_str("a request without an origin is not allowed here"),
            Refusal::Several => f.write_str("a request with several origins is not allowed here"),
            Refusal::Malformed(origin) if origin.is_empty() => {
                f.write_str("an empty origin is not allowed here")
            }
            Refusal::Malformed(origin) => {
                write!(f, "origin {origin} is not allowed here: it is no scheme://host[:port]")
            }
            Refusal::NotAllowed(origin) => write!(f, "origin {origin} is not allowed here"),
        }
    }
}

impl error::Error for RefusedOrigin {}
