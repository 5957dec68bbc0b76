//! TCP through two tunnels, and through one to a WebSocket of the tests' own.

mod ends;

use std::{io, net::SocketAddr};

use sha2::{Digest, Sha256};
use tokio::task::JoinSet;

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
