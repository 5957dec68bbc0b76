use crate::vocabulary::{LimitError, Limits};

/// By which limits headers are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// Those of frames and messages that are put together in memory.
    Whole,
    /// That of messages which are handed on as they arrive, whatever the size of their frames; `None` for none.
    Streamed(Option<usize>),
}

impl Measure {
    /// Judges a frame of so many bytes; gives the largest message that it may belong to.
    pub(super) fn admit_frame(
        self,
        size: u64,
        limits: &Limits,
    ) -> Result<Option<usize>, LimitError> {
        let limit = limits.max_frame_size();
        match self {
            Self::Whole if size > limit as u64 => Err(LimitError::FrameTooLarge { size, limit }),
            Self::Whole => Ok(Some(limits.max_message_size())),
            Self::Streamed(max_size) => Ok(max_size),
        }
    }
}
