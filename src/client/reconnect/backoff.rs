//! When to try again (RFC 6455 section 7.2.3).

use std::time::Duration;

/// How long to wait before each attempt to connect again, and when to give up.
///
/// RFC 6455 section 7.2.3: "the first reconnect attempt SHOULD be delayed by a random amount of time. The parameters by
/// which this random delay is chosen are left to the client to decide; a value chosen randomly between 0 and 5 seconds
/// is a reasonable initial delay". And: "Should the first reconnect attempt fail, subsequent reconnect attempts SHOULD
/// be delayed by increasingly longer amounts of time, using a method such as truncated binary exponential backoff."
///
/// ```text
/// reconnect        1          2           3            n
/// wait          0 .. i    i .. 2i    2i .. 4i    half .. all of min(i * 2^(n-1), max)
/// ```
///
/// A server that asks for more with `Retry-After`, in seconds and with 429 or 503, gets more, up to `max`.
///
/// ```
/// use std::time::Duration;
/// use bowline::client::Backoff;
///
/// let backoff = Backoff::new().with_initial(Duration::from_secs(1));
/// assert_eq!(backoff.delay(1, 0.5), Duration::from_millis(500));
/// assert_eq!(backoff.delay(3, 0.5), Duration::from_secs(3));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    initial: Duration,
    max: Duration,
    stable_after: Duration,
    max_attempts: Option<u32>,
    max_elapsed: Option<Duration>,
}

impl Backoff {
    /// The defaults, each named at its setter.
    pub const fn new() -> Self {
        Self {
            initial: Duration::from_secs(5),
            max: Duration::from_secs(60),
            stable_after: Duration::from_secs(30),
            max_attempts: None,
            max_elapsed: None,
        }
    }

    /// The longest wait before the first reconnect; 5 s unless set. The waits behind it grow from this one: of zero
    /// none grows, and a server that isn't there is asked again without a pause.
    #[must_use]
    pub const fn with_initial(mut self, initial: Duration) -> Self {
        self.initial = initial;
        self
    }

    /// The longest wait before any; 60 s unless set. It bounds `Retry-After` too.
    #[must_use]
    pub const fn with_max(mut self, max: Duration) -> Self {
        self.max = max;
        self
    }

    /// How long a connection has to have lived for the count to start anew; 30 s unless set. A server that accepts and
    /// at once hangs up is waited for as one that doesn't accept.
    #[must_use]
    pub const fn with_stable_after(mut self, stable_after: Duration) -> Self {
        self.stable_after = stable_after;
        self
    }

    /// How many attempts in a row may come to nothing; any number unless set. The last one's error is final. The first
    /// attempt of all is one of them, and so is one whose connection lives for less than
    /// [`stable_after`](Self::with_stable_after); 0 is taken for 1.
    #[must_use]
    pub const fn with_max_attempts(mut self, attempts: Option<u32>) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// How long to go on since the connection was lost, or since the first attempt of all; for ever unless set. An
    /// attempt that would begin later is not made, and the error before it is final. An attempt that has begun is not
    /// cut short.
    #[must_use]
    pub const fn with_max_elapsed(mut self, elapsed: Option<Duration>) -> Self {
        self.max_elapsed = elapsed;
        self
    }

    /// The longest wait before the first reconnect.
    pub const fn initial(&self) -> Duration {
        self.initial
    }

    /// The longest wait before any.
    pub const fn max(&self) -> Duration {
        self.max
    }

    /// How long a connection has to have lived for the count to start anew.
    pub const fn stable_after(&self) -> Duration {
        self.stable_after
    }

    /// How many attempts in a row may fail.
    pub const fn max_attempts(&self) -> Option<u32> {
        self.max_attempts
    }

    /// How long to go on since the connection was lost.
    pub const fn max_elapsed(&self) -> Option<Duration> {
        self.max_elapsed
    }

    /// The wait before this reconnect, counted from 1, for a random number from 0 to 1.
    pub fn delay(&self, reconnect: u32, random: f64) -> Duration {
        // As many as make of the shortest time more than the longest.
        let doublings = f64::from(reconnect.saturating_sub(1).min(200));
        let ceiling = (self.initial.as_secs_f64() * doublings.exp2()).min(self.max.as_secs_f64());
        // A random number that is none is taken for 0.
        let random = random.clamp(0.0, 1.0).max(0.0);
        let seconds = match reconnect {
            0 | 1 => ceiling * random,
            _ => ceiling / 2.0 * (1.0 + random),
        };
        // Only what is longer than any `Duration` can't be had.
        Duration::try_from_secs_f64(seconds).unwrap_or(self.max).min(self.max)
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}
