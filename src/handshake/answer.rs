use bytes::Bytes;
use http::Response;

use crate::vocabulary::{Agreement, UsageError};

/// What a server answers: an acceptance made by [`Offer::accept`](super::Offer::accept), or any other
/// HTTP response.
///
/// An answer that can't be sent, as one with a subprotocol that wasn't offered, is refused when it is
/// encoded, with nothing written.
#[derive(Debug)]
pub struct Answer(Result<Content, UsageError>);

#[derive(Debug)]
pub(super) enum Content {
    Accepted(Response<Bytes>, Agreement),
    Other(Response<Bytes>),
}

impl Answer {
    pub(super) fn accepted(response: Response<Bytes>, agreement: Agreement) -> Self {
        Self(Ok(Content::Accepted(response, agreement)))
    }

    pub(super) fn impossible(error: UsageError) -> Self {
        Self(Err(error))
    }

    pub(super) fn into_content(self) -> Result<Content, UsageError> {
        self.0
    }
}

impl<B: Into<Bytes>> From<Response<B>> for Answer {
    /// An HTTP response that is final: any status from 200 up.
    fn from(response: Response<B>) -> Self {
        Self(if response.status().is_informational() {
            Err(UsageError::InvalidStatus(response.status()))
        } else {
            Ok(Content::Other(response.map(Into::into)))
        })
    }
}
