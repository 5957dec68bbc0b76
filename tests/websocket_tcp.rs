//! Over real sockets: a socket closed with unread input sends a reset, and a reset destroys what was
//! written before it. Our last words must arrive all the same.

#[path = "support/io.rs"]
mod io;

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    thread,
};

use bowline::{Config, Error, Message, Role};
use io::{ROLES, from_peer, item, websocket, wire};

/// Our socket, and a blocking one of the peer.
fn connected() -> (tokio::net::TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let peer =
        TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
    let (near, _) = listener.accept().expect("a connection");
    near.set_nonblocking(true).expect("a socket");
    (tokio::net::TcpStream::from_std(near).expect("a runtime"), peer)
}

/// Lets the peer say all this, end its side where it is to, and only then read what it got, to the end.
fn talk_then_listen(
    mut peer: TcpStream,
    bytes: Vec<u8>,
    end: Option<Shutdown>,
) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        peer.write_all(&bytes).expect("we read on");
        if let Some(end) = end {
            peer.shutdown(end).expect("open");
        }
        let mut received = Vec::new();
        peer.read_to_end(&mut received).expect("an end and no reset");
        received
    })
}

/// So much of nothing in particular as comes behind a breach or a Close.
const MORE: usize = 500 << 10;

#[tokio::test]
async fn section_7_1_7_our_close_arrives_though_the_peer_goes_on_sending() {
    for role in ROLES {
        let (near, peer) = connected();
        let mut ws = websocket(role, near, Config::default());
        let bytes = [from_peer(role, b"\x83\x00"), vec![0; MORE]].concat();
        let peer = talk_then_listen(peer, bytes, None);
        let error = ws.next().await.expect("an error");
        assert!(matches!(error, Err(Error::Protocol(_))), "{role:?}: {error:?}");
        assert!(ws.next().await.is_none());
        drop(ws);
        let received = peer.join().expect("the peer");
        assert_eq!(received[0], 0x88, "{role:?}: {received:02x?}");
        let payload = if role == Role::Client { &received[6..] } else { &received[2..] };
        let code = wire(role, &io::frame(0x88, payload));
        assert_eq!(code[code.len() - payload.len()..][..2], [0x03, 0xea], "{role:?}");
    }
}

#[tokio::test]
async fn section_5_5_1_the_reply_arrives_though_the_peer_goes_on_sending() {
    for role in ROLES {
        let (near, peer) = connected();
        let mut ws = websocket(role, near, Config::default());
        let bytes = [from_peer(role, b"\x88\x02\x03\xe8"), vec![0; MORE]].concat();
        // A server ends first (section 5.5.1): it is the client's peer.
        let end = (role == Role::Client).then_some(Shutdown::Write);
        let peer = talk_then_listen(peer, bytes, end);
        let close = ws.next().await.map(item);
        assert_eq!(close, Some(Ok(Message::close(1000, ""))), "{role:?}");
        assert!(ws.next().await.is_none());
        drop(ws);
        let received = peer.join().expect("the peer");
        assert_eq!(received, wire(role, b"\x88\x02\x03\xe8"), "{role:?}");
    }
}

#[tokio::test]
async fn section_7_1_2_the_closing_handshake_over_sockets() {
    for role in ROLES {
        let (near, far) = connected();
        far.set_nonblocking(true).expect("a socket");
        let far = tokio::net::TcpStream::from_std(far).expect("a runtime");
        let mut ours = websocket(role, near, Config::default());
        let mut theirs = websocket(io::other(role), far, Config::default());
        let peer = tokio::spawn(async move {
            let mut items = Vec::new();
            while let Some(next) = theirs.next().await {
                items.push(item(next));
            }
            items
        });
        ours.send("last words").await.expect("open");
        let closed = ours.close(4000, "enough").await.expect("closed");
        assert_eq!(closed.map(|frame| u16::from(frame.code)), Some(4000), "{role:?}");
        let expected = [Message::text("last words"), Message::close(4000, "enough")];
        assert_eq!(peer.await.expect("the peer"), expected.map(Ok), "{role:?}");
    }
}

/// Every size at which the header, the buffers or the pieces of the mask change, and one far beyond.
#[tokio::test]
async fn messages_of_every_size_cross_over_sockets() {
    let sizes =
        [0, 1, 125, 126, 4095, 4096, 4097, 16_383, 16_385, 65_535, 65_536, 65_537, 3_000_000];
    for role in ROLES {
        let (near, far) = connected();
        far.set_nonblocking(true).expect("a socket");
        let far = tokio::net::TcpStream::from_std(far).expect("a runtime");
        let mut ours = websocket(role, near, Config::default());
        let mut theirs = websocket(io::other(role), far, Config::default());
        let echo = tokio::spawn(async move {
            while let Some(Ok(message)) = theirs.next().await {
                if message.is_data() {
                    theirs.feed(message).await.expect("open");
                }
            }
        });
        for size in sizes {
            let payload: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
            ours.send(payload.clone()).await.expect("open");
            let back = ours.next().await.expect("open").expect("a message");
            assert!(back == Message::binary(payload), "{role:?}, {size} bytes");
        }
        ours.close(1000, "").await.expect("closed");
        echo.await.expect("the peer");
    }
}
