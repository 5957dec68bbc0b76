//! What a row asks of permessage-deflate.

use std::{fmt, io, str::FromStr};

/// How a server is set, and what the load offers it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    /// No compression.
    Off,
    /// The server's default, with the offer of a browser.
    Default,
    /// The server's setting for many connections, with the offer of a browser.
    LowMemory,
    /// No context kept, either way.
    Dropped,
    /// Context kept, both ways.
    Kept,
}

impl Setting {
    const ALL: [Self; 5] = [Self::Off, Self::Default, Self::LowMemory, Self::Dropped, Self::Kept];

    /// Its word on the command line.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Default => "default",
            Self::LowMemory => "low-memory",
            Self::Dropped => "dropped",
            Self::Kept => "kept",
        }
    }

    /// The extension that the load offers.
    pub(crate) fn offer(self) -> Option<&'static str> {
        match self {
            Self::Off => None,
            Self::Default | Self::LowMemory => Some("permessage-deflate; client_max_window_bits"),
            Self::Dropped => {
                Some("permessage-deflate; client_no_context_takeover; server_no_context_takeover")
            }
            // Without client_max_window_bits: a server that answers it with less would do other work.
            Self::Kept => Some("permessage-deflate"),
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Default => "default",
            Self::LowMemory => "low memory",
            Self::Dropped => "no context kept",
            Self::Kept => "context kept both ways",
        })
    }
}

impl FromStr for Setting {
    type Err = io::Error;

    fn from_str(word: &str) -> io::Result<Self> {
        let found = Self::ALL.into_iter().find(|setting| setting.word() == word);
        found.ok_or_else(|| io::Error::other(format!("{word}: no setting")))
    }
}
