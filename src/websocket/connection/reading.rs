//! Bytes in: messages out of the transport, and what each asks of us.

use std::{
    io,
    task::{Context, Poll, ready},
};

use bytes::BytesMut;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};
use tokio_util::codec::Decoder;

use super::{BUDGET, Connection};
use crate::{
    message::{Message, MessageCodec, Piece},
    session::Phase,
    vocabulary::{CloseFrame, Config, EndOfStream, Error, MessageKind, trace},
    websocket::wakers::Party,
};

/// Says that the way which comes here is taken seldom. The compiler takes both ways of a branch for equally likely, and what
/// is behind a dozen of them for cold: it would inline nothing there, and the message would pass through memory at each step, which
/// is a sixth of what one in a burst takes.
#[cold]
#[inline(never)]
fn seldom() {}

/// What the stream is made of.
trait Item {
    /// The message in it that may ask something of us.
    fn message(&self) -> Option<&Message>;
}

impl Item for Message {
    fn message(&self) -> Option<&Message> {
        Some(self)
    }
}

impl Item for Piece {
    fn message(&self) -> Option<&Message> {
        match self {
            Self::Control(message) => Some(message),
            Self::Begin(_) | Self::Payload(_) | Self::End => None,
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Connection<T> {
    #[inline(always)]
    pub(in crate::websocket) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Message, Error>>> {
        match self.message_at_hand() {
            Ok(Some(message)) => Poll::Ready(Some(Ok(message))),
            Ok(None) => {
                seldom();
                self.poll_message(cx, None)
            }
            Err(breach) => self.poll_message(cx, Some(breach)),
        }
    }

    /// A data message that has been read to its last byte: it asks nothing of us, and nobody has to be woken for it.
    #[inline(always)]
    fn message_at_hand(&mut self) -> Result<Option<Message>, Error> {
        let Some(bytes) = self.input.bytes.filled() else { return Ok(None) };
        if !self.session.is_at_ease() || self.timer.is_elapsed() || self.ties.is_some() {
            return Ok(None);
        }
        self.codec.decode_at_hand(bytes)
    }

    fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
        breach: Option<Error>,
    ) -> Poll<Option<Result<Message, Error>>> {
        self.poll_as(Party::READER, cx, |connection, cx| {
            if let Some(error) = breach {
                connection.fail(error, cx);
            }
            connection.poll_item(cx, |codec, buffer, _| codec.decode(buffer))
        })
    }

    /// The next piece of messages that are handed on as they arrive.
    pub(in crate::websocket) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Piece, Error>>> {
        self.poll_as(Party::READER, cx, |connection, cx| {
            connection.poll_item(cx, |codec, buffer, config| {
                codec.decode_piece(buffer, config.max_streamed_size())
            })
        })
    }

    /// The same of messages that nobody will read, so that their size doesn't matter.
    fn poll_discarded(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Piece, Error>>> {
        self.poll_as(Party::READER, cx, |connection, cx| {
            connection.poll_item(cx, |codec, buffer, _| codec.decode_piece(buffer, None))
        })
    }

    /// The kind of the next message that is handed on as it arrives, past what is left of the one before.
    pub(in crate::websocket) fn poll_begin(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<MessageKind, Error>>> {
        for _ in 0..BUDGET {
            match ready!(self.poll_piece(cx)) {
                Some(Ok(Piece::Begin(kind))) => return Poll::Ready(Some(Ok(kind))),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reads and discards until the connection has ended; gives the body of the peer's Close.
    pub(in crate::websocket) fn poll_closed(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<CloseFrame>, Error>> {
        for _ in 0..BUDGET {
            match ready!(self.poll_discarded(cx)) {
                // Within the bound for what nobody will read.
                Some(Ok(piece)) => {
                    self.session.handle_discarded(piece.len());
                    if self.is_ended() {
                        self.wakers.wake_others(Party::READER);
                    }
                }
                // The peer has taken our Close for the end of everything.
                None | Some(Err(Error::AbnormalClosure(EndOfStream::BetweenFrames))) => {
                    return Poll::Ready(Ok(self.session.peer_close().cloned()));
                }
                Some(Err(error)) => return Poll::Ready(Err(error)),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_item<I: Item>(
        &mut self,
        cx: &mut Context<'_>,
        decode: fn(&mut MessageCodec, &mut BytesMut, &Config) -> Result<Option<I>, Error>,
    ) -> Poll<Option<Result<I, Error>>> {
        loop {
            match self.session.phase() {
                Phase::Open => {}
                // Our Close goes out whatever there is to read. An error is met again when there is nothing.
                Phase::CloseSent => {
                    let _ = self.poll_write(cx);
                }
                Phase::Finishing(_) => {
                    ready!(self.poll_finish(cx));
                    continue;
                }
                Phase::Ended => {
                    self.input.release();
                    let error = self.session.take_error();
                    if let Some(error) = &error {
                        trace::failed(self.codec.role(), error);
                    }
                    return Poll::Ready(error.map(Err));
                }
            }
            if self.poll_busy_deadlines(cx).is_ready() {
                continue;
            }
            match self
                .input
                .take_from(|bytes| decode(&mut self.codec, bytes, self.session.config()))
            {
                Ok(Some(item)) => {
                    if let Some(message) = item.message() {
                        self.receive(message, cx);
                    }
                    return Poll::Ready(Some(Ok(item)));
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
            // TLS that ends without its own goodbye, as many peers have it: what is missing is told by WebSocket's.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.handle_end_of_stream(cx);
            }
            Poll::Ready(Err(error)) => self.session.end(Some(error.into())),
            Poll::Pending => return self.poll_dry(cx),
        }
        Poll::Ready(())
    }

    /// Nothing more to read: what was fed goes out, deadlines are judged, the buffer goes back.
    fn poll_dry(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.outbox.take_promise() {
            // Written the next time, if no flush has come between.
            cx.waker().wake_by_ref();
        } else if let Poll::Ready(Err(error)) = self.poll_write(cx) {
            // Everything that could still be read has been.
            self.session.end(Some(error.into()));
            return Poll::Ready(());
        }
        let progress = self.codec.reader().progress(&self.input.bytes);
        self.session.watch_message(progress, Instant::now);
        let is_timer_set = self.session.is_resting() && self.timer.is_armed();
        let poll = if is_timer_set { Poll::Pending } else { self.poll_deadlines(cx) };
        if poll.is_pending() {
            self.input.release();
            self.codec.reader().rest();
        }
        poll
    }

    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let missing = self.codec.missing(self.input.bytes.len());
        let read = ready!(self.input.poll_fill(&mut self.io, cx, missing))?;
        self.session.handle_input(read);
        Poll::Ready(Ok(read))
    }

    fn handle_end_of_stream(&mut self, cx: &mut Context<'_>) {
        // The peer may have stopped only to send, and read what was fed for it.
        let _ = self.poll_write(cx);
        let error = self.codec.reader().end_of_stream(&self.input.bytes).err();
        self.input.clear();
        self.session.end(error);
    }

    /// What a message asks of us, done before the caller sees it.
    fn receive(&mut self, message: &Message, cx: &mut Context<'_>) {
        match message {
            // After our Close there is nothing more to say.
            Message::Ping(payload) if self.session.is_open() => self.queue_pong(payload, cx),
            Message::Pong(payload) => self.receive_pong(payload),
            Message::Close(frame) => {
                trace::close_received(self.codec.role(), frame.as_ref());
                // "it typically echos the status code it received" (section 5.5.1)
                if self.session.is_open() {
                    let reply = frame.as_ref().map(|frame| CloseFrame::new(frame.code, ""));
                    self.queue_close(reply.as_ref());
                }
                self.session.handle_close_received(frame.as_ref(), Instant::now());
                // Offered to the transport before the caller sees the Close; the rest goes out later.
                let _ = self.poll_write(cx);
            }
            _ => {}
        }
    }
}
