//! Time and failure: deadlines judged, and a connection failed with its close code.

use std::task::{Context, Poll};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

use super::Connection;
use crate::{
    session::{Expiry, Input},
    vocabulary::{CloseCode, CloseFrame, Error, OpCode, trace},
};

impl<T: AsyncRead + AsyncWrite + Unpin> Connection<T> {
    /// Waits for a deadline to change something, with nothing more to read.
    pub(super) fn poll_deadlines(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.poll_timer(cx).is_ready() {
            if self.judge(Input::Dry, cx).is_ready() {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    /// Judges the deadlines that have passed and that input has no say in; ready where one has changed
    /// something. A peer that never stops sending doesn't put them off.
    pub(super) fn poll_busy_deadlines(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let is_due =
            !self.session.is_started() || self.session.is_pressed() || self.timer.is_elapsed();
        if is_due && self.poll_timer(cx).is_ready() {
            return self.judge(Input::Unread, cx);
        }
        Poll::Pending
    }

    /// The same for the writing side, which reads before it judges the peer's silence.
    pub(super) fn poll_writer_deadlines(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.session.judges_input() || !self.timer.is_elapsed() {
            return self.poll_deadlines(cx);
        }
        // A full buffer has something for the reader, as has a read that brings something; an end or an
        // error seen here is seen again there.
        if !self.input.is_full() && self.poll_fill(cx).is_pending() {
            return self.poll_deadlines(cx);
        }
        self.poll_busy_deadlines(cx)
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.session.is_started() {
            self.session.start(Instant::now());
        }
        self.timer.poll(cx, self.session.next_deadline())
    }

    /// Carries out what the deadlines that have passed ask for; ready where the phase has changed.
    fn judge(&mut self, input: Input, cx: &mut Context<'_>) -> Poll<()> {
        let now = Instant::now();
        let phase = self.session.phase();
        while let Some(expiry) = self.session.handle_timeout(now, input) {
            self.expire(expiry, cx);
            if self.session.phase() != phase {
                return Poll::Ready(());
            }
        }
        // The ping goes out at once: the answer's clock starts with it.
        if let Poll::Ready(Err(error)) = self.poll_write(cx) {
            self.session.end(Some(error.into()));
            return Poll::Ready(());
        }
        Poll::Pending
    }

    fn expire(&mut self, expiry: Expiry, cx: &mut Context<'_>) {
        match expiry {
            Expiry::Ping => {
                trace::keepalive_ping(self.codec.role());
                let header = self.header(OpCode::PING, 0);
                self.outbox.set_ping(&header);
            }
            Expiry::Close(code) => {
                self.queue_close(Some(&CloseFrame::new(code, "")));
                self.session.handle_close_sent(Instant::now());
            }
            Expiry::Fail(error) => self.fail(error, cx),
            Expiry::End => {}
        }
    }

    /// Fails the connection (section 7.1.7): what the transport takes at once still goes out, the frame
    /// that is begun is finished, and Close says why.
    pub(super) fn fail(&mut self, error: Error, cx: &mut Context<'_>) {
        let _ = self.poll_write(cx);
        let dropped = self.outbox.drop_unbegun();
        // What is no fault of the peer's is ours (1011).
        let code = error.close_code().unwrap_or(CloseCode::ERROR);
        // A Close of ours is the last of the queue: if anything was dropped, so was it.
        if self.session.is_open() || dropped > 0 {
            self.queue_close(Some(&CloseFrame::new(code, reason(&error))));
        }
        self.session.handle_breach(error, Instant::now());
    }
}

/// What went wrong, as far as it fits.
fn reason(error: &Error) -> String {
    let mut reason = error.to_string();
    let end = (0..=CloseFrame::MAX_REASON).rev().find(|end| reason.is_char_boundary(*end));
    reason.truncate(end.unwrap_or(0));
    reason
}
