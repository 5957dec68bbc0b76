//! A service behind real hyper at the other end of a pipe, and HTTP/1.1 written by hand.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{future::Future, time::Duration};

use axum::{Router, response::Response, routing::any};
use bowline::{Error, Message, WebSocket};
use bowline_hyper::{Io, Options, axum::WebSocketUpgrade};
use http::{HeaderMap, HeaderName, HeaderValue};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::yield_now,
    time::timeout,
};

/// What a pipe holds each way, in bytes.
pub(crate) const PIPE: usize = 64 << 10;

/// The masking key of every client here: that of RFC 6455 section 5.7.
pub(crate) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// What a future comes to that must not wait for ever. On a paused clock this takes no time.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    timeout(Duration::from_secs(10_000), future).await.expect("nobody woke it")
}

/// Messages sent back as they come.
pub(crate) async fn echo<T: AsyncRead + AsyncWrite + Unpin>(
    mut ws: WebSocket<T>,
) -> Result<(), Error> {
    while let Some(message) = ws.next().await {
        match message? {
            Message::Text(text) => ws.send(text).await?,
            Message::Binary(bytes) => ws.send(bytes).await?,
            _ => {}
        }
    }
    Ok(())
}

/// [`echo`] at every path.
pub(crate) fn echoes() -> Router {
    Router::new()
        .fallback(any(async |upgrade: WebSocketUpgrade| -> Response { upgrade.on_upgrade(echo) }))
}

/// A handler at every path, and what it came to: of errors the `Debug`.
pub(crate) fn told<F, Fut>(options: Options, handler: F) -> (Router, UnboundedReceiver<Told>)
where
    F: Fn(WebSocket<Io>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<(), Error>> + Send + 'static,
{
    let (tell, told) = unbounded_channel();
    let route = async move |upgrade: WebSocketUpgrade| -> Response {
        let failed = tell.clone();
        let upgrade = upgrade.options(options).on_failed_upgrade(move |error| {
            let _ = failed.send(Err(format!("not upgraded: {error:?}")));
        });
        upgrade.on_upgrade(async move |ws| {
            let outcome = handler(ws).await;
            let _ = tell.send(outcome.as_ref().copied().map_err(|error| format!("{error:?}")));
            outcome
        })
    };
    (Router::new().fallback(any(route)), told)
}

/// What a handler came to.
pub(crate) type Told = Result<(), String>;

/// Serves one connection over this transport, HTTP/1.1 or HTTP/2.
pub(crate) fn serve_on<T>(app: Router, io: T)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    serve_with(builder(), app, io);
}

/// What serves: to be changed.
pub(crate) fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http2().enable_connect_protocol();
    builder
}

/// The same with settings of its own.
pub(crate) fn serve_with<T>(builder: auto::Builder<TokioExecutor>, app: Router, io: T)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        let service = TowerToHyperService::new(app);
        // How it ends is the client's to see.
        let _ = builder.serve_connection_with_upgrades(TokioIo::new(io), service).await;
    });
}

/// The client's end of such a connection, over a pipe that holds so many bytes each way.
pub(crate) fn served(app: Router, pipe: usize) -> DuplexStream {
    let (client, server) = duplex(pipe);
    serve_on(app, server);
    client
}

/// A response of HTTP/1.1.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// What comes behind the head, of a refusal.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn body(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }
}

/// Reads a head, and no byte behind it; `None` where the stream ends before it.
pub(crate) async fn read_head(io: &mut (impl AsyncRead + Unpin)) -> Option<Answer> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match io.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) if head.is_empty() => return None,
            Err(error) => panic!("{error} behind {}", head.escape_ascii()),
        }
    }
    let head = String::from_utf8(head).expect("text");
    let mut lines = head.trim_end().split("\r\n");
    let start = lines.next().expect("a status line");
    let status = start.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
    let status = status.and_then(|digits| digits.parse().ok());
    let status = status.unwrap_or_else(|| panic!("{start:?} is no status line"));
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").expect("a header");
        let name: HeaderName = name.parse().expect("a name");
        headers.append(name, HeaderValue::from_str(value).expect("a value"));
    }
    Some(Answer { status, headers, body: Vec::new() })
}

/// Reads a response that accepts, or one that refuses with its body, as long as its `Content-Length` says.
pub(crate) async fn read_answer(io: &mut (impl AsyncRead + Unpin)) -> Option<Answer> {
    let mut answer = read_head(io).await?;
    let length = answer.headers.get("content-length").map(|length| length.to_str().expect("text"));
    let length: u64 = length.map_or(0, |length| length.parse().expect("a number"));
    io.take(length).read_to_end(&mut answer.body).await.expect("a body");
    Some(answer)
}

/// How a request arrives.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Arrival {
    Whole,
    ByteByByte,
}

/// Writes all of it while the answer is read: who refuses need not read to the end. Then there may be nothing more.
pub(crate) async fn exchange(
    io: &mut DuplexStream,
    wire: &[u8],
    arrival: Arrival,
) -> Option<Answer> {
    let (mut from, mut to) = tokio::io::split(io);
    let write = async {
        let pieces = match arrival {
            Arrival::Whole => wire.chunks(usize::MAX),
            Arrival::ByteByByte => wire.chunks(1),
        };
        for piece in pieces {
            // Who has refused may have gone.
            let _ = to.write_all(piece).await;
            yield_now().await;
        }
    };
    within(async { tokio::join!(write, read_answer(&mut from)).1 }).await
}

/// A final frame as a client sends it.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len();
    let mut wire = match length {
        0..=125 => vec![first, 0x80 | length as u8],
        126..=65535 => [&[first, 0xfe], &(length as u16).to_be_bytes()[..]].concat(),
        _ => [&[first, 0xff], &(length as u64).to_be_bytes()[..]].concat(),
    };
    wire.extend(KEY);
    wire.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    wire
}

/// What still comes, to the end of the stream.
pub(crate) async fn rest_of(io: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut rest = Vec::new();
    within(io.read_to_end(&mut rest)).await.expect("an end");
    rest
}
