//! The views. Above each, what it was in Python.

use std::time::Duration;

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use bowline::{CloseFrame, Error, Frame, FrameCodec, Message, OpCode, WebSocket};
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
/// message = request.websocket.wait()
/// ```
///
/// That waited for as long as it took. Here any time-out does, because a `next` that is dropped has taken nothing.
pub(crate) async fn wait(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |mut ws| {
        while let Ok(message) = timeout(Duration::from_millis(50), ws.next()).await {
            // Came in time: unlikely.
            let Some(message) = message else { return Ok(()) };
            ws.send(message?).await?;
        }
        ws.send("nothing for 50 ms").await?;
        if let Some(message) = ws.next().await {
            ws.send(message?).await?;
        }
        Ok::<_, Error>(())
    })
}

/// ```python
/// message = request.websocket.read()
/// if message is None:
///     message = "nothing"
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
///             request.websocket.send(request.websocket.read())
///     time.sleep(0.01)
/// ```
pub(crate) async fn count_messages(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |ws: WebSocket<Io>| {
        let (reader, mut writer) = ws.split();
        let mut inbox = Inbox::new(reader);
        while writer.closed().now_or_never().is_none() {
            writer.send(format!("{} waiting", inbox.count_messages())).await?;
            if inbox.count_messages() == 3 {
                while inbox.has_messages() {
                    let Some(message) = inbox.read() else { break };
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
            // Fed, and so written at the latest when there is nothing more to read.
            ws.feed(message?).await?;
        }
        Ok::<_, Error>(())
    })
}

/// ```python
/// request.websocket.send("text")
/// request.websocket.send(b"\x00\x01")
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
