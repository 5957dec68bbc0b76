//! Servers with TLS over real TCP, and what they saw of a client.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use bowline::{
    Client, Error, WebSocket,
    client::tokio_rustls::{
        TlsAcceptor,
        rustls::{
            ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion,
            crypto::{CryptoProvider, ring},
        },
        server::TlsStream,
    },
    server,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};

use super::authority::Identity;

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// A server's configuration without client certificates and ALPN.
pub(crate) fn serving(identity: &Identity) -> ServerConfig {
    let builder = ServerConfig::builder_with_provider(provider());
    let builder = builder.with_safe_default_protocol_versions().expect("versions");
    let builder = builder.with_no_client_auth();
    builder.with_single_cert(identity.chain.clone(), identity.key()).expect("a certificate")
}

/// A client's configuration that trusts these.
pub(crate) fn trusting(roots: RootCertStore) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(provider());
    let builder = builder.with_safe_default_protocol_versions().expect("versions");
    builder.with_root_certificates(roots).with_no_client_auth()
}

/// The same with one version of TLS.
pub(crate) fn trusting_with(
    roots: RootCertStore,
    version: &'static SupportedProtocolVersion,
) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(provider());
    let builder = builder.with_protocol_versions(&[version]).expect("a version");
    builder.with_root_certificates(roots).with_no_client_auth()
}

/// A client for this host with this TLS.
pub(crate) fn client(host: &str, port: u16, config: ClientConfig) -> Client {
    let client = Client::new(format!("wss://{host}:{port}/")).expect("a URI");
    client.tls(Arc::new(config))
}

pub(crate) async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

/// What must not wait for ever.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    timeout(Duration::from_secs(60), future).await.expect("waited in vain")
}

pub(crate) type ServerSocket = WebSocket<TlsStream<TcpStream>>;

/// Accepts one WebSocket over TLS, and does this with it.
pub(crate) async fn serve<F>(
    config: ServerConfig,
    then: impl FnOnce(ServerSocket) -> F + Send + 'static,
) -> (u16, JoinHandle<Result<(), Error>>)
where
    F: Future<Output = Result<(), Error>> + Send,
{
    let (listener, port) = listen().await;
    let serving = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.expect("a connection");
        let tls = TlsAcceptor::from(Arc::new(config)).accept(tcp).await.expect("TLS");
        then(server::accept(tls).await.expect("a WebSocket")).await
    });
    (port, serving)
}

/// Echoes until the end, which must be a good one.
pub(crate) async fn echo<T: AsyncRead + AsyncWrite + Unpin>(
    mut ws: WebSocket<T>,
) -> Result<(), Error> {
    while let Some(message) = ws.next().await {
        let message = message?;
        if message.is_data() {
            ws.feed(message).await?;
        }
    }
    Ok(())
}

/// Both ends of a WebSocket over TLS over TCP, as `localhost`.
pub(crate) async fn pair(
    server: ServerConfig,
    client: Client,
    listener: TcpListener,
) -> (ServerSocket, WebSocket<bowline::client::Stream>) {
    let serving = async {
        let (tcp, _) = listener.accept().await.expect("a connection");
        let tls = TlsAcceptor::from(Arc::new(server)).accept(tcp).await.expect("TLS");
        server::accept(tls).await.expect("a WebSocket")
    };
    let (ws, opened) = within(async { tokio::join!(serving, client.connect()) }).await;
    (ws, opened.expect("connected").0)
}

// ---- the wire ----

/// A transport that keeps a copy of what is read from it.
pub(crate) struct Tap<T>(T, Arc<Mutex<Vec<u8>>>);

impl<T> Tap<T> {
    pub(crate) fn new(io: T) -> (Self, Arc<Mutex<Vec<u8>>>) {
        let read = Arc::default();
        (Self(io, Arc::clone(&read)), read)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Tap<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.0).poll_read(cx, buffer);
        self.1.lock().expect("unpoisoned").extend(&buffer.filled()[before..]);
        poll
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Tap<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Content type and length of each TLS record (RFC 8446 section 5.1).
///
/// ```text
/// +------+---------+--------+----------
/// | type | version | length | fragment
/// |  1   |    2    |   2    |
/// +------+---------+--------+----------
/// ```
pub(crate) fn records(mut wire: &[u8]) -> Vec<(u8, usize)> {
    let mut records = Vec::new();
    while let [kind, _, _, high, low, rest @ ..] = wire {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        records.push((*kind, length));
        wire = rest.get(length..).unwrap_or_default();
    }
    records
}

/// Whether all of it is a TLS handshake that failed: nothing is as long as a request but what is seen to be none.
#[track_caller]
pub(crate) fn assert_no_request(wire: &[u8]) {
    const HANDSHAKE: u8 = 22;
    // An encrypted alert has at most 40 bytes.
    let records = records(wire);
    let is_small = |(kind, length): &(u8, usize)| *kind == HANDSHAKE || *length <= 40;
    assert!(records.iter().all(is_small), "{records:?}");
    assert!(!wire.windows(4).any(|window| window == b"GET "), "in plain text");
}
