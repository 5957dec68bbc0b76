//! TCP through two tunnels, and through one to a WebSocket of the tests' own.

use std::{io, net::SocketAddr};

use bowline::client::Stream;
use sha2::{Digest, Sha256};
use tokio::{io::Interest, task::JoinSet};

use super::*;

/// A program behind a tunnel: takes one connection after the other.
struct Target {
    listener: TcpListener,
    address: String,
}

impl Target {
    async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        Self { listener, address }
    }

    async fn accept(&self) -> TcpStream {
        within(self.listener.accept()).await.unwrap().0
    }

    /// Echoes for as many as come, each until its end.
    fn echo(self) {
        tokio::spawn(async move {
            while let Ok((mut tcp, _)) = self.listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = tcp.split();
                    tokio::io::copy(&mut read, &mut write).await
                });
            }
        });
    }
}

/// `tunnel serve` in front of a target.
async fn serve(target: &str, arguments: &[&str]) -> Service {
    let mut command = example("tunnel");
    command.arg("serve").args(arguments).args(["127.0.0.1:0", target]);
    Service::launch(&mut command, "tunnel: ").await
}

/// `tunnel connect` to a server.
async fn connect(uri: &str) -> Service {
    let mut command = example("tunnel");
    command.args(["connect", "127.0.0.1:0", uri]);
    Service::launch(&mut command, "tunnel: ").await
}

/// Both, and the way through them.
struct Pair {
    serve: Service,
    connect: Service,
}

impl Pair {
    async fn start(target: &str) -> Self {
        let serve = serve(target, &[]).await;
        let connect = connect(&serve.address).await;
        Self { serve, connect }
    }

    async fn dial(&self) -> TcpStream {
        let address: SocketAddr = self.connect.address.parse().unwrap();
        within(TcpStream::connect(address)).await.unwrap()
    }
}

async fn say(tcp: &mut TcpStream, text: &str) {
    within(tcp.write_all(text.as_bytes())).await.unwrap();
}

async fn hear(tcp: &mut TcpStream, text: &str) {
    let mut bytes = vec![0; text.len()];
    within(tcp.read_exact(&mut bytes)).await.unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), text);
}

/// Reads to the end, or to what comes instead of it.
async fn rest(tcp: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    within(tcp.read_to_end(&mut bytes)).await.map(|_| bytes)
}

#[tokio::test]
async fn tunnel_carries_a_question_and_an_answer_that_waits_for_the_questions_end() {
    let target = Target::listen().await;
    let pair = Pair::start(&target.address).await;
    for question in ["", "short", &"long ".repeat(100_000)] {
        let mut tcp = pair.dial().await;
        let mut behind = target.accept().await;
        // Nothing can be said about the end before it is there: so it comes on its own.
        let ask = async {
            tcp.write_all(question.as_bytes()).await.unwrap();
            tcp.shutdown().await.unwrap();
        };
        let (asked, ()) = tokio::join!(rest(&mut behind), within(ask));
        assert_eq!(asked.unwrap(), question.as_bytes());
        say(&mut behind, "the answer").await;
        hear(&mut tcp, "the answer").await;
        say(&mut behind, ", and more").await;
        behind.shutdown().await.unwrap();
        assert_eq!(rest(&mut tcp).await.unwrap(), b", and more");
    }
}

/// The target is the one that ends first.
#[tokio::test]
async fn tunnel_carries_the_end_of_what_the_target_says() {
    let target = Target::listen().await;
    let mut pair = Pair::start(&target.address).await;
    let mut tcp = pair.dial().await;
    let mut behind = target.accept().await;
    say(&mut behind, "hello").await;
    behind.shutdown().await.unwrap();
    assert_eq!(rest(&mut tcp).await.unwrap(), b"hello");
    say(&mut tcp, "good bye").await;
    hear(&mut behind, "good bye").await;
    tcp.shutdown().await.unwrap();
    assert_eq!(rest(&mut behind).await.unwrap(), b"");
    let line = within(pair.serve.log.next_line()).await.unwrap().unwrap();
    assert!(line.ends_with(": 5 bytes from TCP to WebSocket, 8 back"), "{line}");
    let line = within(pair.connect.log.next_line()).await.unwrap().unwrap();
    assert!(line.ends_with(": 8 bytes from TCP to WebSocket, 5 back"), "{line}");
}

/// Sends this many bytes, no two blocks the same, and ends; gives their hash.
async fn pour(mut to: impl AsyncWriteExt + Unpin, len: usize, seed: u8) -> Vec<u8> {
    const BLOCK: usize = 50_000;
    let mut hash = Sha256::new();
    let mut block: Vec<u8> = (0..BLOCK).map(|at| ((at * at) >> 7) as u8 ^ seed).collect();
    for number in 0..len / BLOCK {
        block[..8].copy_from_slice(&(number as u64).to_le_bytes());
        hash.update(&block);
        to.write_all(&block).await.unwrap();
    }
    to.shutdown().await.unwrap();
    hash.finalize().to_vec()
}

/// Reads to the end; gives how much came and its hash.
async fn drain(mut from: impl AsyncReadExt + Unpin) -> (usize, Vec<u8>) {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    let mut len = 0;
    loop {
        match from.read(&mut buffer).await.unwrap() {
            0 => return (len, hash.finalize().to_vec()),
            count => {
                hash.update(&buffer[..count]);
                len += count;
            }
        }
    }
}

#[tokio::test]
async fn tunnel_carries_50_megabytes_each_way_at_once() {
    const LEN: usize = 50_000_000;
    let target = Target::listen().await;
    let pair = Pair::start(&target.address).await;
    let (from_front, to_back) = {
        let front = pair.dial().await;
        (front.into_split(), target.accept().await.into_split())
    };
    let ((front_read, front_write), (back_read, back_write)) = (from_front, to_back);
    let (there, back, got_there, got_back) = within(async {
        tokio::join!(
            pour(front_write, LEN, 1),
            pour(back_write, LEN, 2),
            drain(back_read),
            drain(front_read)
        )
    })
    .await;
    assert!(got_there == (LEN, there), "{} bytes", got_there.0);
    assert!(got_back == (LEN, back), "{} bytes", got_back.0);
}

#[tokio::test]
async fn tunnel_carries_a_hundred_connections_at_once() {
    let target = Target::listen().await;
    let pair = Pair::start(&target.address).await;
    target.echo();
    let mut dialled = Vec::new();
    for _ in 0..100 {
        dialled.push(pair.dial().await);
    }
    let mut talks = JoinSet::new();
    for (number, mut tcp) in dialled.into_iter().enumerate() {
        talks.spawn(async move {
            for round in 0..3 {
                let text = format!("{number} in round {round};").repeat(50);
                say(&mut tcp, &text).await;
                hear(&mut tcp, &text).await;
            }
            tcp
        });
    }
    // All are open at the end of their talk.
    let open = talks.join_all().await;
    for mut tcp in open {
        tcp.shutdown().await.unwrap();
        assert_eq!(rest(&mut tcp).await.unwrap(), b"");
    }
}

/// Which of the four goes, and how.
#[derive(Clone, Copy, Debug)]
enum Cut {
    FrontReset,
    BackReset,
    ServeKilled,
    ConnectKilled,
    ServeInterrupted,
    ConnectInterrupted,
}

/// What was cut off is never a clean end, whether the other has ended its own direction or not.
#[cfg(unix)]
#[tokio::test]
async fn tunnel_resets_what_was_cut_off() {
    for cut in [
        Cut::FrontReset,
        Cut::BackReset,
        Cut::ServeKilled,
        Cut::ConnectKilled,
        Cut::ServeInterrupted,
        Cut::ConnectInterrupted,
    ] {
        let target = Target::listen().await;
        let mut pair = Pair::start(&target.address).await;
        let mut front = pair.dial().await;
        let mut back = target.accept().await;
        say(&mut front, "there").await;
        hear(&mut back, "there").await;
        say(&mut back, "back").await;
        hear(&mut front, "back").await;

        match cut {
            Cut::FrontReset => front.set_zero_linger().unwrap(),
            Cut::BackReset => back.set_zero_linger().unwrap(),
            Cut::ServeKilled => within(pair.serve.child.kill()).await.unwrap(),
            Cut::ConnectKilled => within(pair.connect.child.kill()).await.unwrap(),
            Cut::ServeInterrupted => pair.serve.interrupt().await,
            Cut::ConnectInterrupted => pair.connect.interrupt().await,
        }
        // A killed program's sockets are closed by the kernel, which sends an end: there is nobody left to
        // ask for a reset.
        let (front, back) = match cut {
            Cut::FrontReset => (drop(front), rest(&mut back).await)
                .1
                .map_or_else(|back| (None, Some(back)), |end| panic!("{cut:?}: {end:?}")),
            Cut::BackReset => (drop(back), rest(&mut front).await)
                .1
                .map_or_else(|front| (Some(front), None), |end| panic!("{cut:?}: {end:?}")),
            Cut::ServeKilled => (Some(rest(&mut front).await.unwrap_err()), None),
            Cut::ConnectKilled => (None, Some(rest(&mut back).await.unwrap_err())),
            Cut::ServeInterrupted | Cut::ConnectInterrupted => (
                Some(rest(&mut front).await.unwrap_err()),
                Some(rest(&mut back).await.unwrap_err()),
            ),
        };
        for error in [front, back].into_iter().flatten() {
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{cut:?}");
        }
        let interrupted = match cut {
            Cut::ServeInterrupted => &mut pair.serve.child,
            Cut::ConnectInterrupted => &mut pair.connect.child,
            _ => continue,
        };
        assert!(within(interrupted.wait()).await.unwrap().success(), "{cut:?}");
    }
}

/// The client has ended its own direction and is gone: the target learns it, and not at its next word only.
#[cfg(unix)]
#[tokio::test]
async fn tunnel_resets_what_was_cut_off_behind_an_end() {
    let target = Target::listen().await;
    for cut in [Cut::ConnectKilled, Cut::ConnectInterrupted] {
        let mut pair = Pair::start(&target.address).await;
        let mut front = pair.dial().await;
        let mut back = target.accept().await;
        say(&mut front, "the question").await;
        front.shutdown().await.unwrap();
        assert_eq!(rest(&mut back).await.unwrap(), b"the question");
        match cut {
            Cut::ConnectKilled => within(pair.connect.child.kill()).await.unwrap(),
            _ => pair.connect.interrupt().await,
        }
        let error = within(back.ready(Interest::ERROR)).await.map(|_| back.take_error());
        let error = error.unwrap().unwrap().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{cut:?}");
    }
}

#[tokio::test]
async fn tunnel_tells_both_kinds_of_client_that_the_target_is_away() {
    let target = Target::listen().await.address;
    let pair = Pair::start(&target).await;
    let mut tcp = pair.dial().await;
    assert_eq!(rest(&mut tcp).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);

    let (mut ws, _) = within(bowline::client::connect(&pair.serve.address)).await.unwrap();
    let close = within(ws.next()).await.unwrap().unwrap();
    assert_eq!(close, Message::close(CloseCode::BAD_GATEWAY, "target: connection refused"));
    assert!(within(ws.next()).await.is_none());
}

/// A peer that is no tunnel.
async fn plain(serve: &Service, subprotocols: &[&str]) -> WebSocket<Stream> {
    let client = Client::new(&serve.address).unwrap().subprotocols(subprotocols.iter().copied());
    within(client.connect()).await.unwrap().0
}

#[tokio::test]
async fn tunnel_takes_a_plain_peers_close_for_the_end_if_it_says_so() {
    let target = Target::listen().await;
    let serve = serve(&target.address, &[]).await;
    for (close, is_end) in [
        (Message::close(CloseCode::NORMAL, ""), true),
        (Message::Close(None), true),
        // What a browser sends whose page is left.
        (Message::close(CloseCode::AWAY, ""), false),
        (Message::close(CloseCode::ERROR, ""), false),
        (Message::close(4000, ""), false),
        (Message::text("no bytes"), false),
    ] {
        for subprotocols in [&[][..], &["binary"]] {
            let mut ws = plain(&serve, subprotocols).await;
            assert_eq!(ws.subprotocol(), subprotocols.first().copied());
            let mut back = target.accept().await;
            // An empty message is nothing here.
            for bytes in ["", "some ", "bytes"] {
                within(ws.send(Message::binary(bytes))).await.unwrap();
            }
            hear(&mut back, "some bytes").await;
            say(&mut back, "some others").await;
            assert_eq!(within(ws.next()).await.unwrap().unwrap(), Message::binary("some others"));
            within(ws.send(close.clone())).await.unwrap();
            match rest(&mut back).await {
                Ok(bytes) => assert!(is_end && bytes.is_empty(), "{close:?}: {bytes:?}"),
                Err(error) => {
                    assert!(!is_end, "{close:?}");
                    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
                }
            }
        }
    }
    // Without a word.
    let mut ws = plain(&serve, &[]).await;
    let mut back = target.accept().await;
    within(ws.send(Message::binary("so far"))).await.unwrap();
    hear(&mut back, "so far").await;
    drop(ws);
    assert_eq!(rest(&mut back).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn tunnel_tells_a_plain_peer_the_targets_end_and_its_failure() {
    let target = Target::listen().await;
    let serve = serve(&target.address, &[]).await;
    for (is_end, expected) in [
        (true, Message::close(CloseCode::NORMAL, "")),
        (false, Message::close(CloseCode::ERROR, "TCP: connection reset")),
    ] {
        let mut ws = plain(&serve, &["binary"]).await;
        let mut back = target.accept().await;
        say(&mut back, "hello").await;
        assert_eq!(within(ws.next()).await.unwrap().unwrap(), Message::binary("hello"));
        if !is_end {
            back.set_zero_linger().unwrap();
        }
        drop(back);
        assert_eq!(within(ws.next()).await.unwrap().unwrap(), expected);
        assert!(within(ws.next()).await.is_none());
    }
}

#[tokio::test]
async fn tunnel_lets_in_no_page_that_it_does_not_know() {
    let target = Target::listen().await;
    let serve = serve(&target.address, &["--origin", "https://known.example"]).await;
    for (origin, is_known) in
        [("https://known.example", true), ("https://other.example", false), ("null", false)]
    {
        let client = Client::new(&serve.address).unwrap().header("origin", origin);
        match within(client.connect()).await {
            Ok(_) => assert!(is_known, "{origin}"),
            Err(error) => {
                assert!(!is_known, "{origin}");
                assert_eq!(error.refusal().unwrap().status(), StatusCode::FORBIDDEN);
            }
        }
    }
}

#[tokio::test]
async fn tunnel_says_how_it_is_called_and_why_it_does_not_start() {
    for bad in
        [&[][..], &["serve"], &["serve", "a"], &["x", "a", "b"], &["connect", "--origin", "a"]]
    {
        let run = run("tunnel", bad, "").await;
        run.assert_status(2);
        run.assert_complains("usage: tunnel serve");
    }
    let taken = Target::listen().await;
    let run = run("tunnel", &["serve", &taken.address, "127.0.0.1:1"], "").await;
    run.assert_status(1);
    run.assert_complains(&format!("tunnel: {}: ", taken.address));
}
