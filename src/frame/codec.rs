use bytes::{Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use super::{Delivery, Frame, FrameEvent, FrameReader, FrameSender, append_frame};
use crate::vocabulary::{Agreement, Error, Limits, MaskingKey, ReservedBits, Role};

/// Frames over any framed byte stream: `Decoder` and `Encoder` of [`Frame`], for either role.
///
/// Both directions enforce RFC 6455 section 5: masks, reserved bits, opcodes, minimal lengths, control
/// frames, the order of fragments, UTF-8 of text over its fragments. Answering pings and closing is the
/// caller's, or [`WebSocket`](crate::WebSocket)'s. Client frames take a fresh random masking key each.
///
/// # Decoding
///
/// A frame comes out whole; its payload waits in `Framed`'s buffer, so that one frame costs up to twice
/// its size in memory ([`with_max_frame_size`](Self::with_max_frame_size), 16 MiB unless set). Messages
/// have no limit here, as their frames are handed out. After an error or a Close frame nothing more is
/// decoded. The end of the stream without a Close is [`Error::AbnormalClosure`].
///
/// # Encoding
///
/// A frame is checked before its first byte is written: a refused one leaves the buffer as it was.
///
/// ```
/// use bowline::{Frame, FrameCodec, OpCode, Role};
/// use bytes::BytesMut;
/// use tokio_util::codec::{Decoder, Encoder};
///
/// # fn main() -> Result<(), bowline::Error> {
/// let mut wire = BytesMut::new();
/// FrameCodec::new(Role::Server).encode(Frame::new(OpCode::TEXT, "Hello"), &mut wire)?;
/// assert_eq!(wire[..], *b"\x81\x05Hello");
/// let frame = FrameCodec::new(Role::Client).decode(&mut wire)?;
/// assert_eq!(frame, Some(Frame::new(OpCode::TEXT, "Hello")));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct FrameCodec {
    reader: FrameReader,
    sender: FrameSender,
    agreement: Option<Box<Agreement>>,
}

impl FrameCodec {
    /// The codec of this end: a [`Role::Client`] encodes masked frames and decodes unmasked ones.
    pub fn new(role: Role) -> Self {
        Self {
            reader: FrameReader::new(role)
                .with_limits(Limits::new().with_max_message_size(usize::MAX)),
            sender: FrameSender::new(role),
            agreement: None,
        }
    }

    /// The largest payload of one incoming frame, in bytes; 16 MiB unless set. Past it:
    /// [`LimitError::FrameTooLarge`](crate::LimitError::FrameTooLarge).
    #[must_use]
    pub fn with_max_frame_size(mut self, bytes: usize) -> Self {
        let limits = self.reader.limits().with_max_frame_size(bytes);
        self.reader = self.reader.with_limits(limits);
        self
    }

    /// Reserved bits to which an extension gives a meaning, allowed both ways on the first frame of a
    /// data message. RSV1 is allowed anyway where permessage-deflate was agreed on. The text of such a message is not checked.
    #[must_use]
    pub fn with_reserved_bits(mut self, allowed: ReservedBits) -> Self {
        let is_deflated =
            self.agreement.as_ref().is_some_and(|agreement| agreement.deflate.is_some());
        let allowed = if is_deflated { allowed.union(ReservedBits::RSV1) } else { allowed };
        self.reader = self.reader.with_reserved_bits(allowed);
        self.sender.set_reserved_bits(allowed);
        self
    }

    /// Where masking keys come from; [`MaskingKey::random`] unless set. For tests: section 5.3 wants
    /// keys that nobody can predict.
    #[must_use]
    pub fn with_masking_keys(mut self, keys: fn() -> MaskingKey) -> Self {
        self.sender.set_masking_keys(keys);
        self
    }

    /// The role of this end.
    pub fn role(&self) -> Role {
        self.reader.role()
    }

    /// With what the opening handshake has agreed on, and so with RSV1 where that means "compressed".
    pub(crate) fn with_agreement(mut self, agreement: Option<Box<Agreement>>) -> Self {
        self.agreement = agreement;
        self.with_reserved_bits(ReservedBits::NONE)
    }

    pub(crate) fn into_parts(self) -> (FrameReader, FrameSender, Option<Box<Agreement>>) {
        (self.reader, self.sender, self.agreement)
    }
}

impl Decoder for FrameCodec {
    type Item = Frame;
    type Error = Error;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Frame>, Error> {
        if let Some((opcode, payload)) = self.reader.read_message(src)? {
            return Ok(Some(Frame::new(opcode, payload)));
        }
        // With whole delivery a payload and its end come in one call, so nothing is kept between calls.
        let mut payload = Bytes::new();
        while let Some(event) = self.reader.read(src, Delivery::Whole)? {
            match event {
                FrameEvent::Header(_) => {}
                FrameEvent::Payload(bytes) => payload = bytes,
                FrameEvent::End(header) => return Ok(Some(Frame::from_wire(header, payload))),
            }
        }
        Ok(None)
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Frame>, Error> {
        match self.decode(src)? {
            Some(frame) => Ok(Some(frame)),
            None => self.reader.end_of_stream(src).map(|()| None),
        }
    }
}

impl Encoder<Frame> for FrameCodec {
    type Error = Error;

    fn encode(&mut self, frame: Frame, dst: &mut BytesMut) -> Result<(), Error> {
        self.sender.admit(&frame)?;
        append_frame(&frame.header(self.sender.masking_key()), frame.payload(), dst);
        Ok(())
    }
}
