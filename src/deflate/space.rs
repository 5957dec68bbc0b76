//! Where zlib writes to: a space for each thread.

use std::cell::RefCell;

/// What zlib writes to in one go: in a cache near the processor, and enough for most messages.
const SCRATCH: usize = 32 << 10;

thread_local! {
    static SPACE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Lends a space to write to.
pub(super) fn with_space<O>(act: impl FnOnce(&mut [u8]) -> O) -> O {
    let mut space = SPACE.try_with(RefCell::take).unwrap_or_default();
    space.resize(SCRATCH, 0);
    let output = act(&mut space);
    // A thread on its way out has none any more, and needs none.
    let _ = SPACE.try_with(|slot| slot.replace(space));
    output
}
