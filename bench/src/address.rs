//! Where a server listens, and whether TLS is spoken there.

use std::{io, net::Ipv4Addr, sync::Arc};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::ring},
};

/// As a server's process says it: its port at 127.0.0.1, and behind that its certificate, in Base64, where it speaks TLS.
pub(crate) struct Address {
    pub(crate) port: u16,
    /// What trusts the certificate, and no other.
    pub(crate) tls: Option<TlsConnector>,
}

impl Address {
    pub(crate) const HOST: Ipv4Addr = Ipv4Addr::LOCALHOST;

    pub(crate) fn parse(line: &str) -> io::Result<Self> {
        let mut words = line.split_whitespace();
        let port = words.next().and_then(|port| port.parse().ok());
        let port = port.ok_or_else(|| io::Error::other(format!("no port: {line:?}")))?;
        Ok(Self { port, tls: words.next().map(connector).transpose()? })
    }

    /// Without TLS.
    pub(crate) fn plain(port: u16) -> Self {
        Self { port, tls: None }
    }
}

fn connector(certificate: &str) -> io::Result<TlsConnector> {
    let certificate = BASE64_STANDARD.decode(certificate).map_err(io::Error::other)?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate.into()).map_err(io::Error::other)?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_what_a_server_says() {
        let plain = Address::parse("4711 \n").unwrap();
        assert_eq!((plain.port, plain.tls.is_some()), (4711, false));
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let certificate = BASE64_STANDARD.encode(made.cert.der());
        assert!(Address::parse(&format!("4711 {certificate}\n")).unwrap().tls.is_some());
        for line in ["", "off", "70000", "4711 bm8gY2VydGlmaWNhdGU="] {
            assert!(Address::parse(line).is_err(), "{line}");
        }
    }
}
