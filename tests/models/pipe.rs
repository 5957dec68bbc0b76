//! A transport in memory on the explorer's locks: two pipes of a few bytes each. Like a socket, each
//! direction remembers one waker: the last one that was left there.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use shuttle::sync::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// One end of it.
#[derive(Debug)]
pub(crate) struct End {
    incoming: Arc<Pipe>,
    outgoing: Arc<Pipe>,
}

impl End {
    /// From here on whoever writes to this end fails; nobody who waits to read from it is woken.
    pub(crate) fn stop_reading(&self) {
        self.incoming.end();
    }
}

/// Two ends, with room for so many bytes each way.
pub(crate) fn pair(room: usize) -> (End, End) {
    let [there, back] = [(); 2].map(|()| Arc::new(Pipe::new(room)));
    let near = End { incoming: back.clone(), outgoing: there.clone() };
    (near, End { incoming: there, outgoing: back })
}

/// One direction.
#[derive(Debug)]
struct Pipe {
    room: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    bytes: VecDeque<u8>,
    is_ended: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    fn new(room: usize) -> Self {
        Self { room, state: Mutex::default() }
    }

    fn end(&self) {
        let mut state = self.state.lock().expect("nobody panics under it");
        state.is_ended = true;
        let wakers = [state.reader.take(), state.writer.take()];
        drop(state);
        wake(wakers);
    }

    fn read(&self, cx: &Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<()> {
        let mut state = self.state.lock().expect("nobody panics under it");
        if state.bytes.is_empty() && !state.is_ended {
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let most = buffer.remaining().min(state.bytes.len());
        for byte in state.bytes.drain(..most) {
            buffer.put_slice(&[byte]);
        }
        let writer = state.writer.take();
        drop(state);
        wake([writer]);
        Poll::Ready(())
    }

    fn write(&self, cx: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.state.lock().expect("nobody panics under it");
        if state.is_ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let most = bytes.len().min(self.room - state.bytes.len());
        if most == 0 {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.bytes.extend(&bytes[..most]);
        let reader = state.reader.take();
        drop(state);
        wake([reader]);
        Poll::Ready(Ok(most))
    }
}

/// Without the lock, so that whoever is woken may come at once.
fn wake<const N: usize>(wakers: [Option<Waker>; N]) {
    wakers.into_iter().flatten().for_each(Waker::wake);
}

impl Drop for End {
    fn drop(&mut self) {
        // An explorer that gives up a run drops what is left of it, with no locks any more.
        if !std::thread::panicking() {
            self.incoming.end();
            self.outgoing.end();
        }
    }
}

impl AsyncRead for End {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.incoming.read(cx, buffer).map(Ok)
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.outgoing.write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing.end();
        Poll::Ready(Ok(()))
    }
}
