//! TLS for `wss`, by rustls.

use std::{
    fmt, io,
    sync::{Arc, OnceLock},
};

use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, ConfigBuilder, Error as TlsError, InvalidMessage, WantsVerifier,
        client::WantsClientCert, crypto::CryptoProvider, pki_types::ServerName,
    },
};

use crate::{
    client::stream::Stream,
    vocabulary::{ConnectError, Error, UsageError, trace},
};

/// The only protocol that the opening handshake is written in here (RFC 7301).
const HTTP_1_1: &[u8] = b"http/1.1";

/// What TLS is set up with: the caller's, or what this build has.
#[derive(Clone, Default)]
pub(in crate::client) struct Tls(Option<TlsConnector>);

/// TLS to a server, ready to begin.
pub(super) struct Securing {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Tls {
    pub(in crate::client) fn new(connector: TlsConnector) -> Self {
        Self(Some(connector))
    }

    pub(super) fn prepare(&self, host: &str) -> Result<Securing, Error> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| UsageError::InvalidUri)?;
        let connector = match &self.0 {
            Some(connector) => connector.clone(),
            None => shared()?,
        };
        Ok(Securing { connector, name })
    }
}

impl Securing {
    pub(super) async fn secure(self, io: Stream) -> Result<Stream, Error> {
        let tls = self.connector.connect(self.name, io).await.map_err(failure)?;
        let session = tls.get_ref().1;
        trace::secured(session.protocol_version());
        match session.alpn_protocol() {
            None | Some(HTTP_1_1) => Ok(Stream::from(tls)),
            Some(other) => Err(ConnectError::Alpn(other.into()).into()),
        }
    }
}

fn failure(error: io::Error) -> ConnectError {
    match reason(&error) {
        Some(TlsError::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            ConnectError::NotTls(error)
        }
        _ => ConnectError::Tls(error),
    }
}

fn reason(error: &io::Error) -> Option<&TlsError> {
    error.get_ref()?.downcast_ref()
}

/// An error of the opening handshake. An alert still belongs to the way there: with TLS 1.3 a client is done before the
/// server has judged its certificate (RFC 8446 section 2), so that the server's refusal is met by the first read.
pub(in crate::client) fn late(error: Error) -> Error {
    match error {
        Error::Io(error) if matches!(reason(&error), Some(TlsError::AlertReceived(_))) => {
            ConnectError::Tls(error).into()
        }
        error => error,
    }
}

/// What this build has, made once: all clients of a process share the sessions that they can resume.
fn shared() -> Result<TlsConnector, Error> {
    static SHARED: OnceLock<TlsConnector> = OnceLock::new();
    if let Some(connector) = SHARED.get() {
        return Ok(connector.clone());
    }
    let mut config = config()?;
    config.alpn_protocols = vec![HTTP_1_1.to_vec()];
    Ok(SHARED.get_or_init(|| TlsConnector::from(Arc::new(config))).clone())
}

fn config() -> Result<ClientConfig, Error> {
    let provider = provider().ok_or(UsageError::TlsNotConfigured)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(tls_error)?;
    Ok(trusting(builder)?.with_no_client_auth())
}

/// The process's provider where it has chosen one, and what is compiled in otherwise.
fn provider() -> Option<Arc<CryptoProvider>> {
    CryptoProvider::get_default().cloned().or_else(compiled_in)
}

#[cfg(feature = "rustls-aws-lc-rs")]
fn compiled_in() -> Option<Arc<CryptoProvider>> {
    Some(Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider()))
}

#[cfg(all(feature = "rustls-ring", not(feature = "rustls-aws-lc-rs")))]
fn compiled_in() -> Option<Arc<CryptoProvider>> {
    Some(Arc::new(tokio_rustls::rustls::crypto::ring::default_provider()))
}

#[cfg(not(any(feature = "rustls-ring", feature = "rustls-aws-lc-rs")))]
fn compiled_in() -> Option<Arc<CryptoProvider>> {
    None
}

type Untrusting = ConfigBuilder<ClientConfig, WantsVerifier>;
type Trusting = ConfigBuilder<ClientConfig, WantsClientCert>;

/// The operating system is asked where both kinds of trust are compiled in: it knows what its owner has added.
#[cfg(feature = "native-roots")]
fn trusting(builder: Untrusting) -> Result<Trusting, Error> {
    use rustls_platform_verifier::BuilderVerifierExt;
    builder.with_platform_verifier().map_err(tls_error)
}

#[cfg(all(feature = "webpki-roots", not(feature = "native-roots")))]
fn trusting(builder: Untrusting) -> Result<Trusting, Error> {
    let roots =
        tokio_rustls::rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
    Ok(builder.with_root_certificates(roots))
}

#[cfg(not(any(feature = "webpki-roots", feature = "native-roots")))]
fn trusting(_: Untrusting) -> Result<Trusting, Error> {
    Err(UsageError::TlsNotConfigured.into())
}

#[allow(dead_code, reason = "not every choice of features can fail")]
fn tls_error(error: TlsError) -> Error {
    ConnectError::Tls(io::Error::other(error)).into()
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Tls(own)" } else { "Tls(default)" })
    }
}
