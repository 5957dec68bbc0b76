use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

use super::segments::{self, Segment, Segments};
use crate::{
    frame::{FrameHeader, append_frame},
    vocabulary::MaskingKey,
    websocket::buffers::{self, Buffer, Class, LARGEST},
};

/// Payloads up to this are copied behind their header: cheaper than a slice of their own.
const COALESCED: usize = 4 << 10;
/// What of a large payload goes out with its header where the transport takes one slice at a time.
const FLAT: usize = 16 << 10;
/// How much of a payload is masked ahead of the socket taking it: as much as one segment of TCP has in the kernel. A few
/// bytes more would be one of their own each time, which costs as much again.
const MASKED_AHEAD: usize = 64 << 10;

/// Frames in order: whole ones coalesced in the tail, large payloads by reference before it.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// There from when one was needed until the queue is empty: an idle connection keeps no room for what is large or shared.
    segments: Option<Segments>,
    /// The newest frames, small ones and headers of large ones.
    tail: Buffer,
    /// The size of tail that the last bursts have asked for.
    class: Class,
    len: usize,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Queues a frame; a large payload by reference.
    #[inline]
    pub(super) fn push_frame(&mut self, header: &FrameHeader, payload: Bytes) {
        if payload.len() <= COALESCED {
            self.coalesce(header, &payload);
        } else {
            header.encode(self.tail_with(header.encoded_len()));
            self.len += header.encoded_len();
            self.push_payload(header.masking_key(), payload);
        }
    }

    /// The same, with the start of a large payload copied behind its header.
    pub(super) fn push_frame_flat(&mut self, header: &FrameHeader, mut payload: Bytes) {
        let first = payload.split_to(payload.len().min(FLAT));
        if payload.is_empty() {
            return self.coalesce(header, &first);
        }
        let len = header.encoded_len() + first.len();
        append_frame(header, &first, self.tail_with(len));
        self.len += len;
        let key = header.masking_key();
        self.push_payload(key.map(|key| key.at(FLAT)), payload);
    }

    #[inline]
    fn coalesce(&mut self, header: &FrameHeader, payload: &[u8]) {
        let len = header.encoded_len() + payload.len();
        match self.tail.with_room(len) {
            Some(tail) => append_frame(header, payload, tail),
            None => append_frame(header, payload, self.grown_tail(len)),
        }
        self.len += len;
    }

    fn tail_with(&mut self, room: usize) -> &mut BytesMut {
        if self.tail.with_room(room).is_none() {
            self.grown_tail(room);
        }
        self.tail.get_mut()
    }

    /// An idle connection has no tail. Its buffers come from the thread's cache, each larger than the one
    /// before while a burst goes on; past the largest the full one joins the queue.
    #[cold]
    fn grown_tail(&mut self, len: usize) -> &mut BytesMut {
        if self.tail.len() + len > LARGEST {
            self.seal_tail();
        }
        let class = self.class.fitting(self.tail.len() + len);
        let mut larger = buffers::take(class);
        larger.get_mut().extend_from_slice(&self.tail);
        let old = std::mem::replace(&mut self.tail, larger);
        buffers::give(old, std::mem::replace(&mut self.class, class));
        self.tail.get_mut()
    }

    /// Queues a whole frame by reference.
    pub(super) fn push_encoded(&mut self, frame: Bytes) {
        self.push_payload(None, frame);
    }

    fn push_payload(&mut self, key: Option<MaskingKey>, payload: Bytes) {
        self.seal_tail();
        self.len += payload.len();
        self.segments_mut().push_back(match key {
            Some(key) => Segment::Masked { payload, key },
            None => Segment::Plain(payload),
        });
    }

    fn seal_tail(&mut self) {
        if !self.tail.is_empty() {
            let sealed = self.tail.get_mut().split().freeze();
            self.segments_mut().push_back(Segment::Plain(sealed));
        }
    }

    fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().flat_map(|segments| segments.iter())
    }

    fn segments_mut(&mut self) -> &mut VecDeque<Segment> {
        self.segments.get_or_insert_with(segments::take)
    }

    /// Puts bytes in at this offset.
    pub(super) fn insert(&mut self, offset: usize, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        let index = self.split_at(offset);
        self.len += bytes.len();
        self.segments_mut().insert(index, Segment::Plain(bytes));
    }

    /// Takes out bytes that were put in at this offset.
    pub(super) fn remove(&mut self, offset: usize, len: usize) {
        if len > 0 {
            let start = self.split_at(offset);
            let end = self.split_at(offset + len);
            self.segments_mut().drain(start..end);
            self.len -= len;
        }
    }

    /// Drops everything from this offset on.
    pub(super) fn truncate(&mut self, offset: usize) {
        let index = self.split_at(offset);
        self.segments_mut().truncate(index);
        if !self.tail.is_empty() {
            self.tail.get_mut().clear();
        }
        self.len = offset;
    }

    /// Makes a segment begin at this offset; its index.
    fn split_at(&mut self, offset: usize) -> usize {
        let segments = self.segments.get_or_insert_with(segments::take);
        let mut before = 0;
        for index in 0..segments.len() {
            if before >= offset {
                return index;
            }
            let segment = &mut segments[index];
            let len = segment.len();
            if before + len > offset {
                let first = segment.split_to(offset - before);
                segments.insert(index, first);
                return index + 1;
            }
            before += len;
        }
        let in_tail = (offset - before).min(self.tail.len());
        if in_tail > 0 {
            let first = self.tail.get_mut().split_to(in_tail).freeze();
            segments.push_back(Segment::Plain(first));
        }
        segments.len()
    }

    /// Masks the next piece of a payload, where one is near the front.
    pub(super) fn mask_next(&mut self) {
        let Some(segments) = &mut self.segments else { return };
        let mut before = 0;
        for index in 0..segments.len() {
            if before >= MASKED_AHEAD {
                return;
            }
            let segment = &mut segments[index];
            before += segment.len();
            if let Segment::Masked { payload, .. } = segment {
                let ready = before - payload.len();
                let piece = payload.len().min(MASKED_AHEAD - ready);
                let masked = Segment::Plain(segment.split_to(piece).into_plain());
                if segment.len() == 0 {
                    *segment = masked;
                } else {
                    segments.insert(index, masked);
                }
                return;
            }
        }
    }

    /// All that waits, where it lies in one stretch: as small messages do.
    pub(super) fn only_piece(&self) -> Option<&[u8]> {
        self.segments.is_none().then_some(&self.tail[..])
    }

    /// The stretches at the front that can go out as they are.
    pub(super) fn ready_pieces(&self) -> impl Iterator<Item = &[u8]> {
        let plain = self.segments().map_while(|segment| match segment {
            Segment::Plain(bytes) => Some(&bytes[..]),
            Segment::Masked { .. } => None,
        });
        let all_plain = self.segments().all(|segment| matches!(segment, Segment::Plain(_)));
        let tail = Some(&self.tail[..]).filter(|tail| all_plain && !tail.is_empty());
        plain.chain(tail)
    }

    /// Where the frame ends that the byte before `offset` belongs to; a frame begins at `start`.
    pub(super) fn frame_end(&self, start: usize, offset: usize) -> usize {
        let mut end = start;
        while end < offset && offset < self.len {
            let Some((header, encoded_len)) = self.header_at(end) else { return self.len };
            // The payload is in this queue, so its length is one of memory.
            end += encoded_len + header.payload_len() as usize;
        }
        end.max(offset)
    }

    /// The header at this offset. Headers were encoded whole, and no segment begins inside one.
    fn header_at(&self, mut offset: usize) -> Option<(FrameHeader, usize)> {
        for segment in self.segments() {
            match segment {
                Segment::Plain(bytes) if offset < bytes.len() => {
                    return FrameHeader::parse(&bytes[offset..]);
                }
                _ => offset = offset.checked_sub(segment.len())?,
            }
        }
        FrameHeader::parse(self.tail.get(offset..)?)
    }

    /// Removes bytes from the front.
    pub(super) fn advance(&mut self, mut bytes: usize) {
        self.len -= bytes;
        if let Some(segments) = &mut self.segments {
            while let Some(segment) = segments.front_mut() {
                let len = segment.len();
                if bytes < len {
                    segment.split_to(bytes);
                    return;
                }
                bytes -= len;
                segments.pop_front();
            }
        }
        if bytes > 0 {
            self.tail.get_mut().advance(bytes);
        }
        if self.len == 0 {
            self.clear();
        }
    }

    /// Lets go of everything, and of its room: an idle connection has none.
    pub(super) fn clear(&mut self) {
        self.len = 0;
        if let Some(segments) = self.segments.take() {
            segments::give(segments);
        }
        buffers::give(std::mem::take(&mut self.tail), self.class);
    }

    /// Everything in order.
    pub(super) fn into_bytes(self) -> BytesMut {
        let mut bytes = BytesMut::with_capacity(self.len);
        for segment in self.segments.into_iter().flat_map(|segments| *segments) {
            bytes.extend_from_slice(&segment.into_plain());
        }
        bytes.extend_from_slice(&self.tail);
        bytes
    }
}
