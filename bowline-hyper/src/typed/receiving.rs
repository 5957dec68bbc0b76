//! Messages in: `next`, and the `Stream`.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bowline::{CloseFrame, Error, Message};
use futures_core::{FusedStream, Stream};
use serde::de::DeserializeOwned;

use super::{Binary, ParseError, Typed, TypedError};

/// How many messages are skipped before another task has its turn.
const BUDGET: usize = 128;

/// How far receiving has come.
///
/// ```text
/// Open ---> Ended
///   |         ^
///   +-> Failing     a message that doesn't fit, where the connection is closed over it
/// ```
#[derive(Debug)]
pub(super) enum Receiving {
    Open,
    Failing(Box<Failure>),
    Ended,
}

/// A message that doesn't fit, told once the peer has been told.
#[derive(Debug)]
pub(super) struct Failure {
    error: TypedError,
    close: CloseFrame,
}

impl From<TypedError> for Failure {
    fn from(error: TypedError) -> Self {
        Self { close: error.to_close_frame(), error }
    }
}

impl<In, Out, S> Typed<In, Out, S>
where
    In: DeserializeOwned,
    S: Stream<Item = Result<Message, Error>> + Unpin,
{
    /// The next value; `None` after a Close, and after what else has ended the connection.
    ///
    /// Cancel-safe: a message is either returned or still there.
    ///
    /// # Errors
    ///
    /// [`TypedError::Parse`] and [`TypedError::NotText`] for a message that doesn't fit, with others to come;
    /// [`TypedError::Connection`] for what ended the connection, as the last item.
    pub async fn next(&mut self) -> Option<Result<In, TypedError>> {
        poll_fn(|cx| self.poll_value(cx)).await
    }

    fn poll_value(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<In, TypedError>>> {
        for _ in 0..BUDGET {
            match &self.receiving {
                Receiving::Open => {}
                Receiving::Failing(_) => return self.poll_failing(cx),
                Receiving::Ended => return Poll::Ready(None),
            }
            let value = match ready!(Pin::new(&mut self.inner).poll_next(cx)) {
                Some(Ok(message)) => self.value(message),
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                None => {
                    self.receiving = Receiving::Ended;
                    continue;
                }
            };
            match value {
                None => {}
                Some(Err(error)) if self.closer.is_some() => {
                    self.receiving = Receiving::Failing(Box::new(error.into()));
                }
                Some(value) => return Poll::Ready(Some(value)),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// What a message stands for; `None` for control messages.
    fn value(&mut self, message: Message) -> Option<Result<In, TypedError>> {
        match message {
            Message::Text(text) => Some(parse(text.as_bytes()).map_err(TypedError::from)),
            Message::Binary(bytes) if self.binary == Binary::Parsed => {
                Some(parse(&bytes).map_err(TypedError::from))
            }
            Message::Binary(bytes) => Some(Err(TypedError::NotText(bytes))),
            Message::Ping(_) | Message::Pong(_) => None,
            // The stream has its end to come yet: the reply, and what has to be read before it.
            Message::Close(frame) => {
                self.close_frame = frame;
                None
            }
        }
    }

    /// Carries out the closing handshake over a message that doesn't fit, and then says so.
    fn poll_failing(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<In, TypedError>>> {
        if let (Receiving::Failing(failure), Some(close)) = (&self.receiving, self.closer) {
            // How it went is of no interest beside why it was.
            if let Ok(frame) = ready!(close(&mut self.inner, cx, &failure.close)) {
                self.close_frame = frame;
            }
        }
        let failing = std::mem::replace(&mut self.receiving, Receiving::Ended);
        Poll::Ready(match failing {
            Receiving::Failing(failure) => Some(Err(failure.error)),
            Receiving::Open | Receiving::Ended => None,
        })
    }
}

fn parse<In: DeserializeOwned>(json: &[u8]) -> Result<In, ParseError> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let value = serde_path_to_error::deserialize(&mut deserializer)?;
    deserializer.end().map_err(ParseError::of_message)?;
    Ok(value)
}

impl<In, Out, S> Stream for Typed<In, Out, S>
where
    In: DeserializeOwned,
    S: Stream<Item = Result<Message, Error>> + Unpin,
{
    type Item = Result<In, TypedError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_value(cx)
    }
}

impl<In, Out, S> FusedStream for Typed<In, Out, S>
where
    In: DeserializeOwned,
    S: FusedStream<Item = Result<Message, Error>> + Unpin,
{
    fn is_terminated(&self) -> bool {
        match self.receiving {
            Receiving::Open => self.inner.is_terminated(),
            Receiving::Failing(_) => false,
            Receiving::Ended => true,
        }
    }
}
