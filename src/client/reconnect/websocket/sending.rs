//! What goes out: queued, handed over to a connection, flushed, closed.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_sink::Sink;

use super::{
    ReconnectingWebSocket, Unsent,
    state::{Leaving, State},
};
use crate::{
    client::reconnect::Disconnect,
    message::Message,
    vocabulary::{CloseCode, CloseFrame, Error, UsageError},
    websocket::Party,
};

impl ReconnectingWebSocket {
    /// Waits for room.
    pub(super) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            match &self.state {
                State::Open(_) => match ready!(self.poll_room_on_line(cx)) {
                    Ok(()) => return Poll::Ready(Ok(())),
                    Err(error) => ready!(self.poll_lost(cx, error)),
                },
                State::Leaving(..) | State::Left(_) | State::Ended(_) => {
                    return Poll::Ready(Err(self.sender_error()));
                }
                State::Closing(..) => {
                    if self.poll_lost(cx, UsageError::SendAfterClose.into()).is_pending() {
                        return self.poll_room_offline();
                    }
                }
                State::Idle | State::Waiting(_) | State::Connecting(_) | State::Greeting(_) => {
                    if self.poll_connected(cx).is_pending() {
                        return self.poll_room_offline();
                    }
                }
            }
        }
    }

    /// Whoever changes that wakes both.
    fn poll_room_offline(&self) -> Poll<Result<(), Error>> {
        match self.outgoing.unsent {
            Unsent::Drop => Poll::Ready(Err(UsageError::NotConnected.into())),
            Unsent::Keep if self.outgoing.has_room() => Poll::Ready(Ok(())),
            Unsent::Keep => Poll::Pending,
        }
    }

    fn poll_room_on_line(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_handed_over(cx))?;
        let Some(ws) = self.state.websocket_mut() else { return Poll::Ready(Ok(())) };
        ready!(Pin::new(&mut *ws).poll_ready(cx))?;
        if !self.outgoing.has_room() {
            self.outgoing.settle(ws);
        }
        if !self.outgoing.has_room() {
            ready!(Pin::new(ws).poll_flush(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Queues with the connection what waits for one.
    pub(super) fn poll_handed_over(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let (State::Open(_) | State::Leaving(..)) = &self.state else {
            return Poll::Ready(Ok(()));
        };
        let Some(ws) = self.state.websocket_mut() else { return Poll::Ready(Ok(())) };
        while let Some(message) = self.outgoing.first() {
            ready!(Pin::new(&mut *ws).poll_ready(cx))?;
            ws.start_feed(message.clone())?;
            self.outgoing.handle_first_queued(ws.mark());
        }
        Poll::Ready(Ok(()))
    }

    /// Queues a message.
    pub(super) fn queue(&mut self, message: Message) -> Result<(), Error> {
        message.check()?;
        if self.state.is_over() {
            return Err(self.sender_error());
        }
        self.outgoing.handle_new();
        match (&mut self.state, message) {
            (_, Message::Close(frame)) => self.leave(frame),
            (State::Open(line), message) if self.outgoing.is_handed_over() => {
                match line.ws.start_feed(message.clone()) {
                    Ok(()) => self.outgoing.handle_queued(message, line.ws.mark()),
                    // It was checked, so it is the connection that has come to its end.
                    Err(_) => self.outgoing.hold(message)?,
                }
            }
            (_, message) => self.outgoing.hold(message)?,
        }
        Ok(())
    }

    /// Waits until a transport has taken everything.
    pub(super) fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            match &self.state {
                State::Open(_) | State::Leaving(..) | State::Left(_) => {
                    match ready!(self.poll_written_on_line(cx)) {
                        Ok(()) => return Poll::Ready(self.written_on_line()),
                        Err(error) => ready!(self.poll_lost(cx, error)),
                    }
                }
                State::Closing(..) => {
                    if self.poll_lost(cx, UsageError::SendAfterClose.into()).is_pending() {
                        self.settle();
                        return self.poll_written_offline();
                    }
                }
                State::Idle | State::Waiting(_) | State::Connecting(_) | State::Greeting(_) => {
                    if self.poll_connected(cx).is_pending() {
                        return self.poll_written_offline();
                    }
                }
                State::Ended(_) => return Poll::Ready(self.written_at_end()),
            }
        }
    }

    fn poll_written_offline(&mut self) -> Poll<Result<(), Error>> {
        match self.outgoing.is_empty() {
            true => Poll::Ready(self.outgoing.take_loss()),
            false => Poll::Pending,
        }
    }

    fn poll_written_on_line(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_handed_over(cx))?;
        ready!(self.poll_left(cx));
        match self.state.websocket_mut() {
            Some(ws) => Pin::new(ws).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    /// What is to be said once the connection has written all that it was given.
    fn written_on_line(&mut self) -> Result<(), Error> {
        match self.state {
            State::Ended(_) => self.written_at_end(),
            // No other connection will get what this one doesn't take any more.
            State::Left(_) if !self.outgoing.is_handed_over() => Err(self.sender_error()),
            _ => self.outgoing.take_loss(),
        }
    }

    fn written_at_end(&mut self) -> Result<(), Error> {
        self.outgoing.take_loss()?;
        if self.outgoing.is_empty() { Ok(()) } else { Err(self.sender_error()) }
    }

    /// Closes for good: at once where there is no connection, behind what is queued where there is one.
    pub(super) fn leave(&mut self, frame: Option<CloseFrame>) {
        match self.change(State::Ended(None)) {
            State::Open(line) => self.state = State::Leaving(Leaving::new(line.ws, frame)),
            State::Closing(line, frame) => {
                self.state = State::Left(line.ws);
                self.part(Disconnect::Closed(frame));
            }
            State::Idle | State::Waiting(_) | State::Connecting(_) | State::Greeting(_) => {}
            state => self.state = state,
        }
        self.wakers.wake_others(Party::WRITER);
    }

    /// Queues our Close once there is nothing before it.
    pub(super) fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let State::Leaving(..) = &self.state else { return Poll::Ready(()) };
        let handed_over = match self.poll_handed_over(cx) {
            Poll::Ready(handed_over) => handed_over,
            Poll::Pending => return self.poll_given_up(cx),
        };
        match self.change(State::Ended(None)) {
            State::Leaving(Leaving { mut ws, close, .. }) => {
                if handed_over.is_ok() {
                    // A connection that takes no Close is at its end, and says so to whoever reads.
                    let _ = ws.start_feed(Message::Close(close));
                }
                self.state = State::Left(ws);
            }
            state => self.state = state,
        }
        Poll::Ready(())
    }

    /// Waits until what is queued before our Close has had its time.
    fn poll_given_up(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let State::Leaving(Leaving { deadline: Some(deadline), ws, .. }) = &mut self.state else {
            return Poll::Pending;
        };
        ready!(deadline.as_mut().poll(cx));
        self.outgoing.recall(ws);
        self.end(Some(Error::CloseTimeout));
        Poll::Ready(())
    }

    /// Sends our Close; the peer's is the reader's to see.
    fn poll_close_written(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if !self.state.is_over() {
            self.leave(Some(CloseFrame::new(CloseCode::NORMAL, "")));
        }
        self.poll_written(cx)
    }
}

/// `poll_close` closes for good: what is queued goes out where there is a connection, then Close 1000. It never reads,
/// so the peer's Close is the stream's to see; [`ReconnectingWebSocket::close`] is the whole closing handshake.
impl Sink<Message> for ReconnectingWebSocket {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_as(Party::WRITER, cx, Self::poll_room)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.queue(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_as(Party::WRITER, cx, Self::poll_written)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_as(Party::WRITER, cx, Self::poll_close_written)
    }
}
