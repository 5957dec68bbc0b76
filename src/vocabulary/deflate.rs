//! How messages are to be compressed (RFC 7692): what one end wishes, and what both agreed on.

/// Whether a message's compression may refer back to the messages before it (RFC 7692 section 7.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContextTakeover {
    /// It may: messages that resemble each other shrink far more, and either end keeps memory for it.
    Kept,
    /// Each message stands for itself: nothing is kept between two of them.
    Dropped,
}

/// How messages are compressed: permessage-deflate (RFC 7692).
///
/// One value serves either role. "Server" and "client" in a name say whose messages are meant, as in the
/// parameters of the RFC.
///
/// ```
/// use bowline::{ContextTakeover, Deflate, Server};
///
/// let server = Server::new().deflate(Deflate::new().with_level(3));
/// // Smaller messages, for 371 KiB a connection:
/// let server = Server::new()
///     .deflate(Deflate::new().with_server_context_takeover(ContextTakeover::Kept));
/// ```
///
/// # Memory
///
/// A connection costs nothing before its first compressed message. From then on:
///
/// | who sends | context dropped | context kept |
/// | --- | --- | --- |
/// | this end | a compressor that the connections of a thread share | a compressor of its own |
/// | the peer | a decompressor of 46 KiB while a message arrives | the same, and a copy of what it sent last: at most its window, 32 KiB at 15 bits |
///
/// A thread keeps up to 4 compressors, one for each kind of agreement in use, and up to 32 decompressors, as
/// many as messages were arriving at once. A compressor has, in KiB:
///
/// | window bits | 8, 9 | 10 | 11 | 12 | 13 | 14 | 15 |
/// | --- | --- | --- | --- | --- | --- | --- | --- |
/// | memory level 8 | 245 | 247 | 251 | 259 | 275 | 307 | 371 |
/// | memory level 5 | 147 | 149 | 153 | 161 | 177 | 209 | 273 |
/// | memory level 1 | 134 | 136 | 140 | 148 | 164 | 196 | 260 |
///
/// A message in the making is held as any other: see [`Limits`](crate::Limits). Limits are for the
/// inflated message, and judged while it inflates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deflate {
    pub(crate) coding: Coding,
    pub(crate) server: Wish,
    pub(crate) client: Wish,
}

/// What one end wishes of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    /// `None` where the role decides.
    pub(crate) context: Option<ContextTakeover>,
    pub(crate) max_window_bits: u8,
}

/// What the sender alone decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Coding {
    pub(crate) level: u8,
    pub(crate) memory_level: u8,
    pub(crate) threshold: usize,
}

/// The least window, as a power of two.
pub(crate) const MIN_WINDOW_BITS: u8 = 8;
/// The largest.
pub(crate) const MAX_WINDOW_BITS: u8 = 15;

impl Deflate {
    /// Level 6; windows of 32 KiB. A server drops its own context, and all else is kept. Messages under
    /// 128 bytes are not compressed.
    pub const fn new() -> Self {
        let wish = Wish { context: None, max_window_bits: MAX_WINDOW_BITS };
        Self {
            coding: Coding { level: 6, memory_level: 8, threshold: 128 },
            server: wish,
            client: wish,
        }
    }

    /// For very many connections: no context either way, so that an idle one keeps nothing, and windows
    /// of 4 KiB for what this end compresses where it is a server.
    pub const fn low_memory() -> Self {
        let dropped = Some(ContextTakeover::Dropped);
        let mut deflate = Self::new();
        deflate.coding.memory_level = 5;
        deflate.server = Wish { context: dropped, max_window_bits: 12 };
        deflate.client = Wish { context: dropped, max_window_bits: MAX_WINDOW_BITS };
        deflate
    }

    /// How hard to look for repetitions, from 0 (not at all) over 1 (fast) to 9 (small); 6 unless set.
    /// What is larger is taken for 9.
    #[must_use]
    pub const fn with_level(mut self, level: u8) -> Self {
        self.coding.level = if level > 9 { 9 } else { level };
        self
    }

    /// How much memory the compressor may use beside its window, from 1 to 9; 8 unless set.
    #[must_use]
    pub const fn with_memory_level(mut self, level: u8) -> Self {
        self.coding.memory_level = match level {
            0 => 1,
            1..=9 => level,
            _ => 9,
        };
        self
    }

    /// Messages of fewer bytes go out uncompressed; 128 unless set.
    #[must_use]
    pub const fn with_threshold(mut self, bytes: usize) -> Self {
        self.coding.threshold = bytes;
        self
    }

    /// Whether the server keeps context between the messages that it sends. Unless set a server drops
    /// its context, and a client leaves it to the server. A client that wants it dropped demands that: a
    /// response without it fails the handshake.
    #[must_use]
    pub const fn with_server_context_takeover(mut self, context: ContextTakeover) -> Self {
        self.server.context = Some(context);
        self
    }

    /// Whether the client keeps context between the messages that it sends; kept unless set, or unless
    /// the other end wants it dropped.
    #[must_use]
    pub const fn with_client_context_takeover(mut self, context: ContextTakeover) -> Self {
        self.client.context = Some(context);
        self
    }

    /// The largest window of the server's compressor, as a power of two from 8 (256 bytes) to 15 (32 KiB);
    /// 15 unless set. What lies outside is taken for the nearest.
    ///
    /// A client demands it: a server that doesn't know the parameter declines compression, and one that
    /// ignores it fails the handshake.
    #[must_use]
    pub const fn with_server_max_window_bits(mut self, bits: u8) -> Self {
        self.server.max_window_bits = window_bits(bits);
        self
    }

    /// The largest window of the client's compressor, as a power of two from 8 to 15; 15 unless set. What
    /// lies outside is taken for the nearest.
    ///
    /// A server demands it: it declines the offer of a client that doesn't let itself be limited.
    #[must_use]
    pub const fn with_client_max_window_bits(mut self, bits: u8) -> Self {
        self.client.max_window_bits = window_bits(bits);
        self
    }

    /// How hard to look for repetitions.
    pub const fn level(&self) -> u8 {
        self.coding.level
    }

    /// How much memory the compressor may use.
    pub const fn memory_level(&self) -> u8 {
        self.coding.memory_level
    }

    /// From how many bytes on messages are compressed.
    pub const fn threshold(&self) -> usize {
        self.coding.threshold
    }

    /// Whether the server keeps context; `None` where that is left to the role.
    pub const fn server_context_takeover(&self) -> Option<ContextTakeover> {
        self.server.context
    }

    /// Whether the client keeps context; `None` where that is left to the role.
    pub const fn client_context_takeover(&self) -> Option<ContextTakeover> {
        self.client.context
    }

    /// The largest window of the server's compressor, as a power of two.
    pub const fn server_max_window_bits(&self) -> u8 {
        self.server.max_window_bits
    }

    /// The largest window of the client's compressor, as a power of two.
    pub const fn client_max_window_bits(&self) -> u8 {
        self.client.max_window_bits
    }
}

impl Default for Deflate {
    fn default() -> Self {
        Self::new()
    }
}

const fn window_bits(bits: u8) -> u8 {
    match bits {
        0..MIN_WINDOW_BITS => MIN_WINDOW_BITS,
        MIN_WINDOW_BITS..=MAX_WINDOW_BITS => bits,
        _ => MAX_WINDOW_BITS,
    }
}

/// What both ends agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeflateTerms {
    pub(crate) server: Direction,
    pub(crate) client: Direction,
    /// This end's own affair.
    pub(crate) coding: Coding,
}

/// What holds for the messages of one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Direction {
    pub(crate) context: ContextTakeover,
    pub(crate) window_bits: u8,
}
