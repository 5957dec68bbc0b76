//! Heads of the opening handshake, built line by line and decoded in every way.
#![allow(dead_code, reason = "each test binary uses its own part")]

use bowline::{
    Error, HandshakeCodec, HandshakeError, Offer, Request,
    handshake::{Client, Key, Server},
};
use bytes::BytesMut;
use http::{HeaderMap, Response};
use tokio_util::codec::{Decoder, Encoder};

#[path = "head_lines.rs"]
pub(crate) mod head_lines;

use crate::codec::{Outcome, every_way};
#[allow(unused_imports, reason = "each test binary uses its own part")]
pub(crate) use head_lines::{REQUEST, RESPONSE, altered, head, started};

/// The lines of a head, without the empty one; there must be one empty line, and nothing behind it.
#[track_caller]
pub(crate) fn lines(wire: &[u8]) -> Vec<&str> {
    let text = std::str::from_utf8(wire).expect("text");
    let head = text.strip_suffix("\r\n\r\n").expect("an empty line at the end");
    assert!(!head.contains("\r\n\r\n") && !head.ends_with("\r\n"), "one empty line: {text:?}");
    head.split("\r\n").collect()
}

/// A head as a value that can be compared.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Head {
    WebSocket { line: String, headers: HeaderMap, terms: Vec<String> },
    Http { line: String, headers: HeaderMap },
    Response { status: u16, headers: HeaderMap },
}

/// A handshake codec as a decoder of such heads. What it keeps after a failure is not looked at here.
pub(crate) struct Heads<C> {
    codec: C,
    has_failed: bool,
}

impl<C> Heads<C> {
    pub(crate) fn new(codec: C) -> Self {
        Self { codec, has_failed: false }
    }

    fn settle<T>(&mut self, src: &mut BytesMut, result: Result<T, Error>) -> Result<T, Error> {
        self.has_failed |= result.is_err();
        if self.has_failed {
            src.clear();
        }
        result
    }
}

impl Decoder for Heads<HandshakeCodec<Server>> {
    type Item = Head;
    type Error = Error;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Head>, Error> {
        let result = self.codec.decode(src);
        Ok(self.settle(src, result)?.map(request_head))
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Head>, Error> {
        Ok(self.codec.decode_eof(src)?.map(request_head))
    }
}

impl Decoder for Heads<HandshakeCodec<Client>> {
    type Item = Head;
    type Error = Error;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Head>, Error> {
        let result = self.codec.decode(src);
        Ok(self.settle(src, result)?.map(response_head))
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Head>, Error> {
        Ok(self.codec.decode_eof(src)?.map(response_head))
    }
}

fn request_head(request: Request) -> Head {
    let start = |request: &http::Request<()>| {
        let line = format!("{} {} {:?}", request.method(), request.uri(), request.version());
        (line, request.headers().clone())
    };
    match request {
        Request::WebSocket(offer) => {
            let (line, headers) = start(offer.request());
            let protocols = offer.requested_protocols().map(str::to_owned);
            let extensions = offer.extensions().iter().map(ToString::to_string);
            let terms = protocols.chain(extensions).collect();
            Head::WebSocket { line, headers, terms }
        }
        Request::Http(request) => {
            let (line, headers) = start(&request);
            Head::Http { line, headers }
        }
    }
}

fn response_head(response: Response<()>) -> Head {
    Head::Response { status: response.status().as_u16(), headers: response.headers().clone() }
}

/// What a server makes of the bytes.
#[track_caller]
pub(crate) fn serve(wire: &[u8]) -> Outcome<Head> {
    every_way(|| Heads::new(HandshakeCodec::server()), wire)
}

/// The offer in a request, and the codec that waits for the answer.
#[track_caller]
pub(crate) fn offered(wire: &[u8]) -> (HandshakeCodec<Server>, Offer) {
    let mut codec = HandshakeCodec::server();
    match codec.decode(&mut BytesMut::from(wire)) {
        Ok(Some(Request::WebSocket(offer))) => (codec, offer),
        other => panic!("{other:?}"),
    }
}

/// The error in a request, and the codec that waits for the answer.
#[track_caller]
pub(crate) fn refused(wire: &[u8]) -> (HandshakeCodec<Server>, HandshakeError) {
    let mut codec = HandshakeCodec::server();
    match codec.decode(&mut BytesMut::from(wire)) {
        Err(Error::Handshake(error)) => (codec, *error),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn sample_key() -> Key {
    Key::new(*b"the sample nonce")
}

/// A client that has sent the request above, with these headers besides.
pub(crate) fn client(headers: &[(&'static str, &'static str)]) -> HandshakeCodec<Client> {
    let mut request = http::Request::get("ws://server.example.com/chat");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut codec = HandshakeCodec::client().with_keys(sample_key);
    let request = request.body(()).expect("a request");
    codec.encode(request, &mut BytesMut::new()).expect("encodable");
    codec
}

/// What a client that has offered these makes of the bytes.
#[track_caller]
pub(crate) fn answered(offers: &[(&'static str, &'static str)], wire: &[u8]) -> Outcome<Head> {
    every_way(|| Heads::new(client(offers)), wire)
}
