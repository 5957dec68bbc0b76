//! The floors of a plain echo: loops on a Tokio socket, or on TLS, that send frames back as they came, still masked.

use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf},
    net::TcpStream,
};

use super::handshake;
use crate::setting::Setting;

const BUFFER_BYTES: usize = 64 << 10;

const FIN: u8 = 0x80;

/// The longest header of a client's frame.
const MAX_HEADER: usize = 14;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; BUFFER_BYTES]);
}

/// Writes what it has read, without a look at it, from a buffer of the connection's own.
pub(super) async fn echo<T>(mut io: T) -> io::Result<()>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    handshake::answer(&mut io, Setting::Off).await?;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let length = io.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        io.write_all(&buffer[..length]).await?;
        io.flush().await?;
    }
}

/// The same from one buffer for the whole thread: a connection at rest holds its socket and nothing else.
pub(super) async fn echo_at_rest(mut tcp: TcpStream) -> io::Result<()> {
    handshake::answer(&mut tcp, Setting::Off).await?;
    let mut unwritten = Vec::new();
    poll_fn(|cx| {
        loop {
            while !unwritten.is_empty() {
                let length = ready!(Pin::new(&mut tcp).poll_write(cx, &unwritten))?;
                unwritten.drain(..length);
            }
            let read =
                BUFFER.with_borrow_mut(|buffer| poll_echo(cx, &mut tcp, buffer, &mut unwritten));
            if ready!(read)? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    })
    .await
}

/// Reads once, and writes once. What the socket does not take then goes to `unwritten`.
fn poll_echo(
    cx: &mut Context<'_>,
    tcp: &mut TcpStream,
    buffer: &mut [u8],
    unwritten: &mut Vec<u8>,
) -> Poll<io::Result<usize>> {
    let mut room = ReadBuf::new(buffer);
    ready!(Pin::new(&mut *tcp).poll_read(cx, &mut room))?;
    let read = room.filled();
    if !read.is_empty() {
        let written = match Pin::new(tcp).poll_write(cx, read) {
            Poll::Ready(length) => length?,
            Poll::Pending => 0,
        };
        *unwritten = read[written..].to_vec();
    }
    Poll::Ready(Ok(read.len()))
}

/// Holds a message until all of it is there, and writes it in one go. It looks at headers to know where a
/// message ends, and at nothing else.
pub(super) async fn echo_whole(mut tcp: TcpStream) -> io::Result<()> {
    handshake::answer(&mut tcp, Setting::Off).await?;
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut held = Held::default();
    loop {
        if held.wanted > buffer.len() {
            buffer.resize(held.wanted, 0);
        }
        let length = tcp.read(&mut buffer[held.filled..]).await?;
        if length == 0 {
            return Ok(());
        }
        held.filled += length;
        let end = held.find_end(&buffer);
        if end > 0 {
            tcp.write_all(&buffer[..end]).await?;
            buffer.copy_within(end..held.filled, 0);
            held = held.behind(end);
        }
    }
}

/// What is known of the messages at the front of a buffer.
#[derive(Default)]
struct Held {
    filled: usize,
    /// Where the first frame starts that is not whole.
    next: usize,
    /// What the buffer must have room for.
    wanted: usize,
}

impl Held {
    /// The end of the last whole message, or 0.
    fn find_end(&mut self, buffer: &[u8]) -> usize {
        let mut end = 0;
        self.wanted = self.filled + MAX_HEADER;
        while let Some(length) = frame_length(&buffer[self.next..self.filled]) {
            if self.next + length > self.filled {
                self.wanted = self.next + length;
                break;
            }
            let is_last = buffer[self.next] & FIN != 0;
            self.next += length;
            if is_last {
                end = self.next;
            }
        }
        end
    }

    /// The same without the messages that end there.
    fn behind(&self, end: usize) -> Self {
        Self { filled: self.filled - end, next: self.next - end, wanted: self.wanted - end }
    }
}

/// Of the client's frame at the front of `bytes`, once its header tells.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    const KEY: usize = 4;
    Some(match bytes.get(1)? & 0x7f {
        127 => 10 + KEY + u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize,
        126 => 4 + KEY + usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)),
        length => 2 + KEY + usize::from(length),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client's frame, with its key and payload of no account.
    fn frame(first: u8, length: usize) -> Vec<u8> {
        let header = match length {
            0..126 => vec![first, 0x80 | length as u8],
            _ => [&[first, 0x80 | 126], &(length as u16).to_be_bytes()[..]].concat(),
        };
        [header, vec![7; 4 + length]].concat()
    }

    #[test]
    fn whole_messages_are_found_however_they_arrive() {
        let fragmented = [frame(0x01, 3), frame(0x00, 200), frame(0x80, 0)].concat();
        let messages = [frame(0x81, 5), fragmented, frame(0x81, 300)];
        let bytes = messages.concat();
        for step in 1..=bytes.len() {
            let (mut held, mut start, mut filled, mut ends) = (Held::default(), 0, 0, Vec::new());
            while filled < bytes.len() {
                let length = step.min(bytes.len() - filled);
                filled += length;
                held.filled += length;
                let end = held.find_end(&bytes[start..filled]);
                assert!(held.wanted > held.filled - end || end == held.filled, "{step}");
                start += end;
                if end > 0 {
                    held = held.behind(end);
                    ends.push(start);
                }
            }
            let whole = |end: &usize| {
                let mut sum = 0;
                messages.iter().any(|message| {
                    sum += message.len();
                    sum == *end
                })
            };
            assert!(
                ends.iter().all(whole) && ends.last() == Some(&bytes.len()),
                "{step}: {ends:?}"
            );
        }
    }
}
