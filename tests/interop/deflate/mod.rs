//! permessage-deflate (RFC 7692) with the other implementations, in every combination of parameters that
//! they know.
//!
//! `tests/interop/deflate.json` has the combinations, and the messages that each connection carries. A peer's
//! client takes a line for each connection on its standard input, with parameters written as in the header:
//!
//! ```text
//! {"offer": "server_max_window_bits=12; client_no_context_takeover", "exercise": "one by one"}
//! ```
//!
//! Once all is echoed and closed it prints the `Sec-WebSocket-Extensions` of the response, "" where there is
//! none. A peer's server takes what it is to wish from the path, `/deflate/` and parameters like these,
//! percent-encoded; it prints `[close code, that header]` for each connection.
//!
//! What bowline sends and receives is recorded too: that both ends understand each other doesn't tell whether
//! they have compressed anything, kept a context, or kept to a window.

pub(crate) mod as_client;
pub(crate) mod as_server;
mod exercise;
mod negotiation;
mod parameters;
mod wire;

use bowline::{Config, Deflate};

use crate::peer::config;

/// How bowline sends, beside what is agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As ever: short messages uncompressed, and each in one frame.
    Usual,
    /// Every message compressed, and in short frames.
    AllInFragments,
}

impl Manner {
    fn threshold(self) -> usize {
        match self {
            Self::Usual => 128,
            Self::AllInFragments => 0,
        }
    }

    fn frame_size(self) -> Option<usize> {
        match self {
            Self::Usual => None,
            Self::AllInFragments => Some(100),
        }
    }

    fn config(self) -> Config {
        config().with_outgoing_frame_size(self.frame_size())
    }

    fn deflate(self, deflate: Deflate) -> Deflate {
        match self {
            Self::Usual => deflate,
            Self::AllInFragments => deflate.with_threshold(self.threshold()),
        }
    }
}
