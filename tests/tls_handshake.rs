//! TLS between a client and servers of every kind: what they agree on, and those that won't.

#[path = "support/authority.rs"]
mod authority;
#[path = "support/tls.rs"]
mod tls;

use std::{io::ErrorKind, sync::Arc, time::Duration};

use authority::{Authority, Identity};
use bowline::{
    Client, ConnectError, Error,
    client::tokio_rustls::{
        TlsAcceptor, TlsConnector,
        rustls::{
            AlertDescription, ClientConfig, Error as TlsError, HandshakeKind, InvalidMessage,
            ServerConfig, SupportedProtocolVersion,
            server::WebPkiClientVerifier,
            version::{TLS12, TLS13},
        },
    },
    server,
};
use futures_util::FutureExt;
use tls::{
    Tap, assert_no_request, client, echo, listen, serve, serving, trusting, trusting_with, within,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

const HTTP_1_1: &[u8] = b"http/1.1";

/// The I/O error that TLS failed with.
#[track_caller]
fn tls_failure<T>(result: Result<T, Error>) -> (std::io::Error, String, bool) {
    let Err(error) = result else { panic!("connected") };
    let (text, is_disconnect) = (error.to_string(), error.is_disconnect());
    match error {
        Error::Connect(error) => match *error {
            ConnectError::Tls(error) => (error, text, is_disconnect),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn inner(error: &std::io::Error) -> &TlsError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    inner.unwrap_or_else(|| panic!("{error:?}"))
}

/// A client with this configuration against a server that is no more than a socket.
async fn against<F>(
    client: impl FnOnce(u16) -> Client,
    server: impl FnOnce(TcpStream) -> F,
) -> Result<(), Error>
where
    F: Future<Output = ()>,
{
    let (listener, port) = listen().await;
    let serving = async { server(listener.accept().await.expect("a connection").0).await };
    let ((), connected) = within(async { tokio::join!(serving, client(port).connect()) }).await;
    connected.map(drop)
}

fn any_client(port: u16) -> Client {
    client("localhost", port, trusting(Authority::new("nobody's").roots()))
}

// ---- no TLS ----

/// What answered with this is no TLS; the error says so, and holds what rustls says.
#[track_caller]
fn assert_not_tls(connected: Result<(), Error>) {
    let error = connected.expect_err("no TLS");
    assert!(!error.is_disconnect(), "{error:?}");
    assert!(error.to_string().starts_with("the server's answer is no TLS: "), "{error}");
    let Error::Connect(error) = error else { panic!("{error:?}") };
    let ConnectError::NotTls(error) = *error else { panic!("{error:?}") };
    assert_eq!(*inner(&error), TlsError::InvalidMessage(InvalidMessage::InvalidContentType));
}

#[tokio::test]
async fn a_server_without_tls_gets_no_request() {
    let connected = against(any_client, async |tcp| {
        let (io, read) = Tap::new(tcp);
        let error = server::accept(io).await.map(drop).expect_err("no HTTP");
        assert_eq!(error.to_string(), "malformed HTTP head");
        assert_no_request(&read.lock().expect("unpoisoned"));
    });
    assert_not_tls(connected.await);
}

#[tokio::test]
async fn a_server_with_tls_is_none_for_ws() {
    let authority = Authority::new("tests");
    let config = serving(&authority.issue(&["localhost"]));
    let connected = against(
        |port| Client::new(format!("ws://localhost:{port}/")).expect("a URI"),
        async |tcp| {
            let accepted = TlsAcceptor::from(Arc::new(config)).accept(tcp).await;
            assert!(accepted.is_err());
        },
    );
    // Its answer is an alert.
    let error = connected.await.expect_err("no HTTP");
    assert_eq!((&*error.to_string(), error.is_disconnect()), ("malformed HTTP head", false));
}

/// Answers a client's hello with this, and hangs up when the client does.
async fn answer(answer: &[u8]) -> Result<(), Error> {
    let connected = against(any_client, async |mut tcp| {
        let (mut head, mut wire) = ([0; 5], Vec::new());
        tcp.read_exact(&mut head).await.expect("a ClientHello");
        let mut hello = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
        tcp.read_exact(&mut hello).await.expect("the rest of it");
        tcp.write_all(answer).await.expect("open");
        tcp.shutdown().await.expect("open");
        tcp.read_to_end(&mut wire).await.expect("an end");
        assert_no_request(&wire);
    });
    connected.await
}

#[tokio::test]
async fn garbage_is_no_tls() {
    for other in [&b"SSH-2.0-OpenSSH_9.2\r\n"[..], b"HTTP/1.1 400 Bad Request\r\n\r\n", &[0; 100]] {
        assert_not_tls(answer(other).await);
    }
    let table: [(&[u8], &str); 2] = [
        (b"\x16\x03\x03\x00\x04\x02\x00\x00\x00", "corrupt"),
        (b"\x17\x03\x03\x00\x05hello", "unexpected"),
    ];
    for (bad, gist) in table {
        let (error, text, is_disconnect) = tls_failure(answer(bad).await);
        assert!(!is_disconnect && text.contains(gist), "{text}, {:?}", inner(&error));
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_in_the_handshake_has_gone_away() {
    for part in [&b""[..], b"\x16\x03\x03"] {
        let (error, text, is_disconnect) = tls_failure(answer(part).await);
        assert_eq!((error.kind(), is_disconnect), (ErrorKind::UnexpectedEof, true));
        assert_eq!(text, "TLS: tls handshake eof");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_waited_for_as_long_as_the_connect_timeout_says() {
    let limit = Duration::from_millis(200);
    let start = Instant::now();
    let connected = against(
        |port| any_client(port).connect_timeout(Some(limit)),
        async |mut tcp| {
            let mut wire = Vec::new();
            tcp.read_to_end(&mut wire).await.expect("an end");
            assert_no_request(&wire);
        },
    );
    let error = connected.await.expect_err("nobody answered");
    assert!(start.elapsed() >= limit && error.is_disconnect(), "{error:?}");
    assert_eq!(error.to_string(), "no connection within 200ms");
}

// ---- ALPN ----

/// The protocol agreed on, as the client sees it.
async fn agreed(server: &[&[u8]], client_offers: &[&[u8]]) -> Result<Option<Vec<u8>>, Error> {
    let authority = Authority::new("tests");
    let mut config = serving(&authority.issue(&["localhost"]));
    config.alpn_protocols = server.iter().map(|name| name.to_vec()).collect();
    let mut offering = trusting(authority.roots());
    offering.alpn_protocols = client_offers.iter().map(|name| name.to_vec()).collect();
    let mut agreed = None;
    let connected = against(
        |port| client("localhost", port, offering),
        async |tcp| {
            let Ok(tls) = TlsAcceptor::from(Arc::new(config)).accept(tcp).await else { return };
            agreed = tls.get_ref().1.alpn_protocol().map(Into::into);
            match server::accept(tls).await {
                Ok(mut ws) => ws.send("welcome").await.expect("open"),
                // Where they have come to something else, no request comes.
                Err(error) => assert!(error.is_disconnect(), "{error:?}"),
            }
        },
    );
    connected.await.map(|()| agreed)
}

#[tokio::test]
async fn alpn_must_come_to_http_1_1_or_to_nothing() {
    let h2: &[u8] = b"h2";
    let good = [
        (&[HTTP_1_1][..], &[HTTP_1_1][..], Some(HTTP_1_1)),
        (&[h2, HTTP_1_1], &[HTTP_1_1], Some(HTTP_1_1)),
        (&[], &[HTTP_1_1], None),
        (&[h2], &[], None),
        (&[HTTP_1_1], &[h2, HTTP_1_1], Some(HTTP_1_1)),
        (&[], &[h2], None),
    ];
    for (server, client, expected) in good {
        let agreed = agreed(server, client).await.expect("connected");
        assert_eq!(agreed.as_deref(), expected, "{server:?}, {client:?}");
    }
}

#[tokio::test]
async fn alpn_that_comes_to_http_2_is_an_error() {
    for offers in [&[&b"h2"[..]][..], &[b"h2", HTTP_1_1]] {
        let error = agreed(&[b"h2", HTTP_1_1], offers).await.expect_err("HTTP/2");
        assert_eq!(error.to_string(), "TLS agreed on h2, http/1.1 is required");
        assert!(!error.is_disconnect());
        let Error::Connect(error) = error else { panic!("{error:?}") };
        assert!(matches!(*error, ConnectError::Alpn(protocol) if *protocol == *b"h2"));
    }
}

#[tokio::test]
async fn alpn_without_anything_in_common_is_the_servers_to_refuse() {
    let (error, text, is_disconnect) = tls_failure(agreed(&[b"h2"], &[HTTP_1_1]).await);
    let expected = TlsError::AlertReceived(AlertDescription::NoApplicationProtocol);
    assert_eq!((inner(&error), is_disconnect), (&expected, false));
    assert!(text.contains("NoApplicationProtocol"), "{text}");
}

// ---- client certificates ----

/// A server that takes clients of this authority's only.
fn asking(authority: &Authority) -> ServerConfig {
    let identity = authority.issue(&["localhost"]);
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::new(authority.roots()), tls::provider());
    let builder = ServerConfig::builder_with_provider(tls::provider());
    let builder = builder.with_safe_default_protocol_versions().expect("versions");
    let builder = builder.with_client_cert_verifier(clients.build().expect("roots"));
    builder.with_single_cert(identity.chain.clone(), identity.key()).expect("a certificate")
}

/// A client's configuration of one version, with this certificate.
fn with_certificate(
    authority: &Authority,
    version: &'static SupportedProtocolVersion,
    identity: &Identity,
) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(tls::provider());
    let builder = builder.with_protocol_versions(&[version]).expect("a version");
    let builder = builder.with_root_certificates(authority.roots());
    builder.with_client_auth_cert(identity.chain.clone(), identity.key()).expect("a certificate")
}

#[tokio::test]
async fn a_client_shows_its_certificate() {
    let authority = Authority::new("tests");
    let ada = authority.issue_to("ada");
    for version in [&TLS12, &TLS13] {
        let shown = ada.chain.clone();
        let (port, server) = serve(asking(&authority), async move |ws| {
            assert_eq!(ws.get_ref().get_ref().1.peer_certificates(), Some(&shown[..]));
            echo(ws).await
        })
        .await;
        let client = client("localhost", port, with_certificate(&authority, version, &ada));
        let (mut ws, _) = within(client.connect()).await.expect("connected");
        ws.close(1000, "").await.expect("closed");
        within(server).await.expect("the server").expect("a good end");
    }
}

/// With TLS 1.3 the client has sent its request by the time it is refused; the error is the same.
#[tokio::test]
async fn a_client_whose_certificate_is_missing_or_bad_is_told() {
    let (authority, other) = (Authority::new("tests"), Authority::new("other"));
    for version in [&TLS12, &TLS13] {
        let none = trusting_with(authority.roots(), version);
        let bad = with_certificate(&authority, version, &other.issue_to("ada"));
        for (config, expected) in
            [(none, AlertDescription::CertificateRequired), (bad, AlertDescription::UnknownCA)]
        {
            let server = asking(&authority);
            let connected = against(
                |port| client("localhost", port, config),
                async |tcp| {
                    let accepted = TlsAcceptor::from(Arc::new(server)).accept(tcp).await;
                    assert!(accepted.is_err());
                },
            );
            let (error, text, is_disconnect) = tls_failure(connected.await);
            assert_eq!(*inner(&error), TlsError::AlertReceived(expected), "{version:?}");
            assert!(!is_disconnect);
            assert_eq!(text, format!("TLS: received fatal alert: {expected:?}"));
        }
    }
}

// ---- later ----

/// The second connection costs no certificate.
#[tokio::test]
async fn sessions_are_resumed() {
    let authority = Authority::new("tests");
    for version in [&TLS12, &TLS13] {
        let server = Arc::new(serving(&authority.issue(&["localhost"])));
        let config = Arc::new(trusting_with(authority.roots(), version));
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
            let (port, echoing) = serve(ServerConfig::clone(&server), echo).await;
            let client = Client::new(format!("wss://localhost:{port}/")).expect("a URI");
            let (mut ws, _) =
                within(client.tls(config.clone()).connect()).await.expect("connected");
            assert_eq!(ws.get_ref().tls().expect("TLS").handshake_kind(), Some(expected));
            ws.close(1000, "").await.expect("closed");
            within(echoing).await.expect("the server").expect("a good end");
        }
    }
}

/// TCP that ends without TLS's goodbye is an end as any other in the opening handshake.
#[tokio::test]
async fn an_end_in_the_answer_has_its_place() {
    let authority = Authority::new("tests");
    let config = Arc::new(serving(&authority.issue(&["localhost"])));
    let table: [(&[u8], &str); 3] = [
        (b"", "end of stream before the HTTP head"),
        (b"HTTP/1.1 101 Switching", "end of stream inside the HTTP head"),
        (
            b"HTTP/1.1 403 Forbidden\r\n\r\nnot you",
            "the server answered 403 Forbidden, 101 expected",
        ),
    ];
    for (answer, expected) in table {
        let connected = against(
            |port| client("localhost", port, trusting(authority.roots())),
            async |tcp| {
                let mut tls = TlsAcceptor::from(config.clone()).accept(tcp).await.expect("TLS");
                let mut first = [0; 1 << 10];
                assert!(tls.read(&mut first).await.expect("a request") > 0);
                tls.write_all(answer).await.expect("open");
                tls.flush().await.expect("open");
            },
        );
        let error = connected.await.expect_err("no WebSocket");
        assert_eq!(error.to_string(), expected);
        if let Some(response) = error.refusal() {
            assert_eq!(response.body(), "not you");
        }
    }
}

/// And so it is at a server.
#[tokio::test]
async fn a_client_that_hangs_up_after_tls_has_gone_away() {
    let authority = Authority::new("tests");
    let (listener, port) = listen().await;
    let acceptor = TlsAcceptor::from(Arc::new(serving(&authority.issue(&["localhost"]))));
    let connector = TlsConnector::from(Arc::new(trusting(authority.roots())));
    for (bytes, expected) in [
        (&b""[..], "end of stream before the HTTP head"),
        (b"GET / HTTP/1.1\r\n", "end of stream inside the HTTP head"),
    ] {
        let client = async {
            let tcp = TcpStream::connect(("127.0.0.1", port)).await.expect("a server");
            let name = "localhost".try_into().expect("a name");
            let mut tls = connector.connect(name, tcp).await.expect("TLS");
            tls.write_all(bytes).await.expect("open");
            tls.flush().await.expect("open");
            // The tickets have to be read, or the end is a reset.
            let _ = tls.read(&mut [0]).now_or_never();
        };
        let server = async {
            let (tcp, _) = listener.accept().await.expect("a connection");
            let tls = acceptor.accept(tcp).await.expect("TLS");
            server::accept(tls).await.map(drop).expect_err("no request")
        };
        let ((), error) = within(async { tokio::join!(client, server) }).await;
        assert!(error.is_disconnect());
        assert_eq!(error.to_string(), expected);
    }
}
