//! A client's connection, by hand: the load must cost the same whatever the server is.

use std::{
    future::poll_fn,
    io,
    net::{IpAddr, Ipv4Addr},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead as _, AsyncReadExt as _, AsyncWrite as _, AsyncWriteExt as _, ReadBuf},
    net::{TcpSocket, TcpStream},
};
use tokio_rustls::{client::TlsStream, rustls::CipherSuite};
use tokio_util::either::Either;

use super::reply::Arrived;
use crate::{address::Address, agreement::Agreement};

/// The key of RFC 6455, section 1.3, and its answer.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The longest answer. A server must not send anything behind it on its own.
const MAX_HEAD: usize = 4 << 10;

/// What TLS agrees on, so that all rows are about the same one.
const SUITE: CipherSuite = CipherSuite::TLS13_AES_256_GCM_SHA384;

/// In plain text, or over TLS.
type Stream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// An open connection with nothing under way.
pub(crate) struct Connection {
    stream: Stream,
    pub(crate) agreement: Option<Agreement>,
}

impl Connection {
    /// Opens a connection; `source` where the ports of 127.0.0.1 do not suffice.
    pub(crate) async fn open(
        address: &Address,
        source: Option<Ipv4Addr>,
        offer: Option<&str>,
    ) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        if let Some(source) = source {
            socket.bind((source, 0).into())?;
        }
        Self::open_on(socket, address, offer).await
    }

    /// Opens a connection on a socket of the caller's.
    pub(crate) async fn open_on(
        socket: TcpSocket,
        address: &Address,
        offer: Option<&str>,
    ) -> io::Result<Self> {
        let tcp = socket.connect((Address::HOST, address.port).into()).await?;
        tcp.set_nodelay(true)?;
        let mut stream = match &address.tls {
            Some(tls) => {
                let name = IpAddr::from(Address::HOST).into();
                let stream = tls.connect(name, tcp).await?;
                let suite = stream.get_ref().1.negotiated_cipher_suite();
                if suite.map(|suite| suite.suite()) != Some(SUITE) {
                    return Err(io::Error::other(format!("TLS with {suite:?}, not {SUITE:?}")));
                }
                Stream::Right(Box::new(stream))
            }
            None => Stream::Left(tcp),
        };
        let offer = offer.map(|offer| format!("Sec-WebSocket-Extensions: {offer}\r\n"));
        let request = format!(
            "GET / HTTP/1.1\r\nHost: {}:{}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{}\r\n",
            Address::HOST,
            address.port,
            offer.unwrap_or_default()
        );
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await?;
        let answer = read_head(&mut stream).await?;
        let agreement = judge(&answer)?;
        Ok(Self { stream, agreement })
    }

    /// Sends frames and waits for so many messages in return. They are then at the front of `buffer`, whose
    /// former content does not matter: gives the length of all.
    pub(crate) async fn exchange(
        &mut self,
        mut frames: &[u8],
        count: usize,
        buffer: &mut Vec<u8>,
    ) -> io::Result<usize> {
        let mut arrived = Arrived::default();
        poll_fn(|cx| {
            loop {
                let stream = Pin::new(&mut self.stream);
                let written = match frames {
                    [] => stream.poll_flush(cx)?.map(|()| None),
                    _ => stream.poll_write(cx, frames)?.map(Some),
                };
                match written {
                    Poll::Ready(Some(length)) => frames = &frames[length..],
                    Poll::Ready(None) => return Poll::Ready(Ok::<(), io::Error>(())),
                    // The server may take no more until its replies are taken.
                    Poll::Pending => ready!(self.poll_read(cx, buffer, &mut arrived))?,
                }
            }
        })
        .await?;
        self.receive_rest(count, buffer, arrived).await
    }

    /// Waits for so many messages, and nothing behind them, as [`exchange`](Self::exchange) does.
    pub(crate) async fn receive(
        &mut self,
        count: usize,
        buffer: &mut Vec<u8>,
    ) -> io::Result<usize> {
        self.receive_rest(count, buffer, Arrived::default()).await
    }

    async fn receive_rest(
        &mut self,
        count: usize,
        buffer: &mut Vec<u8>,
        mut arrived: Arrived,
    ) -> io::Result<usize> {
        while !arrived.is_all(count)? {
            poll_fn(|cx| self.poll_read(cx, buffer, &mut arrived)).await?;
        }
        Ok(arrived.end)
    }

    /// Reads once.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        arrived: &mut Arrived,
    ) -> Poll<io::Result<()>> {
        if arrived.filled == buffer.len() {
            buffer.resize(2 * buffer.len(), 0);
        }
        let mut room = ReadBuf::new(&mut buffer[arrived.filled..]);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut room))?;
        let length = room.filled().len();
        if length == 0 {
            return Poll::Ready(Err(io::Error::other("the server ended the connection")));
        }
        arrived.filled += length;
        Poll::Ready(arrived.count(buffer))
    }

    /// The socket, for a load that does not wait.
    pub(crate) fn into_std(self) -> io::Result<std::net::TcpStream> {
        match self.stream {
            Stream::Left(tcp) => tcp.into_std(),
            Stream::Right(_) => Err(io::Error::other("a load that does not wait speaks no TLS")),
        }
    }
}

async fn read_head(stream: &mut Stream) -> io::Result<String> {
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
