use std::{error, fmt};

/// A SOCKS5 proxy was reached, and there is no way through it (RFC 1928, RFC 1929).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocksError {
    /// The user's name is too long for the protocol; its length in bytes. Nothing was sent.
    UserTooLong(usize),
    /// The password is too long for the protocol; its length in bytes. Nothing was sent.
    PasswordTooLong(usize),
    /// The server's name is too long for the protocol; its length in bytes. Nothing was sent.
    HostTooLong(usize),
    /// An answer that begins with another version than its own: with this byte.
    NotSocks5(u8),
    /// The proxy lets nobody in without a method of authentication, and the proxy's URI has no user information.
    CredentialsWanted,
    /// The proxy takes neither user and password, which were offered, nor anybody without.
    CredentialsNotTaken,
    /// The proxy chose a method of authentication that was not offered: this one.
    UnofferedMethod(u8),
    /// User and password are not the right ones.
    CredentialsRefused,
    /// The proxy did not connect; what it replied.
    Refused(SocksReply),
    /// The proxy's own address is of a kind that there isn't: this one.
    AddressType(u8),
    /// The stream ended before the last answer did.
    EndOfStream,
}

/// Why a SOCKS5 proxy did not connect: a number of RFC 1928 section 6.
///
/// The number space is open, so this is a number with names, not an enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocksReply(u8);

impl SocksReply {
    /// 1: general failure of the SOCKS server.
    pub const GENERAL_FAILURE: Self = Self(1);
    /// 2: the connection is not allowed by the ruleset.
    pub const NOT_ALLOWED: Self = Self(2);
    /// 3: the network is unreachable.
    pub const NETWORK_UNREACHABLE: Self = Self(3);
    /// 4: the host is unreachable, or its name has no address.
    pub const HOST_UNREACHABLE: Self = Self(4);
    /// 5: the connection was refused.
    pub const CONNECTION_REFUSED: Self = Self(5);
    /// 6: the time to live has expired.
    pub const TTL_EXPIRED: Self = Self(6);
    /// 7: the command, CONNECT here, is not supported.
    pub const COMMAND_NOT_SUPPORTED: Self = Self(7);
    /// 8: the type of the address, IPv6 or a name, is not supported.
    pub const ADDRESS_TYPE_NOT_SUPPORTED: Self = Self(8);

    /// The reply of this number.
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// What the reply means, in a few words; `None` for one that RFC 1928 leaves unassigned.
    pub const fn meaning(self) -> Option<&'static str> {
        Some(match self {
            Self::GENERAL_FAILURE => "general server failure",
            Self::NOT_ALLOWED => "connection not allowed",
            Self::NETWORK_UNREACHABLE => "network unreachable",
            Self::HOST_UNREACHABLE => "host unreachable",
            Self::CONNECTION_REFUSED => "connection refused",
            Self::TTL_EXPIRED => "ttl expired",
            Self::COMMAND_NOT_SUPPORTED => "command not supported",
            Self::ADDRESS_TYPE_NOT_SUPPORTED => "address type not supported",
            _ => return None,
        })
    }
}

impl From<SocksReply> for u8 {
    fn from(reply: SocksReply) -> Self {
        reply.0
    }
}

impl From<u8> for SocksReply {
    fn from(number: u8) -> Self {
        Self(number)
    }
}

impl PartialEq<u8> for SocksReply {
    fn eq(&self, number: &u8) -> bool {
        self.0 == *number
    }
}

/// The number.
impl fmt::Display for SocksReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for SocksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UserTooLong(length) => write!(f, "user of {length} bytes, 255 allowed"),
            Self::PasswordTooLong(length) => write!(f, "password of {length} bytes, 255 allowed"),
            Self::HostTooLong(length) => write!(f, "host of {length} bytes, 255 allowed"),
            Self::NotSocks5(first) => {
                write!(f, "the answer is not SOCKS5, it begins with {first:#04x}")
            }
            Self::CredentialsWanted => f.write_str("user and password are wanted, none were given"),
            Self::CredentialsNotTaken => {
                f.write_str("user and password were given, another method is wanted")
            }
            Self::UnofferedMethod(method) => {
                write!(f, "method {method} chosen, it was not offered")
            }
            Self::CredentialsRefused => f.write_str("credentials not accepted"),
            Self::Refused(reply) => match reply.meaning() {
                Some(meaning) => f.write_str(meaning),
                None => write!(f, "refused with reply {reply}"),
            },
            Self::AddressType(kind) => {
                write!(f, "address type {kind} in the answer, 1, 3 or 4 expected")
            }
            Self::EndOfStream => f.write_str("end of stream inside the SOCKS handshake"),
        }
    }
}

impl error::Error for SocksError {}
