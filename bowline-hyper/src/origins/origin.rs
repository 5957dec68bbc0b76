//! Origins and hosts read (RFC 6454 section 6.2, RFC 3986 section 3.2.2).
//!
//! ```text
//! Origin: https://example.com:8443        scheme "://" host [ ":" port ]
//! Origin: null                            a sandboxed frame, a page from a `data:` URI
//! Origin: file://                         a page from a file, as some embedded browsers say it
//! Host:   example.com:8443                host [ ":" port ]
//! ```

use std::{fmt, net::Ipv6Addr};

/// What stands in an `Origin` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin<'a> {
    Null,
    File,
    Site { scheme: &'a str, authority: Authority<'a> },
}

impl<'a> Origin<'a> {
    /// `None` for what is neither `scheme://host[:port]` nor one of the two special values.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        match text {
            "null" => return Some(Self::Null),
            "file://" => return Some(Self::File),
            _ => {}
        }
        let (scheme, authority) = text.split_once("://")?;
        // An empty port is in the grammar, but no browser writes one.
        let is_origin = is_scheme(scheme) && !authority.ends_with(':');
        let authority = Authority::parse(authority).filter(|_| is_origin)?;
        Some(Self::Site { scheme, authority })
    }
}

/// A host with its port, where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Authority<'a> {
    pub(super) host: Host<'a>,
    pub(super) port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// `None` for anything else, user information among it.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']')?;
                (Host::Ipv6(address.parse().ok()?), port)
            }
            None => {
                let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
                (Host::Name(Some(name).filter(|name| is_name(name))?), port)
            }
        };
        let port = match port.strip_prefix(':') {
            Some("") => None,
            Some(digits) => Some(parse_port(digits)?),
            None if port.is_empty() => None,
            None => return None,
        };
        Some(Self { host, port })
    }
}

/// A host: compared without case, but otherwise as it is written, so that `example.com.` is another than
/// `example.com`.
#[derive(Clone, Copy, Debug, Eq)]
pub(super) enum Host<'a> {
    Name(&'a str),
    Ipv6(Ipv6Addr),
}

impl PartialEq for Host<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(one), Self::Name(other)) => one.eq_ignore_ascii_case(other),
            (Self::Ipv6(one), Self::Ipv6(other)) => one == other,
            _ => false,
        }
    }
}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(&name.to_ascii_lowercase()),
            Self::Ipv6(address) => write!(f, "[{address}]"),
        }
    }
}

/// The port that a URI of this scheme has without saying so.
pub(super) fn default_port(scheme: &str) -> Option<u16> {
    let is = |name: &str| scheme.eq_ignore_ascii_case(name);
    match () {
        () if is("https") || is("wss") => Some(443),
        () if is("http") || is("ws") => Some(80),
        () => None,
    }
}

/// `scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )` (RFC 3986 section 3.1).
pub(super) fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// A registered name, less what no browser lets into one: `*`, which stands for a pattern here, and the comma of
/// header lists. Each label but the last has to have something in it.
fn is_name(text: &str) -> bool {
    let is_in_names = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()+;=".contains(&byte);
    let has_empty_label = text.starts_with('.') || text.contains("..");
    !text.is_empty() && !has_empty_label && text.bytes().all(is_in_names)
}

fn parse_port(digits: &str) -> Option<u16> {
    // `parse` alone would take a sign.
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}
