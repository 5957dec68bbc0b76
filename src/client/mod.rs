//! The client's end: from a URI, or a transport, to a [`WebSocket`].
//!
//! ```no_run
//! use bowline::{Error, client::{self, Client}};
//!
//! # async fn talk() -> Result<(), Error> {
//! let (mut ws, response) = client::connect("ws://127.0.0.1:8080/chat").await?;
//! println!("{}", response.status());
//! ws.send("hello").await?;
//!
//! let (ws, _) = Client::new("ws://127.0.0.1:8080/chat")?
//!     .header("authorization", "Bearer …")
//!     .subprotocols(["chat.v2", "chat.v1"])
//!     .connect()
//!     .await?;
//! println!("{:?}", ws.subprotocol());
//! # Ok(())
//! # }
//! ```

mod dial;
mod location;
mod options;
mod reconnect;
mod redirect;
mod sources;
mod stream;
mod target;

use std::{future::Future, sync::Arc};

use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response,
    header::{AUTHORIZATION, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL},
};
use tokio::io::{AsyncRead, AsyncWrite};
#[cfg(feature = "rustls")]
pub use tokio_rustls;

#[cfg(feature = "proxy")]
pub use dial::Proxy;
pub use reconnect::{
    Backoff, Connected, Disconnect, Disconnected, Event, Greeting, Reconnecting,
    ReconnectingWebSocket, Retry, Unsent,
};
pub use stream::Stream;

use crate::{
    handshake::{Fields, HandshakeCodec, Proposal},
    vocabulary::{Config, Deflate, Error, Role, UsageError, grammar, trace},
    websocket::{Opening, WebSocket},
};
use dial::Dialer;
use target::Target;

/// Connects with the defaults of [`Client`] to a URI, or to that of an `http::Request` with its headers; gives the
/// WebSocket and the server's response.
///
/// Not cancel-safe: the future owns the transport, and drops it when dropped.
///
/// # Errors
///
/// As [`Client::new`] and [`Client::connect`].
pub async fn connect<C>(target: C) -> Result<(WebSocket<Stream>, Response<()>), Error>
where
    C: TryInto<Client>,
    Error: From<C::Error>,
{
    target.try_into()?.connect().await
}

/// A connection to be opened: where to, on which way, with which headers and subprotocols.
#[derive(Clone, Debug)]
pub struct Client {
    // Boxed, because a caller's future keeps room for each place that a value moves through.
    target: Box<Target>,
    fields: Fields,
    subprotocols: Vec<String>,
    deflate: Option<Deflate>,
    config: Arc<Config>,
    dialer: Box<Dialer>,
    max_redirects: usize,
}

impl Client {
    /// A client for this `ws` or `wss` URI (RFC 6455 section 3). User information in it is sent as Basic authentication
    /// (RFC 7617), unless an `Authorization` header is set.
    ///
    /// # Errors
    ///
    /// [`UsageError::InvalidUri`] for anything else, and for a fragment.
    pub fn new(uri: impl AsRef<str>) -> Result<Self, Error> {
        Ok(Self {
            target: Box::new(Target::parse(uri.as_ref())?),
            fields: Fields::default(),
            subprotocols: Vec::new(),
            deflate: None,
            config: Config::shared(),
            dialer: Box::default(),
            max_redirects: 0,
        })
    }

    /// Adds a header to the request. A bad one, or one that the handshake sets itself, fails when the
    /// connection is opened. `Host` may be set to another than the URI's.
    #[must_use]
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        self.fields.append(name, value);
        self
    }

    /// Adds headers to the request, as [`header`](Self::header) adds one.
    #[must_use]
    pub fn headers(self, headers: HeaderMap) -> Self {
        headers.iter().fold(self, |client, (name, value)| client.header(name, value))
    }

    /// Offers subprotocols, in order of preference. The one that the server chose, if any, is
    /// [`WebSocket::subprotocol`].
    #[must_use]
    pub fn subprotocols<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.subprotocols.extend(names.into_iter().map(Into::into));
        self
    }

    /// Offers permessage-deflate, off unless set. What the server made of it is in
    /// [`WebSocket::extensions`].
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(mut self, deflate: Deflate) -> Self {
        self.deflate = Some(deflate);
        self
    }

    /// Sets the connection's configuration.
    #[must_use]
    pub fn config(mut self, config: impl Into<Arc<Config>>) -> Self {
        self.config = config.into();
        self
    }

    /// Finds the way to the server, and opens the WebSocket. Over TCP, unless set otherwise: to the addresses that the
    /// host resolves to, 250 ms after each other and the families in turn, until one answers (RFC 8305). For `wss` TLS
    /// is put on it.
    ///
    /// The way there may take 10 seconds ([`connect_timeout`](Self::connect_timeout)), and each half of the opening
    /// handshake as long ([`Config::with_handshake_timeout`]).
    ///
    /// Not cancel-safe: the future owns the transport, and drops it when dropped.
    ///
    /// # Errors
    ///
    /// [`UsageError::TlsNotAvailable`] and [`TlsNotConfigured`](UsageError::TlsNotConfigured) for `wss`, and
    /// [`InvalidUri`](UsageError::InvalidUri) where no certificate can be for its host, before anything is dialled; [`Error::Io`] where no address answers; [`Error::Connect`] for what else may be in the way, the proxy's TLS among it; otherwise
    /// as [`handshake`](Self::handshake).
    pub fn connect(self) -> impl Future<Output = Result<(WebSocket<Stream>, Response<()>), Error>> {
        // Boxed, because the caller's future would keep room for all of it as long as it lives.
        Box::pin(redirect::connect(self))
    }

    /// Opens the WebSocket over a transport that is connected already, as TLS, a Unix socket or a pipe. Nothing that is
    /// set for the way there applies.
    ///
    /// Not cancel-safe: the future owns the transport, and drops it when dropped.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::Refused`](crate::HandshakeError::Refused) with the response where the server answered anything but 101, other
    /// handshake errors where its answer breaks a rule or is late; [`Error::Usage`] for a bad header
    /// or subprotocol, with nothing sent; [`Error::Io`].
    pub fn handshake<T>(
        self,
        io: T,
    ) -> impl Future<Output = Result<(WebSocket<T>, Response<()>), Error>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        // Boxed as above.
        Box::pin(trace::handshake(Role::Client, "opened", async move {
            let request = self.request()?;
            let codec = HandshakeCodec::client().offering(self.deflate);
            let mut opening = Opening::new(io, codec, self.config);
            opening.send(request).await?;
            match opening.receive().await {
                Ok(response) => Ok((opening.into_websocket(), response)),
                // A refusal whose body dawdles or breaks off is a refusal all the same.
                Err(error) => Err(opening.codec_mut().take_refusal().unwrap_or(error)),
            }
        }))
    }

    /// What to ask for over an HTTP/2 connection that somebody else speaks (RFC 8441), and the configuration of what
    /// comes of it.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] for a bad header or subprotocol.
    pub fn propose_over_http2(self) -> Result<(Proposal, Arc<Config>), Error> {
        let (config, deflate) = (self.config.clone(), self.deflate);
        Ok((Proposal::over_http2(self.request()?)?.offering(deflate)?, config))
    }

    fn request(&self) -> Result<Request<()>, UsageError> {
        let mut fields = self.fields.clone();
        fields.forbid(&SEC_WEBSOCKET_EXTENSIONS);
        let mut headers = fields.finish()?;
        offer(&self.subprotocols, &mut headers)?;
        if let Some(authorization) = &self.target.authorization {
            headers.entry(AUTHORIZATION).or_insert_with(|| authorization.clone());
        }
        let mut request = Request::new(());
        *request.uri_mut() = self.target.uri.clone();
        *request.headers_mut() = headers;
        Ok(request)
    }
}

fn offer(subprotocols: &[String], headers: &mut HeaderMap) -> Result<(), UsageError> {
    if subprotocols.is_empty() {
        return Ok(());
    }
    if !subprotocols.iter().all(|name| grammar::is_token(name.as_bytes())) {
        return Err(UsageError::InvalidSubprotocol);
    }
    let list = HeaderValue::try_from(subprotocols.join(", "));
    headers.append(SEC_WEBSOCKET_PROTOCOL, list.map_err(|_| UsageError::InvalidSubprotocol)?);
    Ok(())
}
