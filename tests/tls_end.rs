//! How connections over TLS end: TLS has a goodbye of its own (close_notify), which many peers leave out (RFC 8446 section
//! 6.1). What is missing is told by WebSocket's Close alone.

#[path = "support/authority.rs"]
mod authority;
#[path = "support/io.rs"]
mod io;
#[path = "support/tls.rs"]
mod tls;

use std::{io::ErrorKind, sync::Arc, time::Duration};

use authority::Authority;
use bowline::{
    Client, CloseFrame, EndOfStream, Error, Message, Role, WebSocket,
    client::{
        Stream,
        tokio_rustls::{
            TlsAcceptor, TlsConnector, TlsStream,
            rustls::{
                Error as TlsError, SupportedProtocolVersion,
                version::{TLS12, TLS13},
            },
        },
    },
    server,
};
use io::{ROLES, from_peer, wire};
use tls::{client, listen, pair, serving, trusting_with, within};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

type Version = &'static SupportedProtocolVersion;

/// A peer of this version that is no more than TLS once the WebSocket is open.
type Peer = TlsStream<TcpStream>;

/// An open WebSocket of this role, and its peer.
async fn open(role: Role, version: Version) -> (WebSocket<Stream>, Peer) {
    let authority = Authority::new("tests");
    let (listener, port) = listen().await;
    let (server, trust) =
        (serving(&authority.issue(&["localhost"])), trusting_with(authority.roots(), version));
    if role == Role::Client {
        let (server, ws) = pair(server, client("localhost", port, trust), listener).await;
        return (ws, server.into_inner().into());
    }
    let serving = async {
        let (tcp, _) = listener.accept().await.expect("a connection");
        let tls = TlsAcceptor::from(Arc::new(server)).accept(tcp).await.expect("TLS");
        server::accept(Stream::new(tls)).await.expect("a WebSocket")
    };
    let connecting = async {
        let tcp = TcpStream::connect(("127.0.0.1", port)).await.expect("a server");
        let name = "localhost".try_into().expect("a name");
        let tls = TlsConnector::from(Arc::new(trust)).connect(name, tcp).await.expect("TLS");
        let client = Client::new("ws://localhost/").expect("a URI");
        client.handshake(tls).await.expect("open").0
    };
    let (ws, peer) = within(async { tokio::join!(serving, connecting) }).await;
    (ws, peer.into_inner().into())
}

fn kinds() -> impl Iterator<Item = (Role, Version, Goodbye)> {
    ROLES.into_iter().flat_map(|role| {
        [&TLS12, &TLS13].into_iter().flat_map(move |version| {
            [Goodbye::Said, Goodbye::Missing].map(|goodbye| (role, version, goodbye))
        })
    })
}

/// TLS's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goodbye {
    Said,
    Missing,
}

/// Ends the peer's TCP.
async fn end(mut peer: Peer, goodbye: Goodbye) {
    match goodbye {
        Goodbye::Said => peer.shutdown().await.expect("open"),
        Goodbye::Missing => peer.get_mut().0.shutdown().await.expect("open"),
    }
}

/// Sends these frames, shown unmasked.
async fn send(peer: &mut Peer, role: Role, frames: &[u8]) {
    peer.write_all(&from_peer(role, frames)).await.expect("open");
    peer.flush().await.expect("open");
}

/// Takes a frame without payload but two bytes, whatever mask it has.
async fn take_close(peer: &mut Peer, role: Role) {
    let mut frame = vec![0; wire(role, b"\x88\x02\x03\xe8").len()];
    within(peer.read_exact(&mut frame)).await.expect("a Close");
    assert_eq!(frame[0], 0x88);
}

#[tokio::test]
async fn after_both_closes_every_end_is_a_good_one() {
    for (role, version, goodbye) in kinds() {
        let (mut ws, mut peer) = open(role, version).await;
        send(&mut peer, role, b"\x88\x02\x03\xe8").await;
        let close = within(ws.next()).await.expect("a Close").expect("no error");
        assert_eq!(close, Message::close(1000, ""));
        take_close(&mut peer, role).await;
        end(peer, goodbye).await;
        assert!(within(ws.next()).await.is_none(), "{role:?}, {goodbye:?}");
    }
}

#[tokio::test]
async fn after_our_close_every_end_is_a_good_one() {
    for (role, version, goodbye) in kinds() {
        for answers in [true, false] {
            let (mut ws, mut peer) = open(role, version).await;
            let answering = async {
                take_close(&mut peer, role).await;
                if answers {
                    send(&mut peer, role, b"\x88\x02\x03\xe8").await;
                }
                end(peer, goodbye).await;
            };
            let (closed, ()) = within(async { tokio::join!(ws.close(1000, ""), answering) }).await;
            let expected = answers.then(|| CloseFrame::new(1000, ""));
            assert_eq!(closed.expect("closed"), expected, "{role:?}, {goodbye:?}");
        }
    }
}

/// Whether TLS says goodbye makes no difference to what is missing.
#[tokio::test]
async fn without_a_close_the_end_has_its_place() {
    let table: [(&[u8], EndOfStream); 5] = [
        (b"", EndOfStream::BetweenFrames),
        (b"\x81\x02He", EndOfStream::BetweenFrames),
        (b"\x01\x02He", EndOfStream::InsideMessage),
        (b"\x81", EndOfStream::InsideHeader),
        (b"\x81\x05He", EndOfStream::InsidePayload),
    ];
    for (role, version, goodbye) in kinds() {
        for (frames, place) in table {
            let (mut ws, mut peer) = open(role, version).await;
            // By hand: the last frame may be half of one.
            let bytes = match (role, frames) {
                (Role::Server, b"\x81\x05He") => b"\x81\x85\0\0\0\0He",
                (_, b"\x81") => frames,
                _ => &from_peer(role, frames),
            };
            peer.write_all(bytes).await.expect("open");
            peer.flush().await.expect("open");
            end(peer, goodbye).await;
            let end = loop {
                match within(ws.next()).await.expect("an error first") {
                    Ok(message) => assert_eq!(message, Message::text("He")),
                    Err(error) => break error,
                }
            };
            assert!(
                matches!(end, Error::AbnormalClosure(at) if at == place),
                "{end:?}, {place:?}, {role:?}, {goodbye:?}"
            );
            assert!(end.is_disconnect());
            assert!(within(ws.next()).await.is_none());
        }
    }
}

/// A peer that waits for TLS's goodbye gets it, whichever side closes.
#[tokio::test]
async fn our_own_end_says_goodbye() {
    for (role, version, goodbye) in kinds() {
        let (mut ws, mut peer) = open(role, version).await;
        let peers = async move {
            take_close(&mut peer, role).await;
            send(&mut peer, role, b"\x88\x02\x03\xe8").await;
            if role == Role::Client {
                // "the server ... MUST close the TCP connection" first (RFC 6455 section 7.1.1).
                match goodbye {
                    Goodbye::Said => peer.shutdown().await.expect("open"),
                    Goodbye::Missing => peer.get_mut().0.shutdown().await.expect("open"),
                }
            }
            // Without close_notify this would be an error.
            let rest = within(peer.read(&mut [0; 10])).await;
            assert_eq!(rest.expect("a goodbye"), 0, "{role:?}, {goodbye:?}");
        };
        let (closed, ()) = within(async { tokio::join!(ws.close(1000, ""), peers) }).await;
        closed.expect("closed");
    }
}

/// What is no TLS inside a connection is no end of it.
#[tokio::test]
async fn what_cannot_be_decrypted_is_an_error_of_the_transport() {
    for (role, version, _) in kinds() {
        let (mut ws, mut peer) = open(role, version).await;
        send(&mut peer, role, b"\x81\x02He").await;
        assert_eq!(within(ws.next()).await.expect("text").expect("text"), Message::text("He"));
        let record = [&b"\x17\x03\x03\x00\x20"[..], &[0; 32]].concat();
        peer.get_mut().0.write_all(&record).await.expect("open");
        let error = within(ws.next()).await.expect("an error").expect_err("an error");
        let Error::Io(inner) = &error else { panic!("{error:?}") };
        let inner = inner.get_ref().and_then(|inner| inner.downcast_ref());
        assert_eq!(inner, Some(&TlsError::DecryptError));
        assert!(!error.is_disconnect(), "{error}");
        assert!(within(ws.next()).await.is_none());
    }
}

#[tokio::test]
async fn a_reset_is_a_disconnect() {
    for (role, version, _) in kinds() {
        let (mut ws, peer) = open(role, version).await;
        let tcp = peer.get_ref().0;
        tcp.set_zero_linger().expect("a socket");
        drop(peer);
        let error = within(ws.next()).await.expect("an error").expect_err("an error");
        assert!(
            matches!(&error, Error::Io(error) if error.kind() == ErrorKind::ConnectionReset),
            "{error:?}"
        );
        assert!(error.is_disconnect());
    }
}

/// A server that refuses says so over TLS, and the client has all of it.
#[tokio::test]
async fn a_refusal_arrives_whole() {
    let authority = Authority::new("tests");
    let (listener, port) = listen().await;
    let acceptor = TlsAcceptor::from(Arc::new(serving(&authority.issue(&["localhost"]))));
    let body = "no ".repeat(10_000);
    let refusing = async {
        let (tcp, _) = listener.accept().await.expect("a connection");
        let tls = acceptor.accept(tcp).await.expect("TLS");
        let pending = server::Server::new().receive(tls).await.expect("a request");
        let mut response = http::Response::new(body.clone());
        *response.status_mut() = http::StatusCode::FORBIDDEN;
        pending.respond(response).await.expect("answered");
    };
    let client = client("localhost", port, tls::trusting(authority.roots()));
    let start = std::time::Instant::now();
    let ((), connected) = within(async { tokio::join!(refusing, client.connect()) }).await;
    let error = connected.map(drop).expect_err("refused");
    assert_eq!(error.refusal().expect("a response").body(), body.as_str());
    assert!(start.elapsed() < Duration::from_secs(4), "nobody waited for the other");
}
