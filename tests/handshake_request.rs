//! What a server accepts and refuses in a client's request (RFC 6455 section 4.2.1).

#[path = "support/codec.rs"]
mod codec;
#[path = "support/heads.rs"]
mod heads;

use bowline::{Error, HandshakeCodec, Request};
use bytes::BytesMut;
use codec::Failure;
use heads::{Head, REQUEST, altered, head, offered, refused, serve, started};
use tokio_util::codec::Decoder;

const HIXIE_76: &[u8] = b"GET /demo HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\nSec-WebSocket-Protocol: sample\r\n\
    Upgrade: WebSocket\r\nSec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n\
    Origin: http://example.com\r\n\r\n^n:ds[4U";

#[track_caller]
fn accepts(wire: &[u8]) {
    let outcome = serve(wire);
    let [Head::WebSocket { .. }] = &outcome.items[..] else {
        panic!("{outcome:?} of {}", wire.escape_ascii())
    };
    assert_eq!((outcome.failure, outcome.rest, outcome.end), (None, vec![], None));
}

#[track_caller]
fn refuses(wire: &[u8], error: &str, status: u16) {
    let shown: String = wire.escape_ascii().map(char::from).take(600).collect();
    let outcome = serve(wire);
    assert_eq!(outcome.failure, Some(Failure::Handshake(error.to_owned())), "{shown}");
    assert_eq!((outcome.items, outcome.end), (vec![], None), "{shown}");
    assert_eq!(refused(wire).1.status(), status, "{shown}");
}

#[test]
fn section_4_2_1_a_request_that_keeps_the_rules() {
    accepts(&head(&REQUEST));
    let (_, offer) = offered(&head(&REQUEST));
    assert_eq!(offer.request().uri(), "/chat");
    assert_eq!(offer.request().headers()["host"], "server.example.com");
}

#[test]
fn section_4_2_1_headers_in_all_their_spellings() {
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
    for (name, lines) in table {
        accepts(&altered(&REQUEST, name, lines));
    }
}

#[test]
fn section_4_2_1_request_lines() {
    accepts(&started(&REQUEST, "GET / HTTP/1.1"));
    accepts(&started(&REQUEST, "GET /a/b?c=d&e HTTP/1.1"));
    // "a Request-URI that ... is an absolute HTTP/HTTPS URI".
    accepts(&started(&REQUEST, "GET http://server.example.com/chat HTTP/1.1"));
    // "SHOULD ignore at least one empty line (CRLF) received prior to the request-line" (RFC 9112
    // section 2.2).
    accepts(&[b"\r\n", &head(&REQUEST)[..]].concat());

    for method in ["POST", "PUT", "HEAD", "OPTIONS", "DELETE", "get"] {
        let start = format!("{method} /chat HTTP/1.1");
        refuses(&started(&REQUEST, &start), &format!("Method({method})"), 405);
    }
    refuses(&started(&REQUEST, "GET /chat HTTP/1.0"), "HttpVersion(HTTP/1.0)", 400);
    for start in ["GET /chat HTTP/2.0", "GET /chat HTTP/1.2", "GET /chat", "GET", "/chat HTTP/1.1"]
    {
        refuses(&started(&REQUEST, start), "MalformedHead", 400);
    }
}

#[test]
fn section_4_2_1_bytes_of_http_2() {
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    refuses(preface, "HttpVersion(HTTP/2.0)", 505);
}

#[test]
fn section_4_2_1_host() {
    let table: [&[&str]; 10] = [
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
    ];
    for lines in table {
        refuses(&altered(&REQUEST, "Host", lines), "InvalidHost", 400);
    }
}

#[test]
fn rfc_9112_section_3_2_a_host_with_a_port_that_is_no_number() {
    for value in ["a.example:port", "a.example:80x", "[::1]:port", "a:b:80", "a:+80", "a:-1"] {
        let line = format!("Host: {value}");
        refuses(&altered(&REQUEST, "Host", &[&line]), "InvalidHost", 400);
    }
}

#[test]
fn section_4_2_1_upgrade_and_connection_are_lists_of_tokens() {
    for value in ["", "h2c", "websockets", "notwebsocket", "web socket", "\"websocket\""] {
        let line = format!("Upgrade: {value}");
        refuses(&altered(&REQUEST, "Upgrade", &[&line]), "MissingUpgrade", 400);
    }
    for lines in [&[][..], &["Upgrade: h2c", "Upgrade: web", "Upgrade: socket"]] {
        refuses(&altered(&REQUEST, "Upgrade", lines), "MissingUpgrade", 400);
    }

    for value in ["", "notupgrade", "upgraded", "keep-alive", "up, grade", "close", "up grade"] {
        let line = format!("Connection: {value}");
        refuses(&altered(&REQUEST, "Connection", &[&line]), "MissingConnectionUpgrade", 400);
    }
    let neither = ["Connection: keep-alive", "Connection: TE"];
    for lines in [&[][..], &neither] {
        refuses(&altered(&REQUEST, "Connection", lines), "MissingConnectionUpgrade", 400);
    }
}

#[test]
fn section_4_2_1_key() {
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
    for value in table {
        let line = format!("Sec-WebSocket-Key: {value}");
        refuses(&altered(&REQUEST, "Sec-WebSocket-Key", &[&line]), "InvalidKey", 400);
    }
    refuses(&altered(&REQUEST, "Sec-WebSocket-Key", &[]), "InvalidKey", 400);
    let twice = ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="; 2];
    let duplicate = "DuplicateHeader(\"sec-websocket-key\")";
    refuses(&altered(&REQUEST, "Sec-WebSocket-Key", &twice), duplicate, 400);
}

#[test]
fn section_4_4_versions() {
    for value in ["8", "99", "7", "0", "013", "13.0", "13, 8", "thirteen", ""] {
        let line = format!("Sec-WebSocket-Version: {value}");
        let error = format!("WebSocketVersion(Some({value:?}))");
        refuses(&altered(&REQUEST, "Sec-WebSocket-Version", &[&line]), &error, 426);
    }
    refuses(&altered(&REQUEST, "Sec-WebSocket-Version", &[]), "WebSocketVersion(None)", 426);
    refuses(HIXIE_76, "WebSocketVersion(None)", 426);
    let duplicate = "DuplicateHeader(\"sec-websocket-version\")";
    for (first, second) in [("13", "13"), ("8", "13")] {
        let lines = [first, second].map(|version| format!("Sec-WebSocket-Version: {version}"));
        let lines = lines.each_ref().map(String::as_str);
        refuses(&altered(&REQUEST, "Sec-WebSocket-Version", &lines), duplicate, 400);
    }
}

#[test]
fn section_4_2_1_a_body_would_be_taken_for_frames() {
    for line in [
        "Content-Length: 5",
        "Content-Length: 00005",
        "Content-Length: -1",
        "Content-Length: x",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: identity",
    ] {
        let name = line.split(':').next().unwrap();
        let wire = [altered(&REQUEST, name, &[line]), b"hello".to_vec()].concat();
        refuses(&wire, "RequestBody", 400);
    }
}

#[test]
fn rfc_9112_malformed_heads() {
    let good = String::from_utf8(head(&REQUEST)).unwrap();
    let with = |lines: &str| good.replace("Upgrade: websocket\r\n", lines);
    let table: [(String, &str); 12] = [
        (good.replace("\r\n", "\n"), "BareLineFeed"),
        (with("Upgrade: websocket\n"), "BareLineFeed"),
        (format!("\n{good}"), "BareLineFeed"),
        (with("Upgrade: websocket\r\nX: folded\r\n line\r\n"), "MalformedHead"),
        (with("Upgrade:\r\n websocket\r\n"), "MalformedHead"),
        (with("Upgrade : websocket\r\n"), "MalformedHead"),
        (with(" Upgrade: websocket\r\n"), "MalformedHead"),
        (with("Upgrade\r\n"), "MalformedHead"),
        (with(": websocket\r\n"), "MalformedHead"),
        (with("Upgrade: web\0socket\r\n"), "MalformedHead"),
        (with("Upgrade: websocket\rX: y\r\n"), "MalformedHead"),
        (with("Up(grade: websocket\r\n"), "MalformedHead"),
    ];
    for (wire, error) in table {
        refuses(wire.as_bytes(), error, 400);
    }
    refuses(b"\x16\x03\x01\x02\x00\x01\r\n\r\n", "MalformedHead", 400);
}

/// A request of so many headers in all.
fn with_headers(count: usize) -> Vec<u8> {
    let more: Vec<String> = (5..count).map(|i| format!("X-{i}: {i}")).collect();
    let lines: Vec<&str> = REQUEST.iter().copied().chain(more.iter().map(String::as_str)).collect();
    head(&lines)
}

/// A request of so many bytes in all.
fn with_bytes(count: usize) -> Vec<u8> {
    let filler = "x".repeat(count - head(&REQUEST).len() - "X: \r\n".len());
    let wire = altered(&REQUEST, "X", &[&format!("X: {filler}")]);
    assert_eq!(wire.len(), count);
    wire
}

#[test]
fn section_10_4_heads_of_16_kib_and_100_headers() {
    accepts(&with_headers(100));
    refuses(&with_headers(101), "TooManyHeaders(100)", 431);
    accepts(&with_bytes(16 << 10));
    refuses(&with_bytes((16 << 10) + 1), "HeadTooLarge(16384)", 431);
    refuses(&with_bytes(1_000_000), "HeadTooLarge(16384)", 431);
    refuses(&with_headers(10_000), "HeadTooLarge(16384)", 431);
}

#[test]
fn section_10_4_an_endless_head_is_refused_without_its_end() {
    for endless in [&b"a"[..], b"GET / HTTP/1.1 ", b"X: y\r\n", b"\0"] {
        let wire = [b"GET / HTTP/1.1\r\nX: ", &endless.repeat(20_000 / endless.len())[..]].concat();
        refuses(&wire, "HeadTooLarge(16384)", 431);
    }
}

#[test]
fn section_10_4_an_overlong_line_is_refused_alike_whatever_ends_it() {
    let wire = [&b"GET / HTTP/1.1\r\nX: "[..], &[b'x'; 20_000], b"\n\r\n"].concat();
    refuses(&wire, "HeadTooLarge(16384)", 431);
}

#[test]
fn section_4_2_2_bytes_behind_the_head_stay_in_the_buffer() {
    for behind in [&b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"[..], b"\x81", b"\r\n\r\n"] {
        let outcome = serve(&[&head(&REQUEST)[..], behind].concat());
        assert_eq!((outcome.items.len(), &outcome.rest[..]), (1, behind));
        assert_eq!((outcome.failure, outcome.end), (None, None));
    }
}

#[test]
fn rfc_9110_any_other_request_is_handed_on() {
    let table: [(&str, &[u8], &[u8]); 6] = [
        ("GET / HTTP/1.1", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b""),
        ("GET / HTTP/1.0", b"GET / HTTP/1.0\r\n\r\n", b""),
        ("HEAD /x?y HTTP/1.1", b"HEAD /x?y HTTP/1.1\r\nHost: a\r\n\r\n", b""),
        ("GET / HTTP/1.1", b"GET / HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", b""),
        ("POST / HTTP/1.1", b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n", b"body"),
        ("OPTIONS * HTTP/1.1", b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /"),
    ];
    for (line, wire, behind) in table {
        let outcome = serve(&[wire, behind].concat());
        let [Head::Http { line: seen, .. }] = &outcome.items[..] else { panic!("{outcome:?}") };
        assert_eq!((&seen[..], &outcome.rest[..]), (line, behind));
    }
}

#[test]
fn section_7_1_7_after_an_error_what_is_fed_is_discarded() {
    let breaches = [
        altered(&REQUEST, "Connection", &[]),
        started(&REQUEST, "GET"),
        with_bytes(20_000),
        b"\n".to_vec(),
    ];
    for wire in breaches {
        let mut buffer = BytesMut::from(&wire[..]);
        let mut codec = HandshakeCodec::server();
        assert!(codec.decode(&mut buffer).is_err());
        assert!(buffer.is_empty(), "{} bytes kept", buffer.len());
        buffer.extend_from_slice(&head(&REQUEST));
        assert!(matches!(codec.decode(&mut buffer), Ok(None)));
        assert!(buffer.is_empty(), "{} bytes kept", buffer.len());
    }
}

#[test]
fn section_4_2_a_buffer_that_shrank_between_two_calls_is_no_panic() {
    let wire = head(&REQUEST);
    for cut in 0..wire.len() {
        let mut buffer = BytesMut::from(&wire[..cut]);
        let mut codec = HandshakeCodec::server();
        assert!(matches!(codec.decode(&mut buffer), Ok(None)));
        // As who empties `Framed::read_buffer_mut`.
        buffer.clear();
        let _: Result<_, Error> = codec.decode(&mut buffer);
    }
}

#[test]
fn section_4_2_2_one_request_is_read() {
    let mut buffer = BytesMut::from(&head(&REQUEST).repeat(2)[..]);
    let mut codec = HandshakeCodec::server();
    assert!(matches!(codec.decode(&mut buffer), Ok(Some(Request::WebSocket(_)))));
    assert!(matches!(codec.decode(&mut buffer), Ok(None)));
    assert_eq!(buffer, head(&REQUEST));
}

#[test]
fn section_4_2_2_what_an_offer_tells() {
    let more = [
        "Origin: http://example.com",
        "Cookie: a=1; b=2=3;c",
        "Cookie: d=",
        "Sec-WebSocket-Protocol: superchat, chat",
        "Sec-WebSocket-Protocol: z",
    ];
    let (_, offer) = offered(&head(&[&REQUEST[..], &more].concat()));
    assert_eq!(offer.origin(), Some("http://example.com"));
    let cookies: Vec<_> = offer.cookies().collect();
    assert_eq!(cookies, [("a", "1"), ("b", "2=3"), ("d", "")]);
    let protocols: Vec<_> = offer.requested_protocols().collect();
    assert_eq!(protocols, ["superchat", "chat", "z"], "in the client's order");
    assert!(offer.extensions().is_empty());
}
