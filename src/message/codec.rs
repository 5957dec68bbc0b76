use bytes::BytesMut;
use tokio_util::codec::{Decoder, Encoder};

use super::{Encoded, Message, Piece, Prepared, assembler::Assembler};
use crate::{
    deflate::{self, Held, Outgoing},
    frame::{Delivery, Frame, FrameCodec, FrameReader, FrameSender, append_frame, fragments},
    vocabulary::{
        Agreement, Compression, Error, Limits, MaskingKey, ReservedBits, Role, UsageError,
    },
};

/// Messages over any framed byte stream: `Decoder` and `Encoder` of [`Message`], for either role.
///
/// Fragments are put together, control messages come out in between. Nothing is answered on its own:
/// that is [`WebSocket`](crate::WebSocket)'s, or the caller's. What [`FrameCodec`] enforces is enforced
/// here too, and a message has at most 64 MiB ([`with_limits`](Self::with_limits)).
///
/// A message in one frame is a slice of the read buffer, and so is one in fragments that are all there when it is decoded;
/// otherwise fragments are copied once, into a buffer that grows with what arrives.
///
/// ```
/// use bowline::{Message, MessageCodec, Role};
/// use bytes::BytesMut;
/// use tokio_util::codec::Decoder;
///
/// # fn main() -> Result<(), bowline::Error> {
/// // Section 5.7: "a fragmented unmasked text message"
/// let mut wire = BytesMut::from(&b"\x01\x03Hel\x80\x02lo"[..]);
/// let message = MessageCodec::new(Role::Client).decode(&mut wire)?;
/// assert_eq!(message, Some(Message::text("Hello")));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct MessageCodec {
    reader: FrameReader,
    sender: FrameSender,
    assembler: Assembler,
    deflate: Option<Held<Outgoing>>,
    agreement: Option<Box<Agreement>>,
    /// The most that an outgoing frame's payload has; `usize::MAX` for anything.
    outgoing_frame_size: usize,
}

impl MessageCodec {
    /// The codec of this end: a [`Role::Client`] encodes masked frames and decodes unmasked ones.
    pub fn new(role: Role) -> Self {
        Self {
            reader: FrameReader::new(role),
            sender: FrameSender::new(role),
            assembler: Assembler::default(),
            deflate: None,
            agreement: None,
            outgoing_frame_size: usize::MAX,
        }
    }

    /// The largest incoming frame and message; 16 MiB and 64 MiB unless set.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.set_limits(limits);
        self
    }

    /// Splits outgoing data messages into frames of at most this many bytes; off unless set.
    #[must_use]
    pub fn with_outgoing_frame_size(mut self, bytes: Option<usize>) -> Self {
        self.outgoing_frame_size = bytes.unwrap_or(usize::MAX);
        self
    }

    /// Where masking keys come from; [`MaskingKey::random`] unless set. For tests: section 5.3 wants
    /// keys that nobody can predict.
    #[must_use]
    pub fn with_masking_keys(mut self, keys: fn() -> MaskingKey) -> Self {
        self.sender.set_masking_keys(keys);
        self
    }

    /// Leaves the next data message uncompressed where permessage-deflate is agreed on: it is compressed
    /// already, or mixes a secret with what others can choose (as in the CRIME and BREACH attacks).
    #[cfg(feature = "deflate")]
    pub fn skip_compression(&mut self) {
        if let Some(deflate) = &mut self.deflate {
            deflate.skip();
        }
    }

    fn outgoing_frame_size(&self) -> Option<usize> {
        Some(self.outgoing_frame_size).filter(|bytes| *bytes < usize::MAX)
    }

    /// The role of this end.
    pub fn role(&self) -> Role {
        self.reader.role()
    }

    pub(crate) fn set_limits(&mut self, limits: Limits) {
        self.reader = self.reader.clone().with_limits(limits);
    }

    /// How much has yet to arrive of a frame that stays in the buffer until it is whole; with so many
    /// bytes there.
    pub(crate) fn missing(&self, buffered: usize) -> Option<u64> {
        match self.assembler.delivery(&self.reader) {
            Delivery::Whole => self.reader.missing(buffered),
            Delivery::Chunks => None,
        }
    }

    pub(crate) fn reader(&mut self) -> &mut FrameReader {
        &mut self.reader
    }

    #[inline]
    pub(crate) fn sender(&mut self) -> &mut FrameSender {
        &mut self.sender
    }

    /// Whether data messages go out as they are.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.deflate.is_none()
    }

    /// The message as it goes out, but for its fragments. A refused one changes nothing.
    #[inline]
    pub(crate) fn outgoing(
        &mut self,
        message: Message,
        compression: Compression,
    ) -> Result<Frame, UsageError> {
        let frame = message.into_frame()?;
        self.sender.admit_message(&frame)?;
        Ok(self.compressed(frame, compression))
    }

    #[inline]
    fn compressed(&mut self, frame: Frame, compression: Compression) -> Frame {
        match &mut self.deflate {
            Some(deflate) if frame.opcode().is_data() => {
                match deflate.compress(frame.payload(), compression) {
                    Some(payload) => {
                        Frame::new(frame.opcode(), payload).with_reserved(ReservedBits::RSV1)
                    }
                    None => frame,
                }
            }
            _ => frame,
        }
    }

    /// The same for a message that others send too. A client masks it as its own.
    pub(crate) fn outgoing_prepared(
        &mut self,
        message: &Prepared,
        max_len: Option<usize>,
    ) -> Result<Encoded, UsageError> {
        self.sender.admit_message(message.frame())?;
        let is_whole = max_len.is_none_or(|max_len| message.len() <= max_len);
        if self.role() == Role::Client || !is_whole {
            return Ok(Encoded::Frame(
                self.compressed(message.frame().clone(), Compression::AsAgreed),
            ));
        }
        Ok(Encoded::Shared(message.server_frame(self.deflate.as_mut())))
    }

    pub(super) fn outgoing_deflate(&mut self) -> Option<&mut Held<Outgoing>> {
        self.deflate.as_mut()
    }

    /// The next message, where it is a data message in one frame and all there.
    #[inline(always)]
    pub(crate) fn decode_at_hand(&mut self, src: &mut BytesMut) -> Result<Option<Message>, Error> {
        let message = self.assembler.next_at_hand(&mut self.reader, src);
        message.map_err(|error| self.poison(error, src))
    }

    /// The next piece of messages that are handed on as they arrive, each of at most so many bytes.
    pub(crate) fn decode_piece(
        &mut self,
        src: &mut BytesMut,
        max_size: Option<usize>,
    ) -> Result<Option<Piece>, Error> {
        let piece = self.assembler.next_piece(&mut self.reader, src, max_size);
        piece.map_err(|error| self.poison(error, src))
    }

    /// After an error there is nothing more.
    #[cold]
    fn poison(&mut self, error: Error, src: &mut BytesMut) -> Error {
        self.reader.fail();
        self.assembler = Assembler::default();
        src.clear();
        error
    }

    pub(crate) fn agreement(&self) -> Option<&Agreement> {
        self.agreement.as_deref()
    }
}

/// Takes the frame codec over with its state, inside a frame too.
///
/// The message limit becomes 64 MiB. Where the frame codec has handed out the first fragments of a
/// message, its next fragment is [`UsageError::MessageInProgress`](crate::UsageError::MessageInProgress):
/// half a message is never taken for whole. Where permessage-deflate keeps context, take it over before the
/// first compressed message: what the frame codec has handed out or sent, this one can't refer to.
impl From<FrameCodec> for MessageCodec {
    fn from(codec: FrameCodec) -> Self {
        let (mut reader, sender, agreement) = codec.into_parts();
        let limits = Limits::new().with_max_frame_size(reader.limits().max_frame_size());
        let terms = agreement.as_ref().and_then(|agreement| agreement.deflate);
        let (incoming, outgoing) =
            terms.map(|terms| deflate::directions(reader.role(), terms)).unzip();
        if incoming.is_some() {
            reader.leave_size_to_extension(ReservedBits::RSV1);
        }
        Self {
            assembler: Assembler::resuming(&reader, incoming),
            deflate: outgoing,
            reader: reader.with_limits(limits),
            sender,
            agreement,
            outgoing_frame_size: usize::MAX,
        }
    }
}

impl Decoder for MessageCodec {
    type Item = Message;
    type Error = Error;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Message>, Error> {
        // Asked before anything else, because a connection that waits asks twice for each time that something comes.
        let is_dry = src.is_empty() && self.assembler.is_dry(&self.reader);
        if !is_dry {
            let message = self.assembler.next(&mut self.reader, src);
            if let Some(message) = message.map_err(|error| self.poison(error, src))? {
                return Ok(Some(message));
            }
        }
        self.reader.rest();
        Ok(None)
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Message>, Error> {
        match self.decode(src)? {
            Some(message) => Ok(Some(message)),
            None => self.reader.end_of_stream(src).map(|()| None),
        }
    }
}

impl Encoder<Message> for MessageCodec {
    type Error = Error;

    fn encode(&mut self, message: Message, dst: &mut BytesMut) -> Result<(), Error> {
        let frame = self.outgoing(message, Compression::AsAgreed)?;
        for frame in fragments(frame, self.outgoing_frame_size()) {
            append_frame(&frame.header(self.sender.masking_key()), frame.payload(), dst);
        }
        Ok(())
    }
}
