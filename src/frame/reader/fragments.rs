//! The short way for messages in fragments: those that have arrived are taken at once.

use std::ops::Range;

use bytes::{Buf, Bytes, BytesMut};

use super::FrameReader;
use crate::{
    frame::{
        Measure,
        open_message::{Content, OpenMessage, check_order},
        plain::PlainFrame,
    },
    vocabulary::{Error, MaskingKey, OpCode, ProtocolError, ReservedBits, validate_text},
};

/// [Plain](PlainFrame) fragments of one message, one behind the other and within the limits.
struct Run {
    /// Where in the buffer it ends.
    end: usize,
    /// The message with them.
    message: OpenMessage,
    /// Whether the message ends here too.
    ends_message: bool,
}

impl FrameReader {
    /// A message in fragments that are all there, with nothing in between; `None` with nothing changed where it isn't
    /// one.
    pub(crate) fn read_fragments(
        &mut self,
        buffer: &mut BytesMut,
    ) -> Result<Option<(OpCode, Bytes)>, Error> {
        if !self.is_between_messages() {
            return Ok(None);
        }
        let Some(run) = self.next_run(buffer).filter(|run| run.ends_message) else {
            return Ok(None);
        };
        let opcode = OpCode::of_first_byte(buffer[0]);
        let payload = self.join_fragments(run.end, buffer);
        if opcode == OpCode::TEXT
            && let Err(error) = validate_text(&buffer[payload.clone()])
        {
            return Err(self.refuse(error.into(), buffer));
        }
        let mut message = buffer.split_to(run.end).freeze();
        message.truncate(payload.end);
        message.advance(payload.start);
        Ok(Some((opcode, message)))
    }

    /// Unmasks fragments and moves their payloads together, to where the first one lies.
    fn join_fragments(&mut self, end: usize, buffer: &mut [u8]) -> Range<usize> {
        let (mut at, mut joined) = (0, 0..0);
        while let Some((key, payload)) = self.next_fragment(at..end, buffer) {
            at = payload.end;
            if joined.is_empty() {
                joined = payload.start..payload.start;
            }
            let to = joined.end;
            joined.end += payload.len();
            match key {
                Some(key) if to == payload.start => key.apply(&mut buffer[payload]),
                Some(key) => key.apply_moving(buffer, payload, to),
                None => buffer.copy_within(payload, to),
            }
        }
        joined
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
        let Some(run) = self.next_run(buffer) else { return Ok(false) };
        let before = message.len();
        message.reserve(run.end);
        let mut at = 0;
        while let Some((key, payload)) = self.next_fragment(at..run.end, buffer) {
            at = payload.end;
            let start = message.len();
            message.extend_from_slice(&buffer[payload]);
            if let Some(key) = key {
                key.apply(&mut message[start..]);
            }
        }
        buffer.advance(run.end);
        if let Err(error) = self.check_gathered(&run, &message[before..]) {
            return Err(self.refuse(error.into(), buffer));
        }
        self.passing().open = (!run.ends_message).then_some(run.message);
        Ok(run.ends_message)
    }

    fn check_gathered(&mut self, run: &Run, bytes: &[u8]) -> Result<(), ProtocolError> {
        if run.message.content != Content::Text {
            return Ok(());
        }
        let utf8 = &mut self.passing().utf8;
        utf8.validate(bytes)?;
        if run.ends_message { utf8.finish() } else { Ok(()) }
    }

    /// Counts the next fragment of a run, of which that is left; its key, and where its payload is.
    fn next_fragment(
        &mut self,
        left: Range<usize>,
        buffer: &[u8],
    ) -> Option<(Option<MaskingKey>, Range<usize>)> {
        let frame = PlainFrame::parse(&buffer[left.clone()], self.role)?;
        self.count_read(&frame);
        let payload = left.start + frame.payload.start..left.start + frame.payload.end;
        Some((frame.masking_key, payload))
    }

    /// The fragments at the front that may come next.
    fn next_run(&self, buffer: &[u8]) -> Option<Run> {
        let (mut end, mut message) = (0, self.open().copied());
        let mut run = None;
        while let Some((frame, grown)) = self.plain_fragment(message, &buffer[end..]) {
            end += frame.payload.end;
            message = Some(grown);
            run = Some(Run { end, message: grown, ends_message: frame.is_final });
            if frame.is_final {
                break;
            }
        }
        run
    }

    /// The fragment at the front, if it may come next, and the message with it.
    fn plain_fragment(
        &self,
        open: Option<OpenMessage>,
        bytes: &[u8],
    ) -> Option<(PlainFrame, OpenMessage)> {
        let frame =
            PlainFrame::parse(bytes, self.role).filter(|frame| !frame.opcode.is_control())?;
        check_order(open.map(|message| message.content), frame.opcode).ok()?;
        let content = Content::of(frame.opcode, ReservedBits::NONE);
        let size = frame.payload.len() as u64;
        let message = self.grown(open, content, size, Measure::Whole).ok()?;
        Some((frame, message))
    }
}
