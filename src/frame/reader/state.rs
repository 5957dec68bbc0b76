use super::FrameReader;
use crate::{
    frame::{
        FrameHeader,
        open_message::{Content, OpenMessage},
    },
    vocabulary::{MaskingKey, Utf8Validator},
};

/// What is under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Passing {
    pub(super) state: State,
    /// The message whose fragments are passing.
    pub(super) open: Option<OpenMessage>,
    pub(super) utf8: Utf8Validator,
}

impl Passing {
    /// Whether nothing is.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self.state, State::Header) && self.open.is_none()
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) enum State {
    #[default]
    Header,
    Payload(Payload),
    /// A Close has been read: "there is no data after Close".
    Ended,
    Failed,
}

/// A frame whose payload is passing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Payload {
    pub(super) header: FrameHeader,
    pub(super) content: Content,
    /// Bytes handed out, and so gone from the buffer.
    pub(super) taken: u64,
    /// Bytes at the buffer's front that are unmasked and checked.
    pub(super) ready: usize,
}

impl Payload {
    /// The masking key for the next byte that arrives.
    pub(super) fn next_key(&self) -> Option<MaskingKey> {
        // Which of the four bytes it is is all that counts.
        let offset = (self.taken as usize).wrapping_add(self.ready);
        self.header.masking_key().map(|key| key.at(offset))
    }

    pub(super) fn is_control(&self) -> bool {
        self.header.opcode().is_control()
    }
}

impl FrameReader {
    /// Whether nothing is under way, of a frame or a message.
    #[inline]
    pub(super) fn is_between_messages(&self) -> bool {
        match &self.passing {
            Some(passing) => passing.is_nothing(),
            None => true,
        }
    }

    pub(super) fn state(&self) -> &State {
        self.passing.as_ref().map_or(&State::Header, |passing| &passing.state)
    }

    pub(super) fn open(&self) -> Option<&OpenMessage> {
        self.passing.as_ref()?.open.as_ref()
    }

    pub(super) fn passing(&mut self) -> &mut Passing {
        self.passing.get_or_insert_default()
    }

    /// Lets go of the room that frames under way take, if none is.
    pub(crate) fn rest(&mut self) {
        self.passing.take_if(|passing| passing.is_nothing());
    }
}
