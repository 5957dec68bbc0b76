use bytes::Bytes;

use super::FrameHeader;
use crate::vocabulary::{CloseFrame, MaskingKey, OpCode, ReservedBits, UsageError};

/// The longest payload of a control frame (RFC 6455 section 5.5).
pub(super) const MAX_CONTROL_PAYLOAD: usize = 125;

/// One frame, its payload whole and unmasked.
///
/// A frame is a value with nothing checked; encoding it is what refuses the impossible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    is_final: bool,
    reserved: ReservedBits,
    opcode: OpCode,
    payload: Bytes,
}

impl Frame {
    /// A final frame.
    pub fn new(opcode: OpCode, payload: impl Into<Bytes>) -> Self {
        Self { is_final: true, reserved: ReservedBits::NONE, opcode, payload: payload.into() }
    }

    /// A Close frame with this body, or none.
    pub fn close(body: Option<&CloseFrame>) -> Self {
        Self::new(OpCode::CLOSE, body.map(CloseFrame::to_payload).unwrap_or_default())
    }

    /// The same without FIN: more fragments of the message follow.
    #[must_use]
    pub fn not_final(mut self) -> Self {
        self.is_final = false;
        self
    }

    /// The same with these reserved bits, for extensions.
    #[must_use]
    pub fn with_reserved(mut self, reserved: ReservedBits) -> Self {
        self.reserved = reserved;
        self
    }

    /// FIN: whether this is the message's last frame.
    pub fn is_final(&self) -> bool {
        self.is_final
    }

    /// RSV1 to RSV3.
    pub fn reserved(&self) -> ReservedBits {
        self.reserved
    }

    /// What the payload is.
    pub fn opcode(&self) -> OpCode {
        self.opcode
    }

    /// The payload, unmasked.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The payload, unmasked.
    pub fn into_payload(self) -> Bytes {
        self.payload
    }

    pub(super) fn from_wire(header: FrameHeader, payload: Bytes) -> Self {
        Self {
            is_final: header.is_final(),
            reserved: header.reserved(),
            opcode: header.opcode(),
            payload,
        }
    }

    /// This frame's header under this masking key, or none.
    pub(crate) fn header(&self, key: Option<MaskingKey>) -> FrameHeader {
        let header = FrameHeader::new(self.opcode, self.payload.len() as u64)
            .with_reserved(self.reserved)
            .with_masking_key(key);
        if self.is_final { header } else { header.not_final() }
    }

    /// What can be told of this frame alone, before it is sent (sections 5.2 and 5.5).
    pub(crate) fn check(&self, allowed: ReservedBits) -> Result<(), UsageError> {
        if self.opcode.is_reserved() {
            return Err(UsageError::ReservedOpCode(self.opcode));
        }
        // Extensions mark a message on its first frame alone (RFC 7692 section 6).
        let allowed = if self.opcode.is_data() { allowed } else { ReservedBits::NONE };
        let reserved = self.reserved.without(allowed);
        if reserved != ReservedBits::NONE {
            return Err(UsageError::ReservedBits(reserved));
        }
        if !self.opcode.is_control() {
            return Ok(());
        }
        if !self.is_final {
            return Err(UsageError::FragmentedControl(self.opcode));
        }
        if self.payload.len() > MAX_CONTROL_PAYLOAD {
            return Err(UsageError::ControlTooLong(self.payload.len()));
        }
        if self.opcode == OpCode::CLOSE {
            CloseFrame::from_payload(self.payload.clone())
                .map_err(|_| UsageError::InvalidCloseBody)?;
        }
        Ok(())
    }

    /// Cuts the payload's first `len` bytes off into a fragment that is not final; what stays goes on.
    pub(super) fn split_fragment(&mut self, len: usize) -> Self {
        let fragment =
            Self { is_final: false, payload: self.payload.split_to(len), ..self.clone() };
        self.opcode = OpCode::CONTINUATION;
        // Extensions mark a message on its first frame alone (RFC 7692 section 6).
        self.reserved = ReservedBits::NONE;
        fragment
    }
}
