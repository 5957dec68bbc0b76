//! The entries of a list of origins.

use std::{error, fmt};

use super::origin::{Authority, Host, Origin, default_port, is_scheme};

/// What an entry of a list allows.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Pattern {
    Null,
    File,
    Site(Site),
}

/// `scheme://host[:port]`, or everything below `*.host`.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Site {
    scheme: String,
    subdomains: Subdomains,
    /// In lower case; an IPv6 address in brackets.
    host: String,
    port: Option<u16>,
}

/// Whether an entry is about a host or about all below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subdomains {
    None,
    Only,
}

impl Pattern {
    pub(super) fn parse(entry: &str) -> Result<Self, InvalidOrigin> {
        let invalid = |mistake| InvalidOrigin { entry: entry.to_owned(), mistake };
        match entry {
            "null" => return Ok(Self::Null),
            "file://" => return Ok(Self::File),
            _ => {}
        }
        let (scheme, rest) = entry.split_once("://").ok_or(invalid(Mistake::Scheme))?;
        if !is_scheme(scheme) {
            return Err(invalid(Mistake::Scheme));
        }
        let (subdomains, rest) = match rest.strip_prefix("*.") {
            Some(rest) => (Subdomains::Only, rest),
            None => (Subdomains::None, rest),
        };
        if let Some(mistake) = Mistake::find(rest) {
            return Err(invalid(mistake));
        }
        let Authority { host, port } = Some(rest)
            .filter(|rest| !rest.ends_with(':'))
            .and_then(Authority::parse)
            .filter(|parsed| subdomains == Subdomains::None || matches!(parsed.host, Host::Name(_)))
            .ok_or(invalid(Mistake::Host))?;
        let scheme = scheme.to_ascii_lowercase();
        let port = port.or_else(|| default_port(&scheme));
        Ok(Self::Site(Site { scheme, subdomains, host: host.to_string(), port }))
    }

    pub(super) fn allows(&self, origin: &Origin<'_>) -> bool {
        match (self, origin) {
            (Self::Null, Origin::Null) | (Self::File, Origin::File) => true,
            (Self::Site(site), Origin::Site { scheme, authority }) => {
                site.scheme.eq_ignore_ascii_case(scheme)
                    && site.port == authority.port.or_else(|| default_port(scheme))
                    && site.is_host(&authority.host)
            }
            _ => false,
        }
    }
}

impl Site {
    fn is_host(&self, host: &Host<'_>) -> bool {
        match (self.subdomains, host) {
            (Subdomains::None, Host::Name(name)) => self.host.eq_ignore_ascii_case(name),
            (Subdomains::None, host @ Host::Ipv6(_)) => self.host == host.to_string(),
            (Subdomains::Only, Host::Name(name)) => self.is_above(name.as_bytes()),
            (Subdomains::Only, Host::Ipv6(_)) => false,
        }
    }

    /// Whether a dot comes before the host: no part of a label will do. Before the dot is at least one label, or the
    /// name would be none.
    fn is_above(&self, name: &[u8]) -> bool {
        let split = name.len().checked_sub(self.host.len()).map(|below| name.split_at(below));
        split.is_some_and(|(labels, host)| {
            labels.ends_with(b".") && host.eq_ignore_ascii_case(self.host.as_bytes())
        })
    }
}

/// As it would stand in a list.
impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let site = match self {
            Self::Null => return f.write_str("null"),
            Self::File => return f.write_str("file://"),
            Self::Site(site) => site,
        };
        let wildcard = if site.subdomains == Subdomains::Only { "*." } else { "" };
        write!(f, "{}://{wildcard}{}", site.scheme, site.host)?;
        match site.port {
            Some(port) if site.port != default_port(&site.scheme) => write!(f, ":{port}"),
            _ => Ok(()),
        }
    }
}

/// An entry that [`Origins::list`](super::Origins::list) can't take; its `Display` says which, why, and what it can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidOrigin {
    entry: String,
    mistake: Mistake,
}

impl InvalidOrigin {
    /// The entry as it was given.
    pub fn entry(&self) -> &str {
        &self.entry
    }
}

/// What is wrong with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    Scheme,
    UserInfo,
    Path,
    Wildcard,
    NotAscii,
    Host,
}

impl Mistake {
    /// What can be told from the bytes behind the scheme.
    fn find(rest: &str) -> Option<Self> {
        match () {
            () if !rest.is_ascii() => Some(Self::NotAscii),
            () if rest.contains(['/', '?', '#', '\\']) => Some(Self::Path),
            () if rest.contains('@') => Some(Self::UserInfo),
            () if rest.contains('*') => Some(Self::Wildcard),
            () => None,
        }
    }
}

impl fmt::Display for InvalidOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mistake = match self.mistake {
            Mistake::Scheme => "has no scheme",
            Mistake::UserInfo => "has user information",
            Mistake::Path => "has a path or a slash at its end",
            Mistake::Wildcard => "has a * elsewhere than as its first label",
            Mistake::NotAscii => "is not ASCII, as browsers send it: xn--",
            Mistake::Host => "has no valid host and port",
        };
        write!(
            f,
            "{:?} {mistake}; an origin is https://example.com, https://example.com:8443, \
             https://*.example.com or null",
            self.entry
        )
    }
}

impl error::Error for InvalidOrigin {}
