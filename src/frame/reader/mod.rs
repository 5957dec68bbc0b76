//! The one parser of frames: sans-IO, over whatever bytes have arrived.
//!
//! ```text
//!             a header in order                    payload complete
//!   Header -----------------------> Payload -----------------------------> Header
//!     |                                |                                     |
//!     | a breach                       | a breach            a Close: Ended  |
//!     +------------> Failed <----------+                     <---------------+
//! ```

mod fragments;
mod state;
mod whole;

use bytes::{Buf, Bytes, BytesMut};

use super::{
    FrameHeader,
    measure::Measure,
    open_message::{Content, OpenMessage, check_order},
    rules,
};
use crate::vocabulary::{
    CloseFrame, EndOfStream, Error, LimitError, Limits, MaskingKey, OpCode, ProtocolError,
    ReservedBits, Role, Utf8Validator,
};
use state::{Passing, Payload, State};

/// Payload is unmasked and checked in pieces that stay in the first-level cache between the two.
const PIECE: usize = 16 << 10;

/// What the reader has seen next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameEvent {
    /// A header that keeps every rule; its payload may not have arrived.
    Header(FrameHeader),
    /// Payload, unmasked and, where it is text, checked: a slice of the buffer, not a copy.
    Payload(Bytes),
    /// The frame's payload is complete; its header again.
    End(FrameHeader),
}

/// How a frame's payload is to be handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// In one piece, once it is complete; it waits in the buffer, unmasked and checked already.
    Whole,
    /// As it arrives.
    Chunks,
}

/// Reads frames out of a buffer, event by event, and enforces RFC 6455 section 5 for its role.
///
/// For each frame come one `Header`, any number of `Payload`s (none for an empty one; at most one with
/// [`Delivery::Whole`]) and one `End`. Control frames are always delivered whole. What is refused is
/// refused as early as the bytes allow: a header before its payload, text at its first bad byte.
///
/// After an error or a Close frame the reader discards what it is given and yields nothing more.
#[derive(Clone, Debug)]
pub struct FrameReader {
    role: Role,
    allowed: ReservedBits,
    limits: Limits,
    /// Marks messages whose size an extension judges.
    measured_elsewhere: ReservedBits,
    /// Boxed, because most connections rest most of the time; `None` for [nothing](Passing::is_nothing).
    passing: Option<Box<Passing>>,
    buffer: BufferOwner,
    text: TextCheck,
    /// Bytes of data frames handed out, and the most that each of their headers can have.
    data_read: u64,
}

/// Who holds the buffer between two calls, and could change what was checked in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BufferOwner {
    Caller,
    Crate,
}

/// Whether a message's payload is known to be UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextCheck {
    /// Each byte was checked, and nobody can have changed it since.
    Holds,
    /// Not text, not checked, or checked in a buffer that others hold.
    None,
}

impl FrameReader {
    /// A reader of what the peer of this role sends: a [`Role::Server`] reads masked frames.
    ///
    /// Frames may have up to 16 MiB, messages 64 MiB.
    pub fn new(role: Role) -> Self {
        Self {
            role,
            allowed: ReservedBits::NONE,
            limits: Limits::new(),
            measured_elsewhere: ReservedBits::NONE,
            passing: None,
            buffer: BufferOwner::Caller,
            text: TextCheck::None,
            data_read: 0,
        }
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The same with reserved bits to which an extension gives a meaning: allowed on the first frame of a
    /// data message. Text of such a message is not checked, because it is the extension's to decode.
    #[must_use]
    pub fn with_reserved_bits(mut self, allowed: ReservedBits) -> Self {
        self.allowed = allowed;
        self
    }

    /// The role whose rules are enforced.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The limits.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The header of the frame whose payload is passing.
    pub fn header(&self) -> Option<&FrameHeader> {
        match self.state() {
            State::Payload(payload) => Some(&payload.header),
            _ => None,
        }
    }

    /// How many bytes of the frame at the buffer's front are still to arrive; `None` where its header
    /// isn't complete.
    pub fn missing(&self, buffered: usize) -> Option<u64> {
        match self.state() {
            State::Payload(payload) => {
                let rest = payload.header.payload_len() - payload.taken;
                Some(rest.saturating_sub(buffered as u64))
            }
            _ => None,
        }
    }

    /// Whether the next byte is a header's first.
    #[inline]
    pub(crate) fn is_between_frames(&self) -> bool {
        matches!(self.state(), State::Header)
    }

    /// Whether a Close or an error has ended the reading.
    pub fn is_ended(&self) -> bool {
        matches!(self.state(), State::Ended | State::Failed)
    }

    /// How far an incomplete message or frame has come, with these bytes in the buffer: a number that
    /// grows with each byte of it, and not with control frames in between. `None` where all is complete.
    pub(crate) fn progress(&self, buffer: &[u8]) -> Option<u64> {
        let unfinished = self.data_read.wrapping_add(buffer.len() as u64);
        let is_between = match (self.state(), buffer) {
            (State::Payload(payload), _) => payload.is_control(),
            (State::Header, [first, ..]) => OpCode::of_first_byte(*first).is_control(),
            (State::Header, []) if self.open().is_none() => return None,
            (State::Header, []) => true,
            (State::Ended | State::Failed, _) => return None,
        };
        Some(if is_between && self.open().is_some() { self.data_read } else { unfinished })
    }

    /// From now on the extension with this bit holds its messages to the message limit.
    pub(crate) fn leave_size_to_extension(&mut self, bit: ReservedBits) {
        self.measured_elsewhere = bit;
    }

    /// From now on the buffer is this crate's own; what was checked in it before may have been changed.
    pub(crate) fn take_buffer(&mut self) {
        if matches!(self.state(), State::Payload(payload) if payload.ready > 0) {
            self.text = TextCheck::None;
        }
        self.buffer = BufferOwner::Crate;
    }

    /// From now on the buffer is somebody else's.
    pub(crate) fn give_buffer(&mut self) {
        self.buffer = BufferOwner::Caller;
    }

    /// Whether the message whose last frame has just ended is known to be text.
    pub(crate) fn text_check(&self) -> TextCheck {
        self.text
    }

    /// Ends the reading as an error does.
    pub(crate) fn fail(&mut self) {
        self.passing().state = State::Failed;
    }

    /// The next event in the buffer; `None` where more bytes are needed.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`] and [`Error::Limit`]. The buffer is cleared, and nothing more comes.
    pub fn read(
        &mut self,
        buffer: &mut BytesMut,
        delivery: Delivery,
    ) -> Result<Option<FrameEvent>, Error> {
        self.read_measured(buffer, delivery, Measure::Whole)
    }

    /// The same, with headers judged by other limits.
    pub(crate) fn read_measured(
        &mut self,
        buffer: &mut BytesMut,
        delivery: Delivery,
        measure: Measure,
    ) -> Result<Option<FrameEvent>, Error> {
        let result = match *self.state() {
            State::Header => self.read_header(buffer, measure),
            State::Payload(payload) => self.read_payload(payload, buffer, delivery),
            State::Ended | State::Failed => {
                buffer.clear();
                return Ok(None);
            }
        };
        result.map_err(|error| self.refuse(error, buffer))
    }

    /// After an error nothing more comes.
    #[cold]
    fn refuse(&mut self, error: Error, buffer: &mut BytesMut) -> Error {
        self.fail();
        buffer.clear();
        error
    }

    /// Judges the end of the stream with these bytes left over.
    ///
    /// # Errors
    ///
    /// [`Error::AbnormalClosure`] with the place, unless a Close or an error ended the reading before.
    pub fn end_of_stream(&mut self, buffer: &[u8]) -> Result<(), Error> {
        let place = match self.state() {
            State::Ended | State::Failed => return Ok(()),
            State::Payload(_) => EndOfStream::InsidePayload,
            State::Header if !buffer.is_empty() => EndOfStream::InsideHeader,
            State::Header if self.open().is_some() => EndOfStream::InsideMessage,
            State::Header => EndOfStream::BetweenFrames,
        };
        self.passing().state = State::Failed;
        Err(Error::AbnormalClosure(place))
    }

    fn read_header(
        &mut self,
        buffer: &mut BytesMut,
        measure: Measure,
    ) -> Result<Option<FrameEvent>, Error> {
        let &[first, second, ..] = &buffer[..] else { return Ok(None) };
        rules::check_start([first, second], self.role, self.allowed)?;
        self.check_order(OpCode::of_first_byte(first))?;
        let Some((header, encoded_len)) = FrameHeader::parse(buffer) else { return Ok(None) };
        rules::check_length(&header, encoded_len)?;
        let content = self.admit(&header, measure)?;
        buffer.advance(encoded_len);
        self.passing().state = State::Payload(Payload { header, content, taken: 0, ready: 0 });
        Ok(Some(FrameEvent::Header(header)))
    }

    fn check_order(&self, opcode: OpCode) -> Result<(), ProtocolError> {
        if !opcode.is_control() {
            check_order(self.open().map(|message| message.content), opcode)?;
        }
        Ok(())
    }

    /// Judges the limits on the header, before a byte of payload is buffered; tells what the payload is.
    fn admit(&mut self, header: &FrameHeader, measure: Measure) -> Result<Content, LimitError> {
        if header.opcode().is_control() {
            return Ok(Content::Opaque);
        }
        let content = Content::of(header.opcode(), header.reserved());
        let message = self.grown(self.open().copied(), content, header.payload_len(), measure)?;
        if header.opcode().is_data() {
            self.text = if content == Content::Text { TextCheck::Holds } else { TextCheck::None };
        }
        self.passing().open = (!header.is_final()).then_some(message);
        self.data_read = self.data_read.wrapping_add(FrameHeader::MAX_LEN as u64);
        Ok(message.content)
    }

    /// The message with a data frame of so many bytes, if the limits let it have that.
    fn grown(
        &self,
        open: Option<OpenMessage>,
        content: Content,
        size: u64,
        measure: Measure,
    ) -> Result<OpenMessage, LimitError> {
        let max_message_size = measure.admit_frame(size, &self.limits)?;
        let message = OpenMessage::grown(open, content, size);
        message.check_limits(max_message_size, self.measured_elsewhere)?;
        Ok(message)
    }

    fn read_payload(
        &mut self,
        mut payload: Payload,
        buffer: &mut BytesMut,
        delivery: Delivery,
    ) -> Result<Option<FrameEvent>, Error> {
        let rest = payload.header.payload_len() - payload.taken;
        if rest == 0 {
            return self.end_frame(&payload).map(Some);
        }
        let arrived = usize::try_from(rest).map_or(buffer.len(), |rest| rest.min(buffer.len()));
        if payload.ready > 0 && self.buffer == BufferOwner::Caller && !payload.is_control() {
            self.text = TextCheck::None;
        }
        // A caller that has taken bytes out of the buffer gets what is left, and no panic.
        payload.ready = payload.ready.min(arrived);
        let bytes = &mut buffer[payload.ready..arrived];
        prepare(&mut self.passing().utf8, payload.content, payload.next_key(), bytes)?;
        payload.ready = arrived;
        let is_complete = arrived as u64 == rest;
        let hand_out = match delivery {
            Delivery::Chunks if !payload.is_control() => arrived > 0,
            _ => is_complete,
        };
        if !hand_out {
            self.passing().state = State::Payload(payload);
            return Ok(None);
        }
        let bytes = buffer.split_to(arrived).freeze();
        if is_complete {
            self.check_complete(&payload, &bytes)?;
        }
        if !payload.is_control() {
            self.data_read = self.data_read.wrapping_add(arrived as u64);
        }
        payload.taken += arrived as u64;
        payload.ready = 0;
        self.passing().state = State::Payload(payload);
        Ok(Some(FrameEvent::Payload(bytes)))
    }

    /// What can be judged only once the payload is there to its last byte.
    fn check_complete(&mut self, payload: &Payload, last: &Bytes) -> Result<(), ProtocolError> {
        if payload.content == Content::Text && payload.header.is_final() {
            self.passing().utf8.finish()?;
        }
        if payload.header.opcode() == OpCode::CLOSE {
            CloseFrame::from_payload(last.clone())?;
        }
        Ok(())
    }

    fn end_frame(&mut self, payload: &Payload) -> Result<FrameEvent, Error> {
        if payload.header.payload_len() == 0 {
            self.check_complete(payload, &Bytes::new())?;
        }
        self.passing().state = match payload.header.opcode() {
            OpCode::CLOSE => State::Ended,
            _ => State::Header,
        };
        Ok(FrameEvent::End(payload.header))
    }
}

/// Unmasks and checks bytes that have just arrived; the key is the one for the first of them.
fn prepare(
    utf8: &mut Utf8Validator,
    content: Content,
    key: Option<MaskingKey>,
    bytes: &mut [u8],
) -> Result<(), ProtocolError> {
    // Each piece is a multiple of four bytes, so that the next one begins with the same byte of the key.
    for piece in bytes.chunks_mut(PIECE) {
        if let Some(key) = key {
            key.apply(piece);
        }
        if content == Content::Text {
            utf8.validate(piece)?;
        }
    }
    Ok(())
}
