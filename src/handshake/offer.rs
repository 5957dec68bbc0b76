use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{COOKIE, ORIGIN, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL},
};

use super::{Agreed, Answer, Fields, carrier::Carrier};
use crate::{
    deflate,
    vocabulary::{Agreement, Deflate, DeflateTerms, Extension, Role, UsageError, grammar},
};

/// What a server is asked for.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one a connection, moved once or twice")]
pub enum Request {
    /// A WebSocket, by a request that keeps every rule of RFC 6455 section 4.2.1, or over HTTP/2 of RFC 8441.
    WebSocket(Offer),
    /// Anything else: the head alone; a body, if there is one, follows in the codec's buffer.
    Http(http::Request<()>),
}

/// A client's valid request for a WebSocket, to be accepted or rejected.
#[derive(Debug)]
pub struct Offer {
    request: http::Request<()>,
    terms: Terms,
    subprotocol: Option<HeaderValue>,
    deflate: Option<Deflate>,
    fields: Fields,
}

/// What the request offers, read and checked.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) carrier: Carrier,
    pub(super) subprotocols: Vec<Box<str>>,
    pub(super) extensions: Vec<Extension>,
}

impl Offer {
    pub(super) fn new(request: http::Request<()>, terms: Terms) -> Self {
        Self { request, terms, subprotocol: None, deflate: None, fields: Fields::default() }
    }

    /// The request's head.
    pub fn request(&self) -> &http::Request<()> {
        &self.request
    }

    /// `Origin`: where a page that asks was loaded from. Only browsers send it, and they do so truly.
    pub fn origin(&self) -> Option<&str> {
        origin(&self.request)
    }

    /// The cookies, in order.
    pub fn cookies(&self) -> impl Iterator<Item = (&str, &str)> {
        cookies(&self.request)
    }

    /// The subprotocols that the client would speak, in its order of preference (section 11.3.4).
    pub fn requested_protocols(&self) -> impl Iterator<Item = &str> {
        self.terms.subprotocols.iter().map(AsRef::as_ref)
    }

    /// The extensions that the client offers, in order (section 11.3.2).
    pub fn extensions(&self) -> &[Extension] {
        &self.terms.extensions
    }

    /// Chooses a subprotocol. One that the client didn't offer fails when the answer is encoded.
    #[must_use]
    pub fn subprotocol(mut self, name: &str) -> Self {
        match HeaderValue::from_str(name) {
            Ok(value) if self.requested_protocols().any(|offered| offered == name) => {
                self.subprotocol = Some(value);
            }
            _ => self.fields.fail(UsageError::SubprotocolNotOffered),
        }
        self
    }

    /// The first of these subprotocols, in the server's order, that the client offers.
    pub fn first_offered<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        let is_offered = |name: &&str| self.requested_protocols().any(|offered| offered == *name);
        names.into_iter().find(is_offered)
    }

    /// Chooses the first of these subprotocols, in the server's order, that the client offers; none where
    /// it offers none of them.
    #[must_use]
    pub fn choose_subprotocol<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Self {
        match self.first_offered(names) {
            Some(name) => self.subprotocol(name),
            None => self,
        }
    }

    /// Accepts permessage-deflate, where the client offers it in a way that fits; otherwise messages stay
    /// uncompressed. Of several offers the first that fits is taken (RFC 7692 section 5).
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(mut self, deflate: Deflate) -> Self {
        self.deflate = Some(deflate);
        self
    }

    /// Adds a header to the answer. A bad one, or one that the handshake sets itself, fails when the
    /// answer is encoded. `Sec-WebSocket-Extensions` may name what the client offered, for an extension
    /// that the caller runs on [`FrameCodec`](crate::FrameCodec).
    #[must_use]
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        self.fields.append(name, value);
        self
    }

    /// Accepts for a connection that has no extension but compression.
    pub(crate) fn for_websocket(mut self, deflate: Option<Deflate>) -> Self {
        self.fields.forbid(&SEC_WEBSOCKET_EXTENSIONS);
        self.deflate = deflate;
        self
    }

    /// The answer that accepts: 101 and the accept value. Over HTTP/2 it is [`agree`](Self::agree)'s to give.
    pub fn accept(self) -> Answer {
        let status = self.terms.carrier.status();
        if status != StatusCode::SWITCHING_PROTOCOLS {
            return Answer::impossible(UsageError::InvalidStatus(status));
        }
        match self.accepted() {
            Ok((response, agreement)) => Answer::accepted(response, agreement),
            Err(error) => Answer::impossible(error),
        }
    }

    /// Accepts, for HTTP that somebody else speaks: the response to send, and what the connection that is then there
    /// goes on with. 101 and the accept value, or 200 over HTTP/2.
    ///
    /// # Errors
    ///
    /// What was chosen that the client didn't offer, and headers that can't be in the response.
    pub fn agree(self) -> Result<(Response<()>, Agreed), UsageError> {
        let transport = self.terms.carrier.transport();
        let (response, agreement) = self.accepted()?;
        Ok((response.map(drop), Agreed::new(Role::Server, agreement, transport)))
    }

    /// The answer that rejects, with this status and no body.
    pub fn reject(self, status: StatusCode) -> Answer {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = status;
        Answer::from(response)
    }

    fn accepted(self) -> Result<(Response<Bytes>, Agreement), UsageError> {
        let mut extra = self.fields.finish()?;
        if extra.contains_key(SEC_WEBSOCKET_PROTOCOL) {
            return Err(UsageError::ReservedHeader);
        }
        let extensions = chosen_extensions(&extra, &self.terms.extensions)?;
        let agreed = self.subprotocol.as_ref().and_then(|value| value.to_str().ok());
        let mut agreement =
            Agreement { subprotocol: agreed.map(Into::into), extensions, deflate: None };
        if let Some(wishes) = &self.deflate {
            agreement.add_deflate(deflate::answer(wishes, &self.terms.extensions), &mut extra)?;
        }

        let mut response = Response::new(Bytes::new());
        *response.status_mut() = self.terms.carrier.status();
        let headers = response.headers_mut();
        self.terms.carrier.add_accepting(headers);
        if let Some(subprotocol) = self.subprotocol {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, subprotocol);
        }
        headers.extend(extra);
        Ok((response, agreement))
    }
}

impl Agreement {
    /// Adds what was answered to an offer of compression, if anything was.
    fn add_deflate(
        &mut self,
        answer: Option<(Extension, DeflateTerms)>,
        headers: &mut HeaderMap,
    ) -> Result<(), UsageError> {
        // Who has this end run the extension can't choose it by hand as well.
        if self.extensions.iter().any(|extension| extension.is(deflate::NAME)) {
            return Err(UsageError::ReservedHeader);
        }
        if let Some((extension, terms)) = answer {
            headers.append(SEC_WEBSOCKET_EXTENSIONS, header_value(&extension)?);
            self.extensions.push(extension);
            self.deflate = Some(terms);
        }
        Ok(())
    }
}

/// The extension as a header's value.
pub(super) fn header_value(extension: &Extension) -> Result<HeaderValue, UsageError> {
    HeaderValue::try_from(extension.to_string()).map_err(|_| UsageError::InvalidHeader)
}

fn chosen_extensions(
    extra: &HeaderMap,
    offered: &[Extension],
) -> Result<Vec<Extension>, UsageError> {
    let chosen = grammar::extensions(extra, SEC_WEBSOCKET_EXTENSIONS)
        .map_err(|_| UsageError::InvalidHeader)?;
    if !grammar::all_named_in(&chosen, offered) {
        return Err(UsageError::ExtensionNotOffered);
    }
    // A header that is there names something.
    if chosen.is_empty() && extra.contains_key(SEC_WEBSOCKET_EXTENSIONS) {
        return Err(UsageError::InvalidHeader);
    }
    Ok(chosen)
}

/// `Origin`, where it is text.
pub(crate) fn origin(request: &http::Request<()>) -> Option<&str> {
    request.headers().get(ORIGIN)?.to_str().ok()
}

/// The pairs of all `Cookie` lines (RFC 6265 section 4.2.1).
pub(crate) fn cookies(request: &http::Request<()>) -> impl Iterator<Item = (&str, &str)> {
    request
        .headers()
        .get_all(COOKIE)
        .into_iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
}
