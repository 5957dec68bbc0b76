use std::fmt;

/// Which end of the connection we are (RFC 6455 section 1.3).
///
/// The roles differ in who masks (the client does, section 5.1) and in who closes TCP first (the
/// server does, section 7.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The end that sent the opening handshake: masks what it sends, refuses masked frames.
    Client,
    /// The end that answered the opening handshake: sends unmasked, refuses unmasked frames.
    Server,
}

impl Role {
    /// The other end's.
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Server => "server",
        })
    }
}
