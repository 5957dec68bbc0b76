//! Pings, and how long their answers take.

use std::{cell::RefCell, future, time::Duration};

use bowline::{RoundTrip, Writer, client::Stream};
use futures_util::FutureExt;
use tokio::time::{MissedTickBehavior, interval};

/// Those on their way. The library bounds them.
#[derive(Default)]
pub(crate) struct Pings(RefCell<Vec<RoundTrip>>);

impl Pings {
    pub(crate) fn send(&self, writer: &mut Writer<Stream>) {
        let mut ping = writer.ping();
        // One that can't be sent has failed at once, and its reason is the reader's to tell.
        if (&mut ping).now_or_never().is_none() {
            self.0.borrow_mut().push(ping);
        }
    }

    /// Sends one now and then.
    pub(crate) async fn repeat(&self, mut writer: Writer<Stream>, every: Option<Duration>) -> ! {
        let Some(every) = every else { future::pending().await };
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.send(&mut writer);
        }
    }

    /// How long the answer took, asked when a Pong has come; `None` for one that nobody waits for. Of several pings the
    /// peer may answer the last alone (RFC 6455 section 5.5.3): it is the last one's time.
    pub(crate) fn answered(&self) -> Option<Duration> {
        let mut time = None;
        self.0.borrow_mut().retain_mut(|ping| match ping.now_or_never() {
            Some(answer) => {
                time = answer.ok().or(time);
                false
            }
            None => true,
        });
        time
    }
}
