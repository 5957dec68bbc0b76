use bytes::{Buf, Bytes, BytesMut};
use http::{
    HeaderMap, Response, StatusCode,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};

use crate::vocabulary::{HandshakeError, grammar};

/// How much of a refusal's body is kept.
const MAX_BODY: usize = 64 << 10;

/// The longest line that says how long a chunk is, extensions included; past it the body ends here.
const MAX_CHUNK_LINE: usize = 4 << 10;

/// A response other than 101, whose body is arriving.
#[derive(Debug)]
pub(super) struct Refusal {
    response: Response<()>,
    body: BytesMut,
    framing: Framing,
}

/// Whether there is more to come of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyState {
    Arriving,
    Complete,
}

/// What ends the body (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug)]
enum Framing {
    /// This many bytes more.
    Length(u64),
    /// Chunks, of the present one so many bytes more.
    Chunked(u64),
    /// The end of the stream.
    UntilEnd,
}

impl Refusal {
    pub(super) fn new(response: Response<()>) -> Self {
        let framing = framing(response.status(), response.headers());
        Self { response, body: BytesMut::new(), framing }
    }

    /// Takes what has arrived; complete is also a body as long as is kept.
    pub(super) fn take(&mut self, src: &mut BytesMut) -> BodyState {
        loop {
            let available = match &mut self.framing {
                Framing::Length(0) => return BodyState::Complete,
                Framing::Chunked(0) => match next_chunk(src) {
                    Chunk::Of(length) => {
                        self.framing = Framing::Chunked(length);
                        continue;
                    }
                    Chunk::Incomplete => return BodyState::Arriving,
                    Chunk::Last => return BodyState::Complete,
                },
                Framing::Length(rest) | Framing::Chunked(rest) => {
                    let available = src.len().min(usize::try_from(*rest).unwrap_or(usize::MAX));
                    *rest -= available as u64;
                    available
                }
                Framing::UntilEnd => src.len(),
            };
            if available == 0 {
                return BodyState::Arriving;
            }
            let kept = available.min(MAX_BODY - self.body.len());
            self.body.extend_from_slice(&src[..kept]);
            src.advance(available);
            if self.body.len() == MAX_BODY {
                return BodyState::Complete;
            }
        }
    }

    /// The refusal with the body so far.
    pub(super) fn into_error(self) -> HandshakeError {
        let body: Bytes = self.body.freeze();
        HandshakeError::Refused(Box::new(self.response.map(|()| body)))
    }
}

fn framing(status: StatusCode, headers: &HeaderMap) -> Framing {
    if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        || status.is_informational()
    {
        return Framing::Length(0);
    }
    if grammar::list_contains(headers, TRANSFER_ENCODING, "chunked") {
        return Framing::Chunked(0);
    }
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let digits = length.filter(|length| length.bytes().all(|byte| byte.is_ascii_digit()));
    let length = digits.and_then(|digits| digits.parse().ok());
    length.map_or(Framing::UntilEnd, Framing::Length)
}

enum Chunk {
    Of(u64),
    Incomplete,
    /// The last one, or no chunk at all: the body ends here.
    Last,
}

/// Reads a chunk's size line, with the line end of the chunk before (RFC 9112 section 7.1).
fn next_chunk(src: &mut BytesMut) -> Chunk {
    let skip = if src.starts_with(b"\r\n") { 2 } else { 0 };
    if &src[..] == b"\r" {
        return Chunk::Incomplete;
    }
    match httparse::parse_chunk_size(&src[skip..]) {
        Ok(httparse::Status::Complete((line, length)))
            if length > 0 && skip + line <= MAX_CHUNK_LINE =>
        {
            src.advance(skip + line);
            Chunk::Of(length)
        }
        Ok(httparse::Status::Partial) if src.len() < MAX_CHUNK_LINE => Chunk::Incomplete,
        _ => Chunk::Last,
    }
}
