use std::{future::Future, pin::pin, task::Context};

use tokio::task::coop;

/// Of Tokio's 128 steps between two turns of a task, so many bytes take one.
const BYTES_A_STEP: usize = 2 << 10;

/// Counts bytes written as work done. Tokio counts a write as one step, whatever its size; a task of which others
/// see nothing for 128 large ones keeps a reader, and its pongs, waiting for milliseconds.
///
/// A task whose steps are used up may be woken from in here.
pub(in crate::websocket) fn charge(bytes: usize, cx: &mut Context<'_>) {
    for _ in 0..bytes / BYTES_A_STEP {
        if pin!(coop::consume_budget()).poll(cx).is_pending() {
            return;
        }
    }
}
