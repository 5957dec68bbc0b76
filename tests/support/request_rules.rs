//! What a server accepts and refuses in a client's request over HTTP/1.1 (RFC 6455 section 4.2.1), as data: for
//! `HandshakeCodec`, which reads the bytes itself, and for the requests that hyper has read.
//!
//! Whoever includes this has `head_lines` at its root.
#![allow(dead_code, reason = "each test binary uses its own part")]

use bowline::HandshakeError::{
    self, BareLineFeed, DuplicateHeader, HeadTooLarge, HttpVersion, InvalidHost, InvalidKey,
    MalformedHead, MissingConnectionUpgrade, MissingUpgrade, NotWebSocket, RequestBody,
    TooManyHeaders, WebSocketVersion,
};
use http::{HeaderName, HeaderValue, Method, Version};

use crate::head_lines::{REQUEST, altered, head, started};

/// A request, and what is made of it.
pub(crate) struct Row {
    pub(crate) wire: Vec<u8>,
    pub(crate) verdict: Verdict,
    pub(crate) by_hyper: ByHyper,
}

/// What `HandshakeCodec` says.
#[derive(Debug)]
pub(crate) enum Verdict {
    Accepted,
    Refused(HandshakeError, u16),
}

/// What becomes of it where hyper 1 reads the head.
#[derive(Debug)]
pub(crate) enum ByHyper {
    /// The same.
    Same,
    /// hyper hands on what it should not: by what is left to see, the request keeps the rules.
    Accepted,
    /// hyper hands on something else, that breaks another rule.
    Another(HandshakeError, u16),
    /// hyper itself refuses, with this status and no word about why.
    Refused(u16),
    /// hyper waits for the end of the head, and says nothing at the end of the stream.
    Silent,
    /// hyper-util takes it for a connection of HTTP/2.
    Http2,
}

impl Row {
    fn by_hyper(self, by_hyper: ByHyper) -> Self {
        Self { by_hyper, ..self }
    }
}

fn accepted(wire: Vec<u8>) -> Row {
    Row { wire, verdict: Verdict::Accepted, by_hyper: ByHyper::Same }
}

fn refused(wire: Vec<u8>, error: HandshakeError, status: u16) -> Row {
    Row { wire, verdict: Verdict::Refused(error, status), by_hyper: ByHyper::Same }
}

const HIXIE_76: &[u8] = b"GET /demo HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\nSec-WebSocket-Protocol: sample\r\n\
    Upgrade: WebSocket\r\nSec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n\
    Origin: http://example.com\r\n\r\n^n:ds[4U";

pub(crate) fn spellings() -> Vec<Row> {
    let table: [(&str, &[&str]); 20] = [
        ("Connection", &["Connection: upgrade"]),
        ("Connection", &["connection: UPGRADE"]),
        ("Connection", &["Connection: keep-alive, Upgrade"]),
        ("Connection", &["Connection: Upgrade,keep-alive"]),
        ("Connection", &["Connection: a,, b ,\tupgrade , "]),
        ("Connection", &["Connection: keep-alive", "Connection: Upgrade"]),
        ("Connection", &["Connection: upgrade", "Connection: TE"]),
        ("Upgrade", &["Upgrade: WebSocket"]),
        ("Upgrade", &["UPGRADE: WEBSOCKET"]),
        ("Upgrade", &["Upgrade: h2c, websocket"]),
        ("Upgrade", &["Upgrade: h2c", "Upgrade: websocket"]),
        ("Upgrade", &["Upgrade:websocket"]),
        ("Host", &["Host: server.example.com:8080"]),
        ("Host", &["Host: 127.0.0.1"]),
        ("Host", &["host: [::1]:9001"]),
        ("Sec-WebSocket-Version", &["sec-websocket-version:\t13 "]),
        // The RFC's own example in section 4.1, whose unused last bits are set.
        ("Sec-WebSocket-Key", &["Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC=="]),
        ("Sec-WebSocket-Key", &["sec-websocket-key:   dGhlIHNhbXBsZSBub25jZQ==  "]),
        ("Content-Length", &["Content-Length: 0"]),
        ("Cookie", &["Cookie: a=1", "Cookie: b=2", "X-Obs: caf\u{e9}"]),
    ];
    table.into_iter().map(|(name, lines)| accepted(altered(&REQUEST, name, lines))).collect()
}

pub(crate) fn request_lines() -> Vec<Row> {
    let mut rows = vec![
        accepted(head(&REQUEST)),
        accepted(started(&REQUEST, "GET / HTTP/1.1")),
        accepted(started(&REQUEST, "GET /a/b?c=d&e HTTP/1.1")),
        // "a Request-URI that ... is an absolute HTTP/HTTPS URI".
        accepted(started(&REQUEST, "GET http://server.example.com/chat HTTP/1.1")),
        // "SHOULD ignore at least one empty line (CRLF) received prior to the request-line" (RFC 9112
        // section 2.2).
        accepted([b"\r\n", &head(&REQUEST)[..]].concat()),
    ];
    for method in ["POST", "PUT", "HEAD", "OPTIONS", "DELETE", "get"] {
        let wire = started(&REQUEST, &format!("{method} /chat HTTP/1.1"));
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        rows.push(refused(wire, HandshakeError::Method(method), 405));
    }
    let old = started(&REQUEST, "GET /chat HTTP/1.0");
    rows.push(refused(old, HttpVersion(Version::HTTP_10), 400));
    for start in ["GET /chat HTTP/2.0", "GET /chat HTTP/1.2", "GET /chat", "GET", "/chat HTTP/1.1"]
    {
        let wire = started(&REQUEST, start);
        rows.push(refused(wire, MalformedHead, 400).by_hyper(ByHyper::Refused(400)));
    }
    rows
}

pub(crate) fn bytes_of_http2() -> Vec<Row> {
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    vec![refused(preface, HttpVersion(Version::HTTP_2), 505).by_hyper(ByHyper::Http2)]
}

pub(crate) fn hosts() -> Vec<Row> {
    let table: [&[&str]; 16] = [
        &[],
        &["Host:"],
        &["Host: two words"],
        &["Host: user@server.example.com"],
        &["Host: server.example.com/chat"],
        &["Host: http://server.example.com"],
        &["Host: [::1"],
        &["Host: a, b"],
        &["Host: server.example.com", "Host: server.example.com"],
        &["Host: a", "host: b"],
        // A port that is no number (RFC 9112 section 3.2).
        &["Host: a.example:port"],
        &["Host: a.example:80x"],
        &["Host: [::1]:port"],
        &["Host: a:b:80"],
        &["Host: a:+80"],
        &["Host: a:-1"],
    ];
    let row = |lines| refused(altered(&REQUEST, "Host", lines), InvalidHost, 400);
    table.into_iter().map(row).collect()
}

pub(crate) fn upgrades() -> Vec<Row> {
    let table: [&[&str]; 8] = [
        &[],
        &["Upgrade: "],
        &["Upgrade: h2c"],
        &["Upgrade: websockets"],
        &["Upgrade: notwebsocket"],
        &["Upgrade: web socket"],
        &["Upgrade: \"websocket\""],
        &["Upgrade: h2c", "Upgrade: web", "Upgrade: socket"],
    ];
    let row = |lines| refused(altered(&REQUEST, "Upgrade", lines), MissingUpgrade, 400);
    table.into_iter().map(row).collect()
}

pub(crate) fn connections() -> Vec<Row> {
    let table: [&[&str]; 9] = [
        &[],
        &["Connection: "],
        &["Connection: notupgrade"],
        &["Connection: upgraded"],
        &["Connection: keep-alive"],
        &["Connection: up, grade"],
        &["Connection: close"],
        &["Connection: up grade"],
        &["Connection: keep-alive", "Connection: TE"],
    ];
    let row =
        |lines| refused(altered(&REQUEST, "Connection", lines), MissingConnectionUpgrade, 400);
    table.into_iter().map(row).collect()
}

pub(crate) fn keys() -> Vec<Row> {
    let table = [
        "",
        "=",
        // 15, 17 and 0 bytes.
        "AQIDBAUGBwgJCgsMDQ4P",
        "AQIDBAUGBwgJCgsMDQ4PEBE=",
        "====",
        // No base64, and base64 of other kinds.
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ=",
        "dGhlIHNhbXBsZSBub25jZQ===",
        "dGhl IHNhbXBsZSBub25jZQ==",
        "dGhlIHNhbXBsZSBub25jZ_==",
        "!!!!!!!!!!!!!!!!!!!!!!==",
        "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
    ];
    let key = |lines: &[&str], error| refused(altered(&REQUEST, KEY, lines), error, 400);
    let mut rows: Vec<_> = table.map(|value| key(&[&format!("{KEY}: {value}")], InvalidKey)).into();
    rows.push(key(&[], InvalidKey));
    let twice = [REQUEST[4]; 2];
    rows.push(key(&twice, DuplicateHeader(HeaderName::from_static("sec-websocket-key"))));
    rows
}

const KEY: &str = "Sec-WebSocket-Key";

pub(crate) fn versions() -> Vec<Row> {
    let with = |lines: &[&str]| altered(&REQUEST, VERSION, lines);
    let table = ["8", "99", "7", "0", "013", "13.0", "13, 8", "thirteen", ""];
    let mut rows: Vec<_> = table
        .map(|value| {
            let error = WebSocketVersion(Some(HeaderValue::from_static(value)));
            refused(with(&[&format!("{VERSION}: {value}")]), error, 426)
        })
        .into();
    rows.push(refused(with(&[]), WebSocketVersion(None), 426));
    rows.push(refused(HIXIE_76.to_vec(), WebSocketVersion(None), 426));
    for (first, second) in [("13", "13"), ("8", "13")] {
        let lines = [first, second].map(|version| format!("{VERSION}: {version}"));
        let error = DuplicateHeader(HeaderName::from_static("sec-websocket-version"));
        rows.push(refused(with(&lines.each_ref().map(String::as_str)), error, 400));
    }
    rows
}

const VERSION: &str = "Sec-WebSocket-Version";

/// A body would be taken for frames.
pub(crate) fn bodies() -> Vec<Row> {
    let row = |line: &str| {
        let name = line.split(':').next().expect("a name");
        let wire = [altered(&REQUEST, name, &[line]), b"hello".to_vec()].concat();
        refused(wire, RequestBody, 400)
    };
    vec![
        row("Content-Length: 5"),
        row("Content-Length: 00005"),
        row("Content-Length: -1").by_hyper(ByHyper::Refused(400)),
        row("Content-Length: x").by_hyper(ByHyper::Refused(400)),
        row("Transfer-Encoding: chunked"),
        row("Transfer-Encoding: gzip").by_hyper(ByHyper::Refused(400)),
        row("Transfer-Encoding: identity").by_hyper(ByHyper::Refused(400)),
    ]
}

/// RFC 9112.
pub(crate) fn malformed() -> Vec<Row> {
    let good = String::from_utf8(head(&REQUEST)).expect("text");
    let row = |wire: String, error| refused(wire.into_bytes(), error, 400);
    let with = |lines: &str| good.replace("Upgrade: websocket\r\n", lines);
    let mut rows = vec![
        // hyper takes a bare line feed for the end of a line, as "a recipient MAY" (RFC 9112 section 2.2).
        row(good.replace("\r\n", "\n"), BareLineFeed).by_hyper(ByHyper::Accepted),
        row(with("Upgrade: websocket\n"), BareLineFeed).by_hyper(ByHyper::Accepted),
        row(format!("\n{good}"), BareLineFeed).by_hyper(ByHyper::Accepted),
    ];
    let table = [
        "Upgrade: websocket\r\nX: folded\r\n line\r\n",
        "Upgrade:\r\n websocket\r\n",
        "Upgrade : websocket\r\n",
        " Upgrade: websocket\r\n",
        "Upgrade\r\n",
        ": websocket\r\n",
        "Upgrade: web\0socket\r\n",
        "Upgrade: websocket\rX: y\r\n",
        "Up(grade: websocket\r\n",
    ];
    let refuse = |row: Row| row.by_hyper(ByHyper::Refused(400));
    rows.extend(table.map(|lines| refuse(row(with(lines), MalformedHead))));
    let hello_of_tls = b"\x16\x03\x01\x02\x00\x01\r\n\r\n".to_vec();
    rows.push(refuse(refused(hello_of_tls, MalformedHead, 400)));
    rows
}

/// A request of so many headers in all.
fn with_headers(count: usize) -> Vec<u8> {
    let more: Vec<String> = (5..count).map(|i| format!("X-{i}: {i}")).collect();
    let lines: Vec<&str> = REQUEST.iter().copied().chain(more.iter().map(String::as_str)).collect();
    head(&lines)
}

/// A request of so many bytes in all.
pub(crate) fn with_bytes(count: usize) -> Vec<u8> {
    let filler = "x".repeat(count - head(&REQUEST).len() - "X: \r\n".len());
    let wire = altered(&REQUEST, "X", &[&format!("X: {filler}")]);
    assert_eq!(wire.len(), count);
    wire
}

const MAX_HEAD: usize = 16 << 10;

/// Heads of 16 KiB and 100 headers (section 10.4). hyper's own limits are 100 headers and some 400 KiB.
pub(crate) fn sizes() -> Vec<Row> {
    let too_large = |wire| refused(wire, HeadTooLarge(MAX_HEAD), 431);
    let too_many = refused(with_headers(101), TooManyHeaders(100), 431);
    vec![
        accepted(with_headers(100)),
        too_many.by_hyper(ByHyper::Refused(431)),
        accepted(with_bytes(MAX_HEAD)),
        too_large(with_bytes(MAX_HEAD + 1)).by_hyper(ByHyper::Accepted),
        too_large(with_bytes(1_000_000)).by_hyper(ByHyper::Refused(431)),
        too_large(with_headers(10_000)).by_hyper(ByHyper::Refused(431)),
    ]
}

/// Heads that never end, and lines of which only the end is bad.
pub(crate) fn endless() -> Vec<Row> {
    let row = |wire| refused(wire, HeadTooLarge(MAX_HEAD), 431);
    // Of what it has begun to read, hyper looks for nothing but the end.
    let endless = |piece: &[u8]| {
        row([b"GET / HTTP/1.1\r\nX: ", &piece.repeat(20_000 / piece.len())[..]].concat())
            .by_hyper(ByHyper::Silent)
    };
    let overlong = [&b"GET / HTTP/1.1\r\nX: "[..], &[b'x'; 20_000], b"\n\r\n"].concat();
    vec![
        endless(b"a"),
        endless(b"GET / HTTP/1.1 "),
        endless(b"X: y\r\n"),
        endless(b"\0").by_hyper(ByHyper::Refused(400)),
        row(overlong).by_hyper(ByHyper::Another(NotWebSocket, 426)),
    ]
}

/// Requests for something else: the first line, the head, and what is behind it.
pub(crate) const OTHERS: [(&str, &[u8], &[u8]); 6] = [
    ("GET / HTTP/1.1", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b""),
    ("GET / HTTP/1.0", b"GET / HTTP/1.0\r\n\r\n", b""),
    ("HEAD /x?y HTTP/1.1", b"HEAD /x?y HTTP/1.1\r\nHost: a\r\n\r\n", b""),
    ("GET / HTTP/1.1", b"GET / HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", b""),
    ("POST / HTTP/1.1", b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n", b"body"),
    ("OPTIONS * HTTP/1.1", b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /"),
];
