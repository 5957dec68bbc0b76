//! A connection's I/O: bytes in, frames out, the session's wishes carried out.
//!
//! Every poll goes the same way: do what can be done, and where the transport has nothing more to give,
//! write what waits, judge the deadlines, and give the buffers back.

mod deadlines;
mod draining;
mod finish;
mod pinging;
mod reading;
mod sending;
mod streaming;
mod ties;
mod writing;

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    outbox::Outbox,
    pings::Pings,
    read_buffer::ReadBuffer,
    timer::Timer,
    wakers::{Due, Party, Wakers},
};
use crate::{
    message::MessageCodec,
    session::{Phase, Session, Step},
    vocabulary::{CloseFrame, Config, Transport},
};
pub(super) use streaming::Started;
use streaming::Streaming;
use ties::Ties;
pub(super) use writing::Sending;

/// The most messages taken in one poll on behalf of nobody, as while closing; then others get their turn.
pub(super) const BUDGET: usize = 256;

/// What a [`WebSocket`](super::WebSocket) is made of.
#[derive(Debug)]
pub(super) struct Connection<T> {
    pub(super) io: T,
    pub(super) codec: MessageCodec,
    input: ReadBuffer,
    outbox: Outbox,
    session: Session,
    timer: Timer,
    wakers: Wakers,
    /// The message that is going out in pieces.
    streaming: Option<Box<Streaming>>,
    /// Pings that somebody waits for; made for the first.
    pings: Option<Box<Pings>>,
    pub(super) ties: Ties<T>,
}

impl<T> Connection<T> {
    /// What it runs on; a connection of its own unless said.
    pub(super) fn set_transport(&mut self, transport: Transport) {
        self.session.set_transport(transport);
    }

    /// The body of the peer's Close, once it has come.
    pub(super) fn peer_close(&self) -> Option<&CloseFrame> {
        self.session.peer_close()
    }

    pub(super) fn config(&self) -> &Config {
        self.session.config()
    }

    /// From now on these are polling.
    pub(super) fn set_wakers(&mut self, wakers: Wakers) {
        self.wakers = wakers;
        self.timer.disarm();
        if let Some(member) = self.ties.member() {
            member.forget_waker();
        }
    }

    /// Whoever has it next has it whole.
    pub(super) fn reset_wakers(&mut self) {
        self.set_wakers(Wakers::default());
    }

    /// How much has been written since it was last asked, of halves.
    pub(super) fn take_written(&mut self) -> usize {
        self.wakers.take_written()
    }

    /// Who is to be woken once the lock on this is free.
    pub(super) fn take_due(&mut self) -> Due {
        self.wakers.take_due()
    }
}

/// How far a codec that is taken over has come with closing.
fn phase_of(codec: &mut MessageCodec) -> Phase {
    if codec.reader().is_ended() {
        Phase::Finishing(Step::Flush)
    } else if codec.sender().is_closed() {
        Phase::CloseSent
    } else {
        Phase::Open
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Connection<T> {
    pub(super) fn new(
        io: T,
        mut codec: MessageCodec,
        read: BytesMut,
        written: BytesMut,
        config: Arc<Config>,
    ) -> Self {
        codec.set_limits(config.limits());
        codec.reader().take_buffer();
        let mut outbox = Outbox::new(&io);
        outbox.resume(written);
        let phase = phase_of(&mut codec);
        let mut connection = Self {
            session: Session::new(codec.role(), phase, config),
            input: ReadBuffer::new(read),
            outbox,
            codec,
            io,
            timer: Timer::default(),
            wakers: Wakers::default(),
            streaming: None,
            pings: None,
            ties: Ties::NONE,
        };
        if phase == Phase::Finishing(Step::Flush) && !connection.codec.sender().is_closed() {
            connection.queue_close(None);
        }
        connection
    }

    /// The transport and the codec, with what was read and not taken and what waits to be written.
    pub(super) fn into_parts(mut self) -> (T, MessageCodec, BytesMut, BytesMut) {
        self.codec.reader().give_buffer();
        (self.io, self.codec, self.input.bytes.into_bytes(), self.outbox.into_bytes())
    }

    fn is_ended(&self) -> bool {
        self.session.phase() == Phase::Ended
    }

    /// Whether the stream will yield nothing any more.
    pub(super) fn is_terminated(&self) -> bool {
        self.is_ended() && !self.session.has_error()
    }

    /// Polls on behalf of one party, which leaves the right waker with the transport and tells the others
    /// when the phase has changed under them.
    fn poll_as<O>(
        &mut self,
        party: Party,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Self, &mut Context<'_>) -> Poll<O>,
    ) -> Poll<O> {
        if !self.wakers.know(party, cx.waker()) {
            self.wakers.note(party, cx.waker());
            self.timer.disarm();
        }
        let all = self.wakers.for_all();
        let cx = &mut Context::from_waker(all.as_ref().unwrap_or(cx.waker()));
        let phase = self.session.phase();
        let is_tied = self.ties.is_some();
        if is_tied {
            self.heed_drain(cx);
        }
        let output = poll(self, cx);
        if self.session.phase() != phase {
            self.wakers.wake_others(party);
        }
        if self.pings.is_some() {
            self.settle_pings();
        }
        if is_tied {
            self.tell_drain();
        }
        output
    }
}
