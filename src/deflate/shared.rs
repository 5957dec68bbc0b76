//! One message compressed for many connections.

use std::sync::OnceLock;

use bytes::Bytes;

use super::{compressor::Settings, pool};
use crate::vocabulary::{MAX_WINDOW_BITS, MIN_WINDOW_BITS};

const WINDOWS: usize = (MAX_WINDOW_BITS - MIN_WINDOW_BITS) as usize + 1;

/// A message's compressed forms, one for each size of window that was asked for. Each begins with an empty
/// window; `None` where it is better sent as it is.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    forms: [OnceLock<Option<Bytes>>; WINDOWS],
}

impl Shared {
    /// The form for this window, compressed and encoded where nobody has asked for it before.
    pub(super) fn form(
        &self,
        settings: Settings,
        message: &[u8],
        encode: impl FnOnce(Bytes) -> Bytes,
    ) -> Option<Bytes> {
        let form = &self.forms[usize::from(settings.window_bits() - MIN_WINDOW_BITS)];
        form.get_or_init(|| pool::compress_alone(settings, message).map(encode)).clone()
    }
}
