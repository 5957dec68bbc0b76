use std::fmt;

use base64::{
    Engine, alphabet,
    engine::{GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use http::HeaderValue;
use sha1::{Digest, Sha1};

/// What the accept value is hashed with (RFC 6455 section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Base64 whose unused last bits may be anything: the RFC's own example key in section 4.1 sets some.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// The client's nonce: "a randomly selected 16-byte value that has been base64-encoded" (section 4.1).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key([u8; 16]);

impl Key {
    /// A key from the thread's cryptographic random generator.
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// A key of these bytes.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The value of `Sec-WebSocket-Key`.
    pub(super) fn header(&self) -> HeaderValue {
        ascii_header(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

/// Whether the header's value is 16 bytes in base64.
pub(super) fn is_key(value: &HeaderValue) -> bool {
    LENIENT.decode(value.as_bytes()).is_ok_and(|bytes| bytes.len() == 16)
}

/// The value of `Sec-WebSocket-Accept` for this key (section 4.2.2).
pub(super) fn accept_value(key: &HeaderValue) -> HeaderValue {
    let hash = Sha1::new().chain_update(key.as_bytes()).chain_update(GUID).finalize();
    ascii_header(&STANDARD.encode(hash))
}

fn ascii_header(base64: &str) -> HeaderValue {
    // Base64 is visible ASCII, which every header value may hold.
    HeaderValue::from_str(base64).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn section_1_3_accept_of_the_sample_nonce() {
        let key = HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ==");
        assert!(is_key(&key));
        assert_eq!(accept_value(&key), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn section_4_1_the_sample_key_with_unused_bits_set_is_a_key() {
        assert!(is_key(&HeaderValue::from_static("AQIDBAUGBwgJCgsMDQ4PEC==")));
    }

    #[test]
    fn section_4_2_1_keys_of_other_lengths_are_none() {
        for bad in
            ["", "=", "AQIDBAUGBwgJCgsMDQ4P", "AQIDBAUGBwgJCgsMDQ4PEBE=", "not base64!!!!!!!!!!!!"]
        {
            assert!(!is_key(&HeaderValue::from_static(bad)), "{bad}");
        }
    }

    #[test]
    fn random_keys_differ_and_are_keys() {
        assert_ne!(Key::random(), Key::random());
        assert!(is_key(&Key::random().header()));
    }
}
