//! How many attempts there have been, and whether there is another. The time is an argument.

use std::time::Duration;

use tokio::time::Instant;

use super::Backoff;

/// The attempts since there was a connection that lasted.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    made: u32,
    waits: u32,
    /// When that connection was lost, or the first attempt of all was made.
    since: Option<Instant>,
}

impl Attempts {
    /// An attempt is made.
    pub(super) fn handle_attempt(&mut self, now: Instant) {
        self.made = self.made.saturating_add(1);
        self.since.get_or_insert(now);
    }

    /// A connection is lost that was opened then.
    pub(super) fn handle_loss(&mut self, opened: Instant, now: Instant, backoff: &Backoff) {
        if now.saturating_duration_since(opened) >= backoff.stable_after() {
            *self = Self { made: 0, waits: 0, since: Some(now) };
        }
    }

    /// How long to wait before the next attempt, at least as long as this; `None` where there is to be none.
    pub(super) fn next_delay(
        &mut self,
        backoff: &Backoff,
        random: f64,
        at_least: Duration,
        now: Instant,
    ) -> Option<Duration> {
        if backoff.max_attempts().is_some_and(|max| self.made >= max.max(1)) {
            return None;
        }
        let reconnect = self.waits.saturating_add(1);
        let delay = backoff.delay(reconnect, random).max(at_least.min(backoff.max()));
        let elapsed =
            self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        if backoff.max_elapsed().is_some_and(|max| elapsed.saturating_add(delay) > max) {
            return None;
        }
        self.waits = reconnect;
        Some(delay)
    }

    /// How often it has been waited.
    pub(super) fn waits(&self) -> u32 {
        self.waits
    }
}
