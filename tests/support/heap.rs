//! An allocator that counts, thread by thread: what a test's thread holds, has held at most, and how often
//! it has asked.
#![allow(unsafe_code, reason = "an allocator")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

struct Counting;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

fn count(freed: usize, allocated: usize) {
    // A thread on its way out has no cells any more, and nothing to measure.
    let _ = LIVE.try_with(|live| {
        live.set(live.get() + allocated as isize - freed as isize);
        PEAK.with(|peak| peak.set(peak.get().max(live.get())));
        CALLS.with(|calls| calls.set(calls.get() + usize::from(allocated > 0)));
    });
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(0, layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(layout.size(), 0);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Old and new may live side by side while the bytes are copied.
        count(0, size);
        count(layout.size(), 0);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The bytes that this thread holds.
pub(crate) fn live() -> isize {
    LIVE.with(Cell::get)
}

/// What some work came to.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code, reason = "each test binary reads its own part")]
pub(crate) struct Cost {
    /// How many times it asked for memory.
    pub(crate) calls: usize,
    /// By how much it has the thread hold more than before.
    pub(crate) kept: isize,
    /// By how much the thread has held more meanwhile.
    pub(crate) peak: isize,
}

pub(crate) fn cost<O>(work: impl FnOnce() -> O) -> (Cost, O) {
    let (calls, before) = (CALLS.with(Cell::get), live());
    PEAK.with(|peak| peak.set(before));
    let output = work();
    let calls = CALLS.with(Cell::get) - calls;
    (Cost { calls, kept: live() - before, peak: PEAK.with(Cell::get) - before }, output)
}
