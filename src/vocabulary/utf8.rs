//! UTF-8 of text that arrives in pieces (RFC 6455 section 8.1).
//!
//! A piece may end inside a code point; the one to three bytes of it wait here for the rest.

use std::str;

use super::ProtocolError;

/// Texts up to this are looked at byte by byte or word by word.
const SHORT: usize = 64;

/// Checks a text that is all there.
#[inline]
pub(crate) fn validate_text(text: &[u8]) -> Result<(), ProtocolError> {
    // Short texts mostly are ASCII, and vectors don't pay for them.
    let is_valid =
        text.len() < SHORT && text.is_ascii() || simdutf8::basic::from_utf8(text).is_ok();
    if is_valid { Ok(()) } else { Err(fault_of(text)) }
}

/// What is wrong with a text that is not valid.
#[cold]
fn fault_of(text: &[u8]) -> ProtocolError {
    let mut validator = Utf8Validator::default();
    let checked = validator.validate(text).and_then(|()| validator.finish());
    checked.err().unwrap_or(ProtocolError::InvalidUtf8)
}

/// Checks a stream of pieces, failing at the first byte that no valid text could contain there.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Utf8Validator {
    /// The start of a code point whose rest has not arrived.
    pending: [u8; 4],
    pending_len: u8,
}

impl Utf8Validator {
    /// Checks the next piece.
    pub(crate) fn validate(&mut self, piece: &[u8]) -> Result<(), ProtocolError> {
        let piece = match self.pending_len {
            0 => piece,
            _ => match self.complete_pending(piece)? {
                Some(rest) => rest,
                None => return Ok(()),
            },
        };
        // Cutting the unfinished code point off first keeps the vectorised check from failing on it.
        let (whole, unfinished) = piece.split_at(piece.len() - unfinished_len(piece));
        simdutf8::basic::from_utf8(whole).map_err(|_| ProtocolError::InvalidUtf8)?;
        if unfinished.is_empty() { Ok(()) } else { self.begin_pending(unfinished) }
    }

    /// Ends the text: it may not stop inside a code point.
    pub(crate) fn finish(&mut self) -> Result<(), ProtocolError> {
        match std::mem::take(self).pending_len {
            0 => Ok(()),
            _ => Err(ProtocolError::TruncatedUtf8),
        }
    }

    /// Takes bytes for the code point begun earlier; gives the rest of the piece, `None` where all of it
    /// was taken and more is needed.
    fn complete_pending<'a>(&mut self, piece: &'a [u8]) -> Result<Option<&'a [u8]>, ProtocolError> {
        for (taken, byte) in piece.iter().enumerate() {
            self.pending[usize::from(self.pending_len)] = *byte;
            self.pending_len += 1;
            match str::from_utf8(&self.pending[..usize::from(self.pending_len)]) {
                Ok(_) => {
                    self.pending_len = 0;
                    return Ok(Some(&piece[taken + 1..]));
                }
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(ProtocolError::InvalidUtf8),
            }
        }
        Ok(None)
    }

    fn begin_pending(&mut self, unfinished: &[u8]) -> Result<(), ProtocolError> {
        match str::from_utf8(unfinished) {
            // A lead byte and fewer continuation bytes than it asks for; some such can't be completed
            // any more (E0 80, F4 90), and fail here rather than with the next piece.
            Err(error) if error.error_len().is_some() => Err(ProtocolError::InvalidUtf8),
            _ => {
                self.pending[..unfinished.len()].copy_from_slice(unfinished);
                // At most three bytes: see `unfinished_len`.
                self.pending_len = unfinished.len() as u8;
                Ok(())
            }
        }
    }
}

/// How many bytes at the end belong to a code point that asks for more than there are.
fn unfinished_len(piece: &[u8]) -> usize {
    let tail = &piece[piece.len().saturating_sub(3)..];
    for (back, byte) in (1..).zip(tail.iter().rev()) {
        let asked = match byte {
            0x80..=0xbf => continue,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 1,
        };
        return if asked > back { back } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The naive oracle: how far the bytes are a prefix of some valid text.
    fn fails_after(bytes: &[u8]) -> Option<usize> {
        (1..=bytes.len()).find(|&end| {
            str::from_utf8(&bytes[..end]).is_err_and(|error| error.error_len().is_some())
        })
    }

    const SAMPLES: &[&[u8]] = &[
        b"",
        b"plain",
        "κόσμε".as_bytes(),
        "a\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}z".as_bytes(),
        b"\xf4\x8f\xbf\xbf",
        b"\xf4\x90\x80\x80",
        b"\xed\x9f\xbf\xee\x80\x80",
        b"\xed\xa0\x80",
        b"\xc0\x80",
        b"\xc1\xbf",
        b"\xe0\x80\xaf",
        b"\xe0\xa0\x80",
        b"\xf0\x80\x80\x80",
        b"\xf0\x90\x80\x80",
        b"\xf5\x80\x80\x80",
        b"\xff",
        b"\xfe",
        b"\x80",
        b"ok\xbf",
        b"\xe2\x82",
        b"\xe2\x82x",
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
    ];

    #[test]
    fn section_8_1_fails_at_the_first_bad_byte_byte_by_byte() {
        for sample in SAMPLES {
            let mut validator = Utf8Validator::default();
            let failed = (0..sample.len()).find(|&i| validator.validate(&sample[i..=i]).is_err());
            assert_eq!(failed.map(|i| i + 1), fails_after(sample), "{sample:x?}");
        }
    }

    #[test]
    fn section_8_1_agrees_with_std_at_every_pair_of_splits() {
        for sample in SAMPLES {
            for first in 0..=sample.len() {
                for second in first..=sample.len() {
                    let mut validator = Utf8Validator::default();
                    let result = validator
                        .validate(&sample[..first])
                        .and_then(|()| validator.validate(&sample[first..second]))
                        .and_then(|()| validator.validate(&sample[second..]))
                        .and_then(|()| validator.finish());
                    assert_eq!(
                        result.is_ok(),
                        str::from_utf8(sample).is_ok(),
                        "{sample:x?} split at {first} and {second}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_sequence_of_one_to_three_bytes_agrees_with_std_on_the_first_bad_byte() {
        let edges = [0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xdf, 0xf5];
        let leads = 0x80..=0xffu8;
        for first in leads {
            for second in edges.into_iter().chain(0xe0..=0xff) {
                for third in edges {
                    let bytes = [first, second, third];
                    let mut validator = Utf8Validator::default();
                    let failed = validator.validate(&bytes).is_err();
                    assert_eq!(failed, fails_after(&bytes).is_some(), "{bytes:x?}");
                }
            }
        }
    }
}
