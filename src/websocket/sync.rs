//! The locks that several tasks share: the standard library's. Under `--cfg shuttle` they are those of a
//! schedule explorer, which `tests/models/` runs the halves under.
//!
//! `Arc` and `PoisonError` are the standard library's there too.

#[cfg(shuttle)]
pub(super) use shuttle::sync::{Mutex, MutexGuard, atomic::AtomicU32};
#[cfg(not(shuttle))]
pub(super) use std::sync::{Mutex, MutexGuard, atomic::AtomicU32};
