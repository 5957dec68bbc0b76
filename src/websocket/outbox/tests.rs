//! The outbox against a naive list of frames, under every size of write.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use tokio::io::AsyncWrite;

use super::*;
use crate::vocabulary::{MaskingKey, OpCode};

/// Takes as many bytes as each write is allowed; then is not ready.
struct Pipe {
    allowed: VecDeque<usize>,
    taken: Vec<u8>,
    writes: usize,
    is_vectored: bool,
}

impl Pipe {
    fn new(is_vectored: bool) -> Self {
        Self { allowed: VecDeque::new(), taken: Vec::new(), writes: 0, is_vectored }
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Some(allowed) = self.allowed.pop_front() else { return Poll::Pending };
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        let taken = bytes.len().min(allowed);
        self.taken.extend_from_slice(&bytes[..taken]);
        self.writes += 1;
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn is_write_vectored(&self) -> bool {
        self.is_vectored
    }
}

fn write(outbox: &mut Outbox, pipe: &mut Pipe, allowed: &[usize]) -> Vec<Written> {
    pipe.allowed.extend(allowed);
    let mut seen = Vec::new();
    let cx = &mut Context::from_waker(Waker::noop());
    let _ = outbox.poll_write(pipe, cx, |written| seen.push(written));
    seen
}

fn header(opcode: OpCode, len: usize, key: Option<MaskingKey>) -> FrameHeader {
    FrameHeader::new(opcode, len as u64).with_masking_key(key)
}

fn frame(header: FrameHeader, payload: &[u8]) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    append_frame(&header, payload, &mut bytes);
    bytes.to_vec()
}

#[test]
fn a_burst_of_small_frames_is_one_write() {
    let mut pipe = Pipe::new(true);
    let mut outbox = Outbox::new(&pipe);
    for _ in 0..16 {
        outbox.push(&header(OpCode::TEXT, 5, None), Bytes::from_static(b"hello"));
    }
    write(&mut outbox, &mut pipe, &[usize::MAX]);
    assert_eq!(pipe.taken, b"\x81\x05hello".repeat(16));
    assert!(outbox.is_idle() && outbox.len() == 0);
}

#[test]
fn a_large_payload_goes_out_with_its_header_in_one_vectored_write() {
    let payload = vec![7; 1 << 20];
    let mut pipe = Pipe::new(true);
    let mut outbox = Outbox::new(&pipe);
    let header = header(OpCode::BINARY, payload.len(), None);
    outbox.push(&header, payload.clone().into());
    write(&mut outbox, &mut pipe, &[usize::MAX]);
    assert_eq!(pipe.writes, 1);
    assert!(pipe.taken == frame(header, &payload));
}

#[test]
fn without_vectored_writes_the_header_goes_out_with_the_payloads_start() {
    for key in [None, Some(MaskingKey::new([1, 2, 3, 4]))] {
        let payload: Vec<u8> = (0..100_000).map(|i| i as u8).collect();
        let mut pipe = Pipe::new(false);
        let mut outbox = Outbox::new(&pipe);
        let header = header(OpCode::BINARY, payload.len(), key);
        outbox.push(&header, payload.clone().into());
        write(&mut outbox, &mut pipe, &[usize::MAX]);
        assert_eq!(pipe.taken.len(), FLAT_WITH_HEADER + if key.is_some() { 4 } else { 0 });
        write(&mut outbox, &mut pipe, &[usize::MAX; 9]);
        assert!(pipe.taken == frame(header, &payload));
    }
}

const FLAT_WITH_HEADER: usize = (16 << 10) + 10;

#[test]
fn the_newest_pong_overtakes_every_frame_not_begun() {
    let mut pipe = Pipe::new(true);
    let mut outbox = Outbox::new(&pipe);
    outbox.push(&header(OpCode::TEXT, 3, None), Bytes::from_static(b"one"));
    outbox.push(&header(OpCode::TEXT, 3, None), Bytes::from_static(b"two"));
    write(&mut outbox, &mut pipe, &[1]);
    outbox.set_ping(&header(OpCode::PING, 0, None));
    for payload in [&b"a"[..], b"bb"] {
        outbox.set_pong(&header(OpCode::PONG, payload.len(), None), payload);
    }
    assert_eq!(write(&mut outbox, &mut pipe, &[2]), [Written::Frames]);
    outbox.set_pong(&header(OpCode::PONG, 1, None), b"c");
    // The rest of "one", the pong, and the first byte of the ping.
    assert_eq!(
        write(&mut outbox, &mut pipe, &[2, 3, 1]),
        [Written::Frames, Written::Frames, Written::Ping]
    );
    outbox.set_pong(&header(OpCode::PONG, 1, None), b"d");
    write(&mut outbox, &mut pipe, &[usize::MAX; 4]);
    assert_eq!(pipe.taken, b"\x81\x03one\x8a\x01c\x89\x00\x8a\x01d\x81\x03two");
}

#[test]
fn a_breach_lets_only_the_frame_that_is_begun_go_out() {
    let mut pipe = Pipe::new(true);
    let mut outbox = Outbox::new(&pipe);
    let payload = vec![7; 10_000];
    let large = header(OpCode::BINARY, payload.len(), None);
    outbox.push(&large, payload.clone().into());
    outbox.push(&header(OpCode::TEXT, 3, None), Bytes::from_static(b"two"));
    write(&mut outbox, &mut pipe, &[100]);
    outbox.drop_unbegun();
    outbox.push(&header(OpCode::CLOSE, 0, None), Bytes::new());
    write(&mut outbox, &mut pipe, &[usize::MAX; 4]);
    assert!(pipe.taken == [frame(large, &payload), b"\x88\x00".to_vec()].concat());
}

proptest! {
    /// Whatever the sizes of frames and writes, what comes out is the frames in order, each pong whole
    /// and between two of them.
    #[test]
    fn any_frames_through_any_writes_come_out_whole(
        sizes in prop::collection::vec(prop_oneof![0usize..200, 3000usize..9000, 60_000usize..140_000], 1..12),
        writes in prop::collection::vec(prop_oneof![1usize..20, 1usize..9000, 1usize..200_000], 0..40),
        pongs in prop::collection::vec(0usize..40, 0..5),
        masked: bool,
        is_vectored: bool,
    ) {
        let key = masked.then(|| MaskingKey::new([9, 8, 7, 6]));
        let mut pipe = Pipe::new(is_vectored);
        let mut outbox = Outbox::new(&pipe);
        let mut expected = Vec::new();
        for (i, size) in sizes.iter().enumerate() {
            let payload = vec![i as u8; *size];
            outbox.push(&header(OpCode::BINARY, *size, key), payload.clone().into());
            expected.push(frame(header(OpCode::BINARY, *size, key), &payload));
        }
        let pong = frame(header(OpCode::PONG, 3, key), b"now");
        for (i, allowed) in writes.iter().enumerate() {
            if pongs.contains(&i) {
                outbox.set_pong(&header(OpCode::PONG, 3, key), b"now");
            }
            write(&mut outbox, &mut pipe, &[*allowed]);
        }
        write(&mut outbox, &mut pipe, &[usize::MAX; 300]);
        prop_assert!(outbox.is_idle());
        prop_assert_eq!(outbox.len(), 0);

        let mut rest = &pipe.taken[..];
        for frame in expected {
            while rest.starts_with(&pong) && !frame.starts_with(&pong) {
                rest = &rest[pong.len()..];
            }
            prop_assert!(rest.starts_with(&frame));
            rest = &rest[frame.len()..];
        }
        while rest.starts_with(&pong) {
            rest = &rest[pong.len()..];
        }
        prop_assert!(rest.is_empty());
    }
}

/// Pongs come in between, are replaced and are written, and none of that moves the place.
#[test]
fn a_mark_is_past_when_what_was_sent_before_it_is_written() {
    let mut pipe = Pipe::new(true);
    let mut outbox = Outbox::new(&pipe);
    let data = |outbox: &mut Outbox| {
        outbox.push(&header(OpCode::BINARY, 8, None), Bytes::from_static(b"eight by"));
    };
    let pong = |outbox: &mut Outbox, len: usize| {
        outbox.set_pong(&header(OpCode::PONG, len, None), &vec![7; len]);
    };
    assert!(outbox.is_past(outbox.end()), "nothing to wait for");
    data(&mut outbox);
    let mark = outbox.end();
    pong(&mut outbox, 100);
    pong(&mut outbox, 1);
    data(&mut outbox);
    // The pong of three bytes, and all but one of the ten before the mark.
    write(&mut outbox, &mut pipe, &[12]);
    assert!(!outbox.is_past(mark));
    pong(&mut outbox, 50);
    assert!(!outbox.is_past(mark), "another pong lies behind what is begun");
    write(&mut outbox, &mut pipe, &[1]);
    assert_eq!(outbox.len(), 52 + 10);
    assert!(outbox.is_past(mark), "the pong behind it is nobody's");
    for _ in 0..52 {
        write(&mut outbox, &mut pipe, &[1]);
        assert!(outbox.is_past(mark) && !outbox.is_past(outbox.end()));
    }
    write(&mut outbox, &mut pipe, &[usize::MAX]);
    assert!(outbox.is_past(outbox.end()) && outbox.len() == 0);
}

/// The bytes of a frame with eight bytes in it, not masked.
const FRAME: usize = 10;

/// At every byte, with pongs and pings coming in at every byte before.
#[test]
fn a_mark_is_past_exactly_when_the_last_byte_of_its_frame_is_written() {
    for (pong_at, ping_at) in (0..36).flat_map(|pong| [0, 7, 11, 19, 40].map(|ping| (pong, ping))) {
        let mut pipe = Pipe::new(true);
        let mut outbox = Outbox::new(&pipe);
        let marks: Vec<(Mark, Vec<u8>)> = (b'a'..=b'c')
            .map(|byte| {
                outbox.push(&header(OpCode::BINARY, 8, None), vec![byte; 8].into());
                (outbox.end(), [&b"\x82\x08"[..], &[byte; 8]].concat())
            })
            .collect();
        for step in 0..3 * FRAME + 7 {
            if step == pong_at {
                outbox.set_pong(&header(OpCode::PONG, 3, None), b"now");
            }
            if step == ping_at {
                outbox.set_ping(&header(OpCode::PING, 0, None));
            }
            write(&mut outbox, &mut pipe, &[1]);
            for (mark, frame) in &marks {
                let is_out = pipe.taken.windows(FRAME).any(|window| window == &frame[..]);
                assert_eq!(outbox.is_past(*mark), is_out, "pong {pong_at}, ping {ping_at}, {step}");
            }
        }
        write(&mut outbox, &mut pipe, &[usize::MAX]);
        assert!(outbox.is_past(outbox.end()));
    }
}

#[test]
fn what_was_dropped_is_never_past_whatever_is_written_in_its_place() {
    for begun in 0..=2 * FRAME {
        let mut pipe = Pipe::new(true);
        let mut outbox = Outbox::new(&pipe);
        let marks = [(); 2].map(|()| {
            outbox.push(&header(OpCode::BINARY, 8, None), Bytes::from_static(b"eight by"));
            outbox.end()
        });
        if begun > 0 {
            write(&mut outbox, &mut pipe, &[begun]);
        }
        outbox.set_pong(&header(OpCode::PONG, 3, None), b"now");
        outbox.drop_unbegun();
        outbox.push(&header(OpCode::CLOSE, 120, None), vec![3; 120].into());
        write(&mut outbox, &mut pipe, &[usize::MAX]);
        assert_eq!(outbox.len(), 0);
        let past = marks.map(|mark| outbox.is_past(mark));
        assert_eq!(past, [begun > 0, begun > FRAME], "{begun} bytes of the first were written");
    }
}
