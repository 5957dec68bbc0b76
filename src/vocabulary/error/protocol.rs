use std::{error, fmt};

use crate::vocabulary::{CloseCode, OpCode, ReservedBits};

/// The peer broke a rule of RFC 6455 or RFC 7692: one variant a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A reserved bit is set that no negotiated extension gives a meaning (section 5.2).
    ReservedBits(ReservedBits),
    /// An opcode kept for future use (section 5.2).
    ReservedOpCode(OpCode),
    /// A client's frame without a mask (section 5.1).
    UnmaskedFrame,
    /// A server's frame with a mask (section 5.1).
    MaskedFrame,
    /// A 64-bit length with the most significant bit set (section 5.2).
    LengthTooLarge(u64),
    /// A length in more bytes than it needs (section 5.2).
    LengthNotMinimal(u64),
    /// A control frame without FIN (section 5.5).
    FragmentedControl(OpCode),
    /// A control frame of more than 125 bytes; the seven-bit length seen, 126 or 127 standing for an
    /// extended one (section 5.5).
    ControlTooLong(u8),
    /// A continuation frame with no message open (section 5.4).
    UnexpectedContinuation,
    /// A new message inside another's fragments (section 5.4).
    InterleavedMessage(OpCode),
    /// A Close body of one byte (section 5.5.1).
    TruncatedCloseCode,
    /// A close code that may not be on the wire (section 7.4).
    InvalidCloseCode(CloseCode),
    /// A close reason that is not UTF-8 (section 5.5.1).
    InvalidCloseReason,
    /// Text with a byte that UTF-8 cannot have there (section 8.1).
    InvalidUtf8,
    /// Text that ends inside a code point (section 8.1).
    TruncatedUtf8,
    /// A compressed message that is no DEFLATE data, or ends inside a block (RFC 7692 section 7.2.2).
    InvalidDeflate,
}

impl ProtocolError {
    /// The close code for this breach.
    pub fn close_code(&self) -> CloseCode {
        match self {
            Self::ReservedBits(_)
            | Self::ReservedOpCode(_)
            | Self::UnmaskedFrame
            | Self::MaskedFrame
            | Self::LengthTooLarge(_)
            | Self::LengthNotMinimal(_)
            | Self::FragmentedControl(_)
            | Self::ControlTooLong(_)
            | Self::UnexpectedContinuation
            | Self::InterleavedMessage(_)
            | Self::TruncatedCloseCode
            | Self::InvalidCloseCode(_) => CloseCode::PROTOCOL,
            Self::InvalidCloseReason
            | Self::InvalidUtf8
            | Self::TruncatedUtf8
            | Self::InvalidDeflate => CloseCode::INVALID,
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedBits(bits) => {
                write!(f, "reserved bits {bits} set, no extension allows them")
            }
            Self::ReservedOpCode(opcode) => write!(f, "{opcode} has no meaning"),
            Self::UnmaskedFrame => f.write_str("unmasked frame from a client, a mask is required"),
            Self::MaskedFrame => f.write_str("masked frame from a server, no mask is allowed"),
            Self::LengthTooLarge(length) => {
                write!(f, "payload length {length:#x}, at most 63 bits allowed")
            }
            Self::LengthNotMinimal(length) => {
                write!(f, "payload length {length} in more bytes than it needs")
            }
            Self::FragmentedControl(opcode) => write!(f, "{opcode} frame without FIN"),
            Self::ControlTooLong(length) => match length {
                126.. => f.write_str("control frame of more than 125 bytes, 125 allowed"),
                length => write!(f, "control frame of {length} bytes, 125 allowed"),
            },
            Self::UnexpectedContinuation => f.write_str("continuation frame with no message open"),
            Self::InterleavedMessage(opcode) => {
                write!(f, "{opcode} frame inside a fragmented message, continuation expected")
            }
            Self::TruncatedCloseCode => {
                f.write_str("close body of 1 byte, 0 or at least 2 allowed")
            }
            Self::InvalidCloseCode(code) => {
                write!(f, "close code {code}, allowed are 1000-1003, 1007-1014 and 3000-4999")
            }
            Self::InvalidCloseReason => f.write_str("close reason is not UTF-8"),
            Self::InvalidUtf8 => f.write_str("text message is not UTF-8"),
            Self::TruncatedUtf8 => f.write_str("text message ends inside a code point"),
            Self::InvalidDeflate => f.write_str("compressed message is no whole DEFLATE data"),
        }
    }
}

impl error::Error for ProtocolError {}
