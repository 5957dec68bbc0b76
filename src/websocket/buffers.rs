//! Read and write buffers: taken when bytes arrive, given back when they run out.
//!
//! A thread keeps a few empty ones, so that an idle connection holds none and a busy one allocates none.

use std::{cell::RefCell, ops::Deref};

use bytes::BytesMut;

/// With what a buffer has beside its power of two: for headers, so that a message of just so many bytes takes one read, in
/// fragments of a kilobyte too, and for more, so that the read ends short: after a full one the socket has to be asked again.
const fn with_header_room(payload: usize) -> usize {
    payload + payload / 64
}

/// The sizes of cached buffers. The largest is the most that a message which its caller keeps can pin
/// beyond its own bytes.
const SIZES: [usize; 3] =
    [with_header_room(4 << 10), with_header_room(16 << 10), with_header_room(64 << 10)];
/// The largest of them.
pub(super) const LARGEST: usize = SIZES[SIZES.len() - 1];
/// The most that one thread keeps.
const MAX_CACHED: usize = 1 << 20;

thread_local! {
    static CACHE: RefCell<Cache> = const { RefCell::new(Cache::new()) };
}

/// A size of buffer, as an index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Class(u8);

impl Class {
    pub(super) const SMALLEST: Self = Self(0);
    const LARGEST: Self = Self(SIZES.len() as u8 - 1);

    pub(super) fn size(self) -> usize {
        SIZES[usize::from(self.0)]
    }

    pub(super) fn larger(self) -> Self {
        Self(self.0 + 1).min(Self::LARGEST)
    }

    /// The smallest class from this one up that holds so many bytes.
    pub(super) fn fitting(mut self, len: usize) -> Self {
        while self.size() < len && self != Self::LARGEST {
            self = self.larger();
        }
        self
    }

    pub(super) fn smaller(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

/// A buffer, where there is one: one word in a connection that rests.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: Option<Box<BytesMut>>,
}

impl Buffer {
    /// The buffer, to be written to or taken from.
    #[inline]
    pub(super) fn get_mut(&mut self) -> &mut BytesMut {
        self.bytes.get_or_insert_default()
    }

    /// The same, if there is something in it.
    #[inline]
    pub(super) fn filled(&mut self) -> Option<&mut BytesMut> {
        self.bytes.as_deref_mut().filter(|bytes| !bytes.is_empty())
    }

    /// The same, if there is room for so much more.
    #[inline]
    pub(super) fn with_room(&mut self, len: usize) -> Option<&mut BytesMut> {
        self.bytes.as_deref_mut().filter(|bytes| bytes.capacity() - bytes.len() >= len)
    }

    pub(super) fn is_there(&self) -> bool {
        self.bytes.is_some()
    }

    pub(super) fn capacity(&self) -> usize {
        self.bytes.as_ref().map_or(0, |bytes| bytes.capacity())
    }

    pub(super) fn into_bytes(self) -> BytesMut {
        self.bytes.map_or_else(BytesMut::new, |bytes| *bytes)
    }
}

impl From<BytesMut> for Buffer {
    fn from(bytes: BytesMut) -> Self {
        Self { bytes: (bytes.capacity() > 0).then(|| Box::new(bytes)) }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.bytes.as_ref().map_or(&[], |bytes| bytes)
    }
}

struct Cache {
    /// Boxed, as they are used: so taking one and giving it back allocates nothing.
    #[expect(clippy::vec_box, reason = "the boxes are what is taken")]
    buffers: [Vec<Box<BytesMut>>; SIZES.len()],
    bytes: usize,
}

impl Cache {
    const fn new() -> Self {
        Self { buffers: [const { Vec::new() }; SIZES.len()], bytes: 0 }
    }

    fn take(&mut self, class: Class) -> Option<Box<BytesMut>> {
        let buffer = self.buffers[usize::from(class.0)].pop()?;
        self.bytes -= class.size();
        Some(buffer)
    }

    fn give(&mut self, class: Class, buffer: Box<BytesMut>) {
        if self.bytes + class.size() <= MAX_CACHED {
            self.bytes += class.size();
            self.buffers[usize::from(class.0)].push(buffer);
        }
    }
}

/// An empty buffer with the capacity of its class.
pub(super) fn take(class: Class) -> Buffer {
    let cached = CACHE.try_with(|cache| cache.borrow_mut().take(class)).ok().flatten();
    let fresh = || Box::new(BytesMut::with_capacity(class.size()));
    Buffer { bytes: Some(cached.unwrap_or_else(fresh)) }
}

/// Gives back a buffer that was taken in this class. One that others still hold slices of is let go instead.
pub(super) fn give(buffer: Buffer, class: Class) {
    let Some(mut bytes) = buffer.bytes else { return };
    bytes.clear();
    if bytes.try_reclaim(class.size()) {
        // A thread on its way out has no cache any more, and needs none.
        let _ = CACHE.try_with(|cache| cache.borrow_mut().give(class, bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cached() -> usize {
        CACHE.with(|cache| cache.borrow().bytes)
    }

    #[test]
    fn a_buffer_comes_back_unless_a_slice_of_it_is_kept() {
        let mut buffer = take(Class::SMALLEST);
        buffer.get_mut().extend_from_slice(&[1; 100]);
        let slice = buffer.get_mut().split_to(50).freeze();
        let address = slice.as_ptr();
        give(buffer, Class::SMALLEST);
        assert_eq!(cached(), 0);

        let mut buffer = take(Class::SMALLEST);
        buffer.get_mut().extend_from_slice(&[1; 100]);
        drop(buffer.get_mut().split_to(50).freeze());
        give(buffer, Class::SMALLEST);
        assert_eq!(cached(), Class::SMALLEST.size());
        let again = take(Class::SMALLEST);
        assert!(again.is_empty() && again.capacity() >= Class::SMALLEST.size());
        assert_ne!(again.as_ptr(), address);
    }

    #[test]
    fn the_cache_is_bounded() {
        let buffers: Vec<_> = (0..40).map(|_| take(Class::LARGEST)).collect();
        buffers.into_iter().for_each(|buffer| give(buffer, Class::LARGEST));
        assert!((MAX_CACHED - LARGEST..=MAX_CACHED).contains(&cached()), "{}", cached());
    }
}
