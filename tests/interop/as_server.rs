//! Bowline as the server of a peer's client, which makes the checks.

use bowline::{
    CloseCode, CloseFrame, Config, Error, Frame, FrameCodec, Message, MessageCodec, OpCode,
    Pending, Role, Server, WebSocket,
};
use futures_util::SinkExt;
use http::{HeaderMap, Response, StatusCode};
use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};
use tokio_util::codec::Decoder;

use crate::{
    cases::{self, COOKIES, PONGS_CAME, REFUSAL},
    peer::{Peer, Process, config, step},
};

/// Runs the peer's client against bowline, and looks at how each connection ended.
pub(crate) async fn serve_all_checks(peer: Peer, config: Config) {
    let endpoint = Endpoint::start(config).await;
    let mut client = Process::start(peer, "client", Some(endpoint.port));
    for check in cases::client_checks() {
        let line = client.line(format!("{} as client, {check}", peer.name())).await;
        let done = line.as_deref() == Some(&check);
        let skipped =
            line.as_deref().is_some_and(|line| line.starts_with(&format!("skipped {check}:")));
        let is_expected =
            if check == "sends_fragments" && !peer.can_fragment() { skipped } else { done };
        assert!(is_expected, "{} as client, {check} failed; it printed {line:?}", peer.name());
    }
    let status = client.end().await;
    assert!(status.success(), "{} as client: {status}", peer.name());
    judge(endpoint.stop().await);
}

/// Holds the ends of all connections to what the client has done.
fn judge(ends: Vec<End>) {
    let mut closes = Vec::new();
    let mut drops = 0;
    for End { path, outcome } in ends {
        match (path.as_str(), outcome) {
            ("/closing", Ok(frame)) => closes.push(cases::noted(frame.as_ref())),
            ("/dropping", Err(error)) if error.is_disconnect() => drops += 1,
            ("/dropping", Ok(frame)) => panic!("/dropping: {frame:?} in place of a drop"),
            (_, Ok(_)) => {}
            (path, Err(error)) => panic!("{path}: {error:?}"),
        }
    }
    assert_eq!(closes, cases::closes(), "the client's closes as they arrived");
    assert_eq!(drops, 1, "connections that the client dropped");
}

/// A listener, and what came of its connections.
struct Endpoint {
    port: u16,
    stop: oneshot::Sender<()>,
    accepting: JoinHandle<Vec<JoinHandle<End>>>,
}

/// How a connection ended: by which Close of the peer's, if at all.
struct End {
    path: String,
    outcome: Result<Option<CloseFrame>, Error>,
}

impl Endpoint {
    async fn start(config: Config) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (stop, stopped) = oneshot::channel();
        let server = Server::new().config(config);
        Self { port, stop, accepting: tokio::spawn(accept_all(listener, server, stopped)) }
    }

    /// Every connection's end, in the order in which they began.
    async fn stop(self) -> Vec<End> {
        self.stop.send(()).expect("a running listener");
        let mut ends = Vec::new();
        for connection in step("the listener's end", self.accepting).await.expect("no panic") {
            ends.push(step("a connection's end", connection).await.expect("no panic"));
        }
        ends
    }
}

async fn accept_all(
    listener: TcpListener,
    server: Server,
    mut stopped: oneshot::Receiver<()>,
) -> Vec<JoinHandle<End>> {
    let mut connections = Vec::new();
    loop {
        tokio::select! {
            _ = &mut stopped => return connections,
            accepted = listener.accept() => {
                let (tcp, _) = accepted.expect("a connection");
                connections.push(tokio::spawn(serve(server.clone(), tcp)));
            }
        }
    }
}

async fn serve(server: Server, tcp: TcpStream) -> End {
    match server.receive(tcp).await {
        Ok(pending) => {
            let path = pending.path().to_owned();
            End { outcome: answer(pending, &path).await, path }
        }
        Err(error) => End { path: "the opening handshake".into(), outcome: Err(error) },
    }
}

async fn answer(pending: Pending<TcpStream>, path: &str) -> Result<Option<CloseFrame>, Error> {
    if path == "/401" {
        pending.respond(refusal()).await?;
        return Ok(None);
    }
    let headers = as_json(pending.headers());
    let mut ws = accept(pending).await?;
    let segments: Vec<String> = path[1..].split('/').map(cases::percent_decode).collect();
    match segments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["close", code, reason] => {
            return close(ws, code.parse().expect("a close code"), reason).await;
        }
        ["drop"] => return Ok(None),
        ["ping"] => ping(&mut ws).await?,
        ["fragments"] => ws = send_fragments(ws).await?,
        ["headers"] => ws.send(headers).await?,
        _ => {}
    }
    echo(ws).await
}

fn refusal() -> Response<&'static str> {
    let mut response = Response::new(REFUSAL);
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    response.headers_mut().insert("www-authenticate", "Basic".parse().expect("a header"));
    response
}

/// The headers as the peers show them: names in lower case, values of one name joined.
fn as_json(headers: &HeaderMap) -> String {
    let joined = |name| {
        let values: Vec<_> =
            headers.get_all(name).into_iter().map(|value| value.to_str().expect("ASCII")).collect();
        Value::from(values.join(", "))
    };
    Value::from_iter(headers.keys().map(|name| (name.as_str(), joined(name)))).to_string()
}

async fn accept(mut pending: Pending<TcpStream>) -> Result<WebSocket<TcpStream>, Error> {
    pending = pending.header("x-interop", "bowline");
    for cookie in COOKIES {
        pending = pending.header("set-cookie", cookie);
    }
    if let Some(last) = pending.requested_protocols().last().map(str::to_owned) {
        pending = pending.subprotocol(&last);
    }
    pending.accept().await
}

/// Echoes until the end, for which the peer's Close is given.
async fn echo(mut ws: WebSocket<TcpStream>) -> Result<Option<CloseFrame>, Error> {
    let mut close = None;
    while let Some(message) = ws.next().await {
        match message? {
            Message::Close(frame) => close = frame,
            Message::Ping(_) | Message::Pong(_) => {}
            data => ws.feed(data).await?,
        }
    }
    Ok(close)
}

async fn close(
    mut ws: WebSocket<TcpStream>,
    code: u16,
    reason: &str,
) -> Result<Option<CloseFrame>, Error> {
    if CloseCode::NO_STATUS != code {
        return ws.close(code, reason).await;
    }
    ws.send(Message::Close(None)).await?;
    echo(ws).await
}

async fn ping(ws: &mut WebSocket<TcpStream>) -> Result<(), Error> {
    for ping in cases::pings() {
        ws.send(Message::Ping(ping.clone())).await?;
        let answer = ws.next().await.expect("an answer to the ping")?;
        assert_eq!(answer, Message::Pong(ping));
    }
    ws.send(PONGS_CAME).await
}

/// Sends a message in fragments with pings between, for which it goes down to frames and up again.
async fn send_fragments(ws: WebSocket<TcpStream>) -> Result<WebSocket<TcpStream>, Error> {
    let mut frames = FrameCodec::new(Role::Server).framed(ws.into_inner());
    let mut opcode = OpCode::TEXT;
    for piece in cases::fragments() {
        frames.feed(Frame::new(opcode, piece).not_final()).await?;
        frames.feed(Frame::new(OpCode::PING, "between")).await?;
        opcode = OpCode::CONTINUATION;
    }
    frames.send(Frame::new(opcode, "")).await?;
    let messages = frames.map_codec(MessageCodec::from);
    Ok(WebSocket::from_framed(messages, config()))
}
