use std::{error, fmt};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version,
    header::{ALLOW, CONNECTION, CONTENT_TYPE, SEC_WEBSOCKET_VERSION, UPGRADE},
};

use super::EndOfStream;

/// The opening handshake failed.
///
/// On the server most variants are a request's fault, and [`response`](Self::response) is the answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The head is longer than this many bytes.
    HeadTooLarge(usize),
    /// The head has more headers than this.
    TooManyHeaders(usize),
    /// The head is not HTTP/1.
    MalformedHead,
    /// A line ends in a bare line feed, which RFC 9112 section 2.2 lets a server refuse.
    BareLineFeed,
    /// The version of HTTP is not 1.1.
    HttpVersion(Version),
    /// The method of a WebSocket request is not GET.
    Method(Method),
    /// A WebSocket request without the host, with two, or with one that is no host.
    InvalidHost,
    /// A WebSocket request over HTTP/2 without `:path`, or with an authority and no `:scheme`.
    InvalidTarget,
    /// A WebSocket request over HTTP/2 with `Upgrade` or `Connection`.
    ConnectionSpecificHeader,
    /// The request is no WebSocket request.
    NotWebSocket,
    /// `Upgrade` does not name `websocket`.
    MissingUpgrade,
    /// `Connection` does not name `upgrade`.
    MissingConnectionUpgrade,
    /// `Sec-WebSocket-Version` is missing or is not 13; what it was.
    WebSocketVersion(Option<HeaderValue>),
    /// A header that may be there once is there again.
    DuplicateHeader(HeaderName),
    /// `Sec-WebSocket-Key` is missing or is not 16 bytes in base64.
    InvalidKey,
    /// A WebSocket request with a body.
    RequestBody,
    /// `Sec-WebSocket-Protocol` is no list of tokens.
    InvalidSubprotocols,
    /// `Sec-WebSocket-Extensions` breaks its grammar.
    InvalidExtensions,
    /// The server answered with another status than 101, or over HTTP/2 than 2xx: its head and up to 64 KiB of its body.
    Refused(Box<Response<Bytes>>),
    /// `Sec-WebSocket-Accept` is missing or doesn't belong to our key.
    AcceptMismatch,
    /// The server chose a subprotocol that was not offered.
    UnrequestedSubprotocol,
    /// The server chose an extension that was not offered.
    UnrequestedExtension,
    /// The server chose permessage-deflate with parameters that don't answer the offer (RFC 7692 section
    /// 7.1), or chose it twice.
    UnacceptableParameters,
    /// The server has not said in time that it takes extended CONNECT (RFC 8441 section 3).
    NoExtendedConnect,
    /// The server sent bytes before it was asked.
    UnexpectedResponse,
    /// The stream ended.
    EndOfStream(EndOfStream),
    /// The handshake took longer than `handshake_timeout`.
    TimedOut,
}

impl HandshakeError {
    /// Whether the peer just went away.
    pub fn is_disconnect(&self) -> bool {
        matches!(self, Self::EndOfStream(_) | Self::TimedOut)
    }

    /// The status of the [`response`](Self::response).
    pub fn status(&self) -> StatusCode {
        match self {
            Self::HeadTooLarge(_) | Self::TooManyHeaders(_) => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Self::HttpVersion(version) if *version >= Version::HTTP_2 => {
                StatusCode::HTTP_VERSION_NOT_SUPPORTED
            }
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotWebSocket | Self::WebSocketVersion(_) => StatusCode::UPGRADE_REQUIRED,
            Self::TimedOut => StatusCode::REQUEST_TIMEOUT,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The answer that a server sends: the status, the headers that go with it, and this error as text.
    pub fn response(&self) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(format!("{self}\n")));
        *response.status_mut() = self.status();
        self.add_headers(response.headers_mut());
        response
    }

    /// The same for HTTP/2, which has no `Connection` and no `Upgrade` (RFC 9113 section 8.2.2), and so no 426: where
    /// another method would do, CONNECT, 405 says so.
    pub fn response_over_http2(&self) -> Response<Bytes> {
        let mut response = self.response();
        response.headers_mut().remove(CONNECTION);
        response.headers_mut().remove(UPGRADE);
        if matches!(self, Self::NotWebSocket | Self::Method(_)) {
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("CONNECT"));
        } else if response.status() == StatusCode::UPGRADE_REQUIRED {
            *response.status_mut() = StatusCode::BAD_REQUEST;
        }
        response
    }

    fn add_headers(&self, headers: &mut HeaderMap) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        match self.status() {
            StatusCode::METHOD_NOT_ALLOWED => {
                headers.insert(ALLOW, HeaderValue::from_static("GET"));
            }
            StatusCode::UPGRADE_REQUIRED => {
                // "A server that sends 426 MUST send an Upgrade header field" (RFC 9110 section
                // 15.5.22); the version is what RFC 6455 section 4.4 asks for.
                headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(CONNECTION, HeaderValue::from_static("upgrade, close"));
                headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            }
            _ => {}
        }
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeadTooLarge(limit) => write!(f, "HTTP head of more than {limit} bytes"),
            Self::TooManyHeaders(limit) => write!(f, "HTTP head of more than {limit} headers"),
            Self::MalformedHead => f.write_str("malformed HTTP head"),
            Self::BareLineFeed => f.write_str("HTTP line that ends without a carriage return"),
            Self::HttpVersion(version) => write!(f, "{version:?}, HTTP/1.1 is required"),
            Self::Method(method) => write!(f, "method {method}, a WebSocket needs GET"),
            Self::InvalidTarget => f.write_str("extended CONNECT without :scheme and :path"),
            Self::ConnectionSpecificHeader => {
                f.write_str("over HTTP/2 there is no Upgrade and no Connection header")
            }
            Self::InvalidHost => f.write_str("one valid Host header is required"),
            Self::NotWebSocket => f.write_str("this resource speaks WebSocket, version 13"),
            Self::MissingUpgrade => f.write_str("the Upgrade header does not name websocket"),
            Self::MissingConnectionUpgrade => {
                f.write_str("the Connection header does not name upgrade")
            }
            Self::WebSocketVersion(None) => f.write_str("no Sec-WebSocket-Version, 13 is required"),
            Self::WebSocketVersion(Some(version)) => {
                write!(f, "Sec-WebSocket-Version {version:?}, 13 is required")
            }
            Self::DuplicateHeader(name) => write!(f, "header {name} is there more than once"),
            Self::InvalidKey => f.write_str("the Sec-WebSocket-Key is not 16 bytes in base64"),
            Self::RequestBody => f.write_str("a WebSocket request has no body"),
            Self::InvalidSubprotocols => f.write_str("Sec-WebSocket-Protocol is no list of tokens"),
            Self::InvalidExtensions => f.write_str("Sec-WebSocket-Extensions breaks its grammar"),
            Self::Refused(response) => {
                let expected = if response.version() >= Version::HTTP_2 { "200" } else { "101" };
                write!(f, "the server answered {}, {expected} expected", response.status())
            }
            Self::AcceptMismatch => {
                f.write_str("the Sec-WebSocket-Accept is missing or not for our key")
            }
            Self::UnrequestedSubprotocol => {
                f.write_str("the server chose a subprotocol that was not offered")
            }
            Self::UnrequestedExtension => {
                f.write_str("the server chose an extension that was not offered")
            }
            Self::UnacceptableParameters => {
                f.write_str("the server's permessage-deflate does not answer the offer")
            }
            Self::NoExtendedConnect => {
                f.write_str("the server does not offer WebSocket over HTTP/2 (RFC 8441)")
            }
            Self::UnexpectedResponse => f.write_str("bytes from the server before the request"),
            Self::EndOfStream(place) => write!(f, "end of stream {place}"),
            Self::TimedOut => f.write_str("the opening handshake took too long"),
        }
    }
}

impl error::Error for HandshakeError {}
