//! The short way: a message in one frame that has arrived to its last byte.

use bytes::{Buf, Bytes, BytesMut};

use super::{FrameReader, PIECE, prepare};
use crate::{
    frame::{FrameHeader, header::FIN, open_message::Content, plain::PlainFrame},
    vocabulary::{
        Error, MaskingKey, OpCode, ProtocolError, ReservedBits, Seen, Utf8Validator, validate_text,
    },
};

/// How a message in one frame begins: FIN, no reserved bit, text or binary.
const WHOLE_TEXT: u8 = FIN | 0x1;
const WHOLE_BINARY: u8 = FIN | 0x2;

impl FrameReader {
    /// The message at the buffer's front, where it is one [plain](PlainFrame) frame and within the limits: what three
    /// events tell, told at once, and nearly every message is such. `None` where it isn't, with nothing changed: then
    /// [`read`](Self::read) is to be asked, which knows why.
    #[inline(always)]
    pub(crate) fn read_message(
        &mut self,
        buffer: &mut BytesMut,
    ) -> Result<Option<(OpCode, Bytes)>, Error> {
        match self.plain_message(buffer) {
            Some(frame) => match self.take_message(&frame, buffer) {
                Ok(payload) => Ok(Some((frame.opcode, payload))),
                Err(error) => Err(self.refuse(error.into(), buffer)),
            },
            None => Ok(None),
        }
    }

    /// The Ping or Pong at the front, if there is one and it is all there. It may come between fragments.
    pub(crate) fn read_ping_or_pong(&mut self, buffer: &mut BytesMut) -> Option<(OpCode, Bytes)> {
        if !self.is_between_frames() {
            return None;
        }
        let frame =
            PlainFrame::parse(buffer, self.role).filter(|frame| frame.opcode.is_control())?;
        unmask(frame.masking_key, &mut buffer[frame.payload.clone()]);
        Some((frame.opcode, take_payload(&frame, buffer)))
    }

    #[inline(always)]
    fn plain_message(&self, buffer: &[u8]) -> Option<PlainFrame> {
        if !self.is_between_messages() {
            return None;
        }
        // Asked first, because it settles most of what there is to be asked of the header.
        if !matches!(buffer.first(), Some(&(WHOLE_TEXT | WHOLE_BINARY))) {
            return None;
        }
        let limit = self.limits.max_frame_size().min(self.limits.max_message_size());
        PlainFrame::parse(buffer, self.role).filter(|frame| frame.payload.len() <= limit)
    }

    #[inline(always)]
    fn take_message(
        &mut self,
        frame: &PlainFrame,
        buffer: &mut BytesMut,
    ) -> Result<Bytes, ProtocolError> {
        self.count_read(frame);
        let bytes = &mut buffer[frame.payload.clone()];
        if bytes.len() > PIECE {
            prepare_large(frame.opcode, frame.masking_key, bytes)?;
        } else if unmask(frame.masking_key, bytes) == Seen::Anything && frame.opcode == OpCode::TEXT
        {
            validate_text(bytes)?;
        }
        Ok(take_payload(frame, buffer))
    }

    /// Counts a data frame that no header event has told of.
    #[inline]
    pub(super) fn count_read(&mut self, frame: &PlainFrame) {
        let size = FrameHeader::MAX_LEN + frame.payload.len();
        self.data_read = self.data_read.wrapping_add(size as u64);
    }
}

/// Takes a frame off the buffer's front.
#[inline(always)]
fn take_payload(frame: &PlainFrame, buffer: &mut BytesMut) -> Bytes {
    let mut payload = buffer.split_to(frame.payload.end).freeze();
    payload.advance(frame.payload.start);
    payload
}

#[inline(always)]
fn unmask(key: Option<MaskingKey>, bytes: &mut [u8]) -> Seen {
    match key {
        Some(key) => key.apply_looking(bytes),
        None => Seen::Anything,
    }
}

/// Unmasks and checks a payload in pieces.
fn prepare_large(
    opcode: OpCode,
    key: Option<MaskingKey>,
    bytes: &mut [u8],
) -> Result<(), ProtocolError> {
    let mut utf8 = Utf8Validator::default();
    prepare(&mut utf8, Content::of(opcode, ReservedBits::NONE), key, bytes)?;
    utf8.finish()
}
