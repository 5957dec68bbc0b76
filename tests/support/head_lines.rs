//! Heads of the opening handshake, built line by line.
#![allow(dead_code, reason = "each test binary uses its own part")]

/// A request that keeps every rule (RFC 6455 section 1.2), its key the sample nonce of section 1.3.
pub(crate) const REQUEST: [&str; 6] = [
    "GET /chat HTTP/1.1",
    "Host: server.example.com",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
];

/// The response to it.
pub(crate) const RESPONSE: [&str; 4] = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
];

/// The lines with their line ends, and the empty line.
pub(crate) fn head(lines: &[&str]) -> Vec<u8> {
    lines.iter().chain(&[""]).flat_map(|line| [line.as_bytes(), b"\r\n"].concat()).collect()
}

/// The head with other lines in place of those of this header; at its end where it has none.
pub(crate) fn altered(lines: &[&str], name: &str, others: &[&str]) -> Vec<u8> {
    let is_other = |line: &&str| line.split(':').next() != Some(name);
    let kept: Vec<&str> = lines.iter().copied().filter(is_other).collect();
    head(&[&kept, others].concat())
}

/// The head with another first line.
pub(crate) fn started(lines: &[&str], start: &str) -> Vec<u8> {
    head(&[&[start], &lines[1..]].concat())
}
