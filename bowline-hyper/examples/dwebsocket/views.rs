//! The views. Above each, what it was in Python.

use std::time::Duration;

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use bowline::{Error, Frame, FrameCodec, Message, OpCode, WebSocket, Writer};
use bowline_hyper::{Io, Options, axum::WebSocketUpgrade};
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::time::{self, timeout};

use crate::inbox::Inbox;

/// ```python
/// @accept_websocket
/// def view(request):
///     if not request.is_websocket():
///         return HttpResponse("a page")
///     request.websocket.send("a WebSocket")
/// ```
pub(crate) async fn accept_websocket(upgrade: Option<WebSocketUpgrade>) -> Response {
    match upgrade {
        None => "a page".into_response(),
        Some(upgrade) => upgrade.on_upgrade(async |mut ws| ws.send("a WebSocket").await),
    }
}

/// ```python
/// @require_websocket
/// def view(request):
///     request.websocket.send("a WebSocket")
/// ```
///
/// Whatever else comes is answered with 426; dwebsocket said 400.
pub(crate) async fn require_websocket(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |mut ws| ws.send("a WebSocket").await)
}

/// ```python
/// def view(request):
///     return HttpResponse(str(request.is_websocket()))
/// ```
///
/// Without axum, too: all it takes is an `http::Request`.
pub(crate) async fn is_websocket(mut request: Request) -> Response {
    if !bowline_hyper::is_websocket(&request) {
        return "False".into_response();
    }
    match bowline_hyper::upgrade(&mut request, &Options::new()) {
        Ok(upgrade) => upgrade.on_upgrade(async |mut ws| ws.send("True").await),
        Err(rejection) => rejection.into_response(),
    }
}

/// ```python
/// WEBSOCKET_ACCEPT_ALL = True
///
/// def view(request):
///     if request.is_websocket():
///         request.websocket.send(request.path)
/// ```
pub(crate) async fn any_websocket(
    mut ws: WebSocket<Io>,
    head: http::Request<()>,
) -> Result<(), Error> {
    ws.send(head.uri().path().to_owned()).await
}

/// ```python
/// message = request.websocket.wait(timeout=0.05)
/// request.websocket.send("nothing yet" if message is None else message)
/// ```
///
/// A `next` that is dropped has taken nothing, so any time-out will do, and any `select!`.
pub(crate) async fn wait(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |mut ws| {
        loop {
            match timeout(Duration::from_millis(50), ws.next()).await {
                Err(_) => ws.send("nothing yet").await?,
                Ok(Some(message)) => {
                    let message = message?;
                    if message.is_data() {
                        ws.send(message).await?;
                    }
                }
                Ok(None) => return Ok::<_, Error>(()),
            }
        }
    })
}

/// ```python
/// for first in request.websocket:
///     second = request.websocket.read(fallback="nothing")
///     request.websocket.send("%s, then %s" % (first, second))
/// ```
pub(crate) async fn read(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |mut ws| {
        while let Some(message) = ws.next().await {
            let Message::Text(first) = message? else { continue };
            let second = match ws.next().now_or_never() {
                Some(Some(message)) => message?,
                // Nothing has come, or nothing will.
                None | Some(None) => Message::text("nothing"),
            };
            ws.send(format!("{first}, then {}", second.as_text().unwrap_or("no text"))).await?;
        }
        Ok::<_, Error>(())
    })
}

/// ```python
/// while not request.websocket.is_closed():
///     request.websocket.send("%d waiting" % request.websocket.count_messages())
///     if request.websocket.count_messages() == 3:
///         while request.websocket.has_messages():
///             request.websocket.send(request.websocket.wait())
///     time.sleep(0.01)
/// ```
///
/// A connection keeps no queue of its own: what is not asked for stays with the client. Who wants one has it filled by
/// a task.
pub(crate) async fn count_messages(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |ws: WebSocket<Io>| {
        let (reader, mut writer) = ws.split();
        let mut inbox = Inbox::new(reader);
        while writer.closed().now_or_never().is_none() {
            writer.send(format!("{} waiting", inbox.count_messages())).await?;
            if inbox.count_messages() == 3 {
                while inbox.has_messages() {
                    let Some(message) = inbox.wait().await else { break };
                    writer.send(message?).await?;
                }
            }
            time::sleep(Duration::from_millis(10)).await;
        }
        Ok::<_, Error>(())
    })
}

/// ```python
/// for message in request.websocket:
///     request.websocket.send(message)
/// ```
pub(crate) async fn iterate(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |mut ws| {
        while let Some(message) = ws.next().await {
            let message = message?;
            // Pings are answered and a Close is replied to already.
            if message.is_data() {
                ws.feed(message).await?;
            }
        }
        Ok::<_, Error>(())
    })
}

/// ```python
/// request.websocket.send("text")
/// request.websocket.protocol.write(b"\x00\x01", binary=True)
/// ```
pub(crate) async fn send(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |mut ws| {
        ws.send("text").await?;
        ws.send(vec![0, 1]).await
    })
}

/// ```python
/// request.websocket.close(4000, "that was all")
/// ```
pub(crate) async fn close(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |mut ws| ws.close(4000, "that was all").await.map(drop))
}

/// ```python
/// if request.websocket.is_closed():
///     print("closed")
/// ```
///
/// A connection that is waited for says so itself: `next` gives `None`. This is for those that only send.
pub(crate) async fn is_closed(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |ws: WebSocket<Io>| {
        let (mut reader, mut writer) = ws.split();
        let is_closed = |writer: &mut Writer<Io>| writer.closed().now_or_never().is_some();
        let before = is_closed(&mut writer);
        while reader.next().await.transpose()?.is_some() {}
        println!("is_closed: {before}, then {}", is_closed(&mut writer));
        Ok::<_, Error>(())
    })
}

/// ```python
/// return
/// ```
///
/// Close 1000. The connection doesn't have to be closed, nor kept in a variable.
pub(crate) async fn returns(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |_ws| {})
}

/// ```python
/// int("forty-two")
/// ```
///
/// Close 1011, where dwebsocket sent the 1000 of all that went well. What the error says stays here.
pub(crate) async fn raises(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |_ws| "forty-two".parse::<u8>().map(drop))
}

/// ```python
/// print([][1])
/// ```
///
/// Close 1011 as well. The process goes on, and so do all other connections.
pub(crate) async fn panics(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |_ws| {
        let nothing: Vec<u8> = Vec::new();
        println!("{}", nothing[1]);
    })
}

/// ```python
/// request.websocket.handle = lambda opcode, data: ...
/// ```
///
/// `next` gives pings, pongs and the Close too, so that a `match` does for most. This is for those who want each frame as
/// it is; from there on nothing is answered for them, neither pings nor Close.
pub(crate) async fn frames(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |ws: WebSocket<Io>| {
        let mut frames = ws.into_framed().map_codec(|codec| FrameCodec::new(codec.role()));
        while let Some(frame) = frames.next().await {
            let frame = frame?;
            if frame.opcode() == OpCode::CLOSE {
                frames.send(frame).await?;
                break;
            }
            let (is_final, length) = (frame.is_final(), frame.payload().len());
            let line = format!("{:?}, final: {is_final}, {length} bytes", frame.opcode());
            frames.send(Frame::new(OpCode::TEXT, line)).await?;
        }
        Ok::<_, Error>(())
    })
}

/// ```python
/// @classmethod
/// def select_subprotocol(cls, subprotocols):
///     return next((name for name in ["chat.v2", "chat.v1"] if name in subprotocols), None)
/// ```
///
/// The first of these that the client speaks, or none.
pub(crate) async fn subprotocol(upgrade: WebSocketUpgrade) -> Response {
    upgrade.protocols(["chat.v2", "chat.v1"]).on_upgrade(async |mut ws| {
        let text = format!("{:?}", ws.subprotocol());
        ws.send(text).await
    })
}
