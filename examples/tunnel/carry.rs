//! One connection: bytes both ways, and what the end of one side is to the other.
//!
//! ```text
//! TCP                                        WebSocket
//! the end of what is sent                    with the subprotocol "tunnel.half-close": an empty message;
//!                                            the other direction goes on
//!                                            without: Close 1000, the end of both directions
//! reset, or failed, or refused               Close with another code
//! reset                                      Close with another code, or the end without Close
//! ```
//!
//! What was cut off is thus never taken for whole, at either end.

use std::{fmt, io, time::Duration};

use bowline::{ByteStream, CloseCode, CloseFrame, Config, Error, Keepalive, WebSocket};
use bytes::BytesMut;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};

use crate::listen::Stopping;

/// The subprotocol by which two tunnels agree to carry the end of one direction across.
pub(crate) const HALF_CLOSE: &str = "tunnel.half-close";
/// What websockify and noVNC ask for: the bytes, and nothing said about ends.
pub(crate) const BINARY: &str = "binary";

/// The most that is read at once.
const CHUNK: usize = 32 << 10;

/// A reader at one end may rest for as long as it likes, as over TCP, and pings rest with what waits before
/// them. They are sent all the same: unanswered by a machine that is gone, the kernel gives up in minutes.
pub(crate) fn config() -> Config {
    let keepalive = Keepalive::new(Duration::from_secs(30), Duration::from_secs(24 * 60 * 60));
    Config::new()
        .with_keepalive(Some(keepalive))
        .with_send_timeout(None)
        // A plain peer may put any amount into one message.
        .with_max_streamed_size(None)
}

/// How many bytes went through.
#[derive(Default)]
pub(crate) struct Traffic {
    /// From TCP into the WebSocket.
    sent: u64,
    received: u64,
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes from TCP to WebSocket, {} back", self.sent, self.received)
    }
}

/// Why a connection ended before its time.
#[derive(Debug)]
pub(crate) enum Cut {
    /// Nobody at the other side to begin with.
    Unreachable(Error),
    /// The TCP connection failed.
    Tcp(io::Error),
    /// The WebSocket failed.
    WebSocket(io::Error),
    /// The other tunnel has closed, and said why.
    Closed(CloseFrame),
    /// A page of another site, say.
    Refused,
    Stopped,
}

impl Cut {
    /// What the other tunnel is told.
    fn close(&self) -> CloseFrame {
        match self {
            Self::Unreachable(Error::Io(error)) => {
                CloseFrame::new(CloseCode::BAD_GATEWAY, format!("target: {}", error.kind()))
            }
            Self::Tcp(error) => CloseFrame::new(CloseCode::ERROR, format!("TCP: {}", error.kind())),
            // Not 1001: to a plain peer that may be an end as any other, and this one cuts something off.
            Self::Stopped => CloseFrame::new(CloseCode::RESTART, "the tunnel was stopped"),
            _ => CloseFrame::new(CloseCode::ERROR, ""),
        }
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(error) => write!(f, "not connected: {error}"),
            Self::Tcp(error) => write!(f, "cut off by TCP: {error}"),
            Self::WebSocket(error) => write!(f, "cut off by the WebSocket: {error}"),
            Self::Closed(frame) => write!(f, "cut off by Close {frame}"),
            Self::Refused => f.write_str("refused"),
            Self::Stopped => f.write_str("cut off, because this program was stopped"),
        }
    }
}

/// What the end of one direction is to the other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    HalfClose,
    /// The end of it, too.
    Close,
}

/// Carries bytes both ways until both have ended, or either is cut off.
pub(crate) async fn carry<T: AsyncRead + AsyncWrite + Unpin>(
    ws: WebSocket<T>,
    mut tcp: TcpStream,
    mut stopping: Stopping,
) -> Result<Traffic, Cut> {
    let ends = if ws.subprotocol() == Some(HALF_CLOSE) { Ends::HalfClose } else { Ends::Close };
    let mut stream = ws.into_byte_stream();
    if ends == Ends::HalfClose {
        stream = stream.with_half_close();
    }
    let copied = tokio::select! {
        copied = copy(&mut stream, &mut tcp, ends) => copied,
        () = stopping.wait() => Err(Cut::Stopped),
    };
    match copied {
        Ok(traffic) => {
            drop(tcp);
            // Both ends have all: whatever becomes of the closing handshake.
            let _ = stream.close(CloseCode::NORMAL, "").await;
            Ok(traffic)
        }
        Err(cut) => {
            reset(tcp);
            Err(close(stream, cut).await)
        }
    }
}

/// Has TCP's other end see a reset: an end would tell it that it has everything.
pub(crate) fn reset(tcp: TcpStream) {
    // Where that isn't possible, nothing more can be done.
    let _ = tcp.set_zero_linger();
}

/// Closes a WebSocket that has nothing to carry any more; the reason is the peer's, if it was first.
pub(crate) async fn close<T: AsyncRead + AsyncWrite + Unpin>(
    mut stream: ByteStream<T>,
    cut: Cut,
) -> Cut {
    let CloseFrame { code, reason } = cut.close();
    match stream.close(code, reason).await {
        // To a Close of ours the answer is its echo.
        Ok(Some(answer)) if answer.code != code => Cut::Closed(answer),
        _ => cut,
    }
}

/// Copies until both directions have ended; without half-close the peer's end is the end of both.
async fn copy<T: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut ByteStream<T>,
    tcp: &mut TcpStream,
    ends: Ends,
) -> Result<Traffic, Cut> {
    let Traffic { mut sent, mut received } = Traffic::default();
    let (from_ws, to_ws) = tokio::io::split(stream);
    let (from_tcp, to_tcp) = tcp.split();
    let outwards = pump(Half(from_tcp, Cut::Tcp), Half(to_ws, Cut::WebSocket), &mut sent);
    let inwards = pump(Half(from_ws, Cut::WebSocket), Half(to_tcp, Cut::Tcp), &mut received);
    match ends {
        Ends::HalfClose => {
            tokio::try_join!(inwards, outwards)?;
        }
        // The end of TCP has sent Close, and what still comes before the answer is for TCP.
        Ends::Close => tokio::select! {
            biased;
            ended = inwards => ended?,
            Err(cut) = outwards => return Err(cut),
        },
    }
    Ok(Traffic { sent, received })
}

/// One side of one direction, and whose its errors are.
struct Half<S>(S, fn(io::Error) -> Cut);

/// Copies one direction to its end, and tells the end on. What was read is flushed before more is awaited.
async fn pump(
    Half(mut from, from_error): Half<impl AsyncRead + Unpin>,
    Half(mut to, to_error): Half<impl AsyncWrite + Unpin>,
    count: &mut u64,
) -> Result<(), Cut> {
    let mut buffer = BytesMut::with_capacity(CHUNK);
    while from.read_buf(&mut buffer).await.map_err(from_error)? > 0 {
        to.write_all(&buffer).await.map_err(to_error)?;
        to.flush().await.map_err(to_error)?;
        *count += buffer.len() as u64;
        buffer.clear();
    }
    to.shutdown().await.map_err(to_error)
}
