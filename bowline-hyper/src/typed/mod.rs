//! [`Typed`]: values instead of messages, as JSON by serde.
//!
//! ```text
//! Stream of Message -> skip Ping, Pong; keep Close -> parse -> In
//! Out -> serialise -> Message::Text -> Sink of Message
//! ```

mod closing;
mod error;
mod receiving;
mod sending;

use std::{fmt, marker::PhantomData};

use bowline::{CloseFrame, WebSocket};

use crate::Io;
use closing::Closer;
pub use error::{ParseError, TypedError};
use receiving::Receiving;

/// A connection whose messages are values: `In` is received, `Out` is sent, each as one text message of JSON.
///
/// It stands on a [`WebSocket`], on one of its halves, or on any other `Stream` and `Sink` of
/// [`Message`](bowline::Message)s, and is a `Stream` of `In` and a `Sink` of `Out` itself. What the connection does on
/// its own, it goes on doing: pings are answered and not shown.
///
/// ```no_run
/// use bowline::WebSocket;
/// use bowline_hyper::{Io, Typed, TypedError};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Deserialize)]
/// #[serde(tag = "do", rename_all = "lowercase")]
/// enum Command {
///     Move { to: u8 },
///     Resign,
/// }
///
/// #[derive(Serialize)]
/// struct Board {
///     moves: Vec<u8>,
/// }
///
/// # async fn play(ws: WebSocket<Io>) -> Result<(), TypedError> {
/// let mut game: Typed<Command, Board> = Typed::new(ws).close_on_invalid();
/// let mut board = Board { moves: Vec::new() };
/// while let Some(command) = game.next().await {
///     match command? {
///         Command::Move { to } => board.moves.push(to),
///         Command::Resign => break,
///     }
///     game.send(&board).await?;
/// }
/// game.close(1000, "").await?;
/// # Ok(())
/// # }
/// ```
///
/// # Messages that don't fit
///
/// Text that is no `In` is [`TypedError::Parse`], which says where in the value and where in the text. A binary message
/// is [`TypedError::NotText`], unless [`allow_binary`](Self::allow_binary) has it parsed as well. Either is one item of
/// the stream, and the next message comes behind it: whoever doesn't want that asks for `close_on_invalid`. Values
/// nested deeper than 128 levels don't parse, whatever the type, so that a peer can't use up the stack.
///
/// A Close ends the stream, and [`close_frame`](Self::close_frame) tells what was in it.
///
/// # Cost
///
/// Some 100 bytes beside what it stands on. A message is parsed where it was received and is let go of then, so that `In`
/// holds what it has copied; the limits for its size are the connection's.
pub struct Typed<In, Out, S = WebSocket<Io>> {
    inner: S,
    binary: Binary,
    /// How the connection is closed over a message that doesn't fit; `None` where it isn't.
    closer: Option<Closer<S>>,
    receiving: Receiving,
    close_frame: Option<CloseFrame>,
    types: PhantomData<fn(&Out) -> In>,
}

/// What becomes of binary messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Binary {
    Refused,
    Parsed,
}

impl<In, Out, S> Typed<In, Out, S> {
    /// Values over this connection.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            binary: Binary::Refused,
            closer: None,
            receiving: Receiving::Open,
            close_frame: None,
            types: PhantomData,
        }
    }

    /// Parses binary messages as JSON, too; unless this is asked for, each is a [`TypedError::NotText`]. What is sent is
    /// text in any case.
    #[must_use]
    pub fn allow_binary(self) -> Self {
        Self { binary: Binary::Parsed, ..self }
    }

    /// What was in the peer's Close, once the stream has ended or `close` has come back; `None` where it came without a
    /// code, or hasn't come.
    pub fn close_frame(&self) -> Option<&CloseFrame> {
        self.close_frame.as_ref()
    }

    /// The connection.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The connection, for what isn't typed: messages sent and received on it go past the types, in order with the
    /// others.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The connection. No message is lost: none is kept here.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

/// For a [`Writer`](bowline::Writer): the clone sends on the same connection.
impl<In, Out, S: Clone> Clone for Typed<In, Out, S> {
    fn clone(&self) -> Self {
        Self { binary: self.binary, closer: self.closer, ..Self::new(self.inner.clone()) }
    }
}

impl<In, Out, S: fmt::Debug> fmt::Debug for Typed<In, Out, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Typed").field("inner", &self.inner).finish_non_exhaustive()
    }
}
