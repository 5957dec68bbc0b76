//! The server's end: from a transport to a [`WebSocket`], in one step or two.
//!
//! [`accept`] takes whatever WebSocket is asked for. [`Server::receive`] shows the request first, so that
//! a caller can choose a subprotocol, look at cookies and origin, reject, or answer plain HTTP:
//!
//! ```no_run
//! use bowline::{Error, server::Server};
//! use http::{Response, StatusCode};
//!
//! # async fn serve(tcp: tokio::net::TcpStream) -> Result<(), Error> {
//! let pending = Server::new().receive(tcp).await?;
//! if !pending.is_websocket() {
//!     return pending.respond(Response::new("<h1>hello</h1>")).await;
//! }
//! if pending.path() != "/chat" {
//!     return pending.reject(StatusCode::NOT_FOUND).await;
//! }
//! let mut ws = pending.choose_subprotocol(["chat"]).accept().await?;
//! ws.send("welcome").await?;
//! # Ok(())
//! # }
//! ```

mod pending;

use std::{future::Future, sync::Arc};

use tokio::io::{AsyncRead, AsyncWrite};

pub use pending::Pending;

use crate::{
    handshake::HandshakeCodec,
    vocabulary::{Config, Deflate, Error, Role, trace},
    websocket::{Opening, WebSocket},
};

/// Accepts a WebSocket with the default [`Config`]; any path, no subprotocol.
///
/// Not cancel-safe: the future owns the transport, and drops it when dropped.
///
/// # Errors
///
/// As [`Server::receive`] and [`Pending::accept`].
pub fn accept<T>(io: T) -> impl Future<Output = Result<WebSocket<T>, Error>>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    // Boxed, because the caller's future would keep room for the handshake as long as it lives.
    Box::pin(async move { Server::new().receive(io).await?.accept().await })
}

/// How a server opens its connections. Cheap to clone; one serves any number of connections.
#[derive(Clone, Debug)]
pub struct Server {
    config: Arc<Config>,
    deflate: Option<Deflate>,
}

impl Server {
    /// A server with the default [`Config`].
    pub fn new() -> Self {
        Self { config: Config::shared(), deflate: None }
    }

    /// Sets the configuration of its connections.
    #[must_use]
    pub fn config(mut self, config: impl Into<Arc<Config>>) -> Self {
        self.config = config.into();
        self
    }

    /// Accepts permessage-deflate, off unless set, from the clients that offer it: see [`Pending::deflate`].
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(mut self, deflate: Deflate) -> Self {
        self.deflate = Some(deflate);
        self
    }

    /// Reads a request.
    ///
    /// Not cancel-safe: the future owns the transport, and drops it when dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Handshake`] for a request that is malformed or breaks a rule of RFC 6455 section 4.2.1:
    /// it has been answered by then, with 400, 405, 426, 431 or 505. [`Error::Io`], and
    /// [`HandshakeError::TimedOut`](crate::HandshakeError::TimedOut) after `handshake_timeout`, 10 seconds unless set.
    pub fn receive<T>(&self, io: T) -> impl Future<Output = Result<Pending<T>, Error>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let mut opening = Opening::new(io, HandshakeCodec::server(), self.config.clone());
        // Boxed as above.
        Box::pin(trace::handshake(Role::Server, "request received", async move {
            match opening.receive().await {
                Ok(request) => Ok(Pending::new(opening, request, self.deflate)),
                Err(Error::Handshake(error)) if error.is_disconnect() => {
                    Err(Error::Handshake(error))
                }
                Err(Error::Handshake(error)) => Err(pending::refuse(opening, *error).await),
                Err(error) => Err(error),
            }
        }))
    }
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}
