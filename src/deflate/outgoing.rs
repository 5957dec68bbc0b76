//! A connection's messages on their way out, compressed where that is worth it (RFC 7692 section 7.2.1).

use bytes::Bytes;

use super::{
    compressor::{Compressor, Settings},
    pool,
    shared::Shared,
};
use crate::vocabulary::{Coding, Compression, ContextTakeover, Direction, PieceCoding, PieceEnd};

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

    fn take_next(&mut self) -> Next {
        std::mem::replace(&mut self.next, Next::Compressed)
    }

    /// The compressed message; `None` where it is better sent as it is. Once it is compressed with context
    /// it has to go out so: the peer's window must stay like ours.
    pub(crate) fn compress(&mut self, message: &[u8], compression: Compression) -> Option<Bytes> {
        if compression == Compression::Never {
            return None;
        }
        if self.take_next() == Next::AsItIs || message.len() < self.threshold {
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

    /// Begins a message that goes out in pieces; gives whether it is to be compressed.
    pub(crate) fn begin_pieces(&mut self, compression: Compression) -> PieceCoding {
        if compression == Compression::Never || self.take_next() == Next::AsItIs {
            return PieceCoding::AsItIs;
        }
        if self.context == ContextTakeover::Dropped {
            self.compressor = Some(pool::take_compressor(self.settings));
        }
        PieceCoding::Compressed
    }

    /// The next piece of it; `None` where the state is of no more use.
    pub(crate) fn compress_piece(&mut self, piece: &[u8], end: PieceEnd) -> Option<Bytes> {
        let settings = self.settings;
        let compressor = self.compressor.get_or_insert_with(|| Compressor::new(settings));
        let compressed = compressor.compress_piece(piece, end).ok();
        if compressed.is_none() {
            self.compressor = None;
        } else if end == PieceEnd::Last
            && self.context == ContextTakeover::Dropped
            && let Some(compressor) = self.compressor.take()
        {
            pool::give_compressor(compressor);
        }
        compressed
    }

    /// Forgets a message of which nothing more will go out. What was compressed of it, the peer may never see.
    pub(crate) fn abandon_pieces(&mut self) {
        self.compressor = None;
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
