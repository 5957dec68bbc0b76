//! How it ended, as a number for scripts and in words for people.

use std::process::ExitCode;

use bowline::{CloseCode, ConnectError, Error};
use http::header::LOCATION;

use crate::{output::printable, session::End};

/// How many lines of a refusal's body are shown.
const BODY_LINES: usize = 10;

/// The exit status; `HELP` has the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Normal = 0,
    Failed = 1,
    Usage = 2,
    Refused = 3,
    Closed = 4,
    Tls = 5,
    Interrupted = 130,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}

impl From<&Error> for Status {
    fn from(error: &Error) -> Self {
        match error {
            Error::Usage(_) => Self::Usage,
            _ if error.refusal().is_some() => Self::Refused,
            Error::Connect(error) => match &**error {
                ConnectError::Tls(_) | ConnectError::NotTls(_) | ConnectError::Alpn(_) => Self::Tls,
                ConnectError::ProxyUnreachable(error) => Self::from(&**error),
                _ => Self::Failed,
            },
            _ => Self::Failed,
        }
    }
}

impl From<&End> for Status {
    fn from(end: &End) -> Self {
        match end {
            End::Closed(None | Some(CloseCode::NORMAL | CloseCode::AWAY)) => Self::Normal,
            End::Closed(Some(_)) => Self::Closed,
            End::Failed(error) => Self::from(error),
            End::Input(_) => Self::Failed,
            End::Interrupted => Self::Interrupted,
        }
    }
}

/// Says what is wrong, and what the server has to say about it.
pub(crate) fn complain(uri: &str, error: &Error) {
    eprintln!("client: {uri}: {error}");
    let Some(response) = error.refusal() else { return };
    if let Some(location) = response.headers().get(LOCATION) {
        eprintln!("  to {} (--redirects N follows)", location.as_bytes().escape_ascii());
    }
    let body = String::from_utf8_lossy(response.body());
    for line in body.lines().take(BODY_LINES) {
        eprintln!("  | {}", printable(line));
    }
    if body.lines().nth(BODY_LINES).is_some() {
        eprintln!("  | ...");
    }
}
