#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod asked;
#[cfg(feature = "axum")]
pub mod axum;
mod carrier;
#[cfg(feature = "client")]
mod client;
#[cfg(all(any(doc, doctest), feature = "axum", feature = "tower"))]
#[doc = include_str!("dwebsocket.md")]
pub mod dwebsocket {}
mod deadline;
mod handler;
mod io;
#[cfg(feature = "tower")]
mod layer;
mod options;
mod origins;
mod rejection;
#[cfg(feature = "test")]
pub mod test;
#[cfg(feature = "json")]
mod typed;
mod upgrade;

/// The crate that the connections are of.
pub use bowline;
#[cfg(feature = "client")]
pub use client::{Http2, connect_h2};
pub use handler::{BoxError, Outcome};
pub use io::Io;
#[cfg(feature = "tower")]
pub use layer::{WebSocketLayer, WebSocketService};
pub use options::Options;
pub use origins::{InvalidOrigin, Origins, RefusedOrigin};
pub use rejection::Rejection;
#[cfg(feature = "json")]
pub use typed::{ParseError, Typed, TypedError};
pub use upgrade::{Upgrade, is_websocket, upgrade};
