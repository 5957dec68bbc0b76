//! A build without proxies: everybody is reached directly.

use std::convert::Infallible;

use tokio::time::Instant;

use super::Dialer;
use crate::{
    client::{stream::Stream, target::Target},
    vocabulary::Error,
};

/// There is none.
#[derive(Clone, Debug)]
pub(in crate::client) struct Proxy(Infallible);

impl Proxy {
    pub(super) fn intercept(&self, _: &Target) -> Option<Hop> {
        match self.0 {}
    }
}

/// Nor is there a way through one.
pub(super) struct Hop(Infallible);

impl Hop {
    pub(super) async fn reach(
        &self,
        _: &Dialer,
        _: &Target,
        _: Option<Instant>,
    ) -> Result<Stream, Error> {
        match self.0 {}
    }
}
