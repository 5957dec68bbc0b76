use std::{future::Future, pin::pin, task::Context};

use tokio::task::coop;

/// Who has written.
#[derive(Clone, Copy, Debug)]
pub(in crate::websocket) enum Writes {
    /// The one task that has the connection, and answers pings itself.
    Alone,
    /// One of any number, while the reader waits.
    AmongOthers,
}

impl Writes {
    /// Of Tokio's 128 steps between two turns of a task, so many bytes take one: 2 MiB alone, so that a large message need not
    /// be left for a look at other tasks; 256 KiB among others.
    fn bytes_a_step(self) -> usize {
        match self {
            Self::Alone => 16 << 10,
            Self::AmongOthers => 2 << 10,
        }
    }
}

/// Counts bytes written as work done. Tokio counts a write as one step, whatever its size; a task of which others
/// see nothing for 128 large ones keeps a reader, and its pongs, waiting for milliseconds.
///
/// A task whose steps are used up may be woken from in here.
pub(in crate::websocket) fn charge(bytes: usize, writes: Writes, cx: &mut Context<'_>) {
    for _ in 0..bytes / writes.bytes_a_step() {
        if pin!(coop::consume_budget()).poll(cx).is_pending() {
            return;
        }
    }
}
