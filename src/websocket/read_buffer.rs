use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{BufMut, BytesMut};
use tokio::io::AsyncRead;
use tokio_util::io::poll_read_buf;

use super::buffers::{self, Class, LARGEST};

/// Reads that used less than this part of the buffer are the ones that let it shrink.
const MOSTLY_EMPTY: usize = 4;
/// So many of them in a row do.
const PATIENCE: u8 = 8;

/// What has been read and not yet taken, in a buffer whose size follows the traffic.
///
/// Ordinary traffic is read into buffers of 4 to 64 KiB from the thread's cache. A frame larger than
/// that gets a buffer of its own, which grows with what arrives and is read to the frame's very end, so
/// that nothing else lies in it.
#[derive(Debug)]
pub(super) struct ReadBuffer {
    pub(super) bytes: BytesMut,
    class: Class,
    mostly_empty: u8,
}

impl ReadBuffer {
    /// Goes on from bytes read elsewhere.
    pub(super) fn new(bytes: BytesMut) -> Self {
        Self { bytes, class: Class::SMALLEST, mostly_empty: 0 }
    }

    /// Reads once. `missing` is what the frame at the front still lacks, where its header is known.
    pub(super) fn poll_fill<T: AsyncRead + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
        missing: Option<u64>,
    ) -> Poll<io::Result<usize>> {
        let limit = match large_rest(self.bytes.len(), missing) {
            Some(rest) => self.reserve_for_large(rest),
            None => self.reserve_for_traffic(),
        };
        let mut target = (&mut self.bytes).limit(limit);
        let read = ready!(poll_read_buf(Pin::new(io), cx, &mut target))?;
        self.follow_traffic(read, limit);
        Poll::Ready(Ok(read))
    }

    /// Gives the buffer back if nothing is in it.
    pub(super) fn release(&mut self) {
        if self.bytes.is_empty() && self.bytes.capacity() > 0 {
            buffers::give(std::mem::take(&mut self.bytes));
        }
    }

    /// Whether another read would go beyond what one buffer holds.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= LARGEST
    }

    fn reserve_for_traffic(&mut self) -> usize {
        let free = self.bytes.capacity() - self.bytes.len();
        // A quarter is enough to go on with: moving what is left costs more than a shorter read.
        if free < self.class.size() / 4 {
            let rest = self.bytes.len();
            let size = self.class.size().max(rest);
            if self.bytes.capacity() == 0 || !self.bytes.try_reclaim(size - rest / 2) {
                self.replace(buffers::take(self.fitting_class()));
            }
        }
        self.bytes.capacity() - self.bytes.len()
    }

    /// The class for the next buffer: with room for what is left in this one and half as much again.
    fn fitting_class(&self) -> Class {
        let mut class = self.class;
        while class.size() < self.bytes.len() * 3 / 2 && class != class.larger() {
            class = class.larger();
        }
        class
    }

    /// Fresh memory is at most what has been received, or 64 KiB.
    fn reserve_for_large(&mut self, rest: usize) -> usize {
        let received = self.bytes.len();
        let free = self.bytes.capacity() - received;
        if free == 0 || self.bytes.capacity() <= LARGEST {
            let ahead = rest.min(received.max(LARGEST));
            if self.bytes.capacity() <= LARGEST {
                self.replace(BytesMut::with_capacity(received + ahead));
            } else {
                self.bytes.reserve(ahead);
            }
        }
        rest.min(self.bytes.capacity() - received)
    }

    fn replace(&mut self, mut fresh: BytesMut) {
        fresh.extend_from_slice(&self.bytes);
        buffers::give(std::mem::replace(&mut self.bytes, fresh));
    }

    fn follow_traffic(&mut self, read: usize, limit: usize) {
        if read == limit {
            self.class = self.class.larger();
            self.mostly_empty = 0;
        } else if read < self.class.size() / MOSTLY_EMPTY {
            self.mostly_empty += 1;
            if self.mostly_empty == PATIENCE {
                self.class = self.class.smaller();
                self.mostly_empty = 0;
            }
        } else {
            self.mostly_empty = 0;
        }
    }
}

/// What a frame still lacks, where it is too large for a cached buffer.
fn large_rest(buffered: usize, missing: Option<u64>) -> Option<usize> {
    // A length past the address space is past every limit, and was refused.
    let missing = usize::try_from(missing?).unwrap_or(usize::MAX);
    (missing > 0 && buffered.saturating_add(missing) > LARGEST).then_some(missing)
}
