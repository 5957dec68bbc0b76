use std::{error, fmt, time::Duration};

use http::{StatusCode, header::RETRY_AFTER};

use crate::vocabulary::{CloseCode, CloseFrame, Error};

/// Why there is no connection: what decides whether there will be another.
#[derive(Debug)]
#[non_exhaustive]
pub enum Disconnect {
    /// An attempt failed, or the connection broke.
    Failed(Error),
    /// The connection was closed; the body of the peer's Close, where it had one.
    Closed(Option<CloseFrame>),
}

impl Disconnect {
    /// Whether it is worth connecting again: as [`Error::is_transient`] says, and [`CloseCode::is_transient`] of the
    /// peer's code, which is [`CloseCode::NO_STATUS`] where there is none.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Failed(error) => error.is_transient(),
            Self::Closed(frame) => {
                frame.as_ref().map_or(CloseCode::NO_STATUS, |frame| frame.code).is_transient()
            }
        }
    }

    /// The error, where it is one.
    pub fn error(&self) -> Option<&Error> {
        match self {
            Self::Failed(error) => Some(error),
            Self::Closed(_) => None,
        }
    }

    /// How long the server has asked to be left alone: "servers send the 'Retry-After' header field to indicate how
    /// long the user agent ought to wait" (RFC 9110 section 10.2.3). A date there would need our clocks to agree, and
    /// is not looked at.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        let response = self.error()?.refusal()?;
        let has_meaning = matches!(
            response.status(),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        );
        let value = response.headers().get(RETRY_AFTER).filter(|_| has_meaning)?.to_str().ok()?;
        // "delay-seconds = 1*DIGIT"; a plus sign, which `parse` takes, is none.
        let is_digits = value.bytes().all(|byte| byte.is_ascii_digit());
        value.parse().ok().filter(|_| is_digits).map(Duration::from_secs)
    }
}

impl fmt::Display for Disconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => fmt::Display::fmt(error, f),
            Self::Closed(None) => f.write_str("closed without a code"),
            Self::Closed(Some(frame)) => write!(f, "closed with {frame}"),
        }
    }
}

impl error::Error for Disconnect {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        // An error is shown whole, so its own source is next.
        self.error().and_then(error::Error::source)
    }
}

/// An attempt that will be made after a wait, for [`Reconnecting::on_retry`](super::Reconnecting::on_retry).
#[derive(Debug)]
pub struct Retry<'a> {
    pub(super) reconnect: u32,
    pub(super) delay: Duration,
    pub(super) reason: Option<&'a Disconnect>,
}

impl Retry<'_> {
    /// Which reconnect it is since there was a connection that lasted, counted from 1.
    pub fn reconnect(&self) -> u32 {
        self.reconnect
    }

    /// How long it is waited before.
    pub fn delay(&self) -> Duration {
        self.delay
    }

    /// Why it is needed. `None` where the connection was the caller's own, who knows:
    /// [`Reconnecting`](super::Reconnecting) as a stream of connections is told only that it is over.
    pub fn reason(&self) -> Option<&Disconnect> {
        self.reason
    }
}
