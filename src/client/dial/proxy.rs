//! The way through a proxy: HTTP's CONNECT (RFC 9110 section 9.3.6) and SOCKS5 (RFC 1928).

use std::{env, fmt, future::pending, sync::Arc};

use http::{HeaderMap, Uri, header::PROXY_AUTHORIZATION};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use tokio::time::{Instant, timeout_at};
use tokio_util::codec::Decoder;

use super::{Dialer, late};
use crate::{
    client::{
        stream::Stream,
        target::{Security, Target, unbracketed},
    },
    handshake::{
        HandshakeCodec,
        socks::{Credentials, Destination, Next, Progress, Socks},
    },
    vocabulary::{Config, ConnectError, Error, HandshakeError, UsageError, grammar, trace},
    websocket::Opening,
};

/// For a matcher that only has to tell whom a proxy is for.
const ANY_PROXY: &str = "http://proxy.invalid";

/// Which proxy leads to which host: for [`Client::proxy`](crate::Client::proxy).
///
/// A proxy is a URI: `http://[user:password@]host:port` and `https://…` for CONNECT, `socks5://…`, with which names are
/// resolved on this side, and `socks5h://…`, with which the proxy resolves them; with SOCKS5, user, password and host have
/// up to 255 bytes each. Without a scheme it is `http`. Both `ws` and `wss` go through a tunnel, so that the proxy sees of
/// `wss` where it leads and nothing more.
///
/// ```
/// use bowline::{Client, client::Proxy};
///
/// # fn client() -> Result<(), bowline::Error> {
/// let proxy = Proxy::new("socks5h://127.0.0.1:1080")?.except("localhost, .example.com, 10.0.0.0/8");
/// let client = Client::new("wss://example.org/chat")?.proxy(proxy);
/// let client = client.proxy(Proxy::from_env()?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Proxy {
    matcher: Arc<Matcher>,
    /// Intercepts all but those that are excepted.
    except: Option<Arc<Matcher>>,
}

impl Proxy {
    /// This proxy for every host, until some are excepted.
    ///
    /// # Errors
    ///
    /// [`UsageError::InvalidProxy`].
    pub fn new(uri: impl AsRef<str>) -> Result<Self, Error> {
        let uri = uri.as_ref();
        check(uri)?;
        let matcher = Matcher::builder().all(uri.to_owned()).build();
        Ok(Self { matcher: Arc::new(matcher), except: None })
    }

    /// What the environment says, in the variables that curl and others read: `HTTPS_PROXY` for `wss`, `HTTP_PROXY` for
    /// `ws`, `ALL_PROXY` for both, `NO_PROXY` for those that are reached directly; each in small letters where that one is
    /// not set. One that is set to nothing names no proxy. Where `REQUEST_METHOD` is set, as in a CGI program, whose
    /// `HTTP_PROXY` a client could choose, no proxy is used.
    ///
    /// # Errors
    ///
    /// [`UsageError::InvalidProxy`] where a variable names what is no proxy here: to go directly in its place
    /// could tell the network what it was set to hide.
    pub fn from_env() -> Result<Self, Error> {
        if env::var_os("REQUEST_METHOD").is_some() {
            return Ok(Self { matcher: Arc::new(Matcher::builder().build()), except: None });
        }
        let no = variable(["NO_PROXY", "no_proxy"])?.unwrap_or_default();
        let matcher = Matcher::builder()
            .all(proxy_variable(["ALL_PROXY", "all_proxy"])?)
            .http(proxy_variable(["HTTP_PROXY", "http_proxy"])?)
            .https(proxy_variable(["HTTPS_PROXY", "https_proxy"])?)
            .no(with_addresses(no))
            .build();
        Ok(Self { matcher: Arc::new(matcher), except: None })
    }

    /// Has these reached directly, in the syntax of `NO_PROXY`: names with their subdomains, addresses, networks,
    /// parted by commas, or `*`. Replaces those named before; what `NO_PROXY` says stays.
    #[must_use]
    pub fn except(mut self, hosts: impl Into<String>) -> Self {
        let except = Matcher::builder().all(ANY_PROXY).no(with_addresses(hosts.into())).build();
        self.except = Some(Arc::new(except));
        self
    }

    /// The proxy on the way to this target.
    pub(super) fn intercept(&self, target: &Target) -> Option<Hop> {
        let scheme = match target.security {
            Security::Plain => "http",
            Security::Tls => "https",
        };
        let mut parts = target.uri.clone().into_parts();
        parts.scheme = scheme.parse().ok();
        let uri = Uri::from_parts(parts).ok()?;
        if let Some(except) = &self.except {
            except.intercept(&uri)?;
        }
        self.matcher.intercept(&uri).map(Hop)
    }
}

/// The first of these variables that is set.
fn variable(names: [&str; 2]) -> Result<Option<String>, UsageError> {
    let value = names.into_iter().find_map(env::var_os);
    value.map(|value| value.into_string().map_err(|_| UsageError::InvalidProxy)).transpose()
}

/// The same for one that names a proxy; empty where none is named.
fn proxy_variable(names: [&str; 2]) -> Result<String, UsageError> {
    let value = variable(names)?.unwrap_or_default();
    if !value.is_empty() {
        check(&value)?;
    }
    Ok(value)
}

/// `*` stands for every host, and the matcher takes it for every name.
fn with_addresses(hosts: String) -> String {
    let is_all = hosts.split(',').any(|host| host.trim() == "*");
    if is_all { "*, 0.0.0.0/0, ::/0".into() } else { hosts }
}

fn check(uri: &str) -> Result<(), UsageError> {
    let matcher = Matcher::builder().all(uri.to_owned()).build();
    let intercept = matcher.intercept(&Uri::from_static("http://example.com/"));
    let hop = intercept.map(Hop).ok_or(UsageError::InvalidProxy)?;
    // The matcher takes hosts that are none, ports that are no numbers, and of user information what is before the
    // first "@".
    let has_host = hop.0.uri().authority().is_some_and(grammar::is_host_and_port);
    match hop.protocol() {
        Some(_) if has_host => Ok(()),
        _ => Err(UsageError::InvalidProxy),
    }
}

/// One proxy.
pub(super) struct Hop(Intercept);

/// What is spoken with a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Http(Security),
    Socks(Names),
}

/// Who resolves names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    Here,
    AtTheProxy,
}

impl Hop {
    fn protocol(&self) -> Option<Protocol> {
        Some(match self.0.uri().scheme_str()? {
            "http" => Protocol::Http(Security::Plain),
            "https" => Protocol::Http(Security::Tls),
            "socks5" => Protocol::Socks(Names::Here),
            "socks5h" => Protocol::Socks(Names::AtTheProxy),
            _ => return None,
        })
    }

    /// The target's end of a tunnel through the proxy.
    pub(super) async fn reach(
        &self,
        dialer: &Dialer,
        target: &Target,
        deadline: Option<Instant>,
    ) -> Result<Stream, Error> {
        // Checked when it was made.
        let protocol = self.protocol().ok_or(UsageError::InvalidProxy)?;
        let dialled = self.dial(dialer, protocol).await;
        let io = dialled.map_err(|error| ConnectError::ProxyUnreachable(Box::new(error)))?;
        trace::proxied(self.0.uri());
        match protocol {
            Protocol::Http(_) => self.tunnel(io, target, deadline).await.map_err(proxy_error),
            Protocol::Socks(names) => {
                let credentials = match self.0.raw_auth() {
                    Some((user, password)) => Some(Credentials::new(user, password)?),
                    None => None,
                };
                let destination = destination(dialer, target, names).await?;
                let codec = HandshakeCodec::socks(credentials, destination);
                socks(opening(io, codec)).await.map_err(proxy_error)
            }
        }
    }

    async fn dial(&self, dialer: &Dialer, protocol: Protocol) -> Result<Stream, Error> {
        let uri = self.0.uri();
        let host = unbracketed(uri.host().unwrap_or_default());
        let (default, security) = match protocol {
            Protocol::Http(security @ Security::Plain) => (80, security),
            Protocol::Http(security @ Security::Tls) => (443, security),
            Protocol::Socks(_) => (1080, Security::Plain),
        };
        let securing = match security {
            Security::Plain => None,
            Security::Tls => Some(dialer.tls.prepare(host)?),
        };
        let io = dialer.transport(uri, host, uri.port_u16().unwrap_or(default)).await?;
        match securing {
            Some(securing) => Ok(securing.secure(io).await?.into_hop()),
            None => Ok(io),
        }
    }

    async fn tunnel(
        &self,
        io: Stream,
        target: &Target,
        deadline: Option<Instant>,
    ) -> Result<Stream, Error> {
        let mut headers = HeaderMap::new();
        if let Some(authorization) = self.0.basic_auth() {
            headers.insert(PROXY_AUTHORIZATION, authorization.clone());
        }
        let mut opening = opening(io, HandshakeCodec::tunnel());
        opening.send((&*authority(target), headers)).await?;
        let answer = match deadline {
            Some(deadline) => timeout_at(deadline, opening.receive()).await,
            None => Ok(opening.receive().await),
        };
        match answer {
            Ok(answer) => answer.and_then(|_| opening.into_inner()),
            Err(_) => match opening.codec_mut().take_refusal() {
                // A refusal whose body dawdles is a refusal all the same.
                Some(refusal) => Err(refusal),
                // The dialler's time-out is over too, and says so.
                None => pending().await,
            },
        }
    }
}

async fn destination(dialer: &Dialer, target: &Target, names: Names) -> Result<Destination, Error> {
    let (host, port) = (target.host(), target.port());
    if names == Names::Here {
        // As curl does it: the first address is the one.
        let addresses = dialer.resolver.resolve(host, port).await?;
        if let Some(address) = addresses.first() {
            return Ok(Destination::address(address.ip(), port));
        }
    }
    Ok(Destination::host(host, port)?)
}

async fn socks(mut opening: Opening<Stream, Socks>) -> Result<Stream, Error> {
    loop {
        opening.send(Next).await?;
        if opening.receive().await? == Progress::Through {
            return opening.into_inner();
        }
    }
}

fn opening<R>(io: Stream, codec: HandshakeCodec<R>) -> Opening<Stream, R>
where
    HandshakeCodec<R>: Decoder<Error = Error>,
{
    // The time for all of it is the dialler's.
    Opening::new(io, codec, Arc::new(Config::new().with_handshake_timeout(None)))
}

/// The host with its port, which CONNECT always has.
fn authority(target: &Target) -> String {
    format!("{}:{}", target.uri.host().unwrap_or_default(), target.port())
}

/// What went wrong in the handshake with a proxy, as the proxy's.
fn proxy_error(error: Error) -> Error {
    let error = match error {
        Error::Handshake(error) => match *error {
            HandshakeError::Refused(response) => ConnectError::ProxyRefused(response),
            error => ConnectError::ProxyAnswer(Box::new(error)),
        },
        Error::Connect(error) => *error,
        error => ConnectError::ProxyUnreachable(Box::new(late(error))),
    };
    error.into()
}

impl fmt::Debug for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
