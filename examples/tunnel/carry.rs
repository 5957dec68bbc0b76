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
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use crate::listen::Stopping;

/// The subprotocol by which two tunnels agree to carry the end of one direction across.
pub(crate) const HALF_CLOSE: &str = "tunnel.half-close";
/// What websockify and noVNC ask for: the bytes, and nothing said about ends.
pub(crate) const BINARY: &str = "binary";

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

impl From<io::Error> for Cut {
    /// Of two streams that were copied, the WebSocket's errors have this crate's own inside.
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|error| error.downcast_ref()) {
            Some(Error::ClosedEarly(Some(frame))) => Self::Closed((**frame).clone()),
            Some(_) => Self::WebSocket(error),
            None => Self::Tcp(error),
        }
    }
}

impl Cut {
    /// What the other tunnel is told.
    fn close(&self) -> CloseFrame {
        match self {
            Self::Unreachable(Error::Io(error)) => {
                CloseFrame::new(CloseCode::BAD_GATEWAY, format!("target: {}", error.kind()))
            }
            Self::Tcp(error) => CloseFrame::new(CloseCode::ERROR, format!("TCP: {}", error.kind())),
            Self::Stopped => CloseFrame::new(CloseCode::AWAY, "the tunnel was stopped"),
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

/// Carries bytes both ways until both have ended, or either is cut off.
pub(crate) async fn carry<T: AsyncRead + AsyncWrite + Unpin>(
    ws: WebSocket<T>,
    mut tcp: TcpStream,
    mut stopping: Stopping,
) -> Result<Traffic, Cut> {
    let is_half_closing = ws.subprotocol() == Some(HALF_CLOSE);
    let mut stream = ws.into_byte_stream();
    if is_half_closing {
        stream = stream.with_half_close();
    }
    let copied = tokio::select! {
        copied = stream.copy_bidirectional(&mut tcp) => copied.map_err(Cut::from),
        () = stopping.wait() => Err(Cut::Stopped),
    };
    match copied {
        Ok((received, sent)) => {
            drop(tcp);
            // Both ends have all: whatever becomes of the closing handshake.
            let _ = stream.close(CloseCode::NORMAL, "").await;
            Ok(Traffic { sent, received })
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
