//! What waits to be written: small frames coalesced, large payloads by reference.
//!
//! ```text
//!    the rest of a frame whose first bytes are written: nothing may come in between
//!    |        a pong and our ping: one slot each, ahead of every frame not begun
//!    |        |           frames in the order in which they were sent
//!    v        v           v
//! [ ##### | pong | ping | ## # #### header | large payload | ## # ... ]
//! ```

mod queue;
mod segments;

use std::{
    io::{self, IoSlice},
    num::Wrapping,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncWrite;

use crate::frame::{FrameHeader, append_frame};
use queue::Queue;

/// The most slices handed to one vectored write.
const MAX_SLICES: usize = 16;

/// The frames on their way out.
#[derive(Debug)]
pub(super) struct Outbox {
    queue: Queue,
    /// Bytes at the queue's front that belong to a frame of which some bytes are written.
    begun: usize,
    /// How many of them are a pong's or our ping's: all or none. At most 131 and 6.
    begun_urgent: u8,
    /// The length of the pong behind them that is not begun, and may still be replaced; zero for none.
    pong: u8,
    /// The same for our ping, behind the pong.
    ping: u8,
    is_vectored: bool,
    needs_flush: bool,
    /// Whether all that waits is a sink's, and a flush may be near.
    is_promised: bool,
    /// The place from which on frames that somebody sent were dropped, if any were; boxed, because few connections fail.
    dropped: Option<Box<Mark>>,
    /// How much has gone out that somebody sent: pongs and pings, which come in between, are not counted.
    written: Wrapping<u64>,
}

/// A place in what is sent, for whoever waits until it has gone out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark(Wrapping<u64>);

impl Mark {
    /// Whether it lies behind another place. Neither is ever half of all numbers ahead of the other.
    fn is_behind(self, other: Self) -> bool {
        (self.0 - other.0).0 as i64 > 0
    }
}

/// What one write has achieved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// The transport has taken bytes.
    Frames,
    /// The transport has taken bytes, those of our ping among them.
    Ping,
}

impl Outbox {
    /// An empty outbox for this transport.
    pub(super) fn new(io: &impl AsyncWrite) -> Self {
        Self {
            queue: Queue::default(),
            begun: 0,
            begun_urgent: 0,
            pong: 0,
            ping: 0,
            is_vectored: io.is_write_vectored(),
            needs_flush: false,
            is_promised: false,
            dropped: None,
            written: Wrapping(0),
        }
    }

    /// Takes over bytes that somebody else has queued; nobody knows where in them a frame ends.
    pub(super) fn resume(&mut self, bytes: BytesMut) {
        self.begun = bytes.len();
        self.queue.insert(0, bytes.freeze());
    }

    /// Bytes that wait.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether there is nothing to write and nothing to flush.
    pub(super) fn is_idle(&self) -> bool {
        self.queue.len() == 0 && !self.needs_flush
    }

    /// Whether all that waits is a sink's, which is to be flushed.
    pub(super) fn is_promised(&self) -> bool {
        self.is_promised
    }

    /// The same, and asks no longer.
    pub(super) fn take_promise(&mut self) -> bool {
        std::mem::take(&mut self.is_promised)
    }

    /// Whoever has queued what waits is to flush it.
    pub(super) fn promise_flush(&mut self) {
        self.is_promised = true;
    }

    /// Queues a frame.
    #[inline]
    pub(super) fn push(&mut self, header: &FrameHeader, payload: Bytes) {
        self.is_promised = false;
        if self.is_vectored {
            self.queue.push_frame(header, payload);
        } else {
            self.queue.push_frame_flat(header, payload);
        }
    }

    /// Queues a frame that is encoded already, by reference.
    pub(super) fn push_encoded(&mut self, frame: Bytes) {
        self.is_promised = false;
        self.queue.push_encoded(frame);
    }

    /// The end of what is queued.
    pub(super) fn end(&self) -> Mark {
        let sent =
            self.queue.len() - usize::from(self.begun_urgent) - usize::from(self.unbegun_urgent());
        Mark(self.written + Wrapping(sent as u64))
    }

    /// Whether everything before this place has been written. What was dropped never is, though a Close is written in
    /// its place.
    pub(super) fn is_past(&self, mark: Mark) -> bool {
        let is_dropped = self.dropped.as_ref().is_some_and(|dropped| mark.is_behind(**dropped));
        !is_dropped && !mark.is_behind(Mark(self.written))
    }

    /// The bytes of the pong and of our ping that are not begun.
    fn unbegun_urgent(&self) -> u8 {
        self.pong + self.ping
    }

    /// Whether something behind this place has been written.
    pub(super) fn is_begun(&self, mark: Mark) -> bool {
        Mark(self.written).is_behind(mark)
    }

    /// Whether a pong is in its slot: queued, and not begun.
    pub(super) fn has_pong(&self) -> bool {
        self.pong > 0
    }

    /// Puts a pong into its slot; the newest wins.
    pub(super) fn set_pong(&mut self, header: &FrameHeader, payload: &[u8]) {
        self.queue.remove(self.begun, usize::from(self.pong));
        self.pong = self.insert_urgent(self.begun, header, payload);
    }

    /// Puts our ping into its slot.
    pub(super) fn set_ping(&mut self, header: &FrameHeader) {
        let offset = self.begun + usize::from(self.pong);
        self.queue.remove(offset, usize::from(self.ping));
        self.ping = self.insert_urgent(offset, header, &[]);
    }

    fn insert_urgent(&mut self, offset: usize, header: &FrameHeader, payload: &[u8]) -> u8 {
        let mut frame = BytesMut::with_capacity(header.encoded_len() + payload.len());
        append_frame(header, payload, &mut frame);
        self.is_promised = false;
        let len = frame.len();
        self.queue.insert(offset, frame.freeze());
        // At most 131: a header with its masking key, and 125 bytes.
        len as u8
    }

    /// Drops every frame not begun: the connection fails, and all that is left to say is why. Tells how
    /// many bytes that were.
    pub(super) fn drop_unbegun(&mut self) -> usize {
        let dropped = self.queue.len() - self.begun;
        let urgent = usize::from(self.unbegun_urgent());
        self.queue.truncate(self.begun);
        (self.pong, self.ping) = (0, 0);
        if dropped > urgent && self.dropped.is_none() {
            self.dropped = Some(Box::new(self.end()));
        }
        dropped
    }

    /// Whether frames that somebody sent were dropped like that.
    pub(super) fn has_dropped(&self) -> bool {
        self.dropped.is_some()
    }

    /// Everything that waits, in order, as the transport would have got it.
    pub(super) fn into_bytes(self) -> BytesMut {
        self.queue.into_bytes()
    }

    /// Writes until nothing waits, then flushes the transport. Each write that made progress is told to
    /// `on_write`, for the clocks that run from there.
    pub(super) fn poll_write<T: AsyncWrite + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
        mut on_write: impl FnMut(Written),
    ) -> Poll<io::Result<()>> {
        self.is_promised = false;
        while self.queue.len() > 0 {
            let bytes = ready!(self.poll_write_once(io, cx))?;
            if bytes == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.needs_flush = true;
            on_write(self.advance(bytes));
        }
        if self.needs_flush {
            ready!(Pin::new(io).poll_flush(cx))?;
            self.needs_flush = false;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write_once<T: AsyncWrite + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if let Some(piece) = self.queue.only_piece() {
            return Pin::new(io).poll_write(cx, piece);
        }
        self.queue.mask_next();
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut count = 0;
        for (slot, piece) in slices.iter_mut().zip(self.queue.ready_pieces()) {
            *slot = IoSlice::new(piece);
            count += 1;
        }
        if count > 1 && self.is_vectored {
            Pin::new(io).poll_write_vectored(cx, &slices[..count])
        } else {
            Pin::new(io).poll_write(cx, &slices[0])
        }
    }

    /// Removes what was written, and notes which frames are begun by it.
    fn advance(&mut self, bytes: usize) -> Written {
        if bytes == self.queue.len() && self.begun_urgent == 0 && self.unbegun_urgent() == 0 {
            self.written += bytes as u64;
            self.begun = 0;
            self.queue.clear();
            return Written::Frames;
        }
        let ping_starts = self.begun + usize::from(self.pong);
        let has_ping = self.ping > 0 && bytes > ping_starts;
        let urgent = self.advance_urgent(bytes);
        self.written += (bytes - urgent) as u64;
        if bytes > self.begun {
            self.begun = self.queue.frame_end(self.begun, bytes);
            self.pong = 0;
        }
        if has_ping {
            self.ping = 0;
        }
        self.queue.advance(bytes);
        self.begun -= bytes;
        // What is left of them fits in where they were.
        self.begun_urgent = self.begun_urgent.min(u8::try_from(self.begun).unwrap_or(u8::MAX));
        if has_ping { Written::Ping } else { Written::Frames }
    }

    /// How many of the bytes that were written are a pong's or our ping's; notes whether the frame is one in which they
    /// end.
    fn advance_urgent(&mut self, bytes: usize) -> usize {
        let Some(behind_begun) = bytes.checked_sub(self.begun).filter(|bytes| *bytes > 0) else {
            return bytes.min(usize::from(self.begun_urgent));
        };
        let begun = usize::from(std::mem::take(&mut self.begun_urgent));
        let urgent = self.unbegun_urgent();
        if behind_begun < usize::from(urgent) {
            // As much as can be: what is left of that frame is less.
            self.begun_urgent = urgent;
        }
        begun + behind_begun.min(usize::from(urgent))
    }
}

#[cfg(test)]
mod tests;
