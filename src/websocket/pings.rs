//! Pings that somebody waits for (RFC 6455 section 5.5.2).

use std::{collections::VecDeque, sync::Arc, task::Waker, time::Duration};

use tokio::time::Instant;

use super::{
    outbox::{Mark, Outbox},
    round_trip::{RoundTrip, Slot},
};
use crate::vocabulary::{Error, MaskingKey, UsageError};

/// How many may wait for their answers at once.
const MAX_WAITING: usize = 64;

/// What a ping says: nobody can answer it without having seen it.
pub(super) type PingPayload = [u8; 8];

/// The pings of one connection, in the order in which they were queued.
#[derive(Debug, Default)]
pub(super) struct Pings {
    waiting: VecDeque<Ping>,
    /// Who has an answer, and has yet to be woken.
    woken: Vec<Waker>,
}

#[derive(Debug)]
struct Ping {
    payload: PingPayload,
    /// Where its frame begins in what is sent.
    start: Mark,
    /// When the frame was begun.
    begun: Option<Instant>,
    slot: Arc<Slot>,
}

impl Pings {
    /// A payload for the next ping.
    pub(super) fn payload(&mut self) -> Result<PingPayload, UsageError> {
        if self.waiting.len() >= MAX_WAITING && !self.forget_one() {
            return Err(UsageError::TooManyPings);
        }
        let [first, second] = [MaskingKey::random().bytes(), MaskingKey::random().bytes()];
        let mut payload = [0; 8];
        payload[..4].copy_from_slice(&first);
        payload[4..].copy_from_slice(&second);
        Ok(payload)
    }

    /// Notes a ping whose frame has been queued at this place.
    pub(super) fn push(&mut self, payload: PingPayload, start: Mark) -> RoundTrip {
        let (round_trip, slot) = RoundTrip::waiting();
        self.waiting.push_back(Ping { payload, start, begun: None, slot });
        round_trip
    }

    /// Forgets the oldest that has gone out and that nobody waits for any more. Until there is need its Pong is the answer
    /// to those before it; and one that has not gone out takes memory.
    fn forget_one(&mut self) -> bool {
        let is_over = |ping: &Ping| ping.begun.is_some() && !ping.is_wanted();
        let forgotten = self.waiting.iter().position(is_over);
        forgotten.and_then(|index| self.waiting.remove(index)).is_some()
    }

    /// Sets the clocks going of those whose frames have been begun.
    pub(super) fn handle_written(&mut self, outbox: &Outbox) {
        for ping in self.waiting.iter_mut().filter(|ping| ping.begun.is_none()) {
            if !outbox.is_begun(ping.start) {
                break;
            }
            ping.begun = Some(Instant::now());
        }
    }

    /// A Pong has come. "If an endpoint receives a Ping frame and has not yet sent Pong frame(s) in response to previous
    /// Ping frame(s), the endpoint MAY elect to send a Pong frame for only the most recently processed Ping frame" (section
    /// 5.5.3): so it is the answer to all before its own too. Gives the time that its own took.
    pub(super) fn handle_pong(&mut self, payload: &[u8], now: Instant) -> Option<Duration> {
        let answered = self.waiting.iter().position(|ping| ping.payload == payload)?;
        let mut last = None;
        for ping in self.waiting.drain(..=answered) {
            let begun = ping.begun.unwrap_or(now);
            let round_trip = now.saturating_duration_since(begun);
            self.woken.extend(ping.slot.answer(Ok(round_trip)));
            last = Some(round_trip);
        }
        last
    }

    /// No Pong will come any more.
    pub(super) fn fail(&mut self, error: impl Fn() -> Error) {
        for ping in self.waiting.drain(..) {
            self.woken.extend(ping.slot.answer(Err(error())));
        }
    }

    /// Who is to be woken, where no lock is held.
    pub(super) fn take_woken(&mut self) -> Vec<Waker> {
        std::mem::take(&mut self.woken)
    }
}

impl Ping {
    /// Whether anybody waits for it.
    fn is_wanted(&self) -> bool {
        Arc::strong_count(&self.slot) > 1
    }
}

impl Drop for Pings {
    fn drop(&mut self) {
        self.fail(|| UsageError::SendAfterClose.into());
        self.take_woken().into_iter().for_each(Waker::wake);
    }
}
