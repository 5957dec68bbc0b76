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

mod reconnect;
mod sources;
mod stream;

use std::sync::Arc;

use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, Uri,
    header::{SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

pub use reconnect::{
    Backoff, Connected, Disconnect, Disconnected, Event, Greeting, Reconnecting,
    ReconnectingWebSocket, Retry, Unsent,
};
pub use stream::Stream;

use crate::{
    handshake::{Fields, HandshakeCodec, Proposal},
    vocabulary::{Config, Deflate, Error, UsageError, grammar},
    websocket::{Opening, WebSocket, within},
};

/// Connects to a `ws://` URI with the default [`Config`]; gives the WebSocket and the server's response.
///
/// Not cancel-safe: the future owns the transport, and drops it when dropped.
///
/// # Errors
///
/// As [`Client::new`] and [`Client::connect`].
pub async fn connect(uri: impl AsRef<str>) -> Result<(WebSocket<Stream>, Response<()>), Error> {
    Client::new(uri)?.connect().await
}

/// A connection to be opened: where to, with which headers and subprotocols.
#[derive(Clone, Debug)]
pub struct Client {
    uri: Uri,
    fields: Fields,
    subprotocols: Vec<String>,
    deflate: Option<Deflate>,
    config: Arc<Config>,
}

impl Client {
    /// A client for this `ws` or `wss` URI (RFC 6455 section 3).
    ///
    /// # Errors
    ///
    /// [`UsageError::InvalidUri`] for anything else, for a fragment, and for user information, which is
    /// better sent as a header.
    pub fn new(uri: impl AsRef<str>) -> Result<Self, Error> {
        let text = uri.as_ref();
        // `Uri` drops fragments silently, and "Fragment identifiers ... MUST NOT be used" (section 3).
        // It also lets bytes through that a URI has to spell in percents (RFC 3986 section 2.1).
        let is_spelled = text.is_ascii() && !text.contains('#');
        let uri = if is_spelled { text.parse::<Uri>().ok() } else { None };
        let uri = uri.filter(is_websocket_uri).ok_or(UsageError::InvalidUri)?;
        Ok(Self {
            uri,
            fields: Fields::default(),
            subprotocols: Vec::new(),
            deflate: None,
            config: Arc::default(),
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

    /// Connects over TCP, to each address that the host resolves to until one answers, and opens the
    /// WebSocket. TCP_NODELAY is set.
    ///
    /// Not cancel-safe: the future owns the transport, and drops it when dropped.
    ///
    /// # Errors
    ///
    /// [`UsageError::TlsNotAvailable`] for `wss`, before anything is dialled; [`Error::Io`] where no
    /// address answers; otherwise as [`handshake`](Self::handshake).
    pub async fn connect(self) -> Result<(WebSocket<Stream>, Response<()>), Error> {
        if is_scheme(&self.uri, "wss") {
            return Err(UsageError::TlsNotAvailable.into());
        }
        let host = self.uri.host().unwrap_or_default();
        // A literal IPv6 address stands in brackets in a URI, and without them in an address.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let address = (host, self.uri.port_u16().unwrap_or(80));
        let tcp = within(self.config.handshake_timeout(), async {
            let tcp = TcpStream::connect(address).await?;
            tcp.set_nodelay(true)?;
            Ok(tcp)
        })
        .await?;
        self.handshake(Stream::from(tcp)).await
    }

    /// Opens the WebSocket over a transport that is connected already, as TLS, a Unix socket or a pipe.
    ///
    /// Not cancel-safe: the future owns the transport, and drops it when dropped.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::Refused`](crate::HandshakeError::Refused) with the response where the server answered anything but 101, other
    /// handshake errors where its answer breaks a rule or is late; [`Error::Usage`] for a bad header
    /// or subprotocol, with nothing sent; [`Error::Io`].
    pub async fn handshake<T>(self, io: T) -> Result<(WebSocket<T>, Response<()>), Error>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let config = self.config.clone();
        let codec = HandshakeCodec::client().offering(self.deflate);
        let request = self.request()?;
        let mut opening = Opening::new(io, codec, config);
        // Boxed, because the caller's future would keep room for the handshake as long as it lives.
        Box::pin(async move {
            opening.send(request).await?;
            match opening.receive().await {
                Ok(response) => Ok((opening.into_websocket(), response)),
                // A refusal whose body dawdles or breaks off is a refusal all the same.
                Err(error) => Err(opening.codec_mut().take_refusal().unwrap_or(error)),
            }
        })
        .await
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

    fn request(mut self) -> Result<Request<()>, UsageError> {
        self.fields.forbid(&SEC_WEBSOCKET_EXTENSIONS);
        let mut headers = self.fields.finish()?;
        offer(&self.subprotocols, &mut headers)?;
        let mut request = Request::new(());
        *request.uri_mut() = self.uri;
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

/// "Although schemes are case-insensitive" (RFC 3986 section 3.1), `Uri` keeps those that it doesn't know.
fn is_scheme(uri: &Uri, scheme: &str) -> bool {
    uri.scheme_str().is_some_and(|given| given.eq_ignore_ascii_case(scheme))
}

fn is_websocket_uri(uri: &Uri) -> bool {
    (is_scheme(uri, "ws") || is_scheme(uri, "wss"))
        && uri.authority().is_some_and(grammar::is_host_and_port)
}
