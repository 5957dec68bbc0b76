//! The rules of the opening handshake over HTTP/2 through real hyper and the extractor: the rows that
//! `Request::over_http2` is held to, as streams (RFC 8441). Where hyper resets them before anybody is asked, the row
//! says so.

#[path = "../../tests/support/grammar.rs"]
mod grammar;
#[path = "../../tests/support/http2_rules.rs"]
mod http2_rules;
#[path = "support/served.rs"]
mod served;
#[path = "support/streams.rs"]
mod streams;

use axum::{Router, response::Response, routing::any};
use bowline::{Deflate, HandshakeError};
use bowline_hyper::{Origins, axum::WebSocketUpgrade};
use h2::{Reason, client::Builder, ext::Protocol};
use http::Request;
use http2_rules::{ByHyper, Row, Verdict};
use served::{echo, echoes, masked};
use streams::{Streams, ask, connect, headers, raw, request};

/// All rows as streams of one connection: none may harm another.
async fn check(rows: Vec<Row>) {
    let mut streams = connect(echoes(), &Builder::new()).await;
    for row in rows {
        let mut request = row.request.clone();
        if let Some(protocol) = row.protocol {
            request.extensions_mut().insert(Protocol::from_static(protocol));
        }
        let shown = format!("{row:?}");
        match (row.by_hyper, &row.verdict) {
            (ByHyper::Reset, _) => {
                let reset = ask(&mut streams, request).await.err();
                let reason = reset.as_ref().and_then(h2::Error::reason);
                let expected = [Some(Reason::PROTOCOL_ERROR), Some(Reason::INTERNAL_ERROR)];
                assert!(expected.contains(&reason), "{reset:?} of {shown}");
            }
            (ByHyper::Disconnected, _) => {
                let error = ask(&mut streams, request).await.err().expect("no answer");
                assert!(error.is_io(), "{error:?} of {shown}");
                streams = connect(echoes(), &Builder::new()).await;
            }
            (ByHyper::Overrun, _) => {
                let mut stream = ask(&mut streams, request).await.expect("accepted");
                assert_eq!(stream.response.status(), 200, "{shown}");
                stream.write(&masked(0x81, b"Hello")).await.expect("taken");
                let reset = stream.rest().await.expect_err("a reset");
                assert_eq!(reset.reason(), Some(Reason::PROTOCOL_ERROR), "{shown}");
            }
            (ByHyper::Same, Verdict::Accepted(accept)) => {
                let expected = accept.map(|accept| ("sec-websocket-accept", accept));
                check_accepted(&mut streams, request, expected.as_slice()).await;
            }
            (ByHyper::Same, Verdict::HandedOn) => {
                let is_head = request.method() == "HEAD";
                let body = if is_head { None } else { Some(HandshakeError::NotWebSocket) };
                let allow = [("allow", "CONNECT"), ("sec-websocket-version", "13")];
                check_refused(&mut streams, request, (405, body.as_ref()), &allow).await;
            }
            (ByHyper::Same, Verdict::Refused(error, status)) => {
                let is_version = matches!(error, HandshakeError::WebSocketVersion(_));
                let version = [("sec-websocket-version", "13")];
                let more = if is_version { &version[..] } else { &[] };
                check_refused(&mut streams, request, (*status, Some(error)), more).await;
            }
        }
    }
    check_accepted(&mut streams, request("/"), &[]).await;
}

async fn check_accepted(streams: &mut Streams, request: Request<()>, expected: &[(&str, &str)]) {
    let shown = format!("{request:?}");
    let mut stream = ask(streams, request).await.unwrap_or_else(|error| panic!("{error}: {shown}"));
    assert_eq!(stream.response.status(), 200, "{shown}");
    assert_eq!(headers(&stream.response), expected.iter().copied().collect(), "{shown}");
    stream.write(&masked(0x81, b"Hello")).await.expect("taken");
    assert_eq!(stream.read(7).await, b"\x81\x05Hello", "{shown}");
    stream.write(&masked(0x88, b"\x03\xe8")).await.expect("taken");
    assert_eq!(stream.rest().await.expect("END_STREAM"), b"\x88\x02\x03\xe8", "{shown}");
}

/// A response with this status and this error's text, and with these headers besides what is in each.
async fn check_refused(
    streams: &mut Streams,
    request: Request<()>,
    (status, error): (u16, Option<&HandshakeError>),
    more: &[(&str, &str)],
) {
    let shown = format!("{request:?}");
    let mut stream = ask(streams, request).await.unwrap_or_else(|error| panic!("{error}: {shown}"));
    assert_eq!(stream.response.status(), status, "{shown}");
    let body = error.map(|error| format!("{error}\n"));
    let mut seen = headers(&stream.response);
    let length = seen.remove("content-length");
    if let Some(body) = &body {
        assert_eq!(length, Some(&*body.len().to_string()), "{shown}");
    }
    let text = [("content-type", "text/plain; charset=utf-8")];
    assert_eq!(seen, text.iter().chain(more).copied().collect(), "{shown}");
    assert_eq!(stream.body().await, body.unwrap_or_default(), "{shown}");
}

macro_rules! tables {
    ($($name:ident: $table:ident;)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            check(http2_rules::$table()).await;
        }
    )*};
}

tables! {
    rfc_8441_section_4_targets: targets;
    rfc_8441_section_5_protocols: protocols;
    rfc_8441_section_5_versions: versions;
    rfc_8441_section_5_keys_are_not_needed: keys;
    rfc_8441_a_body_would_be_taken_for_frames: bodies;
    section_9_1_and_11_3_4_offers_that_break_the_grammar: bad_offers;
}

/// No client of HTTP/2 sends these, and no server that is one hands them on.
#[tokio::test(start_paused = true)]
async fn rfc_9113_section_8_2_2_connection_specific_headers() {
    let pseudo = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "https"),
        (":authority", "server.example.com"),
        (":path", "/chat"),
    ];
    let (kind, _) =
        raw(echoes(), &[&pseudo[..], &[("sec-websocket-version", "13")]].concat()).await;
    assert_eq!(kind, HEADERS, "what keeps the rules is answered");
    for row in http2_rules::connection_specific() {
        assert_eq!(row.by_hyper, ByHyper::Reset);
        let lines = row.request.headers();
        let lines =
            lines.iter().map(|(name, value)| (name.as_str(), value.to_str().expect("text")));
        let fields: Vec<_> = pseudo.into_iter().chain(lines).collect();
        let (kind, payload) = raw(echoes(), &fields).await;
        assert_eq!((kind, &payload[..]), (RST_STREAM, &[0, 0, 0, 1][..]), "{row:?}");
    }
}

/// "the ":scheme" and ":path" pseudo-header fields ... MUST also be included".
#[tokio::test(start_paused = true)]
async fn rfc_8441_section_4_pseudo_headers_that_are_missing() {
    let all = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "https"),
        (":authority", "server.example.com"),
        (":path", "/chat"),
        ("sec-websocket-version", "13"),
    ];
    for absent in [":method", ":scheme", ":path"] {
        let fields: Vec<_> = all.into_iter().filter(|(name, _)| *name != absent).collect();
        let (kind, payload) = raw(echoes(), &fields).await;
        assert_eq!((kind, &payload[..]), (RST_STREAM, &[0, 0, 0, 1][..]), "{absent}");
    }
}

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;

/// A server that speaks two subprotocols, compresses, and has pages of two hosts.
fn choosy() -> Router {
    async fn handler(upgrade: WebSocketUpgrade) -> Response {
        let requested: Vec<_> = upgrade.requested_protocols().map(str::to_owned).collect();
        let mut response =
            upgrade.protocols(["chat.v2", "chat.v1"]).deflate(Deflate::new()).on_upgrade(echo);
        let requested = requested.join("|").parse().expect("a value");
        response.headers_mut().insert("x-requested", requested);
        response
    }
    Router::new().fallback(any(handler))
}

type Lines = &'static [(&'static str, &'static str)];

fn with(lines: Lines) -> Request<()> {
    let mut request = request("/chat");
    for (name, value) in lines {
        request.headers_mut().append(*name, value.parse().expect("a value"));
    }
    request
}

#[tokio::test(start_paused = true)]
async fn rfc_8441_section_5_offers_that_keep_the_grammar() {
    let mut streams = connect(choosy(), &Builder::new()).await;
    for (row, terms) in http2_rules::offers() {
        let mut request = row.request.clone();
        request.extensions_mut().insert(Protocol::from_static("websocket"));
        let stream = ask(&mut streams, request).await.expect("an answer");
        assert_eq!(stream.response.status(), 200, "{row:?}");
        let is_protocol = row.request.headers().contains_key("sec-websocket-protocol");
        let expected = if is_protocol { terms.join("|") } else { String::new() };
        assert_eq!(headers(&stream.response)["x-requested"], expected, "in the client's order");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc_8441_section_5_what_is_chosen() {
    const PROTOCOL: &str = "sec-websocket-protocol";
    const EXTENSIONS: &str = "sec-websocket-extensions";
    let table: [(Lines, Option<&str>, Option<&str>); 12] = [
        (&[], None, None),
        (&[(PROTOCOL, "chat.v1")], Some("chat.v1"), None),
        (&[(PROTOCOL, "chat.v1, chat.v2")], Some("chat.v2"), None),
        (&[(PROTOCOL, "chat.v1"), (PROTOCOL, "x,chat.v2")], Some("chat.v2"), None),
        (&[(PROTOCOL, "CHAT.V1, chat")], None, None),
        (&[(EXTENSIONS, "permessage-deflate")], None, Some("permessage-deflate")),
        (
            &[(EXTENSIONS, "x, permessage-deflate; y, permessage-deflate")],
            None,
            Some("permessage-deflate"),
        ),
        (&[(EXTENSIONS, "permessage-bzip2")], None, None),
        (&[(EXTENSIONS, "permessage-deflate; server_max_window_bits=7")], None, None),
        (&[(EXTENSIONS, "permessage-deflate; server_max_window_bits=08")], None, None),
        (&[(EXTENSIONS, "permessage-deflate; server_max_window_bits")], None, None),
        (&[(EXTENSIONS, "permessage-deflate; x=y")], None, None),
    ];
    let mut streams = connect(choosy(), &Builder::new()).await;
    for (lines, protocol, extension) in table {
        let stream = ask(&mut streams, with(lines)).await.expect("an answer");
        assert_eq!(stream.response.status(), 200, "{lines:?}");
        let mut seen = headers(&stream.response);
        assert!(seen.remove("x-requested").is_some());
        let name = seen.remove(EXTENSIONS).map(|chosen| chosen.split(';').next().expect("a name"));
        assert_eq!((seen.remove(PROTOCOL), name), (protocol, extension), "{lines:?}");
        assert!(seen.is_empty(), "{seen:?}");
    }
}

/// The `:authority` is what the page's host is compared with, whatever `Host` says.
#[tokio::test(start_paused = true)]
async fn rfc_6455_section_10_2_origins() {
    let table: [(Lines, Option<&str>); 9] = [
        (&[], None),
        (&[("origin", "https://server.example.com")], None),
        (&[("origin", "http://SERVER.example.com:80")], None),
        (&[("origin", "https://evil.example")], Some("https://evil.example")),
        (
            &[("origin", "https://evil.example"), ("host", "evil.example")],
            Some("https://evil.example"),
        ),
        (&[("origin", "https://server.example.com:8443")], Some("https://server.example.com:8443")),
        (&[("origin", "null")], Some("null")),
        (&[("origin", "https://server.example.com/")], Some("https://server.example.com/")),
        (&[("origin", "<script>")], Some("\\x3cscript\\x3e")),
    ];
    let mut streams = connect(echoes(), &Builder::new()).await;
    for (lines, refused) in table {
        let mut stream = ask(&mut streams, with(lines)).await.expect("an answer");
        let Some(origin) = refused else {
            assert_eq!(stream.response.status(), 200, "{lines:?}");
            continue;
        };
        assert_eq!(stream.response.status(), 403, "{lines:?}");
        let mut seen = headers(&stream.response);
        assert_eq!(seen.remove("x-content-type-options"), Some("nosniff"));
        assert_eq!(seen.remove("content-type"), Some("text/plain; charset=utf-8"));
        assert!(seen.remove("content-length").is_some());
        assert!(seen.is_empty(), "{seen:?}");
        let body = stream.body().await;
        let start = format!("origin {origin} is not allowed here");
        assert!(body.starts_with(&start) && body.ends_with('\n'), "{body:?} to {lines:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc_6455_section_10_2_origins_of_a_list() {
    async fn handler(upgrade: WebSocketUpgrade) -> Response {
        let origins = Origins::list(["https://app.example"]).expect("a list");
        upgrade.origins(origins.require_origin()).on_upgrade(echo)
    }
    let mut streams = connect(Router::new().fallback(any(handler)), &Builder::new()).await;
    let app = ask(&mut streams, with(&[("origin", "https://app.example")])).await;
    assert_eq!(app.expect("an answer").response.status(), 200);
    let same = ask(&mut streams, with(&[("origin", "https://server.example.com")])).await;
    assert_eq!(same.expect("an answer").response.status(), 403);
}
