use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::vocabulary::UsageError;

/// Headers that a caller adds to a handshake; the first bad one is remembered, for a builder's end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields {
    headers: HeaderMap,
    error: Option<UsageError>,
}

impl Fields {
    /// Appends a header, unless it is bad or one that the handshake sets itself.
    pub(crate) fn append<N, V>(&mut self, name: N, value: V)
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        match (name.try_into(), value.try_into()) {
            (Ok(name), Ok(_)) if is_reserved(&name) => self.fail(UsageError::ReservedHeader),
            (Ok(name), Ok(mut value)) => {
                if is_secret(&name) {
                    value.set_sensitive(true);
                }
                if self.headers.try_append(name, value).is_err() {
                    self.fail(UsageError::InvalidHeader);
                }
            }
            _ => self.fail(UsageError::InvalidHeader),
        }
    }

    /// Remembers an error of the builder, unless there is an earlier one.
    pub(crate) fn fail(&mut self, error: UsageError) {
        self.error.get_or_insert(error);
    }

    /// Refuses this header, should it be among them.
    pub(crate) fn forbid(&mut self, name: &HeaderName) {
        if self.headers.contains_key(name) {
            self.fail(UsageError::ReservedHeader);
        }
    }

    /// Keeps those headers that are wanted.
    pub(crate) fn retain(&mut self, is_wanted: impl Fn(&HeaderName, &HeaderValue) -> bool) {
        let headers = std::mem::take(&mut self.headers);
        for (name, value) in headers.iter().filter(|(name, value)| is_wanted(name, value)) {
            self.headers.append(name, value.clone());
        }
    }

    /// The headers, or the first error.
    pub(crate) fn finish(self) -> Result<HeaderMap, UsageError> {
        match self.error {
            Some(error) => Err(error),
            None => Ok(self.headers),
        }
    }
}

/// Whether a header proves who its sender is: no `Debug` shows it then.
fn is_secret(name: &HeaderName) -> bool {
    [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE].contains(name)
}

/// Headers with which the handshake would no longer say what it is.
pub(super) fn is_reserved(name: &HeaderName) -> bool {
    const RESERVED: [HeaderName; 7] = [
        header::UPGRADE,
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::SEC_WEBSOCKET_KEY,
        header::SEC_WEBSOCKET_ACCEPT,
        header::SEC_WEBSOCKET_VERSION,
    ];
    RESERVED.contains(name)
}
