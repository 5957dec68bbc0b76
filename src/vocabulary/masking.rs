//! Masking (RFC 6455 section 5.3): each byte of a client's payload is XORed with one of four key bytes.
//!
//! ```text
//! transformed-octet-i = original-octet-i XOR masking-key-octet-(i MOD 4)
//! ```

use std::{fmt, ops::Range};

/// So much is masked without a look at how much is left.
const BLOCK: usize = 64;
/// The bit of each byte that ASCII leaves alone.
const NOT_ASCII: u64 = 0x8080_8080_8080_8080;

/// What went by while a payload was masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Ascii,
    Anything,
}

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
        self.apply_short(rest);
    }

    /// The same, with a look at what comes out: a short payload passes through registers, so whether it is ASCII can be told for
    /// next to nothing.
    #[inline(always)]
    pub(crate) fn apply_looking(self, payload: &mut [u8]) -> Seen {
        if payload.len() < BLOCK {
            return self.apply_short(payload);
        }
        self.apply(payload);
        Seen::Anything
    }

    #[inline(always)]
    fn apply_short(self, payload: &mut [u8]) -> Seen {
        let word = self.word();
        let mut seen = 0;
        let (words, rest) = payload.as_chunks_mut::<8>();
        for bytes in words {
            let masked = u64::from_ne_bytes(*bytes) ^ word;
            *bytes = masked.to_ne_bytes();
            seen |= masked;
        }
        let (half, rest) = rest.as_chunks_mut::<4>();
        for bytes in half {
            let masked = u32::from_ne_bytes(*bytes) ^ u32::from_ne_bytes(self.0);
            *bytes = masked.to_ne_bytes();
            seen |= u64::from(masked);
        }
        for (byte, key) in rest.iter_mut().zip(self.0) {
            *byte ^= key;
            seen |= u64::from(*byte);
        }
        if seen & NOT_ASCII == 0 { Seen::Ascii } else { Seen::Anything }
    }

    /// [`apply`](Self::apply) to a payload that moves towards the buffer's front, in one pass over it.
    pub(crate) fn apply_moving(self, buffer: &mut [u8], payload: Range<usize>, to: usize) {
        let len = payload.len();
        let distance = payload.start - to;
        let window = &mut buffer[to..payload.end];
        let mut at = 0;
        // What a block is written over has been read, as part of it or before.
        while len - at >= BLOCK {
            let mut block = [0; BLOCK];
            block.copy_from_slice(&window[at + distance..][..BLOCK]);
            self.apply(&mut block);
            window[at..][..BLOCK].copy_from_slice(&block);
            at += BLOCK;
        }
        window.copy_within(at + distance.., at);
        self.apply_short(&mut window[at..len]);
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
        let key = u64::from(u32::from_ne_bytes(self.0));
        key << 32 | key
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
    fn a_payload_that_moves_is_masked_as_one_that_stays() {
        let key = MaskingKey::new([0x37, 0xfa, 0x21, 0xbd]);
        for length in (0..300).chain([4096]) {
            for distance in [0, 1, 2, 6, 8, 63, 64, 65, 1000] {
                let payload: Vec<u8> = (0..length).map(|i| (i * 7) as u8).collect();
                let mut buffer = [&vec![1; 5 + distance], &payload[..], b"behind"].concat();
                key.apply_moving(&mut buffer, 5 + distance..5 + distance + length, 5);
                assert_eq!(buffer[..5], [1; 5]);
                assert_eq!(buffer[5..5 + length], key.masked(&payload), "{length} by {distance}");
                assert!(buffer.ends_with(b"behind"));
            }
        }
    }

    #[test]
    fn what_is_said_to_be_ascii_is() {
        let key = MaskingKey::new([0x37, 0xfa, 0x21, 0xbd]);
        for length in 0..2 * BLOCK {
            let text = vec![b'a'; length];
            let mut payload = key.masked(&text);
            assert_eq!(key.apply_short(&mut payload), Seen::Ascii, "length {length}");
            assert_eq!(payload, text);
            for place in 0..length {
                let mut text = text.clone();
                text[place] = 0x80;
                let mut payload = key.masked(&text);
                assert_eq!(key.apply_short(&mut payload), Seen::Anything, "{place} of {length}");
                assert_eq!(payload, text);
            }
        }
    }

    #[test]
    fn random_keys_differ() {
        let keys: Vec<_> = (0..8).map(|_| MaskingKey::random()).collect();
        assert!(keys.iter().any(|key| *key != keys[0]));
    }
}
