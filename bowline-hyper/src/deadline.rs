//! How long a handshake may take, whichever end's.

use std::{future::Future, io};

use bowline::{Config, Error, HandshakeError};
use tokio::time::{Instant, timeout_at};

/// When the handshake has to be over.
pub(crate) fn deadline(config: &Config) -> Option<Instant> {
    config.handshake_timeout().and_then(|limit| Instant::now().checked_add(limit))
}

pub(crate) async fn within<O>(
    by: Option<Instant>,
    future: impl Future<Output = Result<O, Error>>,
) -> Result<O, Error> {
    match by {
        Some(by) => timeout_at(by, future).await.unwrap_or(Err(HandshakeError::TimedOut.into())),
        None => future.await,
    }
}

pub(crate) fn io_error(error: hyper::Error) -> Error {
    io::Error::other(error).into()
}
