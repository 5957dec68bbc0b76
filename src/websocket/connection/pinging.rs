//! Pings that somebody waits for, and how long the last answer took.

use std::{task::Waker, time::Duration};

use bytes::Bytes;
use tokio::time::Instant;

use super::Connection;
use crate::{
    message::Message,
    session::Phase,
    vocabulary::{Error, trace},
    websocket::{RoundTrip, pings::PingPayload, wakers::Party},
};

impl<T> Connection<T> {
    /// Queues a ping whose answer is waited for.
    pub(in crate::websocket) fn start_ping(&mut self, party: Party) -> RoundTrip {
        self.queue_ping(party).unwrap_or_else(RoundTrip::failed)
    }

    fn queue_ping(&mut self, party: Party) -> Result<RoundTrip, Error> {
        self.check_open()?;
        let payload = self.pings.get_or_insert_default().payload()?;
        let start = self.outbox.end();
        self.start_send(Message::ping(Bytes::copy_from_slice(&payload)), party)?;
        // Made above.
        Ok(self.pings.get_or_insert_default().push(payload, start))
    }

    /// How long the answer took that has come last, to a ping of this kind or of keepalive's.
    pub(in crate::websocket) fn round_trip(&self) -> Option<Duration> {
        self.session.round_trip()
    }

    /// A Pong has come.
    pub(super) fn receive_pong(&mut self, payload: &[u8]) {
        let now = Instant::now;
        if payload.is_empty() {
            if let Some(round_trip) = self.session.handle_pong(now) {
                trace::round_trip(self.codec.role(), round_trip);
                // The next ping is due before the next look for this answer may have been.
                self.timer.disarm();
            }
        } else if payload.len() == size_of::<PingPayload>()
            && let Some(pings) = &mut self.pings
            && let Some(round_trip) = pings.handle_pong(payload, now())
        {
            self.session.set_round_trip(round_trip);
        }
    }

    /// After a poll: whoever waits for what won't come is told, and whoever has an answer woken, if there is no lock.
    pub(super) fn settle_pings(&mut self) {
        let Some(pings) = &mut self.pings else { return };
        if matches!(self.session.phase(), Phase::Finishing(_) | Phase::Ended) {
            let session = &self.session;
            pings.fail(|| session.sender_error());
        }
        if self.wakers.are_whole() {
            pings.take_woken().into_iter().for_each(Waker::wake);
        }
    }

    /// Who waits for an answer that has come, to be woken where no lock is held.
    pub(in crate::websocket) fn take_answered(&mut self) -> Vec<Waker> {
        self.pings.as_mut().map_or_else(Vec::new, |pings| pings.take_woken())
    }
}
