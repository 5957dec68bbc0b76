//! `ByteStream::copy_bidirectional`: bytes both ways, and the connection looked after while one direction rests.

#[path = "support/io.rs"]
mod transport;

use bowline::{Error, Message, Role};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use transport::{ROLES, other, untimed, websocket};

#[tokio::test]
async fn bytes_go_both_ways_and_each_end_is_passed_on() {
    for role in ROLES {
        let (near, far) = duplex(1000);
        let (mut inner, mut outer) = duplex(700);
        let mut stream = websocket(role, near, untimed()).into_byte_stream().with_half_close();
        let peer = websocket(other(role), far, untimed());
        let mut peer = peer.into_byte_stream().with_half_close();
        let (asked, answered) = (vec![7; 50_000], vec![9; 70_000]);
        let copied = async { stream.copy_bidirectional(&mut inner).await.expect("clean ends") };
        let asks = async {
            peer.write_all(&asked).await.expect("open");
            peer.shutdown().await.expect("open");
            let mut got = Vec::new();
            peer.read_to_end(&mut got).await.expect("an end");
            got
        };
        let answers = async {
            let mut got = Vec::new();
            outer.read_to_end(&mut got).await.expect("an end");
            outer.write_all(&answered).await.expect("open");
            outer.shutdown().await.expect("open");
            got
        };
        let (counts, at_peer, at_target) = tokio::join!(copied, asks, answers);
        assert_eq!(counts, (50_000, 70_000), "{role:?}");
        assert!(at_peer == answered && at_target == asked, "{role:?}");
    }
}

/// The peer has said everything, and the other stream rests.
#[tokio::test]
async fn behind_the_peers_end_pings_are_answered_and_its_close_is_seen() {
    let (near, far) = duplex(1000);
    let (mut inner, mut outer) = duplex(1000);
    let mut stream = websocket(Role::Server, near, untimed()).into_byte_stream().with_half_close();
    let mut peer = websocket(Role::Client, far, untimed());
    let copied = tokio::spawn(async move { stream.copy_bidirectional(&mut inner).await });
    peer.send(vec![1; 3]).await.expect("open");
    peer.send(Vec::new()).await.expect("open");
    let mut got = Vec::new();
    outer.read_to_end(&mut got).await.expect("the peer's end");
    assert_eq!(got, [1; 3]);
    for n in 0..3 {
        peer.send(Message::ping(vec![n])).await.expect("open");
        let pong = peer.next().await.expect("open").expect("open");
        assert_eq!(pong, Message::pong(vec![n]));
    }
    peer.send(Message::close(1012, "gone")).await.expect("open");
    let error = copied.await.expect("no panic").expect_err("a cut");
    let inside = error.get_ref().and_then(|error| error.downcast_ref());
    let Some(Error::ClosedEarly(Some(frame))) = inside else { panic!("{error:?}") };
    assert_eq!((frame.code.into(), frame.reason.as_str()), (1012_u16, "gone"));
}

/// Whose an error is can be told.
#[tokio::test]
async fn what_comes_behind_the_end_is_refused_and_the_others_errors_stay_theirs() {
    let (near, far) = duplex(1000);
    let (mut inner, _outer) = duplex(1000);
    let mut stream = websocket(Role::Server, near, untimed()).into_byte_stream().with_half_close();
    let mut peer = websocket(Role::Client, far, untimed());
    peer.send(Vec::new()).await.expect("open");
    peer.send("more").await.expect("open");
    let error = stream.copy_bidirectional(&mut inner).await.expect_err("behind the end");
    assert!(is_ours(&error), "{error:?}");

    let (near, far) = duplex(1000);
    let mut stream = websocket(Role::Server, near, untimed()).into_byte_stream();
    let mut peer = websocket(Role::Client, far, untimed());
    peer.send(vec![1]).await.expect("open");
    let mut broken = broken_pipe();
    let error = stream.copy_bidirectional(&mut broken).await.expect_err("it breaks");
    assert!(!is_ours(&error), "{error:?}");
}

/// Whether an error is the byte stream's, and not the other's.
fn is_ours(error: &std::io::Error) -> bool {
    let inside = error.get_ref().and_then(|error| error.downcast_ref::<Error>());
    inside.is_some()
}

/// A stream whose other end is gone.
fn broken_pipe() -> tokio::io::DuplexStream {
    duplex(10).0
}
