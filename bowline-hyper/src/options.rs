use std::{borrow::Cow, fmt, sync::Arc};

#[cfg(feature = "deflate")]
use bowline::Deflate;
use bowline::{Config, Drain, Keepalive, Limits, Offer};

use crate::{
    Origins,
    handler::{BoxError, Listener},
};

/// How WebSockets are accepted: one value for any number of requests. Cheap to clone.
///
/// ```
/// use bowline_hyper::{Options, Origins};
///
/// # fn main() -> Result<(), bowline_hyper::InvalidOrigin> {
/// let options = Options::new()
///     .protocols(["chat.v2", "chat.v1"])
///     .origins(Origins::list(["https://example.com", "https://*.example.com"])?);
/// # let _ = options;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Options {
    config: Arc<Config>,
    protocols: Arc<[Cow<'static, str>]>,
    origins: Origins,
    drain: Option<Drain>,
    listener: Option<Listener>,
    #[cfg(feature = "deflate")]
    deflate: Option<Deflate>,
}

impl Options {
    /// The default [`Config`], no subprotocol, no compression, and pages of the same host alone.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the configuration of the connections, limits and keepalive with it.
    #[must_use]
    pub fn config(mut self, config: impl Into<Arc<Config>>) -> Self {
        self.config = config.into();
        self
    }

    /// Sets how large frames and messages may be; 16 MiB and 64 MiB unless set.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.config = Arc::new(Config::clone(&self.config).with_limits(limits));
        self
    }

    /// Sets when to ping and when to give up; 30 s and 30 s unless set.
    #[must_use]
    pub fn keepalive(mut self, keepalive: impl Into<Option<Keepalive>>) -> Self {
        self.config = Arc::new(Config::clone(&self.config).with_keepalive(keepalive.into()));
        self
    }

    /// Sets the subprotocols that this server speaks, in its order of preference: the first that the client requests is
    /// chosen; none where it requests none of them.
    #[must_use]
    pub fn protocols<I>(mut self, protocols: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<Cow<'static, str>>,
    {
        self.protocols = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// Sets which pages may connect; those of the same host unless set.
    #[must_use]
    pub fn origins(mut self, origins: Origins) -> Self {
        self.origins = origins;
        self
    }

    /// Accepts permessage-deflate, off unless set, from the clients that offer it.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(mut self, deflate: impl Into<Option<Deflate>>) -> Self {
        self.deflate = deflate.into();
        self
    }

    /// Has the connections closed by [`Drain::close_all`].
    #[must_use]
    pub fn drain(mut self, drain: &Drain) -> Self {
        self.drain = Some(drain.clone());
        self
    }

    /// Whom to tell what a handler's error was; nobody unless set. That a client has just gone is one as well:
    /// [`Error::is_disconnect`](bowline::Error::is_disconnect).
    ///
    /// ```
    /// use bowline_hyper::Options;
    ///
    /// let options = Options::new().on_error(|error| match error.downcast_ref::<bowline::Error>() {
    ///     Some(error) if error.is_disconnect() => {}
    ///     _ => eprintln!("WebSocket: {error}"),
    /// });
    /// ```
    #[must_use]
    pub fn on_error(mut self, listener: impl Fn(BoxError) + Send + Sync + 'static) -> Self {
        self.listener = Some(Arc::new(listener));
        self
    }

    pub(crate) fn listener(&self) -> Option<Listener> {
        self.listener.clone()
    }

    pub(crate) fn origin_policy(&self) -> &Origins {
        &self.origins
    }

    pub(crate) fn connection(&self) -> (Arc<Config>, Option<&Drain>) {
        (self.config.clone(), self.drain.as_ref())
    }

    /// The subprotocol that is chosen of what the client offers.
    pub(crate) fn selected(&self, offer: &Offer) -> Option<&str> {
        offer.first_offered(self.protocols.iter().map(AsRef::as_ref))
    }

    /// Makes the choices that the client's offer leaves.
    pub(crate) fn choose(&self, mut offer: Offer) -> Offer {
        if let Some(name) = self.selected(&offer) {
            offer = offer.subprotocol(name);
        }
        #[cfg(feature = "deflate")]
        if let Some(deflate) = self.deflate {
            offer = offer.deflate(deflate);
        }
        offer
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("config", &self.config)
            .field("protocols", &self.protocols)
            .field("origins", &self.origins)
            .field("drain", &self.drain)
            .finish_non_exhaustive()
    }
}
