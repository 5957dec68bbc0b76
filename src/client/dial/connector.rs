use std::{fmt, future::Future, io, pin::Pin, sync::Arc};

use http::Uri;

use crate::client::stream::Stream;

type Connecting = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

/// A caller's own way to a transport.
#[derive(Clone)]
pub(in crate::client) struct Connector(Arc<dyn Fn(Uri) -> Connecting + Send + Sync>);

impl Connector {
    pub(super) fn connect(&self, uri: Uri) -> Connecting {
        (self.0)(uri)
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

#[cfg(feature = "tower")]
mod service {
    use std::{
        error,
        future::poll_fn,
        sync::{Mutex, PoisonError},
    };

    use tokio::io::{AsyncRead, AsyncWrite};
    use tower_service::Service;

    use super::{Arc, Connector, Stream, Uri, io};

    impl Connector {
        pub(in crate::client) fn new<S>(service: S) -> Self
        where
            S: Service<Uri> + Clone + Send + 'static,
            S::Response: AsyncRead + AsyncWrite + Send + Unpin + 'static,
            S::Error: Into<Box<dyn error::Error + Send + Sync>>,
            S::Future: Send,
        {
            // Behind a lock, so that it needn't be `Sync`.
            let service = Mutex::new(service);
            Self(Arc::new(move |uri| {
                let service = service.lock().unwrap_or_else(PoisonError::into_inner).clone();
                Box::pin(call(service, uri))
            }))
        }
    }

    async fn call<S>(mut service: S, uri: Uri) -> io::Result<Stream>
    where
        S: Service<Uri>,
        S::Response: AsyncRead + AsyncWrite + Send + Unpin + 'static,
        S::Error: Into<Box<dyn error::Error + Send + Sync>>,
    {
        poll_fn(|cx| service.poll_ready(cx)).await.map_err(io_error)?;
        service.call(uri).await.map(Stream::new).map_err(io_error)
    }

    /// An I/O error as it is; any other inside one.
    fn io_error(error: impl Into<Box<dyn error::Error + Send + Sync>>) -> io::Error {
        match error.into().downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        }
    }
}
