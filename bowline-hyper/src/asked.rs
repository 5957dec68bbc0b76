//! A request read and held to the rules, before anything is chosen.

use bowline::{HandshakeError, Offer, Request};
use http::{Extensions, HeaderMap, Method, Version};
use hyper::{ext::Protocol, upgrade::OnUpgrade};

use crate::{Options, Rejection, carrier::Carrier, rejection::Reason};

/// A request's head, as far as the handshake is concerned.
pub(crate) struct Head<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a http::Uri,
    pub(crate) version: Version,
    pub(crate) headers: &'a HeaderMap,
}

impl Head<'_> {
    /// Whether a WebSocket is asked for, well put or not.
    pub(crate) fn is_websocket(&self, extensions: &Extensions) -> bool {
        match Carrier::of(self.version) {
            Carrier::Http1 => Request::is_websocket_over_http1(self.headers),
            Carrier::Http2 => Request::is_websocket_over_http2(self.method, protocol(extensions)),
        }
    }

    fn to_request(&self) -> http::Request<()> {
        let mut request = http::Request::new(());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.version_mut() = self.version;
        *request.headers_mut() = self.headers.clone();
        request
    }
}

fn protocol(extensions: &Extensions) -> Option<&str> {
    extensions.get::<Protocol>().map(Protocol::as_str)
}

/// A valid request for a WebSocket.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) offer: Offer,
    pub(crate) carrier: Carrier,
    pub(crate) on_upgrade: OnUpgrade,
}

impl Asked {
    /// Reads a request; takes hyper's promise of the connection out of it where it is valid.
    pub(crate) fn read(head: &Head<'_>, extensions: &mut Extensions) -> Result<Self, Rejection> {
        let carrier = Carrier::of(head.version);
        let offer = offer(head, extensions, carrier)
            .map_err(|error| Rejection::from(Reason::Handshake(error, carrier)))?;
        let on_upgrade = extensions.remove::<OnUpgrade>().ok_or(Reason::NotUpgradable(carrier))?;
        Ok(Self { offer, carrier, on_upgrade })
    }

    /// Judges where the page is from that asks.
    pub(crate) fn check(&self, options: &Options) -> Result<(), Rejection> {
        let check = options.origin_policy().check(self.offer.request());
        Ok(check.map_err(Reason::Origin)?)
    }

    /// Puts hyper's promise back.
    pub(crate) fn give_back(self, extensions: &mut Extensions) {
        extensions.insert(self.on_upgrade);
    }
}

fn offer(
    head: &Head<'_>,
    extensions: &Extensions,
    carrier: Carrier,
) -> Result<Offer, HandshakeError> {
    let request = match carrier {
        Carrier::Http1 => Request::over_http1(head.to_request()),
        Carrier::Http2 => Request::over_http2(head.to_request(), protocol(extensions)),
    };
    match request? {
        Request::WebSocket(offer) => Ok(offer),
        Request::Http(_) => Err(HandshakeError::NotWebSocket),
    }
}
