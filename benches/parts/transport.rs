use std::{
    cell::RefCell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A transport without a peer: what arrives is laid down by hand, what is written is counted and forgotten. A
/// read gives all there is room for, a write takes everything, as a socket's do that nothing holds up.
#[derive(Clone, Default)]
pub(super) struct Tap(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    arrived: Bytes,
    written: usize,
}

impl Tap {
    /// Lets these bytes arrive, behind which there is nothing yet.
    pub(super) fn arrive(&self, bytes: Bytes) {
        let mut state = self.0.borrow_mut();
        assert!(state.arrived.is_empty(), "{} bytes have not been read", state.arrived.len());
        state.arrived = bytes;
    }

    /// How many bytes have been written since this was last asked.
    pub(super) fn take_written(&self) -> usize {
        std::mem::take(&mut self.0.borrow_mut().written)
    }

    fn write(&self, bytes: usize) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().written += bytes;
        Poll::Ready(Ok(bytes))
    }
}

impl AsyncRead for Tap {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let arrived = &mut self.0.borrow_mut().arrived;
        if arrived.is_empty() {
            return Poll::Pending;
        }
        let taken = arrived.len().min(buffer.remaining());
        buffer.put_slice(&arrived[..taken]);
        arrived.advance(taken);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tap {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write(bytes.len())
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(slices.iter().map(|slice| slice.len()).sum())
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
