//! A transport that allocates nothing, and a hand that reads it dry.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    cell::RefCell,
    io::IoSlice,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use bowline::{Message, WebSocket};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that arrive again and again, and writes that are swallowed, or
/// never taken.
#[derive(Clone)]
pub(crate) struct Tap(Rc<RefCell<State>>);

struct State {
    bytes: Bytes,
    offset: usize,
    rounds: usize,
    takes_writes: bool,
}

impl Tap {
    pub(crate) fn new() -> Self {
        let bytes = Bytes::new();
        Self(Rc::new(RefCell::new(State { bytes, offset: 0, rounds: 0, takes_writes: true })))
    }

    /// Lets these bytes arrive so many times.
    pub(crate) fn flow(&self, bytes: &Bytes, rounds: usize) {
        let mut state = self.0.borrow_mut();
        (state.bytes, state.offset, state.rounds) = (bytes.clone(), 0, rounds);
    }

    pub(crate) fn block(&self) {
        self.0.borrow_mut().takes_writes = false;
    }

    pub(crate) fn open(&self) {
        self.0.borrow_mut().takes_writes = true;
    }

    fn write(&self, length: usize) -> Poll<std::io::Result<usize>> {
        if self.0.borrow().takes_writes { Poll::Ready(Ok(length)) } else { Poll::Pending }
    }
}

impl AsyncRead for Tap {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let state = &mut *self.0.borrow_mut();
        if state.rounds == 0 {
            return Poll::Pending;
        }
        let rest = &state.bytes[state.offset..];
        let taken = rest.len().min(buffer.remaining());
        buffer.put_slice(&rest[..taken]);
        state.offset += taken;
        if state.offset == state.bytes.len() {
            (state.offset, state.rounds) = (0, state.rounds - 1);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tap {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.write(bytes.len())
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        self.write(slices.iter().map(|slice| slice.len()).sum())
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Reads until nothing more is there; how many messages came.
pub(crate) fn read_dry(
    ws: &mut WebSocket<Tap>,
    mut each: impl FnMut(&mut WebSocket<Tap>, Message),
) -> usize {
    let mut cx = Context::from_waker(Waker::noop());
    for messages in 0.. {
        match ws.poll_next_unpin(&mut cx) {
            Poll::Ready(Some(message)) => each(ws, message.expect("no error")),
            Poll::Ready(None) => panic!("an end"),
            Poll::Pending => return messages,
        }
    }
    unreachable!("a count has no end");
}
