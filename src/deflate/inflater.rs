use std::{collections::VecDeque, fmt};

use zlib_rs::{InflateFlush, Status};

use crate::vocabulary::ProtocolError;

/// The farthest that DEFLATE data can refer back.
pub(super) const MAX_WINDOW: usize = 32 << 10;

/// "Append 4 octets of 0x00 0x00 0xff 0xff to the tail end of the payload of the message" (RFC 7692 section
/// 7.2.2): the length of an empty block, whose header is the payload's last bits.
const TAIL: &[u8] = &[0x00, 0x00, 0xff, 0xff];
/// A whole block without content.
const EMPTY_BLOCK: &[u8] = &[0x00, 0x00, 0x00, 0xff, 0xff];

/// Whose last window a decompressor has: a connection's, after so many messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) connection: u64,
    pub(super) messages: u64,
}

/// A state to decompress with, and what is in its window.
pub(super) struct Inflater {
    /// Boxed, because it is handed out and back for each message.
    state: Box<zlib_rs::Inflate>,
    owner: Option<Owner>,
}

/// What one step has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Bytes of input taken.
    pub(super) taken: usize,
    /// Bytes of output written.
    pub(super) written: usize,
    pub(super) end: BlockEnd,
}

/// Whether a block that says it is the last has ended ("BFINAL").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockEnd {
    Last,
    Other,
}

impl Inflater {
    pub(super) fn new() -> Self {
        // Negative or not, fifteen bits serve any window; and zlib-rs has memory for them anyway.
        Self { state: Box::new(zlib_rs::Inflate::new(false, 15)), owner: None }
    }

    pub(super) fn owner(&self) -> Option<Owner> {
        self.owner
    }

    pub(super) fn set_owner(&mut self, owner: Option<Owner>) {
        self.owner = owner;
    }

    /// Empties the window, ready for the first block of a message.
    pub(super) fn reset(&mut self) {
        self.owner = None;
        self.state.reset(false);
    }

    /// Continues the window with these bytes.
    pub(super) fn extend_window(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            // Raw DEFLATE data takes a dictionary between any two blocks; there is no error in it.
            let _ = self.state.set_dictionary(bytes);
        }
    }

    /// Inflates once, as far as input and space go.
    pub(super) fn step(&mut self, input: &[u8], space: &mut [u8]) -> Result<Step, ProtocolError> {
        self.step_until(input, space, InflateFlush::NoFlush)
    }

    fn step_until(
        &mut self,
        input: &[u8],
        space: &mut [u8],
        stop: InflateFlush,
    ) -> Result<Step, ProtocolError> {
        let (total_in, total_out) = (self.state.total_in(), self.state.total_out());
        let status = self.state.decompress(input, space, stop);
        let end = match status {
            Ok(Status::Ok | Status::BufError) => BlockEnd::Other,
            Ok(Status::StreamEnd) => BlockEnd::Last,
            Err(_) => return Err(ProtocolError::InvalidDeflate),
        };
        Ok(Step {
            taken: (self.state.total_in() - total_in) as usize,
            written: (self.state.total_out() - total_out) as usize,
            end,
        })
    }

    /// Appends the tail, and holds the data to ending there with a block: "Decompress the resulting data
    /// using DEFLATE". Tells whether that block says it is the last.
    pub(super) fn finish(&mut self) -> Result<BlockEnd, ProtocolError> {
        const TAKEN: Step = Step { taken: TAIL.len(), written: 0, end: BlockEnd::Other };
        const EMPTY: Step = Step { taken: EMPTY_BLOCK.len(), ..TAKEN };
        const ENDED: Step = Step { taken: 0, written: 0, end: BlockEnd::Last };

        if self.step_to_block(TAIL)? != TAKEN {
            return Err(ProtocolError::InvalidDeflate);
        }
        // The tail may have completed a block of which half was there, and that block may end inside the
        // tail's last byte. What is left of it then, all ones, makes something else of an empty block.
        match self.step_to_block(EMPTY_BLOCK)? {
            EMPTY if self.step(&[], &mut [0; 1])?.end == BlockEnd::Other => Ok(BlockEnd::Other),
            // Behind a last block zlib takes nothing.
            ENDED => Ok(BlockEnd::Last),
            _ => Err(ProtocolError::InvalidDeflate),
        }
    }

    /// Inflates this with a byte behind it, up to where a block ends. Between two blocks zlib stops there
    /// and takes not a byte more; anywhere inside a block it makes something else of it.
    fn step_to_block(&mut self, bytes: &[u8]) -> Result<Step, ProtocolError> {
        let mut input = [0; EMPTY_BLOCK.len() + 1];
        input[..bytes.len()].copy_from_slice(bytes);
        self.step_until(&input[..=bytes.len()], &mut [0; 1], InflateFlush::Block)
    }
}

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater").field("owner", &self.owner).finish_non_exhaustive()
    }
}

/// The end of what a peer has sent before, as far as its next message may refer back.
#[derive(Clone, Debug)]
pub(super) struct History {
    bytes: VecDeque<u8>,
    window: usize,
}

impl History {
    pub(super) fn new(window: usize) -> Self {
        Self { bytes: VecDeque::new(), window }
    }

    /// How far back it reaches, in bytes.
    pub(super) fn window(&self) -> usize {
        self.window
    }

    pub(super) fn push(&mut self, message: &[u8]) {
        let kept = &message[message.len().saturating_sub(self.window)..];
        let excess = (self.bytes.len() + kept.len()).saturating_sub(self.window);
        self.bytes.drain(..excess);
        self.reserve(kept.len());
        self.bytes.extend(kept);
    }

    /// Grows by doubling, but never past the window.
    fn reserve(&mut self, more: usize) {
        let len = self.bytes.len() + more;
        if len > self.bytes.capacity() {
            let capacity = len.next_power_of_two().min(self.window);
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
    }

    /// Puts the last `len` bytes into a decompressor's window.
    pub(super) fn load(&self, inflater: &mut Inflater, len: usize) {
        let skipped = self.bytes.len().saturating_sub(len);
        let (front, back) = self.bytes.as_slices();
        inflater.extend_window(front.get(skipped..).unwrap_or_default());
        inflater.extend_window(&back[skipped.saturating_sub(front.len())..]);
    }
}
