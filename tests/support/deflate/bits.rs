//! Writes DEFLATE data block by block (RFC 1951 section 3.2), so that tests can break it.
#![allow(dead_code, reason = "each test binary uses its own part")]

/// Whether a block says that it is the last ("BFINAL").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    Last,
    Inner,
}

pub(crate) const STORED: u16 = 0;
pub(crate) const FIXED: u16 = 1;
pub(crate) const DYNAMIC: u16 = 2;

/// The first distance of each distance code, which has half its number of extra bits, less one.
const DISTANCES: [u16; 30] = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537,
    2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577,
];

#[derive(Clone, Debug, Default)]
pub(crate) struct Bits {
    bytes: Vec<u8>,
    /// How many bits of the last byte are written; 0 where it is full.
    used: u32,
}

impl Bits {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A number, its least significant bit first.
    pub(crate) fn number(mut self, value: u16, count: u32) -> Self {
        for bit in 0..count {
            if self.used == 0 {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().expect("a byte") |= (((value >> bit) & 1) as u8) << self.used;
            self.used = (self.used + 1) % 8;
        }
        self
    }

    /// A Huffman code, its most significant bit first.
    pub(crate) fn code(self, code: u16, count: u32) -> Self {
        (0..count).rev().fold(self, |bits, bit| bits.number(code >> bit, 1))
    }

    /// A block's header.
    pub(crate) fn block(self, block: Block, kind: u16) -> Self {
        self.number(u16::from(block == Block::Last), 1).number(kind, 2)
    }

    /// Literals, in the fixed code.
    pub(crate) fn literals(self, bytes: &[u8]) -> Self {
        bytes.iter().fold(self, |bits, &byte| match byte {
            0..=143 => bits.code(0x30 + u16::from(byte), 8),
            _ => bits.code(0x190 + u16::from(byte - 144), 9),
        })
    }

    /// "Copy 3 to 10 bytes from so far back", in the fixed code.
    pub(crate) fn repeat(self, len: u16, distance: u16) -> Self {
        assert!((3..=10).contains(&len), "no extra bits here");
        let code = DISTANCES.partition_point(|first| *first <= distance) - 1;
        let extra = (code as u32 / 2).saturating_sub(1);
        self.code(len - 2, 7).code(code as u16, 5).number(distance - DISTANCES[code], extra)
    }

    /// The end of a block, in the fixed code.
    pub(crate) fn end(self) -> Self {
        self.code(0, 7)
    }

    /// A block in the fixed code with these literals.
    pub(crate) fn fixed(self, block: Block, literals: &[u8]) -> Self {
        self.block(block, FIXED).literals(literals).end()
    }

    /// A block without compression.
    pub(crate) fn stored(self, block: Block, bytes: &[u8]) -> Self {
        let mut bits = self.block(block, STORED).aligned();
        let len = bytes.len() as u16;
        bits.bytes.extend(len.to_le_bytes());
        bits.bytes.extend((!len).to_le_bytes());
        bits.bytes.extend(bytes);
        bits
    }

    /// Goes on at the next byte, as after a last block.
    pub(crate) fn aligned(mut self) -> Self {
        self.used = 0;
        self
    }

    /// Other DEFLATE data behind it, from the next byte on.
    pub(crate) fn then(self, bytes: &[u8]) -> Self {
        let mut bits = self.aligned();
        bits.bytes.extend(bytes);
        bits
    }

    /// The payload of a message: with the header of an empty stored block, whose lengths stay away
    /// (RFC 7692 section 7.2.1).
    pub(crate) fn message(self) -> Vec<u8> {
        self.block(Block::Inner, STORED).bytes()
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        self.bytes
    }
}
