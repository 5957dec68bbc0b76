use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use super::Limits;

/// When to ask whether the peer is still there (RFC 6455 section 5.5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    interval: Duration,
    timeout: Duration,
}

impl Keepalive {
    /// A ping after `interval` to twice that without a byte in; the connection fails where nothing
    /// at all arrives within `timeout` of the ping being handed to the transport.
    ///
    /// A frame only sets a flag and the clock is read when the timer fires: hence the range.
    pub const fn new(interval: Duration, timeout: Duration) -> Self {
        Self { interval, timeout }
    }

    /// The least quiet time before a ping.
    pub const fn interval(&self) -> Duration {
        self.interval
    }

    /// How long any byte from the peer may take after the ping.
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }
}

impl Default for Keepalive {
    /// 30 s and 30 s.
    fn default() -> Self {
        Self::new(Duration::from_secs(30), Duration::from_secs(30))
    }
}

/// What one connection may take: sizes, times, keepalive. The defaults are safe to put on the internet.
///
/// Time-outs are on by default; `None` turns one off, and what is off has no timer. They need Tokio's
/// time driver (`enable_time`, which `#[tokio::main]` includes): without it the first poll that would
/// set a timer panics as Tokio's own timers do; with every time-out `None` no timer is ever made.
///
/// ```
/// use std::time::Duration;
/// use bowline::Config;
///
/// let config = Config::new()
///     .with_max_message_size(1 << 20)
///     .with_message_timeout(Some(Duration::from_secs(30)));
/// assert_eq!(config.max_message_size(), 1 << 20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    limits: Limits,
    keepalive: Option<Keepalive>,
    handshake_timeout: Option<Duration>,
    close_timeout: Option<Duration>,
    send_timeout: Option<Duration>,
    message_timeout: Option<Duration>,
    max_lifetime: Option<Duration>,
    max_streamed_size: Option<usize>,
    outgoing_frame_size: Option<usize>,
    high_water: usize,
}

impl Config {
    /// The defaults, each named at its setter.
    pub const fn new() -> Self {
        Self {
            limits: Limits::new(),
            keepalive: Some(Keepalive::new(Duration::from_secs(30), Duration::from_secs(30))),
            handshake_timeout: Some(Duration::from_secs(10)),
            close_timeout: Some(Duration::from_secs(5)),
            send_timeout: Some(Duration::from_secs(30)),
            message_timeout: None,
            max_lifetime: None,
            max_streamed_size: Some(Limits::new().max_message_size()),
            outgoing_frame_size: None,
            high_water: 64 << 10,
        }
    }

    /// Both size limits at once.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The largest payload of one incoming frame, in bytes; 16 MiB unless set. Past it: 1009.
    #[must_use]
    pub const fn with_max_frame_size(mut self, bytes: usize) -> Self {
        self.limits = self.limits.with_max_frame_size(bytes);
        self
    }

    /// The largest incoming message over all its fragments, in bytes; 64 MiB unless set. Past it: 1009.
    #[must_use]
    pub const fn with_max_message_size(mut self, bytes: usize) -> Self {
        self.limits = self.limits.with_max_message_size(bytes);
        self
    }

    /// The largest incoming message that is read as a stream, in bytes; 64 MiB unless set, `None` for any. Such
    /// a message is never in memory as a whole, and its frames are held to no other size. Past it: 1009.
    #[must_use]
    pub const fn with_max_streamed_size(mut self, bytes: Option<usize>) -> Self {
        self.max_streamed_size = bytes;
        self
    }

    /// When to ping and when to give up; 30 s and 30 s unless set.
    #[must_use]
    pub const fn with_keepalive(mut self, keepalive: Option<Keepalive>) -> Self {
        self.keepalive = keepalive;
        self
    }

    /// For the opening handshake: reading the request or the response, and writing the other; 10 s
    /// unless set. What a caller does between receiving a request and answering it doesn't count.
    #[must_use]
    pub const fn with_handshake_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// For the closing handshake, from our Close or the peer's to the end of the stream; 5 s unless set.
    #[must_use]
    pub const fn with_close_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.close_timeout = timeout;
        self
    }

    /// For a write that makes no progress because the peer doesn't read; 30 s unless set.
    #[must_use]
    pub const fn with_send_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.send_timeout = timeout;
        self
    }

    /// For an incomplete message, since its last byte; off unless set (30 s is a good value). Past
    /// it: 1008. Pings in between don't help it.
    #[must_use]
    pub const fn with_message_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.message_timeout = timeout;
        self
    }

    /// How long a connection may live; off unless set. Then it is closed with 1001.
    #[must_use]
    pub const fn with_max_lifetime(mut self, lifetime: Option<Duration>) -> Self {
        self.max_lifetime = lifetime;
        self
    }

    /// Splits outgoing messages into frames of at most this many bytes; off unless set. Zero is taken for one.
    #[must_use]
    pub const fn with_outgoing_frame_size(mut self, bytes: Option<usize>) -> Self {
        self.outgoing_frame_size = match bytes {
            Some(0) => Some(1),
            other => other,
        };
        self
    }

    /// How many bytes may wait to be written before a send waits for the peer; 64 KiB unless set.
    ///
    /// Memory for what waits is at most this, one message beyond it and the copy in which a client
    /// masks (64 KiB).
    #[must_use]
    pub const fn with_high_water(mut self, bytes: usize) -> Self {
        self.high_water = bytes;
        self
    }

    /// Both size limits.
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// The largest payload of one incoming frame, in bytes.
    pub const fn max_frame_size(&self) -> usize {
        self.limits.max_frame_size()
    }

    /// The largest incoming message, in bytes.
    pub const fn max_message_size(&self) -> usize {
        self.limits.max_message_size()
    }

    /// The largest incoming message that is read as a stream, in bytes.
    pub const fn max_streamed_size(&self) -> Option<usize> {
        self.max_streamed_size
    }

    /// When to ping and when to give up.
    pub const fn keepalive(&self) -> Option<Keepalive> {
        self.keepalive
    }

    /// How long each part of the opening handshake may take.
    pub const fn handshake_timeout(&self) -> Option<Duration> {
        self.handshake_timeout
    }

    /// How long the closing handshake may take.
    pub const fn close_timeout(&self) -> Option<Duration> {
        self.close_timeout
    }

    /// How long a write may make no progress.
    pub const fn send_timeout(&self) -> Option<Duration> {
        self.send_timeout
    }

    /// How long an incomplete message may rest.
    pub const fn message_timeout(&self) -> Option<Duration> {
        self.message_timeout
    }

    /// How long the connection may live.
    pub const fn max_lifetime(&self) -> Option<Duration> {
        self.max_lifetime
    }

    /// The largest frame sent.
    pub const fn outgoing_frame_size(&self) -> Option<usize> {
        self.outgoing_frame_size
    }

    /// How many bytes may wait to be written.
    pub const fn high_water(&self) -> usize {
        self.high_water
    }
}

impl Config {
    /// The defaults, of which all connections that have nothing else share one.
    pub(crate) fn shared() -> Arc<Self> {
        static SHARED: LazyLock<Arc<Config>> = LazyLock::new(Arc::default);
        SHARED.clone()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}
