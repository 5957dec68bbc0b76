use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::vocabulary::Transport;

/// Which HTTP carries the handshake, and what goes with it.
#[derive(Clone, Debug)]
pub(super) enum Carrier {
    /// `Upgrade` on HTTP/1.1 (RFC 6455 section 4), with the accept value that belongs to the key.
    Http1 { accept: HeaderValue },
    /// Extended CONNECT on HTTP/2 (RFC 8441 section 5). Key and accept value "are not used"; but there are clients
    /// that send a key all the same, and fail without what belongs to it.
    Http2 { accept: Option<HeaderValue> },
}

impl Carrier {
    /// The status that accepts.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Http1 { .. } => StatusCode::SWITCHING_PROTOCOLS,
            Self::Http2 { .. } => StatusCode::OK,
        }
    }

    /// What the connection runs on.
    pub(super) fn transport(&self) -> Transport {
        match self {
            Self::Http1 { .. } => Transport::Connection,
            Self::Http2 { .. } => Transport::Stream,
        }
    }

    /// Adds the headers that accept.
    pub(super) fn add_accepting(self, headers: &mut HeaderMap) {
        match self {
            Self::Http1 { accept } => {
                headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
                headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
            }
            Self::Http2 { accept } => {
                headers.extend(accept.map(|accept| (header::SEC_WEBSOCKET_ACCEPT, accept)));
            }
        }
    }
}
