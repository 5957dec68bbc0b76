//! A byte stream whose peer has ended its own direction, and waits for an answer that takes its time.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use bowline::{CloseCode, Config, Message, Role, WebSocket};
use tokio::{
    io::{AsyncReadExt, DuplexStream, copy_bidirectional, duplex},
    task::JoinHandle,
    time::timeout,
};

/// A peer, and a target behind a byte stream that it has ended its direction to.
struct Pair {
    peer: WebSocket<DuplexStream>,
    target: DuplexStream,
    tunnel: JoinHandle<std::io::Result<(u64, u64)>>,
}

async fn half_closed() -> Pair {
    let (near, far) = duplex(1 << 16);
    let mut peer = WebSocket::new(near, Role::Client, Config::new());
    let far = WebSocket::new(far, Role::Server, Config::new());
    let (mut target, mut tcp) = duplex(1 << 16);
    let tunnel = tokio::spawn(async move {
        let mut stream = far.into_byte_stream().with_half_close();
        copy_bidirectional(&mut stream, &mut tcp).await
    });
    peer.send(Message::binary("")).await.unwrap();
    assert_eq!(target.read(&mut [0; 1]).await.unwrap(), 0);
    Pair { peer, target, tunnel }
}

/// "Pings are answered while either side is polled": keepalive of the peer's, say, which gives up otherwise.
#[tokio::test(start_paused = true)]
async fn byte_stream_answers_pings_behind_the_peers_end() {
    let Pair { mut peer, target, tunnel } = half_closed().await;
    peer.send(Message::ping("are you there")).await.unwrap();
    let answer = timeout(Duration::from_secs(5), peer.next()).await.expect("an answer");
    assert_eq!(answer.unwrap().unwrap(), Message::pong("are you there"));
    drop(target);
    drop(tunnel);
}

/// Nobody is left for the answer: the target is to learn it, and not at its next word only.
#[tokio::test(start_paused = true)]
async fn byte_stream_sees_a_close_behind_the_peers_end() {
    let Pair { mut peer, target, tunnel } = half_closed().await;
    let closing = tokio::spawn(async move { peer.close(CloseCode::ERROR, "").await });
    let ended = timeout(Duration::from_secs(5), tunnel).await.expect("an end");
    assert!(ended.unwrap().is_err());
    drop(target);
    drop(closing);
}
