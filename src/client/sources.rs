//! What a [`Client`] can be made of.

use http::{Method, Request, Uri};

use super::Client;
use crate::vocabulary::{Error, UsageError};

/// As [`Client::new`].
impl TryFrom<&str> for Client {
    type Error = Error;

    fn try_from(uri: &str) -> Result<Self, Error> {
        Self::new(uri)
    }
}

/// As [`Client::new`].
impl TryFrom<String> for Client {
    type Error = Error;

    fn try_from(uri: String) -> Result<Self, Error> {
        Self::new(uri)
    }
}

/// As [`Client::new`].
impl TryFrom<&String> for Client {
    type Error = Error;

    fn try_from(uri: &String) -> Result<Self, Error> {
        Self::new(uri)
    }
}

/// As [`Client::new`].
impl TryFrom<Uri> for Client {
    type Error = Error;

    fn try_from(uri: Uri) -> Result<Self, Error> {
        Self::new(uri.to_string())
    }
}

/// To the request's URI with its headers, as [`Client::header`] takes them: the handshake's own, as the key, are not among
/// them.
impl TryFrom<Request<()>> for Client {
    type Error = Error;

    fn try_from(request: Request<()>) -> Result<Self, Error> {
        if request.method() != Method::GET {
            return Err(UsageError::InvalidMethod.into());
        }
        let client = Self::try_from(request.uri().clone())?;
        Ok(client.headers(request.into_parts().0.headers))
    }
}
