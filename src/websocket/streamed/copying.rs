//! A byte stream joined to another stream, with the connection looked after for as long as either direction lasts.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

use super::ByteStream;

/// The most that is read from the other stream at once.
const CHUNK: usize = 16 << 10;

impl<T: AsyncRead + AsyncWrite + Unpin> ByteStream<T> {
    /// Copies between this and another stream, both ways, until both directions have ended; each end is passed on by
    /// shutting the other side down. Gives how many bytes went from here to there, and back.
    ///
    /// Does what `tokio::io::copy_bidirectional` does, and more: where the peer's direction has ended and the other
    /// goes on, pings are answered, keepalive goes on, and the connection's end is noticed. Where a Close ends both
    /// directions, what the other stream still has to say is not waited for.
    ///
    /// Costs 16 KiB. Not cancel-safe: what was read of the other stream and not written is lost.
    ///
    /// # Errors
    ///
    /// Of either stream, at once; this one's have a [`bowline::Error`](crate::Error) inside (`io::Error::get_ref`).
    pub async fn copy_bidirectional<S>(&mut self, other: &mut S) -> io::Result<(u64, u64)>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut there = There { state: State::Copying, copied: 0 };
        let mut back = Back::new();
        poll_fn(|cx| -> Poll<io::Result<()>> {
            let is_there = there.poll(self, other, cx)?.is_ready();
            if is_there && self.ends_with_close() {
                return Poll::Ready(Ok(()));
            }
            let is_back = back.poll(self, other, cx)?.is_ready();
            match (is_there, is_back) {
                (true, true) => Poll::Ready(Ok(())),
                (true, false) => self.poll_behind_end(cx).map(|error| Err(error.into())),
                (false, _) => Poll::Pending,
            }
        })
        .await?;
        Ok((there.copied, back.copied))
    }
}

/// ```text
///          nothing to read for now          read again
/// Copying -------------------------> Idle -------------> Copying
///    |                                |
///    +---- the end of what is read ---+---> Ending ----> Ended
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// What was written may have to be flushed.
    Copying,
    /// Everything is flushed.
    Idle,
    /// The other side is to be shut down.
    Ending,
    Ended,
}

/// From the connection to the other stream.
struct There {
    state: State,
    copied: u64,
}

impl There {
    fn poll<T, S>(
        &mut self,
        stream: &mut ByteStream<T>,
        other: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
        S: AsyncWrite + Unpin,
    {
        loop {
            match self.state {
                State::Copying | State::Idle => match Pin::new(&mut *stream).poll_fill_buf(cx)? {
                    Poll::Ready([]) => self.state = State::Ending,
                    Poll::Ready(bytes) => {
                        let written = ready!(Pin::new(&mut *other).poll_write(cx, bytes))?;
                        if written == 0 {
                            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                        }
                        Pin::new(&mut *stream).consume(written);
                        self.copied += written as u64;
                        self.state = State::Copying;
                    }
                    Poll::Pending => {
                        if self.state == State::Copying {
                            ready!(Pin::new(&mut *other).poll_flush(cx))?;
                            self.state = State::Idle;
                        }
                        return Poll::Pending;
                    }
                },
                State::Ending => {
                    ready!(Pin::new(&mut *other).poll_shutdown(cx))?;
                    self.state = State::Ended;
                }
                State::Ended => return Poll::Ready(Ok(())),
            }
        }
    }
}

/// From the other stream to the connection.
struct Back {
    state: State,
    copied: u64,
    buffer: Box<[u8]>,
    /// What of the buffer has been read, and written of that.
    read: usize,
    written: usize,
}

impl Back {
    fn new() -> Self {
        let buffer = vec![0; CHUNK].into_boxed_slice();
        Self { state: State::Copying, copied: 0, buffer, read: 0, written: 0 }
    }

    fn poll<T, S>(
        &mut self,
        stream: &mut ByteStream<T>,
        other: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
        S: AsyncRead + Unpin,
    {
        loop {
            match self.state {
                State::Copying | State::Idle if self.written < self.read => {
                    let rest = &self.buffer[self.written..self.read];
                    let written = ready!(Pin::new(&mut *stream).poll_write(cx, rest))?;
                    self.written += written;
                    self.copied += written as u64;
                    self.state = State::Copying;
                }
                State::Copying | State::Idle => match self.poll_read(other, cx)? {
                    Poll::Ready(0) => self.state = State::Ending,
                    Poll::Ready(_) => {}
                    Poll::Pending => {
                        if self.state == State::Copying {
                            ready!(Pin::new(&mut *stream).poll_flush(cx))?;
                            self.state = State::Idle;
                        }
                        return Poll::Pending;
                    }
                },
                State::Ending => {
                    ready!(stream.poll_end(cx))?;
                    self.state = State::Ended;
                }
                State::Ended => return Poll::Ready(Ok(())),
            }
        }
    }

    fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        other: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(&mut self.buffer);
        ready!(Pin::new(other).poll_read(cx, &mut buffer))?;
        self.read = buffer.filled().len();
        self.written = 0;
        Poll::Ready(Ok(self.read))
    }
}
