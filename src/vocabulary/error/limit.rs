use std::{error, fmt};

use crate::vocabulary::CloseCode;

/// The peer went past a limit that this end has set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitError {
    /// A frame larger than `max_frame_size`.
    FrameTooLarge {
        /// The payload length that the header announced, in bytes.
        size: u64,
        /// The largest allowed, in bytes.
        limit: usize,
    },
    /// A message larger than `max_message_size`.
    MessageTooLarge {
        /// The payload so far with that of the newest header, in bytes; of a compressed message, what
        /// was inflated when it went past the limit.
        size: u64,
        /// The largest allowed, in bytes.
        limit: usize,
    },
    /// A flood of empty fragments: over 1,024 more than the message has bytes.
    TooManyFragments {
        /// The fragments of the message so far.
        fragments: u64,
    },
    /// A compressed message with a flood of blocks that each say they are the last (RFC 7692 section
    /// 7.2.3.4): over 1,024 more than it has KiB.
    TooManyLastBlocks {
        /// The last blocks of the message so far.
        blocks: usize,
    },
    /// An incomplete message rested for `message_timeout`.
    MessageTimeout,
}

impl LimitError {
    /// The close code for this breach.
    pub fn close_code(&self) -> CloseCode {
        match self {
            Self::FrameTooLarge { .. } | Self::MessageTooLarge { .. } => CloseCode::SIZE,
            Self::TooManyFragments { .. }
            | Self::TooManyLastBlocks { .. }
            | Self::MessageTimeout => CloseCode::POLICY,
        }
    }
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FrameTooLarge { size, limit } => {
                write!(f, "frame of {size} bytes, {limit} allowed")
            }
            Self::MessageTooLarge { size, limit } => {
                write!(f, "message of {size} bytes or more, {limit} allowed")
            }
            Self::TooManyFragments { fragments } => {
                write!(f, "message of {fragments} fragments, 1024 more than its bytes allowed")
            }
            Self::TooManyLastBlocks { blocks } => {
                write!(
                    f,
                    "compressed message of {blocks} last blocks, 1024 more than its KiB allowed"
                )
            }
            Self::MessageTimeout => {
                f.write_str("incomplete message rested past the message timeout")
            }
        }
    }
}

impl error::Error for LimitError {}
