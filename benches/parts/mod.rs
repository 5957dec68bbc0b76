//! What is measured: parts of bowline, each alone, in memory, through its public API.

mod corpus;
mod deflate;
mod frames;
mod handshake;
mod hub;
mod messages;
mod transport;
mod websocket;

use std::io;

use tokio::runtime::{Builder, Runtime};

/// Something that is done again and again.
pub(crate) trait Part {
    /// Makes ready what the next round uses up. Not measured.
    fn prepare(&mut self);

    /// A round, measured. Panics where the result is not what it should be.
    fn run(&mut self);
}

/// A part with its name, and what a round of it does.
pub(crate) struct Case {
    pub(crate) name: String,
    /// How many operations a round is.
    pub(crate) operations: usize,
    /// How many bytes of payload an operation is about; none where their number says nothing.
    pub(crate) bytes: Option<usize>,
    make: Box<dyn Fn() -> Box<dyn Part>>,
}

impl Case {
    fn new<P: Part + 'static>(
        name: impl Into<String>,
        operations: usize,
        make: impl Fn() -> P + 'static,
    ) -> Self {
        let make: Box<dyn Fn() -> Box<dyn Part>> = Box::new(move || Box::new(make()));
        Self { name: name.into(), operations, bytes: None, make }
    }

    fn with_bytes(mut self, bytes: usize) -> Self {
        self.bytes = Some(bytes);
        self
    }

    /// The part, new.
    pub(crate) fn make(&self) -> Box<dyn Part> {
        (self.make)()
    }
}

/// All of them, in the order in which they are shown.
pub(crate) fn cases() -> Vec<Case> {
    let parts = [
        frames::cases(),
        messages::cases(),
        handshake::cases(),
        deflate::cases(),
        websocket::cases(),
        hub::cases(),
    ];
    parts.into_iter().flatten().collect()
}

/// What the timers of connections want to be within.
pub(crate) fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_time().build()
}

/// How many operations on so many bytes a round is: enough for a clock, and within the processor's caches.
fn operations_on(bytes: usize) -> usize {
    ((128 << 10) / bytes).clamp(1, 512)
}

/// A size as it is written in a name.
pub(crate) fn size(bytes: usize) -> String {
    match bytes {
        0..1024 => format!("{bytes}B"),
        _ if bytes < 1 << 20 => format!("{}KiB", bytes >> 10),
        _ => format!("{}MiB", bytes >> 20),
    }
}
