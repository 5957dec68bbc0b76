//! What a client asks for, and what it will hold the answer to.

use std::borrow::Cow;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
    header::{
        CONNECTION, HOST, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
        SEC_WEBSOCKET_VERSION, UPGRADE,
    },
    uri::{Authority, PathAndQuery, Scheme},
};

use super::{
    Agreed, Key, carrier::Carrier, fields::is_reserved, key::accept_value, offer::header_value,
    response_rules::Expectation,
};
use crate::{
    deflate,
    vocabulary::{Deflate, HandshakeError, Role, UsageError, grammar},
};

/// A client's opening request, for HTTP that somebody else speaks, and what the response is held to.
///
/// What it is made from: a GET whose URI says where to (`ws`, `wss`, `http` or `https`), with subprotocols,
/// cookies and the like as headers.
#[derive(Debug)]
pub struct Proposal {
    pub(super) request: Request<()>,
    pub(super) expectation: Expectation,
}

impl Proposal {
    /// A request over HTTP/1.1 (RFC 6455 section 4.1), with a fresh key.
    ///
    /// # Errors
    ///
    /// A method other than GET, headers that the handshake sets itself, subprotocols that are no tokens or are there
    /// twice, a URI without a host.
    pub fn over_http1(request: Request<()>) -> Result<Self, UsageError> {
        Self::with_key(request, &Key::random())
    }

    /// A request over HTTP/2: extended CONNECT (RFC 8441 section 5), to be sent with `:protocol` "websocket" to a server
    /// whose SETTINGS allow it.
    ///
    /// # Errors
    ///
    /// As [`over_http1`](Self::over_http1).
    pub fn over_http2(request: Request<()>) -> Result<Self, UsageError> {
        let uri = extended_uri(&request)?;
        let mut proposal =
            Self::complete(&request, HeaderMap::new(), Carrier::Http2 { accept: None })?;
        *proposal.request.method_mut() = Method::CONNECT;
        *proposal.request.version_mut() = Version::HTTP_2;
        *proposal.request.uri_mut() = uri;
        Ok(proposal)
    }

    /// Offers permessage-deflate; the connection that comes of it compresses where the server chooses it.
    ///
    /// # Errors
    ///
    /// [`UsageError::ReservedHeader`] where the request's own headers offer it already.
    #[cfg(feature = "deflate")]
    pub fn with_deflate(self, deflate: Deflate) -> Result<Self, UsageError> {
        self.offering(Some(deflate))
    }

    pub(crate) fn offering(mut self, deflate: Option<Deflate>) -> Result<Self, UsageError> {
        if let Some(wishes) = deflate {
            let offer = self.expectation.add_deflate(wishes)?;
            self.request.headers_mut().append(SEC_WEBSOCKET_EXTENSIONS, offer);
        }
        Ok(self)
    }

    pub(super) fn with_key(request: Request<()>, key: &Key) -> Result<Self, UsageError> {
        let key = key.header();
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host(&request)?);
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(SEC_WEBSOCKET_KEY, key.clone());
        let uri = target(request.uri()).parse().map_err(|_| UsageError::InvalidUri)?;
        let carrier = Carrier::Http1 { accept: accept_value(&key) };
        let mut proposal = Self::complete(&request, headers, carrier)?;
        *proposal.request.uri_mut() = uri;
        Ok(proposal)
    }

    /// The request with the headers of the handshake before its own, and what of it the response may name.
    fn complete(
        request: &Request<()>,
        mut headers: HeaderMap,
        carrier: Carrier,
    ) -> Result<Self, UsageError> {
        let expectation = expectation(request, carrier)?;
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        for (name, value) in request.headers().iter().filter(|(name, _)| *name != HOST) {
            headers.try_append(name, value.clone()).map_err(|_| UsageError::InvalidHeader)?;
        }
        let mut request = Request::new(());
        *request.headers_mut() = headers;
        Ok(Self { request, expectation })
    }

    /// The request to send.
    pub fn request(&self) -> &Request<()> {
        &self.request
    }

    /// Holds the response to the rules: its head, and of a refusal what is there of the body.
    ///
    /// # Errors
    ///
    /// The rule that is broken; [`HandshakeError::Refused`] for another status than 101, or over HTTP/2 than 2xx.
    pub fn judge(&self, response: &Response<Bytes>) -> Result<Agreed, HandshakeError> {
        let status = response.status();
        let is_accepted = match self.expectation.carrier {
            Carrier::Http1 { .. } => status == StatusCode::SWITCHING_PROTOCOLS,
            // "the server responds ... with a 2xx" as to any CONNECT (RFC 8441 section 5.1).
            Carrier::Http2 { .. } => status.is_success(),
        };
        if !is_accepted {
            return Err(HandshakeError::Refused(Box::new(response.clone())));
        }
        let agreement = self.expectation.judge(response.headers())?;
        Ok(Agreed::new(Role::Client, agreement, self.expectation.carrier.transport()))
    }
}

/// What the request offers; refused where it offers badly.
fn expectation(request: &Request<()>, carrier: Carrier) -> Result<Expectation, UsageError> {
    if request.method() != Method::GET {
        return Err(UsageError::InvalidMethod);
    }
    if request.headers().keys().any(is_reserved) {
        return Err(UsageError::ReservedHeader);
    }
    let subprotocols = grammar::tokens(request.headers(), SEC_WEBSOCKET_PROTOCOL)
        .map_err(|_| UsageError::InvalidSubprotocol)?;
    // "The elements ... MUST all be unique strings" (section 4.1).
    if subprotocols.is_empty() && request.headers().contains_key(SEC_WEBSOCKET_PROTOCOL) {
        return Err(UsageError::InvalidSubprotocol);
    }
    let is_repeated = |(i, name)| subprotocols[..i].contains(name);
    if subprotocols.iter().enumerate().any(is_repeated) {
        return Err(UsageError::InvalidSubprotocol);
    }
    let extensions = grammar::extensions(request.headers(), SEC_WEBSOCKET_EXTENSIONS)
        .map_err(|_| UsageError::InvalidHeader)?;
    if extensions.is_empty() && request.headers().contains_key(SEC_WEBSOCKET_EXTENSIONS) {
        return Err(UsageError::InvalidHeader);
    }
    Ok(Expectation { carrier, subprotocols, extensions, deflate: None })
}

impl Expectation {
    /// Offers compression; gives the header that does.
    fn add_deflate(&mut self, wishes: Deflate) -> Result<HeaderValue, UsageError> {
        // Who has this end run the extension can't offer it by hand as well.
        if self.extensions.iter().any(|extension| extension.is(deflate::NAME)) {
            return Err(UsageError::ReservedHeader);
        }
        let offer = deflate::offer(&wishes);
        let value = header_value(&offer)?;
        self.extensions.push(offer);
        self.deflate = Some(wishes);
        Ok(value)
    }
}

fn is_secure(uri: &Uri) -> bool {
    uri.scheme_str().is_some_and(|scheme| {
        scheme.eq_ignore_ascii_case("wss") || scheme.eq_ignore_ascii_case("https")
    })
}

/// `Host` where it was set; the URI's otherwise.
fn host(request: &Request<()>) -> Result<HeaderValue, UsageError> {
    match request.headers().get(HOST) {
        Some(host) => Ok(host.clone()),
        None => host_header(request.uri()),
    }
}

/// The host, and "the port if it isn't the default port" (section 4.1); never the user information.
fn host_header(uri: &Uri) -> Result<HeaderValue, UsageError> {
    let authority = uri.authority().ok_or(UsageError::InvalidUri)?;
    let default = if is_secure(uri) { 443 } else { 80 };
    let host = authority.host();
    let port = grammar::port(authority).map_err(|_| UsageError::InvalidUri)?;
    let value = match port {
        Some(port) if port != default => HeaderValue::from_str(&format!("{host}:{port}")),
        _ => HeaderValue::from_str(host),
    };
    value.map_err(|_| UsageError::InvalidUri)
}

/// "/resource name/": "path" or "/" where it is empty, and the query (section 3).
pub(super) fn target(uri: &Uri) -> Cow<'_, str> {
    match uri.path_and_query().map(PathAndQuery::as_str) {
        Some(target) if target.starts_with('/') => target.into(),
        Some(query) if query.starts_with('?') => format!("/{query}").into(),
        _ => "/".into(),
    }
}

/// "The scheme of the target URI ... MUST be "https" for "wss"-schemed WebSockets and "http" for "ws"" (RFC 8441 section
/// 5). A `Host` that was set is the authority.
fn extended_uri(request: &Request<()>) -> Result<Uri, UsageError> {
    let authority =
        Authority::try_from(host(request)?.as_bytes()).map_err(|_| UsageError::InvalidUri)?;
    let scheme = if is_secure(request.uri()) { Scheme::HTTPS } else { Scheme::HTTP };
    let uri = Uri::builder().scheme(scheme).authority(authority);
    uri.path_and_query(&*target(request.uri())).build().map_err(|_| UsageError::InvalidUri)
}
