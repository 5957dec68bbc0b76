//! From a target to a transport: who is asked for the address, what is dialled, through which proxy, under which TLS.
//!
//! ```text
//!              +-- connector of the caller's ------------------------+
//!  target -----+-- Unix socket --------------------------------------+--> [TLS] --> Stream
//!              +-- resolver -> addresses -> race of TCP sockets -----+
//!                      proxy's, where there is one: [TLS to it] CONNECT or SOCKS
//! ```

mod connector;
#[cfg(feature = "proxy")]
mod proxy;
#[cfg(not(feature = "proxy"))]
#[path = "no_proxy.rs"]
mod proxy;
mod race;
mod resolver;
#[cfg(feature = "rustls")]
mod tls;
#[cfg(not(feature = "rustls"))]
#[path = "no_tls.rs"]
mod tls;

use std::{io, path::PathBuf, time::Duration};

use http::Uri;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};

pub(super) use connector::Connector;
use proxy::Hop;
#[cfg(feature = "proxy")]
pub use proxy::Proxy;
#[cfg(not(feature = "proxy"))]
use proxy::Proxy;
pub(super) use resolver::Resolver;
use tls::Securing;
pub(super) use tls::{Tls, late};

use super::{
    stream::Stream,
    target::{Security, Target},
};
use crate::vocabulary::{ConnectError, Error, trace};

/// For resolving, dialling, proxy and TLS together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How a client gets at its transport.
#[derive(Clone, Debug)]
pub(super) struct Dialer {
    pub(super) route: Route,
    pub(super) resolver: Resolver,
    pub(super) tls: Tls,
    pub(super) proxy: Option<Proxy>,
    pub(super) timeout: Option<Duration>,
    /// Whether small messages wait for each other.
    pub(super) delay: Delay,
}

/// What is dialled.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(all(unix, feature = "tower")),
    allow(dead_code, reason = "not every build can be told of each")
)]
pub(super) enum Route {
    Tcp,
    Unix(PathBuf),
    /// A caller's own.
    Connector(Connector),
    /// The same; what it gives to `wss` is private already, and the way there is its own to find.
    SecureConnector(Connector),
}

/// TCP_NODELAY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delay {
    No,
    Nagle,
}

impl Default for Dialer {
    fn default() -> Self {
        Self {
            route: Route::Tcp,
            resolver: Resolver::default(),
            tls: Tls::default(),
            proxy: None,
            timeout: Some(CONNECT_TIMEOUT),
            delay: Delay::No,
        }
    }
}

impl Dialer {
    /// A transport to the target, within the connect time-out.
    pub(super) async fn dial(&self, target: &Target) -> Result<Stream, Error> {
        // What can't become private is not even dialled.
        let securing = match (&self.route, target.security) {
            (Route::SecureConnector(_), _) | (_, Security::Plain) => None,
            (_, Security::Tls) => Some(self.tls.prepare(target.host())?),
        };
        // A time-out past the clock's end is none.
        let deadline = self.timeout.map(|limit| (limit, Instant::now().checked_add(limit)));
        let Some((limit, Some(deadline))) = deadline else {
            return self.reach(target, securing, None).await;
        };
        let reached = timeout_at(deadline, self.reach(target, securing, Some(deadline))).await;
        reached.unwrap_or_else(|_| Err(ConnectError::TimedOut(limit).into()))
    }

    async fn reach(
        &self,
        target: &Target,
        securing: Option<Securing>,
        deadline: Option<Instant>,
    ) -> Result<Stream, Error> {
        let io = match self.hop(target) {
            Some(hop) => hop.reach(self, target, deadline).await?,
            None => self.transport(&target.uri, target.host(), target.port()).await?,
        };
        match securing {
            Some(securing) => securing.secure(io).await,
            None => Ok(io),
        }
    }

    /// The proxy on the way, unless the way is one that has none.
    fn hop(&self, target: &Target) -> Option<Hop> {
        match self.route {
            Route::Tcp | Route::Connector(_) => self.proxy.as_ref()?.intercept(target),
            Route::Unix(_) | Route::SecureConnector(_) => None,
        }
    }

    /// The bare transport to a host: the target's, or the proxy's.
    async fn transport(&self, uri: &Uri, host: &str, port: u16) -> Result<Stream, Error> {
        match &self.route {
            Route::Tcp => self.tcp(host, port).await,
            Route::Unix(path) => Ok(unix(path).await?),
            Route::Connector(connector) | Route::SecureConnector(connector) => {
                Ok(connector.connect(uri.clone()).await?)
            }
        }
    }

    async fn tcp(&self, host: &str, port: u16) -> Result<Stream, Error> {
        let addresses = self.resolver.resolve(host, port).await?;
        let tcp = race::race(addresses, TcpStream::connect).await?;
        if let Ok(address) = tcp.peer_addr() {
            trace::dialled(address);
        }
        if self.delay == Delay::No {
            // Small messages that wait are no reason to have none.
            let _ = tcp.set_nodelay(true);
        }
        Ok(Stream::from(tcp))
    }
}

#[cfg(unix)]
async fn unix(path: &PathBuf) -> io::Result<Stream> {
    Ok(tokio::net::UnixStream::connect(path).await?.into())
}

#[cfg(not(unix))]
async fn unix(_: &PathBuf) -> io::Result<Stream> {
    Err(io::ErrorKind::Unsupported.into())
}
