//! What is told to `tracing`, and what is kept from it.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use bowline::{
    Client, Config, Error, Keepalive, Message, Server,
    client::{self, Backoff},
    server,
};
use http::{Response, StatusCode};
use tokio::net::{TcpListener, TcpStream};
use tracing::{Level, subscriber::DefaultGuard};
use tracing_subscriber::fmt::MakeWriter;

/// Everything that is told on this thread, as text: its level, its spans, its target and what it says.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start(level: Level) -> (Self, DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_writer(log.clone())
            .with_ansi(false)
            .without_time()
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    /// The lines about this target.
    fn of(&self, target: &str) -> Vec<String> {
        let bytes = self.0.lock().expect("no panic").clone();
        let text = String::from_utf8(bytes).expect("text");
        let lines = text.lines().filter(|line| line.contains(&format!("bowline::{target}:")));
        lines.map(|line| line.trim().to_owned()).collect()
    }

    #[track_caller]
    fn assert_tells(&self, target: &str, words: &[&str]) {
        let lines = self.of(target);
        let is_told = lines.iter().any(|line| words.iter().all(|word| line.contains(word)));
        assert!(is_told, "{words:?} in {lines:#?}");
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// A listener, and the URI of what listens there.
async fn listen(path: &str) -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let uri = format!("ws://user:secret@{}{path}", listener.local_addr().expect("an address"));
    (listener, uri)
}

async fn accepted(listener: &TcpListener) -> TcpStream {
    listener.accept().await.expect("a connection").0
}

#[tokio::test]
async fn a_connection_from_its_beginning_to_its_end() {
    let (log, _guard) = Log::start(Level::TRACE);
    let (listener, uri) = listen("/chat?token=hidden").await;
    let serve = tokio::spawn(async move {
        let mut ws = server::accept(accepted(&listener).await).await.expect("open");
        while ws.next().await.is_some() {}
    });
    let (mut ws, _) = client::connect(&uri).await.expect("connected");
    let told = log.0.lock().expect("no panic").len();
    for _ in 0..100 {
        ws.send("a message that is nobody's business").await.expect("open");
    }
    assert_eq!(log.0.lock().expect("no panic").len(), told, "messages are nothing to tell");
    ws.close(4000, "a reason that is nobody's business").await.expect("closed");
    serve.await.expect("the server");

    let address = uri.split(['@', '?']).nth(1).expect("an address").replace("/chat", "");
    log.assert_tells("connect", &["DEBUG connect{", "connected", &format!("address={address}")]);
    log.assert_tells("connect", &["scheme=\"ws\"", "path=\"/chat\""]);
    log.assert_tells("handshake", &["connect{", "handshake{role=Client}", "opened"]);
    log.assert_tells("handshake", &["handshake{role=Server}", "request received"]);
    log.assert_tells("handshake", &["handshake{role=Server}", "opened"]);
    for role in ["Client", "Server"] {
        log.assert_tells("close", &["Close sent", &format!("role={role}"), "code=4000"]);
        log.assert_tells("close", &["Close received", &format!("role={role}"), "code=4000"]);
    }
    assert_eq!(log.of("close").len(), 4);
    assert_eq!(log.of("error"), [""; 0], "nothing went wrong");
    let all = String::from_utf8(log.0.lock().expect("no panic").clone()).expect("text");
    for kept in ["secret", "hidden", "business", "dXNlcjpzZWNyZXQ="] {
        assert!(!all.contains(kept), "{kept} in\n{all}");
    }
}

#[tokio::test]
async fn what_fails() {
    let (log, _guard) = Log::start(Level::DEBUG);
    let (listener, uri) = listen("/").await;
    let serve = tokio::spawn(async move {
        let pending = Server::new().receive(accepted(&listener).await).await.expect("a request");
        pending.reject(StatusCode::FORBIDDEN).await.expect("answered");
        let pending = Server::new().receive(accepted(&listener).await).await.expect("a request");
        let mut moved = Response::new("");
        *moved.status_mut() = StatusCode::FOUND;
        moved.headers_mut().insert("location", "/there?token=hidden".parse().expect("a value"));
        pending.respond(moved).await.expect("answered");
        let ws = server::accept(accepted(&listener).await).await.expect("open");
        drop(ws);
    });
    client::connect(&uri).await.expect_err("refused");
    log.assert_tells("handshake", &["role=Client", "failed", "403 Forbidden"]);
    let client = Client::new(&uri).expect("a URI").redirects(1);
    let (mut ws, _) = client.connect().await.expect("connected");
    log.assert_tells("connect", &["redirected", "path=\"/there\""]);
    assert!(matches!(ws.next().await, Some(Err(Error::AbnormalClosure(_)))));
    assert!(ws.next().await.is_none());
    log.assert_tells(
        "error",
        &["role=Client", "end of stream between frames", "is_disconnect=true"],
    );
    assert_eq!(log.of("error").len(), 1, "told once");
    serve.await.expect("the server");

    let fast = Backoff::new().with_initial(Duration::ZERO).with_max_attempts(Some(2));
    let mut connections = Client::new(&uri).expect("a URI").reconnecting().backoff(fast);
    assert!(matches!(connections.next().await, Some(Err(Error::Io(_)))), "nobody is there");
    log.assert_tells("connect", &["connecting again", "delay=0ns", "refused"]);
}

#[tokio::test(start_paused = true)]
async fn keepalive() {
    let (log, _guard) = Log::start(Level::TRACE);
    let keepalive = Keepalive::new(Duration::from_secs(30), Duration::from_secs(10));
    let config = Config::new().with_keepalive(Some(keepalive));
    let (near, far) = tokio::io::duplex(1 << 10);
    let mut ws = bowline::WebSocket::new(near, bowline::Role::Client, config.clone());
    let silent = tokio::spawn(async move {
        let mut ws =
            bowline::WebSocket::new(far, bowline::Role::Server, config.with_keepalive(None));
        assert_eq!(ws.next().await.map(Result::ok), Some(Some(Message::ping(""))));
        ws.flush().await.expect("answered");
        tokio::time::sleep(Duration::from_secs(1000)).await;
    });
    assert_eq!(ws.next().await.map(Result::ok), Some(Some(Message::pong(""))));
    log.assert_tells("keepalive", &["TRACE", "ping", "role=Client"]);
    assert!(matches!(ws.next().await, Some(Err(Error::KeepaliveTimeout))));
    log.assert_tells("error", &["no byte from the peer in time after a ping"]);
    silent.abort();
}
