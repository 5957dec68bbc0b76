//! A message handed on piece by piece, as it arrives.
//!
//! ```text
//!            Begin                 Payload ...                   End
//!  between ---------> streamed ---------------> streamed -----------------> between
//!     |                                             |
//!     |  Control (ping, pong)                       |  Control: Close, after which nothing comes
//! ```
//!
//! The parse is the same as for whole messages, with payload taken as it comes.

use bytes::{Bytes, BytesMut};

use super::{
    Message,
    assembler::Assembler,
    begun::{Open, Skipped, Streamed},
};
use crate::{
    frame::{Delivery, FrameEvent, FrameHeader, FrameReader, Measure},
    vocabulary::{Error, MessageKind, ReservedBits, UsageError},
};

/// What comes next of messages that are handed on as they arrive.
#[derive(Debug)]
pub(crate) enum Piece {
    /// A message of this kind begins.
    Begin(MessageKind),
    /// More of it: never empty.
    Payload(Bytes),
    /// It has ended.
    End,
    /// A control message, between two messages or inside one.
    Control(Message),
}

impl Piece {
    /// How many bytes of payload are in it.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Payload(payload) => payload.len(),
            Self::Control(message) => message.len(),
            Self::Begin(_) | Self::End => 0,
        }
    }
}

impl Assembler {
    /// The next piece in the buffer, of messages with at most so many bytes; `None` where more are needed.
    pub(super) fn next_piece(
        &mut self,
        reader: &mut FrameReader,
        buffer: &mut BytesMut,
        max_size: Option<usize>,
    ) -> Result<Option<Piece>, Error> {
        if let Some(kind) = self.stream_begun(reader, max_size) {
            return Ok(Some(Piece::Begin(kind)));
        }
        let mut control = Bytes::new();
        loop {
            if let Some(payload) = self.waiting_payload(max_size)? {
                return Ok(Some(Piece::Payload(payload)));
            }
            let measure = Measure::Streamed(max_size);
            let event = reader.read_measured(buffer, Delivery::Chunks, measure)?;
            let Some(event) = event else { return Ok(None) };
            let piece = match event {
                FrameEvent::Header(header) => self.begin_streamed(&header, max_size)?,
                FrameEvent::Payload(bytes) if is_inside_control(reader) => {
                    control = bytes;
                    None
                }
                FrameEvent::Payload(bytes) => self.take_payload(bytes)?,
                FrameEvent::End(header) if header.opcode().is_control() => {
                    let payload = std::mem::take(&mut control);
                    Some(Piece::Control(self.end_control(header.opcode(), payload)?))
                }
                FrameEvent::End(header) => self.end_streamed(&header)?,
            };
            if piece.is_some() {
                return Ok(piece);
            }
        }
    }

    /// Reads and drops the rest of a message that nobody wants to the end. It is held to its rules all the same.
    pub(super) fn skip_streamed(
        &mut self,
        reader: &mut FrameReader,
        buffer: &mut BytesMut,
        max_size: Option<usize>,
    ) -> Result<Skipped, Error> {
        while let Open::Streamed(_) = self.open {
            match self.next_piece(reader, buffer, max_size)? {
                None => return Ok(Skipped::Part),
                Some(Piece::Control(message)) => return Ok(Skipped::Up(message)),
                Some(Piece::Begin(_) | Piece::Payload(_) | Piece::End) => {}
            }
        }
        Ok(Skipped::All)
    }

    /// Hands on from here what had begun to be put together.
    fn stream_begun(
        &mut self,
        reader: &FrameReader,
        max_size: Option<usize>,
    ) -> Option<MessageKind> {
        let (kind, gathered) = match &mut self.open {
            Open::Streamed(_) => return None,
            Open::Gathered(message) => {
                (message.kind, std::mem::take(&mut message.payload).freeze())
            }
            Open::Nothing => match (&mut self.deflate, reader.header()) {
                (Some(deflate), _) if deflate.is_inflating() => {
                    (MessageKind::of(deflate.opcode()?)?, deflate.take_output())
                }
                (_, Some(header)) => (MessageKind::of(header.opcode())?, Bytes::new()),
                (_, None) => return None,
            },
        };
        self.open =
            Open::Streamed(Box::new(Streamed { max_size, gathered, ..Streamed::default() }));
        Some(kind)
    }

    fn begin_streamed(
        &mut self,
        header: &FrameHeader,
        max_size: Option<usize>,
    ) -> Result<Option<Piece>, Error> {
        let Some(kind) = MessageKind::of(header.opcode()) else {
            return self.begin(header).map(|()| None).map_err(Into::into);
        };
        if let Some(deflate) = &mut self.deflate
            && header.reserved().contains(ReservedBits::RSV1)
        {
            deflate.begin(header.opcode());
        }
        self.open = Open::Streamed(Box::new(Streamed { max_size, ..Streamed::default() }));
        Ok(Some(Piece::Begin(kind)))
    }

    /// Payload that has arrived and not been handed on.
    fn waiting_payload(&mut self, max_size: Option<usize>) -> Result<Option<Bytes>, Error> {
        let Open::Streamed(streamed) = &mut self.open else { return Ok(None) };
        if !streamed.gathered.is_empty() {
            return Ok(Some(std::mem::take(&mut streamed.gathered)));
        }
        match &mut self.deflate {
            Some(deflate) if deflate.is_inflating() => {
                deflate.inflate_next(&mut streamed.compressed, max_size)
            }
            _ => Ok(None),
        }
    }

    fn take_payload(&mut self, payload: Bytes) -> Result<Option<Piece>, Error> {
        let is_inflating = self.is_inflating();
        match &mut self.open {
            Open::Streamed(streamed) if is_inflating => {
                streamed.compressed = payload;
                Ok(None)
            }
            Open::Streamed(_) => Ok(Some(Piece::Payload(payload))),
            // As in `begin`.
            _ => Err(UsageError::MessageInProgress.into()),
        }
    }

    fn end_streamed(&mut self, header: &FrameHeader) -> Result<Option<Piece>, Error> {
        match self.open {
            Open::Streamed(_) if !header.is_final() => return Ok(None),
            Open::Streamed(_) => self.open = Open::Nothing,
            _ => return Err(UsageError::MessageInProgress.into()),
        }
        if let Some(deflate) = &mut self.deflate
            && deflate.is_inflating()
        {
            deflate.finish()?;
        }
        Ok(Some(Piece::End))
    }
}

fn is_inside_control(reader: &FrameReader) -> bool {
    reader.header().is_some_and(|header| header.opcode().is_control())
}
