//! What the crate tells `tracing`: one function an event, so that the names and levels are in one place, and nothing of
//! them where the feature is off.
//!
//! | target | what | level |
//! | --- | --- | --- |
//! | `bowline::connect` | span `connect`; a transport is there, TLS is, a redirect is followed; it failed; another attempt | debug |
//! | `bowline::handshake` | span `handshake`; a request received, opened, or failed | debug |
//! | `bowline::close` | a Close sent, a Close received | debug |
//! | `bowline::error` | what ended a connection | debug |
//! | `bowline::keepalive` | a ping sent, and its answer | trace |

use std::{fmt::Display, future::Future, time::Duration};

use http::{Uri, uri::Authority};
use tracing::{Instrument, debug, debug_span, trace};

use super::{CloseCode, CloseFrame, Error, Role};

/// Runs an attempt to connect in its span; tells why it has failed. Of the URI its query is left out: many a token is
/// in one.
pub(crate) fn connecting<O>(
    uri: &Uri,
    future: impl Future<Output = Result<O, Error>>,
) -> impl Future<Output = Result<O, Error>> {
    let span = debug_span!(
        target: "bowline::connect",
        "connect",
        scheme = uri.scheme_str(),
        authority = uri.authority().map(Authority::as_str),
        path = uri.path(),
    );
    let attempt = async {
        let result = future.await;
        if let Err(error) = &result {
            debug!(target: "bowline::connect", %error, "failed");
        }
        result
    };
    attempt.instrument(span)
}

pub(crate) fn dialled(address: impl Display) {
    debug!(target: "bowline::connect", %address, "connected");
}

#[cfg(feature = "proxy")]
pub(crate) fn proxied(proxy: &Uri) {
    debug!(target: "bowline::connect", %proxy, "through a proxy");
}

#[cfg(feature = "rustls")]
pub(crate) fn secured(version: impl std::fmt::Debug) {
    debug!(target: "bowline::connect", ?version, "TLS is set up");
}

pub(crate) fn redirected(uri: &Uri) {
    let authority = uri.authority().map(Authority::as_str);
    debug!(target: "bowline::connect", authority, path = uri.path(), "redirected");
}

pub(crate) fn reconnecting(delay: Duration, reason: Option<&impl Display>) {
    let reason = reason.map(tracing::field::display);
    debug!(target: "bowline::connect", ?delay, reason, "connecting again");
}

/// Runs a step of the opening handshake in the span of that name; tells what has been done by it, or failed.
pub(crate) async fn handshake<O>(
    role: Role,
    step: &'static str,
    future: impl Future<Output = Result<O, Error>>,
) -> Result<O, Error> {
    let span = debug_span!(target: "bowline::handshake", "handshake", ?role);
    async {
        let result = future.await;
        match &result {
            Ok(_) => debug!(target: "bowline::handshake", "{step}"),
            Err(error) => debug!(target: "bowline::handshake", %error, "failed"),
        }
        result
    }
    .instrument(span)
    .await
}

pub(crate) fn close_sent(role: Role, frame: Option<&CloseFrame>) {
    debug!(target: "bowline::close", ?role, code = code(frame), "Close sent");
}

pub(crate) fn close_received(role: Role, frame: Option<&CloseFrame>) {
    debug!(target: "bowline::close", ?role, code = code(frame), "Close received");
}

/// The code; no reason, which may be anything.
fn code(frame: Option<&CloseFrame>) -> Option<u16> {
    frame.map(|frame| CloseCode::into(frame.code))
}

pub(crate) fn failed(role: Role, error: &Error) {
    let is_disconnect = error.is_disconnect();
    debug!(target: "bowline::error", ?role, %error, is_disconnect, "the connection failed");
}

pub(crate) fn keepalive_ping(role: Role) {
    trace!(target: "bowline::keepalive", ?role, "ping");
}

pub(crate) fn round_trip(role: Role, round_trip: Duration) {
    trace!(target: "bowline::keepalive", ?role, ?round_trip, "answered");
}
