//! The way through an HTTP proxy (RFC 9110 section 9.3.6).
//!
//! ```text
//! CONNECT example.com:443 HTTP/1.1                HTTP/1.1 200 Connection established
//! Host: example.com:443                    -->
//! Proxy-Authorization: Basic dXNlcjpwYXNz         the destination's bytes from here on
//! ```

use bytes::BytesMut;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header::HOST};
use tokio_util::codec::{Decoder, Encoder};

use super::{HandshakeCodec, end_of_head, head, response_head::ResponseHead};
use crate::vocabulary::{Error, UsageError};

/// The client's end of a CONNECT: encodes where to, with headers; decodes the response that agrees.
#[derive(Debug)]
pub(crate) struct Tunnel(State);

#[derive(Debug)]
enum State {
    /// Nothing is sent.
    Request,
    /// The response is arriving.
    Response(ResponseHead),
    /// Over.
    Done,
}

impl HandshakeCodec<Tunnel> {
    pub(crate) fn tunnel() -> Self {
        Self { state: Tunnel(State::Request) }
    }

    /// The refusal whose body is arriving, with what has come of it: for a caller whose time is up.
    pub(crate) fn take_refusal(&mut self) -> Option<Error> {
        let State::Response(head) = &mut self.state.0 else { return None };
        head.take_refusal().map(Error::from)
    }
}

impl Decoder for HandshakeCodec<Tunnel> {
    type Item = Response<()>;
    type Error = Error;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Response<()>>, Error> {
        let State::Response(head) = &mut self.state.0 else { return Ok(None) };
        // "Any 2xx (Successful) response indicates that the sender ... will switch to tunnel mode"; what length it
        // claims to have means nothing.
        let result = head.read(src, |status: StatusCode| status.is_success());
        if !matches!(result, Ok(None)) {
            self.state.0 = State::Done;
        }
        Ok(result?)
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Response<()>>, Error> {
        if let Some(response) = self.decode(src)? {
            return Ok(Some(response));
        }
        if let Some(refused) = self.take_refusal() {
            return Err(refused);
        }
        Err(end_of_head(src).into())
    }
}

impl Encoder<(&str, HeaderMap)> for HandshakeCodec<Tunnel> {
    type Error = Error;

    /// Encodes the request for this host and port.
    fn encode(
        &mut self,
        (authority, more): (&str, HeaderMap),
        dst: &mut BytesMut,
    ) -> Result<(), Error> {
        let host = HeaderValue::from_str(authority).map_err(|_| UsageError::InvalidUri)?;
        // "SHOULD send Host as the first field" (RFC 9110 section 7.2).
        let mut headers = HeaderMap::with_capacity(1 + more.len());
        headers.insert(HOST, host);
        headers.extend(more);
        head::write_request(&Method::CONNECT, authority, &headers, dst);
        self.state.0 = State::Response(ResponseHead::new());
        Ok(())
    }
}
