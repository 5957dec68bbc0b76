//! Pings, and how long their answers take.

use std::{
    cell::RefCell,
    collections::VecDeque,
    future,
    time::{Duration, Instant},
};

use bowline::{Message, Writer, client::Stream};
use bytes::Bytes;
use tokio::time::{MissedTickBehavior, interval};

/// How many may be on their way.
const MAX: usize = 64;

#[derive(Default)]
pub(crate) struct Pings(RefCell<VecDeque<(Bytes, Instant)>>);

impl Pings {
    /// Sends one now and then.
    pub(crate) async fn send(&self, mut writer: Writer<Stream>, every: Option<Duration>) -> ! {
        let Some(every) = every else { future::pending().await };
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for number in 1_u64.. {
            ticks.tick().await;
            let payload = Bytes::from(format!("{number}"));
            self.remember(payload.clone());
            if writer.send(Message::Ping(payload)).await.is_err() {
                // The reader knows why.
                break;
            }
        }
        future::pending().await
    }

    fn remember(&self, payload: Bytes) {
        let mut pings = self.0.borrow_mut();
        pings.truncate(MAX - 1);
        pings.push_front((payload, Instant::now()));
    }

    /// How long the answer took, if it is one. Of several pings the peer may answer the last alone (RFC 6455 section
    /// 5.5.3).
    pub(crate) fn answered(&self, pong: &Bytes) -> Option<Duration> {
        let mut pings = self.0.borrow_mut();
        let place = pings.iter().position(|(payload, _)| payload == pong)?;
        let (_, sent) = pings[place];
        pings.truncate(place);
        Some(sent.elapsed())
    }
}
