//! The end of a connection: what is queued goes out, our side is shut down, the peer's is drained.
//!
//! A socket that is closed with unread input sends a reset, and a reset destroys what was written before
//! it: our Close would be lost. So input is read and discarded until the peer ends, within bounds.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

use super::Connection;
use crate::session::{Phase, Step};

impl<T: AsyncRead + AsyncWrite + Unpin> Connection<T> {
    /// Goes on with the end; ready when the connection has ended.
    pub(super) fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let written = self.poll_last_write(cx);
        // Reading goes on meanwhile: the peer may read our Close only once it has got rid of its own data.
        while !self.is_ended() {
            match self.poll_discard(cx) {
                Poll::Ready(Discarded::Some) => {}
                // What the peer has stopped sending to, it may still read.
                Poll::Ready(Discarded::End) if written.is_pending() => break,
                Poll::Ready(Discarded::End) => self.session.end(None),
                Poll::Pending => break,
            }
        }
        if !self.is_ended() {
            ready!(self.poll_deadlines(cx));
        }
        // A courtesy to transports that say goodbye, as TLS does; it waits for nobody.
        let _ = Pin::new(&mut self.io).poll_shutdown(cx);
        Poll::Ready(())
    }

    /// Writes our Close, then shuts our side down where that is ours to do first.
    fn poll_last_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.session.phase() == Phase::Finishing(Step::Flush) {
            match ready!(self.poll_write(cx)) {
                Ok(()) => self.session.handle_close_written(),
                // Nobody will read our Close, but what is on its way to us may still be discarded.
                Err(_) => self.session.handle_shutdown(),
            }
        }
        if self.session.phase() == Phase::Finishing(Step::Shutdown) {
            let _ = ready!(Pin::new(&mut self.io).poll_shutdown(cx));
            self.session.handle_shutdown();
        }
        self.session.handle_drain(Instant::now);
        Poll::Ready(())
    }

    /// Discards what has arrived.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<Discarded> {
        self.session.handle_discarded(self.input.bytes.len());
        self.input.clear();
        match ready!(self.input.poll_fill(&mut self.io, cx, None)) {
            Ok(0) | Err(_) => Poll::Ready(Discarded::End),
            Ok(_) => Poll::Ready(Discarded::Some),
        }
    }
}

/// What a read at the end of a connection has found.
enum Discarded {
    Some,
    End,
}
