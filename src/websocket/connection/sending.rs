//! Frames queued: what the caller sends, and what the connection says on its own. Nothing here waits.

use tokio::time::Instant;

use super::Connection;
use crate::{
    frame::{Frame, FrameHeader, fragments},
    message::{Encoded, Message, Prepared},
    vocabulary::{CloseFrame, Error, OpCode},
    websocket::wakers::Party,
};

impl<T> Connection<T> {
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

    pub(super) fn check_open(&self) -> Result<(), Error> {
        if self.session.is_open() { Ok(()) } else { Err(self.session.sender_error()) }
    }

    pub(super) fn push(&mut self, frame: Frame) {
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

    pub(super) fn header(&mut self, opcode: OpCode, len: usize) -> FrameHeader {
        FrameHeader::new(opcode, len as u64).with_masking_key(self.codec.sender().masking_key())
    }
}
