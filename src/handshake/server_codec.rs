use bytes::{Buf, Bytes, BytesMut};
use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode,
    header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING},
};
use tokio_util::codec::{Decoder, Encoder};

use super::{
    Answer, End, HandshakeCodec, Request,
    answer::Content,
    check_behind, end_of_head,
    head::{self, HeadScanner},
    request_rules,
};
use crate::vocabulary::{Agreement, Error, HandshakeError, Role, UsageError, grammar};

/// The server's end of a [`HandshakeCodec`].
///
/// ```text
///             a request               an answer
///   Request -------------> Answer ---------------> Done
///      |                     ^
///      +---------------------+ a breach, to be answered too
/// ```
#[derive(Debug)]
pub struct Server {
    state: State,
    behind: Behind,
}

#[derive(Debug)]
enum State {
    /// The request's head is arriving.
    Request(HeadScanner),
    /// The request, or its breach, waits for an answer.
    Answer(AnswerBody),
    /// Answered; agreed on where the answer was 101.
    Done(Agreement),
}

/// What becomes of bytes behind the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behind {
    /// They are the next codec's.
    Kept,
    /// After a breach they are nobody's.
    Discarded,
}

/// Whether the answer's body is to be sent: "The HEAD method is identical to GET except that the server
/// MUST NOT send content in the response" (RFC 9110 section 9.3.2).
#[derive(Clone, Copy, Debug)]
enum AnswerBody {
    Sent,
    Withheld,
}

impl Server {
    pub(super) fn new() -> Self {
        Self { state: State::Request(HeadScanner::default()), behind: Behind::Kept }
    }
}

impl Server {
    fn read(&mut self, src: &mut BytesMut) -> Result<Option<Request>, HandshakeError> {
        let State::Request(scanner) = &mut self.state else { return Ok(None) };
        let Some(request) = read_request(scanner, src).transpose() else { return Ok(None) };
        let body = match &request {
            Ok(request) if request.method() == Method::HEAD => AnswerBody::Withheld,
            _ => AnswerBody::Sent,
        };
        self.state = State::Answer(body);
        request.and_then(request_rules::sort).map(Some)
    }
}

impl End for Server {
    const ROLE: Role = Role::Server;

    fn into_agreement(self) -> Agreement {
        match self.state {
            State::Done(agreement) => agreement,
            _ => Agreement::default(),
        }
    }
}

impl Decoder for HandshakeCodec<Server> {
    type Item = Request;
    type Error = Error;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Request>, Error> {
        let result = self.state.read(src);
        if result.is_err() {
            self.state.behind = Behind::Discarded;
        }
        if self.state.behind == Behind::Discarded {
            src.clear();
        }
        if matches!(result, Ok(None)) && !matches!(self.state.state, State::Request(_)) {
            check_behind(src)?;
        }
        Ok(result?)
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Request>, Error> {
        if let Some(request) = self.decode(src)? {
            return Ok(Some(request));
        }
        if !matches!(self.state.state, State::Request(_)) {
            return Ok(None);
        }
        let end = end_of_head(src);
        self.state.state = State::Done(Agreement::default());
        src.clear();
        Err(end.into())
    }
}

fn read_request(
    scanner: &mut HeadScanner,
    src: &mut BytesMut,
) -> Result<Option<http::Request<()>>, HandshakeError> {
    let Some(end) = scanner.find_end(src)? else { return Ok(None) };
    let request = head::parse_request(&src[..end])?;
    src.advance(end);
    Ok(Some(request))
}

impl Encoder<Answer> for HandshakeCodec<Server> {
    type Error = Error;

    fn encode(&mut self, answer: Answer, dst: &mut BytesMut) -> Result<(), Error> {
        let State::Answer(body) = self.state.state else {
            return Err(UsageError::HandshakeOutOfTurn.into());
        };
        let agreement = match answer.into_content()? {
            Content::Accepted(response, agreement) => {
                head::write_response(response.status(), response.headers(), dst);
                agreement
            }
            Content::Other(response) => {
                write_final(response, body, dst);
                Agreement::default()
            }
        };
        self.state.state = State::Done(agreement);
        Ok(())
    }
}

/// Writes a response that ends the connection, its body delimited by its length.
fn write_final(response: Response<Bytes>, sent: AnswerBody, dst: &mut BytesMut) {
    let (mut parts, body) = response.into_parts();
    let has_no_body = matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    set_framing(&mut parts.headers, if has_no_body { None } else { Some(body.len()) });
    head::write_response(parts.status, &parts.headers, dst);
    if matches!(sent, AnswerBody::Sent) && !has_no_body {
        dst.extend_from_slice(&body);
    }
}

fn set_framing(headers: &mut HeaderMap, length: Option<usize>) {
    headers.remove(TRANSFER_ENCODING);
    match length {
        Some(length) => headers.insert(CONTENT_LENGTH, HeaderValue::from(length)),
        None => headers.remove(CONTENT_LENGTH),
    };
    if !grammar::list_contains(headers, CONNECTION, "close") {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
}
