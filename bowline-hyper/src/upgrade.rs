use std::{fmt, future::Future, sync::Arc};

use bowline::{Agreed, Config, Drain, Error, Extension, HandshakeError, Hold, Reserved, WebSocket};
use http::Response;
use hyper::upgrade::OnUpgrade;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use crate::{
    Io, Options, Outcome, Rejection,
    asked::{Asked, Head},
    deadline::{deadline, io_error, within},
    handler::{self, Listener},
    rejection::Reason,
};

/// Who is told that a connection could not be upgraded.
pub(crate) type Failure = Box<dyn FnOnce(Error) + Send>;

/// Whether a request asks for a WebSocket, well put or not; over HTTP/1.1 by its headers, over HTTP/2 by extended CONNECT.
pub fn is_websocket<B>(request: &http::Request<B>) -> bool {
    head(request).is_websocket(request.extensions())
}

/// Accepts a WebSocket from any server that runs on hyper 1: hyper itself, axum, warp, salvo, tonic.
///
/// Over HTTP/1.1 the request is an `Upgrade` (RFC 6455): hyper has to serve its connections `with_upgrades`, hyper-util's
/// `auto` by `serve_connection_with_upgrades`. Without it a client gets its 101 and then the end. Over HTTP/2 it is an extended
/// CONNECT (RFC 8441), for which hyper's `enable_connect_protocol` has to be set. axum's `serve` does both. The connection
/// becomes free once [`Upgrade::response`] has been sent.
///
/// ```
/// use bowline_hyper::{Options, upgrade};
/// use bytes::Bytes;
/// use http_body_util::Full;
/// use hyper::{Request, Response, body::Incoming};
///
/// async fn serve(mut request: Request<Incoming>) -> Response<Full<Bytes>> {
///     match upgrade(&mut request, &Options::new()) {
///         Ok(upgrade) => upgrade.on_upgrade(|mut ws| async move {
///             while let Some(message) = ws.next().await {
///                 let message = message?;
///                 if message.is_data() {
///                     ws.feed(message).await?;
///                 }
///             }
///             Ok::<_, bowline::Error>(())
///         }),
///         Err(rejection) => rejection.into(),
///     }
/// }
/// ```
///
/// # Errors
///
/// The [`Rejection`], with the response to send: the request is something else, breaks a rule, comes from a page that
/// may not connect, or came over a connection that can't be upgraded.
pub fn upgrade<B>(request: &mut http::Request<B>, options: &Options) -> Result<Upgrade, Rejection> {
    // Taken out, because they are to be changed while the rest is looked at.
    let mut extensions = std::mem::take(request.extensions_mut());
    let asked = Asked::read(&head(request), &mut extensions);
    let asked = asked.and_then(|asked| match asked.check(options) {
        Ok(()) => Ok(asked),
        Err(rejection) => {
            // Another may ask by other options.
            asked.give_back(&mut extensions);
            Err(rejection)
        }
    });
    *request.extensions_mut() = extensions;
    Upgrade::new(asked?, options, None)
}

fn head<B>(request: &http::Request<B>) -> Head<'_> {
    Head {
        method: request.method(),
        uri: request.uri(),
        version: request.version(),
        headers: request.headers(),
    }
}

/// A WebSocket that is about to be: the response is to be sent, then the connection is there.
#[must_use = "the response has to be sent, and the connection taken"]
pub struct Upgrade {
    response: Response<()>,
    agreed: Agreed,
    on_upgrade: OnUpgrade,
    config: Arc<Config>,
    reserved: Option<Reserved>,
    /// Has a drain wait for the handler: for what it does once its connection has ended, too.
    hold: Option<Hold>,
    failure: Option<Failure>,
    listener: Option<Listener>,
}

impl Upgrade {
    /// Makes the choices that a valid request leaves; its origin has been judged.
    pub(crate) fn new(
        asked: Asked,
        options: &Options,
        failure: Option<Failure>,
    ) -> Result<Self, Rejection> {
        let Asked { offer, carrier, on_upgrade } = asked;
        let (response, agreed) = options.choose(offer).agree().map_err(|_| {
            // What is chosen is what was offered; it can't be sent only if it couldn't be read.
            Reason::Handshake(HandshakeError::InvalidSubprotocols, carrier)
        })?;
        let (config, drain) = options.connection();
        let (reserved, hold) = (drain.map(Drain::reserve), drain.map(Drain::hold));
        let listener = options.listener();
        Ok(Self { response, agreed, on_upgrade, config, reserved, hold, failure, listener })
    }

    /// The response that accepts: 101, or 200 over HTTP/2. Headers may be added.
    pub fn response<B: Default>(&self) -> Response<B> {
        self.response.clone().map(|()| B::default())
    }

    /// The subprotocol that was chosen.
    pub fn subprotocol(&self) -> Option<&str> {
        self.agreed.subprotocol()
    }

    /// The extensions that were chosen.
    pub fn extensions(&self) -> &[Extension] {
        self.agreed.extensions()
    }

    /// The connection, once the response has been sent; a socket of TCP is taken out of hyper's hands.
    ///
    /// To be awaited in a task of its own: the response is sent only after the handler has returned it.
    ///
    /// Not cancel-safe: the future owns the connection to be, and drops it when dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where hyper doesn't give the connection away, as when the response was another or the client has
    /// gone; [`HandshakeError::TimedOut`] after `handshake_timeout`, 10 seconds unless set.
    pub async fn accept(self) -> Result<WebSocket<Io>, Error> {
        self.accept_as::<TcpStream>().await
    }

    /// The same where the server listens on something else than TCP: a socket of this type is taken out of hyper's hands.
    ///
    /// ```
    /// use bowline::{Error, WebSocket};
    /// use bowline_hyper::{Io, Upgrade};
    /// use tokio::net::UnixStream;
    ///
    /// async fn accept(upgrade: Upgrade) -> Result<WebSocket<Io<UnixStream>>, Error> {
    ///     upgrade.accept_as().await
    /// }
    /// ```
    ///
    /// Not cancel-safe: the future owns the connection to be, and drops it when dropped.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    pub async fn accept_as<T>(self) -> Result<WebSocket<Io<T>>, Error>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        // Boxed, because the caller's future would keep room for it as long as it lives.
        Box::pin(self.take()).await
    }

    async fn take<T>(self) -> Result<WebSocket<Io<T>>, Error>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let upgraded = async { self.on_upgrade.await.map_err(io_error) };
        let (io, read) = Io::new(within(deadline(&self.config), upgraded).await?);
        let mut ws = WebSocket::agreed(io, self.agreed, read, self.config);
        if let Some(reserved) = self.reserved {
            reserved.track(&mut ws);
        }
        Ok(ws)
    }

    /// Whom to tell where the connection could not be upgraded; nobody unless set.
    pub fn on_failed_upgrade(mut self, failure: impl FnOnce(Error) + Send + 'static) -> Self {
        self.failure = Some(Box::new(failure));
        self
    }

    /// The response, with the connection given to this handler in a task of its own.
    ///
    /// Once the handler is through, and with it whatever it gave parts of the connection to, the closing handshake is
    /// carried out: with 1000, or with 1011 after an error or a panic. A handler that has closed it has closed it.
    ///
    /// A [`Drain`] waits for the handler too.
    ///
    /// Decide before this whether the client may connect, and not in a layer around the service: over HTTP/1.1 hyper
    /// gives the connection away whatever response is sent in place of this one, and the handler runs.
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub fn on_upgrade<B, F, Fut>(self, handler: F) -> Response<B>
    where
        B: Default,
        F: FnOnce(WebSocket<Io>) -> Fut + Send + 'static,
        Fut: Future<Output: Outcome> + Send + 'static,
    {
        self.on_upgrade_as::<TcpStream, B, F, Fut>(handler)
    }

    /// The same where the server listens on something else than TCP, as [`accept_as`](Self::accept_as).
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub fn on_upgrade_as<T, B, F, Fut>(mut self, handler: F) -> Response<B>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        B: Default,
        F: FnOnce(WebSocket<Io<T>>) -> Fut + Send + 'static,
        Fut: Future<Output: Outcome> + Send + 'static,
    {
        let response = self.response();
        let (failure, listener) = (self.failure.take(), self.listener.take());
        let hold = self.hold.take();
        // Boxed out here, because the task keeps room for what it is made of as long as it lives.
        let accepted = Box::pin(self.take::<T>());
        tokio::spawn(async move {
            let _hold = hold;
            match accepted.await {
                Ok(ws) => handler::run(ws, handler, listener).await,
                Err(error) => {
                    if let Some(failure) = failure {
                        failure(error);
                    }
                }
            }
        });
        response
    }
}

impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrade").field("response", &self.response).finish_non_exhaustive()
    }
}
