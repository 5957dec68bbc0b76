//! Text that shares its bytes: the only file of the crate with `unsafe` code.
#![allow(unsafe_code)]

use std::{borrow::Borrow, error, fmt, hash, ops::Deref, str};

use bytes::Bytes;

/// UTF-8 text in shared [`Bytes`]: a `str` whose clone is cheap and which comes off the wire uncopied.
///
/// Four words, as `Bytes`; the text itself is shared between clones.
#[derive(Clone, Default)]
pub struct Utf8Bytes(
    /// Valid UTF-8, always.
    Bytes,
);

impl Utf8Bytes {
    /// Text of a literal, without allocating.
    pub const fn from_static(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// Text of bytes known to be UTF-8.
    ///
    /// # Safety
    ///
    /// `bytes` must be valid UTF-8.
    pub(crate) unsafe fn from_bytes_unchecked(bytes: Bytes) -> Self {
        debug_assert!(str::from_utf8(&bytes).is_ok());
        Self(bytes)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        // SAFETY: every constructor checks, takes a `str`, or has its caller's word for it.
        unsafe { str::from_utf8_unchecked(&self.0) }
    }

    /// The shared bytes of the text.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// The shared bytes of the text, by reference.
    pub fn as_shared(&self) -> &Bytes {
        &self.0
    }
}

/// The bytes were not UTF-8; they are handed back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidUtf8 {
    bytes: Bytes,
    valid_up_to: usize,
}

impl InvalidUtf8 {
    /// How many bytes at the front are valid text.
    pub fn valid_up_to(&self) -> usize {
        self.valid_up_to
    }

    /// The bytes that were refused.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

impl fmt::Display for InvalidUtf8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes are UTF-8 up to byte {} only", self.bytes.len(), self.valid_up_to)
    }
}

impl error::Error for InvalidUtf8 {}

impl TryFrom<Bytes> for Utf8Bytes {
    type Error = InvalidUtf8;

    fn try_from(bytes: Bytes) -> Result<Self, InvalidUtf8> {
        match simdutf8::compat::from_utf8(&bytes) {
            Ok(_) => Ok(Self(bytes)),
            Err(error) => Err(InvalidUtf8 { valid_up_to: error.valid_up_to(), bytes }),
        }
    }
}

impl TryFrom<Vec<u8>> for Utf8Bytes {
    type Error = InvalidUtf8;

    fn try_from(bytes: Vec<u8>) -> Result<Self, InvalidUtf8> {
        Self::try_from(Bytes::from(bytes))
    }
}

impl From<String> for Utf8Bytes {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

/// Copies the text; [`Utf8Bytes::from_static`] doesn't.
impl From<&str> for Utf8Bytes {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<&String> for Utf8Bytes {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<Utf8Bytes> for Bytes {
    fn from(text: Utf8Bytes) -> Self {
        text.0
    }
}

impl From<Utf8Bytes> for String {
    fn from(text: Utf8Bytes) -> Self {
        text.as_str().to_owned()
    }
}

impl Deref for Utf8Bytes {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Utf8Bytes {
    fn as_ref(&self) -> &str {
        self
    }
}

impl AsRef<[u8]> for Utf8Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<str> for Utf8Bytes {
    fn borrow(&self) -> &str {
        self
    }
}

impl fmt::Debug for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl PartialEq for Utf8Bytes {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Utf8Bytes {}

impl hash::Hash for Utf8Bytes {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        // As `str` does, because `Borrow<str>` promises it.
        self.as_str().hash(state);
    }
}

impl PartialEq<str> for Utf8Bytes {
    fn eq(&self, text: &str) -> bool {
        self.as_str() == text
    }
}

impl PartialEq<&str> for Utf8Bytes {
    fn eq(&self, text: &&str) -> bool {
        self.as_str() == *text
    }
}
