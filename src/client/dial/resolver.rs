use std::{fmt, future::Future, io, net::SocketAddr, pin::Pin, sync::Arc};

use tokio::net::lookup_host;

use crate::vocabulary::{ConnectError, Error};

type Addresses = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Who knows a host's addresses: the operating system, unless it is a caller's own.
#[derive(Clone, Default)]
pub(in crate::client) struct Resolver(Option<Arc<dyn Fn(String, u16) -> Addresses + Send + Sync>>);

impl Resolver {
    pub(in crate::client) fn new<R, F>(resolve: R) -> Self
    where
        R: Fn(String, u16) -> F + Send + Sync + 'static,
        F: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        Self(Some(Arc::new(move |host, port| Box::pin(resolve(host, port)))))
    }

    /// The addresses of a host, the preferred ones first; at least one.
    pub(super) async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
        if let Ok(ip) = host.parse() {
            return Ok(vec![SocketAddr::new(ip, port)]);
        }
        let found = match &self.0 {
            Some(resolve) => resolve(host.to_owned(), port).await,
            // RFC 8305 section 3 would ask for both families separately; the system's resolver waits for both.
            None => lookup_host((host, port)).await.map(Iterator::collect),
        };
        let error = match found {
            Ok(addresses) if !addresses.is_empty() => return Ok(addresses),
            Ok(_) => io::Error::new(io::ErrorKind::NotFound, "the name has none"),
            Err(error) => error,
        };
        Err(ConnectError::Resolve(host.into(), error).into())
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Resolver(own)" } else { "Resolver(system)" })
    }
}
