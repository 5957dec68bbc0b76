//! What can go wrong with typed messages: the connection's errors, and messages that don't fit.

use std::{error, fmt};

use bowline::{CloseCode, CloseFrame, Error};
use bytes::Bytes;
use serde_path_to_error::Segment;

/// Why there is no value, or why none could be sent.
#[derive(Debug)]
#[non_exhaustive]
pub enum TypedError {
    /// What the connection says. It has ended, unless it is an [`Error::Usage`].
    Connection(Error),
    /// A message that is no JSON, or not of the type that is received here. The connection goes on.
    Parse(ParseError),
    /// A binary message, which is handed over as it came. The connection goes on.
    NotText(Bytes),
    /// A value that can't be written as JSON. Nothing was sent, and the connection goes on.
    Serialize(serde_json::Error),
}

impl TypedError {
    /// The connection's own error, where it is one.
    pub fn as_connection(&self) -> Option<&Error> {
        match self {
            Self::Connection(error) => Some(error),
            _ => None,
        }
    }

    /// Where a message doesn't fit, if that is what's wrong.
    pub fn as_parse(&self) -> Option<&ParseError> {
        match self {
            Self::Parse(error) => Some(error),
            _ => None,
        }
    }

    /// Whether the peer just went away: [`Error::is_disconnect`].
    pub fn is_disconnect(&self) -> bool {
        self.as_connection().is_some_and(Error::is_disconnect)
    }

    /// The close code for this error: 1007 for a message that doesn't parse, 1003 for one that isn't text, otherwise
    /// that of [`Error::close_code`].
    pub fn close_code(&self) -> Option<CloseCode> {
        match self {
            Self::Connection(error) => error.close_code(),
            Self::Parse(_) => Some(CloseCode::INVALID),
            Self::NotText(_) => Some(CloseCode::UNSUPPORTED),
            Self::Serialize(_) => None,
        }
    }

    /// The Close that tells the peer of it, with as much of the error as there is room for.
    pub(super) fn to_close_frame(&self) -> CloseFrame {
        let mut reason = self.to_string();
        while reason.len() > CloseFrame::MAX_REASON {
            reason.pop();
        }
        CloseFrame::new(self.close_code().unwrap_or(CloseCode::ERROR), reason)
    }
}

impl fmt::Display for TypedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(error) => fmt::Display::fmt(error, f),
            Self::Parse(error) => fmt::Display::fmt(error, f),
            Self::NotText(bytes) => {
                write!(f, "binary message of {} bytes, text expected", bytes.len())
            }
            Self::Serialize(error) => write!(f, "a value that is no JSON: {error}"),
        }
    }
}

impl error::Error for TypedError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        // The variants that show their inner error whole hand on that error's own source.
        match self {
            Self::Connection(error) => error.source(),
            Self::Parse(error) => error.source(),
            Self::Serialize(error) => error.source(),
            Self::NotText(_) => None,
        }
    }
}

impl From<Error> for TypedError {
    fn from(error: Error) -> Self {
        Self::Connection(error)
    }
}

impl From<ParseError> for TypedError {
    fn from(error: ParseError) -> Self {
        Self::Parse(error)
    }
}

/// Where in a message, and where in the value that it was to be, something else was expected.
///
/// Its `Display` is as `moves[3].to: invalid type: string "x", expected u8 at line 1 column 34`. The peer has a
/// say in it, so it has no control characters and is at most some 600 bytes long.
#[derive(Debug)]
pub struct ParseError {
    path: String,
    error: serde_json::Error,
}

impl ParseError {
    /// What serde says of a message as a whole.
    pub(super) fn of_message(error: serde_json::Error) -> Self {
        Self { path: ".".to_owned(), error }
    }

    /// The path inside the value, as `moves[3].to`; `.` for the value itself. Of a longer one the first 200 bytes.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The line of the message, from 1; 0 where serde doesn't know it.
    pub fn line(&self) -> usize {
        self.error.line()
    }

    /// The column in that line: how many bytes come up to there and including it; 0 at a line's start.
    pub fn column(&self) -> usize {
        self.error.column()
    }

    /// What serde says, which tells text that isn't JSON (`is_syntax`, `is_eof`) from JSON of another type (`is_data`).
    pub fn inner(&self) -> &serde_json::Error {
        &self.error
    }
}

impl From<serde_path_to_error::Error<serde_json::Error>> for ParseError {
    fn from(error: serde_path_to_error::Error<serde_json::Error>) -> Self {
        let mut path = error.path().to_string();
        // What serde hadn't read yet when it gave up; `?` says nothing that the rest doesn't.
        if let Some(Segment::Unknown) = error.path().iter().next_back() {
            path.truncate(path.trim_end_matches('?').trim_end_matches('.').len());
        }
        let path = if path.is_empty() { ".".to_owned() } else { shown(&path, 200) };
        Self { path, error: error.into_inner() }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path != "." {
            write!(f, "{}: ", self.path)?;
        }
        // The place comes behind what may be too long.
        let place = format!(" at line {} column {}", self.line(), self.column());
        let text = self.error.to_string();
        match text.strip_suffix(&place) {
            Some(text) => write!(f, "{}{place}", shown(text, 300)),
            None => f.write_str(&shown(&text, 300)),
        }
    }
}

impl error::Error for ParseError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        error::Error::source(&self.error)
    }
}

/// So many bytes of a text, and no control characters.
fn shown(text: &str, most: usize) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        let len = shown.len();
        match c.is_control() {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
        if shown.len() > most {
            shown.truncate(len);
            return shown + "...";
        }
    }
    shown
}
