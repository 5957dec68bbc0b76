//! Words for messages that pass in pieces.

use super::OpCode;

/// What a message's payload is: its opcode, for messages that are neither whole nor frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// UTF-8 text.
    Text,
    /// Bytes.
    Binary,
}

impl MessageKind {
    pub(crate) fn opcode(self) -> OpCode {
        match self {
            Self::Text => OpCode::TEXT,
            Self::Binary => OpCode::BINARY,
        }
    }

    /// The kind of a message that begins with this opcode.
    pub(crate) fn of(opcode: OpCode) -> Self {
        if opcode == OpCode::TEXT { Self::Text } else { Self::Binary }
    }
}

/// What comes behind a piece of an outgoing message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PieceEnd {
    /// More, some time: a compressor may keep some of the piece until then.
    Open,
    /// More, but the peer is to have everything up to here now.
    Flushed,
    /// Nothing: it is the last.
    Last,
}

/// How a message's pieces go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PieceCoding {
    AsItIs,
    // Without the feature nobody makes one.
    #[cfg_attr(not(feature = "deflate"), allow(dead_code))]
    Compressed,
}
