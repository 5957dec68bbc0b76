use tokio::time::Instant;

use crate::vocabulary::Keepalive;

/// When to ping, and when to give the peer up.
///
/// ```text
///          interval, nothing in               handed to the transport
///  Watching --------------------> PingQueued ------------------------> Awaiting
///     ^ | interval,                                                     |   |
///     +-+ something in                                    anything in   |   | timeout
///     ^-----------------------------------------------------------------+   v
///                                                                         silent
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Heartbeat {
    #[default]
    Off,
    /// Whether anything has arrived is looked at then.
    Watching(Instant),
    PingQueued,
    /// Nothing by then is too late.
    Awaiting(Instant),
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
            *self = by.map_or(Self::Off, Self::Awaiting);
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Watching(at) | Self::Awaiting(at) => Some(*at),
            Self::Off | Self::PingQueued => None,
        }
    }

    pub(super) fn awaits_answer(&self) -> bool {
        matches!(self, Self::Awaiting(_))
    }

    /// Judges a deadline that has passed. After [`Verdict::Alive`] the watch is to begin anew.
    pub(super) fn handle_timeout(&mut self, now: Instant, is_active: bool) -> Option<Verdict> {
        match *self {
            Self::Watching(at) | Self::Awaiting(at) if at <= now && is_active => {
                Some(Verdict::Alive)
            }
            Self::Watching(at) if at <= now => {
                *self = Self::PingQueued;
                Some(Verdict::Quiet)
            }
            Self::Awaiting(at) if at <= now => Some(Verdict::Silent),
            _ => None,
        }
    }
}
