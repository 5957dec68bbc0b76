//! Stretches of bytes that are not copied, and room for them.

use std::{cell::RefCell, collections::VecDeque};

use bytes::Bytes;

use crate::vocabulary::MaskingKey;

/// Room for more than so many is not kept.
const MAX_ROOM: usize = 16;
/// How many a thread keeps, each less than a kilobyte.
const MAX_CACHED: usize = 16;

/// A stretch of the queue.
#[derive(Debug)]
pub(super) enum Segment {
    /// Bytes as they go out.
    Plain(Bytes),
    /// The caller's payload, to be masked when its turn comes.
    Masked { payload: Bytes, key: MaskingKey },
}

impl Segment {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Plain(bytes) | Self::Masked { payload: bytes, .. } => bytes.len(),
        }
    }

    /// Cuts the first bytes off.
    pub(super) fn split_to(&mut self, len: usize) -> Self {
        match self {
            Self::Plain(bytes) => Self::Plain(bytes.split_to(len)),
            Self::Masked { payload, key } => {
                let first = Self::Masked { payload: payload.split_to(len), key: *key };
                *key = key.at(len);
                first
            }
        }
    }

    /// The bytes as they go out.
    pub(super) fn into_plain(self) -> Bytes {
        match self {
            Self::Plain(bytes) => bytes,
            Self::Masked { payload, key } => key.masked(&payload).into(),
        }
    }
}

/// Stretches in order; boxed, because an empty queue of them takes four words in each connection.
pub(super) type Segments = Box<VecDeque<Segment>>;

thread_local! {
    /// Empty ones, so that who sends what many share allocates nothing for it.
    static CACHE: RefCell<Vec<Segments>> = const { RefCell::new(Vec::new()) };
}

/// An empty one.
pub(super) fn take() -> Segments {
    CACHE.try_with(|cache| cache.borrow_mut().pop()).ok().flatten().unwrap_or_default()
}

/// Gives one back.
pub(super) fn give(mut segments: Segments) {
    segments.clear();
    if segments.capacity() > MAX_ROOM {
        return;
    }
    // A thread on its way out has no cache any more, and needs none.
    let _ = CACHE.try_with(|cache| {
        let mut cache = cache.borrow_mut();
        if cache.len() < MAX_CACHED {
            cache.push(segments);
        }
    });
}
