//! Echo servers over TLS, each with a certificate that lasts as long as its process.

use std::{error::Error, io, sync::Arc};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use tokio::{
    net::{TcpListener, TcpStream},
    task::unconstrained,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring},
    server::TlsStream,
};

use super::{Server, accept, bowline, raw, tokio_websockets, tungstenite};
use crate::setting::Setting;

/// Runs an echo server until it is ended from outside. Prints its port first, and its certificate behind it.
pub(crate) fn serve(server: Server) -> io::Result<()> {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]);
    let made = made.map_err(io::Error::other)?;
    let key = made.signing_key.serialize_der().try_into().map_err(io::Error::other)?;
    let certificate = made.cert.der().clone();
    let said = BASE64_STANDARD.encode(&certificate);
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .map_err(io::Error::other)?;
    let tls = TlsAcceptor::from(Arc::new(config));
    super::run_saying(&said, async |listener| echo(listener, server, tls).await)
}

async fn echo(listener: TcpListener, server: Server, tls: TlsAcceptor) -> io::Result<()> {
    let made = bowline::server(Setting::Off);
    match server {
        Server::Raw => accept(listener, |tcp| over(&tls, tcp, raw::echo)).await,
        Server::Bowline => {
            accept(listener, |tcp| over(&tls, tcp, |io| bowline::echo(io, made))).await
        }
        Server::BowlineSend => {
            accept(listener, |tcp| over(&tls, tcp, |io| bowline::echo_by_send(io, made))).await
        }
        Server::Tungstenite => {
            let echo = |io| tungstenite::echo(io, tungstenite::config());
            accept(listener, |tcp| over(&tls, tcp, echo)).await
        }
        Server::TungsteniteForward => {
            accept(listener, |tcp| over(&tls, tcp, tungstenite::echo_by_forward)).await
        }
        Server::TokioWebSockets => {
            let echo = |io| unconstrained(tokio_websockets::echo(io));
            accept(listener, |tcp| over(&tls, tcp, echo)).await
        }
        Server::TokioWebSocketsForward => {
            let echo = |io| unconstrained(tokio_websockets::echo_by_forward(io));
            accept(listener, |tcp| over(&tls, tcp, echo)).await
        }
        other => Err(io::Error::other(format!("{}: not served over TLS", other.name()))),
    }
}

/// The echo on a connection with TLS on it.
fn over<O, F, E>(
    tls: &TlsAcceptor,
    tcp: TcpStream,
    echo: O,
) -> impl Future<Output = io::Result<()>> + use<O, F, E>
where
    O: FnOnce(TlsStream<TcpStream>) -> F,
    F: Future<Output = Result<(), E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let accepted = tls.accept(tcp);
    async { echo(accepted.await?).await.map_err(io::Error::other) }
}
