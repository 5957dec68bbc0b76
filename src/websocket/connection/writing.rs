//! Bytes out: the outbox written, with whoever waits for it.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

use super::Connection;
use crate::{
    message::Parcel,
    session::Phase,
    vocabulary::{CloseCode, CloseFrame, Error, OpCode},
    websocket::{
        outbox::{Mark, Written},
        wakers::Party,
    },
};

/// What is to be sent: a control message may come between another's pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::websocket) enum Sending {
    Data,
    Control,
}

impl Sending {
    /// What holds it up.
    fn hindrance<T: AsyncRead + AsyncWrite + Unpin>(self) -> fn(&Connection<T>, Party) -> bool {
        match self {
            Self::Data => {
                |connection, party| connection.is_at_high_water() || connection.is_in_line(party)
            }
            Self::Control => |connection, _| connection.is_at_high_water(),
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Connection<T> {
    pub(in crate::websocket) fn poll_ready(
        &mut self,
        cx: &mut Context<'_>,
        party: Party,
    ) -> Poll<Result<(), Error>> {
        self.poll_ready_for(cx, party, Sending::Data)
    }

    pub(in crate::websocket) fn poll_ready_for(
        &mut self,
        cx: &mut Context<'_>,
        party: Party,
        sending: Sending,
    ) -> Poll<Result<(), Error>> {
        self.poll_free(cx, party, sending.hindrance())
    }

    /// Queues a message once there is room for it. Nothing where it is queued already.
    #[inline(always)]
    pub(in crate::websocket) fn poll_queue(
        &mut self,
        cx: &mut Context<'_>,
        parcel: &mut Option<impl Into<Parcel>>,
        party: Party,
    ) -> Poll<Result<(), Error>> {
        if parcel.is_some() && !self.is_free_for(party, Sending::Data) {
            ready!(self.poll_ready(cx, party))?;
        }
        Poll::Ready(parcel.take().map_or(Ok(()), |parcel| self.start_send(parcel, party)))
    }

    /// Whether nothing holds this party up, and no deadline is to be looked at.
    #[inline]
    pub(in crate::websocket) fn is_free_for(&self, party: Party, sending: Sending) -> bool {
        let is_held_up = sending.hindrance();
        !is_held_up(self, party) && self.session.is_started() && !self.timer.is_elapsed()
    }

    /// Waits while something holds this party up.
    pub(super) fn poll_free(
        &mut self,
        cx: &mut Context<'_>,
        party: Party,
        is_held_up: fn(&Self, Party) -> bool,
    ) -> Poll<Result<(), Error>> {
        if is_held_up(self, party) && self.session.is_open() {
            ready!(self.poll_as_writer(party, cx, |connection, cx| {
                connection.poll_while(cx, party, is_held_up)
            }))?;
        } else if self.timer.is_elapsed() {
            // Written first: a transport that takes bytes again has made progress.
            ready_or_on(self.poll_as_writer(party, cx, Self::poll_written))?;
        } else if !self.session.is_started() {
            let _ = self.poll_as(party, cx, Self::poll_writer_deadlines);
        }
        Poll::Ready(self.check_open())
    }

    /// Polls on behalf of a writer, and lets the others see for themselves what it has failed at: no event of
    /// the transport may follow.
    fn poll_as_writer(
        &mut self,
        party: Party,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Self, &mut Context<'_>) -> Poll<Result<(), Error>>,
    ) -> Poll<Result<(), Error>> {
        let output = self.poll_as(party, cx, poll);
        if matches!(output, Poll::Ready(Err(_))) {
            self.wakers.wake_others(party);
        }
        output
    }

    #[inline]
    fn is_at_high_water(&self) -> bool {
        let len = self.outbox.len();
        len > 0 && len >= self.session.config().high_water()
    }

    /// Waits until nothing holds this party up, or nothing may be queued any more.
    fn poll_while(
        &mut self,
        cx: &mut Context<'_>,
        party: Party,
        is_held_up: fn(&Self, Party) -> bool,
    ) -> Poll<Result<(), Error>> {
        loop {
            let _ = self.poll_write(cx)?;
            if !is_held_up(self, party) || !self.session.is_open() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_writer_deadlines(cx));
            if !self.session.is_open() {
                // What the deadline has queued is offered at least once.
                let _ = self.poll_write(cx);
                return Poll::Ready(Ok(()));
            }
        }
    }

    pub(in crate::websocket) fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        party: Party,
    ) -> Poll<Result<(), Error>> {
        ready!(self.poll_line(cx, party));
        self.poll_flushed(cx, party, None)
    }

    /// Waits until nothing can be sent any more; what a sender is told then. Whoever brings that about wakes the others.
    pub(in crate::websocket) fn poll_closing(
        &mut self,
        cx: &mut Context<'_>,
        party: Party,
    ) -> Poll<Error> {
        if self.ties.is_some() {
            // A drain is one who may bring it about.
            let _ = self.poll_as(party, cx, |_, _| Poll::<()>::Pending);
        }
        match self.check_open() {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(error),
        }
    }

    /// Waits until what is queued now has been written, whatever others queue after it. The place is kept from
    /// one poll to the next.
    pub(in crate::websocket) fn poll_flush_to(
        &mut self,
        cx: &mut Context<'_>,
        party: Party,
        mark: &mut Option<Mark>,
    ) -> Poll<Result<(), Error>> {
        ready!(self.poll_line(cx, party));
        let mark = *mark.get_or_insert_with(|| self.outbox.end());
        self.poll_flushed(cx, party, Some(mark))
    }

    fn poll_flushed(
        &mut self,
        cx: &mut Context<'_>,
        party: Party,
        mark: Option<Mark>,
    ) -> Poll<Result<(), Error>> {
        let written =
            |connection: &mut Self, cx: &mut Context<'_>| connection.poll_written_to(cx, mark);
        ready!(self.poll_as_writer(party, cx, written))?;
        Poll::Ready(self.check_line(party))
    }

    fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_written_to(cx, None)
    }

    /// Writes until this place has been passed; everything, where there is none.
    fn poll_written_to(
        &mut self,
        cx: &mut Context<'_>,
        mark: Option<Mark>,
    ) -> Poll<Result<(), Error>> {
        loop {
            if self.has_lost_frames() {
                return Poll::Ready(Err(self.session.sender_error()));
            }
            if self.is_ended() {
                return Poll::Ready(Ok(()));
            }
            if self.poll_write(cx)?.is_ready() {
                let is_due = self.timer.is_elapsed() || !self.session.is_started();
                if is_due && self.poll_writer_deadlines(cx).is_ready() {
                    continue;
                }
                return Poll::Ready(Ok(()));
            }
            if mark.is_some_and(|mark| self.outbox.is_past(mark)) {
                // What goes on behind it is others'.
                if let Poll::Ready(flushed) = Pin::new(&mut self.io).poll_flush(cx) {
                    return Poll::Ready(flushed.map_err(Error::from));
                }
            }
            ready!(self.poll_writer_deadlines(cx));
        }
    }

    /// Whether what was queued will not be written any more.
    fn has_lost_frames(&self) -> bool {
        match self.session.phase() {
            Phase::Ended => {
                self.session.has_error() || self.outbox.has_dropped() || !self.outbox.is_idle()
            }
            // A breach drops what was queued before its Close.
            Phase::Finishing(_) => self.session.has_error(),
            Phase::Open | Phase::CloseSent => false,
        }
    }

    /// Sends Close 1000 where none was sent, and flushes it; the answer is the reader's to see.
    pub(in crate::websocket) fn poll_close(
        &mut self,
        cx: &mut Context<'_>,
        party: Party,
    ) -> Poll<Result<(), Error>> {
        self.start_close(&CloseFrame::new(CloseCode::NORMAL, ""), party)?;
        self.poll_flush(cx, party)
    }

    /// Writes what waits; tells the session how it goes.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.outbox.is_idle() {
            return Poll::Ready(Ok(()));
        }
        let waiting = self.outbox.len();
        let (session, timer) = (&mut self.session, &mut self.timer);
        let result = self.outbox.poll_write(&mut self.io, cx, |written| {
            session.handle_write_progress();
            if written == Written::Ping {
                session.handle_ping_written(Instant::now());
                // The answer is due before the timer may be.
                timer.disarm();
            }
        });
        if let Some(pings) = &mut self.pings {
            pings.handle_written(&self.outbox);
        }
        self.wakers.count_written(waiting - self.outbox.len(), cx);
        match &result {
            Poll::Ready(_) => session.handle_write_progress(),
            Poll::Pending => session.handle_write_blocked(Instant::now),
        }
        result
    }

    pub(super) fn queue_pong(&mut self, payload: &Bytes, cx: &mut Context<'_>) {
        // A peer that reads gets every answer; for one that doesn't, the newest takes the slot.
        if self.outbox.has_pong() {
            let _ = self.poll_write(cx);
        }
        let header = self.header(OpCode::PONG, payload.len());
        self.outbox.set_pong(&header, payload);
    }
}

/// A result that is there; anything that isn't is nothing to wait for.
fn ready_or_on(poll: Poll<Result<(), Error>>) -> Result<(), Error> {
    match poll {
        Poll::Ready(result) => result,
        Poll::Pending => Ok(()),
    }
}
