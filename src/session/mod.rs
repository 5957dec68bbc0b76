//! What a connection answers, and when it ends: sans-IO, with the time as an argument.
//!
//! ```text
//!         our Close                 the peer's Close
//!  Open ------------> CloseSent -----------------------+
//!   |                    |                             |
//!   | the peer's Close   | a breach of ours or theirs  v
//!   +--------------------+------------------------> Finishing ----> Ended
//!   |                                     flush, shut down, drain     ^
//!   +-----------------------------------------------------------------+
//!     the end of the stream, an I/O error, a deadline
//! ```

mod ending;
mod keepalive;
mod message_watch;

use std::{num::NonZeroU64, sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::vocabulary::{
    CloseCode, CloseFrame, Config, Error, LimitError, Role, Transport, UsageError,
};
use ending::Ending;
use keepalive::Heartbeat;
use message_watch::MessageWatch;

/// How much input is discarded at the end of a connection, so that no reset destroys our Close.
const MAX_DISCARDED: usize = 1 << 20;

/// How long a stream of a connection that goes on is kept open for the peer to end it too. There are peers that never do.
const LINGER: Duration = Duration::from_millis(250);

/// Where the closing handshake stands (RFC 6455 section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Messages go both ways.
    Open,
    /// Our Close is sent or queued, the peer's is awaited; its messages still arrive.
    CloseSent,
    /// No message will come any more: what is queued goes out, what arrives is discarded.
    Finishing(Step),
    /// Over.
    Ended,
}

/// What is left to do once both Closes are there, or a breach is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Our Close has yet to be written.
    Flush,
    /// Our side of the transport has yet to be shut down.
    Shutdown,
    /// The peer has yet to end the stream.
    Drain,
}

/// What a deadline that has passed asks of the I/O side.
#[derive(Debug)]
pub(crate) enum Expiry {
    /// Send a ping.
    Ping,
    /// Close with this code: nobody is to blame.
    Close(CloseCode),
    /// The peer is to blame: close with the error's code and report it.
    Fail(Error),
    /// The connection is over.
    End,
}

/// Whether there is input that nobody has looked at: then the peer's silence can't be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// The transport has been read dry.
    Dry,
    /// There is more to read, or may be.
    Unread,
}

/// One connection's state and deadlines.
#[derive(Debug)]
pub(crate) struct Session {
    role: Role,
    transport: Transport,
    phase: Phase,
    config: Arc<Config>,
    heartbeat: Heartbeat,
    message: MessageWatch,
    /// Bytes that have arrived, and how many had when keepalive last looked.
    received: u64,
    seen: u64,
    is_started: bool,
    progress_by: Option<Instant>,
    /// How long the peer's last answer took, in nanoseconds and one more.
    round_trip: Option<NonZeroU64>,
    ending: Ending,
}

impl Session {
    /// A session in this phase: open, unless it takes over a connection that is closing already.
    pub(crate) fn new(role: Role, phase: Phase, config: Arc<Config>) -> Self {
        Self {
            role,
            transport: Transport::Connection,
            phase,
            heartbeat: Heartbeat::default(),
            message: MessageWatch::default(),
            config,
            received: 0,
            seen: 0,
            is_started: false,
            progress_by: None,
            round_trip: None,
            ending: Ending::default(),
        }
    }

    pub(crate) fn set_transport(&mut self, transport: Transport) {
        self.transport = transport;
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    pub(crate) fn is_started(&self) -> bool {
        self.is_started
    }

    /// Sets the clocks going that run from the connection's start.
    pub(crate) fn start(&mut self, now: Instant) {
        self.is_started = true;
        self.heartbeat = Heartbeat::watching(self.config.keepalive(), now);
        self.ending.set_expires_at(after(now, self.config.max_lifetime()));
        if self.phase != Phase::Open {
            self.start_closing(now);
        }
    }

    /// Bytes have arrived: any of them answers a keepalive ping.
    pub(crate) fn handle_input(&mut self, bytes: usize) {
        self.received += bytes as u64;
    }

    /// The transport has taken bytes, or has none left to take.
    pub(crate) fn handle_write_progress(&mut self) {
        self.progress_by = None;
    }

    /// The transport takes nothing: from now on it is measured for how long.
    pub(crate) fn handle_write_blocked(&mut self, now: impl FnOnce() -> Instant) {
        if let (None, Some(timeout)) = (self.progress_by, self.config.send_timeout()) {
            self.progress_by = after(now(), Some(timeout));
        }
    }

    /// The keepalive ping has been handed to the transport: the answer's clock starts.
    pub(crate) fn handle_ping_written(&mut self, now: Instant) {
        self.seen = self.received;
        self.heartbeat.handle_ping_written(self.config.keepalive(), now);
    }

    /// An empty Pong has come: the answer to keepalive's ping, where one is awaited. Gives how long it took.
    pub(crate) fn handle_pong(&mut self, now: impl FnOnce() -> Instant) -> Option<Duration> {
        let keepalive = self.config.keepalive();
        let begun = self.heartbeat.awaits_since(keepalive)?;
        let now = now();
        let round_trip = now.saturating_duration_since(begun);
        self.watch_peer(now);
        self.set_round_trip(round_trip);
        Some(round_trip)
    }

    /// The peer is alive: the watch begins anew.
    fn watch_peer(&mut self, now: Instant) {
        self.seen = self.received;
        self.heartbeat = Heartbeat::watching(self.config.keepalive(), now);
    }

    /// A ping of the caller's has been answered.
    pub(crate) fn set_round_trip(&mut self, round_trip: Duration) {
        let nanos = u64::try_from(round_trip.as_nanos()).unwrap_or(u64::MAX);
        self.round_trip = Some(NonZeroU64::MIN.saturating_add(nanos));
    }

    /// How long the peer's last answer took.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.round_trip.map(|nanos| Duration::from_nanos(nanos.get() - 1))
    }

    /// The reader waits with a message incomplete, of which so much has come; or with none.
    pub(crate) fn watch_message(&mut self, progress: Option<u64>, now: impl FnOnce() -> Instant) {
        if let Some(timeout) = self.config.message_timeout() {
            self.message.observe(progress, self.received, || after(now(), Some(timeout)));
        }
    }

    /// Our Close is queued.
    pub(crate) fn handle_close_sent(&mut self, now: Instant) {
        if self.phase == Phase::Open {
            self.phase = Phase::CloseSent;
            self.start_closing(now);
        }
    }

    /// The peer's Close has arrived, and the reply is queued where one is due.
    pub(crate) fn handle_close_received(&mut self, frame: Option<&CloseFrame>, now: Instant) {
        self.ending.set_peer_close(frame.cloned());
        if matches!(self.phase, Phase::Open | Phase::CloseSent) {
            self.phase = Phase::Finishing(Step::Flush);
            self.start_closing(now);
        }
    }

    /// The peer broke a rule, and our Close is queued where none was sent before.
    pub(crate) fn handle_breach(&mut self, error: Error, now: Instant) {
        self.ending.set_error(error);
        self.phase = Phase::Finishing(Step::Flush);
        self.start_closing(now);
    }

    fn start_closing(&mut self, now: Instant) {
        self.ending.set_close_by(after(now, self.config.close_timeout()));
    }

    /// Our Close is written. "the server MUST close first" (section 7.1.1), and so does whoever fails
    /// the connection; a client waits for the server.
    pub(crate) fn handle_close_written(&mut self) {
        let closes_first = self.role == Role::Server || self.has_error();
        self.phase = Phase::Finishing(if closes_first { Step::Shutdown } else { Step::Drain });
    }

    /// Our side of the transport is shut down.
    pub(crate) fn handle_shutdown(&mut self) {
        self.phase = Phase::Finishing(Step::Drain);
    }

    /// Nothing is left to do but to wait for the peer's end; of a stream, which can be left without harm, not for long.
    pub(crate) fn handle_drain(&mut self, now: impl FnOnce() -> Instant) {
        if self.transport == Transport::Stream {
            // Counted from the first time: later ones are no earlier.
            self.ending.hasten(after(now(), Some(LINGER)));
        }
    }

    /// Input that nobody will read has been discarded; past the bound, that is the end.
    pub(crate) fn handle_discarded(&mut self, bytes: usize) {
        if self.ending.discard(bytes) > MAX_DISCARDED {
            self.end(None);
        }
    }

    /// Ends the connection; of two errors the first is kept.
    pub(crate) fn end(&mut self, error: Option<Error>) {
        self.phase = Phase::Ended;
        if let Some(error) = error {
            self.ending.set_error(error);
        }
    }

    /// Ends the closing handshake where it stands.
    pub(crate) fn cut(&mut self) {
        // With both Closes exchanged it is no error: the stream was over, and now so are we.
        let error = (self.phase == Phase::CloseSent).then_some(Error::CloseTimeout);
        self.end(error);
    }

    /// The body of the peer's Close, once it has come.
    pub(crate) fn peer_close(&self) -> Option<&CloseFrame> {
        self.ending.peer_close()
    }

    pub(crate) fn has_error(&self) -> bool {
        self.ending.has_error()
    }

    /// What a sender is told of the end of the connection; the stream is who gets the error itself.
    pub(crate) fn sender_error(&self) -> Error {
        let error = self.ending.shown_error();
        error.and_then(Error::duplicate).unwrap_or(UsageError::SendAfterClose.into())
    }

    /// The error that ended the connection, once.
    pub(crate) fn take_error(&mut self) -> Option<Error> {
        self.ending.take_error()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let always = [self.ending.close_by(), self.progress_by];
        let open = [
            self.heartbeat.deadline(self.config.keepalive()),
            self.ending.expires_at(),
            self.message.deadline(),
        ];
        let open = open.into_iter().take(if self.is_open() { 3 } else { 0 });
        match self.phase {
            Phase::Ended => None,
            _ => always.into_iter().chain(open).flatten().min(),
        }
    }

    /// Whether the connection is open and no short deadline runs that passes whatever else happens.
    pub(crate) fn is_at_ease(&self) -> bool {
        self.is_open() && self.is_started && !self.is_pressed()
    }

    /// Whether no deadline runs but keepalive's and the connection's life. Whoever brings one of those nearer disarms the
    /// timer.
    pub(crate) fn is_resting(&self) -> bool {
        self.is_at_ease() && self.message.deadline().is_none()
    }

    /// Whether a deadline runs that is short, and passes whatever else happens.
    pub(crate) fn is_pressed(&self) -> bool {
        self.ending.close_by().is_some() || self.progress_by.is_some()
    }

    /// Whether the deadline due next judges the peer by what it sent, so that the transport must be read
    /// dry first.
    pub(crate) fn judges_input(&self) -> bool {
        let judges_message = self.message.deadline().is_some();
        self.is_open() && (judges_message || self.heartbeat.awaits_answer())
    }

    /// Judges the deadlines that have passed; to be called again until there is none.
    pub(crate) fn handle_timeout(&mut self, now: Instant, input: Input) -> Option<Expiry> {
        let is_due = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        if self.phase == Phase::Ended {
            return None;
        }
        if is_due(self.ending.close_by()) {
            return Some(self.close_expiry());
        }
        if is_due(self.progress_by) {
            self.end(Some(Error::SendTimeout));
            return Some(Expiry::End);
        }
        if !self.is_open() {
            return None;
        }
        if is_due(self.ending.expires_at()) {
            self.ending.set_expires_at(None);
            return Some(Expiry::Close(CloseCode::AWAY));
        }
        if is_due(self.message.deadline()) && input == Input::Dry {
            return self.message_expiry(now);
        }
        self.heartbeat_expiry(now, input)
    }

    fn close_expiry(&mut self) -> Expiry {
        self.cut();
        Expiry::End
    }

    fn message_expiry(&mut self, now: Instant) -> Option<Expiry> {
        if self.message.is_outdated(self.received) {
            self.message.put_off(after(now, self.config.message_timeout()));
            return None;
        }
        self.message = MessageWatch::default();
        Some(Expiry::Fail(LimitError::MessageTimeout.into()))
    }

    fn heartbeat_expiry(&mut self, now: Instant, input: Input) -> Option<Expiry> {
        let is_active = self.received != self.seen;
        if !is_active && input == Input::Unread {
            return None;
        }
        match self.heartbeat.handle_timeout(now, is_active, self.config.keepalive())? {
            keepalive::Verdict::Alive => {
                self.watch_peer(now);
                None
            }
            keepalive::Verdict::Quiet => Some(Expiry::Ping),
            keepalive::Verdict::Silent => {
                self.end(Some(Error::KeepaliveTimeout));
                Some(Expiry::End)
            }
        }
    }
}

fn after(now: Instant, timeout: Option<Duration>) -> Option<Instant> {
    // A time-out past the clock's end is none.
    timeout.and_then(|timeout| now.checked_add(timeout))
}

#[cfg(test)]
mod tests;
