//! Words for what messages are and how they pass.

use super::OpCode;

/// What a message's payload is.
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

    /// The kind of a message that begins with this opcode, `None` where none does.
    pub(crate) fn of(opcode: OpCode) -> Option<Self> {
        match opcode {
            OpCode::TEXT => Some(Self::Text),
            OpCode::BINARY => Some(Self::Binary),
            _ => None,
        }
    }
}

/// Whether a message may be compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    /// Where that was agreed on.
    AsAgreed,
    /// In no case.
    #[cfg(feature = "deflate")]
    Never,
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
