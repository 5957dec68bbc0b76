use std::fmt;

use bytes::Bytes;
use zlib_rs::{DeflateConfig, DeflateError, DeflateFlush};

use super::space;
use crate::vocabulary::{Coding, Direction, PieceEnd};

/// What every flushed message ends with, and what is left out of it: "Remove 4 octets (that are 0x00 0x00
/// 0xff 0xff) from the tail end" (RFC 7692 section 7.2.1).
const FLUSH_MARK_LEN: usize = 4;
/// The header of an empty block (section 7.2.3.6).
const EMPTY: &[u8] = &[0x00];

/// What a compressor is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    level: u8,
    memory_level: u8,
    window_bits: u8,
}

impl Settings {
    pub(super) fn new(coding: Coding, direction: Direction) -> Self {
        Self {
            level: coding.level,
            memory_level: coding.memory_level,
            // zlib has no window of 256 bytes. At 9 bits its distances stay below 250 (the window less
            // 262 bytes of look-ahead), which keeps to 8.
            window_bits: direction.window_bits.max(9),
        }
    }

    /// The window in bytes.
    pub(super) fn window(self) -> usize {
        1 << self.window_bits
    }

    pub(super) fn window_bits(self) -> u8 {
        self.window_bits
    }
}

/// A state to compress with, and what is in its window.
pub(super) struct Compressor {
    settings: Settings,
    /// Boxed, because it is handed out and back for each message.
    state: Box<zlib_rs::Deflate>,
}

impl Compressor {
    pub(super) fn new(settings: Settings) -> Self {
        let config = DeflateConfig {
            level: settings.level.into(),
            // Negative: DEFLATE data without the header of zlib.
            window_bits: -i32::from(settings.window_bits),
            mem_level: settings.memory_level.into(),
            ..DeflateConfig::default()
        };
        Self { settings, state: Box::new(zlib_rs::Deflate::new_with_config(config)) }
    }

    pub(super) fn settings(&self) -> Settings {
        self.settings
    }

    pub(super) fn reset(&mut self) {
        self.state.reset();
    }

    /// A message as it goes out (section 7.2.1). An error leaves a state that is of no more use.
    pub(super) fn compress(&mut self, message: &[u8]) -> Result<Bytes, DeflateError> {
        if message.is_empty() {
            // zlib has nothing to flush.
            return Ok(Bytes::from_static(EMPTY));
        }
        space::with_space(|space| {
            let mut rest = message;
            let mut compressed = Vec::new();
            loop {
                let len = self.step(&mut rest, space, DeflateFlush::SyncFlush)?;
                let is_done = len < space.len();
                if is_done && compressed.is_empty() && len >= FLUSH_MARK_LEN {
                    return Ok(Bytes::copy_from_slice(&space[..len - FLUSH_MARK_LEN]));
                }
                compressed.extend_from_slice(&space[..len]);
                if is_done {
                    return Ok(without_mark(compressed));
                }
            }
        })
    }

    /// A piece of a message of which others follow: what zlib has to say after it, which may be nothing, or with
    /// [`PieceEnd::Flushed`] all of it.
    pub(super) fn compress_piece(
        &mut self,
        mut piece: &[u8],
        end: PieceEnd,
    ) -> Result<Bytes, DeflateError> {
        let flush = match end {
            PieceEnd::Open => DeflateFlush::NoFlush,
            PieceEnd::Flushed | PieceEnd::Last => DeflateFlush::SyncFlush,
        };
        let mut compressed = Vec::new();
        space::with_space(|space| {
            loop {
                let len = self.step(&mut piece, space, flush)?;
                compressed.extend_from_slice(&space[..len]);
                if piece.is_empty() && len < space.len() {
                    return Ok(());
                }
            }
        })?;
        Ok(match end {
            // Nothing since the last flush: an empty block more, as for an empty message.
            PieceEnd::Last if compressed.is_empty() => Bytes::from_static(EMPTY),
            PieceEnd::Last => without_mark(compressed),
            PieceEnd::Open | PieceEnd::Flushed => compressed.into(),
        })
    }

    /// Compresses once, as far as space goes; how much was written.
    fn step(
        &mut self,
        input: &mut &[u8],
        space: &mut [u8],
        flush: DeflateFlush,
    ) -> Result<usize, DeflateError> {
        let (total_in, total_out) = (self.state.total_in(), self.state.total_out());
        self.state.compress(input, space, flush)?;
        *input = &input[(self.state.total_in() - total_in) as usize..];
        Ok((self.state.total_out() - total_out) as usize)
    }
}

fn without_mark(mut compressed: Vec<u8>) -> Bytes {
    compressed.truncate(compressed.len().saturating_sub(FLUSH_MARK_LEN));
    compressed.into()
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor").field("settings", &self.settings).finish_non_exhaustive()
    }
}
