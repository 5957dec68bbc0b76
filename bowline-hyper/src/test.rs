//! A client without a port, for tests of a service: real hyper at the other end of a pipe in memory.
//!
//! ```
//! use axum::{Router, routing::any};
//! use bowline::{Client, Message};
//! use bowline_hyper::{axum::WebSocketUpgrade, test};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let app: Router = Router::new().route(
//!     "/hello",
//!     any(async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(|mut ws| async move { ws.send("hello").await })),
//! );
//! let (mut ws, response) = test::connect(app.clone(), "ws://localhost/hello").await?;
//! assert_eq!(response.status(), 101);
//! assert_eq!(ws.next().await.transpose()?, Some(Message::text("hello")));
//!
//! let client = Client::new("ws://localhost/hello")?.header("cookie", "id=7");
//! let (mut ws, response) = test::connect_h2(app, client).await?;
//! assert_eq!(response.status(), 200);
//! assert_eq!(ws.next().await.transpose()?, Some(Message::text("hello")));
//! # Ok(())
//! # }
//! ```

use bowline::{Client, Error, WebSocket};
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::io::{DuplexStream, duplex};
use tower_service::Service;

use crate::{BoxError, Http2, Io};

/// How much the pipe holds in each direction, in bytes.
const PIPE: usize = 64 << 10;

/// What hyper serves: any tower service that answers requests, such as axum's `Router`.
pub trait Servable:
    Service<
        Request<Incoming>,
        Response = Response<Self::Body>,
        Future: Send + 'static,
        Error: Into<BoxError>,
    > + Clone
    + Send
    + 'static
{
    /// The body of its responses.
    type Body: Body<Data: Send, Error: Into<BoxError>> + Send + 'static;
}

impl<S, B> Servable for S
where
    S: Service<
            Request<Incoming>,
            Response = Response<B>,
            Future: Send + 'static,
            Error: Into<BoxError>,
        > + Clone
        + Send
        + 'static,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    type Body = B;
}

/// Opens a WebSocket of this service over HTTP/1.1; gives it with the response.
///
/// Not cancel-safe: dropped, the connection is dropped.
///
/// # Errors
///
/// As [`Client::handshake`]: the response of a service that refuses is [`Error::refusal`].
pub async fn connect<S, C>(
    service: S,
    client: C,
) -> Result<(WebSocket<DuplexStream>, Response<()>), Error>
where
    S: Servable,
    C: TryInto<Client>,
    Error: From<C::Error>,
{
    client.try_into()?.handshake(serve(service)).await
}

/// Opens a WebSocket of this service as a stream of an HTTP/2 connection; gives it with the response.
///
/// Not cancel-safe: dropped, the connection is dropped.
///
/// # Errors
///
/// As [`Http2::connect`]: the response of a service that refuses is [`Error::refusal`].
pub async fn connect_h2<S, C>(service: S, client: C) -> Result<(WebSocket<Io>, Response<()>), Error>
where
    S: Servable,
    C: TryInto<Client>,
    Error: From<C::Error>,
{
    Http2::handshake(serve(service)).await?.connect(client).await
}

/// Serves one connection; gives the client's end of it.
fn serve(service: impl Servable) -> DuplexStream {
    let (client, server) = duplex(PIPE);
    tokio::spawn(async move {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http2().enable_connect_protocol();
        let service = TowerToHyperService::new(service);
        // How it ends is the client's to see.
        let _ = builder.serve_connection_with_upgrades(TokioIo::new(server), service).await;
    });
    client
}
