use crate::frame::{FrameHeader, open_message::Content};

#[derive(Clone, Copy, Debug)]
pub(super) enum State {
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
    pub(super) fn is_control(&self) -> bool {
        self.header.opcode().is_control()
    }
}
