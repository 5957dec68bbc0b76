use bytes::BytesMut;
use http::{StatusCode, Version};
use tokio_util::codec::{Decoder, Encoder};

use super::{
    End, HandshakeCodec, Key, check_behind, end_of_head, head,
    proposal::{Proposal, target},
    response_head::ResponseHead,
    response_rules::Expectation,
};
use crate::vocabulary::{Agreement, Deflate, Error, HandshakeError, Role, UsageError};

/// The client's end of a [`HandshakeCodec`].
///
/// ```text
///            a request              101
///   Request -----------> Response -------> Done
///                           |
///                           +------------> Failed
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
    /// The response is arriving.
    Response(ResponseHead, Box<Expectation>),
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
        let State::Response(head, _) = &mut self.state else { return None };
        let refusal = head.take_refusal()?;
        Some(self.fail(refusal))
    }

    fn read(&mut self, src: &mut BytesMut) -> Result<Option<http::Response<()>>, Error> {
        if matches!(self.state, State::Request) && !src.is_empty() {
            return Err(self.fail(HandshakeError::UnexpectedResponse));
        }
        self.read_response(src).map_err(|error| self.fail(error))
    }

    fn read_response(
        &mut self,
        src: &mut BytesMut,
    ) -> Result<Option<http::Response<()>>, HandshakeError> {
        let State::Response(head, expectation) = &mut self.state else { return Ok(None) };
        let response = head.read(src, |status| status == StatusCode::SWITCHING_PROTOCOLS)?;
        if let Some(response) = &response {
            if response.version() != Version::HTTP_11 {
                return Err(HandshakeError::HttpVersion(response.version()));
            }
            let agreement = expectation.judge(response.headers())?;
            self.state = State::Done(agreement);
        }
        Ok(response)
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
        Err(self.state.fail(end_of_head(src)))
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
        let proposal =
            Proposal::with_key(request, &(self.state.keys)())?.offering(self.state.deflate)?;
        let request = &proposal.request;
        head::write_request(request.method(), &target(request.uri()), request.headers(), dst);
        self.state.state = State::Response(ResponseHead::new(), Box::new(proposal.expectation));
        Ok(())
    }
}
