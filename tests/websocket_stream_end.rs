//! The end on a stream of a connection that goes on, as of HTTP/2: a peer that never ends its side is not waited for.

use std::time::Duration;

use bowline::{Agreed, Client, Config, Message, Request, Role, WebSocket};
use bytes::Bytes;
use http::{Method, Version};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::Instant,
};

/// What both ends of an HTTP/2 stream agree on.
fn agreed(role: Role) -> Agreed {
    let (proposal, _) =
        Client::new("ws://a.example/").expect("a URI").propose_over_http2().expect("a request");
    assert_eq!(proposal.request().method(), Method::CONNECT);
    assert_eq!(proposal.request().version(), Version::HTTP_2);
    let request = proposal.request().clone();
    let Ok(Request::WebSocket(offer)) = Request::over_http2(request, Some("websocket")) else {
        panic!("a valid request")
    };
    let (response, server) = offer.agree().expect("nothing chosen");
    assert_eq!(response.status(), 200);
    let client = proposal.judge(&response.map(|()| Bytes::new())).expect("accepted");
    match role {
        Role::Server => server,
        Role::Client => client,
    }
}

fn stream(role: Role) -> (WebSocket<DuplexStream>, DuplexStream) {
    let (near, far) = duplex(4 << 10);
    (WebSocket::agreed(near, agreed(role), Bytes::new(), Config::new()), far)
}

/// An empty Close of this role's peer, masked where it is a client.
fn close_from_peer(role: Role) -> &'static [u8] {
    match role {
        Role::Server => b"\x88\x80\0\0\0\0",
        Role::Client => b"\x88\x00",
    }
}

#[tokio::test(start_paused = true)]
async fn both_closes_are_enough() {
    for role in [Role::Server, Role::Client] {
        let (mut ws, mut peer) = stream(role);
        peer.write_all(close_from_peer(role)).await.unwrap();
        let began = Instant::now();
        assert_eq!(ws.next().await.unwrap().unwrap(), Message::Close(None));
        assert!(ws.next().await.is_none(), "{role}");
        assert_eq!(began.elapsed(), Duration::from_millis(250), "{role}");

        let (mut ws, mut peer) = stream(role);
        peer.write_all(close_from_peer(role)).await.unwrap();
        let began = Instant::now();
        assert_eq!(ws.close(1000, "").await.unwrap(), None, "{role}");
        assert_eq!(began.elapsed(), Duration::from_millis(250), "{role}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_ends_its_side_is_waited_for_no_longer() {
    for role in [Role::Server, Role::Client] {
        let (mut ws, mut peer) = stream(role);
        peer.write_all(close_from_peer(role)).await.unwrap();
        peer.shutdown().await.unwrap();
        let began = Instant::now();
        assert_eq!(ws.next().await.unwrap().unwrap(), Message::Close(None));
        assert!(ws.next().await.is_none());
        assert_eq!(began.elapsed(), Duration::ZERO, "{role}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_without_an_answer_has_its_whole_time() {
    for role in [Role::Server, Role::Client] {
        let (mut ws, mut peer) = stream(role);
        let began = Instant::now();
        ws.close(1001, "").await.unwrap_err();
        assert_eq!(began.elapsed(), Duration::from_secs(5), "{role}");
        drop(ws);
        let mut sent = Vec::new();
        peer.read_to_end(&mut sent).await.unwrap();
        assert_eq!(sent.first(), Some(&0x88));
    }
}

#[tokio::test(start_paused = true)]
async fn a_breach_is_told_and_not_waited_for() {
    let (mut ws, mut peer) = stream(Role::Server);
    peer.write_all(b"\x81\x02hi").await.unwrap();
    let began = Instant::now();
    ws.next().await.unwrap().unwrap_err();
    assert_eq!(began.elapsed(), Duration::from_millis(250));
    drop(ws);
    let mut sent = Vec::new();
    peer.read_to_end(&mut sent).await.unwrap();
    assert_eq!((sent[0], &sent[2..4]), (0x88, &1002_u16.to_be_bytes()[..]));
}
