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
#[derive(Debug)]
pub(super) struct Heartbeat {
    keepalive: Option<Keepalive>,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
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
    pub(super) fn new(keepalive: Option<Keepalive>) -> Self {
        Self { keepalive, state: State::Off }
    }

    pub(super) fn start(&mut self, now: Instant) {
        self.state = self.watching(now);
    }

    fn watching(&self, now: Instant) -> State {
        let check = self.keepalive.and_then(|keepalive| now.checked_add(keepalive.interval()));
        check.map_or(State::Off, State::Watching)
    }

    pub(super) fn handle_ping_written(&mut self, now: Instant) {
        if matches!(self.state, State::PingQueued) {
            let by = self.keepalive.and_then(|keepalive| now.checked_add(keepalive.timeout()));
            self.state = by.map_or(State::Off, State::Awaiting);
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Watching(at) | State::Awaiting(at) => Some(at),
            State::Off | State::PingQueued => None,
        }
    }

    pub(super) fn awaits_answer(&self) -> bool {
        matches!(self.state, State::Awaiting(_))
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, is_active: bool) -> Option<Verdict> {
        match self.state {
            State::Watching(at) | State::Awaiting(at) if at <= now && is_active => {
                self.state = self.watching(now);
                Some(Verdict::Alive)
            }
            State::Watching(at) if at <= now => {
                self.state = State::PingQueued;
                Some(Verdict::Quiet)
            }
            State::Awaiting(at) if at <= now => Some(Verdict::Silent),
            _ => None,
        }
    }
}
