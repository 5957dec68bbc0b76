use std::{error, fmt};

use bowline::HandshakeError;
use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
};

use crate::{carrier::Carrier, origins::RefusedOrigin};

/// A request that is no WebSocket's, and the response that says why: 400, 403, 405 or 426.
#[derive(Debug)]
pub struct Rejection {
    reason: Reason,
}

#[derive(Debug)]
pub(crate) enum Reason {
    /// It breaks a rule, or asks for something else.
    Handshake(HandshakeError, Carrier),
    /// The page that asks is of elsewhere.
    Origin(RefusedOrigin),
    /// There is no connection to be had: the service was called by hand, or somebody has taken it already.
    NotUpgradable(Carrier),
}

impl From<Reason> for Rejection {
    fn from(reason: Reason) -> Self {
        Self { reason }
    }
}

impl Rejection {
    /// The rule that is broken, if it is one of the handshake's.
    pub fn error(&self) -> Option<&HandshakeError> {
        match &self.reason {
            Reason::Handshake(error, _) => Some(error),
            Reason::Origin(_) | Reason::NotUpgradable(_) => None,
        }
    }

    /// The response's status.
    pub fn status(&self) -> StatusCode {
        self.response().status()
    }

    /// The response: the status, the headers that go with it, and the reason as text.
    pub fn response(&self) -> Response<Bytes> {
        match &self.reason {
            Reason::Handshake(error, Carrier::Http1) => error.response(),
            Reason::Handshake(error, Carrier::Http2) => error.response_over_http2(),
            Reason::Origin(_) => self.text(StatusCode::FORBIDDEN),
            // It is a CONNECT already, and there is no 426.
            Reason::NotUpgradable(Carrier::Http2) => self.text(StatusCode::BAD_REQUEST),
            Reason::NotUpgradable(Carrier::Http1) => {
                // With the headers that this status has to come with.
                let response = HandshakeError::NotWebSocket.response();
                response.map(|_| Bytes::from(format!("{self}\n")))
            }
        }
    }

    fn text(&self, status: StatusCode) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(format!("{self}\n")));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}

impl<B: From<Bytes>> From<Rejection> for Response<B> {
    fn from(rejection: Rejection) -> Self {
        rejection.response().map(B::from)
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Reason::Handshake(error, _) => fmt::Display::fmt(error, f),
            Reason::Origin(error) => fmt::Display::fmt(error, f),
            Reason::NotUpgradable(_) => f.write_str("this connection can't be upgraded"),
        }
    }
}

impl error::Error for Rejection {}
