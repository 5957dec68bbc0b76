use crate::vocabulary::{LimitError, OpCode, ProtocolError, ReservedBits, UsageError};

/// How many fragments a message may have beyond its bytes, so that only floods of empty ones are cut.
const SPARE_FRAGMENTS: u64 = 1024;

/// What a message's payload is, as far as frames can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Text to be checked as it passes.
    Text,
    /// Binary, and the payload of control frames.
    Opaque,
    /// What the extension of these reserved bits has made of a message.
    Transformed(ReservedBits),
}

impl Content {
    pub(super) fn of(opcode: OpCode, reserved: ReservedBits) -> Self {
        match opcode {
            _ if reserved != ReservedBits::NONE => Self::Transformed(reserved),
            OpCode::TEXT => Self::Text,
            _ => Self::Opaque,
        }
    }
}

/// A frame out of its order among a message's fragments (RFC 6455 section 5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OrderError {
    /// A continuation with no message open.
    UnexpectedContinuation,
    /// A message inside another's fragments.
    InterleavedMessage(OpCode),
}

impl From<OrderError> for ProtocolError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::UnexpectedContinuation => Self::UnexpectedContinuation,
            OrderError::InterleavedMessage(opcode) => Self::InterleavedMessage(opcode),
        }
    }
}

impl From<OrderError> for UsageError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::UnexpectedContinuation => Self::UnexpectedContinuation,
            OrderError::InterleavedMessage(opcode) => Self::InterleavedMessage(opcode),
        }
    }
}

/// Whether a data frame with this opcode may come next, in a message that is open or outside of any.
pub(super) fn check_order(open: Option<Content>, opcode: OpCode) -> Result<(), OrderError> {
    match (open, opcode) {
        (None, OpCode::CONTINUATION) => Err(OrderError::UnexpectedContinuation),
        (Some(_), opcode) if opcode != OpCode::CONTINUATION => {
            Err(OrderError::InterleavedMessage(opcode))
        }
        _ => Ok(()),
    }
}

/// A message of which fragments have passed and more must follow.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenMessage {
    pub(super) content: Content,
    fragments: u64,
    bytes: u64,
}

impl OpenMessage {
    /// The message with one more fragment of so many bytes, begun by it where none was open.
    pub(super) fn grown(open: Option<Self>, content: Content, payload_len: u64) -> Self {
        let before = open.unwrap_or(Self { content, fragments: 0, bytes: 0 });
        Self {
            content: before.content,
            fragments: before.fragments + 1,
            // A length has 63 bits at most, and the sum is judged before the next one is added.
            bytes: before.bytes.saturating_add(payload_len),
        }
    }

    /// Whether the message is still within its limits; `None` is no limit for its size. How large one with
    /// `measured_elsewhere` set is, its extension judges.
    pub(super) fn check_limits(
        &self,
        max_size: Option<usize>,
        measured_elsewhere: ReservedBits,
    ) -> Result<(), LimitError> {
        let is_measured = || match self.content {
            Content::Transformed(bits) => bits.without(measured_elsewhere) == bits,
            Content::Text | Content::Opaque => true,
        };
        if let Some(limit) = max_size.filter(|limit| self.bytes > *limit as u64 && is_measured()) {
            return Err(LimitError::MessageTooLarge { size: self.bytes, limit });
        }
        if self.fragments > self.bytes.saturating_add(SPARE_FRAGMENTS) {
            return Err(LimitError::TooManyFragments { fragments: self.fragments });
        }
        Ok(())
    }
}
