//! From a subscription into a connection.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Subscription, queue::Status};
use crate::{
    vocabulary::{Error, UsageError},
    websocket::Writer,
};

/// The most messages fed in one poll; then others get their turn.
const BUDGET: usize = 256;

/// Why forwarding is over.
enum End {
    /// The subscription's, or the connection's.
    Reached,
    /// The subscriber is too far behind.
    Overrun,
}

/// Whether anything was fed that isn't known to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fed {
    Written,
    Waits,
}

impl Subscription {
    /// Sends what is published on a connection, until the subscription or the connection ends. Messages are
    /// fed while there are any, and flushed when there are none.
    ///
    /// A message stays in the queue until the connection has room for it (64 KiB are queued there,
    /// [`Config::with_high_water`](crate::Config::with_high_water)): a peer that doesn't read fills the queue, and
    /// the [`Policy`](super::Policy) decides. Where that cuts the subscriber off, the connection is closed with
    /// the policy's code at once.
    ///
    /// Needs a task that polls the [`Reader`](crate::Reader), as every connection does.
    ///
    /// Cancel-safe: when dropped, each message is either with the connection or still in the queue. Called
    /// again it goes on.
    ///
    /// # Errors
    ///
    /// What ended the connection before its time; a closing handshake, of either side, is none.
    /// [`Error::Usage`] where the policy's Close may not be sent.
    pub async fn forward<T>(&mut self, writer: &mut Writer<T>) -> Result<(), Error>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        // Whoever was dropped before may have fed something.
        let mut feeding = Feeding { writer, fed: Fed::Waits };
        let end = poll_fn(|cx| self.poll_forward(&mut feeding, cx)).await;
        drop(feeding);
        let closed = match (end, self.overrun()) {
            (Ok(End::Overrun), Some(frame)) => writer.close(frame.code, frame.reason.clone()).await,
            (end, _) => end.map(drop),
        };
        match closed {
            Err(Error::Usage(UsageError::SendAfterClose)) => Ok(()),
            closed => closed,
        }
    }

    fn poll_forward<T>(
        &self,
        feeding: &mut Feeding<'_, T>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<End, Error>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        for _ in 0..BUDGET {
            match self.queue.status() {
                Status::Overrun => return Poll::Ready(Ok(End::Overrun)),
                Status::Queued => ready!(self.poll_feed(feeding, cx))?,
                Status::Ended => {
                    ready!(feeding.poll_written(cx))?;
                    return Poll::Ready(Ok(End::Reached));
                }
                Status::Empty => {
                    if let Poll::Ready(Err(error)) = feeding.poll_written(cx) {
                        return Poll::Ready(Err(error));
                    }
                    if self.queue.poll_filled(cx).is_pending() {
                        return feeding.writer.poll_closing(cx).map(Err);
                    }
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Feeds a message when there is room, and waits no longer than until the subscriber is cut off.
    fn poll_feed<T>(
        &self,
        feeding: &mut Feeding<'_, T>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        match feeding.writer.poll_feed_prepared(cx, || self.queue.take()) {
            Poll::Pending => self.queue.poll_overrun(cx).map(Ok),
            ready => {
                feeding.fed = Fed::Waits;
                ready
            }
        }
    }
}

/// A writer, and whether it owes a flush.
struct Feeding<'a, T> {
    writer: &'a mut Writer<T>,
    fed: Fed,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Feeding<'_, T> {
    fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.fed == Fed::Waits {
            ready!(Pin::new(&mut *self.writer).poll_flush(cx))?;
            self.fed = Fed::Written;
        }
        Poll::Ready(Ok(()))
    }
}

/// What was fed by one that is dropped before it has flushed is the reader's to write.
impl<T> Drop for Feeding<'_, T> {
    fn drop(&mut self) {
        if self.fed == Fed::Waits {
            self.writer.wake_reader();
        }
    }
}
