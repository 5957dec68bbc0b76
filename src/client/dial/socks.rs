//! SOCKS5 (RFC 1928, RFC 1929), as hyper-util speaks it.
//!
//! ```text
//! 05 01 00                                 -->     method: none, or 02 for user and password
//!                                          <--     05 00
//! 01 04 "user" 04 "pass"                   -->     with method 02
//!                                          <--     01 00
//! 05 01 00 03 0b "example.com" 01 bb       -->     CONNECT to a name; 01 and 04 for addresses
//!                                          <--     05 00 00 01 00 00 00 00 00 00
//! ```

use std::{
    error, fmt,
    future::{Ready, ready},
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use http::Uri;
use hyper_util::{client::legacy::connect::proxy::SocksV5, rt::TokioIo};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower_service::Service;

use crate::{client::Stream, vocabulary::ConnectError};

/// hyper-util's error, which has no other name.
type SocksError = <SocksV5<Dialled> as Service<Uri>>::Error;

/// The answer to the methods that are offered: "VER METHOD" (section 3).
const METHOD_LENGTH: usize = 2;

/// The destination's end of a tunnel through the proxy.
pub(super) async fn tunnel(
    io: Stream,
    proxy: &Uri,
    credentials: Option<(&str, &str)>,
    to: Uri,
) -> Result<Stream, ConnectError> {
    let received = Arc::new(AtomicUsize::new(0));
    let io = Sparing { io, received: received.clone() };
    let mut socks = SocksV5::new(proxy.clone(), Dialled(Some(TokioIo::new(io))));
    if let Some((user, password)) = credentials {
        socks = socks.with_auth(user.to_owned(), password.to_owned());
    }
    match socks.call(to).await {
        Ok(io) => Ok(io.into_inner().io),
        Err(SocksError::Io(error)) => Err(ConnectError::Socks(Box::new(broken(error)))),
        Err(error) => {
            let is_method = received.load(Ordering::Relaxed) == METHOD_LENGTH;
            let refusal = match (&error, credentials) {
                (SocksError::V5(_), None) if is_method => Refusal::CredentialsWanted,
                (SocksError::V5(_), Some(_)) if is_method => Refusal::CredentialsUnknown,
                _ => Refusal::Other(error),
            };
            Err(ConnectError::Socks(Box::new(refusal)))
        }
    }
}

fn broken(error: io::Error) -> io::Error {
    match error.kind() {
        kind @ io::ErrorKind::UnexpectedEof => {
            io::Error::new(kind, "end of stream inside the SOCKS handshake")
        }
        _ => error,
    }
}

/// Why there is no tunnel, in words.
#[derive(Debug)]
enum Refusal {
    /// None of the methods is to have none.
    CredentialsWanted,
    /// None of the methods is user and password.
    CredentialsUnknown,
    Other(SocksError),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CredentialsWanted => f.write_str("user and password are wanted, none were given"),
            Self::CredentialsUnknown => f.write_str("user and password were given, none are taken"),
            Self::Other(SocksError::V5(error)) => error.fmt(f),
            Self::Other(SocksError::Parsing(_)) => f.write_str("the answer is not SOCKS5"),
            Self::Other(SocksError::Serialize(_)) => {
                f.write_str("user, password and host together are too long for SOCKS5")
            }
            Self::Other(error) => error.fmt(f),
        }
    }
}

impl error::Error for Refusal {}

/// The connection to the proxy, as the connector that it is wanted as; gives it once.
struct Dialled(Option<TokioIo<Sparing>>);

impl Service<Uri> for Dialled {
    type Response = TokioIo<Sparing>;
    type Error = io::Error;
    type Future = Ready<io::Result<TokioIo<Sparing>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        ready(self.0.take().ok_or_else(|| io::ErrorKind::NotConnected.into()))
    }
}

/// A transport that is read byte by byte: what comes behind the proxy's last answer is the destination's, and would be
/// thrown away with hyper-util's buffer. What was written is flushed before anything is waited for.
struct Sparing {
    io: Stream,
    received: Arc<AtomicUsize>,
}

impl AsyncRead for Sparing {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut byte = [0];
        let mut one = ReadBuf::new(&mut byte);
        std::task::ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        std::task::ready!(Pin::new(&mut self.io).poll_read(cx, &mut one))?;
        self.received.fetch_add(one.filled().len(), Ordering::Relaxed);
        buffer.put_slice(one.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Sparing {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
