//! Certificate authorities that live as long as a test, and what they sign.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::sync::Arc;

use bowline::client::tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ClientConfig, RootCertStore, ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer},
    },
};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};

/// When a certificate is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validity {
    Now,
    Past,
    Future,
}

/// Somebody to trust, or not.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with what signed it, and its key.
pub(crate) struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) certificate_pem: String,
    key: KeyPair,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = named(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        Self(CertifiedIssuer::self_signed(params, key()).expect("an authority"))
    }

    /// A store that trusts nobody else.
    pub(crate) fn roots(&self) -> RootCertStore {
        roots(self.0.der())
    }

    /// A client's configuration that trusts nobody else.
    pub(crate) fn trusting(&self) -> Arc<ClientConfig> {
        let config = ClientConfig::builder().with_root_certificates(self.roots());
        Arc::new(config.with_no_client_auth())
    }

    /// A server's end of TLS, as this host or address.
    pub(crate) fn acceptor(&self, name: &str) -> TlsAcceptor {
        let identity = self.issue(&[name]);
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(identity.chain.clone(), identity.key());
        TlsAcceptor::from(Arc::new(config.expect("a certificate and its key")))
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A server's certificate for these names and addresses.
    pub(crate) fn issue(&self, names: &[&str]) -> Identity {
        self.issue_for(names, Validity::Now)
    }

    pub(crate) fn issue_for(&self, names: &[&str], validity: Validity) -> Identity {
        let mut params = named("server", names);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        (params.not_before, params.not_after) = match validity {
            Validity::Now => (date_time_ymd(2001, 1, 1), date_time_ymd(4000, 1, 1)),
            Validity::Past => (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1)),
            Validity::Future => (date_time_ymd(3999, 1, 1), date_time_ymd(4000, 1, 1)),
        };
        self.sign(params)
    }

    /// A client's certificate.
    pub(crate) fn issue_to(&self, name: &str) -> Identity {
        let mut params = named(name, &[name]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> Identity {
        let key = key();
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Identity { chain: vec![certificate.der().clone()], certificate_pem: certificate.pem(), key }
    }
}

impl Identity {
    /// A certificate that nobody else has signed.
    pub(crate) fn self_signed(names: &[&str]) -> Self {
        let key = key();
        let certificate = named("self", names).self_signed(&key).expect("a certificate");
        Self { chain: vec![certificate.der().clone()], certificate_pem: certificate.pem(), key }
    }

    /// A store that trusts this certificate alone.
    pub(crate) fn roots(&self) -> RootCertStore {
        roots(&self.chain[0])
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.key.serialize_der().into())
    }

    pub(crate) fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

fn named(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().copied().map(Into::into).collect();
    let mut params = CertificateParams::new(hosts).expect("names of hosts");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn roots(certificate: &CertificateDer<'static>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("a certificate");
    roots
}
