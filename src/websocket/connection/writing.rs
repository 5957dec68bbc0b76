//! Frames out: what the caller sends, and what the connection says on its own.

use std::{
    io,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

use super::Connection;
use crate::{
    frame::{Frame, FrameHeader, fragments},
    message::{Encoded, Message, Prepared},
    session::Phase,
    vocabulary::{CloseCode, CloseFrame, Error, OpCode},
    websocket::{outbox::Written, wakers::Party},
};

impl<T: AsyncRead + AsyncWrite + Unpin> Connection<T> {
    pub(in crate::websocket) fn poll_ready(
        &mut self,
        cx: &mut Context<'_>,
        party: Party,
    ) -> Poll<Result<(), Error>> {
        if self.is_at_high_water() && self.session.is_open() {
            ready!(self.poll_as_writer(party, cx, Self::poll_low_water))?;
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

    fn is_at_high_water(&self) -> bool {
        self.outbox.len() >= self.session.config().high_water()
    }

    /// Waits until less is queued, or nothing may be any more.
    fn poll_low_water(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            if self.poll_write(cx)?.is_ready() || !self.is_at_high_water() {
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

    pub(in crate::websocket) fn start_send(
        &mut self,
        message: Message,
        party: Party,
    ) -> Result<(), Error> {
        self.check_open()?;
        let frame = self.codec.outgoing(message)?;
        let is_close = frame.opcode() == OpCode::CLOSE;
        self.push(frame);
        if is_close {
            self.handle_close_queued(party);
        }
        Ok(())
    }

    /// The same for a message that others send too.
    pub(in crate::websocket) fn start_send_prepared(
        &mut self,
        message: &Prepared,
    ) -> Result<(), Error> {
        self.check_open()?;
        let max_len = self.session.config().outgoing_frame_size();
        match self.codec.outgoing_prepared(message, max_len)? {
            Encoded::Shared(frame) => self.outbox.push_encoded(frame),
            Encoded::Frame(frame) => self.push(frame),
        }
        Ok(())
    }

    /// The same, with the message left uncompressed.
    #[cfg(feature = "deflate")]
    pub(in crate::websocket) fn start_send_uncompressed(
        &mut self,
        message: Message,
        party: Party,
    ) -> Result<(), Error> {
        self.codec.skip_compression();
        let sent = self.start_send(message, party);
        // It may have been refused, or a control message.
        self.codec.resume_compression();
        sent
    }

    pub(in crate::websocket) fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        party: Party,
    ) -> Poll<Result<(), Error>> {
        self.poll_as_writer(party, cx, Self::poll_written)
    }

    fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
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
            ready!(self.poll_writer_deadlines(cx));
        }
    }

    /// Whether what was queued will not be written any more.
    fn has_lost_frames(&self) -> bool {
        match self.session.phase() {
            Phase::Ended => self.session.has_error() || !self.outbox.is_idle(),
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

    /// Queues a Close, unless the connection is closing already.
    pub(in crate::websocket) fn start_close(
        &mut self,
        frame: &CloseFrame,
        party: Party,
    ) -> Result<(), Error> {
        frame.check()?;
        if self.session.is_open() {
            self.queue_close(Some(frame));
            self.handle_close_queued(party);
        }
        Ok(())
    }

    /// From our Close on the reader has a deadline for the peer's, and other writers have nothing to wait for.
    fn handle_close_queued(&mut self, party: Party) {
        self.session.handle_close_sent(Instant::now());
        self.wakers.wake_others(party);
    }

    /// Waits until nothing can be sent any more: whoever brings that about wakes the others.
    #[cfg(feature = "hub")]
    pub(in crate::websocket) fn poll_closing(
        &mut self,
        cx: &mut Context<'_>,
        party: Party,
    ) -> Poll<Error> {
        self.poll_as(party, cx, |connection, _| match connection.check_open() {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(error),
        })
    }

    fn check_open(&self) -> Result<(), Error> {
        if self.session.is_open() { Ok(()) } else { Err(self.session.sender_error()) }
    }

    /// Writes what waits; tells the session how it goes.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.outbox.is_idle() {
            return Poll::Ready(Ok(()));
        }
        let session = &mut self.session;
        let result = self.outbox.poll_write(&mut self.io, cx, |written| {
            session.handle_write_progress();
            if written == Written::Ping {
                session.handle_ping_written(Instant::now());
            }
        });
        match &result {
            Poll::Ready(_) => session.handle_write_progress(),
            Poll::Pending => session.handle_write_blocked(Instant::now),
        }
        result
    }

    fn push(&mut self, frame: Frame) {
        for frame in fragments(frame, self.session.config().outgoing_frame_size()) {
            let header = frame.header(self.codec.sender().masking_key());
            self.outbox.push(&header, frame.into_payload());
        }
    }

    pub(super) fn queue_close(&mut self, frame: Option<&CloseFrame>) {
        let frame = Frame::close(frame);
        // A Close that came off the wire or was checked is one that may be sent.
        let _ = self.codec.sender().admit_message(&frame);
        self.push(frame);
    }

    pub(super) fn queue_pong(&mut self, payload: &Bytes, cx: &mut Context<'_>) {
        // A peer that reads gets every answer; for one that doesn't, the newest takes the slot.
        if self.outbox.has_pong() {
            let _ = self.poll_write(cx);
        }
        let header = self.header(OpCode::PONG, payload.len());
        self.outbox.set_pong(&header, payload);
    }

    pub(super) fn header(&mut self, opcode: OpCode, len: usize) -> FrameHeader {
        FrameHeader::new(opcode, len as u64).with_masking_key(self.codec.sender().masking_key())
    }
}

/// A result that is there; anything that isn't is nothing to wait for.
fn ready_or_on(poll: Poll<Result<(), Error>>) -> Result<(), Error> {
    match poll {
        Poll::Ready(result) => result,
        Poll::Pending => Ok(()),
    }
}
