//! The sending side of frames: order, masks, and the bytes.

use std::iter;

use bytes::{BufMut, BytesMut};

use super::{
    Frame, FrameHeader,
    open_message::{Content, check_order},
};
use crate::vocabulary::{
    MaskingKey, MessageKind, OpCode, ReservedBits, Role, UsageError, Utf8Validator,
};

/// Judges and masks what one end sends.
#[derive(Clone, Debug)]
pub(crate) struct FrameSender {
    role: Role,
    allowed: ReservedBits,
    keys: fn() -> MaskingKey,
    /// What the message is whose first fragments have gone out.
    open: Option<Content>,
    utf8: Utf8Validator,
    is_closed: bool,
}

impl FrameSender {
    pub(crate) fn new(role: Role) -> Self {
        Self {
            role,
            allowed: ReservedBits::NONE,
            keys: MaskingKey::random,
            open: None,
            utf8: Utf8Validator::default(),
            is_closed: false,
        }
    }

    pub(crate) fn set_reserved_bits(&mut self, allowed: ReservedBits) {
        self.allowed = allowed;
    }

    pub(crate) fn set_masking_keys(&mut self, keys: fn() -> MaskingKey) {
        self.keys = keys;
    }

    /// A fresh key for the next frame, where this role masks.
    #[inline]
    pub(crate) fn masking_key(&self) -> Option<MaskingKey> {
        match self.role {
            Role::Client => Some((self.keys)()),
            Role::Server => None,
        }
    }

    /// Whether a Close has gone out.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Whether the frame may go out now. Nothing changes where it may not.
    pub(crate) fn admit(&mut self, frame: &Frame) -> Result<(), UsageError> {
        self.admit_message(frame)?;
        if frame.opcode().is_control() {
            return Ok(());
        }
        if self.content(frame) == Content::Text {
            self.admit_text(frame)?;
        }
        self.advance(frame);
        Ok(())
    }

    /// The same for a fragment of text that is known to be valid.
    pub(crate) fn admit_fragment(&mut self, frame: &Frame) -> Result<(), UsageError> {
        self.admit_message(frame)?;
        self.advance(frame);
        Ok(())
    }

    /// Whether a message has begun to go out in fragments, and more must follow.
    pub(crate) fn is_inside_message(&self) -> bool {
        self.open.is_some()
    }

    /// What the frame's message is.
    fn content(&self, frame: &Frame) -> Content {
        self.open.unwrap_or(Content::of(frame.opcode(), frame.reserved()))
    }

    fn advance(&mut self, frame: &Frame) {
        self.open = (!frame.is_final()).then_some(self.content(frame));
    }

    /// Whether a data message may go out now as it is, in one frame, its text known to be valid; gives the frame's
    /// header.
    #[inline]
    pub(crate) fn admit_data(
        &mut self,
        kind: MessageKind,
        payload_len: usize,
    ) -> Result<FrameHeader, UsageError> {
        if self.is_closed {
            return Err(UsageError::SendAfterClose);
        }
        check_order(self.open, kind.opcode())?;
        let header = FrameHeader::new(kind.opcode(), payload_len as u64);
        Ok(header.with_masking_key(self.masking_key()))
    }

    /// The same for a frame that is a whole message, its text known to be valid.
    pub(crate) fn admit_message(&mut self, frame: &Frame) -> Result<(), UsageError> {
        if self.is_closed {
            return Err(UsageError::SendAfterClose);
        }
        frame.check(self.allowed)?;
        if frame.opcode().is_control() {
            self.is_closed = frame.opcode() == OpCode::CLOSE;
        } else {
            check_order(self.open, frame.opcode())?;
        }
        Ok(())
    }

    fn admit_text(&mut self, frame: &Frame) -> Result<(), UsageError> {
        let mut utf8 = self.utf8;
        let checked = utf8.validate(frame.payload());
        let checked = if frame.is_final() { checked.and_then(|()| utf8.finish()) } else { checked };
        checked.map_err(|_| UsageError::InvalidUtf8)?;
        self.utf8 = utf8;
        Ok(())
    }
}

/// The frame as fragments of at most so many bytes; a control frame is never cut.
pub(crate) fn fragments(frame: Frame, max_len: Option<usize>) -> impl Iterator<Item = Frame> {
    let max_len = match max_len {
        Some(len) if !frame.opcode().is_control() => len.max(1),
        _ => usize::MAX,
    };
    let mut rest = Some(frame);
    iter::from_fn(move || match &mut rest {
        Some(frame) if frame.payload().len() > max_len => Some(frame.split_fragment(max_len)),
        _ => rest.take(),
    })
}

/// Appends header and payload, the payload masked where the header has a key.
#[inline(always)]
pub(crate) fn append_frame(header: &FrameHeader, payload: &[u8], dst: &mut BytesMut) {
    dst.reserve(header.encoded_len() + payload.len());
    header.encode(dst);
    let start = dst.len();
    dst.put_slice(payload);
    if let Some(key) = header.masking_key() {
        key.apply(&mut dst[start..]);
    }
}
