/// How large a frame and a message may be: what a peer may cost in memory.
///
/// A frame past its limit is refused on its header, before a byte of its payload is buffered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    max_frame_size: usize,
    max_message_size: usize,
}

impl Limits {
    /// The defaults: frames of 16 MiB, messages of 64 MiB.
    pub const fn new() -> Self {
        Self { max_frame_size: 16 << 20, max_message_size: 64 << 20 }
    }

    /// The largest payload of one frame, in bytes; 16 MiB unless set. Past it: close code 1009.
    #[must_use]
    pub const fn with_max_frame_size(mut self, bytes: usize) -> Self {
        self.max_frame_size = bytes;
        self
    }

    /// The largest message over all its fragments, in bytes; 64 MiB unless set. Past it: close code 1009.
    ///
    /// A message in the making costs up to twice its size, because its buffer grows by doubling.
    #[must_use]
    pub const fn with_max_message_size(mut self, bytes: usize) -> Self {
        self.max_message_size = bytes;
        self
    }

    /// The largest payload of one frame, in bytes.
    pub const fn max_frame_size(&self) -> usize {
        self.max_frame_size
    }

    /// The largest message, in bytes.
    pub const fn max_message_size(&self) -> usize {
        self.max_message_size
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}
