//! The other side of a connection: the target of those who come by WebSocket, the WebSocket of those who
//! come by TCP.

use std::{fmt, io, sync::Arc, time::Duration};

use bowline::{Client, Error, Server, WebSocket, server::Pending};
use http::{StatusCode, header};
use tokio::{net::TcpStream, time};

use crate::{
    carry::{BINARY, Cut, HALF_CLOSE, Traffic, carry, close, config, reset},
    listen::{Stopping, Tunnel},
};

/// For reaching the target.
const PATIENCE: Duration = Duration::from_secs(10);

/// `tunnel serve`.
pub(crate) struct Serve {
    pub(crate) target: String,
    /// The pages that may use it.
    pub(crate) origins: Vec<String>,
}

impl Tunnel for Serve {
    fn describe(&self, address: impl fmt::Display) -> String {
        format!("ws://{address}/ to {}", self.target)
    }

    async fn carry(&self, tcp: TcpStream, mut stopping: Stopping) -> Result<Traffic, Cut> {
        let ws = tokio::select! {
            ws = self.accept(tcp) => ws?,
            () = stopping.wait() => return Err(Cut::Stopped),
        };
        // Only now: a browser is told nothing about a refused handshake, and all about a Close.
        match reach(&self.target).await {
            Ok(target) => carry(ws, target, stopping).await,
            Err(error) => Err(close(ws.into_byte_stream(), Cut::Unreachable(error.into())).await),
        }
    }
}

impl Serve {
    async fn accept(&self, tcp: TcpStream) -> Result<WebSocket<TcpStream>, Cut> {
        tcp.set_nodelay(true).map_err(Cut::Tcp)?;
        let server = Server::new().config(config());
        let pending = server.receive(tcp).await.map_err(Cut::Unreachable)?;
        if !self.may_enter(&pending) {
            pending.reject(StatusCode::FORBIDDEN).await.map_err(Cut::Unreachable)?;
            return Err(Cut::Refused);
        }
        let pending = pending.choose_subprotocol([HALF_CLOSE, BINARY]);
        pending.accept().await.map_err(Cut::Unreachable)
    }

    /// Browsers let any page open a WebSocket to any server, and behind this one is a port that they can't
    /// reach otherwise. Programs send no `Origin`.
    fn may_enter(&self, pending: &Pending<TcpStream>) -> bool {
        // The header's own value, not a parsed one: what cannot be read must not count as absent.
        pending
            .headers()
            .get(header::ORIGIN)
            .is_none_or(|origin| self.origins.iter().any(|known| origin == known))
    }
}

async fn reach(target: &str) -> io::Result<TcpStream> {
    let tcp = time::timeout(PATIENCE, TcpStream::connect(target)).await??;
    // What comes together goes out together: it was together when it was read.
    tcp.set_nodelay(true)?;
    Ok(tcp)
}

/// `tunnel connect`.
pub(crate) struct Connect {
    pub(crate) uri: String,
}

impl Tunnel for Connect {
    fn describe(&self, address: impl fmt::Display) -> String {
        format!("{address} to {}", self.uri)
    }

    async fn carry(&self, tcp: TcpStream, mut stopping: Stopping) -> Result<Traffic, Cut> {
        let opened = tokio::select! {
            opened = self.open(&tcp) => opened.map_err(Cut::Unreachable),
            () = stopping.wait() => Err(Cut::Stopped),
        };
        match opened {
            Ok(ws) => carry(ws, tcp, stopping).await,
            Err(cut) => {
                reset(tcp);
                Err(cut)
            }
        }
    }
}

impl Connect {
    async fn open(&self, tcp: &TcpStream) -> Result<WebSocket<bowline::client::Stream>, Error> {
        tcp.set_nodelay(true)?;
        // What is first matters to no server that knows both; websockify finds its own nowhere else.
        let client = Client::new(&self.uri)?.subprotocols([BINARY, HALF_CLOSE]);
        let (ws, _) = client.config(Arc::new(config())).connect().await?;
        Ok(ws)
    }
}
