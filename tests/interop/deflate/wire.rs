//! What passes over the wire, recorded and taken apart with as little cleverness as possible.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// Every byte of one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Record(Arc<Mutex<Bytes>>);

#[derive(Debug, Default)]
struct Bytes {
    received: Vec<u8>,
    sent: Vec<u8>,
}

impl Record {
    fn bytes(&self) -> MutexGuard<'_, Bytes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The messages that came in.
    pub(super) fn received(&self) -> Vec<Carried> {
        carried(&self.bytes().received)
    }

    /// The messages that went out.
    pub(super) fn sent(&self) -> Vec<Carried> {
        carried(&self.bytes().sent)
    }
}

/// A TCP connection that is recorded.
#[derive(Debug)]
pub(super) struct Recorded {
    tcp: TcpStream,
    record: Record,
}

impl Recorded {
    pub(super) fn new(tcp: TcpStream) -> (Self, Record) {
        // One message waits for the other.
        tcp.set_nodelay(true).expect("no delay");
        let record = Record::default();
        (Self { tcp, record: record.clone() }, record)
    }
}

impl AsyncRead for Recorded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.tcp).poll_read(cx, buf))?;
        self.record.bytes().received.extend_from_slice(&buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Recorded {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.tcp).poll_write_vectored(cx, bufs))?;
        let bytes = bufs.iter().flat_map(|buf| buf.iter());
        self.record.bytes().sent.extend(bytes.take(count));
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

/// A data message as it was carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Carried {
    pub(super) form: Form,
    /// The payloads of its frames.
    pub(super) size: usize,
    pub(super) frames: usize,
}

/// RSV1: "Per-Message Compressed" (RFC 7692 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Compressed,
    AsItIs,
}

/// The data messages in these bytes, which begin with an HTTP head.
fn carried(bytes: &[u8]) -> Vec<Carried> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let mut rest = &bytes[end + 4..];
    let mut messages: Vec<Carried> = Vec::new();
    while !rest.is_empty() {
        let (first, second) = (rest[0], rest[1]);
        let (size, length_bytes) = match second & 0x7f {
            126 => (number(&rest[2..4]), 2),
            127 => (number(&rest[2..10]), 8),
            short => (usize::from(short), 0),
        };
        let key = if second & 0x80 == 0 { 0 } else { 4 };
        rest = &rest[2 + length_bytes + key + size..];
        match first & 0x0f {
            0 => {
                let message = messages.last_mut().expect("a message to continue");
                message.size += size;
                message.frames += 1;
            }
            1 | 2 => {
                let form = if first & 0x40 == 0 { Form::AsItIs } else { Form::Compressed };
                messages.push(Carried { form, size, frames: 1 });
            }
            _ => {}
        }
    }
    messages
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}
