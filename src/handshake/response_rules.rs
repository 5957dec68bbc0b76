//! What a client demands of a server's response (RFC 6455 section 4.1, "must validate").

use http::{
    HeaderMap, HeaderValue,
    header::{
        CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL, UPGRADE,
    },
};

use super::{carrier::Carrier, request_rules::single};
use crate::{
    deflate,
    vocabulary::{Agreement, Deflate, DeflateTerms, Extension, HandshakeError, grammar},
};

/// What the client sent, and so what the response may say.
#[derive(Debug)]
pub(super) struct Expectation {
    pub(super) carrier: Carrier,
    pub(super) subprotocols: Vec<Box<str>>,
    pub(super) extensions: Vec<Extension>,
    pub(super) deflate: Option<Deflate>,
}

impl Expectation {
    /// Holds a response that accepts to the rules; what it agrees on.
    pub(super) fn judge(&self, headers: &HeaderMap) -> Result<Agreement, HandshakeError> {
        match &self.carrier {
            Carrier::Http1 { accept } => check_upgrade(headers, accept)?,
            Carrier::Http2 { .. } => {}
        }
        let subprotocol = self.subprotocol(headers)?;
        let extensions = self.extensions(headers)?;
        let deflate = self.deflate(&extensions)?;
        Ok(Agreement { subprotocol, extensions, deflate })
    }

    /// "if ... indicates the use of a subprotocol that was not present in the client's handshake ...
    /// the client MUST fail the connection"
    fn subprotocol(&self, headers: &HeaderMap) -> Result<Option<Box<str>>, HandshakeError> {
        let Some(chosen) = single(headers, SEC_WEBSOCKET_PROTOCOL)? else { return Ok(None) };
        let offered = self.subprotocols.iter().find(|offered| chosen == offered.as_ref());
        offered.cloned().map(Some).ok_or(HandshakeError::UnrequestedSubprotocol)
    }

    /// The same for extensions.
    fn extensions(&self, headers: &HeaderMap) -> Result<Vec<Extension>, HandshakeError> {
        let chosen = grammar::extensions(headers, SEC_WEBSOCKET_EXTENSIONS)
            .map_err(|_| HandshakeError::InvalidExtensions)?;
        if !grammar::all_named_in(&chosen, &self.extensions) {
            return Err(HandshakeError::UnrequestedExtension);
        }
        Ok(chosen)
    }

    /// What was chosen of permessage-deflate, where this end would run it.
    fn deflate(&self, chosen: &[Extension]) -> Result<Option<DeflateTerms>, HandshakeError> {
        let Some(wishes) = &self.deflate else { return Ok(None) };
        let mut chosen = chosen.iter().filter(|extension| extension.is(deflate::NAME));
        match (chosen.next(), chosen.next()) {
            (None, _) => Ok(None),
            (Some(response), None) => deflate::judge(wishes, response).map(Some),
            (Some(_), Some(_)) => Err(HandshakeError::UnacceptableParameters),
        }
    }
}

/// What HTTP/1.1 says to an upgrade.
fn check_upgrade(headers: &HeaderMap, accept: &HeaderValue) -> Result<(), HandshakeError> {
    if !grammar::list_contains(headers, UPGRADE, "websocket") {
        return Err(HandshakeError::MissingUpgrade);
    }
    if !grammar::list_contains(headers, CONNECTION, "upgrade") {
        return Err(HandshakeError::MissingConnectionUpgrade);
    }
    match single(headers, SEC_WEBSOCKET_ACCEPT)? {
        Some(given) if given.as_bytes().trim_ascii() == accept.as_bytes() => Ok(()),
        _ => Err(HandshakeError::AcceptMismatch),
    }
}
