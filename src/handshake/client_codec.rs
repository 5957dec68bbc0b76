use std::borrow::Cow;

use bytes::{Buf, BytesMut};
use http::{
    HeaderMap, HeaderValue, Method, StatusCode, Uri, Version,
    header::{
        CONNECTION, HOST, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
        SEC_WEBSOCKET_VERSION, UPGRADE,
    },
    uri::PathAndQuery,
};
use tokio_util::codec::{Decoder, Encoder};

use super::{
    End, HandshakeCodec, Key, check_behind,
    fields::is_reserved,
    head::{self, HeadScanner},
    key::accept_value,
    offer::header_value,
    refusal::{BodyState, Refusal},
    response_rules::Expectation,
};
use crate::{
    deflate,
    vocabulary::{
        Agreement, Deflate, EndOfStream, Error, HandshakeError, Role, UsageError, grammar,
    },
};

/// The client's end of a [`HandshakeCodec`].
///
/// ```text
///            a request              101
///   Request -----------> Response -------> Done
///                          |  ^ |
///                 100, 103 +--+ | another status
///                               +------------------> Refused
/// ```
#[derive(Debug)]
pub struct Client {
    keys: fn() -> Key,
    deflate: Option<Deflate>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nothing is sent.
    Request,
    /// The response's head is arriving.
    Response(HeadScanner, Expectation),
    /// The body of a refusal is arriving.
    Refused(Refusal),
    /// Agreed; what follows is the next codec's.
    Done(Agreement),
    /// Over, and what follows is nobody's.
    Failed,
}

impl Client {
    pub(super) fn new() -> Self {
        Self { keys: Key::random, deflate: None, state: State::Request }
    }

    pub(super) fn set_keys(&mut self, keys: fn() -> Key) {
        self.keys = keys;
    }

    pub(super) fn set_deflate(&mut self, deflate: Option<Deflate>) {
        self.deflate = deflate;
    }

    /// Ends the handshake with what made it fail.
    fn fail(&mut self, error: HandshakeError) -> Error {
        self.state = State::Failed;
        error.into()
    }

    fn refused(&mut self) -> Option<Error> {
        match std::mem::replace(&mut self.state, State::Failed) {
            State::Refused(refusal) => Some(refusal.into_error().into()),
            other => {
                self.state = other;
                None
            }
        }
    }

    fn read(&mut self, src: &mut BytesMut) -> Result<Option<http::Response<()>>, Error> {
        if matches!(self.state, State::Request) && !src.is_empty() {
            return Err(self.fail(HandshakeError::UnexpectedResponse));
        }
        match self.read_response(src) {
            Ok(Some(response)) => return Ok(Some(response)),
            Ok(None) => {}
            Err(error) => return Err(self.fail(error)),
        }
        match &mut self.state {
            State::Refused(refusal) => match refusal.take(src) {
                BodyState::Arriving => Ok(None),
                BodyState::Complete => self.refused().map_or(Ok(None), Err),
            },
            _ => Ok(None),
        }
    }

    fn read_response(
        &mut self,
        src: &mut BytesMut,
    ) -> Result<Option<http::Response<()>>, HandshakeError> {
        let State::Response(scanner, expectation) = &mut self.state else { return Ok(None) };
        while let Some(end) = scanner.find_end(src)? {
            let response = head::parse_response(&src[..end])?;
            src.advance(end);
            let status = response.status();
            if status == StatusCode::SWITCHING_PROTOCOLS {
                if response.version() != Version::HTTP_11 {
                    return Err(HandshakeError::HttpVersion(response.version()));
                }
                let agreement = expectation.judge(response.headers())?;
                self.state = State::Done(agreement);
                return Ok(Some(response));
            }
            // "A client MUST be able to parse one or more 1xx responses received prior to a final
            // response" (RFC 9110 section 15.2).
            if !status.is_informational() {
                self.state = State::Refused(Refusal::new(response));
                return Ok(None);
            }
        }
        Ok(None)
    }
}

impl HandshakeCodec<Client> {
    /// The refusal whose body is arriving, with what has come of it: for a caller whose time is up.
    pub(crate) fn take_refusal(&mut self) -> Option<Error> {
        self.state.refused()
    }
}

impl End for Client {
    const ROLE: Role = Role::Client;

    fn into_agreement(self) -> Agreement {
        match self.state {
            State::Done(agreement) => agreement,
            _ => Agreement::default(),
        }
    }
}

impl Decoder for HandshakeCodec<Client> {
    type Item = http::Response<()>;
    type Error = Error;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<http::Response<()>>, Error> {
        let result = self.state.read(src);
        match self.state.state {
            State::Failed => src.clear(),
            State::Done(_) if matches!(result, Ok(None)) => check_behind(src)?,
            _ => {}
        }
        result
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<http::Response<()>>, Error> {
        if let Some(response) = self.decode(src)? {
            return Ok(Some(response));
        }
        if let Some(refused) = self.take_refusal() {
            return Err(refused);
        }
        if matches!(self.state.state, State::Done(_) | State::Failed) {
            return Ok(None);
        }
        let place = if src.is_empty() { EndOfStream::BeforeHead } else { EndOfStream::InsideHead };
        Err(self.state.fail(HandshakeError::EndOfStream(place)))
    }
}

impl Encoder<http::Request<()>> for HandshakeCodec<Client> {
    type Error = Error;

    /// Encodes the opening request: GET, with the URI's path and host, a fresh key, and what else RFC
    /// 6455 section 4.1 asks for. Subprotocols and extensions are offered as headers, permessage-deflate by
    /// `HandshakeCodec::with_deflate`; `Host` may be set to another than the URI's.
    fn encode(&mut self, request: http::Request<()>, dst: &mut BytesMut) -> Result<(), Error> {
        if !matches!(self.state.state, State::Request) {
            return Err(UsageError::HandshakeOutOfTurn.into());
        }
        let key = (self.state.keys)().header();
        let mut expectation = expectation(&request, &key)?;
        let mut headers = request_headers(&request, key)?;
        if let Some(wishes) = self.state.deflate {
            headers.append(SEC_WEBSOCKET_EXTENSIONS, expectation.add_deflate(wishes)?);
        }
        head::write_request(&target(request.uri()), &headers, dst);
        self.state.state = State::Response(HeadScanner::default(), expectation);
        Ok(())
    }
}

/// What the request offers; refused where it offers badly.
fn expectation(request: &http::Request<()>, key: &HeaderValue) -> Result<Expectation, UsageError> {
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
    Ok(Expectation { accept: accept_value(key), subprotocols, extensions, deflate: None })
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

fn request_headers(request: &http::Request<()>, key: HeaderValue) -> Result<HeaderMap, UsageError> {
    let mut headers = HeaderMap::new();
    let host = match request.headers().get(HOST) {
        Some(host) => host.clone(),
        None => host_header(request.uri())?,
    };
    headers.insert(HOST, host);
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(SEC_WEBSOCKET_KEY, key);
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    for (name, value) in request.headers().iter().filter(|(name, _)| *name != HOST) {
        headers.try_append(name, value.clone()).map_err(|_| UsageError::InvalidHeader)?;
    }
    Ok(headers)
}

/// The host, and "the port if it isn't the default port" (section 4.1); never the user information.
fn host_header(uri: &Uri) -> Result<HeaderValue, UsageError> {
    let authority = uri.authority().ok_or(UsageError::InvalidUri)?;
    let is_secure = uri.scheme_str().is_some_and(|scheme| {
        scheme.eq_ignore_ascii_case("wss") || scheme.eq_ignore_ascii_case("https")
    });
    let default = if is_secure { 443 } else { 80 };
    let host = authority.host();
    let port = grammar::port(authority).map_err(|_| UsageError::InvalidUri)?;
    let value = match port {
        Some(port) if port != default => HeaderValue::from_str(&format!("{host}:{port}")),
        _ => HeaderValue::from_str(host),
    };
    value.map_err(|_| UsageError::InvalidUri)
}

/// "/resource name/": "path" or "/" where it is empty, and the query (section 3).
fn target(uri: &Uri) -> Cow<'_, str> {
    match uri.path_and_query().map(PathAndQuery::as_str) {
        Some(target) if target.starts_with('/') => target.into(),
        Some(query) if query.starts_with('?') => format!("/{query}").into(),
        _ => "/".into(),
    }
}
