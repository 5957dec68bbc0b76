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
    key,
    offer::{Offer, Request, Terms},
};
use crate::vocabulary::{HandshakeError, grammar};

/// Sorts a request: a WebSocket's is held to the rules, any other is handed on as it is.
pub(super) fn sort(request: http::Request<()>) -> Result<Request, HandshakeError> {
    if !asks_for_websocket(request.headers()) {
        return Ok(Request::Http(request));
    }
    let terms = terms(&request)?;
    Ok(Request::WebSocket(Offer::new(request, terms)))
}

/// Whether the client means a WebSocket, well put or not.
fn asks_for_websocket(headers: &HeaderMap) -> bool {
    grammar::list_contains(headers, UPGRADE, "websocket") || headers.contains_key(SEC_WEBSOCKET_KEY)
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
    Ok(Terms {
        accept: key::accept_value(key),
        subprotocols: grammar::tokens(headers, SEC_WEBSOCKET_PROTOCOL)
            .map_err(|_| HandshakeError::InvalidSubprotocols)?,
        extensions: grammar::extensions(headers, SEC_WEBSOCKET_EXTENSIONS)
            .map_err(|_| HandshakeError::InvalidExtensions)?,
    })
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
