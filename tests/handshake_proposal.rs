//! A client's request for HTTP that somebody else speaks, and the response judged (RFC 6455 section 4.1, RFC 8441).

use bowline::{Deflate, FrameCodec, HandshakeError, Proposal, Request, Role, UsageError};
use bytes::Bytes;
use http::{HeaderMap, Method, Response, Version};

/// What carries the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Http {
    One,
    Two,
}
use Http::{One, Two};

const BOTH: [Http; 2] = [One, Two];

type Lines<'a> = &'a [(&'a str, &'a str)];

fn asked(uri: &str, lines: Lines<'_>) -> http::Request<()> {
    let mut request = http::Request::get(uri);
    for (name, value) in lines {
        request = request.header(*name, *value);
    }
    request.body(()).expect("a request")
}

fn propose(http: Http, request: http::Request<()>) -> Result<Proposal, UsageError> {
    match http {
        One => Proposal::over_http1(request),
        Two => Proposal::over_http2(request),
    }
}

const OFFERS: Lines<'_> = &[
    ("sec-websocket-protocol", "chat, superchat"),
    ("sec-websocket-protocol", "z"),
    ("sec-websocket-extensions", "x-one; a=1, permessage-deflate"),
];

fn offering(http: Http) -> Proposal {
    propose(http, asked("ws://server.example.com/chat", OFFERS)).expect("a proposal")
}

/// What a server answers to the proposal that accepts it.
fn accepting(http: Http, proposal: &Proposal) -> Response<Bytes> {
    let request = proposal.request().clone();
    let read = match http {
        One => Request::over_http1(request),
        Two => Request::over_http2(request, Some("websocket")),
    };
    let Ok(Request::WebSocket(offer)) = read else { panic!("{read:?}") };
    offer.agree().expect("agreed").0.map(|()| Bytes::new())
}

/// The same with other lines in place of those of this header.
fn altered(http: Http, proposal: &Proposal, name: &str, values: &[&str]) -> Response<Bytes> {
    let mut response = accepting(http, proposal);
    let name: http::HeaderName = name.parse().expect("a name");
    response.headers_mut().remove(&name);
    for value in values {
        let value = http::HeaderValue::from_bytes(value.as_bytes()).expect("a value");
        response.headers_mut().append(&name, value);
    }
    response
}

#[track_caller]
fn accepts(http: Http, name: &str, values: &[&str]) {
    let proposal = offering(http);
    let judged = proposal.judge(&altered(http, &proposal, name, values));
    let agreed = judged.unwrap_or_else(|error| panic!("{error}: {name}: {values:?} by {http:?}"));
    assert_eq!(agreed.role(), Role::Client);
    assert_eq!(FrameCodec::from(agreed).role(), Role::Client);
}

#[track_caller]
fn refuses(http: Http, name: &str, values: &[&str], error: &str) {
    let proposal = offering(http);
    let seen = proposal.judge(&altered(http, &proposal, name, values)).err();
    let seen = seen.map(|error| format!("{error:?}"));
    assert_eq!(seen.as_deref(), Some(error), "{name}: {values:?} by {http:?}");
}

#[test]
fn section_4_1_the_request_over_http1() {
    let lines = [("origin", "https://a.example"), ("cookie", "a=1"), ("cookie", "b=2")];
    let proposal =
        Proposal::over_http1(asked("ws://server.example.com:8080/chat?a=b", &lines)).unwrap();
    let request = proposal.request();
    assert_eq!((request.method(), request.version()), (&Method::GET, Version::HTTP_11));
    assert_eq!(request.uri(), "/chat?a=b");
    let mut headers = request.headers().clone();
    let key = headers.remove("sec-websocket-key").expect("a key");
    assert_eq!(key.len(), 24);
    let another = offering(One);
    assert_ne!(another.request().headers()["sec-websocket-key"], key, "fresh");
    let mut expected = HeaderMap::new();
    for (name, value) in [
        ("host", "server.example.com:8080"),
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-version", "13"),
        ("origin", "https://a.example"),
        ("cookie", "a=1"),
        ("cookie", "b=2"),
    ] {
        expected.append(name, value.parse().unwrap());
    }
    assert_eq!(headers, expected);
}

#[test]
fn rfc_8441_section_5_the_request_over_http2() {
    let table = [
        ("ws://server.example.com", "http://server.example.com/"),
        ("ws://server.example.com:80/chat?a=b", "http://server.example.com/chat?a=b"),
        ("wss://server.example.com/chat", "https://server.example.com/chat"),
        ("WSS://server.example.com:443/chat", "https://server.example.com/chat"),
        ("wss://server.example.com:80/?q", "https://server.example.com:80/?q"),
        ("wss://server.example.com?q", "https://server.example.com/?q"),
        ("https://[::1]:8443/chat", "https://[::1]:8443/chat"),
        ("http://127.0.0.1:8080/chat", "http://127.0.0.1:8080/chat"),
        ("ws://user:secret@server.example.com/chat", "http://server.example.com/chat"),
    ];
    for (uri, target) in table {
        let proposal = Proposal::over_http2(asked(uri, &[("x", "y")])).unwrap();
        let request = proposal.request();
        assert_eq!((request.method(), request.version()), (&Method::CONNECT, Version::HTTP_2));
        assert_eq!(request.uri(), target, "{uri}");
        let mut expected = HeaderMap::new();
        expected.insert("sec-websocket-version", "13".parse().unwrap());
        expected.insert("x", "y".parse().unwrap());
        assert_eq!(request.headers(), &expected, "no host, key, upgrade or connection");
    }
    let other = [("host", "other.example:8443")];
    let proposal = Proposal::over_http2(asked("wss://127.0.0.1/chat", &other)).unwrap();
    assert_eq!(proposal.request().uri(), "https://other.example:8443/chat");
    assert!(!proposal.request().headers().contains_key("host"));
}

#[test]
fn section_4_1_requests_that_are_not_made() {
    const URI: &str = "ws://server.example.com/chat";
    let table: [(Lines<'_>, UsageError); 14] = [
        (&[("upgrade", "websocket")], UsageError::ReservedHeader),
        (&[("connection", "close")], UsageError::ReservedHeader),
        (&[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")], UsageError::ReservedHeader),
        (&[("sec-websocket-version", "13")], UsageError::ReservedHeader),
        (&[("sec-websocket-accept", "x")], UsageError::ReservedHeader),
        (&[("content-length", "0")], UsageError::ReservedHeader),
        (&[("transfer-encoding", "chunked")], UsageError::ReservedHeader),
        (&[("sec-websocket-protocol", "two words")], UsageError::InvalidSubprotocol),
        (&[("sec-websocket-protocol", "a, b, a")], UsageError::InvalidSubprotocol),
        (
            &[("sec-websocket-protocol", "a"), ("sec-websocket-protocol", "a")],
            UsageError::InvalidSubprotocol,
        ),
        (&[("sec-websocket-protocol", "")], UsageError::InvalidSubprotocol),
        (&[("sec-websocket-extensions", "a b")], UsageError::InvalidHeader),
        (&[("sec-websocket-extensions", ",")], UsageError::InvalidHeader),
        (&[("sec-websocket-extensions", "a; b=\"c")], UsageError::InvalidHeader),
    ];
    for http in BOTH {
        for (lines, error) in &table {
            let seen = propose(http, asked(URI, lines)).err();
            assert_eq!(seen.as_ref(), Some(error), "{lines:?} by {http:?}");
        }
        for method in [Method::POST, Method::HEAD, Method::CONNECT] {
            let mut request = asked(URI, &[]);
            *request.method_mut() = method;
            assert_eq!(propose(http, request).err(), Some(UsageError::InvalidMethod));
        }
        assert_eq!(propose(http, asked("/chat", &[])).err(), Some(UsageError::InvalidUri));
    }
    for host in ["", "two words", "a/b"] {
        let request = asked(URI, &[("host", host)]);
        assert_eq!(Proposal::over_http2(request).err(), Some(UsageError::InvalidUri), "{host:?}");
    }
}

#[test]
fn section_4_1_responses_that_keep_the_rules() {
    let table: [(&str, &[&str]); 11] = [
        ("x", &["y"]),
        ("upgrade", &["WebSocket"]),
        ("upgrade", &["h2c, websocket"]),
        ("connection", &["keep-alive, UPGRADE"]),
        ("connection", &["keep-alive", "Upgrade"]),
        ("sec-websocket-protocol", &["superchat"]),
        ("sec-websocket-protocol", &["z"]),
        ("sec-websocket-extensions", &["x-one; b=\"2\""]),
        ("sec-websocket-extensions", &["permessage-deflate", "x-one"]),
        ("sec-websocket-extensions", &[""]),
        ("sec-websocket-version", &["13"]),
    ];
    for (name, values) in table {
        accepts(One, name, values);
    }
    // "the server responds ... with a 2xx", without any of HTTP/1.1's headers; and none of them is looked at.
    for (name, values) in table {
        accepts(Two, name, values);
    }
    for accept in [&[][..], &["wrong"], &["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="; 2]] {
        accepts(Two, "sec-websocket-accept", accept);
    }
}

#[test]
fn section_4_1_upgrade_connection_and_accept_over_http1() {
    let upgrades: [&[&str]; 4] = [&[], &["h2c"], &["websockets"], &[""]];
    for values in upgrades {
        refuses(One, "upgrade", values, "MissingUpgrade");
    }
    let connections: [&[&str]; 5] =
        [&[], &["keep-alive", "TE"], &["close"], &["notupgrade"], &[""]];
    for values in connections {
        refuses(One, "connection", values, "MissingConnectionUpgrade");
    }
    let overlong = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".repeat(400);
    // That of another key among them.
    for value in ["", "=", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "\u{1F5DD}", &overlong] {
        refuses(One, "sec-websocket-accept", &[value], "AcceptMismatch");
    }
    refuses(One, "sec-websocket-accept", &[], "AcceptMismatch");
    let proposal = offering(One);
    let accept = accepting(One, &proposal).headers()["sec-websocket-accept"].clone();
    let accept = accept.to_str().unwrap();
    let spoiled = accept.to_lowercase();
    for (value, is_right) in
        [(accept, true), (&format!(" {accept} "), true), (&spoiled, false), (&accept[1..], false)]
    {
        let response = altered(One, &proposal, "sec-websocket-accept", &[value]);
        assert_eq!(proposal.judge(&response).is_ok(), is_right, "{value:?}");
    }
    let response = altered(One, &proposal, "sec-websocket-accept", &[accept, accept]);
    assert!(matches!(proposal.judge(&response), Err(HandshakeError::DuplicateHeader(_))));
}

#[test]
fn section_4_1_what_was_not_offered() {
    for http in BOTH {
        for value in ["other", "CHAT", "", "chat, superchat", "chatter", "ch"] {
            refuses(http, "sec-websocket-protocol", &[value], "UnrequestedSubprotocol");
        }
        let duplicate = "DuplicateHeader(\"sec-websocket-protocol\")";
        refuses(http, "sec-websocket-protocol", &["chat", "superchat"], duplicate);
        for value in
            ["x-two", "x-one, x-two", "permessage-bzip2", "one", "x-one; a=1, other; x-one"]
        {
            refuses(http, "sec-websocket-extensions", &[value], "UnrequestedExtension");
        }
        for value in ["x-one;", "x-one; b=\"c", "x one", "=", "caf\u{e9}"] {
            refuses(http, "sec-websocket-extensions", &[value], "InvalidExtensions");
        }
        // Where nothing was offered, nothing may be chosen.
        let proposal = propose(http, asked("ws://server.example.com/", &[])).unwrap();
        for (name, value, error) in [
            ("sec-websocket-protocol", "chat", "UnrequestedSubprotocol"),
            ("sec-websocket-extensions", "permessage-deflate", "UnrequestedExtension"),
        ] {
            let response = altered(http, &proposal, name, &[value]);
            let seen = proposal.judge(&response).unwrap_err();
            assert_eq!(format!("{seen:?}"), error, "{http:?}");
        }
    }
}

#[test]
fn section_4_1_another_status_is_reported_with_the_whole_response() {
    for http in BOTH {
        let proposal = offering(http);
        for status in [100, 101, 103, 200, 201, 204, 301, 302, 400, 401, 403, 404, 405, 426, 500] {
            let mut response = accepting(http, &proposal);
            *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
            response.headers_mut().insert("location", "/other".parse().unwrap());
            *response.body_mut() = Bytes::from_static(b"why");
            let accepts = match http {
                One => status == 101,
                Two => (200..300).contains(&status),
            };
            match proposal.judge(&response) {
                Ok(_) => assert!(accepts, "{status} by {http:?}"),
                Err(HandshakeError::Refused(refused)) => {
                    assert!(!accepts, "{status} by {http:?}");
                    assert_eq!(refused.status(), status);
                    assert_eq!(
                        (&refused.body()[..], &refused.headers()["location"]),
                        (&b"why"[..], &http::HeaderValue::from_static("/other"),)
                    );
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn rfc_7692_section_7_1_compression() {
    let plain = || asked("ws://server.example.com/chat", &[]);
    for http in BOTH {
        let proposal = propose(http, plain()).unwrap().with_deflate(Deflate::new()).unwrap();
        let offer = proposal.request().headers()["sec-websocket-extensions"].to_str().unwrap();
        assert!(offer.starts_with("permessage-deflate"), "{offer}");
        let judge = |values: &[&str]| {
            let response = altered(http, &proposal, "sec-websocket-extensions", values);
            let judged = proposal.judge(&response);
            judged.map(|agreed| agreed.extensions().len()).map_err(|error| format!("{error:?}"))
        };
        assert_eq!(judge(&[]), Ok(0));
        assert_eq!(judge(&["permessage-deflate"]), Ok(1));
        assert_eq!(judge(&["permessage-deflate; server_no_context_takeover"]), Ok(1));
        let unacceptable = Err("UnacceptableParameters".to_owned());
        for parameters in [
            "server_max_window_bits=7",
            "server_max_window_bits=16",
            "server_max_window_bits=08",
            "server_max_window_bits",
            "unknown",
            "server_no_context_takeover; server_no_context_takeover",
        ] {
            let value = format!("permessage-deflate; {parameters}");
            assert_eq!(judge(&[&value]), unacceptable, "{value}");
        }
        assert_eq!(judge(&["permessage-deflate", "permessage-deflate"]), unacceptable);
        assert_eq!(judge(&["x"]), Err("UnrequestedExtension".to_owned()));

        let by_hand = asked(
            "ws://server.example.com/chat",
            &[("sec-websocket-extensions", "permessage-deflate")],
        );
        let twice = propose(http, by_hand).unwrap().with_deflate(Deflate::new());
        assert_eq!(twice.err(), Some(UsageError::ReservedHeader));
    }
}
