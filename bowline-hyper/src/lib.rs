#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod origins;
#[cfg(feature = "json")]
mod typed;

pub use origins::{InvalidOrigin, Origins, RefusedOrigin};
#[cfg(feature = "json")]
pub use typed::{ParseError, Typed, TypedError};
