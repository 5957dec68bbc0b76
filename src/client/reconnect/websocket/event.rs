use std::time::Duration;

use http::Response;

use crate::{client::reconnect::Disconnect, message::Message};

/// What a [`ReconnectingWebSocket`](super::ReconnectingWebSocket) yields.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// There is a connection. What is sent from now on goes out on it.
    Connected(Connected),
    /// There is none any more.
    Disconnected(Disconnected),
    /// A message from the peer, never a Close. Pings are answered already.
    Message(Message),
}

/// A connection has been opened.
#[derive(Debug)]
pub struct Connected {
    pub(super) response: Response<()>,
    pub(super) number: u64,
}

impl Connected {
    /// The response that opened it.
    pub fn response(&self) -> &Response<()> {
        &self.response
    }

    /// The same by value.
    pub fn into_response(self) -> Response<()> {
        self.response
    }

    /// Which one it is, counted from 1.
    pub fn number(&self) -> u64 {
        self.number
    }
}

/// A connection is over.
#[derive(Debug)]
pub struct Disconnected {
    pub(super) reason: Disconnect,
    pub(super) unsent: usize,
    pub(super) delay: Option<Duration>,
}

impl Disconnected {
    /// Why: the error or the peer's Close.
    pub fn reason(&self) -> &Disconnect {
        &self.reason
    }

    /// The same by value.
    pub fn into_reason(self) -> Disconnect {
        self.reason
    }

    /// How many messages the transport has not taken whole: kept for the next connection, or dropped, as
    /// [`Unsent`](super::Unsent) says.
    pub fn unsent(&self) -> usize {
        self.unsent
    }

    /// How long it is waited for the next attempt; `None` where there is none, and the stream ends.
    pub fn delay(&self) -> Option<Duration> {
        self.delay
    }
}
