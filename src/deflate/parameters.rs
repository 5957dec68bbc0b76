//! The extension's parameters (RFC 7692 section 7.1).
//!
//! ```text
//! server_no_context_takeover
//! client_no_context_takeover
//! server_max_window_bits=8 to 15
//! client_max_window_bits[=8 to 15]      the value may be missing in an offer alone
//! ```

use super::NAME;
use crate::vocabulary::{ContextTakeover, Extension, MAX_WINDOW_BITS, MIN_WINDOW_BITS};

const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

/// What an offer or a response says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    pub(super) server: Said,
    pub(super) client: Said,
}

/// What is said of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// Dropped where `no_context_takeover` is there.
    pub(super) context: ContextTakeover,
    pub(super) window: Window,
}

/// `max_window_bits`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Window {
    /// The parameter is not there.
    #[default]
    Unsaid,
    /// It is there without a value.
    Unbounded,
    /// It is there with this value.
    Bits(u8),
}

/// A parameter that is unknown, there twice, or has a value that it may not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Invalid;

impl Parameters {
    /// Reads the parameters of this extension.
    pub(super) fn parse(extension: &Extension) -> Result<Self, Invalid> {
        let mut parameters = Self::default();
        for (name, value) in extension.parameters() {
            parameters.add(name, value)?;
        }
        Ok(parameters)
    }

    fn add(&mut self, name: &str, value: Option<&str>) -> Result<(), Invalid> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is(SERVER_NO_CONTEXT_TAKEOVER) {
            self.server.drop_context(value)
        } else if is(CLIENT_NO_CONTEXT_TAKEOVER) {
            self.client.drop_context(value)
        } else if is(SERVER_MAX_WINDOW_BITS) && value.is_some() {
            self.server.limit_window(value)
        } else if is(CLIENT_MAX_WINDOW_BITS) {
            self.client.limit_window(value)
        } else {
            Err(Invalid)
        }
    }

    /// The extension with these parameters.
    pub(super) fn to_extension(self) -> Extension {
        let mut extension = Extension::named(NAME);
        for (said, no_context_takeover, max_window_bits) in [
            (self.server, SERVER_NO_CONTEXT_TAKEOVER, SERVER_MAX_WINDOW_BITS),
            (self.client, CLIENT_NO_CONTEXT_TAKEOVER, CLIENT_MAX_WINDOW_BITS),
        ] {
            if said.context == ContextTakeover::Dropped {
                extension.push(no_context_takeover, None);
            }
            match said.window {
                Window::Unsaid => {}
                Window::Unbounded => extension.push(max_window_bits, None),
                Window::Bits(bits) => extension.push(max_window_bits, Some(bits.to_string())),
            }
        }
        extension
    }
}

impl Default for Said {
    fn default() -> Self {
        Self { context: ContextTakeover::Kept, window: Window::Unsaid }
    }
}

impl Said {
    fn drop_context(&mut self, value: Option<&str>) -> Result<(), Invalid> {
        match (std::mem::replace(&mut self.context, ContextTakeover::Dropped), value) {
            (ContextTakeover::Kept, None) => Ok(()),
            _ => Err(Invalid),
        }
    }

    fn limit_window(&mut self, value: Option<&str>) -> Result<(), Invalid> {
        let window = match value {
            None => Window::Unbounded,
            Some(value) => Window::Bits(window_bits(value).ok_or(Invalid)?),
        };
        match std::mem::replace(&mut self.window, window) {
            Window::Unsaid => Ok(()),
            _ => Err(Invalid),
        }
    }
}

/// "a decimal integer value without leading zeroes between 8 to 15, inclusive" (section 7.1.2).
fn window_bits(value: &str) -> Option<u8> {
    let has_leading_zero = value.starts_with('0');
    let is_decimal = value.bytes().all(|byte| byte.is_ascii_digit());
    let bits = value.parse().ok().filter(|_| is_decimal && !has_leading_zero);
    bits.filter(|bits| (MIN_WINDOW_BITS..=MAX_WINDOW_BITS).contains(bits))
}
