//! TLS for the servers among the examples, from PEM files.

use std::{error::Error, io, sync::Arc, time::Duration};

use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
    server::TlsStream,
};
use tokio_util::either::Either;

/// How long a client has for TLS's handshake. The WebSocket's own has a deadline already.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection in plain text, or over TLS.
pub(crate) type Transport = Either<TcpStream, TlsStream<TcpStream>>;

/// What serves this certificate, a file with those that have signed it behind it, with its key.
pub(crate) fn acceptor(certificate: &str, key: &str) -> Result<TlsAcceptor, Box<dyn Error>> {
    let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
    let chain = chain.map_err(|error| format!("{certificate}: {error}"))?;
    let key_of = PrivateKeyDer::from_pem_file(key).map_err(|error| format!("{key}: {error}"))?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key_of);
    let mut config = config.map_err(|error| format!("{certificate}, {key}: {error}"))?;
    // What is spoken here; a client that insists on HTTP/2 learns it now (ALPN).
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The connection as it is, or with TLS on it where there is an acceptor.
pub(crate) async fn accept(tcp: TcpStream, acceptor: Option<TlsAcceptor>) -> io::Result<Transport> {
    match acceptor {
        Some(acceptor) => Ok(Either::Right(timeout(PATIENCE, acceptor.accept(tcp)).await??)),
        None => Ok(Either::Left(tcp)),
    }
}
