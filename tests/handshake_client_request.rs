//! The request that a client writes (RFC 6455 section 4.1), and what it refuses to write.

#[path = "support/codec.rs"]
mod codec;
#[path = "support/heads.rs"]
mod heads;

use bowline::{Error, HandshakeCodec, Offer, Request, UsageError, handshake::Client};
use bytes::BytesMut;
use codec::Failure;
use heads::{lines, offered, sample_key};
use tokio_util::codec::{Decoder, Encoder};

type Headers<'a> = &'a [(&'a str, &'a str)];

fn request(uri: &str, headers: Headers<'_>) -> http::Request<()> {
    let mut request = http::Request::get(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).expect("a request")
}

fn codec() -> HandshakeCodec<Client> {
    HandshakeCodec::client().with_keys(sample_key)
}

fn encoded(request: http::Request<()>) -> Result<Vec<u8>, Failure> {
    let mut wire = BytesMut::new();
    codec().encode(request, &mut wire)?;
    Ok(wire.to_vec())
}

/// What a server reads in the request.
#[track_caller]
fn offer(uri: &str, headers: Headers<'_>) -> Offer {
    offered(&encoded(request(uri, headers)).expect("encodable")).1
}

#[test]
fn section_4_1_the_request_and_nothing_else() {
    let wire = encoded(request("ws://server.example.com/chat", &[])).unwrap();
    let expected = [
        "GET /chat HTTP/1.1",
        "Host: server.example.com",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ];
    let lines = lines(&wire);
    assert_eq!(lines[0], expected[0]);
    let mut headers = lines[1..].to_vec();
    headers.sort_unstable();
    let mut expected_headers = expected[1..].to_vec();
    expected_headers.sort_unstable();
    assert_eq!(headers, expected_headers);
}

#[test]
fn section_4_1_request_targets_and_hosts() {
    let table = [
        ("ws://example.com", "/", "example.com"),
        ("ws://example.com/", "/", "example.com"),
        ("ws://example.com?a=b", "/?a=b", "example.com"),
        ("ws://example.com/?a=b", "/?a=b", "example.com"),
        ("ws://example.com/a/b?c=d&e=%20", "/a/b?c=d&e=%20", "example.com"),
        ("ws://example.com/a//b/", "/a//b/", "example.com"),
        // "followed by the port if it isn't the default port".
        ("ws://example.com:80/a", "/a", "example.com"),
        ("ws://example.com:443/", "/", "example.com:443"),
        ("wss://example.com:443/", "/", "example.com"),
        ("wss://example.com:80/", "/", "example.com:80"),
        ("wss://example.com/", "/", "example.com"),
        ("ws://example.com:8080", "/", "example.com:8080"),
        ("wss://example.com:8443?x", "/?x", "example.com:8443"),
        ("ws://127.0.0.1:9001/", "/", "127.0.0.1:9001"),
        ("ws://[::1]/", "/", "[::1]"),
        ("ws://[::1]:80/", "/", "[::1]"),
        ("ws://[2001:db8::1]:9001/a", "/a", "[2001:db8::1]:9001"),
        ("wss://[::1]:443?q", "/?q", "[::1]"),
        // Never the user information.
        ("ws://user:secret@example.com/", "/", "example.com"),
        ("ws://user@example.com:81/", "/", "example.com:81"),
    ];
    for (uri, target, host) in table {
        let wire = encoded(request(uri, &[])).unwrap();
        let lines = lines(&wire);
        assert_eq!(lines[0], format!("GET {target} HTTP/1.1"), "{uri}");
        let hosts: Vec<_> = lines.iter().filter(|line| line.starts_with("Host: ")).collect();
        assert_eq!(hosts, [&format!("Host: {host}")], "{uri}");
        assert!(!String::from_utf8_lossy(&wire).contains("secret"));
        assert_eq!(offer(uri, &[]).request().uri(), target);
    }
}

#[test]
fn section_4_1_a_port_that_is_none_is_not_dropped_in_silence() {
    for port in ["99999", "port", "80x", "+80"] {
        // Some of these `Uri` refuses itself.
        let Ok(uri) = format!("ws://example.com:{port}/").parse::<http::Uri>() else { continue };
        let mut request = http::Request::new(());
        *request.uri_mut() = uri;
        assert_eq!(encoded(request), Err(Failure::Usage(UsageError::InvalidUri)), "{port}");
    }
}

#[test]
fn section_4_1_another_host_may_be_named() {
    let wire = encoded(request("ws://10.0.0.1:9001/", &[("host", "example.com:81")])).unwrap();
    let hosts: Vec<_> = lines(&wire).into_iter().filter(|line| line.starts_with("Host")).collect();
    assert_eq!(hosts, ["Host: example.com:81"]);
    let wire = encoded(request("/chat", &[("host", "example.com")])).unwrap();
    assert_eq!(lines(&wire)[0], "GET /chat HTTP/1.1");
    let error = encoded(request("/chat", &[])).expect_err("whose?");
    assert_eq!(error, Failure::Usage(UsageError::InvalidUri));
}

#[test]
fn section_4_1_keys_are_16_bytes_and_fresh() {
    let key = || {
        let mut wire = BytesMut::new();
        let mut codec = HandshakeCodec::client();
        codec.encode(request("ws://a/", &[]), &mut wire).expect("encodable");
        // The server checks that it is 16 bytes.
        offered(&wire).1.request().headers()["sec-websocket-key"].clone()
    };
    let keys: Vec<_> = (0..20).map(|_| key()).collect();
    for (i, key) in keys.iter().enumerate() {
        assert!(!keys[..i].contains(key), "{key:?} again");
    }
}

#[test]
fn section_4_1_headers_of_the_handshake_are_reserved() {
    let table: [Headers<'_>; 9] = [
        &[("upgrade", "websocket")],
        &[("Connection", "keep-alive")],
        &[("Content-Length", "0")],
        &[("Transfer-Encoding", "chunked")],
        &[("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")],
        &[("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")],
        &[("sec-websocket-version", "13")],
        &[("Origin", "http://a"), ("Sec-WebSocket-Version", "8")],
        &[("X", "y"), ("Connection", "")],
    ];
    for headers in table {
        refused_and_usable(request("ws://a/", headers), UsageError::ReservedHeader);
    }
}

/// The request is refused with nothing written, and the codec is as it was.
#[track_caller]
fn refused_and_usable(request: http::Request<()>, expected: UsageError) {
    let shown = format!("{request:?}");
    let mut wire = BytesMut::from("before");
    let mut codec = codec();
    let error = codec.encode(request, &mut wire).map_err(Failure::from);
    assert_eq!(error, Err(Failure::Usage(expected)), "{shown}");
    assert_eq!(wire, "before", "{shown}");
    codec.encode(self::request("ws://a/", &[]), &mut wire).expect("as if never asked");
    assert!(wire.starts_with(b"beforeGET / HTTP/1.1\r\n"));
}

#[test]
fn section_4_1_the_method_is_get() {
    for method in ["POST", "CONNECT", "HEAD"] {
        let mut request = request("ws://a/", &[]);
        *request.method_mut() = method.parse().unwrap();
        let mut wire = BytesMut::from("before");
        assert!(matches!(codec().encode(request, &mut wire), Err(Error::Usage(_))), "{method}");
        assert_eq!(wire, "before");
    }
}

#[test]
fn section_4_1_subprotocols_are_unique_tokens() {
    let table: [Headers<'_>; 8] = [
        &[("Sec-WebSocket-Protocol", "chat, chat")],
        &[("Sec-WebSocket-Protocol", "a, b, a")],
        &[("Sec-WebSocket-Protocol", "chat"), ("Sec-WebSocket-Protocol", "x,chat")],
        &[("Sec-WebSocket-Protocol", "two words")],
        &[("Sec-WebSocket-Protocol", "a/b")],
        &[("Sec-WebSocket-Protocol", "a;b")],
        &[("Sec-WebSocket-Protocol", "\"a\"")],
        &[("Sec-WebSocket-Protocol", "a=b")],
    ];
    for headers in table {
        refused_and_usable(request("ws://a/", headers), UsageError::InvalidSubprotocol);
    }
    let headers = [("Sec-WebSocket-Protocol", "z, A, a"), ("Sec-WebSocket-Protocol", "m.1")];
    let offer = offer("ws://a/", &headers);
    let offered: Vec<_> = offer.requested_protocols().collect();
    assert_eq!(offered, ["z", "A", "a", "m.1"], "in the caller's order");
}

#[test]
fn section_4_1_an_offer_of_nothing_is_not_written() {
    // "The elements that comprise this value MUST be non-empty strings", and 1#token has one at least.
    for name in ["Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"] {
        for value in ["", ",", " , "] {
            let Ok(wire) = encoded(request("ws://a/", &[(name, value)])) else { continue };
            let empty = lines(&wire).iter().any(|line| line.starts_with(name));
            assert!(!empty, "{name}: {value:?} is on the wire");
        }
    }
}

#[test]
fn section_9_1_extensions_that_are_offered() {
    for value in ["a b", "a;", "a; b=", "a; b=\"", "=a", "a; b=\"c d\"", ";"] {
        let headers = [("Sec-WebSocket-Extensions", value)];
        refused_and_usable(request("ws://a/", &headers), UsageError::InvalidHeader);
    }
    let headers =
        [("Sec-WebSocket-Extensions", "x; a=1; b=\"2\""), ("Sec-WebSocket-Extensions", "y")];
    let offer = offer("ws://a/", &headers);
    let offered: Vec<_> = offer.extensions().iter().map(ToString::to_string).collect();
    assert_eq!(offered, ["x; a=1; b=2", "y"]);
}

#[test]
fn section_4_1_other_headers_are_sent_as_they_are() {
    let headers = [("Origin", "http://a"), ("cookie", "a=1"), ("cookie", "b=2"), ("x", "\t y ")];
    let wire = encoded(request("ws://a/", &headers)).unwrap();
    for line in ["origin: http://a", "cookie: a=1", "cookie: b=2"] {
        assert!(lines(&wire).contains(&line), "{line}");
    }
    let value = http::HeaderValue::from_bytes(b"caf\xe9").unwrap();
    let mut request = request("ws://a/", &[]);
    request.headers_mut().insert("x", value.clone());
    let wire = encoded(request).unwrap();
    assert_eq!(offered(&wire).1.request().headers()["x"], value);
}

#[test]
fn section_4_1_one_request_is_sent() {
    let mut codec = codec();
    let mut wire = BytesMut::new();
    codec.encode(request("ws://a/", &[]), &mut wire).unwrap();
    let first = wire.clone();
    let again = codec.encode(request("ws://a/", &[]), &mut wire).map_err(Failure::from);
    assert_eq!(again, Err(Failure::Usage(UsageError::HandshakeOutOfTurn)));
    assert_eq!(wire, first);
    assert!(matches!(codec.decode(&mut BytesMut::new()), Ok(None)), "still waiting");
}

#[test]
fn section_4_2_1_a_server_accepts_what_a_client_sends() {
    let wire = encoded(request("wss://example.com:8443/a?b", &[("Origin", "https://x")])).unwrap();
    let mut buffer = BytesMut::from(&wire[..]);
    let decoded = HandshakeCodec::server().decode(&mut buffer);
    assert!(matches!(decoded, Ok(Some(Request::WebSocket(_)))), "{decoded:?}");
    assert!(buffer.is_empty());
}
