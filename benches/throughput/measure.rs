use std::time::{Duration, Instant};

use crate::parts::Part;

/// However long they take, so that a median says something on a machine that has others to serve.
const LEAST_ROUNDS: usize = 20;

/// Nanoseconds an operation.
pub(crate) struct Sample {
    pub(crate) best: f64,
    pub(crate) median: f64,
}

/// Rounds of a part for about so long, 20 at least; the preparations are not in what is reported.
pub(crate) fn measure(part: &mut dyn Part, operations: usize, time: Duration) -> Sample {
    let start = Instant::now();
    let mut rounds = Vec::new();
    // The first fifth fills caches, and wakes the processor.
    while start.elapsed() < time / 5 {
        round(part);
    }
    while rounds.len() < LEAST_ROUNDS || start.elapsed() < time {
        rounds.push(round(part));
    }
    rounds.sort_unstable();
    let nanoseconds = |round: Duration| round.as_nanos() as f64 / operations as f64;
    Sample { best: nanoseconds(rounds[0]), median: nanoseconds(rounds[rounds.len() / 2]) }
}

fn round(part: &mut dyn Part) -> Duration {
    part.prepare();
    let start = Instant::now();
    part.run();
    start.elapsed()
}
