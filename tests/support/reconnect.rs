//! A server that does what each of a client's connections needs, and a client that waits for next to nothing.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bowline::{
    Client, Config, Error, Message, WebSocket,
    client::{Backoff, Disconnect, Event, Reconnecting, ReconnectingWebSocket},
    server,
};
use futures_util::future::join;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// For what must not wait for ever on a paused clock, where this takes no time.
#[track_caller]
pub(crate) fn within<F: Future>(future: F) -> impl Future<Output = F::Output> {
    patient(future, Duration::from_secs(10_000))
}

/// The same where time passes.
#[track_caller]
pub(crate) fn soon<F: Future>(future: F) -> impl Future<Output = F::Output> {
    patient(future, Duration::from_secs(60))
}

#[track_caller]
fn patient<F: Future>(future: F, patience: Duration) -> impl Future<Output = F::Output> {
    let caller = std::panic::Location::caller();
    async move { timeout(patience, future).await.unwrap_or_else(|_| panic!("{caller}: waited in vain")) }
}

/// A configuration whose timers don't get in the way of a paused clock.
pub(crate) fn untimed() -> Config {
    Config::new()
        .with_keepalive(None)
        .with_handshake_timeout(None)
        .with_close_timeout(None)
        .with_send_timeout(None)
}

/// Waits that take no time to speak of.
pub(crate) fn swift() -> Backoff {
    Backoff::new().with_initial(Duration::from_millis(1)).with_max(Duration::from_millis(2))
}

/// A port, and what is done with each connection to it.
pub(crate) struct Server {
    listener: TcpListener,
    pub(crate) uri: String,
}

impl Server {
    pub(crate) async fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let uri = format!("ws://{}/", listener.local_addr().expect("an address"));
        Self { listener, uri }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&self.uri).expect("a URI").config(untimed())
    }

    pub(crate) fn reconnecting(&self) -> Reconnecting {
        self.client().reconnecting().backoff(swift())
    }

    pub(crate) async fn tcp(&self) -> TcpStream {
        within(self.listener.accept()).await.expect("a connection").0
    }

    /// The next connection, open.
    pub(crate) async fn accept(&self) -> WebSocket<TcpStream> {
        Self::accept_on(self.tcp().await).await
    }

    pub(crate) async fn accept_on(tcp: TcpStream) -> WebSocket<TcpStream> {
        within(server::Server::new().config(untimed()).receive(tcp))
            .await
            .expect("a request")
            .accept()
            .await
            .expect("open")
    }

    /// The next connection, refused with this status line and headers.
    pub(crate) async fn refuse(&self, head: &str) {
        let mut tcp = self.tcp().await;
        read_head(&mut tcp).await;
        let response = format!("HTTP/1.1 {head}\r\ncontent-length: 0\r\n\r\n");
        tcp.write_all(response.as_bytes()).await.expect("written");
        tcp.shutdown().await.expect("shut down");
    }

    /// The next connection, ended when the request is there.
    pub(crate) async fn hang_up(&self) {
        read_head(&mut self.tcp().await).await;
    }
}

async fn read_head(tcp: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within(tcp.read_u8()).await.expect("a request"));
    }
}

/// Ends a connection with a reset, whatever is on its way.
pub(crate) fn reset(ws: WebSocket<TcpStream>) {
    let tcp = ws.into_inner();
    tcp.set_zero_linger().expect("a socket");
}

/// What a hook was told, one line a time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn push(&self, line: impl Into<String>) {
        self.0.lock().expect("no panic").push(line.into());
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("no panic"))
    }

    /// Each retry as its number, the wait in milliseconds, and why.
    pub(crate) fn watch(&self, reconnecting: Reconnecting) -> Reconnecting {
        let log = self.clone();
        reconnecting.on_retry(move |retry| {
            let reason = retry.reason().map_or("over".to_owned(), ToString::to_string);
            log.push(format!("{} {} {reason}", retry.reconnect(), retry.delay().as_millis()));
        })
    }
}

// ---- events ----

/// An event that can be compared.
pub(crate) fn shown(event: Option<Result<Event, Error>>) -> String {
    match event {
        None => "end".into(),
        Some(Err(error)) => format!("error: {error}"),
        Some(Ok(Event::Connected(connected))) => format!("connected {}", connected.number()),
        Some(Ok(Event::Disconnected(lost))) => {
            let next = if lost.delay().is_some() { "again" } else { "for good" };
            let reason = match lost.reason() {
                Disconnect::Closed(Some(frame)) => frame.code.to_string(),
                Disconnect::Closed(None) => "closed".into(),
                _ => "broken".into(),
            };
            format!("{reason}, {} unsent, {next}", lost.unsent())
        }
        Some(Ok(Event::Message(message))) => format!("{message:?}"),
        Some(Ok(event)) => format!("{event:?}"),
    }
}

pub(crate) async fn next(ws: &mut ReconnectingWebSocket) -> String {
    shown(soon(ws.next()).await)
}

/// The next data message of a server's connection, as text; `None` at the end of the connection.
pub(crate) async fn text(ws: &mut WebSocket<TcpStream>) -> Option<String> {
    loop {
        match soon(ws.next()).await {
            Some(Ok(Message::Text(text))) => return Some(text.to_string()),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return None,
        }
    }
}

/// Its first connection, and the other end of it.
pub(crate) async fn connected(
    server: &Server,
    mut ws: ReconnectingWebSocket,
) -> (ReconnectingWebSocket, WebSocket<TcpStream>) {
    let (far, event) = join(server.accept(), next(&mut ws)).await;
    assert_eq!(event, "connected 1");
    (ws, far)
}

pub(crate) fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

pub(crate) fn failed<T>(result: Result<T, Error>) -> String {
    result.map_or_else(|error| format!("{error:?}"), |_| "ok".into())
}
