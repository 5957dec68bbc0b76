use std::{
    fmt,
    io::{self, IoSlice},
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
};

#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
#[cfg(feature = "rustls")]
use tokio_rustls::client::TlsStream;

/// The transport of a connection that [`Client::connect`](super::Client::connect) has opened: a TCP socket, another
/// transport, or TLS on one of them.
#[derive(Debug)]
pub struct Stream(Kind);

enum Kind {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
    #[cfg(feature = "rustls")]
    Tls(Box<TlsStream<Stream>>, Peer),
    /// Behind a lock that is never taken, so that this is `Sync` whatever is inside.
    Other(Mutex<Box<dyn Transport>>),
}

/// Whom TLS is spoken with.
#[cfg(feature = "rustls")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "proxy"), allow(dead_code, reason = "not every build has proxies"))]
enum Peer {
    Server,
    Proxy,
}

/// Whatever bytes can go over.
trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

impl Stream {
    /// Any transport.
    pub fn new(io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self(Kind::Other(Mutex::new(Box::new(io))))
    }

    /// The TCP socket, where there is one: under TLS too, and to the proxy where one is in between.
    pub fn tcp(&self) -> Option<&TcpStream> {
        match &self.0 {
            Kind::Tcp(tcp) => Some(tcp),
            #[cfg(feature = "rustls")]
            Kind::Tls(tls, _) => tls.get_ref().0.tcp(),
            _ => None,
        }
    }

    /// The Unix socket, where there is one.
    #[cfg(unix)]
    pub fn unix(&self) -> Option<&UnixStream> {
        match &self.0 {
            Kind::Unix(unix) => Some(unix),
            #[cfg(feature = "rustls")]
            Kind::Tls(tls, _) => tls.get_ref().0.unix(),
            _ => None,
        }
    }

    /// The TLS session with the server, where there is one: its certificates, version and cipher suite. That with a proxy
    /// is not shown.
    #[cfg(feature = "rustls")]
    pub fn tls(&self) -> Option<&tokio_rustls::rustls::ClientConnection> {
        match &self.0 {
            Kind::Tls(tls, Peer::Server) => Some(tls.get_ref().1),
            _ => None,
        }
    }

    /// The same transport as one that ends at a proxy.
    #[cfg(feature = "proxy")]
    pub(super) fn into_hop(self) -> Self {
        match self.0 {
            #[cfg(feature = "rustls")]
            Kind::Tls(tls, _) => Self(Kind::Tls(tls, Peer::Proxy)),
            other => Self(other),
        }
    }
}

impl From<TcpStream> for Stream {
    fn from(tcp: TcpStream) -> Self {
        Self(Kind::Tcp(tcp))
    }
}

#[cfg(unix)]
impl From<UnixStream> for Stream {
    fn from(unix: UnixStream) -> Self {
        Self(Kind::Unix(unix))
    }
}

#[cfg(feature = "rustls")]
impl From<TlsStream<Stream>> for Stream {
    fn from(tls: TlsStream<Stream>) -> Self {
        Self(Kind::Tls(Box::new(tls), Peer::Server))
    }
}

/// Calls the transport as what it is: a socket's reads and writes go through no table.
macro_rules! transport {
    ($stream:ident, $io:ident => $call:expr) => {
        match &mut $stream.0 {
            Kind::Tcp(tcp) => {
                let $io = Pin::new(tcp);
                $call
            }
            #[cfg(unix)]
            Kind::Unix(unix) => {
                let $io = Pin::new(unix);
                $call
            }
            #[cfg(feature = "rustls")]
            Kind::Tls(tls, _) => {
                let $io = Pin::new(tls);
                $call
            }
            Kind::Other(other) => {
                let $io = Pin::new(other.get_mut().unwrap_or_else(PoisonError::into_inner));
                $call
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        transport!(self, io => io.poll_read(cx, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        transport!(self, io => io.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        transport!(self, io => io.poll_write_vectored(cx, slices))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        transport!(self, io => io.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        transport!(self, io => io.poll_shutdown(cx))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Kind::Tcp(tcp) => tcp.is_write_vectored(),
            #[cfg(unix)]
            Kind::Unix(unix) => unix.is_write_vectored(),
            #[cfg(feature = "rustls")]
            Kind::Tls(tls, _) => tls.is_write_vectored(),
            Kind::Other(io) => {
                io.lock().unwrap_or_else(PoisonError::into_inner).is_write_vectored()
            }
        }
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(tcp) => tcp.fmt(f),
            #[cfg(unix)]
            Self::Unix(unix) => unix.fmt(f),
            #[cfg(feature = "rustls")]
            Self::Tls(tls, Peer::Server) => f.debug_tuple("Tls").field(tls.get_ref().0).finish(),
            #[cfg(feature = "rustls")]
            Self::Tls(tls, Peer::Proxy) => {
                f.debug_tuple("TlsToProxy").field(tls.get_ref().0).finish()
            }
            Self::Other(_) => f.write_str("Other"),
        }
    }
}
