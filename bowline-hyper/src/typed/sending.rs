//! Messages out: `send`, `feed` and `flush`, and the `Sink`.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use bowline::{Error, Message};
use futures_sink::Sink;
use serde::Serialize;

use super::{Typed, TypedError};

impl<In, Out, S> Typed<In, Out, S>
where
    Out: Serialize,
    S: Sink<Message, Error = Error> + Unpin,
{
    /// Queues a value and writes what is queued, as [`WebSocket::send`](bowline::WebSocket::send).
    ///
    /// Cancel-safe: when dropped, the message is wholly queued or not at all.
    ///
    /// # Errors
    ///
    /// [`TypedError::Serialize`] for a value that can't be written as JSON, with nothing sent;
    /// [`TypedError::Connection`] after Close, and for what ended the connection.
    pub async fn send(&mut self, value: &Out) -> Result<(), TypedError> {
        self.feed(value).await?;
        self.flush().await
    }

    /// Queues a value, waiting while there is no room, as [`WebSocket::feed`](bowline::WebSocket::feed). It is written by
    /// the next [`flush`](Self::flush), or when the connection finds nothing more to read.
    ///
    /// Cancel-safe: when dropped, the message is not queued.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn feed(&mut self, value: &Out) -> Result<(), TypedError> {
        let message = message(value)?;
        poll_fn(|cx| Pin::new(&mut self.inner).poll_ready(cx)).await?;
        Ok(Pin::new(&mut self.inner).start_send(message)?)
    }

    /// Writes what is queued.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// What ended the connection.
    pub async fn flush(&mut self) -> Result<(), TypedError> {
        Ok(poll_fn(|cx| Pin::new(&mut self.inner).poll_flush(cx)).await?)
    }
}

fn message<Out: Serialize>(value: &Out) -> Result<Message, TypedError> {
    serde_json::to_string(value).map(Message::from).map_err(TypedError::Serialize)
}

/// `poll_close` does what that of the connection does.
impl<In, Out, S> Sink<Out> for Typed<In, Out, S>
where
    Out: Serialize,
    S: Sink<Message, Error = Error> + Unpin,
{
    type Error = TypedError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TypedError>> {
        Pin::new(&mut self.inner).poll_ready(cx).map_err(TypedError::from)
    }

    fn start_send(mut self: Pin<&mut Self>, value: Out) -> Result<(), TypedError> {
        Ok(Pin::new(&mut self.inner).start_send(message(&value)?)?)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TypedError>> {
        Pin::new(&mut self.inner).poll_flush(cx).map_err(TypedError::from)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TypedError>> {
        Pin::new(&mut self.inner).poll_close(cx).map_err(TypedError::from)
    }
}
