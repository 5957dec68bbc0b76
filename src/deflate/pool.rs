//! The states that zlib works on, lent by the thread for the length of one message.
//!
//! Compressing is one synchronous step, so that a thread needs one compressor for each kind of
//! agreement. A decompressor is out for as long as its message arrives; what one has in its window may
//! be what the same connection's next message refers to, and then nothing has to be copied into it.

use std::cell::RefCell;

use bytes::Bytes;

use super::{
    compressor::{Compressor, Settings},
    inflater::{Inflater, Owner},
};

/// How many decompressors a thread keeps, of 46 KiB each.
const MAX_INFLATERS: usize = 32;
/// How many compressors a thread keeps, of up to 371 KiB each; connections agree on few kinds.
const MAX_COMPRESSORS: usize = 4;

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool::new()) };
}

struct Pool {
    /// The one used last comes last.
    inflaters: Vec<Inflater>,
    compressors: Vec<Compressor>,
}

impl Pool {
    const fn new() -> Self {
        Self { inflaters: Vec::new(), compressors: Vec::new() }
    }

    /// The decompressor with this owner's window, or the one that is missed least.
    fn take_inflater(&mut self, owner: Option<Owner>) -> Option<Inflater> {
        let has = |wanted: Option<Owner>| move |lent: &Inflater| lent.owner() == wanted;
        let found = owner.and_then(|_| self.inflaters.iter().rposition(has(owner)));
        let found = found.or_else(|| self.inflaters.iter().rposition(has(None)));
        let oldest = if self.inflaters.len() == MAX_INFLATERS { Some(0) } else { None };
        found.or(oldest).map(|index| self.inflaters.remove(index))
    }

    fn take_compressor(&mut self, settings: Settings) -> Option<Compressor> {
        let index = self.compressors.iter().position(|lent| lent.settings() == settings)?;
        Some(self.compressors.remove(index))
    }
}

/// Keeps one more, and lets go of the one that was used longest ago.
fn keep<T>(kept: &mut Vec<T>, one: T, most: usize) {
    if kept.len() == most {
        kept.remove(0);
    }
    kept.push(one);
}

/// A thread on its way out has no pool any more, and needs none.
fn with_pool<O>(act: impl FnOnce(&mut Pool) -> O) -> Option<O> {
    POOL.try_with(|pool| act(&mut pool.borrow_mut())).ok()
}

/// A decompressor; with the window that this owner left in it, or with an empty one.
pub(super) fn take_inflater(owner: Option<Owner>) -> Inflater {
    let mut inflater =
        with_pool(|pool| pool.take_inflater(owner)).flatten().unwrap_or_else(Inflater::new);
    if owner.is_none() || inflater.owner() != owner {
        inflater.reset();
    }
    inflater
}

pub(super) fn give_inflater(inflater: Inflater) {
    with_pool(|pool| keep(&mut pool.inflaters, inflater, MAX_INFLATERS));
}

/// A compressor with an empty window.
pub(super) fn take_compressor(settings: Settings) -> Compressor {
    let lent = with_pool(|pool| pool.take_compressor(settings)).flatten();
    lent.unwrap_or_else(|| Compressor::new(settings))
}

/// Takes a compressor back, whatever is in its window.
pub(super) fn give_compressor(mut compressor: Compressor) {
    compressor.reset();
    with_pool(|pool| keep(&mut pool.compressors, compressor, MAX_COMPRESSORS));
}

/// A message compressed with nothing before it; `None` where that doesn't make it smaller.
pub(super) fn compress_alone(settings: Settings, message: &[u8]) -> Option<Bytes> {
    let mut compressor = take_compressor(settings);
    let compressed = compressor.compress(message).ok()?;
    give_compressor(compressor);
    (compressed.len() < message.len()).then_some(compressed)
}
