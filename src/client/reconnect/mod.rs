//! Connections that follow one another: lost, waited for, opened again.
//!
//! Nobody is asked to come back at once: after a wait that is random first and grows from one to the next, so that a
//! server that went down with ten thousand clients doesn't get them all in one second ([`Backoff`]).
//!
//! There are two ways to have them. [`Reconnecting`] is a stream of connections, for a caller who runs each; made into
//! a [`ReconnectingWebSocket`] they are one stream of events and one sink of messages, which outlive the connections.

mod attempts;
mod backoff;
mod disconnect;
mod reconnecting;
mod redialer;
mod websocket;

use attempts::Attempts;
pub use backoff::Backoff;
pub use disconnect::{Disconnect, Retry};
pub use reconnecting::Reconnecting;
pub use websocket::{Connected, Disconnected, Event, Greeting, ReconnectingWebSocket, Unsent};

use super::Client;

impl Client {
    /// Connects, and connects again: a stream of connections, or by [`Reconnecting::websocket`] one WebSocket made of
    /// all of them. Each attempt is made by [`connect`](Self::connect) of a clone. Nothing is done before it is polled.
    pub fn reconnecting(self) -> Reconnecting {
        Reconnecting::new(self)
    }
}
