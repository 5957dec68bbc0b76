//! A SOCKS5 proxy that follows a script, and clients through it.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{net::SocketAddr, time::Duration};

use bowline::{Client, ConnectError, Error, Message, client::Proxy};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};

use crate::sites;

/// Far beyond what anything here takes that need not wait for it.
pub(crate) const AMPLE: Duration = Duration::from_secs(20);

/// For those that wait in vain.
pub(crate) const SHORT: Duration = Duration::from_millis(500);

/// What the client is to say, and what it is told then.
pub(crate) type Step = (Vec<u8>, Vec<u8>);

/// The same as literals.
pub(crate) type Bytes<'a> = (&'a [u8], &'a [u8]);

/// What becomes of the connection when all has been said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Echo,
    HangUp,
    Hang,
    /// The client hangs up, and has said no more.
    Silence,
}

pub(crate) const NO_METHOD: Bytes<'static> = (b"\x05\x01\x00", b"\x05\x00");
pub(crate) const METHODS: &[u8] = b"\x05\x02\x02\x00";
pub(crate) const WITH_PASSWORD: Bytes<'static> = (METHODS, b"\x05\x02");
pub(crate) const USER: &[u8] = b"\x01\x04user\x06secret";
pub(crate) const TO_EXAMPLE: &[u8] = b"\x05\x01\x00\x03\x0bexample.com\x00\x50";
pub(crate) const GRANTED: &[u8] = b"\x05\x00\x00\x01\0\0\0\0\0\0";

pub(crate) fn steps(steps: &[Bytes<'_>]) -> Vec<Step> {
    steps.iter().map(|(expected, said)| (expected.to_vec(), said.to_vec())).collect()
}

/// A proxy for one connection, which follows the script to the byte.
pub(crate) async fn socks(script: Vec<Step>, then: Then) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let task = tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.expect("a connection");
        for (expected, said) in script {
            let mut heard = vec![0; expected.len()];
            tcp.read_exact(&mut heard).await.expect("what is expected");
            assert_eq!(heard.escape_ascii().to_string(), expected.escape_ascii().to_string());
            let early = timeout(SHORT / 50, tcp.read_u8()).await;
            assert!(early.is_err(), "more than that: {early:?}");
            tcp.write_all(&said).await.expect("open");
        }
        finish(tcp, then).await;
    });
    (address, task)
}

pub(crate) async fn finish(mut tcp: TcpStream, then: Then) {
    match then {
        Then::Echo => {
            let head = sites::read_head(&mut tcp).await.expect("a request");
            sites::echo(&head, tcp).await.expect("no error");
        }
        Then::HangUp => {}
        Then::Hang => drop(tcp.read_to_end(&mut Vec::new()).await),
        Then::Silence => {
            let mut more = Vec::new();
            // A reset, where not all of the answer had been read.
            let _ = tcp.read_to_end(&mut more).await;
            assert!(more.is_empty(), "{}", more.escape_ascii());
        }
    }
}

pub(crate) fn through(uri: &str, proxy: String) -> Client {
    let proxy = Proxy::new(proxy).expect("a proxy");
    Client::new(uri).expect("a URI").proxy(proxy).connect_timeout(Some(AMPLE))
}

pub(crate) async fn talk(client: Client) {
    let (mut ws, _) = client.connect().await.expect("connected");
    ws.send("hello").await.expect("open");
    let echo = ws.next().await.expect("a message").expect("no error");
    assert_eq!(echo, Message::text("hello"));
    ws.close(1000, "").await.expect("closed");
}

pub(crate) async fn connect_error(client: Client) -> ConnectError {
    match client.connect().await.map(drop) {
        Err(Error::Connect(error)) => *error,
        other => panic!("{other:?}"),
    }
}
