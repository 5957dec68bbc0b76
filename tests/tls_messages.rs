//! Messages over TLS: large ones, many small ones, by halves, compressed, and against a peer that doesn't read.

#[path = "support/authority.rs"]
mod authority;
#[path = "support/tls.rs"]
mod tls;

use std::{sync::Arc, time::Duration};

use authority::Authority;
use bowline::{
    Config, Deflate, Error, Keepalive, Message, MessageKind, Prepared, Server, WebSocket,
    client::{
        Stream,
        tokio_rustls::{
            TlsAcceptor,
            rustls::version::{TLS12, TLS13},
        },
    },
};
use tls::{ServerSocket, client, echo, listen, pair, serving, trusting, trusting_with, within};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    time::timeout,
};

const MIB: usize = 1 << 20;

/// Bytes that no record has twice.
fn bytes(length: usize) -> Vec<u8> {
    let mut state = 1u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

async fn open(config: Config) -> (ServerSocket, WebSocket<Stream>) {
    let authority = Authority::new("tests");
    let (listener, port) = listen().await;
    let client = client("localhost", port, trusting(authority.roots())).config(config);
    pair(serving(&authority.issue(&["localhost"])), client, listener).await
}

#[tokio::test]
async fn large_messages_both_ways() {
    let authority = Authority::new("tests");
    for version in [&TLS12, &TLS13] {
        let (listener, port) = listen().await;
        let client = client("localhost", port, trusting_with(authority.roots(), version));
        let (server, mut ws) =
            pair(serving(&authority.issue(&["localhost"])), client, listener).await;
        let echoing = tokio::spawn(echo(server));
        for length in [1, 100, 16 << 10, (16 << 10) + 1, 100_000, MIB, 5 * MIB] {
            let message = bytes(length);
            within(ws.send(message.clone())).await.expect("open");
            let back = within(ws.next()).await.expect("open").expect("no error");
            assert!(back == Message::binary(message), "{length} bytes");
        }
        within(ws.close(1000, "")).await.expect("closed");
        within(echoing).await.expect("the server").expect("a good end");
    }
}

/// A header and a payload by reference are two slices of one write.
#[tokio::test]
async fn tls_takes_slices() {
    let (server, ws) = open(Config::new()).await;
    assert!(ws.get_ref().is_write_vectored() && server.get_ref().is_write_vectored());
    let (mut server, mut ws) = (server, ws);
    let news = Prepared::new(bytes(MIB)).expect("a message");
    let sending = async {
        for _ in 0..4 {
            server.send_prepared(&news).await.expect("open");
        }
    };
    let receiving = async {
        for _ in 0..4 {
            let message = ws.next().await.expect("open").expect("no error");
            assert!(message == Message::binary(bytes(MIB)));
        }
    };
    within(async { tokio::join!(sending, receiving) }).await;
}

#[tokio::test]
async fn many_small_messages() {
    let (server, mut ws) = open(Config::new()).await;
    let echoing = tokio::spawn(echo(server));
    for round in 0..20 {
        for n in 0..500 {
            ws.feed(format!("{round}/{n}")).await.expect("open");
        }
        ws.flush().await.expect("open");
        for n in 0..500 {
            let back = within(ws.next()).await.expect("open").expect("no error");
            assert_eq!(back, Message::text(format!("{round}/{n}")));
        }
    }
    within(ws.close(1000, "")).await.expect("closed");
    within(echoing).await.expect("the server").expect("a good end");
}

/// Sends so many with one half while the other receives as many.
async fn exchange<T>(ws: WebSocket<T>, length: usize, count: usize) -> WebSocket<T>
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut reader, mut writer) = ws.split();
    let sending = tokio::spawn(async move {
        for n in 0..count {
            let mut message = bytes(length);
            message[0] = n as u8;
            writer.send(message).await.expect("open");
        }
        writer
    });
    for n in 0..count {
        let message = within(reader.next()).await.expect("open").expect("no error");
        let Message::Binary(payload) = message else { panic!("{message:?}") };
        assert_eq!((payload.len(), payload[0]), (length, n as u8));
    }
    let writer = within(sending).await.expect("no panic");
    reader.reunite(writer).expect("of one connection")
}

/// Neither end can get rid of its messages unless both of its halves go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn halves_in_tasks_of_their_own() {
    let (server, ws) = open(Config::new()).await;
    let server = tokio::spawn(exchange(server, MIB, 16));
    let mut ws = within(exchange(ws, MIB, 16)).await;
    let server = within(server).await.expect("the server");
    let echoing = tokio::spawn(echo(server));
    within(ws.close(1000, "")).await.expect("closed");
    within(echoing).await.expect("the server").expect("a good end");
}

/// It goes on where it was, whoever gave up waiting in between.
#[tokio::test]
async fn a_send_that_tls_has_no_room_for_waits() {
    let (mut server, mut ws) = open(Config::new().with_send_timeout(None)).await;
    let large = bytes(16 * MIB);
    let blocked = timeout(Duration::from_millis(200), ws.send(large.clone())).await;
    assert!(blocked.is_err(), "sockets hold less than that");
    let receiving = tokio::spawn(async move {
        let first = server.next().await.expect("open").expect("no error");
        let second = server.next().await.expect("open").expect("no error");
        (first, second, echo(server).await)
    });
    within(ws.send("behind it")).await.expect("open");
    within(ws.close(1000, "")).await.expect("closed");
    let (first, second, end) = within(receiving).await.expect("the server");
    assert!(first == Message::binary(large));
    assert_eq!(second, Message::text("behind it"));
    end.expect("a good end");
}

#[tokio::test]
async fn a_send_that_gets_nowhere_times_out() {
    let limit = Duration::from_millis(200);
    let (server, mut ws) = open(Config::new().with_send_timeout(Some(limit))).await;
    let error = within(ws.send(bytes(16 * MIB))).await.expect_err("nobody reads");
    assert!(matches!(error, Error::SendTimeout), "{error:?}");
    drop(server);
}

/// TLS buffers what TCP has no room for; that isn't taken for written.
#[tokio::test]
async fn a_flush_waits_for_tls_too() {
    let (mut server, mut ws) = open(Config::new().with_send_timeout(None)).await;
    // More than sockets hold, in messages that fit into TLS's buffer each.
    let blocked = timeout(Duration::from_millis(300), async {
        loop {
            ws.send(bytes(10_000)).await.expect("open");
        }
    });
    assert!(blocked.await.is_err());
    let sending = async {
        ws.send("last").await.expect("open");
        ws
    };
    let receiving = async {
        loop {
            let message = server.next().await.expect("open").expect("no error");
            if message == Message::text("last") {
                return server;
            }
            assert!(message == Message::binary(bytes(10_000)));
        }
    };
    let (_ws, _server) = within(async { tokio::join!(sending, receiving) }).await;
}

#[tokio::test]
async fn compressed_and_in_pieces() {
    let authority = Authority::new("tests");
    let (listener, port) = listen().await;
    let config = Arc::new(serving(&authority.issue(&["localhost"])));
    let acceptor = TlsAcceptor::from(config);
    let serving = async {
        let (tcp, _) = listener.accept().await.expect("a connection");
        let tls = acceptor.accept(tcp).await.expect("TLS");
        let server = Server::new().deflate(Deflate::new());
        server.receive(tls).await.expect("a request").accept().await.expect("a WebSocket")
    };
    let client = client("localhost", port, trusting(authority.roots())).deflate(Deflate::new());
    let (server, connected) = within(async { tokio::join!(serving, client.connect()) }).await;
    let mut ws = connected.expect("connected").0;
    assert_eq!(ws.extensions().len(), 1);
    let echoing = tokio::spawn(echo(server));
    let text = "over and over ".repeat(100_000);
    ws.send(text.as_str()).await.expect("open");
    let back = within(ws.next()).await.expect("open").expect("no error");
    assert!(back == Message::text(text.as_str()));

    let mut message = ws.start_message(MessageKind::Binary).await.expect("open");
    let mut reader = text.as_bytes();
    tokio::io::copy(&mut reader, &mut message).await.expect("open");
    message.finish().await.expect("open");
    let mut incoming = within(ws.next_streamed()).await.expect("open").expect("no error");
    let mut back = Vec::new();
    within(incoming.read_to_end(&mut back)).await.expect("no error");
    assert!(back == text.as_bytes());
    within(ws.close(1000, "")).await.expect("closed");
    within(echoing).await.expect("the server").expect("a good end");
}

/// The tickets that TLS sends are no message: the connection is idle all the same.
#[tokio::test]
async fn an_idle_connection_is_pinged() {
    let keepalive = Keepalive::new(Duration::from_millis(50), Duration::from_secs(20));
    let (mut server, mut ws) = open(Config::new().with_keepalive(Some(keepalive))).await;
    let reading = tokio::spawn(async move { ws.next().await });
    let ping = within(server.next()).await.expect("open").expect("no error");
    assert!(matches!(ping, Message::Ping(_)), "{ping:?}");
    server.send("still here").await.expect("open");
    let message = within(reading).await.expect("no panic").expect("open").expect("no error");
    assert!(matches!(message, Message::Pong(_)), "{message:?}");
}
