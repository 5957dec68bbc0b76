//! Opcodes and reserved bits: the first byte of a frame (RFC 6455 section 5.2).
//!
//! ```text
//!  0 1 2 3 4 5 6 7
//! +-+-+-+-+-------+
//! |F|R|R|R| opcode|
//! |I|S|S|S|  (4)  |
//! |N|V|V|V|       |
//! | |1|2|3|       |
//! +-+-+-+-+-------+
//! ```

use std::fmt;

/// What a frame's payload is to be taken for: four bits, of which six values are defined (RFC 6455
/// section 11.8).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OpCode(u8);

impl OpCode {
    /// The next fragment of a message that an earlier frame began.
    pub const CONTINUATION: Self = Self(0x0);
    /// A text message, or its first fragment.
    pub const TEXT: Self = Self(0x1);
    /// A binary message, or its first fragment.
    pub const BINARY: Self = Self(0x2);
    /// The closing handshake.
    pub const CLOSE: Self = Self(0x8);
    /// A question whether the peer is there.
    pub const PING: Self = Self(0x9);
    /// The answer to a Ping.
    pub const PONG: Self = Self(0xa);

    /// The opcode of the given number; `None` past four bits.
    pub const fn new(number: u8) -> Option<Self> {
        if number <= 0xf { Some(Self(number)) } else { None }
    }

    /// The opcode in the low four bits of a frame's first byte.
    pub(crate) const fn of_first_byte(byte: u8) -> Self {
        Self(byte & 0x0f)
    }

    /// Whether this is a control frame: "opcodes where the most significant bit of the opcode is 1"
    /// (section 5.5).
    pub const fn is_control(self) -> bool {
        self.0 & 0x8 != 0
    }

    /// Whether a message begins here: text or binary.
    pub const fn is_data(self) -> bool {
        matches!(self, Self::TEXT | Self::BINARY)
    }

    /// Whether the number is kept for future use: 3-7 and 11-15.
    pub const fn is_reserved(self) -> bool {
        matches!(self.0, 0x3..=0x7 | 0xb..=0xf)
    }
}

impl From<OpCode> for u8 {
    fn from(opcode: OpCode) -> Self {
        opcode.0
    }
}

impl fmt::Display for OpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::CONTINUATION => f.write_str("continuation"),
            Self::TEXT => f.write_str("text"),
            Self::BINARY => f.write_str("binary"),
            Self::CLOSE => f.write_str("close"),
            Self::PING => f.write_str("ping"),
            Self::PONG => f.write_str("pong"),
            Self(number) => write!(f, "reserved opcode {number:#x}"),
        }
    }
}

impl fmt::Debug for OpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The bits RSV1, RSV2 and RSV3: zero unless an extension gives them a meaning (RFC 6455 section 5.2).
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ReservedBits(u8);

impl ReservedBits {
    /// None of the three.
    pub const NONE: Self = Self(0);
    /// RSV1, which permessage-deflate calls "Per-Message Compressed" (RFC 7692 section 6).
    pub const RSV1: Self = Self(0x40);
    /// RSV2.
    pub const RSV2: Self = Self(0x20);
    /// RSV3.
    pub const RSV3: Self = Self(0x10);

    pub(crate) const fn of_first_byte(byte: u8) -> Self {
        Self(byte & 0x70)
    }

    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    /// Both sets of bits together.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether every bit of `other` is set here.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits set here that `allowed` lacks.
    pub(crate) const fn without(self, allowed: Self) -> Self {
        Self(self.0 & !allowed.0)
    }
}

impl fmt::Debug for ReservedBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for ReservedBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("none");
        }
        let names = [(Self::RSV1, "RSV1"), (Self::RSV2, "RSV2"), (Self::RSV3, "RSV3")];
        let set = names.iter().filter(|(bit, _)| self.contains(*bit));
        for (position, (_, name)) in set.enumerate() {
            f.write_str(if position == 0 { "" } else { "+" })?;
            f.write_str(name)?;
        }
        Ok(())
    }
}
