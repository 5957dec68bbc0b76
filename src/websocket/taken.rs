//! What a connection's transport has taken, for whoever goes on with the rest elsewhere.

use std::{
    task::{Context, Poll},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite};

use super::{WebSocket, outbox::Mark, wakers::Party};
use crate::{
    message::Message,
    vocabulary::{CloseFrame, Error},
};

impl<T> WebSocket<T> {
    /// The end of what is queued: behind the frames of the message that was queued last.
    pub(crate) fn mark(&self) -> Mark {
        self.connection.mark()
    }

    /// Queues a message as [`feed`](Self::feed) does, once there is room.
    pub(crate) fn start_feed(&mut self, message: Message) -> Result<(), Error> {
        self.connection.start_send(message, Party::WRITER)
    }

    /// Whether the transport has taken everything before this place.
    pub(crate) fn is_past(&self, mark: Mark) -> bool {
        self.connection.is_past(mark)
    }
}

impl<T> WebSocket<T> {
    /// The body of the peer's Close, once it has come.
    pub(crate) fn peer_close(&self) -> Option<CloseFrame> {
        self.connection.peer_close().cloned()
    }

    pub(crate) fn close_timeout(&self) -> Option<Duration> {
        self.connection.config().close_timeout()
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> WebSocket<T> {
    /// Reads and discards until the connection has ended, as [`close`](Self::close) does once Close is sent; the body
    /// of the peer's Close.
    pub(crate) fn poll_closed(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<CloseFrame>, Error>> {
        self.connection.poll_closed(cx)
    }
}
