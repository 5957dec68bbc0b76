//! What a server accepts and refuses in a client's request over HTTP/2 (RFC 8441), as data: for
//! `Request::over_http2`, and for streams of a connection that hyper serves.
//!
//! Whoever includes this has `grammar` at its root.
#![allow(dead_code, reason = "each test binary uses its own part")]

use bowline::HandshakeError::{
    self, ConnectionSpecificHeader, InvalidExtensions, InvalidHost, InvalidSubprotocols,
    InvalidTarget, RequestBody, WebSocketVersion,
};
use http::{HeaderName, HeaderValue, Method, Request, Version};

use crate::grammar::{BAD, GOOD, PROTOCOLS_BAD, PROTOCOLS_GOOD};

/// A request, and what is made of it.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) request: Request<()>,
    /// `:protocol`.
    pub(crate) protocol: Option<&'static str>,
    pub(crate) verdict: Verdict,
    pub(crate) by_hyper: ByHyper,
}

#[derive(Debug)]
pub(crate) enum Verdict {
    /// A WebSocket, answered with this accept value if any.
    Accepted(Option<&'static str>),
    /// A request for something else: 405 where there are WebSockets alone.
    HandedOn,
    /// With this status.
    Refused(HandshakeError, u16),
}

/// What becomes of it as a stream of a connection that hyper serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByHyper {
    /// The same.
    Same,
    /// The stream is reset before anybody is asked.
    Reset,
    /// The stream is reset with its first data, which is more than its length said.
    Overrun,
    /// hyper ends the whole connection.
    Disconnected,
}

const URI: &str = "http://server.example.com/chat";

/// Lines of headers, of the version alone unless there are others.
type Lines<'a> = &'a [(&'static str, &'a str)];

const VERSION: (&str, &str) = ("sec-websocket-version", "13");

fn request(method: &str, uri: &str, lines: Lines<'_>) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(method.as_bytes()).expect("a method");
    *request.uri_mut() = uri.parse().expect("a URI");
    // Without an authority it is what has come over HTTP/1.1 and is sent on.
    let is_whole = request.uri().authority().is_some();
    *request.version_mut() = if is_whole { Version::HTTP_2 } else { Version::HTTP_11 };
    for (name, value) in lines {
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a value");
        request.headers_mut().append(HeaderName::from_static(name), value);
    }
    request
}

fn row(request: Request<()>, verdict: Verdict) -> Row {
    Row { request, protocol: Some("websocket"), verdict, by_hyper: ByHyper::Same }
}

impl Row {
    fn reset(self) -> Self {
        Self { by_hyper: ByHyper::Reset, ..self }
    }

    fn protocol(self, protocol: Option<&'static str>) -> Self {
        Self { protocol, ..self }
    }
}

/// With the version and these headers.
fn with(lines: Lines<'_>, verdict: Verdict) -> Row {
    row(request("CONNECT", URI, &[&[VERSION], lines].concat()), verdict)
}

fn refused(lines: Lines<'_>, error: HandshakeError) -> Row {
    with(lines, Verdict::Refused(error, 400))
}

pub(crate) fn targets() -> Vec<Row> {
    let at = |uri, lines: Lines<'_>, verdict| {
        row(request("CONNECT", uri, &[&[VERSION], lines].concat()), verdict)
    };
    let accepted = |uri, lines| at(uri, lines, Verdict::Accepted(None));
    let refused = |uri, lines, error| at(uri, lines, Verdict::Refused(error, 400));
    let host = ("host", "server.example.com");
    vec![
        accepted(URI, &[]),
        accepted("https://server.example.com/", &[]),
        accepted("https://server.example.com:8443/a/b?c=d&e", &[]),
        accepted("http://[::1]:8080/chat", &[]),
        accepted("http://127.0.0.1/chat", &[]),
        // The authority goes before `Host`.
        accepted(URI, &[host]),
        accepted(URI, &[("host", "other.example")]),
        accepted(URI, &[host, host]),
        // Who translates from HTTP/1.1 may leave it to `Host`.
        accepted("/chat", &[host]),
        accepted("/chat?a=b", &[("host", "[::1]:8080")]),
        refused("/chat", &[], InvalidHost),
        refused("/chat", &[host, host], InvalidHost),
        refused("/chat", &[("host", "two words")], InvalidHost),
        refused("/chat", &[("host", "")], InvalidHost),
        refused("http://user@server.example.com/chat", &[], InvalidHost),
        refused("http://server.example.com:port/chat", &[], InvalidHost),
        // "the ":scheme" and ":path" pseudo-header fields ... MUST also be included" (section 4).
        refused("server.example.com:80", &[], InvalidTarget).reset(),
        refused("*", &[host], InvalidTarget),
    ]
}

/// "a :protocol pseudo-header field ... "websocket"" (section 5), and whatever else a stream may ask for.
pub(crate) fn protocols() -> Vec<Row> {
    let handed_on = |method, uri, lines: Lines<'_>| {
        let request = request(method, uri, &[&[VERSION], lines].concat());
        row(request, Verdict::HandedOn).protocol(None)
    };
    let names = ["websockets", "web", "h2c", "connect-udp", "websocket, h2c", ""];
    let mut rows: Vec<_> = names
        .map(|name| {
            row(request("CONNECT", URI, &[VERSION]), Verdict::HandedOn).protocol(Some(name))
        })
        .into();
    rows.extend([
        with(&[], Verdict::Accepted(None)),
        with(&[], Verdict::Accepted(None)).protocol(Some("WebSocket")),
        handed_on("CONNECT", "server.example.com:80", &[]),
        handed_on("GET", URI, &[]),
        handed_on("GET", URI, &[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")]),
        handed_on("POST", URI, &[]),
        handed_on("HEAD", URI, &[]),
        handed_on("OPTIONS", URI, &[]),
        // `:protocol` is of CONNECT alone.
        handed_on("GET", URI, &[]).protocol(Some("websocket")).reset(),
        handed_on("POST", URI, &[]).protocol(Some("websocket")).reset(),
    ]);
    rows
}

pub(crate) fn versions() -> Vec<Row> {
    let bad =
        |lines: Lines<'_>, error| row(request("CONNECT", URI, lines), Verdict::Refused(error, 400));
    let table = ["8", "99", "7", "0", "013", "13.0", "13, 8", "thirteen", ""];
    let mut rows: Vec<_> = table
        .map(|value| {
            let error = WebSocketVersion(Some(HeaderValue::from_static(value)));
            bad(&[("sec-websocket-version", value)], error)
        })
        .into();
    rows.push(bad(&[], WebSocketVersion(None)));
    for value in ["13", "8"] {
        let name = HeaderName::from_static("sec-websocket-version");
        rows.push(refused(
            &[("sec-websocket-version", value)],
            HandshakeError::DuplicateHeader(name),
        ));
    }
    rows
}

/// Key and accept value "are not used" (section 5); but a key that is one is answered.
pub(crate) fn keys() -> Vec<Row> {
    const KEY: (&str, &str) = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let mut rows = vec![
        with(&[KEY], Verdict::Accepted(Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))),
        with(&[KEY, KEY], Verdict::Accepted(None)),
        with(&[("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")], Verdict::Accepted(None)),
    ];
    for value in
        ["", "=", "AQIDBAUGBwgJCgsMDQ4P", "AQIDBAUGBwgJCgsMDQ4PEBE=", "!!!!!!!!!!!!!!!!!!!!!!=="]
    {
        rows.push(with(&[("sec-websocket-key", value)], Verdict::Accepted(None)));
    }
    rows
}

pub(crate) fn bodies() -> Vec<Row> {
    vec![
        Row {
            by_hyper: ByHyper::Overrun,
            ..with(&[("content-length", "0")], Verdict::Accepted(None))
        },
        Row { by_hyper: ByHyper::Disconnected, ..refused(&[("content-length", "5")], RequestBody) },
        refused(&[("content-length", "x")], RequestBody).reset(),
        refused(&[("content-length", "-1")], RequestBody).reset(),
    ]
}

/// "The "Upgrade" and "Connection" header fields ... MUST NOT be included" (RFC 9113 section 8.2.2). No client of HTTP/2
/// writes them, so that these are sent byte by byte.
pub(crate) fn connection_specific() -> Vec<Row> {
    vec![
        refused(&[("upgrade", "websocket")], ConnectionSpecificHeader).reset(),
        refused(&[("connection", "Upgrade")], ConnectionSpecificHeader).reset(),
        refused(&[("connection", "")], ConnectionSpecificHeader).reset(),
        refused(&[("transfer-encoding", "chunked")], RequestBody).reset(),
    ]
}

/// The offers that keep the grammar, and what they say.
pub(crate) fn offers() -> Vec<(Row, Vec<&'static str>)> {
    let tables =
        [("sec-websocket-extensions", &GOOD[..]), ("sec-websocket-protocol", &PROTOCOLS_GOOD)];
    let mut rows = Vec::new();
    for (name, table) in tables {
        for (values, terms) in table {
            let lines: Vec<_> = values.iter().map(|value| (name, *value)).collect();
            rows.push((with(&lines, Verdict::Accepted(None)), terms.to_vec()));
        }
    }
    rows
}

/// Those that break it.
pub(crate) fn bad_offers() -> Vec<Row> {
    let mut rows = Vec::new();
    for value in BAD {
        for values in [&[value][..], &["good", value], &[value, "good"]] {
            let lines: Vec<_> = values.iter().map(|it| ("sec-websocket-extensions", *it)).collect();
            rows.push(refused(&lines, InvalidExtensions));
        }
    }
    for value in PROTOCOLS_BAD {
        let name = "sec-websocket-protocol";
        rows.push(refused(&[(name, value)], InvalidSubprotocols));
        rows.push(refused(&[(name, "good"), (name, value)], InvalidSubprotocols));
    }
    rows
}
