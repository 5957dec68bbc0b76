//! Masking (RFC 6455 section 5.3): each byte of a client's payload is XORed with one of four key bytes.
//!
//! ```text
//! transformed-octet-i = original-octet-i XOR masking-key-octet-(i MOD 4)
//! ```

use std::fmt;

/// So much is masked without a look at how much is left.
const BLOCK: usize = 64;

/// The four bytes with which a client masks one frame's payload.
///
/// "The masking key needs to be unpredictable" (section 5.3), so each frame takes a fresh one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MaskingKey([u8; 4]);

impl MaskingKey {
    /// A key from the thread's cryptographic random generator.
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// A key of these bytes.
    pub const fn new(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }

    /// The key's bytes, as they stand in the header.
    pub const fn bytes(self) -> [u8; 4] {
        self.0
    }

    /// Masks the payload in place, or unmasks it: both are the same.
    #[inline]
    pub fn apply(self, payload: &mut [u8]) {
        let word = self.word();
        let (blocks, rest) = payload.as_chunks_mut::<BLOCK>();
        for block in blocks {
            for bytes in block.as_chunks_mut::<8>().0 {
                *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
            }
        }
        let (words, rest) = rest.as_chunks_mut::<8>();
        for bytes in words {
            *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
        }
        let (half, rest) = rest.as_chunks_mut::<4>();
        for bytes in half {
            *bytes = (u32::from_ne_bytes(*bytes) ^ u32::from_ne_bytes(self.0)).to_ne_bytes();
        }
        for (byte, key) in rest.iter_mut().zip(self.0) {
            *byte ^= key;
        }
    }

    /// A masked copy, in one pass over the payload.
    pub(crate) fn masked(self, payload: &[u8]) -> Vec<u8> {
        let word = self.word();
        let (words, rest) = payload.as_chunks::<8>();
        let mut masked = Vec::with_capacity(words.len() + 1);
        masked.extend(words.iter().map(|bytes| (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes()));
        let mut masked = masked.into_flattened();
        masked.extend(rest.iter().zip(word.to_ne_bytes()).map(|(byte, key)| byte ^ key));
        masked
    }

    /// The key twice: eight bytes at a time is all the compiler needs to use the machine's vectors.
    fn word(self) -> u64 {
        let [a, b, c, d] = self.0;
        u64::from_ne_bytes([a, b, c, d, a, b, c, d])
    }

    /// The key as seen from `offset` bytes into the payload, so that a payload can be masked in pieces.
    #[must_use]
    pub fn at(self, offset: usize) -> Self {
        let mut bytes = self.0;
        bytes.rotate_left(offset % 4);
        Self(bytes)
    }
}

impl fmt::Debug for MaskingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naive(key: [u8; 4], payload: &[u8]) -> Vec<u8> {
        (0..).zip(payload).map(|(i, byte)| byte ^ key[i % 4]).collect()
    }

    #[test]
    fn agrees_with_the_formula_at_every_length_and_split() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        let payload: Vec<u8> = (0..=255).collect();
        for length in 0..payload.len() {
            let expected = naive(key, &payload[..length]);
            for split in 0..=length.min(20) {
                let mut masked = payload[..length].to_vec();
                let (head, tail) = masked.split_at_mut(split);
                MaskingKey::new(key).apply(head);
                MaskingKey::new(key).at(split).apply(tail);
                assert_eq!(masked, expected, "length {length}, split {split}");
            }
            assert_eq!(
                MaskingKey::new(key).masked(&payload[..length]),
                expected,
                "length {length}"
            );
        }
    }

    #[test]
    fn random_keys_differ() {
        let keys: Vec<_> = (0..8).map(|_| MaskingKey::random()).collect();
        assert!(keys.iter().any(|key| *key != keys[0]));
    }
}
