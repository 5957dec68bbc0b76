//! Whose certificates are good.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use bowline::client::tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};

pub(crate) enum Trust {
    /// Whom the operating system trusts.
    Default,
    /// Those in a PEM file.
    Authorities(PathBuf),
    Anybody,
}

impl Trust {
    /// This where nothing else was said.
    pub(crate) fn or(self, other: Self) -> Result<Self, String> {
        match self {
            Self::Default => Ok(other),
            _ => Err("whom to trust can be said once: --ca or --insecure".into()),
        }
    }

    /// What `Client::tls` is told; `None` where its own default will do.
    pub(crate) fn config(&self) -> Result<Option<Arc<ClientConfig>>, String> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = match self {
            Self::Default => return Ok(None),
            Self::Authorities(path) => builder.with_root_certificates(roots(path)?),
            Self::Anybody => {
                let verifier = Arc::new(Anybody(provider));
                builder.dangerous().with_custom_certificate_verifier(verifier)
            }
        };
        let mut config = builder.with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Some(Arc::new(config)))
    }
}

fn roots(path: &Path) -> Result<RootCertStore, String> {
    let complaint = |error: &dyn fmt::Display| format!("{}: {error}", path.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| complaint(&error))? {
        let certificate = certificate.map_err(|error| complaint(&error))?;
        roots.add(certificate).map_err(|error| complaint(&error))?;
    }
    if roots.is_empty() {
        return Err(complaint(&"no certificate in it"));
    }
    Ok(roots)
}

/// Takes any certificate. That whoever shows it has its key is still checked, so that this is private from all but them.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
