//! What a server demands of a client's request (RFC 6455 section 4.2.1).

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Version,
    header::{
        CONNECTION, CONTENT_LENGTH, HOST, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
        SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
    },
    uri::Authority,
};

use super::{
    carrier::Carrier,
    key,
    offer::{Offer, Request, Terms},
};
use crate::vocabulary::{HandshakeError, grammar};

/// For requests that somebody else's HTTP has read. [`Offer::agree`] then gives what to answer.
impl Request {
    /// Whether these headers ask for a WebSocket over HTTP/1.1, well put or not.
    pub fn is_websocket_over_http1(headers: &HeaderMap) -> bool {
        asks_for_websocket(headers)
    }

    /// Whether this method, with this `:protocol`, asks for a WebSocket over HTTP/2.
    pub fn is_websocket_over_http2(method: &Method, protocol: Option<&str>) -> bool {
        asks_extended(method, protocol)
    }

    /// Sorts a request that came over HTTP/1.1: a WebSocket's is held to the rules, any other is handed on.
    ///
    /// # Errors
    ///
    /// The rule of RFC 6455 section 4.2.1 that is broken, with its [`response`](HandshakeError::response).
    pub fn over_http1(request: http::Request<()>) -> Result<Self, HandshakeError> {
        sort(request)
    }

    /// The same of HTTP/2 (RFC 8441), and of HTTP/3 (RFC 9220): a WebSocket is asked for by CONNECT with
    /// `:protocol` "websocket".
    ///
    /// # Errors
    ///
    /// The rule that is broken, with its [`response_over_http2`](HandshakeError::response_over_http2).
    pub fn over_http2(
        request: http::Request<()>,
        protocol: Option<&str>,
    ) -> Result<Self, HandshakeError> {
        sort_extended(request, protocol)
    }
}

/// Sorts a request over HTTP/1.1: a WebSocket's is held to the rules, any other is handed on as it is.
pub(super) fn sort(request: http::Request<()>) -> Result<Request, HandshakeError> {
    if !asks_for_websocket(request.headers()) {
        return Ok(Request::Http(request));
    }
    let terms = terms(&request)?;
    Ok(Request::WebSocket(Offer::new(request, terms)))
}

/// The same over HTTP/2 (RFC 8441 section 5).
pub(super) fn sort_extended(
    request: http::Request<()>,
    protocol: Option<&str>,
) -> Result<Request, HandshakeError> {
    if !asks_extended(request.method(), protocol) {
        return Ok(Request::Http(request));
    }
    check_extended(&request)?;
    check_version(request.headers())?;
    check_body(request.headers())?;
    let key = single(request.headers(), SEC_WEBSOCKET_KEY).unwrap_or_default();
    let accept = key.filter(|key| key::is_key(key)).map(key::accept_value);
    let terms = offered(request.headers(), Carrier::Http2 { accept })?;
    Ok(Request::WebSocket(Offer::new(request, terms)))
}

/// Whether the client means a WebSocket, well put or not.
pub(super) fn asks_for_websocket(headers: &HeaderMap) -> bool {
    grammar::list_contains(headers, UPGRADE, "websocket") || headers.contains_key(SEC_WEBSOCKET_KEY)
}

pub(super) fn asks_extended(method: &Method, protocol: Option<&str>) -> bool {
    method == Method::CONNECT && protocol.is_some_and(|name| name.eq_ignore_ascii_case("websocket"))
}

fn terms(request: &http::Request<()>) -> Result<Terms, HandshakeError> {
    let headers = request.headers();
    if request.method() != Method::GET {
        return Err(HandshakeError::Method(request.method().clone()));
    }
    if request.version() != Version::HTTP_11 {
        return Err(HandshakeError::HttpVersion(request.version()));
    }
    check_host(headers)?;
    if !grammar::list_contains(headers, UPGRADE, "websocket") {
        return Err(HandshakeError::MissingUpgrade);
    }
    if !grammar::list_contains(headers, CONNECTION, "upgrade") {
        return Err(HandshakeError::MissingConnectionUpgrade);
    }
    check_version(headers)?;
    check_body(headers)?;
    let key = single(headers, SEC_WEBSOCKET_KEY)?
        .filter(|key| key::is_key(key))
        .ok_or(HandshakeError::InvalidKey)?;
    offered(headers, Carrier::Http1 { accept: key::accept_value(key) })
}

fn offered(headers: &HeaderMap, carrier: Carrier) -> Result<Terms, HandshakeError> {
    Ok(Terms {
        carrier,
        subprotocols: grammar::tokens(headers, SEC_WEBSOCKET_PROTOCOL)
            .map_err(|_| HandshakeError::InvalidSubprotocols)?,
        extensions: grammar::extensions(headers, SEC_WEBSOCKET_EXTENSIONS)
            .map_err(|_| HandshakeError::InvalidExtensions)?,
    })
}

/// "the ":scheme" and ":path" pseudo-header fields of the target URI MUST also be included" (RFC 8441 section 4);
/// and "The "Upgrade" and "Connection" header fields ... MUST NOT be included" (RFC 9113 section 8.2.2).
fn check_extended(request: &http::Request<()>) -> Result<(), HandshakeError> {
    let uri = request.uri();
    let is_connection_specific = |name: &HeaderName| request.headers().contains_key(name);
    if [UPGRADE, CONNECTION].iter().any(is_connection_specific) {
        return Err(HandshakeError::ConnectionSpecificHeader);
    }
    let has_path = uri.path_and_query().is_some_and(|path| path.as_str().starts_with('/'));
    match uri.authority() {
        Some(authority) if has_path && uri.scheme().is_some() => {
            if grammar::is_host_and_port(authority) {
                Ok(())
            } else {
                Err(HandshakeError::InvalidHost)
            }
        }
        // Who translates from HTTP/1.1 may leave the authority to `Host` (RFC 9113 section 8.3.1).
        None if has_path => check_host(request.headers()),
        _ => Err(HandshakeError::InvalidTarget),
    }
}

/// The header's value; an error where it is there twice.
pub(super) fn single(
    headers: &HeaderMap,
    name: HeaderName,
) -> Result<Option<&HeaderValue>, HandshakeError> {
    let mut values = headers.get_all(&name).into_iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(HandshakeError::DuplicateHeader(name)),
    }
}

/// "A |Host| header field containing the server's authority" (section 4.2.1).
fn check_host(headers: &HeaderMap) -> Result<(), HandshakeError> {
    let mut hosts = headers.get_all(HOST).into_iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(HandshakeError::InvalidHost);
    };
    match Authority::try_from(host.as_bytes()) {
        Ok(authority) if grammar::is_host_and_port(&authority) => Ok(()),
        _ => Err(HandshakeError::InvalidHost),
    }
}

/// "If this version does not match a version understood by the server, the server MUST abort" and name
/// the ones that it understands (section 4.2.2).
fn check_version(headers: &HeaderMap) -> Result<(), HandshakeError> {
    match single(headers, SEC_WEBSOCKET_VERSION)? {
        Some(version) if version == "13" => Ok(()),
        other => Err(HandshakeError::WebSocketVersion(other.cloned())),
    }
}

/// Frames follow the head; a body would be taken for them.
fn check_body(headers: &HeaderMap) -> Result<(), HandshakeError> {
    let has_length = headers.get_all(CONTENT_LENGTH).into_iter().any(|length| length != "0");
    if has_length || headers.contains_key(TRANSFER_ENCODING) {
        return Err(HandshakeError::RequestBody);
    }
    Ok(())
}
