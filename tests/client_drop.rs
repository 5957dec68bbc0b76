//! Connects that are dropped at every stage, on whatever way; and what may change threads.

#[path = "support/authority.rs"]
mod authority;

use std::{future::pending, net::SocketAddr, sync::Arc, time::Duration};

use authority::Authority;
use bowline::{
    Client, ConnectError, Error, WebSocket,
    client::{self, Proxy, Stream},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::timeout,
};

const SECOND: Duration = Duration::from_secs(1);

fn client(uri: impl AsRef<str>) -> Client {
    Client::new(uri).expect("a URI")
}

/// Dropped while it waits for this end of the way, it hangs up.
#[tokio::test]
async fn a_dropped_connect_closes_its_socket_at_every_stage() {
    let authority = Authority::new("tests");
    let plain = |address: SocketAddr| client(format!("ws://{address}/"));
    let through = |scheme: &str, address: SocketAddr| {
        let proxy = Proxy::new(format!("{scheme}://{address}")).expect("a proxy");
        client("ws://192.0.2.1/").tls(authority.trusting()).proxy(proxy)
    };
    let redirect = b"HTTP/1.1 302 X\r\nLocation: /\r\nContent-Length: 9\r\n\r\nmov";
    type Stage<'a> = (&'a str, &'a [u8], &'a [u8], &'a dyn Fn(SocketAddr) -> Client);
    let stages: [Stage<'_>; 11] = [
        ("opening", b"GET", b"", &plain),
        ("opening", b"GET", b"HTTP/1.1 101 X\r\n", &plain),
        ("refused", b"GET", b"HTTP/1.1 403 X\r\n\r\nno", &plain),
        ("redirected", b"GET", redirect, &|address| plain(address).redirects(1)),
        ("TLS", b"\x16\x03\x01", b"", &|address| {
            client(format!("wss://{address}/")).tls(authority.trusting())
        }),
        ("TLS to a proxy", b"\x16\x03\x01", b"", &|address| through("https", address)),
        ("CONNECT", b"CON", b"", &|address| through("http", address)),
        ("CONNECT", b"CON", b"HTTP/1.1 403 X\r\n\r\nno", &|address| through("http", address)),
        ("through CONNECT", b"CON", b"HTTP/1.1 200 X\r\n\r\n", &|address| through("http", address)),
        ("SOCKS", b"\x05\x01\x00", b"", &|address| through("socks5", address)),
        ("SOCKS", b"\x05\x01\x00", b"\x05\x00", &|address| through("socks5", address)),
    ];
    for (stage, begins, answer, client) in stages {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let client = client(listener.local_addr().expect("an address"));
        let connecting = tokio::spawn(client.connect());
        let (mut tcp, _) = listener.accept().await.expect("a connection");
        let mut first = [0; 3];
        tcp.read_exact(&mut first).await.expect("a request");
        assert_eq!(first, begins, "{stage}");
        tcp.write_all(answer).await.expect("open");
        // So that the client is where it is to be dropped.
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!connecting.is_finished(), "{stage}");
        connecting.abort();
        let end = timeout(10 * SECOND, tcp.read_to_end(&mut Vec::new())).await;
        let end = end.unwrap_or_else(|_| panic!("{stage}: still open"));
        // A reset, where not all of the answer had been read.
        assert!(end.is_ok() || !answer.is_empty(), "{stage}");
    }
}

/// The same for those that are asked before there is a socket.
#[tokio::test]
async fn a_dropped_connect_drops_what_it_waits_for() {
    let held = Arc::new(());
    let kept = held.clone();
    let client = client("ws://example.com/").resolver(move |_, _| {
        let kept = kept.clone();
        async move {
            pending::<()>().await;
            drop(kept);
            Ok(Vec::new())
        }
    });
    let connecting = tokio::spawn(client.connect());
    while Arc::strong_count(&held) < 3 {
        tokio::task::yield_now().await;
    }
    connecting.abort();
    assert!(connecting.await.expect_err("aborted").is_cancelled());
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn futures_and_transports_may_change_threads() {
    fn is_send<T: Send>(_: T) {}
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send(client("ws://example.com/").connect());
    is_send(client::connect("ws://example.com/"));
    is_send_and_sync::<Client>();
    is_send_and_sync::<Stream>();
    is_send_and_sync::<Proxy>();
    is_send_and_sync::<Error>();
    is_send_and_sync::<ConnectError>();
    is_send_and_sync::<WebSocket<Stream>>();
}
