//! Which errors may be gone when one tries again, and which come back as often as one does.

use http::StatusCode;

use super::{ConnectError, Error, HandshakeError, SocksError, SocksReply, is_disconnect};
use crate::vocabulary::CloseCode;

impl Error {
    /// Whether the same may succeed when it is tried again later, without anybody changing anything at this end.
    ///
    /// | error | transient |
    /// | --- | --- |
    /// | [`Usage`](Self::Usage), [`Protocol`](Self::Protocol), [`Limit`](Self::Limit) | no |
    /// | [`Handshake`](Self::Handshake) | as [`HandshakeError::is_transient`] says |
    /// | [`Connect`](Self::Connect) | as [`ConnectError::is_transient`] says |
    /// | [`Io`](Self::Io) | yes |
    /// | [`AbnormalClosure`](Self::AbnormalClosure) | yes |
    /// | [`KeepaliveTimeout`](Self::KeepaliveTimeout), [`SendTimeout`](Self::SendTimeout), [`CloseTimeout`](Self::CloseTimeout) | yes |
    /// | [`ClosedEarly`](Self::ClosedEarly) | as [`CloseCode::is_transient`] says; without a code, yes |
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Usage(_) | Self::Protocol(_) | Self::Limit(_) => false,
            Self::Handshake(error) => error.is_transient(),
            Self::Connect(error) => error.is_transient(),
            Self::ClosedEarly(frame) => {
                frame.as_ref().is_none_or(|frame| frame.code.is_transient())
            }
            Self::Io(_)
            | Self::AbnormalClosure(_)
            | Self::KeepaliveTimeout
            | Self::SendTimeout
            | Self::CloseTimeout => true,
        }
    }
}

impl HandshakeError {
    /// Whether the same request may succeed later.
    ///
    /// | error | transient |
    /// | --- | --- |
    /// | [`TimedOut`](Self::TimedOut), [`EndOfStream`](Self::EndOfStream) | yes |
    /// | [`Refused`](Self::Refused) with 408, 425, 429 or 5xx | yes |
    /// | [`Refused`](Self::Refused) with any other status | no |
    /// | an answer that breaks a rule | no |
    pub fn is_transient(&self) -> bool {
        match self {
            Self::TimedOut | Self::EndOfStream(_) => true,
            Self::Refused(response) => is_transient_status(response.status()),
            Self::HeadTooLarge(_)
            | Self::TooManyHeaders(_)
            | Self::MalformedHead
            | Self::BareLineFeed
            | Self::HttpVersion(_)
            | Self::Method(_)
            | Self::InvalidHost
            | Self::InvalidTarget
            | Self::ConnectionSpecificHeader
            | Self::NotWebSocket
            | Self::MissingUpgrade
            | Self::MissingConnectionUpgrade
            | Self::WebSocketVersion(_)
            | Self::DuplicateHeader(_)
            | Self::InvalidKey
            | Self::RequestBody
            | Self::InvalidSubprotocols
            | Self::InvalidExtensions
            | Self::AcceptMismatch
            | Self::UnrequestedSubprotocol
            | Self::UnrequestedExtension
            | Self::UnacceptableParameters
            | Self::NoExtendedConnect
            | Self::UnexpectedResponse => false,
        }
    }
}

impl ConnectError {
    /// Whether the way to the server may be open later.
    ///
    /// | error | transient |
    /// | --- | --- |
    /// | [`TimedOut`](Self::TimedOut), [`Resolve`](Self::Resolve) | yes |
    /// | [`Tls`](Self::Tls) whose connection broke off | yes |
    /// | [`Tls`](Self::Tls) that one end refuses, [`NotTls`](Self::NotTls), [`Alpn`](Self::Alpn) | no |
    /// | [`ProxyUnreachable`](Self::ProxyUnreachable), [`ProxyAnswer`](Self::ProxyAnswer) | as what is inside |
    /// | [`ProxyRefused`](Self::ProxyRefused) | as [`HandshakeError::Refused`] |
    /// | [`Socks`](Self::Socks) | as [`SocksError::is_transient`] says |
    /// | [`Redirect`](Self::Redirect) | no |
    pub fn is_transient(&self) -> bool {
        match self {
            Self::TimedOut(_) | Self::Resolve(..) => true,
            Self::Tls(error) => is_disconnect(error),
            Self::NotTls(_) | Self::Alpn(_) | Self::Redirect(..) => false,
            Self::ProxyUnreachable(error) => error.is_transient(),
            Self::ProxyAnswer(error) => error.is_transient(),
            Self::ProxyRefused(response) => is_transient_status(response.status()),
            Self::Socks(error) => error.is_transient(),
        }
    }
}

impl SocksError {
    /// Whether the proxy may let the same through later.
    ///
    /// | error | transient |
    /// | --- | --- |
    /// | [`EndOfStream`](Self::EndOfStream) | yes |
    /// | [`Refused`](Self::Refused) | as [`SocksReply::is_transient`] says |
    /// | credentials that are wanted, not taken or refused | no |
    /// | an answer that breaks a rule, and what is too long to be asked | no |
    pub const fn is_transient(self) -> bool {
        match self {
            Self::EndOfStream => true,
            Self::Refused(reply) => reply.is_transient(),
            Self::UserTooLong(_)
            | Self::PasswordTooLong(_)
            | Self::HostTooLong(_)
            | Self::NotSocks5(_)
            | Self::CredentialsWanted
            | Self::CredentialsNotTaken
            | Self::UnofferedMethod(_)
            | Self::CredentialsRefused
            | Self::AddressType(_) => false,
        }
    }
}

impl SocksReply {
    /// Whether the proxy may connect to the same later.
    ///
    /// | reply | transient |
    /// | --- | --- |
    /// | 1 general failure, 3 network unreachable, 4 host unreachable, 5 connection refused, 6 TTL expired | yes |
    /// | 2 not allowed, 7 and 8 not supported, and all others | no |
    pub const fn is_transient(self) -> bool {
        matches!(
            self,
            Self::GENERAL_FAILURE
                | Self::NETWORK_UNREACHABLE
                | Self::HOST_UNREACHABLE
                | Self::CONNECTION_REFUSED
                | Self::TTL_EXPIRED
        )
    }
}

/// A 4xx says that the request is at fault (RFC 9110 section 15.5), but for those that are about when it came.
fn is_transient_status(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
        )
}

impl CloseCode {
    /// Whether a peer that closes with this code is worth connecting to again: it says something about itself, and
    /// nothing about us.
    ///
    /// | code | transient |
    /// | --- | --- |
    /// | none ([`NO_STATUS`](Self::NO_STATUS)), or no Close at all ([`ABNORMAL`](Self::ABNORMAL)) | yes |
    /// | 1001 going away, 1011 internal error, 1012 restart, 1013 try again later, 1014 bad gateway | yes |
    /// | 1000: the connection has done what it was for | no |
    /// | 1002, 1003, 1007 to 1010: something that this end does, and would do again | no |
    /// | 3000 to 4999, of which only the application knows, and all others | no |
    pub const fn is_transient(self) -> bool {
        matches!(
            self,
            Self::NO_STATUS
                | Self::ABNORMAL
                | Self::AWAY
                | Self::ERROR
                | Self::RESTART
                | Self::AGAIN
                | Self::BAD_GATEWAY
        )
    }
}
