//! A client's connection, by hand: the load must cost the same whatever the server is.

use std::{io, net::Ipv4Addr};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

use crate::agreement::Agreement;

/// The key of RFC 6455, section 1.3, and its answer.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The longest answer. A server must not send anything behind it on its own.
const MAX_HEAD: usize = 4 << 10;

/// An open connection with nothing under way.
pub(crate) struct Connection {
    stream: TcpStream,
    pub(crate) agreement: Option<Agreement>,
}

/// A reply: the first byte of its frame, and its payload as it came.
pub(crate) struct Reply<'a> {
    pub(crate) first: u8,
    pub(crate) payload: &'a [u8],
}

impl Connection {
    /// Opens a connection; `source` where the ports of 127.0.0.1 do not suffice.
    pub(crate) async fn open(
        port: u16,
        source: Option<Ipv4Addr>,
        offer: Option<&str>,
    ) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        if let Some(source) = source {
            socket.bind((source, 0).into())?;
        }
        Self::open_on(socket, port, offer).await
    }

    /// Opens a connection on a socket of the caller's.
    pub(crate) async fn open_on(
        socket: TcpSocket,
        port: u16,
        offer: Option<&str>,
    ) -> io::Result<Self> {
        let mut stream = socket.connect((Ipv4Addr::LOCALHOST, port).into()).await?;
        stream.set_nodelay(true)?;
        let offer = offer.map(|offer| format!("Sec-WebSocket-Extensions: {offer}\r\n"));
        let request = format!(
            "GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{}\r\n",
            offer.unwrap_or_default()
        );
        stream.write_all(request.as_bytes()).await?;
        let answer = read_head(&mut stream).await?;
        let agreement = judge(&answer)?;
        Ok(Self { stream, agreement })
    }

    /// Sends frames and waits for a reply to each. They are then at the front of `buffer`, whose former
    /// content does not matter: gives the length of all.
    pub(crate) async fn exchange(
        &mut self,
        frames: &[u8],
        count: usize,
        buffer: &mut Vec<u8>,
    ) -> io::Result<usize> {
        self.stream.write_all(frames).await?;
        self.receive(count, buffer).await
    }

    /// Waits for so many messages, and nothing behind them, as [`exchange`](Self::exchange) does.
    pub(crate) async fn receive(
        &mut self,
        count: usize,
        buffer: &mut Vec<u8>,
    ) -> io::Result<usize> {
        let (mut filled, mut complete, mut end) = (0, 0, 0);
        loop {
            if filled == buffer.len() {
                buffer.resize(2 * filled, 0);
            }
            let length = self.stream.read(&mut buffer[filled..]).await?;
            if length == 0 {
                return Err(io::Error::other("the server ended the connection"));
            }
            filled += length;
            while let Some(frame) = first_frame(&buffer[end..filled]) {
                judge_reply(frame)?;
                end += frame.len();
                complete += 1;
            }
            if complete == count && end == filled {
                return Ok(end);
            }
            if complete >= count {
                return Err(io::Error::other(format!("more than {count} replies")));
            }
        }
    }

    /// The socket, for a load that does not wait.
    pub(crate) fn into_std(self) -> io::Result<std::net::TcpStream> {
        self.stream.into_std()
    }
}

impl<'a> Reply<'a> {
    /// Of a whole frame.
    fn of(frame: &'a [u8]) -> Self {
        let start = extent(frame).map_or(frame.len(), |(start, _)| start);
        Self { first: frame[0], payload: &frame[start..] }
    }
}

/// The replies in these bytes, which end with a whole one.
pub(crate) fn replies(mut bytes: &[u8]) -> impl Iterator<Item = Reply<'_>> {
    std::iter::from_fn(move || {
        let frame = first_frame(bytes)?;
        bytes = &bytes[frame.len()..];
        Some(Reply::of(frame))
    })
}

fn first_frame(bytes: &[u8]) -> Option<&[u8]> {
    let (start, length) = extent(bytes)?;
    bytes.get(..start + length)
}

/// The lengths of the header at the front, once it is complete, and of its payload.
pub(crate) fn extent(bytes: &[u8]) -> Option<(usize, usize)> {
    Some(match bytes.get(1)? {
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize),
        126 => (4, u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?).into()),
        length => (2, usize::from(*length)),
    })
}

/// One message in one frame is expected: text or binary, compressed or not.
fn judge_reply(frame: &[u8]) -> io::Result<()> {
    match frame[0] {
        0x81 | 0x82 | 0xc1 | 0xc2 => Ok(()),
        first => Err(io::Error::other(format!(
            "a frame of {} bytes that begins with 0x{first:02x}",
            frame.len()
        ))),
    }
}

async fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Err(io::Error::other("the server ended in its answer"));
        }
        if head.len() > MAX_HEAD {
            return Err(io::Error::other(
                "the server's answer does not end, or is not all it sent",
            ));
        }
    }
    String::from_utf8(head).map_err(io::Error::other)
}

fn judge(answer: &str) -> io::Result<Option<Agreement>> {
    let field = |name: &str| {
        answer
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find_map(|(field, value)| field.eq_ignore_ascii_case(name).then_some(value.trim()))
    };
    if !answer.starts_with("HTTP/1.1 101 ") || field("sec-websocket-accept") != Some(ACCEPT) {
        return Err(io::Error::other(format!("refused: {answer}")));
    }
    field("sec-websocket-extensions").map(Agreement::parse).transpose()
}
