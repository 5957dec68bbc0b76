//! A build without TLS: `wss` is refused before anything is dialled.

use std::convert::Infallible;

use crate::{
    client::stream::Stream,
    vocabulary::{Error, UsageError},
};

#[derive(Clone, Debug, Default)]
pub(in crate::client) struct Tls(());

/// There is none.
pub(super) struct Securing(Infallible);

impl Tls {
    pub(super) fn prepare(&self, _: &str) -> Result<Securing, Error> {
        Err(UsageError::TlsNotAvailable.into())
    }
}

/// Nothing else comes late.
pub(in crate::client) fn late(error: Error) -> Error {
    error
}

impl Securing {
    pub(super) async fn secure(self, _: Stream) -> Result<Stream, Error> {
        match self.0 {}
    }
}
