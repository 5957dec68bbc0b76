//! A connection's I/O: bytes in, frames out, the session's wishes carried out.
//!
//! Every poll goes the same way: do what can be done, and where the transport has nothing more to give,
//! write what waits, judge the deadlines, and give the buffers back.

mod finish;

use std::{
    io,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};
use tokio_util::codec::Decoder;

use super::{
    outbox::{Outbox, Written},
    read_buffer::ReadBuffer,
    timer::Timer,
    wakers::{Side, Wakers},
};
use crate::{
    frame::{Frame, FrameHeader, fragments},
    message::{Message, MessageCodec},
    session::{Expiry, Phase, Reading, Session},
    vocabulary::{CloseCode, CloseFrame, Config, Error, OpCode, UsageError},
};

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
        let mut outbox = Outbox::new(&io);
        outbox.resume(written);
        Self {
            session: Session::new(codec.role(), config),
            input: ReadBuffer::new(read),
            outbox,
            codec,
            io,
            timer: Timer::default(),
            wakers: Wakers::default(),
        }
    }

    /// The transport and the codec, with what was read and not taken and what waits to be written.
    pub(super) fn into_parts(self) -> (T, MessageCodec, BytesMut, BytesMut) {
        (self.io, self.codec, self.input.bytes, self.outbox.into_bytes())
    }

    fn is_ended(&self) -> bool {
        self.session.phase() == Phase::Ended
    }

    /// Whether the stream will yield nothing any more.
    pub(super) fn is_terminated(&self) -> bool {
        self.is_ended() && !self.session.has_error()
    }

    // ---- reading ----

    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        let both = self.wakers.register(Side::Reader, cx.waker());
        let cx = &mut Context::from_waker(both.as_ref().unwrap_or(cx.waker()));
        loop {
            match self.session.phase() {
                Phase::Open | Phase::CloseSent => {}
                Phase::Finishing(_) => {
                    ready!(self.poll_finish(cx));
                    continue;
                }
                Phase::Ended => {
                    self.input.release();
                    return Poll::Ready(self.session.take_error().map(Err));
                }
            }
            match self.codec.decode(&mut self.input.bytes) {
                Ok(Some(message)) => {
                    self.receive(&message, cx);
                    return Poll::Ready(Some(Ok(message)));
                }
                Ok(None) => ready!(self.poll_more(cx)),
                Err(error) => self.fail(error, cx),
            }
        }
    }

    /// Waits until there is more to decode, or the connection's phase has changed.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.poll_fill(cx) {
            Poll::Ready(Ok(0)) => self.handle_end_of_stream(cx),
            Poll::Ready(Ok(_)) => {}
            Poll::Ready(Err(error)) => self.session.end(Some(error.into())),
            Poll::Pending => return self.poll_dry(cx),
        }
        Poll::Ready(())
    }

    /// Nothing more to read: what was fed goes out, deadlines are judged, the buffer goes back.
    fn poll_dry(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Poll::Ready(Err(error)) = self.poll_write(cx) {
            // Everything that could still be read has been.
            self.session.end(Some(error.into()));
            return Poll::Ready(());
        }
        let is_at_rest = self.codec.reader().is_at_rest(self.input.bytes.len());
        let reading = if is_at_rest { Reading::AtRest } else { Reading::Incomplete };
        self.session.watch_message(reading, Instant::now);
        let poll = self.poll_deadlines(cx);
        if poll.is_pending() {
            self.input.release();
        }
        poll
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let missing = self.codec.missing(self.input.bytes.len());
        let read = ready!(self.input.poll_fill(&mut self.io, cx, missing))?;
        self.session.handle_input(read);
        Poll::Ready(Ok(read))
    }

    fn handle_end_of_stream(&mut self, cx: &mut Context<'_>) {
        // The peer may have stopped only to send, and read what was fed for it.
        let _ = self.poll_write(cx);
        let error = self.codec.reader().end_of_stream(&self.input.bytes).err();
        self.input.bytes.clear();
        self.session.end(error);
    }

    /// What a message asks of us, done before the caller sees it.
    fn receive(&mut self, message: &Message, cx: &mut Context<'_>) {
        match message {
            // After our Close there is nothing more to say.
            Message::Ping(payload) if self.session.is_open() => self.queue_pong(payload, cx),
            Message::Close(frame) => {
                // "it typically echos the status code it received" (section 5.5.1)
                if self.session.is_open() {
                    let reply = frame.as_ref().map(|frame| CloseFrame::new(frame.code, ""));
                    self.queue_close(reply.as_ref());
                }
                self.session.handle_close_received(Instant::now());
                // Offered to the transport before the caller sees the Close; the rest goes out later.
                let _ = self.poll_write(cx);
            }
            _ => {}
        }
    }

    // ---- writing ----

    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.outbox.len() >= self.session.config().high_water() && self.session.is_open() {
            let both = self.wakers.register(Side::Writer, cx.waker());
            let cx = &mut Context::from_waker(both.as_ref().unwrap_or(cx.waker()));
            loop {
                let written = self.poll_write(cx)?;
                if self.outbox.len() < self.session.config().high_water() || written.is_ready() {
                    break;
                }
                ready!(self.poll_writer_deadlines(cx));
                if !self.session.is_open() {
                    break;
                }
            }
        } else if self.timer.is_elapsed() {
            let _ = self.poll_writer_deadlines(cx);
        }
        Poll::Ready(self.check_open())
    }

    pub(super) fn start_send(&mut self, message: Message) -> Result<(), Error> {
        self.check_open()?;
        let frame = message.into_frame()?;
        self.codec.sender().admit_message(&frame)?;
        let is_close = frame.opcode() == OpCode::CLOSE;
        self.push(frame);
        if is_close {
            self.session.handle_close_sent(Instant::now());
        }
        Ok(())
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let both = self.wakers.register(Side::Writer, cx.waker());
        let cx = &mut Context::from_waker(both.as_ref().unwrap_or(cx.waker()));
        loop {
            if self.is_ended() {
                return Poll::Ready(self.session.take_error().map_or(Ok(()), Err));
            }
            if self.poll_write(cx)?.is_ready() {
                if self.timer.is_elapsed() || !self.session.is_started() {
                    let _ = self.poll_writer_deadlines(cx);
                }
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_writer_deadlines(cx));
        }
    }

    /// Sends Close 1000 where none was sent, and flushes it; the answer is the reader's to see.
    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.start_close(&CloseFrame::new(CloseCode::NORMAL, ""))?;
        self.poll_flush(cx)
    }

    /// Queues a Close, unless the connection is closing already.
    pub(super) fn start_close(&mut self, frame: &CloseFrame) -> Result<(), Error> {
        frame.check()?;
        if self.session.is_open() {
            self.queue_close(Some(frame));
            self.session.handle_close_sent(Instant::now());
        }
        Ok(())
    }

    fn check_open(&mut self) -> Result<(), Error> {
        match self.session.phase() {
            Phase::Open => Ok(()),
            Phase::Ended => Err(self.session.take_error().unwrap_or(UsageError::SendAfterClose.into())),
            _ => Err(UsageError::SendAfterClose.into()),
        }
    }

    /// Writes what waits; tells the session how it goes.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.outbox.is_idle() {
            return Poll::Ready(Ok(()));
        }
        let session = &mut self.session;
        let result = self.outbox.poll_write(&mut self.io, cx, |written| {
            session.handle_write_progress();
            if written == Written::Ping {
                session.handle_ping_written(Instant::now());
            }
        });
        match &result {
            Poll::Ready(_) => session.handle_write_progress(),
            Poll::Pending => session.handle_write_blocked(Instant::now),
        }
        result
    }

    fn push(&mut self, frame: Frame) {
        for frame in fragments(frame, self.session.config().outgoing_frame_size()) {
            let header = frame.header(self.codec.sender().masking_key());
            self.outbox.push(&header, frame.into_payload());
        }
    }

    fn queue_close(&mut self, frame: Option<&CloseFrame>) {
        let frame = Frame::close(frame);
        // A Close that came off the wire or was checked is one that may be sent.
        let _ = self.codec.sender().admit_message(&frame);
        self.push(frame);
    }

    fn queue_pong(&mut self, payload: &Bytes, cx: &mut Context<'_>) {
        // A peer that reads gets every answer; for one that doesn't, the newest takes the slot.
        if self.outbox.has_pong() {
            let _ = self.poll_write(cx);
        }
        let header = self.header(OpCode::PONG, payload.len());
        self.outbox.set_pong(&header, payload);
    }

    fn header(&mut self, opcode: OpCode, len: usize) -> FrameHeader {
        FrameHeader::new(opcode, len as u64).with_masking_key(self.codec.sender().masking_key())
    }

    // ---- time and failure ----

    /// Waits for a deadline to change something.
    fn poll_deadlines(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.session.is_started() {
            self.session.start(Instant::now());
        }
        while self.timer.poll(cx, self.session.next_deadline()).is_ready() {
            let now = Instant::now();
            while let Some(expiry) = self.session.handle_timeout(now) {
                self.expire(expiry, cx);
                if !matches!(self.session.phase(), Phase::Open) {
                    return Poll::Ready(());
                }
            }
            // The ping goes out at once: the answer's clock starts with it.
            if let Poll::Ready(Err(error)) = self.poll_write(cx) {
                self.session.end(Some(error.into()));
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    /// The same for the writing side, which reads before it judges the peer's silence.
    fn poll_writer_deadlines(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.session.awaits_input() && self.timer.is_elapsed() && !self.input.is_full() {
            // An end or an error seen here is seen again by the reader.
            let _ = self.poll_fill(cx);
        }
        self.poll_deadlines(cx)
    }

    fn expire(&mut self, expiry: Expiry, cx: &mut Context<'_>) {
        match expiry {
            Expiry::Ping => {
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
    fn fail(&mut self, error: Error, cx: &mut Context<'_>) {
        let _ = self.poll_write(cx);
        self.outbox.drop_unbegun();
        let Some(code) = error.close_code() else { return self.session.end(Some(error)) };
        if self.session.is_open() {
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
