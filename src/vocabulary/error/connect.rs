use std::{error, fmt, io, time::Duration};

use bytes::Bytes;
use http::Response;

use super::{HandshakeError, SocksError, is_disconnect};

/// A client got no transport to its server, so that the opening handshake has not begun; or was sent where it may
/// not go.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// Resolving, dialling, proxy and TLS together took longer than the connect time-out.
    TimedOut(Duration),
    /// The host's name has no address, or nobody could be asked for it.
    Resolve(Box<str>, io::Error),
    /// TLS was refused by one end: the certificate, above all. What rustls says is inside (`get_ref`). A server of
    /// TLS 1.3 that refuses the client's certificate, or misses one, says so when the request is on its way.
    Tls(io::Error),
    /// What answered is no TLS: the server of a `ws` URI, perhaps.
    NotTls(io::Error),
    /// TLS agreed on another protocol than HTTP/1.1 (ALPN, RFC 7301).
    Alpn(Box<[u8]>),
    /// The proxy was not reached, or its connection broke while the way was asked for.
    ProxyUnreachable(Box<super::Error>),
    /// The HTTP proxy answered CONNECT with another status than 2xx: its head and up to 64 KiB of its body.
    ProxyRefused(Box<Response<Bytes>>),
    /// What the HTTP proxy answered is no HTTP, or breaks off; or bytes came behind an HTTP or SOCKS proxy's answer, where
    /// a server of WebSockets speaks only when it is spoken to.
    ProxyAnswer(Box<HandshakeError>),
    /// The SOCKS proxy refused, broke off or can't be asked.
    Socks(SocksError),
    /// A redirect that is not followed, with the response that asks for it.
    Redirect(RedirectError, Box<Response<Bytes>>),
}

/// Why a redirect is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedirectError {
    /// More redirects than were asked for; how many that was.
    TooMany(usize),
    /// From `wss` to `ws`: what was private would be no more.
    Downgrade,
    /// `Location` is missing, or is no reference to a WebSocket.
    InvalidLocation,
}

impl ConnectError {
    /// The response in it: the proxy's, or the one that redirects.
    pub(super) fn refusal(&self) -> Option<&Response<Bytes>> {
        match self {
            Self::ProxyRefused(response) | Self::Redirect(_, response) => Some(response),
            _ => None,
        }
    }

    /// Whether the network was silent.
    pub(super) fn is_disconnect(&self) -> bool {
        match self {
            Self::TimedOut(_) => true,
            Self::Tls(error) => is_disconnect(error),
            Self::ProxyUnreachable(error) => error.is_disconnect(),
            Self::ProxyAnswer(error) => error.is_disconnect(),
            Self::Socks(error) => *error == SocksError::EndOfStream,
            _ => false,
        }
    }
}

impl fmt::Display for RedirectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany(limit) => write!(f, "more redirects than the {limit} allowed"),
            Self::Downgrade => f.write_str("redirected from wss to ws, which is not secure"),
            Self::InvalidLocation => {
                f.write_str("redirected without a Location that can be followed")
            }
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut(limit) => write!(f, "no connection within {limit:?}"),
            Self::Resolve(host, error) => write!(f, "no address for {host}: {error}"),
            Self::Tls(error) => write!(f, "TLS: {error}"),
            Self::NotTls(error) => write!(f, "the server's answer is no TLS: {error}"),
            Self::Alpn(protocol) => {
                write!(f, "TLS agreed on {}, http/1.1 is required", protocol.escape_ascii())
            }
            Self::ProxyUnreachable(error) => write!(f, "proxy: {error}"),
            Self::ProxyRefused(response) => {
                write!(f, "the proxy answered {}, 2xx expected", response.status())
            }
            Self::ProxyAnswer(error) => write!(f, "the proxy's answer: {error}"),
            Self::Socks(error) => write!(f, "the proxy: {error}"),
            Self::Redirect(error, response) => write!(f, "{}: {error}", response.status()),
        }
    }
}

impl error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        // Each shows its inner error whole, and hands on that error's own source.
        match self {
            Self::Resolve(_, error) | Self::Tls(error) | Self::NotTls(error) => error.source(),
            Self::ProxyUnreachable(error) => error.source(),
            Self::ProxyAnswer(error) => error.source(),
            Self::Socks(error) => error.source(),
            Self::TimedOut(_) | Self::Alpn(_) | Self::ProxyRefused(_) | Self::Redirect(..) => None,
        }
    }
}
