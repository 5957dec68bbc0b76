//! A connection's messages on their way out, compressed where that is worth it (RFC 7692 section 7.2.1).

use bytes::Bytes;

use super::{
    compressor::{Compressor, Settings},
    pool,
    shared::Shared,
};
use crate::vocabulary::{Coding, ContextTakeover, Direction};

/// Compresses one message after the other.
#[derive(Debug)]
pub(crate) struct Outgoing {
    settings: Settings,
    context: ContextTakeover,
    threshold: usize,
    /// Where context is kept, from the first compressed message on.
    compressor: Option<Compressor>,
    next: Next,
}

/// What the caller wants for the next message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Compressed,
    AsItIs,
}

impl Outgoing {
    pub(super) fn new(coding: Coding, terms: Direction) -> Self {
        Self {
            settings: Settings::new(coding, terms),
            context: terms.context,
            threshold: coding.threshold,
            compressor: None,
            next: Next::Compressed,
        }
    }

    /// Leaves the next message as it is.
    pub(crate) fn skip(&mut self) {
        self.next = Next::AsItIs;
    }

    /// Takes that back.
    pub(crate) fn resume(&mut self) {
        self.next = Next::Compressed;
    }

    /// The compressed message; `None` where it is better sent as it is. Once it is compressed with context
    /// it has to go out so: the peer's window must stay like ours.
    pub(crate) fn compress(&mut self, message: &[u8]) -> Option<Bytes> {
        let next = std::mem::replace(&mut self.next, Next::Compressed);
        if next == Next::AsItIs || message.len() < self.threshold {
            return None;
        }
        match self.context {
            ContextTakeover::Kept => self.compress_in_context(message),
            ContextTakeover::Dropped => pool::compress_alone(self.settings, message),
        }
    }

    /// A message that others send too, compressed once for all of them.
    pub(crate) fn share(
        &mut self,
        message: &[u8],
        shared: &Shared,
        encode: impl FnOnce(Bytes) -> Bytes,
    ) -> Option<Bytes> {
        if message.len() < self.threshold {
            return None;
        }
        let form = shared.form(self.settings, message, encode)?;
        // The peer's window moves on by a message that ours has not seen. An empty one fits any.
        if let Some(compressor) = &mut self.compressor {
            compressor.reset();
        }
        Some(form)
    }

    fn compress_in_context(&mut self, message: &[u8]) -> Option<Bytes> {
        let compressor = self.compressor.get_or_insert_with(|| Compressor::new(self.settings));
        let Ok(compressed) = compressor.compress(message) else {
            // A new one starts from an empty window, which any peer's window includes.
            self.compressor = None;
            return None;
        };
        // Where it doesn't shrink it goes out larger by little, for the context's sake. A message that has
        // filled the window by itself leaves no context worth that.
        if compressed.len() >= message.len() && message.len() >= self.settings.window() {
            compressor.reset();
            return None;
        }
        Some(compressed)
    }
}
