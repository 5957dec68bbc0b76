//! The floor: a Tokio socket and zlib-rs, with nothing between them and nothing checked.
//!
//! One read and one write a message, through buffers of the thread. Where no context is kept one pair of
//! zlib states serves all connections, so that it stays in the cache.

use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead as _, AsyncWrite as _, ReadBuf},
    net::TcpStream,
};
use zlib_rs::{Deflate, Inflate};

use super::handshake;
use crate::{setting::Setting, zlib};

/// Room for the longest header of a server's frame.
const HEADER: usize = 10;

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::new(Buffers::new());
    static PAIR: RefCell<Pair> = RefCell::new(Pair::new());
}

/// Echoes with the thread's pair of states where no context is kept.
pub(super) async fn shared(tcp: TcpStream, setting: Setting) -> io::Result<()> {
    echo(
        tcp,
        setting,
        if setting == Setting::Kept { States::Kept(Pair::new()) } else { States::Thread },
    )
    .await
}

/// Echoes with a pair of states of the connection's own, which is reset for each message where no context
/// is kept.
pub(super) async fn paired(tcp: TcpStream, setting: Setting) -> io::Result<()> {
    let pair = Pair::new();
    echo(
        tcp,
        setting,
        if setting == Setting::Kept { States::Kept(pair) } else { States::Own(pair) },
    )
    .await
}

async fn echo(mut tcp: TcpStream, setting: Setting, states: States) -> io::Result<()> {
    handshake::answer(&mut tcp, setting).await?;
    let mut connection = Connection { tcp, states, rest: Vec::new(), unwritten: Vec::new() };
    poll_fn(|cx| connection.poll(cx)).await
}

/// The compressor and the decompressor of a connection.
struct Pair {
    deflate: Deflate,
    inflate: Inflate,
}

/// Which states a message goes through.
enum States {
    Thread,
    Own(Pair),
    Kept(Pair),
}

/// What a thread needs while it handles a message.
struct Buffers {
    input: Vec<u8>,
    plain: Vec<u8>,
    output: Vec<u8>,
}

struct Connection {
    tcp: TcpStream,
    states: States,
    /// The start of a frame whose end has not arrived.
    rest: Vec<u8>,
    /// The end of a frame that the socket did not take.
    unwritten: Vec<u8>,
}

impl Pair {
    fn new() -> Self {
        Self { deflate: zlib::deflater(zlib::WINDOW_BITS), inflate: zlib::inflater() }
    }

    fn reset(&mut self) {
        self.deflate.reset();
        self.inflate.reset(false);
    }

    /// Inflates a payload with its tail, deflates what comes out into `output` behind the room for a
    /// header, and gives the payload's end there.
    fn echo(
        &mut self,
        input: &[u8],
        plain: &mut Vec<u8>,
        output: &mut Vec<u8>,
    ) -> io::Result<usize> {
        let length = zlib::inflate(&mut self.inflate, input, plain)?;
        zlib::deflate(&mut self.deflate, &plain[..length], output, HEADER)
    }
}

impl States {
    fn echo(
        &mut self,
        input: &[u8],
        plain: &mut Vec<u8>,
        output: &mut Vec<u8>,
    ) -> io::Result<usize> {
        match self {
            Self::Kept(pair) => pair.echo(input, plain, output),
            Self::Own(pair) => {
                pair.reset();
                pair.echo(input, plain, output)
            }
            Self::Thread => PAIR.with_borrow_mut(|pair| {
                pair.reset();
                pair.echo(input, plain, output)
            }),
        }
    }
}

impl Buffers {
    fn new() -> Self {
        Self { input: vec![0; 64 * 1024], plain: vec![0; 64 * 1024], output: vec![0; 64 * 1024] }
    }
}

impl Connection {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            while !self.unwritten.is_empty() {
                let written = ready!(Pin::new(&mut self.tcp).poll_write(cx, &self.unwritten))?;
                self.unwritten.drain(..written);
            }
            if ready!(BUFFERS.with_borrow_mut(|buffers| self.poll_read(cx, buffers)))? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Reads once, and echoes the frames that are complete then.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffers: &mut Buffers,
    ) -> Poll<io::Result<usize>> {
        let rest = self.rest.len();
        // Behind the last frame its payload's tail must fit.
        while buffers.input.len() < 2 * rest + zlib::TAIL.len() {
            buffers.input.resize(2 * buffers.input.len(), 0);
        }
        let end = buffers.input.len() - zlib::TAIL.len();
        let mut room = ReadBuf::new(&mut buffers.input[rest..end]);
        ready!(Pin::new(&mut self.tcp).poll_read(cx, &mut room))?;
        let length = room.filled().len();
        buffers.input[..rest].copy_from_slice(&self.rest);
        self.rest.clear();
        let mut start = 0;
        while let Some(frame) = Header::parse(&buffers.input[start..rest + length]) {
            self.echo_frame(cx, buffers, start, &frame)?;
            start += frame.end;
        }
        self.rest.extend_from_slice(&buffers.input[start..rest + length]);
        Poll::Ready(Ok(length))
    }

    fn echo_frame(
        &mut self,
        cx: &mut Context<'_>,
        Buffers { input, plain, output }: &mut Buffers,
        start: usize,
        frame: &Header,
    ) -> io::Result<()> {
        let (payload, end) = (start + frame.payload, start + frame.end);
        unmask(&mut input[payload..end], frame.masking_key);
        let tail = end..end + zlib::TAIL.len();
        // The next frame may lie here.
        let covered: [u8; 4] = input[tail.clone()].try_into().unwrap_or_default();
        input[tail.clone()].copy_from_slice(&zlib::TAIL);
        let written = self.states.echo(&input[payload..tail.end], plain, output);
        input[tail].copy_from_slice(&covered);
        let end = written?;
        let start = write_header(&mut output[..end]);
        self.write(cx, &output[start..end])
    }

    fn write(&mut self, cx: &mut Context<'_>, frame: &[u8]) -> io::Result<()> {
        let mut written = 0;
        if self.unwritten.is_empty() {
            match Pin::new(&mut self.tcp).poll_write(cx, frame) {
                Poll::Ready(length) => written = length?,
                Poll::Pending => {}
            }
        }
        self.unwritten.extend_from_slice(&frame[written..]);
        Ok(())
    }
}

/// Where the parts of a client's frame lie.
struct Header {
    masking_key: [u8; 4],
    payload: usize,
    end: usize,
}

impl Header {
    /// Of a whole frame at the front of `bytes`.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (key, length) = match bytes.get(1)? & 0x7f {
            127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize),
            126 => (4, u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?).into()),
            length => (2, length.into()),
        };
        let masking_key = bytes.get(key..key + 4)?.try_into().ok()?;
        let (payload, end) = (key + 4, key + 4 + length);
        (bytes.len() >= end).then_some(Self { masking_key, payload, end })
    }
}

fn unmask(payload: &mut [u8], key: [u8; 4]) {
    let twice =
        u64::from_ne_bytes([key[0], key[1], key[2], key[3], key[0], key[1], key[2], key[3]]);
    let mut chunks = payload.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let word = u64::from_ne_bytes(chunk.try_into().unwrap_or_default());
        chunk.copy_from_slice(&(word ^ twice).to_ne_bytes());
    }
    for (byte, mask) in chunks.into_remainder().iter_mut().zip(key.iter().cycle()) {
        *byte ^= mask;
    }
}

/// Writes the header of a compressed text before the payload that starts at [`HEADER`], and gives its start.
fn write_header(output: &mut [u8]) -> usize {
    let (header, payload) = output.split_at_mut(HEADER);
    let (start, length) = match payload.len() {
        length @ 0..126 => (8, length as u8),
        length @ 126..65_536 => {
            header[8..].copy_from_slice(&(length as u16).to_be_bytes());
            (6, 126)
        }
        length => {
            header[2..].copy_from_slice(&(length as u64).to_be_bytes());
            (0, 127)
        }
    };
    header[start] = 0xc1;
    header[start + 1] = length;
    start
}
