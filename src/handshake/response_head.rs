use bytes::{Buf, BytesMut};
use http::{Response, StatusCode};

use super::{
    head::{self, HeadScanner},
    refusal::{BodyState, Refusal},
};
use crate::vocabulary::HandshakeError;

/// A response that is arriving.
///
/// ```text
///          the status that accepts
///   Head --------------------------> the response
///   |  ^ |
///   +--+ | another status        its body
///   1xx  +-----------------> Refused ----> HandshakeError::Refused
/// ```
#[derive(Debug)]
pub(super) enum ResponseHead {
    Head(HeadScanner),
    Refused(Refusal),
}

impl ResponseHead {
    pub(super) fn new() -> Self {
        Self::Head(HeadScanner::default())
    }

    /// The head of a response that accepts, once it is there. Bytes behind it are left.
    pub(super) fn read(
        &mut self,
        src: &mut BytesMut,
        is_accepted: fn(StatusCode) -> bool,
    ) -> Result<Option<Response<()>>, HandshakeError> {
        while let Self::Head(scanner) = self {
            let Some(end) = scanner.find_end(src)? else { return Ok(None) };
            let response = head::parse_response(&src[..end])?;
            src.advance(end);
            let status = response.status();
            if is_accepted(status) {
                return Ok(Some(response));
            }
            // "A client MUST be able to parse one or more 1xx responses received prior to a final
            // response" (RFC 9110 section 15.2).
            if !status.is_informational() {
                *self = Self::Refused(Refusal::new(response));
            }
        }
        let Self::Refused(refusal) = self else { return Ok(None) };
        match refusal.take(src) {
            BodyState::Arriving => Ok(None),
            BodyState::Complete => self.take_refusal().map_or(Ok(None), Err),
        }
    }

    /// The refusal whose body is arriving, with what has come of it.
    pub(super) fn take_refusal(&mut self) -> Option<HandshakeError> {
        match std::mem::replace(self, Self::new()) {
            Self::Refused(refusal) => Some(refusal.into_error()),
            Self::Head(scanner) => {
                *self = Self::Head(scanner);
                None
            }
        }
    }
}
