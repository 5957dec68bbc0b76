//! The short way: a message that has arrived to its last byte.

use bytes::{Buf, Bytes, BytesMut};

use super::{FrameReader, PIECE, Payload};
use crate::{
    frame::{
        FrameHeader, Measure,
        open_message::{Content, OpenMessage},
        rules,
    },
    vocabulary::{Error, OpCode, ProtocolError, ReservedBits, Utf8Validator, validate_text},
};

impl FrameReader {
    /// The message at the buffer's front, where it is one frame and all there: what three events tell, told at once, and
    /// most messages are such. `None` where it isn't, with nothing changed: then [`read`](Self::read) is to be asked.
    ///
    /// It is judged by the same rules in the same order.
    #[inline(always)]
    pub(crate) fn read_message(
        &mut self,
        buffer: &mut BytesMut,
    ) -> Result<Option<(OpCode, Bytes)>, Error> {
        let Some((header, encoded_len)) = self.begun_message(buffer) else { return Ok(None) };
        if !header.is_final() || header.payload_len() > (buffer.len() - encoded_len) as u64 {
            return Ok(None);
        }
        let payload = self.take_message(&header, encoded_len, buffer);
        let payload = payload.map_err(|error| self.refuse(error, buffer))?;
        Ok(Some((header.opcode(), payload)))
    }

    /// The same for a message in fragments with nothing in between.
    pub(crate) fn read_fragments(
        &mut self,
        buffer: &mut BytesMut,
    ) -> Result<Option<(OpCode, Bytes)>, Error> {
        let Some((header, _)) = self.begun_message(buffer) else { return Ok(None) };
        let Some(end) = message_end(buffer) else { return Ok(None) };
        let payload = self.take_fragments(end, buffer);
        let payload = payload.map_err(|error| self.refuse(error, buffer))?;
        Ok(Some((header.opcode(), payload)))
    }

    /// The header of a message that begins at the buffer's front, and that no extension has to do with.
    #[inline(always)]
    fn begun_message(&self, buffer: &[u8]) -> Option<(FrameHeader, usize)> {
        if !self.is_between_messages() {
            return None;
        }
        FrameHeader::parse(buffer).filter(|(header, _)| {
            header.opcode().is_data() && header.reserved() == ReservedBits::NONE
        })
    }

    #[inline(always)]
    fn take_message(
        &mut self,
        header: &FrameHeader,
        encoded_len: usize,
        buffer: &mut BytesMut,
    ) -> Result<Bytes, Error> {
        rules::check_mask(header.masking_key().is_some(), self.role)?;
        rules::check_length(header, encoded_len)?;
        let size = header.payload_len();
        let max_size = Measure::Whole.admit_frame(size, &self.limits)?;
        let content = Content::of(header.opcode(), ReservedBits::NONE);
        OpenMessage::grown(None, content, size).check_limits(max_size, ReservedBits::NONE)?;
        self.data_read = self.data_read.wrapping_add(FrameHeader::MAX_LEN as u64 + size);
        // It is there, so its length is one of memory.
        let end = encoded_len + size as usize;
        Self::prepare_message(header, content, &mut buffer[encoded_len..end])?;
        let mut frame = buffer.split_to(end).freeze();
        frame.advance(encoded_len);
        Ok(frame)
    }

    /// Unmasks and checks a message that is all there.
    #[inline(always)]
    fn prepare_message(
        header: &FrameHeader,
        content: Content,
        bytes: &mut [u8],
    ) -> Result<(), ProtocolError> {
        if bytes.len() > PIECE {
            let mut utf8 = Utf8Validator::default();
            let passing = Payload { header: *header, content, taken: 0, ready: 0 };
            Self::prepare(&mut utf8, &passing, bytes)?;
            return utf8.finish();
        }
        if let Some(key) = header.masking_key() {
            key.apply(bytes);
        }
        if content == Content::Text { validate_text(bytes) } else { Ok(()) }
    }

    /// The same for a message in fragments that ends there: their payloads move together where they lie.
    fn take_fragments(&mut self, end: usize, buffer: &mut BytesMut) -> Result<Bytes, Error> {
        let (mut at, mut payload) = (0, 0..0);
        while at < end {
            let Some(fragment) = self.prepare_fragment(&mut buffer[at..end])? else { break };
            let start = at + fragment.encoded_len;
            at = start + fragment.payload_len;
            if payload.is_empty() {
                payload = start..at;
            } else {
                buffer.copy_within(start..at, payload.end);
                payload.end += fragment.payload_len;
            }
        }
        let mut message = buffer.split_to(end).freeze();
        message.truncate(payload.end);
        message.advance(payload.start);
        Ok(message)
    }

    /// Takes the fragments that are all there, one behind the other, into the message that is open. Gives whether the
    /// last one was among them; what comes in between, and what is not all there, is [`read`](Self::read)'s.
    pub(crate) fn gather_fragments(
        &mut self,
        buffer: &mut BytesMut,
        message: &mut BytesMut,
    ) -> Result<bool, Error> {
        if !self.is_between_frames() {
            return Ok(false);
        }
        let (end, is_last) = fragments_end(buffer);
        message.reserve(end);
        let mut at = 0;
        while at < end {
            let fragment = match self.prepare_fragment(&mut buffer[at..end]) {
                Ok(Some(fragment)) => fragment,
                Ok(None) => break,
                Err(error) => return Err(self.refuse(error, buffer)),
            };
            let start = at + fragment.encoded_len;
            at = start + fragment.payload_len;
            message.extend_from_slice(&buffer[start..at]);
        }
        buffer.advance(at);
        Ok(is_last)
    }

    /// Judges the fragment at the front, which is all there, unmasks and checks it.
    fn prepare_fragment(&mut self, bytes: &mut [u8]) -> Result<Option<Fragment>, Error> {
        let Some((header, encoded_len)) = FrameHeader::parse(bytes) else { return Ok(None) };
        rules::check_start([bytes[0], bytes[1]], self.role, self.allowed)?;
        self.check_order(header.opcode())?;
        rules::check_length(&header, encoded_len)?;
        let content = self.admit(&header, Measure::Whole)?;
        self.data_read = self.data_read.wrapping_add(header.payload_len());
        // It is there, so its length is one of memory.
        let payload_len = header.payload_len() as usize;
        let passing = Payload { header, content, taken: 0, ready: 0 };
        let bytes = &mut bytes[encoded_len..encoded_len + payload_len];
        Self::prepare(&mut self.passing().utf8, &passing, bytes)?;
        if content == Content::Text && header.is_final() {
            self.passing().utf8.finish()?;
        }
        Ok(Some(Fragment { encoded_len, payload_len }))
    }
}

/// The parts of a fragment.
struct Fragment {
    encoded_len: usize,
    payload_len: usize,
}

/// Where the message ends whose first fragment is at the front; `None` where it isn't all there, or something comes in
/// between.
fn message_end(buffer: &[u8]) -> Option<usize> {
    let first = frame_end(buffer, FrameHeader::parse(buffer)?)?;
    let (rest, is_last) = fragments_end(&buffer[first..]);
    is_last.then_some(first + rest)
}

/// Where the fragments end that are at the front, one behind the other and all there, and whether the last of their
/// message is among them.
fn fragments_end(buffer: &[u8]) -> (usize, bool) {
    let mut at = 0;
    while let Some((header, encoded_len)) = FrameHeader::parse(&buffer[at..]) {
        let end = frame_end(&buffer[at..], (header, encoded_len));
        match end.filter(|_| header.opcode() == OpCode::CONTINUATION) {
            Some(end) if header.is_final() => return (at + end, true),
            Some(end) => at += end,
            None => break,
        }
    }
    (at, false)
}

/// Where the frame at the front ends, if it is all there.
fn frame_end(buffer: &[u8], (header, encoded_len): (FrameHeader, usize)) -> Option<usize> {
    let end = usize::try_from(header.payload_len()).ok()?.checked_add(encoded_len)?;
    (end <= buffer.len()).then_some(end)
}
