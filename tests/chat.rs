//! The chat example as one room over several processes: real processes, a real NATS server, and people who
//! talk to them as browsers do. `tests/chat/run` builds the example and runs these tests.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

#[path = "chat/apart.rs"]
mod apart;
#[path = "chat/guest.rs"]
mod guest;
#[path = "chat/intruder.rs"]
mod intruder;
#[path = "chat/process.rs"]
mod process;
#[path = "chat/record.rs"]
mod record;
#[path = "chat/together.rs"]
mod together;

use std::{fmt::Display, time::Duration};

use tokio::time::timeout;

/// For each thing that is waited for; the slowest, a silent process, takes five seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for a future, but not for ever.
async fn within<T>(what: impl Display, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}
