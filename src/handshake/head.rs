//! HTTP/1.1 heads: where they end, what they hold, how they are written (RFC 9112 section 2).

use bytes::{Buf, BufMut, BytesMut};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header,
};

use crate::vocabulary::HandshakeError;

/// The longest head, in bytes.
const MAX_HEAD: usize = 16 << 10;
/// The most headers.
const MAX_HEADERS: usize = 100;
/// What a client with prior knowledge of HTTP/2 opens with (RFC 9113 section 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n";

/// Finds the empty line that ends a head; each byte is looked at once, however the head arrives.
#[derive(Debug, Default)]
pub(super) struct HeadScanner {
    /// Bytes at the buffer's front that were looked at.
    scanned: usize,
    /// Where the line being scanned starts.
    line_start: usize,
    /// Bytes of empty lines before the head.
    skipped: usize,
}

impl HeadScanner {
    /// The length of the head with its empty line; `None` where more bytes are needed.
    pub(super) fn find_end(
        &mut self,
        buffer: &mut BytesMut,
    ) -> Result<Option<usize>, HandshakeError> {
        if self.scanned > buffer.len() {
            // Somebody has taken bytes out of the buffer: what is left is looked at anew.
            *self = Self::default();
        }
        loop {
            self.check_first(buffer)?;
            let found = buffer[self.scanned..].iter().position(|byte| *byte == b'\n');
            let Some(found) = found else { break };
            let line_feed = self.scanned + found;
            check_size(line_feed + 1)?;
            let line = &buffer[self.line_start..line_feed];
            let Some(line) = line.strip_suffix(b"\r") else {
                return Err(HandshakeError::BareLineFeed);
            };
            if line.is_empty() && self.line_start == 0 {
                // "a server SHOULD ignore at least one empty line (CRLF) received prior to the
                // request-line" (RFC 9112 section 2.2).
                buffer.advance(line_feed + 1);
                *self = Self { skipped: self.skipped + line_feed + 1, ..Self::default() };
                check_size(self.skipped)?;
                continue;
            }
            if line.is_empty() {
                *self = Self::default();
                return Ok(Some(line_feed + 1));
            }
            self.scanned = line_feed + 1;
            self.line_start = self.scanned;
        }
        self.scanned = buffer.len();
        check_size(self.scanned)?;
        Ok(None)
    }

    /// A head begins with a method or with "HTTP", which are graphic bytes (RFC 9112 sections 3 and 4). Whoever speaks
    /// something else, TLS above all, needn't be waited for.
    fn check_first(&self, buffer: &[u8]) -> Result<(), HandshakeError> {
        match buffer.first() {
            None | Some(b'\r' | b'\n') => Ok(()),
            Some(first) if first.is_ascii_graphic() || self.line_start > 0 => Ok(()),
            Some(_) => Err(HandshakeError::MalformedHead),
        }
    }
}

fn check_size(len: usize) -> Result<(), HandshakeError> {
    if len > MAX_HEAD { Err(HandshakeError::HeadTooLarge(MAX_HEAD)) } else { Ok(()) }
}

fn parse_error(error: httparse::Error) -> HandshakeError {
    match error {
        httparse::Error::TooManyHeaders => HandshakeError::TooManyHeaders(MAX_HEADERS),
        _ => HandshakeError::MalformedHead,
    }
}

/// Reads a request's complete head.
pub(super) fn parse_request(head: &[u8]) -> Result<Request<()>, HandshakeError> {
    // The preface ends in an empty line, and would be no more than a strange request line.
    if head.starts_with(HTTP2_PREFACE) {
        return Err(HandshakeError::HttpVersion(Version::HTTP_2));
    }
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let status = parsed.parse(head).map_err(parse_error)?;
    let (httparse::Status::Complete(_), Some(method), Some(path), Some(version)) =
        (status, parsed.method, parsed.path, parsed.version)
    else {
        return Err(HandshakeError::MalformedHead);
    };
    let mut request = Request::new(());
    *request.method_mut() =
        Method::from_bytes(method.as_bytes()).map_err(|_| HandshakeError::MalformedHead)?;
    *request.uri_mut() = Uri::try_from(path).map_err(|_| HandshakeError::MalformedHead)?;
    *request.version_mut() = http_version(version);
    *request.headers_mut() = header_map(parsed.headers)?;
    Ok(request)
}

/// Reads a response's complete head.
pub(super) fn parse_response(head: &[u8]) -> Result<Response<()>, HandshakeError> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut headers);
    let status = parsed.parse(head).map_err(parse_error)?;
    let (httparse::Status::Complete(_), Some(code), Some(version)) =
        (status, parsed.code, parsed.version)
    else {
        return Err(HandshakeError::MalformedHead);
    };
    let mut response = Response::new(());
    *response.status_mut() =
        StatusCode::from_u16(code).map_err(|_| HandshakeError::MalformedHead)?;
    *response.version_mut() = http_version(version);
    *response.headers_mut() = header_map(parsed.headers)?;
    Ok(response)
}

fn http_version(minor: u8) -> Version {
    if minor == 0 { Version::HTTP_10 } else { Version::HTTP_11 }
}

fn header_map(parsed: &[httparse::Header<'_>]) -> Result<HeaderMap, HandshakeError> {
    let mut headers = HeaderMap::with_capacity(parsed.len());
    for header in parsed {
        let name = HeaderName::from_bytes(header.name.as_bytes());
        let value = HeaderValue::from_bytes(header.value);
        let (Ok(name), Ok(value)) = (name, value) else {
            return Err(HandshakeError::MalformedHead);
        };
        headers.append(name, value);
    }
    Ok(headers)
}

/// Writes a request's head: method, target, "HTTP/1.1", and its headers.
pub(super) fn write_request(
    method: &Method,
    target: &str,
    headers: &HeaderMap,
    dst: &mut BytesMut,
) {
    dst.reserve(target.len() + 64 * (headers.len() + 1));
    dst.put_slice(method.as_str().as_bytes());
    dst.put_u8(b' ');
    dst.put_slice(target.as_bytes());
    dst.put_slice(b" HTTP/1.1\r\n");
    write_headers(headers, dst);
}

/// Writes a response's head.
pub(super) fn write_response(status: StatusCode, headers: &HeaderMap, dst: &mut BytesMut) {
    dst.reserve(64 * (headers.len() + 1));
    dst.put_slice(b"HTTP/1.1 ");
    dst.put_slice(status.as_str().as_bytes());
    dst.put_u8(b' ');
    dst.put_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    dst.put_slice(b"\r\n");
    write_headers(headers, dst);
}

fn write_headers(headers: &HeaderMap, dst: &mut BytesMut) {
    for (name, value) in headers {
        dst.put_slice(spelled(name).as_bytes());
        dst.put_slice(b": ");
        dst.put_slice(value.as_bytes());
        dst.put_slice(b"\r\n");
    }
    dst.put_slice(b"\r\n");
}

/// The handshake's own headers as RFC 6455 spells them: there are peers that compare them byte by byte.
fn spelled(name: &HeaderName) -> &str {
    const SPELLINGS: [(HeaderName, &str); 9] = [
        (header::HOST, "Host"),
        (header::UPGRADE, "Upgrade"),
        (header::CONNECTION, "Connection"),
        (header::CONTENT_LENGTH, "Content-Length"),
        (header::SEC_WEBSOCKET_KEY, "Sec-WebSocket-Key"),
        (header::SEC_WEBSOCKET_ACCEPT, "Sec-WebSocket-Accept"),
        (header::SEC_WEBSOCKET_VERSION, "Sec-WebSocket-Version"),
        (header::SEC_WEBSOCKET_PROTOCOL, "Sec-WebSocket-Protocol"),
        (header::SEC_WEBSOCKET_EXTENSIONS, "Sec-WebSocket-Extensions"),
    ];
    let spelling = SPELLINGS.into_iter().find(|(known, _)| known == name);
    spelling.map_or(name.as_str(), |(_, spelling)| spelling)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_is_looked_at_once() {
        let mut scanner = HeadScanner::default();
        let mut buffer = BytesMut::new();
        for (i, byte) in b"GET / HTTP/1.1\r\nHost: a\r\n\r".iter().enumerate() {
            buffer.put_u8(*byte);
            assert_eq!(scanner.find_end(&mut buffer).ok(), Some(None));
            assert_eq!(scanner.scanned, i + 1);
        }
        buffer.put_u8(b'\n');
        assert_eq!(scanner.find_end(&mut buffer).ok(), Some(Some(buffer.len())));
    }
}
