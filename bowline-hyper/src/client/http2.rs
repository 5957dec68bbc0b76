use std::{
    fmt,
    future::{Future, poll_fn},
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bowline::{Client, Error, HandshakeError, WebSocket};
use bytes::Bytes;
use http::Response;
use http_body_util::Empty;
use hyper::{
    body::Body,
    client::conn::http2::{Builder, Connection, SendRequest},
    rt,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    time::{Instant, Sleep, sleep},
};

use super::open::open;
use crate::{
    Io,
    deadline::{deadline, io_error, within},
};

/// An HTTP/2 connection that WebSockets and requests share: each WebSocket is one stream of it.
///
/// The connection is made over TLS with the protocol `h2` (ALPN), or over plain TCP where the server is known to speak
/// HTTP/2. Cheap to clone; it ends when the server ends it, or when all clones and streams are gone.
///
/// ```no_run
/// use bowline::Client;
/// use bowline_hyper::Http2;
/// use tokio::net::TcpStream;
///
/// # async fn talk() -> Result<(), bowline::Error> {
/// let tcp = TcpStream::connect("127.0.0.1:8080").await?;
/// let mut http2 = Http2::handshake(tcp).await?;
/// let (mut one, _) = http2.connect("ws://127.0.0.1:8080/one").await?;
/// let (mut two, _) = http2.connect(Client::new("ws://127.0.0.1:8080/two")?.subprotocols(["chat"])).await?;
/// one.send("hello").await?;
/// two.send("hello").await?;
/// # Ok(())
/// # }
/// ```
pub struct Http2<B = Empty<Bytes>> {
    send: SendRequest<B>,
    support: watch::Receiver<Support>,
}

/// Whether the server takes extended CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Support {
    /// Its SETTINGS have not said so, yet.
    Unknown,
    Given,
}

impl Http2 {
    /// Begins HTTP/2 on this transport, and drives it in a task of its own.
    ///
    /// Not cancel-safe: the future owns the transport, and drops it when dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub async fn handshake<T>(io: T) -> Result<Self, Error>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let builder = Builder::new(TokioExecutor::new());
        let (send, connection) = builder.handshake(TokioIo::new(io)).await.map_err(io_error)?;
        Ok(Self::spawn(send, connection))
    }
}

impl<B> Http2<B>
where
    B: Body + Default + Unpin + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Drives a connection that was begun with settings of its own, or whose requests have bodies, in a task of its own.
    pub fn spawn<T>(send: SendRequest<B>, connection: Connection<T, B, TokioExecutor>) -> Self
    where
        T: rt::Read + rt::Write + Unpin + Send + 'static,
    {
        let (told, support) = watch::channel(Support::Unknown);
        tokio::spawn(async move {
            let mut driver = Driver { connection, patience: Patience::new(), told };
            poll_fn(|cx| driver.poll(cx)).await;
        });
        Self { send, support }
    }

    /// Opens a WebSocket; gives it with the response.
    ///
    /// The URI's host is the `:authority`, and need not be resolvable; its scheme, `ws` or `wss`, becomes `http` or `https`.
    ///
    /// Not cancel-safe: dropped, the stream is reset; the HTTP/2 connection is as it was.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::NoExtendedConnect`] where the server has not said within `handshake_timeout`, 10 seconds unless
    /// set, that it takes WebSockets; otherwise as [`connect_h2`](super::connect_h2).
    pub async fn connect<C>(&mut self, client: C) -> Result<(WebSocket<Io>, Response<()>), Error>
    where
        C: TryInto<Client>,
        Error: From<C::Error>,
    {
        let (proposal, config) = client.try_into()?.propose_over_http2()?;
        let by = deadline(&config);
        // Boxed, because the caller's future would keep room for the handshake as long as it lives.
        Box::pin(async move {
            match within(by, self.supported()).await {
                Err(Error::Handshake(error)) if matches!(*error, HandshakeError::TimedOut) => {
                    return Err(HandshakeError::NoExtendedConnect.into());
                }
                other => other?,
            }
            open(&mut self.send, &proposal, config, by).await
        })
        .await
    }

    /// For requests over the same connection.
    pub fn sender(&self) -> SendRequest<B> {
        self.send.clone()
    }

    async fn supported(&mut self) -> Result<(), Error> {
        match self.support.wait_for(|support| *support == Support::Given).await {
            Ok(_) => Ok(()),
            // Its driver is gone, and so is the connection.
            Err(_) => Err(io::Error::from(io::ErrorKind::ConnectionAborted).into()),
        }
    }
}

impl<B> Clone for Http2<B> {
    fn clone(&self) -> Self {
        Self { send: self.send.clone(), support: self.support.clone() }
    }
}

impl<B> fmt::Debug for Http2<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http2").field("send", &self.send).finish_non_exhaustive()
    }
}

/// Drives a connection, and tells when the server's SETTINGS allow WebSockets.
struct Driver<C> {
    connection: C,
    patience: Patience,
    told: watch::Sender<Support>,
}

impl<T, B> Driver<Connection<T, B, TokioExecutor>>
where
    T: rt::Read + rt::Write + Unpin + Send + 'static,
    B: Body + Unpin + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // How it ends, each stream is told itself.
        if Pin::new(&mut self.connection).poll(cx).is_ready() {
            return Poll::Ready(());
        }
        while *self.told.borrow() == Support::Unknown {
            if self.connection.is_extended_connect_protocol_enabled() {
                self.told.send_replace(Support::Given);
            } else if self.patience.poll(cx).is_pending() {
                break;
            }
        }
        Poll::Pending
    }
}

/// When to look again: hyper wakes nobody when SETTINGS arrive. They are the first that a server sends, so looking stops
/// after a minute; whatever happens on the connection later is an occasion too.
struct Patience {
    began: Instant,
    sleep: Pin<Box<Sleep>>,
}

impl Patience {
    const SHORTEST: Duration = Duration::from_millis(1);
    const LONGEST: Duration = Duration::from_secs(60);

    fn new() -> Self {
        Self { began: Instant::now(), sleep: Box::pin(sleep(Self::SHORTEST)) }
    }

    /// Ready when it is time to look: each time an eighth of the time later that has passed.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = Instant::now();
        let passed = now - self.began;
        if passed > Self::LONGEST || self.sleep.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.sleep.as_mut().reset(now + Self::SHORTEST.max(passed / 8));
        Poll::Ready(())
    }
}
