//! Where a client connects to, as its URI says (RFC 6455 section 3).

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderValue, Uri, uri::Authority};

use crate::vocabulary::{UsageError, grammar};

/// Whether the connection is to be private.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Security {
    /// `ws`: plain text.
    Plain,
    /// `wss`: TLS.
    Tls,
}

/// A `ws` or `wss` URI taken apart: where to, and as whom.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Without the user information, which is nobody's to see.
    pub(super) uri: Uri,
    pub(super) security: Security,
    /// The user information, as Basic authentication (RFC 7617).
    pub(super) authorization: Option<HeaderValue>,
}

impl Target {
    pub(super) fn parse(text: &str) -> Result<Self, UsageError> {
        // `Uri` drops fragments silently, and "Fragment identifiers ... MUST NOT be used" (section 3).
        // It also lets bytes through that a URI has to spell in percents (RFC 3986 section 2.1).
        let is_spelled = text.is_ascii() && !text.contains('#');
        let uri = if is_spelled { text.parse::<Uri>().ok() } else { None };
        uri.and_then(Self::of).ok_or(UsageError::InvalidUri)
    }

    fn of(uri: Uri) -> Option<Self> {
        let security = security(uri.scheme_str()?)?;
        let authority = uri.authority()?.as_str();
        let (user_info, host_and_port) = match authority.rsplit_once('@') {
            Some((user_info, rest)) => (Some(user_info), rest),
            None => (None, authority),
        };
        let authorization = match user_info {
            Some(user_info) if !user_info.is_empty() => Some(basic(user_info)?),
            _ => None,
        };
        let authority = host_and_port.parse::<Authority>().ok()?;
        if !grammar::is_host_and_port(&authority) {
            return None;
        }
        let mut parts = uri.into_parts();
        parts.authority = Some(authority);
        // A URI has a path where it has a scheme and an authority.
        let uri = Uri::from_parts(parts).ok()?;
        Some(Self { uri, security, authorization })
    }

    /// The host, an IPv6 address without its brackets.
    pub(super) fn host(&self) -> &str {
        unbracketed(self.uri.host().unwrap_or_default())
    }

    /// The port, "the default port" where the URI has none.
    pub(super) fn port(&self) -> u16 {
        self.uri.port_u16().unwrap_or(match self.security {
            Security::Plain => 80,
            Security::Tls => 443,
        })
    }

    /// Whether both have the same scheme, host and port (RFC 6454 section 5).
    pub(super) fn is_same_origin(&self, other: &Self) -> bool {
        self.security == other.security
            && self.port() == other.port()
            && self.host().eq_ignore_ascii_case(other.host())
    }
}

/// Without what may be secret: the user information, and the query, which many a token is in.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.security {
            Security::Plain => "ws",
            Security::Tls => "wss",
        };
        let authority = self.uri.authority().map_or("", Authority::as_str);
        write!(f, "{scheme}://{authority}{}", self.uri.path())
    }
}

/// A literal IPv6 address stands in brackets in a URI, and without them in an address.
pub(super) fn unbracketed(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// "schemes are case-insensitive" (RFC 3986 section 3.1), but `Uri` keeps those that it doesn't know.
fn security(scheme: &str) -> Option<Security> {
    if scheme.eq_ignore_ascii_case("ws") {
        Some(Security::Plain)
    } else if scheme.eq_ignore_ascii_case("wss") {
        Some(Security::Tls)
    } else {
        None
    }
}

/// `Authorization` for "user:password" as a URI spells it; the password may be missing.
fn basic(user_info: &str) -> Option<HeaderValue> {
    let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
    let user = percent_decoded(user)?;
    // "a user-id containing a colon character is invalid" (RFC 7617 section 2).
    if user.contains(&b':') {
        return None;
    }
    let credentials = [&user[..], b":", &percent_decoded(password)?].concat();
    let mut value =
        HeaderValue::try_from(format!("Basic {}", STANDARD.encode(credentials))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The bytes that a part of a URI stands for (RFC 3986 section 2.1).
fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, after @ ..] = rest else { return None };
        let digits = [char::from(*high).to_digit(16)?, char::from(*low).to_digit(16)?];
        bytes.push((digits[0] << 4 | digits[1]) as u8);
        rest = after;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authorization(uri: &str) -> Option<String> {
        let target = Target::parse(uri).unwrap();
        assert_eq!(target.uri.to_string(), "ws://example.com/chat", "the rest is as ever");
        let value = target.authorization?;
        assert!(value.is_sensitive());
        let encoded = value.to_str().unwrap().strip_prefix("Basic ").unwrap();
        Some(String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap())
    }

    #[test]
    fn user_information_is_basic_authentication() {
        let table = [
            ("", None),
            ("@", None),
            ("user@", Some("user:")),
            ("user:@", Some("user:")),
            ("user:pass@", Some("user:pass")),
            ("user:pa:ss@", Some("user:pa:ss")),
            (":pass@", Some(":pass")),
            ("us%40er:p%3Aa%2fss%20@", Some("us@er:p:a/ss ")),
            ("%c3%bc:%C3%9F@", Some("ü:ß")),
        ];
        for (user_info, expected) in table {
            let uri = format!("ws://{user_info}example.com/chat");
            assert_eq!(authorization(&uri).as_deref(), expected, "{uri}");
        }
        for bad in ["us%3Aer:x@", "%@", "%4@", "%zz@", "a:%@"] {
            assert!(Target::parse(&format!("ws://{bad}example.com/")).is_err(), "{bad}");
        }
    }

    #[test]
    fn origins_are_scheme_host_and_port() {
        let same = [
            ("ws://a/", "ws://A:80/x?y"),
            ("wss://a", "WSS://a:443/"),
            ("ws://[::1]:9/", "ws://u:p@[::1]:9/"),
        ];
        let other = [("ws://a/", "wss://a/"), ("ws://a/", "ws://b/"), ("ws://a/", "ws://a:8080/")];
        let is_same = |(a, b)| Target::parse(a).unwrap().is_same_origin(&Target::parse(b).unwrap());
        assert!(same.into_iter().all(is_same));
        assert!(!other.into_iter().any(is_same));
    }
}
