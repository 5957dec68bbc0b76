use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{BufMut, BytesMut};
use tokio::io::AsyncRead;
use tokio_util::io::poll_read_buf;

use super::buffers::{self, Buffer, Class, LARGEST};

/// Reads that used less than this part of the buffer are the ones that let it shrink.
const MOSTLY_EMPTY: usize = 4;
/// So many of them in a row do.
const PATIENCE: u8 = 8;

/// What has been read and not yet taken, in a buffer whose size follows the traffic.
///
/// Ordinary traffic is read into buffers of 4 to 64 KiB from the thread's cache. A frame larger than
/// that gets a buffer of its own, which grows with what arrives and is read to the frame's very end, so
/// that nothing else lies in it. It need not grow up to the size that the one before it had.
#[derive(Debug)]
pub(super) struct ReadBuffer {
    pub(super) bytes: Buffer,
    source: Source,
    class: Class,
    mostly_empty: u8,
    /// The last large frame that was all there, in bytes.
    last_large: u32,
}

/// Where the present buffer is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// The thread's cache, of this size.
    Cache(Class),
    /// Somebody's hands; or there is none.
    Elsewhere,
    /// Made for the one large frame that is in it.
    Frame,
}

impl ReadBuffer {
    /// Goes on from bytes read elsewhere.
    pub(super) fn new(bytes: BytesMut) -> Self {
        let (source, class) = (Source::Elsewhere, Class::SMALLEST);
        Self { bytes: bytes.into(), source, class, mostly_empty: 0, last_large: 0 }
    }

    /// Reads once. `missing` is how much of a frame that is to lie here whole has yet to arrive.
    pub(super) fn poll_fill<T: AsyncRead + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
        missing: Option<u64>,
    ) -> Poll<io::Result<usize>> {
        // A length past the address space is past every limit, and was refused.
        let missing = missing.map_or(0, |missing| usize::try_from(missing).unwrap_or(usize::MAX));
        let is_large = missing > 0 && self.bytes.len().saturating_add(missing) > LARGEST;
        let limit = if is_large {
            self.reserve_for_large(missing)
        } else {
            self.reserve_for_traffic(missing)
        };
        let mut target = self.bytes.get_mut().limit(limit);
        let read = ready!(poll_read_buf(Pin::new(io), cx, &mut target))?;
        if !is_large {
            self.follow_traffic(read, limit);
        } else if read == missing {
            self.last_large = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        }
        Poll::Ready(Ok(read))
    }

    /// What is made of the bytes, which are none where there is no buffer.
    #[inline]
    pub(super) fn take_from<O>(&mut self, take: impl FnOnce(&mut BytesMut) -> O) -> O {
        if self.bytes.is_there() { take(self.bytes.get_mut()) } else { take(&mut BytesMut::new()) }
    }

    pub(super) fn clear(&mut self) {
        if !self.bytes.is_empty() {
            self.bytes.get_mut().clear();
        }
    }

    /// Gives the buffer back if nothing is in it.
    pub(super) fn release(&mut self) {
        if self.bytes.is_empty() && self.bytes.is_there() {
            self.replace(Buffer::default(), Source::Elsewhere);
        }
    }

    /// Whether another read would go beyond what one buffer holds.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= LARGEST
    }

    /// Room for what a frame lacks, and for as much again as traffic suggests; how much there is.
    fn reserve_for_traffic(&mut self, missing: usize) -> usize {
        let buffered = self.bytes.len();
        let free = self.bytes.capacity() - buffered;
        // A quarter is enough to go on with: moving what is left costs more than a shorter read.
        if free < missing.max(self.class.size() / 4) || self.source == Source::Frame {
            let class = self.class.fitting(buffered + missing.max(1));
            let reclaimed = self.bytes.capacity() > 0
                && self.source != Source::Frame
                && self.bytes.get_mut().try_reclaim(class.size().saturating_sub(buffered).max(1));
            if !reclaimed {
                self.replace(buffers::take(class), Source::Cache(class));
            }
        }
        self.bytes.capacity() - self.bytes.len()
    }

    /// Room for a large frame: fresh memory is at most what has been received of it, 64 KiB, or what the
    /// last one had.
    fn reserve_for_large(&mut self, missing: usize) -> usize {
        let received = self.bytes.len();
        if self.source != Source::Frame {
            let fresh = LARGEST.max(self.last_large as usize);
            let capacity = first_capacity(received, missing, fresh);
            self.replace(BytesMut::with_capacity(capacity).into(), Source::Frame);
            // The less of a large frame lies in a shared buffer, the less has to move.
            self.class = Class::SMALLEST;
        }
        if self.bytes.capacity() == received {
            self.bytes.get_mut().reserve(missing.min(received));
        }
        missing.min(self.bytes.capacity() - received)
    }

    fn replace(&mut self, mut fresh: Buffer, source: Source) {
        if !self.bytes.is_empty() {
            fresh.get_mut().extend_from_slice(&self.bytes);
        }
        let old = std::mem::replace(&mut self.bytes, fresh);
        if let Source::Cache(class) = std::mem::replace(&mut self.source, source) {
            buffers::give(old, class);
        }
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

/// A capacity that is the whole frame's after some doublings, which is how it grows: so the message that
/// the caller keeps is not much larger than itself.
fn first_capacity(received: usize, missing: usize, fresh: usize) -> usize {
    let mut capacity = received.saturating_add(missing);
    while capacity > received.saturating_add(fresh) {
        capacity = capacity.div_ceil(2);
    }
    capacity.max(received + 1)
}
