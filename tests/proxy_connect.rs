//! The way through an HTTP proxy, by CONNECT (RFC 9110 section 9.3.6), against proxies of the test's own.

#[path = "support/sites.rs"]
mod sites;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bowline::{
    Client, ConnectError, Error, HandshakeError, Message,
    client::{Proxy, Stream},
};
use sites::{Answer, Site, values};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tower::service_fn;

/// Far beyond what anything here takes that need not wait for it.
const AMPLE: Duration = Duration::from_secs(20);

/// For those that wait in vain.
const SHORT: Duration = Duration::from_millis(200);

const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

fn proxy(uri: impl std::fmt::Display) -> Proxy {
    Proxy::new(uri.to_string()).expect("a proxy")
}

/// A client through this proxy, to a host that can't be reached without one.
fn through(hop: &Site, uri: &str) -> Client {
    Client::new(uri).expect("a URI").proxy(proxy(hop.address)).connect_timeout(Some(AMPLE))
}

async fn talk(client: Client) {
    let (mut ws, _) = client.connect().await.expect("connected");
    ws.send("hello").await.expect("open");
    let echo = ws.next().await.expect("a message").expect("no error");
    assert_eq!(echo, Message::text("hello"));
    ws.close(1000, "").await.expect("closed");
}

async fn connect_error(client: Client) -> ConnectError {
    match client.connect().await.map(drop) {
        Err(Error::Connect(error)) => *error,
        other => panic!("{other:?}"),
    }
}

// ---- the request ----

#[tokio::test]
async fn section_9_3_6_the_request_names_host_and_port() {
    let table = [
        ("ws://example.com/chat?a", "", "example.com:80", ""),
        ("wss://example.com/", "", "example.com:443", ""),
        ("ws://Example.com:8080/", "", "Example.com:8080", ""),
        ("ws://192.0.2.1/", "", "192.0.2.1:80", ""),
        ("ws://[2001:db8::1]/", "", "[2001:db8::1]:80", ""),
        ("wss://[2001:db8::1]:9001/", "", "[2001:db8::1]:9001", ""),
        ("ws://user:secret@example.com/", "", "example.com:80", ""),
        ("ws://example.com/", "user:secret@", "example.com:80", "Basic dXNlcjpzZWNyZXQ="),
        ("wss://example.com/", "us%40er@", "example.com:443", "Basic dXNAZXI6"),
        ("ws://example.com/", "user:p%3Ass%2F@", "example.com:80", "Basic dXNlcjpwOnNzLw=="),
    ];
    for (uri, user_info, authority, authorization) in table {
        let hop = Site::start(|_| Answer::Bytes(Vec::new())).await;
        let proxy = proxy(format!("http://{user_info}{}", hop.address));
        let client = Client::new(uri).expect("a URI").proxy(proxy);
        let client = client.header("cookie", "id=7").header("authorization", "Bearer token");
        connect_error(client.subprotocols(["chat"])).await;
        let credentials = match authorization {
            "" => String::new(),
            value => format!("proxy-authorization: {value}\r\n"),
        };
        let expected =
            format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{credentials}\r\n");
        let [head] = &hop.heads()[..] else { panic!("{uri}: one request") };
        assert_eq!(*head, expected, "{uri}");
    }
}

#[tokio::test]
async fn nothing_is_said_to_the_destination_before_the_proxy_agrees() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let proxy = proxy(listener.local_addr().expect("an address"));
    let client = Client::new("ws://example.com/chat").expect("a URI").proxy(proxy);
    let serve = async {
        let (mut tcp, _): (TcpStream, _) = listener.accept().await.expect("a connection");
        sites::read_head(&mut tcp).await.expect("a request");
        for part in ESTABLISHED.chunks(9) {
            let early = timeout(SHORT / 10, tcp.read_u8()).await;
            assert!(early.is_err(), "before the answer was complete: {early:?}");
            tcp.write_all(part).await.expect("open");
        }
        let head = sites::read_head(&mut tcp).await.expect("a request");
        assert!(head.starts_with("GET /chat HTTP/1.1\r\n"), "{head}");
        assert_eq!(values(&head, "host"), ["example.com"]);
        assert!(!head.contains("Proxy"), "{head}");
        sites::echo(&head, tcp).await.expect("no error");
    };
    tokio::join!(serve, talk(client));
}

/// The proxy resolves the destination's name; this end the proxy's.
#[tokio::test]
async fn a_resolver_is_asked_for_the_proxys_name_alone() {
    let site = Site::start(|_| Answer::WebSocket).await;
    let to = site.address;
    let hop = Site::start(move |_| Answer::Tunnel(ESTABLISHED.to_vec(), to)).await;
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (kept, address) = (asked.clone(), hop.address);
    let client = Client::new("ws://example.com/").expect("a URI").proxy(proxy("proxy.example:81"));
    let client = client.resolver(move |host, port| {
        kept.lock().expect("no panic").push((host, port));
        async move { Ok(vec![address]) }
    });
    talk(client).await;
    assert_eq!(*asked.lock().expect("no panic"), [("proxy.example".to_owned(), 81)]);
    assert_eq!(hop.targets(), ["example.com:80"]);
}

#[tokio::test]
async fn a_connector_is_called_with_the_proxys_uri() {
    let site = Site::start(|_| Answer::WebSocket).await;
    let to = site.address;
    let hop = Site::start(move |_| Answer::Tunnel(ESTABLISHED.to_vec(), to)).await;
    let address: SocketAddr = hop.address;
    let service = service_fn(move |uri: http::Uri| async move {
        assert_eq!(uri, "http://proxy.example:81/");
        TcpStream::connect(address).await
    });
    let client = Client::new("ws://example.com/").expect("a URI");
    talk(client.proxy(proxy("http://user:secret@proxy.example:81")).connector(service)).await;
    assert_eq!(hop.targets(), ["example.com:80"]);
}

/// Each goes through the proxy again, with the proxy's credentials.
#[tokio::test]
async fn redirects_go_through_the_proxy_too() {
    let site = Site::start(|target| match target {
        "/" => Answer::redirect(302, "ws://other.example/there"),
        _ => Answer::WebSocket,
    })
    .await;
    let to = site.address;
    let hop = Site::start(move |_| Answer::Tunnel(ESTABLISHED.to_vec(), to)).await;
    let proxy = proxy(format!("http://user:secret@{}", hop.address));
    talk(Client::new("ws://example.com/").expect("a URI").proxy(proxy).redirects(1)).await;
    assert_eq!(hop.targets(), ["example.com:80", "other.example:80"]);
    for head in hop.heads() {
        assert_eq!(values(&head, "proxy-authorization"), ["Basic dXNlcjpzZWNyZXQ="]);
    }
    assert!(site.heads().iter().all(|head| values(head, "proxy-authorization").is_empty()));
}

// ---- the answer ----

/// "Any 2xx (Successful) response indicates that the sender ... will switch to tunnel mode".
#[tokio::test]
async fn section_9_3_6_any_2xx_opens_the_tunnel() {
    let answers = [
        "HTTP/1.1 200 Connection established\r\n\r\n",
        "HTTP/1.1 200 \r\n\r\n",
        "HTTP/1.1 200\r\n\r\n",
        "HTTP/1.0 200 OK\r\nProxy-Agent: x\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 299 X\r\n\r\n",
        // "A client MUST ignore any Content-Length or Transfer-Encoding header fields".
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 X\r\nLink: y\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ];
    let site = Site::start(|_| Answer::WebSocket).await;
    let to = site.address;
    for answer in answers {
        let hop = Site::start(move |_| Answer::Tunnel(answer.into(), to)).await;
        let (ws, _) = match through(&hop, "ws://example.com/").connect().await {
            Ok(opened) => opened,
            Err(error) => panic!("{answer:?}: {error}"),
        };
        let peer = Stream::tcp(ws.get_ref()).expect("a socket").peer_addr().expect("connected");
        assert_eq!(peer, hop.address);
        talk(through(&hop, "ws://example.com/")).await;
    }
}

#[tokio::test]
async fn a_refusal_comes_with_headers_and_body() {
    let table = [
        (302, "Location: http://login.example/\r\n", "location", "http://login.example/"),
        (403, "X-Squid-Error: ERR_ACCESS_DENIED 0\r\n", "x-squid-error", "ERR_ACCESS_DENIED 0"),
        (
            407,
            "Proxy-Authenticate: Basic realm=\"x\"\r\n",
            "proxy-authenticate",
            "Basic realm=\"x\"",
        ),
        (502, "Via: x\r\n", "via", "x"),
        (503, "Retry-After: 1\r\n", "retry-after", "1"),
    ];
    for (status, headers, name, value) in table {
        let hop = Site::start(move |_| Answer::response(status, headers, "sorry")).await;
        // A proxy's redirect is not the server's.
        let error = through(&hop, "ws://example.com/").redirects(5).connect().await.map(drop);
        let error = error.expect_err("refused");
        let shown = error.to_string();
        assert!(shown.starts_with(&format!("the proxy answered {status} ")), "{shown}");
        assert_eq!(error.refusal().expect("a response").status().as_u16(), status);
        assert!(!error.is_disconnect());
        let Error::Connect(error) = error else { panic!("{error:?}") };
        let ConnectError::ProxyRefused(response) = *error else { panic!("{error:?}") };
        assert_eq!(
            (&response.headers()[name], &response.body()[..]),
            (&value.parse().expect("text"), &b"sorry"[..])
        );
        assert_eq!(hop.heads().len(), 1);
    }
}

#[tokio::test]
async fn a_refusals_body_is_bounded_in_bytes_and_in_time() {
    let head = b"HTTP/1.1 503 Busy\r\nContent-Length: 10000000000\r\n\r\n".to_vec();
    let table = [
        (
            Answer::Endless(head.clone(), vec![b'x'; 1 << 16], Duration::ZERO),
            AMPLE,
            64 << 10..(64 << 10) + 1,
        ),
        (Answer::Endless(head.clone(), b"x".to_vec(), SHORT / 10), SHORT, 1..11),
        (Answer::Silence(head), SHORT, 0..1),
    ];
    for (answer, limit, lengths) in table {
        let hop = Site::start(move |_| answer.clone()).await;
        let start = Instant::now();
        let client = through(&hop, "ws://example.com/").connect_timeout(Some(limit));
        let error = connect_error(client).await;
        let ConnectError::ProxyRefused(response) = error else { panic!("{error:?}") };
        assert_eq!(response.status(), 503);
        assert!(lengths.contains(&response.body().len()), "{}", response.body().len());
        assert!(start.elapsed() < AMPLE);
    }
}

#[tokio::test]
async fn what_is_no_answer_is_refused_at_once() {
    let table: [(&[u8], &str, bool); 8] = [
        (b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n", "MalformedHead", false),
        (b"\x05\x00\r\n\r\n", "MalformedHead", false),
        (b"HTTP/1.1 200 OK\nX: y\n\n", "BareLineFeed", false),
        (b"HTTP/2.0 200 OK\r\n\r\n", "MalformedHead", false),
        (b"", "EndOfStream(BeforeHead)", true),
        (b"HTTP/1.1 200 OK\r\nX: y\r\n", "EndOfStream(InsideHead)", true),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "EndOfStream(BeforeHead)", true),
        // Who speaks behind the proxy's head before it was spoken to is no WebSocket server.
        (b"HTTP/1.1 200 OK\r\n\r\n220 smtp.example\r\n", "UnexpectedResponse", false),
    ];
    for (answer, expected, is_disconnect) in table {
        let hop = Site::start(move |_| match is_disconnect {
            true => Answer::Bytes(answer.to_vec()),
            false => Answer::Silence(answer.to_vec()),
        })
        .await;
        let error = connect_error(through(&hop, "ws://example.com/")).await;
        let shown = error.to_string();
        assert!(shown.starts_with("the proxy's answer: "), "{shown}");
        let ConnectError::ProxyAnswer(inner) = error else { panic!("{error:?}") };
        assert_eq!(format!("{inner:?}"), expected);
        assert_eq!(Error::from(ConnectError::ProxyAnswer(inner)).is_disconnect(), is_disconnect);
    }
}

#[tokio::test]
async fn an_endless_answer_has_its_end() {
    let table = [
        (b"X: y\r\n".repeat(100), "HeadTooLarge(16384)"),
        (vec![b'x'; 1 << 12], "HeadTooLarge(16384)"),
    ];
    for (more, expected) in table {
        let begin = b"HTTP/1.1 200 OK\r\n".to_vec();
        let hop =
            Site::start(move |_| Answer::Endless(begin.clone(), more.clone(), Duration::ZERO))
                .await;
        let error = connect_error(through(&hop, "ws://example.com/")).await;
        let ConnectError::ProxyAnswer(inner) = error else { panic!("{error:?}") };
        assert_eq!(format!("{inner:?}"), expected);
    }
    let interim = b"HTTP/1.1 100 Continue\r\n\r\n".to_vec();
    let hop =
        Site::start(move |_| Answer::Endless(Vec::new(), interim.clone(), Duration::ZERO)).await;
    let client = through(&hop, "ws://example.com/").connect_timeout(Some(SHORT));
    assert!(matches!(connect_error(client).await, ConnectError::TimedOut(SHORT)));
}

#[tokio::test]
async fn a_proxy_that_hangs_has_the_connect_time_out() {
    for beginning in [&b""[..], b"H", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"] {
        let hop = Site::start(move |_| Answer::Silence(beginning.to_vec())).await;
        let start = Instant::now();
        let client = through(&hop, "ws://example.com/").connect_timeout(Some(SHORT));
        let error = connect_error(client).await;
        assert!(matches!(error, ConnectError::TimedOut(SHORT)), "{error:?}");
        assert!((SHORT..AMPLE).contains(&start.elapsed()));
    }
    // Behind the proxy's answer the opening handshake's time begins.
    let hop = Site::start(|_| Answer::Silence(ESTABLISHED.to_vec())).await;
    let config = bowline::Config::new().with_handshake_timeout(Some(2 * SHORT));
    let client = through(&hop, "ws://example.com/").config(config).connect_timeout(Some(SHORT));
    let Err(Error::Handshake(error)) = client.connect().await.map(drop) else {
        panic!("an answer")
    };
    assert!(matches!(*error, HandshakeError::TimedOut), "{error:?}");
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    for scheme in ["http", "https", "socks5", "socks5h"] {
        let client = Client::new("ws://example.com/").expect("a URI");
        let error = connect_error(client.proxy(proxy(format!("{scheme}://{address}")))).await;
        let ConnectError::ProxyUnreachable(inner) = error else { panic!("{error:?}") };
        let Error::Io(inner) = *inner else { panic!("{inner:?}") };
        assert_eq!(inner.kind(), io::ErrorKind::ConnectionRefused);
    }
    let client = Client::new("ws://example.com/").expect("a URI");
    let error = connect_error(client.proxy(proxy("http://nobody.invalid:1"))).await;
    let shown = error.to_string();
    assert!(shown.starts_with("proxy: no address for nobody.invalid: "), "{shown}");
    assert!(matches!(error, ConnectError::ProxyUnreachable(_)), "{error:?}");
}
