//! Pings, and how long their answers take.
//!
//! A `Writer` has `ping`, which does the timing; here a ping is a message as any other, because what is sent may have to
//! wait for the next connection.

use std::{cell::RefCell, collections::VecDeque, future, time::Duration};

use bowline::Message;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

/// How many are remembered. A peer that answers none of so many won't answer the first.
const MAX: usize = 64;

/// Those on their way: what is in them, and when they were sent.
#[derive(Default)]
pub(crate) struct Pings(RefCell<VecDeque<([u8; 8], Instant)>>);

impl Pings {
    /// One that is timed from now on.
    pub(crate) fn start(&self) -> Message {
        let mut pings = self.0.borrow_mut();
        let number = pings.back().map_or(0, |(last, _)| u64::from_be_bytes(*last).wrapping_add(1));
        pings.push_back((number.to_be_bytes(), Instant::now()));
        if pings.len() > MAX {
            pings.pop_front();
        }
        Message::ping(number.to_be_bytes().to_vec())
    }

    /// How long this answer took; `None` for one that nobody waits for. Of several pings the peer may answer the last
    /// alone (RFC 6455 section 5.5.3): those before it are over too.
    pub(crate) fn answered(&self, payload: &[u8]) -> Option<Duration> {
        let mut pings = self.0.borrow_mut();
        let place = pings.iter().position(|(sent, _)| sent == payload)?;
        pings.drain(..=place).next_back().map(|(_, since)| since.elapsed())
    }
}

/// When the next is due that nobody asks for.
pub(crate) struct Pace(Option<Interval>);

impl Pace {
    pub(crate) fn new(every: Option<Duration>) -> Self {
        Self(every.map(|every| {
            let mut ticks = interval(every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        }))
    }

    /// Cancel-safe.
    pub(crate) async fn next(&mut self) {
        match &mut self.0 {
            Some(ticks) => drop(ticks.tick().await),
            None => future::pending().await,
        }
    }
}
