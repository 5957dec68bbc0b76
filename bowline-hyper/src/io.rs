use std::{
    fmt,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::{rt::TokioIo, server::conn::auto};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// The most that goes into one write of a stream of HTTP/2, a frame's default size: hyper copies each write, and keeps up to
/// three where the peer's window is shut, for as long as the peer likes.
const MAX_WRITE: usize = 16 << 10;

/// What an upgraded connection runs on.
///
/// hyper hands out a connection behind a pointer, whatever it is. Where it is a socket of the type that was asked for,
/// it is taken out, and nothing of hyper's stays between it and the WebSocket.
pub enum Io<T = TcpStream> {
    /// The socket itself.
    Socket(T),
    /// A stream of an HTTP/2 connection, or a socket of another type.
    Upgraded(TokioIo<Upgraded>),
}

impl<T> Io<T> {
    /// The socket itself, as for the peer's address; `None` where it is behind hyper's pointer.
    pub fn socket(&self) -> Option<&T> {
        match self {
            Self::Socket(socket) => Some(socket),
            Self::Upgraded(_) => None,
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + 'static> Io<T> {
    /// The connection with the bytes that have been read behind the request.
    ///
    /// hyper-util's `auto` server, and so axum's `serve`, wraps the socket once more: that is looked for first.
    pub(crate) fn new(upgraded: Upgraded) -> (Self, Bytes) {
        let upgraded = match auto::upgrade::downcast::<TokioIo<T>>(upgraded) {
            Ok(parts) => return (Self::Socket(parts.io.into_inner()), parts.read_buf),
            Err(upgraded) => upgraded,
        };
        match upgraded.downcast::<TokioIo<T>>() {
            Ok(parts) => (Self::Socket(parts.io.into_inner()), parts.read_buf),
            // It keeps what has been read itself.
            Err(upgraded) => (Self::Upgraded(TokioIo::new(upgraded)), Bytes::new()),
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Io<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(socket) => f.debug_tuple("Socket").field(socket).finish(),
            Self::Upgraded(_) => f.debug_tuple("Upgraded").finish_non_exhaustive(),
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Io<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_read(cx, buffer),
            Self::Upgraded(upgraded) => Pin::new(upgraded).poll_read(cx, buffer),
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Io<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_write(cx, bytes),
            Self::Upgraded(upgraded) => {
                Pin::new(upgraded).poll_write(cx, &bytes[..bytes.len().min(MAX_WRITE)])
            }
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_write_vectored(cx, slices),
            Self::Upgraded(upgraded) => Pin::new(upgraded).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Socket(socket) => socket.is_write_vectored(),
            Self::Upgraded(upgraded) => upgraded.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_flush(cx),
            Self::Upgraded(upgraded) => Pin::new(upgraded).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Upgraded(upgraded) => Pin::new(upgraded).poll_shutdown(cx),
        }
    }
}
