//! A connection that is to close with many others.

use std::{sync::Arc, task::Context};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

use super::Connection;
use crate::{
    session::Phase,
    vocabulary::{Error, UsageError},
    websocket::{
        drain::{Member, Order, Roll},
        wakers::Party,
    },
};

impl<T> Connection<T> {
    /// Joins a drain, and leaves the one before.
    pub(in crate::websocket) fn join_drain(&mut self, roll: &Arc<Roll>) {
        let is_there = |member: &mut Member| Arc::ptr_eq(member.roll(), roll);
        if self.session.phase() == Phase::Ended || self.ties.member().is_some_and(is_there) {
            return;
        }
        let member = Member::join(roll.clone());
        let is_late = member.is_late();
        if let Some(before) = self.ties.replace_member(member) {
            before.move_on();
        }
        self.note_closed();
        if let (true, Some(frame)) = (is_late, roll.close()) {
            // Checked when all were called.
            let _ = self.start_close(frame, Party::WRITER);
        }
    }

    /// After a poll: what the drain is to know.
    #[inline(never)]
    pub(super) fn tell_drain(&mut self) {
        self.note_closed();
        if self.wakers.are_whole() {
            drop(self.take_left());
        }
    }

    /// Notes it, if both Closes have passed.
    fn note_closed(&mut self) {
        let is_through = matches!(self.session.phase(), Phase::Finishing(_) | Phase::Ended)
            && self.outbox.is_idle();
        if is_through
            && self.codec.reader().is_ended()
            && self.codec.sender().is_closed()
            // A breach ends the reader too.
            && matches!(self.session.sender_error(), Error::Usage(UsageError::SendAfterClose))
            && let Some(member) = self.ties.member()
        {
            member.handle_closed();
        }
    }

    /// The place in a drain that is to be given back, because the connection has ended. That wakes others, so it isn't
    /// done under the lock of halves.
    #[inline]
    pub(in crate::websocket) fn take_left(&mut self) -> Option<Member> {
        if !self.ties.is_some() || self.session.phase() != Phase::Ended {
            return None;
        }
        self.note_closed();
        self.ties.take_member()
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Connection<T> {
    /// Does what the drain has called for, and has it wake this waker for what it will call for.
    #[inline(never)]
    pub(super) fn heed_drain(&mut self, cx: &mut Context<'_>) {
        let Some(member) = self.ties.member() else { return };
        let Some(order) = member.look(cx.waker()) else { return };
        let roll = member.roll().clone();
        if self.session.is_open() {
            self.queue_close(roll.close());
            self.session.handle_close_sent(Instant::now());
            // For those who only wait for the end. An error is met again.
            let _ = self.poll_write(cx);
        }
        if order == Order::Cut {
            self.session.cut();
            // Its place is gone, so that nobody is woken.
            drop(self.ties.take_member());
        }
    }
}
