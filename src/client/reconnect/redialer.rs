//! Attempts to connect, and the rules by which another follows one that failed.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use http::Response;
use tokio::time::{Instant, Sleep, sleep};

use super::{Attempts, Backoff, Disconnect, Retry};
use crate::{
    client::{Client, Stream},
    vocabulary::{Error, trace},
    websocket::WebSocket,
};

/// A connection, and the response that opened it.
pub(super) type Opened = (WebSocket<Stream>, Response<()>);

/// An attempt that is under way.
pub(super) type Connecting = Pin<Box<dyn Future<Output = Result<Opened, Error>> + Send>>;

/// A wait before an attempt.
pub(super) type Waiting = Pin<Box<Sleep>>;

/// What is to happen without a connection.
pub(super) enum Verdict {
    /// It is waited so long, then there is another attempt.
    Retry(Duration),
    /// That was all.
    Final,
}

/// Who connects, and who decides about connecting again.
pub(super) struct Redialer {
    client: Client,
    attempts: Attempts,
    pub(super) backoff: Backoff,
    pub(super) retry_if: Box<dyn FnMut(&Disconnect) -> bool + Send>,
    pub(super) on_retry: Box<dyn FnMut(&Retry<'_>) + Send>,
    pub(super) jitter: Box<dyn FnMut() -> f64 + Send>,
}

impl Redialer {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            attempts: Attempts::default(),
            backoff: Backoff::new(),
            retry_if: Box::new(Disconnect::is_transient),
            on_retry: Box::new(|_| {}),
            jitter: Box::new(rand::random::<f64>),
        }
    }

    /// Makes an attempt.
    pub(super) fn dial(&mut self) -> Connecting {
        self.attempts.handle_attempt(Instant::now());
        Box::pin(self.client.clone().connect())
    }

    /// An attempt has failed.
    pub(super) fn judge_failure(&mut self, reason: &Disconnect) -> Verdict {
        if !(self.retry_if)(reason) {
            return Verdict::Final;
        }
        self.retry(Some(reason))
    }

    /// A connection is over that was opened then, for a reason that only its owner may know.
    pub(super) fn judge_loss(&mut self, reason: Option<&Disconnect>, opened: Instant) -> Verdict {
        self.attempts.handle_loss(opened, Instant::now(), &self.backoff);
        match reason {
            Some(reason) => self.judge_failure(reason),
            None => self.retry(None),
        }
    }

    fn retry(&mut self, reason: Option<&Disconnect>) -> Verdict {
        let at_least = reason.and_then(Disconnect::retry_after).unwrap_or_default();
        let random = (self.jitter)();
        let delay = self.attempts.next_delay(&self.backoff, random, at_least, Instant::now());
        let Some(delay) = delay else { return Verdict::Final };
        trace::reconnecting(delay, reason);
        (self.on_retry)(&Retry { reconnect: self.attempts.waits(), delay, reason });
        Verdict::Retry(delay)
    }
}

/// A wait of so long from now.
pub(super) fn wait(delay: Duration) -> Waiting {
    Box::pin(sleep(delay))
}

impl fmt::Debug for Redialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redialer")
            .field("client", &self.client)
            .field("attempts", &self.attempts)
            .field("backoff", &self.backoff)
            .finish_non_exhaustive()
    }
}
