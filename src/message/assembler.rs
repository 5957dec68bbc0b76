use bytes::{Bytes, BytesMut};

use super::{
    Message,
    begun::{Gathered, Open, Skipped},
};
use crate::{
    deflate::{Held, Incoming},
    frame::{Delivery, FrameEvent, FrameHeader, FrameReader, TextCheck},
    vocabulary::{
        CloseFrame, Error, MessageKind, OpCode, ProtocolError, ReservedBits, UsageError, Utf8Bytes,
    },
};

/// Puts a message's fragments together, and inflates what is compressed.
///
/// A message in one frame stays where it was read; fragments go into one contiguous buffer, so that a
/// million of one byte cost a megabyte and linear time.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    pub(super) open: Open,
    pub(super) deflate: Option<Held<Incoming>>,
}

impl Assembler {
    /// Goes on with what this reader has begun; of a message's later fragments nothing can be made.
    pub(super) fn resuming(reader: &FrameReader, deflate: Option<Held<Incoming>>) -> Self {
        let mut assembler = Self { open: Open::Nothing, deflate };
        if let Some(header) = reader.header() {
            assembler.begin_data(header);
        }
        assembler
    }

    /// The next message, where it is a data message in one frame and all there.
    #[inline(always)]
    pub(super) fn next_at_hand(
        &mut self,
        reader: &mut FrameReader,
        buffer: &mut BytesMut,
    ) -> Result<Option<Message>, Error> {
        match self.open {
            Open::Nothing => match reader.read_message(buffer)? {
                Some((opcode, payload)) => {
                    Ok(Some(data_message(opcode, payload, TextCheck::Holds)?))
                }
                None => Ok(None),
            },
            Open::Gathered(..) | Open::Streamed(_) => Ok(None),
        }
    }

    /// Whether only bytes can bring anything new.
    #[inline]
    pub(super) fn is_dry(&self, reader: &FrameReader) -> bool {
        reader.is_between_frames() && !self.is_streamed()
    }

    /// The next message in the buffer; `None` where more bytes are needed.
    pub(super) fn next(
        &mut self,
        reader: &mut FrameReader,
        buffer: &mut BytesMut,
    ) -> Result<Option<Message>, Error> {
        if let Some(message) = self.next_at_hand(reader, buffer)? {
            return Ok(Some(message));
        }
        if let Open::Streamed(streamed) = &self.open {
            match self.skip_streamed(reader, buffer, streamed.max_size)? {
                Skipped::All => {}
                Skipped::Part => return Ok(None),
                Skipped::Up(message) => return Ok(Some(message)),
            }
        }
        if let Some((opcode, payload)) = reader.read_ping_or_pong(buffer) {
            return self.end_control(opcode, payload).map(Some);
        }
        if let Open::Nothing = self.open
            && let Some((opcode, payload)) = reader.read_fragments(buffer)?
        {
            return Ok(Some(data_message(opcode, payload, TextCheck::Holds)?));
        }
        let limit = reader.limits().max_message_size();
        // With whole delivery a payload and its end come in one call, so nothing is kept between calls.
        let mut whole = Bytes::new();
        loop {
            if let Open::Gathered(message) = &mut self.open
                && reader.gather_fragments(buffer, &mut message.payload)?
                && let Some((opcode, payload)) = self.take_gathered()
            {
                return Ok(Some(data_message(opcode, payload, reader.text_check())?));
            }
            let delivery = self.delivery(reader);
            let Some(event) = reader.read(buffer, delivery)? else { return Ok(None) };
            match event {
                FrameEvent::Header(header) => self.begin(&header)?,
                FrameEvent::Payload(bytes) => match delivery {
                    Delivery::Whole => whole = bytes,
                    Delivery::Chunks => self.append(&bytes, limit)?,
                },
                FrameEvent::End(header) => {
                    let payload = std::mem::take(&mut whole);
                    if let Some(message) = self.end(&header, payload, reader)? {
                        return Ok(Some(message));
                    }
                }
            }
        }
    }

    /// How the frame that is being read is to come: a fragment goes to its message as it arrives, and
    /// what is compressed is inflated.
    pub(super) fn delivery(&self, reader: &FrameReader) -> Delivery {
        match reader.header() {
            Some(header) if self.is_open() && !header.opcode().is_control() => Delivery::Chunks,
            _ => Delivery::Whole,
        }
    }

    fn is_open(&self) -> bool {
        !matches!(self.open, Open::Nothing) || self.is_inflating()
    }

    fn is_streamed(&self) -> bool {
        matches!(self.open, Open::Streamed(_))
    }

    pub(super) fn is_inflating(&self) -> bool {
        match &self.deflate {
            Some(deflate) => deflate.is_inflating(),
            None => false,
        }
    }

    pub(super) fn begin(&mut self, header: &FrameHeader) -> Result<(), UsageError> {
        self.begin_data(header);
        // The reader has seen the message begin, and its first fragments went out as frames.
        if header.opcode() == OpCode::CONTINUATION && !self.is_open() {
            return Err(UsageError::MessageInProgress);
        }
        Ok(())
    }

    fn begin_data(&mut self, header: &FrameHeader) {
        let Some(kind) = MessageKind::of(header.opcode()) else { return };
        match &mut self.deflate {
            Some(deflate) if header.reserved().contains(ReservedBits::RSV1) => {
                deflate.begin(header.opcode());
            }
            _ if !header.is_final() => {
                self.open = Open::Gathered(Box::new(Gathered { kind, payload: BytesMut::new() }));
            }
            _ => {}
        }
    }

    fn append(&mut self, payload: &[u8], limit: usize) -> Result<(), Error> {
        match (&mut self.open, &mut self.deflate) {
            (Open::Gathered(message), _) => message.payload.extend_from_slice(payload),
            (_, Some(deflate)) => deflate.inflate(payload, limit)?,
            (_, None) => {}
        }
        Ok(())
    }

    fn end(
        &mut self,
        header: &FrameHeader,
        payload: Bytes,
        reader: &FrameReader,
    ) -> Result<Option<Message>, Error> {
        if header.opcode().is_control() {
            return self.end_control(header.opcode(), payload).map(Some);
        }
        if !header.is_final() {
            return Ok(None);
        }
        self.end_data(header.opcode(), payload, reader).map(Some)
    }

    pub(super) fn end_control(&mut self, opcode: OpCode, payload: Bytes) -> Result<Message, Error> {
        Ok(match opcode {
            OpCode::PING => Message::Ping(payload),
            OpCode::PONG => Message::Pong(payload),
            _ => {
                // What it has interrupted will never be whole.
                self.open = Open::Nothing;
                if let Some(deflate) = &mut self.deflate {
                    deflate.abandon();
                }
                Message::Close(CloseFrame::from_payload(payload)?)
            }
        })
    }

    fn end_data(
        &mut self,
        opcode: OpCode,
        payload: Bytes,
        reader: &FrameReader,
    ) -> Result<Message, Error> {
        if let Some(deflate) = &mut self.deflate
            && deflate.is_inflating()
        {
            let (opcode, message) = deflate.finish()?;
            return Ok(data_message(opcode, message, TextCheck::Holds)?);
        }
        let (opcode, payload) = match opcode {
            OpCode::CONTINUATION => self.take_gathered().ok_or(UsageError::MessageInProgress)?,
            opcode => (opcode, payload),
        };
        Ok(data_message(opcode, payload, reader.text_check())?)
    }

    /// The message that has been put together.
    fn take_gathered(&mut self) -> Option<(OpCode, Bytes)> {
        match std::mem::take(&mut self.open) {
            Open::Gathered(message) => Some((message.kind.opcode(), message.payload.freeze())),
            Open::Nothing | Open::Streamed(_) => None,
        }
    }
}

/// A data message of a payload that has been seen to the end.
#[inline]
fn data_message(opcode: OpCode, payload: Bytes, text: TextCheck) -> Result<Message, ProtocolError> {
    if opcode != OpCode::TEXT {
        return Ok(Message::Binary(payload));
    }
    if text == TextCheck::None {
        let text = Utf8Bytes::try_from(payload).map_err(|_| ProtocolError::InvalidUtf8)?;
        return Ok(Message::Text(text));
    }
    // SAFETY: the reader vouches that it has checked every byte of this text and its end, and that nobody
    // else had the bytes between the check and now; or it was checked as it was inflated.
    #[allow(unsafe_code)]
    Ok(Message::Text(unsafe { Utf8Bytes::from_bytes_unchecked(payload) }))
}
