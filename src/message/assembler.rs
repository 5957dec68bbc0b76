use bytes::{Bytes, BytesMut};

use super::Message;
use crate::{
    frame::{Delivery, FrameEvent, FrameHeader, FrameReader, TextCheck},
    vocabulary::{CloseFrame, Error, OpCode, ProtocolError, UsageError, Utf8Bytes},
};

/// Puts a message's fragments together.
///
/// A message in one frame stays where it was read; fragments go into one contiguous buffer, so that a
/// million of one byte cost a megabyte and linear time.
#[derive(Clone, Debug, Default)]
pub(super) struct Assembler {
    /// The message begun, and its payload so far.
    open: Option<(OpCode, BytesMut)>,
}

impl Assembler {
    /// Goes on with what this reader has begun; of a message's later fragments nothing can be made.
    pub(super) fn resuming(reader: &FrameReader) -> Self {
        let first = reader.header().filter(|header| begins_fragments(header));
        Self { open: first.map(|header| (header.opcode(), BytesMut::new())) }
    }

    /// The next message in the buffer; `None` where more bytes are needed.
    pub(super) fn next(
        &mut self,
        reader: &mut FrameReader,
        buffer: &mut BytesMut,
    ) -> Result<Option<Message>, Error> {
        // With whole delivery a payload and its end come in one call, so nothing is kept between calls.
        let mut whole = Bytes::new();
        loop {
            let delivery = self.delivery(reader);
            let Some(event) = reader.read(buffer, delivery)? else { return Ok(None) };
            match event {
                FrameEvent::Header(header) => self.begin(&header)?,
                FrameEvent::Payload(bytes) => match (&mut self.open, delivery) {
                    (Some((_, message)), Delivery::Chunks) => message.extend_from_slice(&bytes),
                    _ => whole = bytes,
                },
                FrameEvent::End(header) => {
                    let payload = std::mem::take(&mut whole);
                    if let Some(message) = self.end(&header, payload, reader.text_check())? {
                        return Ok(Some(message));
                    }
                }
            }
        }
    }

    /// How the frame that is being read is to come: a fragment goes to its message as it arrives.
    pub(super) fn delivery(&self, reader: &FrameReader) -> Delivery {
        match reader.header() {
            Some(header) if self.open.is_some() && !header.opcode().is_control() => {
                Delivery::Chunks
            }
            _ => Delivery::Whole,
        }
    }

    fn begin(&mut self, header: &FrameHeader) -> Result<(), UsageError> {
        if begins_fragments(header) {
            self.open = Some((header.opcode(), BytesMut::new()));
        }
        // The reader has seen the message begin, and its first fragments went out as frames.
        if header.opcode() == OpCode::CONTINUATION && self.open.is_none() {
            return Err(UsageError::MessageInProgress);
        }
        Ok(())
    }

    fn end(
        &mut self,
        header: &FrameHeader,
        payload: Bytes,
        text: TextCheck,
    ) -> Result<Option<Message>, Error> {
        let message = match header.opcode() {
            OpCode::PING => Message::Ping(payload),
            OpCode::PONG => Message::Pong(payload),
            OpCode::CLOSE => {
                // What it has interrupted will never be whole.
                self.open = None;
                Message::Close(CloseFrame::from_payload(payload)?)
            }
            _ if !header.is_final() => return Ok(None),
            OpCode::CONTINUATION => match self.open.take() {
                Some((opcode, message)) => data_message(opcode, message.freeze(), text)?,
                None => return Err(UsageError::MessageInProgress.into()),
            },
            opcode => data_message(opcode, payload, text)?,
        };
        Ok(Some(message))
    }
}

/// Whether a message begins here that goes on in another frame.
fn begins_fragments(header: &FrameHeader) -> bool {
    header.opcode().is_data() && !header.is_final()
}

/// A data message of a payload that the reader has seen to the end.
fn data_message(opcode: OpCode, payload: Bytes, text: TextCheck) -> Result<Message, ProtocolError> {
    if opcode != OpCode::TEXT {
        return Ok(Message::Binary(payload));
    }
    if text == TextCheck::None {
        let text = Utf8Bytes::try_from(payload).map_err(|_| ProtocolError::InvalidUtf8)?;
        return Ok(Message::Text(text));
    }
    // SAFETY: the reader vouches that it has checked every byte of this text and its end, and that nobody
    // else had the bytes between the check and now.
    #[allow(unsafe_code)]
    Ok(Message::Text(unsafe { Utf8Bytes::from_bytes_unchecked(payload) }))
}
