//! What can be set for the way to the server.

#[cfg(feature = "tower")]
use std::error;
#[cfg(unix)]
use std::path::PathBuf;
use std::{future::Future, io, net::SocketAddr, time::Duration};

#[cfg(feature = "tower")]
use http::Uri;
#[cfg(feature = "tower")]
use tokio::io::{AsyncRead, AsyncWrite};
#[cfg(feature = "tower")]
use tower_service::Service;

#[cfg(feature = "proxy")]
use super::Proxy;
#[cfg(feature = "tower")]
use super::dial::Connector;
#[cfg(feature = "rustls")]
use super::dial::Tls;
use super::{
    Client,
    dial::{Delay, Resolver, Route},
};

impl Client {
    /// The time for the way to the server: resolving its name, dialling, the proxy and TLS together; 10 s unless set,
    /// `None` for any. Past it: [`ConnectError::TimedOut`](crate::ConnectError::TimedOut). Each redirect has as long.
    /// It needs Tokio's time driver, as [`Config`](crate::Config)'s time-outs do; so do hosts of several addresses, which are
    /// tried 250 ms after each other.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.dialer.timeout = timeout;
        self
    }

    /// Follows up to so many redirects (301, 302, 303, 307, 308); none unless set, and the response is the error.
    ///
    /// To another origin go no credentials: `Authorization` and the URI's user information, `Cookie`, what is marked as
    /// [sensitive](http::HeaderValue::set_sensitive), nor a `Host` that was set. Other headers, subprotocols, and the
    /// client's certificate where TLS has one, go wherever one is sent. From `wss` to `ws` none is followed.
    ///
    /// [`connect`](Self::connect) then also fails with [`ConnectError::Redirect`](crate::ConnectError::Redirect).
    #[must_use]
    pub fn redirects(mut self, limit: usize) -> Self {
        self.max_redirects = limit;
        self
    }

    /// Has small messages wait for each other (Nagle's algorithm), which saves packets and costs time; TCP_NODELAY is set
    /// otherwise.
    #[must_use]
    pub fn without_nodelay(mut self) -> Self {
        self.dialer.delay = Delay::Nagle;
        self
    }

    /// Who is asked for a host's addresses, in place of the operating system: the preferred ones first. Not asked for
    /// hosts that are addresses themselves; asked for a proxy's host too.
    ///
    /// ```
    /// # fn client() -> Result<(), bowline::Error> {
    /// let client = bowline::Client::new("wss://example.com/")?
    ///     .resolver(|_, port| async move { Ok(vec![([192, 0, 2, 7], port).into()]) });
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn resolver<R, F>(mut self, resolve: R) -> Self
    where
        R: Fn(String, u16) -> F + Send + Sync + 'static,
        F: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        self.dialer.resolver = Resolver::new(resolve);
        self
    }

    /// Connects to a Unix socket, whatever host the URI names; with `wss` by TLS as that host. No proxy is used.
    #[cfg(unix)]
    #[must_use]
    pub fn unix_socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.dialer.route = Route::Unix(path.into());
        self
    }

    /// How `wss` is secured, in place of what was compiled in: a `tokio_rustls::TlsConnector`, or an
    /// `Arc<rustls::ClientConfig>` with its trust roots, client certificates, provider. It should offer `http/1.1`, or
    /// nothing, as ALPN protocol. TLS to a proxy (`https://`) is secured by it too.
    ///
    /// Otherwise the provider is the process's default, or that of the feature `rustls-aws-lc-rs` or `rustls-ring`; and
    /// trusted is whom the operating system trusts (feature `native-roots`), or else Mozilla's list (`webpki-roots`).
    /// All clients of a process then share one cache of sessions to resume.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn tls(mut self, tls: impl Into<tokio_rustls::TlsConnector>) -> Self {
        self.dialer.tls = Tls::new(tls.into());
        self
    }

    /// Goes through a proxy: [`Proxy::new`] or [`Proxy::from_env`]. None is used unless set, whatever the environment
    /// says.
    #[cfg(feature = "proxy")]
    #[must_use]
    pub fn proxy(mut self, proxy: impl Into<Option<Proxy>>) -> Self {
        self.dialer.proxy = proxy.into();
        self
    }

    /// Has a tower service make the transport for the URI's host, in place of a TCP socket: for `wss` TLS is put on it.
    /// Where a proxy is set, the service is called with the proxy's URI.
    #[cfg(feature = "tower")]
    #[must_use]
    pub fn connector<S>(mut self, service: S) -> Self
    where
        S: Service<Uri> + Clone + Send + 'static,
        S::Response: AsyncRead + AsyncWrite + Send + Unpin + 'static,
        S::Error: Into<Box<dyn error::Error + Send + Sync>>,
        S::Future: Send,
    {
        self.dialer.route = Route::Connector(Connector::new(service));
        self
    }

    /// The same of a service that gives what is ready for the opening handshake: for a `wss` URI with TLS on it, by
    /// whatever library. No proxy is used, and no TLS of this crate's.
    #[cfg(feature = "tower")]
    #[must_use]
    pub fn secure_connector<S>(mut self, service: S) -> Self
    where
        S: Service<Uri> + Clone + Send + 'static,
        S::Response: AsyncRead + AsyncWrite + Send + Unpin + 'static,
        S::Error: Into<Box<dyn error::Error + Send + Sync>>,
        S::Future: Send,
    {
        self.dialer.route = Route::SecureConnector(Connector::new(service));
        self
    }
}
