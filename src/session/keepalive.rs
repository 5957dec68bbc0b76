use std::time::Duration;

use tokio::time::Instant;

use crate::vocabulary::Keepalive;

/// When to ping, and when to give the peer up.
///
/// ```text
///          interval, nothing in               handed to the transport
///  Watching --------------------> PingQueued ------------------------> Awaiting
///     ^ | interval,                                                     |   |
///     +-+ something in                             looked at: anything in   | timeout
///     ^-----------------------------------------------------------------+   v
///                                                                         silent
/// ```
///
/// Whether an answer is there is looked at soon, when most are, and after each interval: seen at the end of a long time-out
/// alone, the silence until the next ping would be that much longer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Heartbeat {
    #[default]
    Off,
    /// Whether anything has arrived is looked at then.
    Watching(Instant),
    PingQueued,
    /// Nothing by then is too late. Until then it is looked at now and then: how often it was. An answer that is a Pong
    /// is noticed at once.
    Awaiting(Instant, u32),
}

/// What a deadline that has passed means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Bytes have come; the watch begins anew.
    Alive,
    /// Nothing has come: a ping is due.
    Quiet,
    /// Nothing has come after the ping either.
    Silent,
}

impl Heartbeat {
    /// The watch from now on; off where there is no keepalive, or its time is past the clock's end.
    pub(super) fn watching(keepalive: Option<Keepalive>, now: Instant) -> Self {
        let check = keepalive.and_then(|keepalive| now.checked_add(keepalive.interval()));
        check.map_or(Self::Off, Self::Watching)
    }

    pub(super) fn handle_ping_written(&mut self, keepalive: Option<Keepalive>, now: Instant) {
        if matches!(self, Self::PingQueued) {
            let by = keepalive.and_then(|keepalive| now.checked_add(keepalive.timeout()));
            *self = by.map_or(Self::Off, |by| Self::Awaiting(by, 0));
        }
    }

    pub(super) fn deadline(&self, keepalive: Option<Keepalive>) -> Option<Instant> {
        match self {
            Self::Watching(at) => Some(*at),
            Self::Awaiting(by, looks) => Some(next_look(*by, *looks, keepalive)),
            Self::Off | Self::PingQueued => None,
        }
    }

    /// When the ping was handed to the transport whose answer is awaited.
    pub(super) fn awaits_since(&self, keepalive: Option<Keepalive>) -> Option<Instant> {
        match self {
            Self::Awaiting(by, _) => by.checked_sub(keepalive?.timeout()),
            _ => None,
        }
    }

    pub(super) fn awaits_answer(&self) -> bool {
        matches!(self, Self::Awaiting(..))
    }

    /// Judges a deadline that has passed. After [`Verdict::Alive`] the watch is to begin anew.
    pub(super) fn handle_timeout(
        &mut self,
        now: Instant,
        is_active: bool,
        keepalive: Option<Keepalive>,
    ) -> Option<Verdict> {
        if self.deadline(keepalive)? > now {
            return None;
        }
        match self {
            _ if is_active => Some(Verdict::Alive),
            Self::Awaiting(by, _) if *by <= now => Some(Verdict::Silent),
            Self::Awaiting(by, looks) => {
                *looks = keepalive.map_or(0, |keepalive| looks_after(*by, now, keepalive));
                None
            }
            _ => {
                *self = Self::PingQueued;
                Some(Verdict::Quiet)
            }
        }
    }
}

/// Between two looks for an answer.
fn look_interval(keepalive: Keepalive) -> Duration {
    keepalive.interval().max(Duration::from_millis(1))
}

/// How many looks there have been now, those that were missed with them.
fn looks_after(by: Instant, now: Instant, keepalive: Keepalive) -> u32 {
    let left = by.saturating_duration_since(now);
    let waited = keepalive.timeout().saturating_sub(left).as_nanos();
    u32::try_from(waited / look_interval(keepalive).as_nanos() + 1).unwrap_or(u32::MAX)
}

/// When to look for an answer again: a quarter of the interval after the ping, then each interval; at the end at the latest.
fn next_look(by: Instant, looks: u32, keepalive: Option<Keepalive>) -> Instant {
    let look = keepalive.and_then(|keepalive| {
        let interval = look_interval(keepalive);
        let after = interval.checked_mul(looks)?.checked_add(interval / 4)?;
        // No later than the time-out itself, which is within the clock's time.
        by.checked_sub(keepalive.timeout().checked_sub(after)?)
    });
    look.unwrap_or(by)
}
