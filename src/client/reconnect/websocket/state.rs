//! Where a WebSocket that is made of many connections stands.

use std::{future::Future, pin::Pin};

use http::Response;
use tokio::time::Instant;

use crate::{
    client::{
        Stream,
        reconnect::redialer::{Connecting, Opened, Waiting, wait},
    },
    vocabulary::{CloseFrame, Error},
    websocket::WebSocket,
};

/// ```text
///  Idle         +--------------- failed ------------------+
///   |           v                         |               |
///   |        Waiting ---------------> Connecting ----> Greeting ----> Open
///   |           ^                         ^                            |  |
///   +-----------|-------------------------+          the peer's Close  |  | ours, for good
///               |                                                      v  |
///               +------------ lost or closed, and worth it ------- Closing|
///                                                                         v
///  Ended <--- a final error or Close, or ours without a connection    Leaving ----> Left
///    ^                                                                  queued: sent  |
///    +--------------------------------------------------------------------------------+
/// ```
pub(super) enum State {
    /// Nobody has polled it yet.
    Idle,
    /// For the next attempt.
    Waiting(Waiting),
    Connecting(Connecting),
    /// The caller's hook has the connection.
    Greeting(Pin<Box<dyn Future<Output = Greeted> + Send>>),
    Open(Line),
    /// The peer's Close has come: the connection goes to its end, and nothing more is queued on it.
    Closing(Line, Option<CloseFrame>),
    /// What is to go out before our Close still waits for room.
    Leaving(Leaving),
    /// Our Close is queued, or the connection takes none.
    Left(WebSocket<Stream>),
    /// With the error that the stream has yet to yield.
    Ended(Option<Error>),
}

/// A connection, and when it was opened.
pub(super) struct Line {
    pub(super) ws: WebSocket<Stream>,
    pub(super) opened: Instant,
}

/// A connection that gets our Close behind what is queued.
pub(super) struct Leaving {
    pub(super) ws: WebSocket<Stream>,
    pub(super) close: Option<CloseFrame>,
    /// Until that must be out.
    pub(super) deadline: Option<Waiting>,
}

impl Leaving {
    pub(super) fn new(ws: WebSocket<Stream>, close: Option<CloseFrame>) -> Self {
        let deadline = ws.close_timeout().map(wait);
        Self { ws, close, deadline }
    }
}

impl State {
    /// Whether nothing more may be sent, on this connection or another.
    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::Leaving(..) | Self::Left(_) | Self::Ended(_))
    }

    pub(super) fn websocket(&self) -> Option<&WebSocket<Stream>> {
        match self {
            Self::Open(line) | Self::Closing(line, _) => Some(&line.ws),
            Self::Leaving(leaving) => Some(&leaving.ws),
            Self::Left(ws) => Some(ws),
            Self::Idle
            | Self::Waiting(_)
            | Self::Connecting(_)
            | Self::Greeting(_)
            | Self::Ended(_) => None,
        }
    }

    pub(super) fn websocket_mut(&mut self) -> Option<&mut WebSocket<Stream>> {
        match self {
            Self::Open(line) | Self::Closing(line, _) => Some(&mut line.ws),
            Self::Leaving(leaving) => Some(&mut leaving.ws),
            Self::Left(ws) => Some(ws),
            Self::Idle
            | Self::Waiting(_)
            | Self::Connecting(_)
            | Self::Greeting(_)
            | Self::Ended(_) => None,
        }
    }
}

/// What [`ReconnectingWebSocket::on_connect`](super::ReconnectingWebSocket::on_connect) takes: a future that has the
/// new connection for as long as it runs.
pub type Greeting<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;

/// The caller's hook for new connections.
pub(super) type Hook =
    Box<dyn for<'a> FnMut(&'a mut WebSocket<Stream>, &'a Response<()>) -> Greeting<'a> + Send>;

/// A hook that has run, and what it ran on.
pub(super) struct Greeted {
    pub(super) hook: Hook,
    pub(super) opened: Opened,
    pub(super) result: Result<(), Error>,
}

/// Runs the hook. It is moved in and given back, because a future that borrowed it could not be kept beside it.
pub(super) async fn greet(mut hook: Hook, (mut ws, response): Opened) -> Greeted {
    let result = hook(&mut ws, &response).await;
    Greeted { hook, opened: (ws, response), result }
}
