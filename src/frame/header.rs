use bytes::BufMut;

use crate::vocabulary::{MaskingKey, OpCode, ReservedBits};

pub(super) const FIN: u8 = 0x80;
pub(super) const MASK: u8 = 0x80;
/// A seven-bit length that says: the next 16 bits are the length.
pub(super) const LENGTH_16: u8 = 126;
/// A seven-bit length that says: the next 64 bits are the length.
pub(super) const LENGTH_64: u8 = 127;

/// What stands before a frame's payload: 2 to 14 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    is_final: bool,
    reserved: ReservedBits,
    opcode: OpCode,
    masking_key: Option<MaskingKey>,
    payload_len: u64,
}

impl FrameHeader {
    /// The longest header: two bytes, 64 bits of length, the masking key.
    pub const MAX_LEN: usize = 14;

    /// The header of a final, unmasked frame.
    pub const fn new(opcode: OpCode, payload_len: u64) -> Self {
        Self {
            is_final: true,
            reserved: ReservedBits::NONE,
            opcode,
            masking_key: None,
            payload_len,
        }
    }

    /// The same without FIN: more fragments of the message follow.
    #[must_use]
    pub const fn not_final(mut self) -> Self {
        self.is_final = false;
        self
    }

    /// The same with these reserved bits.
    #[must_use]
    pub const fn with_reserved(mut self, reserved: ReservedBits) -> Self {
        self.reserved = reserved;
        self
    }

    /// The same with this masking key, or none.
    #[must_use]
    pub const fn with_masking_key(mut self, key: Option<MaskingKey>) -> Self {
        self.masking_key = key;
        self
    }

    /// FIN: whether this is the message's last frame.
    pub const fn is_final(&self) -> bool {
        self.is_final
    }

    /// RSV1 to RSV3.
    pub const fn reserved(&self) -> ReservedBits {
        self.reserved
    }

    /// What the payload is.
    pub const fn opcode(&self) -> OpCode {
        self.opcode
    }

    /// The masking key, where the payload is masked.
    pub const fn masking_key(&self) -> Option<MaskingKey> {
        self.masking_key
    }

    /// The payload's length in bytes.
    pub const fn payload_len(&self) -> u64 {
        self.payload_len
    }

    /// Reads a header with no rule judged, and tells how many bytes it took; `None` where more are needed.
    ///
    /// [`FrameReader`](super::FrameReader) is what judges.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let &[first, second, ref rest @ ..] = bytes else { return None };
        let (payload_len, rest) = match second & !MASK {
            LENGTH_16 => {
                let (length, rest) = rest.split_first_chunk::<2>()?;
                (u64::from(u16::from_be_bytes(*length)), rest)
            }
            LENGTH_64 => {
                let (length, rest) = rest.split_first_chunk::<8>()?;
                (u64::from_be_bytes(*length), rest)
            }
            short => (u64::from(short), rest),
        };
        let (masking_key, rest) = if second & MASK == 0 {
            (None, rest)
        } else {
            let (key, rest) = rest.split_first_chunk::<4>()?;
            (Some(MaskingKey::new(*key)), rest)
        };
        let header = Self {
            is_final: first & FIN != 0,
            reserved: ReservedBits::of_first_byte(first),
            opcode: OpCode::of_first_byte(first),
            masking_key,
            payload_len,
        };
        Some((header, bytes.len() - rest.len()))
    }

    /// How many bytes [`encode`](Self::encode) appends.
    pub const fn encoded_len(&self) -> usize {
        let length = match self.payload_len {
            0..=125 => 0,
            126..=0xffff => 2,
            _ => 8,
        };
        2 + length + if self.masking_key.is_some() { 4 } else { 0 }
    }

    /// Appends the header, its length in as few bytes as it needs: "the minimal number of bytes MUST
    /// be used to encode the length" (section 5.2).
    #[inline(always)]
    pub fn encode(&self, dst: &mut impl BufMut) {
        let fin = if self.is_final { FIN } else { 0 };
        let mask = if self.masking_key.is_some() { MASK } else { 0 };
        let first = fin | self.reserved.bits() | u8::from(self.opcode);
        // In as few steps as there are sizes: each of them looks for room.
        match self.payload_len {
            short @ 0..=125 => dst.put_slice(&[first, mask | short as u8]),
            medium @ 126..=0xffff => {
                let [high, low] = (medium as u16).to_be_bytes();
                dst.put_slice(&[first, mask | LENGTH_16, high, low]);
            }
            long => {
                dst.put_slice(&[first, mask | LENGTH_64]);
                dst.put_u64(long);
            }
        }
        if let Some(key) = self.masking_key {
            dst.put_slice(&key.bytes());
        }
    }
}
