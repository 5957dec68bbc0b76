use std::{
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::{FusedStream, Stream};
use http::Response;
use tokio::time::Instant;

use super::{
    Backoff, Disconnect, ReconnectingWebSocket, Retry,
    redialer::{Connecting, Opened, Redialer, Verdict, Waiting, wait},
};
use crate::{client, vocabulary::Error, websocket::WebSocket};

/// One connection after another: a fused `Stream` of them, each open, with the response that opened it. Made by
/// [`Client::reconnecting`](client::Client::reconnecting).
///
/// ```no_run
/// use bowline::{Client, Error};
///
/// # async fn listen() -> Result<(), Error> {
/// let mut connections = Client::new("ws://127.0.0.1:8080/news")?.reconnecting();
/// while let Some(connection) = connections.next().await {
///     let (mut ws, _) = connection?; // what no further attempt would change
///     ws.send("subscribe").await?;
///     while let Some(Ok(message)) = ws.next().await {
///         println!("{message:?}");
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// The first attempt is made at once. One that fails for a reason that may pass ([`Error::is_transient`]) is followed
/// by another after a wait ([`Backoff`]); any other error is yielded, once, and ends the stream.
///
/// The caller runs the connection, and asks for the next one when it is over. How long it has lived until then decides
/// whether the waits start anew. Whether it ended so that another makes sense is the caller's to judge
/// ([`Disconnect::is_transient`]); [`websocket`](Self::websocket) does all of it.
///
/// The waits need Tokio's time driver, as [`Config`](crate::Config)'s time-outs do.
pub struct Reconnecting {
    redialer: Redialer,
    state: State,
}

/// ```text
///  Idle ----> Connecting ----> Up          opened: yielded
///              |   ^  |         |
///   a final    |   |  | failed  | asked for the next
///   error      |   |  v         |
///              |  Waiting <-----+
///              v                |
///            Ended <------------+          past a limit
/// ```
enum State {
    /// Nobody has asked yet.
    Idle,
    Waiting(Waiting),
    Connecting(Connecting),
    /// The caller has a connection, since then.
    Up(Instant),
    Ended,
}

impl Reconnecting {
    pub(super) fn new(client: client::Client) -> Self {
        Self { redialer: Redialer::new(client), state: State::Idle }
    }

    /// When to try again and when to give up; [`Backoff::new`] unless set.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.redialer.backoff = backoff;
        self
    }

    /// Decides after which failures and closes there is another attempt; [`Disconnect::is_transient`] unless set. The
    /// limits of [`Backoff`] hold all the same.
    ///
    /// The stream of connections asks about attempts alone, [`websocket`](Self::websocket) about the ends of
    /// connections as well.
    #[must_use]
    pub fn retry_if(mut self, rule: impl FnMut(&Disconnect) -> bool + Send + 'static) -> Self {
        self.redialer.retry_if = Box::new(rule);
        self
    }

    /// Is told of each attempt that will be made again, before the wait: for a log.
    #[must_use]
    pub fn on_retry(mut self, hook: impl FnMut(&Retry<'_>) + Send + 'static) -> Self {
        self.redialer.on_retry = Box::new(hook);
        self
    }

    /// Where the random numbers from 0 to 1 come from, one for each wait; the thread's generator unless set. For tests.
    #[must_use]
    pub fn jitter(mut self, random: impl FnMut() -> f64 + Send + 'static) -> Self {
        self.redialer.jitter = Box::new(random);
        self
    }

    /// All the connections as one WebSocket, whose messages outlive them.
    pub fn websocket(self) -> ReconnectingWebSocket {
        ReconnectingWebSocket::new(self.redialer)
    }

    /// The next connection, with the response that opened it; `None` after the end, and where a limit of [`Backoff`]
    /// has been passed by connections that opened and didn't last.
    ///
    /// Cancel-safe: an attempt, or a wait, that is under way goes on with the next call. While nobody calls, nothing
    /// goes on, though time passes.
    ///
    /// # Errors
    ///
    /// That of the last attempt, once, as the last item: where another would not help, or a limit is reached.
    pub async fn next(
        &mut self,
    ) -> Option<Result<(WebSocket<client::Stream>, Response<()>), Error>> {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Opened, Error>>> {
        loop {
            match &mut self.state {
                State::Idle => self.state = State::Connecting(self.redialer.dial()),
                State::Waiting(sleep) => {
                    ready!(sleep.as_mut().poll(cx));
                    self.state = State::Connecting(self.redialer.dial());
                }
                State::Connecting(attempt) => match ready!(attempt.as_mut().poll(cx)) {
                    Ok(opened) => {
                        self.state = State::Up(Instant::now());
                        return Poll::Ready(Some(Ok(opened)));
                    }
                    Err(error) => {
                        let reason = Disconnect::Failed(error);
                        let verdict = self.redialer.judge_failure(&reason);
                        self.follow(verdict);
                        if let (State::Ended, Disconnect::Failed(error)) = (&self.state, reason) {
                            return Poll::Ready(Some(Err(error)));
                        }
                    }
                },
                State::Up(opened) => {
                    let verdict = self.redialer.judge_loss(None, *opened);
                    self.follow(verdict);
                }
                State::Ended => return Poll::Ready(None),
            }
        }
    }

    fn follow(&mut self, verdict: Verdict) {
        self.state = match verdict {
            Verdict::Retry(delay) => State::Waiting(wait(delay)),
            Verdict::Final => State::Ended,
        };
    }
}

impl Stream for Reconnecting {
    type Item = Result<(WebSocket<client::Stream>, Response<()>), Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(cx)
    }
}

impl FusedStream for Reconnecting {
    fn is_terminated(&self) -> bool {
        matches!(self.state, State::Ended)
    }
}

impl fmt::Debug for Reconnecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconnecting").field("redialer", &self.redialer).finish_non_exhaustive()
    }
}
