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

    /// Sends a frame and waits for the reply, which is then at the front of `buffer`: gives its length.
    /// What was in `buffer` before does not matter.
    pub(crate) async fn exchange(
        &mut self,
        frame: &[u8],
        buffer: &mut Vec<u8>,
    ) -> io::Result<usize> {
        self.stream.write_all(frame).await?;
        let mut filled = 0;
        loop {
            if filled == buffer.len() {
                buffer.resize(2 * filled, 0);
            }
            let length = self.stream.read(&mut buffer[filled..]).await?;
            if length == 0 {
                return Err(io::Error::other("the server ended the connection"));
            }
            filled += length;
            let Some((start, length)) = extent(&buffer[..filled]) else { continue };
            if filled >= start + length {
                return judge_reply(&buffer[..filled], start + length);
            }
        }
    }
}

impl<'a> Reply<'a> {
    /// Of a whole frame.
    pub(crate) fn of(frame: &'a [u8]) -> Self {
        let start = extent(frame).map_or(frame.len(), |(start, _)| start);
        Self { first: frame[0], payload: &frame[start..] }
    }
}

/// The lengths of the header at the front, once it is complete, and of its payload.
fn extent(bytes: &[u8]) -> Option<(usize, usize)> {
    Some(match bytes.get(1)? {
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize),
        126 => (4, u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?).into()),
        length => (2, usize::from(*length)),
    })
}

/// One message in one frame is expected: text or binary, compressed or not.
fn judge_reply(bytes: &[u8], length: usize) -> io::Result<usize> {
    match bytes[0] {
        0x81 | 0x82 | 0xc1 | 0xc2 if bytes.len() == length => Ok(length),
        first => Err(io::Error::other(format!(
            "a frame of {length} bytes that begins with 0x{first:02x}, of {} bytes received",
            bytes.len()
        ))),
    }
}

async fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Err(io::Error::other("the server ended in its answer"));
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
