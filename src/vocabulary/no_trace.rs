//! A build without the feature `tracing`: what `trace.rs` tells, told to nobody.

use std::{fmt::Display, future::Future, time::Duration};

use http::Uri;

use super::{CloseFrame, Error, Role};

pub(crate) fn connecting<F: Future>(_: &Uri, future: F) -> F {
    future
}

pub(crate) fn dialled(_: impl Display) {}

#[cfg(feature = "proxy")]
pub(crate) fn proxied(_: &Uri) {}

#[cfg(feature = "rustls")]
pub(crate) fn secured(_: impl std::fmt::Debug) {}

pub(crate) fn redirected(_: &Uri) {}

pub(crate) fn reconnecting(_: Duration, _: Option<&impl Display>) {}

pub(crate) fn handshake<F: Future>(_: Role, _: &'static str, future: F) -> F {
    future
}

pub(crate) fn close_sent(_: Role, _: Option<&CloseFrame>) {}

pub(crate) fn close_received(_: Role, _: Option<&CloseFrame>) {}

pub(crate) fn failed(_: Role, _: &Error) {}

pub(crate) fn keepalive_ping(_: Role) {}

pub(crate) fn round_trip(_: Role, _: Duration) {}
