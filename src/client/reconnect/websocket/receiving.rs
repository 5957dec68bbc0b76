//! What comes in: for the reader, and on behalf of a sender who has found the connection broken.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::{FusedStream, Stream};

use super::{Event, ReconnectingWebSocket, state::State};
use crate::{
    client::reconnect::Disconnect,
    vocabulary::{CloseFrame, Error},
    websocket::Party,
};

impl ReconnectingWebSocket {
    pub(super) fn poll_event(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Event, Error>>> {
        loop {
            if let Some(event) = self.inbox.pop() {
                return Poll::Ready(Some(Ok(event)));
            }
            if let State::Ended(error) = &mut self.state {
                return Poll::Ready(error.take().map(Err));
            }
            ready!(self.poll_connected(cx));
            if !self.inbox.is_empty() {
                continue;
            }
            // Where it fails, reading meets the same end behind what can still be read.
            let _ = self.poll_handed_over(cx);
            let _ = self.poll_left(cx);
            let Some(ws) = self.state.websocket_mut() else { continue };
            let item = ready!(Pin::new(ws).poll_next(cx));
            if let Some(message) = self.receive(item) {
                return Poll::Ready(Some(Ok(Event::Message(message))));
            }
        }
    }

    /// Reads what can still be read from a connection on which a sender has met this error, and gives it up then.
    ///
    /// The messages are kept for the reader up to a bound; past it the rest is lost with the connection, because the
    /// sender may be all there is.
    pub(super) fn poll_lost(&mut self, cx: &mut Context<'_>, error: Error) -> Poll<()> {
        while let Some(ws) = self.state.websocket_mut() {
            if self.inbox.is_full() {
                self.lose(match error {
                    // The connection was closing: that is no fault of the caller's.
                    Error::Usage(_) => Disconnect::Closed(None),
                    error => Disconnect::Failed(error),
                });
                break;
            }
            let item = ready!(Pin::new(ws).poll_next(cx));
            if let Some(message) = self.receive(item) {
                self.inbox.push_message(message);
                self.changes += 1;
            }
        }
        Poll::Ready(())
    }

    /// Carries our Close out; the body of the peer's.
    pub(super) fn poll_closed(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<CloseFrame>, Error>> {
        loop {
            let is_leaving = self.poll_left(cx).is_pending();
            match &mut self.state {
                State::Left(ws) => {
                    let closed = ready!(ws.poll_closed(cx));
                    self.outgoing.recall(ws);
                    self.end(None);
                    self.ended_by = closed.as_ref().err().and_then(Error::duplicate);
                    return Poll::Ready(closed);
                }
                // The peer may read only once it has got rid of its own data.
                State::Leaving(leaving) if is_leaving => {
                    let item = ready!(Pin::new(&mut leaving.ws).poll_next(cx));
                    self.receive(item);
                }
                State::Ended(error) => {
                    return Poll::Ready(error.take().map_or(Ok(None), Err));
                }
                // There is nothing else that it could be.
                _ => return Poll::Ready(Ok(None)),
            }
        }
    }
}

impl Stream for ReconnectingWebSocket {
    type Item = Result<Event, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_as(Party::READER, cx, Self::poll_event)
    }
}

impl FusedStream for ReconnectingWebSocket {
    fn is_terminated(&self) -> bool {
        self.inbox.is_empty() && matches!(self.state, State::Ended(None))
    }
}
