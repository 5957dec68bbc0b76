//! An extractor for axum: [`WebSocketUpgrade`].

use std::{borrow::Cow, fmt, future::Future, sync::Arc};

use axum_core::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
#[cfg(feature = "deflate")]
use bowline::Deflate;
use bowline::{Config, Drain, Error, Keepalive, Limits, WebSocket};
use http::request::Parts;

use crate::{
    BoxError, Io, Options, Origins, Outcome, Rejection,
    asked::{Asked, Head},
    upgrade::{Failure, Upgrade},
};

/// A request for a WebSocket, over HTTP/1.1 or HTTP/2, that keeps the rules.
///
/// The route has to take both methods, as with `any`: over HTTP/2 it is CONNECT. `Option<WebSocketUpgrade>` is `None` where
/// something else is asked for, so that one route serves a page and a socket.
///
/// [`Options`] for all routes at once are those that `axum::Extension(options)` puts into the request. What is set here
/// goes before them.
///
/// ```
/// use axum::{Router, response::Response, routing::any};
/// use bowline::{Error, WebSocket};
/// use bowline_hyper::{Io, axum::WebSocketUpgrade};
///
/// async fn handler(upgrade: WebSocketUpgrade) -> Response {
///     upgrade.protocols(["echo"]).on_upgrade(echo)
/// }
///
/// async fn echo(mut ws: WebSocket<Io>) -> Result<(), Error> {
///     while let Some(message) = ws.next().await {
///         let message = message?;
///         if message.is_data() {
///             ws.feed(message).await?;
///         }
///     }
///     Ok(())
/// }
///
/// let app: Router = Router::new().route("/echo", any(handler));
/// ```
#[must_use = "the response has to be returned"]
pub struct WebSocketUpgrade {
    asked: Asked,
    options: Options,
    failure: Option<Failure>,
}

impl WebSocketUpgrade {
    /// Sets all options at once.
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    fn map(mut self, change: impl FnOnce(Options) -> Options) -> Self {
        self.options = change(self.options);
        self
    }

    /// As [`Options::config`].
    pub fn config(self, config: impl Into<Arc<Config>>) -> Self {
        self.map(|options| options.config(config))
    }

    /// As [`Options::limits`].
    pub fn limits(self, limits: Limits) -> Self {
        self.map(|options| options.limits(limits))
    }

    /// As [`Options::keepalive`].
    pub fn keepalive(self, keepalive: impl Into<Option<Keepalive>>) -> Self {
        self.map(|options| options.keepalive(keepalive))
    }

    /// As [`Options::deflate`].
    #[cfg(feature = "deflate")]
    pub fn deflate(self, deflate: impl Into<Option<Deflate>>) -> Self {
        self.map(|options| options.deflate(deflate))
    }

    /// As [`Options::origins`]. Judged by [`on_upgrade`](Self::on_upgrade).
    pub fn origins(self, origins: Origins) -> Self {
        self.map(|options| options.origins(origins))
    }

    /// As [`Options::drain`].
    pub fn drain(self, drain: &Drain) -> Self {
        self.map(|options| options.drain(drain))
    }

    /// As [`Options::on_error`].
    pub fn on_error(self, listener: impl Fn(BoxError) + Send + Sync + 'static) -> Self {
        self.map(|options| options.on_error(listener))
    }

    /// As [`Options::protocols`]: of those that the client requests, the first in this order is chosen.
    pub fn protocols<I>(self, protocols: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<Cow<'static, str>>,
    {
        self.map(|options| options.protocols(protocols))
    }

    /// The subprotocols that the client would speak, in its order of preference.
    pub fn requested_protocols(&self) -> impl Iterator<Item = &str> {
        self.asked.offer.requested_protocols()
    }

    /// The subprotocol that is chosen, by what was set so far.
    pub fn selected_protocol(&self) -> Option<&str> {
        self.options.selected(&self.asked.offer)
    }

    /// `Origin`: where a page that asks was loaded from.
    pub fn origin(&self) -> Option<&str> {
        self.asked.offer.origin()
    }

    /// Whom to tell where the connection could not be upgraded; nobody unless set.
    pub fn on_failed_upgrade(mut self, failure: impl FnOnce(Error) + Send + 'static) -> Self {
        self.failure = Some(Box::new(failure));
        self
    }

    /// The response, with the connection given to this handler in a task of its own: see
    /// [`Upgrade::on_upgrade`]. 403 for a page that may not connect. A layer that puts another
    /// response in its place doesn't stop the handler over HTTP/1.1: whether a client may connect is to be decided before.
    pub fn on_upgrade<F, Fut>(self, handler: F) -> Response
    where
        F: FnOnce(WebSocket<Io>) -> Fut + Send + 'static,
        Fut: Future<Output: Outcome> + Send + 'static,
    {
        match self.into_upgrade() {
            Ok(upgrade) => upgrade.on_upgrade(handler),
            Err(rejection) => rejection.into_response(),
        }
    }

    /// The [`Upgrade`], for whoever runs the connection without
    /// [`on_upgrade`](Self::on_upgrade).
    ///
    /// # Errors
    ///
    /// The [`Rejection`] of a page that may not connect.
    pub fn into_upgrade(self) -> Result<Upgrade, Rejection> {
        self.asked.check(&self.options)?;
        Upgrade::new(self.asked, &self.options, self.failure)
    }
}

impl fmt::Debug for WebSocketUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketUpgrade").field("asked", &self.asked).finish_non_exhaustive()
    }
}

impl<S: Sync> FromRequestParts<S> for WebSocketUpgrade {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let options = parts.extensions.get::<Options>().cloned().unwrap_or_default();
        let Parts { method, uri, version, headers, extensions, .. } = parts;
        let head = Head { method, uri, version: *version, headers };
        Ok(Self { asked: Asked::read(&head, extensions)?, options, failure: None })
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for WebSocketUpgrade {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Rejection> {
        let Parts { method, uri, version, headers, extensions, .. } = &*parts;
        if !(Head { method, uri, version: *version, headers }).is_websocket(extensions) {
            return Ok(None);
        }
        <Self as FromRequestParts<S>>::from_request_parts(parts, state).await.map(Some)
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        Response::from(self)
    }
}
