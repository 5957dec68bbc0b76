//! What a request is answered with: an echo of messages, or a page.

use std::{fmt, net::SocketAddr, sync::Arc};

use bowline::{CloseFrame, Error, Message, WebSocket};
use bowline_hyper::{Options, Upgrade, is_websocket, upgrade};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, Version};
use http_body_util::Full;
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};

/// Who holds the socket of an upgraded connection.
#[derive(Clone, Copy)]
pub(crate) enum Sockets {
    /// The WebSocket itself.
    TakenOut,
    /// hyper, behind a pointer.
    LeftToHyper,
}

/// The server, for any number of requests.
pub(crate) struct Echo {
    options: Options,
    sockets: Sockets,
}

impl Echo {
    pub(crate) fn new(options: Options, sockets: Sockets) -> Self {
        Self { options, sockets }
    }

    /// The response; an echo goes on in a task of its own. `T` is what the server listens on.
    pub(crate) fn answer<T, B>(
        self: Arc<Self>,
        mut request: Request<B>,
        peer: SocketAddr,
    ) -> Response<Full<Bytes>>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let call = Call { peer, version: request.version(), path: request.uri().path().to_owned() };
        if !is_websocket(&request) {
            return page(&call);
        }
        match upgrade(&mut request, &self.options) {
            Ok(upgrade) => {
                let mut response = upgrade.response();
                // So that a client sees what it got.
                response.headers_mut().insert("x-http-version", version_value(call.version));
                match self.sockets {
                    Sockets::TakenOut => tokio::spawn(talk::<T>(upgrade, call)),
                    // No server listens on that, so hyper's own type stays in place.
                    Sockets::LeftToHyper => tokio::spawn(talk::<DuplexStream>(upgrade, call)),
                };
                response
            }
            Err(rejection) => {
                println!("{call}: refused {}: {rejection}", rejection.status());
                rejection.into()
            }
        }
    }
}

fn page(call: &Call) -> Response<Full<Bytes>> {
    let text =
        format!("hyper_echo echoes WebSocket messages; this page came over {:?}\n", call.version);
    let mut response = Response::new(Full::from(text));
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(http::header::CONTENT_TYPE, content_type);
    response
}

fn version_value(version: Version) -> HeaderValue {
    match version {
        Version::HTTP_2 => HeaderValue::from_static("HTTP/2.0"),
        _ => HeaderValue::from_static("HTTP/1.1"),
    }
}

/// Who asked for what.
struct Call {
    peer: SocketAddr,
    version: Version,
    path: String,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {}", self.peer, self.version, self.path)
    }
}

async fn talk<T>(upgrade: Upgrade, call: Call)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let ws = match upgrade.accept_as::<T>().await {
        Ok(ws) => ws,
        Err(error) => return println!("{call}: lost: {error}"),
    };
    println!("{call}: open");
    match converse(ws, &call.path).await {
        Ok(Some(close)) => {
            let line = format!("{call}: closed {} {}", u16::from(close.code), close.reason);
            println!("{}", line.trim_end());
        }
        Ok(None) => println!("{call}: closed"),
        Err(error) => println!("{call}: lost: {error}"),
    }
}

/// Does what the path says, and returns the peer's Close.
async fn converse<T>(mut ws: WebSocket<T>, path: &str) -> Result<Option<CloseFrame>, Error>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut words = path.split('/').skip(1);
    match (words.next(), words.next(), words.next()) {
        (Some("close"), Some(code), Some(reason)) => {
            let reason = percent_decode_str(reason).decode_utf8_lossy();
            ws.close(code.parse::<u16>().unwrap_or(1000), reason.as_ref()).await
        }
        (Some("ping"), ..) => {
            ws.send(Message::Ping("are you there?".into())).await?;
            echo(ws, Pongs::Told).await
        }
        _ => echo(ws, Pongs::Ignored).await,
    }
}

/// Whether the peer hears of its pongs.
#[derive(Clone, Copy)]
enum Pongs {
    Told,
    Ignored,
}

async fn echo<T>(mut ws: WebSocket<T>, pongs: Pongs) -> Result<Option<CloseFrame>, Error>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut close = None;
    while let Some(message) = ws.next().await {
        match (message?, pongs) {
            // Fed, not sent: a burst is answered with one write.
            (Message::Text(text), _) => ws.feed(text).await?,
            (Message::Binary(bytes), _) => ws.feed(bytes).await?,
            (Message::Pong(payload), Pongs::Told) => {
                ws.feed(format!("pong: {}", String::from_utf8_lossy(&payload))).await?;
            }
            (Message::Ping(_) | Message::Pong(_), _) => {} // answered already
            (Message::Close(frame), _) => close = frame,   // replied to already
        }
    }
    Ok(close)
}
