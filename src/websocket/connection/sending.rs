//! Frames queued: what the caller sends, and what the connection says on its own. Nothing here waits.

use bytes::Bytes;
use tokio::time::Instant;

use super::Connection;
use crate::{
    frame::{Frame, FrameHeader, fragments},
    message::{Encoded, Message, Parcel},
    vocabulary::{CloseFrame, Compression, Error, MessageKind, OpCode, trace},
    websocket::{outbox::Mark, wakers::Party},
};

impl<T> Connection<T> {
    /// The end of what is queued.
    pub(in crate::websocket) fn mark(&self) -> Mark {
        self.outbox.end()
    }

    /// Whether everything before this place has been written.
    pub(in crate::websocket) fn is_past(&self, mark: Mark) -> bool {
        self.outbox.is_past(mark)
    }

    /// Queues a message; where another's is going out in pieces, behind that.
    #[inline(always)]
    pub(in crate::websocket) fn start_send(
        &mut self,
        parcel: impl Into<Parcel>,
        party: Party,
    ) -> Result<(), Error> {
        self.check_open()?;
        match parcel.into() {
            Parcel::Message(Message::Text(text), Compression::AsAgreed) if self.is_plain() => {
                self.send_plain(MessageKind::Text, text.into_bytes())
            }
            Parcel::Message(Message::Binary(bytes), Compression::AsAgreed) if self.is_plain() => {
                self.send_plain(MessageKind::Binary, bytes)
            }
            parcel => self.send_in_turn(parcel, party),
        }
    }

    /// The same for a sink, which is flushed next, as a rule: with more in it, and in one write. So the first time that there
    /// is nothing to read doesn't write it, unless there is something else to write.
    pub(in crate::websocket) fn start_send_unflushed(
        &mut self,
        message: Message,
        party: Party,
    ) -> Result<(), Error> {
        let is_all_a_sinks = self.outbox.is_idle() || self.outbox.is_promised();
        let may_wait = is_all_a_sinks && message.kind().is_some();
        self.start_send(message, party)?;
        if may_wait {
            self.outbox.promise_flush();
        }
        Ok(())
    }

    /// Whether a data message goes out at once and as it is, in one frame: as most do.
    #[inline]
    fn is_plain(&self) -> bool {
        self.streaming.is_none()
            && self.codec.is_plain()
            && self.session.config().outgoing_frame_size().is_none()
    }

    #[inline(always)]
    fn send_plain(&mut self, kind: MessageKind, payload: Bytes) -> Result<(), Error> {
        let header = self.codec.sender().admit_data(kind, payload.len())?;
        self.outbox.push(&header, payload);
        Ok(())
    }

    fn send_in_turn(&mut self, parcel: Parcel, party: Party) -> Result<(), Error> {
        match (&mut self.streaming, parcel.kind()) {
            (Some(streaming), Some(kind)) => Ok(streaming.defer(parcel, kind, party)?),
            _ => self.send_now(parcel, party),
        }
    }

    pub(super) fn send_now(&mut self, parcel: Parcel, party: Party) -> Result<(), Error> {
        match parcel {
            Parcel::Message(message, compression) => {
                let close = match &message {
                    Message::Close(frame) => Some(frame.clone()),
                    _ => None,
                };
                let frame = self.codec.outgoing(message, compression)?;
                self.push(frame);
                if let Some(frame) = close {
                    trace::close_sent(self.codec.role(), frame.as_ref());
                    self.handle_close_queued(party);
                }
            }
            Parcel::Prepared(message) => {
                let max_len = self.session.config().outgoing_frame_size();
                match self.codec.outgoing_prepared(&message, max_len)? {
                    Encoded::Shared(frame) => self.outbox.push_encoded(frame),
                    Encoded::Frame(frame) => self.push(frame),
                }
            }
        }
        Ok(())
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

    #[inline]
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
        trace::close_sent(self.codec.role(), frame);
        let frame = Frame::close(frame);
        // A Close that came off the wire or was checked is one that may be sent.
        let _ = self.codec.sender().admit_message(&frame);
        self.push(frame);
    }

    pub(super) fn header(&mut self, opcode: OpCode, len: usize) -> FrameHeader {
        FrameHeader::new(opcode, len as u64).with_masking_key(self.codec.sender().masking_key())
    }
}
