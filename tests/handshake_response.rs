//! What a client accepts and refuses in a server's response (RFC 6455 section 4.1).

#[path = "support/codec.rs"]
mod codec;
#[path = "support/heads.rs"]
mod heads;

use bowline::{Error, HandshakeCodec, HandshakeError};
use bytes::{Bytes, BytesMut};
use codec::Failure;
use heads::{Head, RESPONSE, altered, answered, client, head, started};
use http::Response;
use tokio_util::codec::Decoder;

const OFFERS: [(&str, &str); 3] = [
    ("Sec-WebSocket-Protocol", "chat, superchat"),
    ("Sec-WebSocket-Protocol", "z"),
    ("Sec-WebSocket-Extensions", "x-one; a=1, permessage-deflate"),
];

#[track_caller]
fn accepts(wire: &[u8]) {
    let outcome = answered(&OFFERS, wire);
    let [Head::Response { status: 101, .. }] = &outcome.items[..] else {
        panic!("{outcome:?} of {}", wire.escape_ascii())
    };
    assert_eq!((outcome.failure, outcome.rest, outcome.end), (None, vec![], None));
}

#[track_caller]
fn refuses(wire: &[u8], error: &str) {
    let shown: String = wire.escape_ascii().map(char::from).take(600).collect();
    let outcome = answered(&OFFERS, wire);
    assert_eq!(outcome.failure, Some(Failure::Handshake(error.to_owned())), "{shown}");
    assert_eq!((outcome.items, outcome.end), (vec![], None), "{shown}");
}

/// The response that a client reports instead of a connection, and what is left behind it.
#[track_caller]
fn refusal(wire: &[u8]) -> Response<Bytes> {
    let outcome = answered(&OFFERS, wire);
    assert_eq!(outcome.items, [], "no connection");
    let mut codec = client(&OFFERS);
    let mut buffer = BytesMut::from(wire);
    let error = match codec.decode(&mut buffer) {
        Ok(_) => codec.decode_eof(&mut buffer).expect_err("a refusal at the end of the stream"),
        Err(error) => error,
    };
    match error {
        Error::Handshake(error) => match *error {
            HandshakeError::Refused(response) => *response,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn section_4_1_a_response_that_keeps_the_rules() {
    accepts(&head(&RESPONSE));
    accepts(&started(&RESPONSE, "HTTP/1.1 101 "));
    accepts(&started(&RESPONSE, "HTTP/1.1 101"));
    accepts(&started(&RESPONSE, "HTTP/1.1 101 Web Socket Protocol Handshake"));
}

#[test]
fn section_4_1_headers_in_all_their_spellings() {
    let table: [(&str, &[&str]); 10] = [
        ("Upgrade", &["upgrade: WebSocket"]),
        ("Upgrade", &["UPGRADE:WEBSOCKET "]),
        ("Connection", &["Connection: upgrade"]),
        ("Connection", &["Connection: keep-alive, UPGRADE"]),
        ("Connection", &["Connection: keep-alive", "Connection: Upgrade"]),
        ("Sec-WebSocket-Accept", &["sec-websocket-accept:   s3pPLMBiTxaQ9kYGzzhZRbK+xOo=  "]),
        ("Sec-WebSocket-Protocol", &["Sec-WebSocket-Protocol: superchat"]),
        ("Sec-WebSocket-Protocol", &["sec-websocket-protocol: z"]),
        ("Sec-WebSocket-Extensions", &["Sec-WebSocket-Extensions: x-one; b=\"2\""]),
        (
            "Sec-WebSocket-Extensions",
            &["Sec-WebSocket-Extensions: permessage-deflate", "Sec-WebSocket-Extensions: x-one"],
        ),
    ];
    for (name, lines) in table {
        accepts(&altered(&RESPONSE, name, lines));
    }
}

#[test]
fn section_4_1_upgrade_and_connection() {
    for lines in [&[][..], &["Upgrade: h2c"], &["Upgrade: websockets"], &["Upgrade:"]] {
        refuses(&altered(&RESPONSE, "Upgrade", lines), "MissingUpgrade");
    }
    for lines in [
        &[][..],
        &["Connection: keep-alive", "Connection: TE"],
        &["Connection: close"],
        &["Connection: notupgrade"],
        &["Connection:"],
    ] {
        refuses(&altered(&RESPONSE, "Connection", lines), "MissingConnectionUpgrade");
    }
}

#[test]
fn section_4_1_accept() {
    let overlong = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".repeat(400);
    let table = [
        "",
        "=",
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo",
        "s3pPLMBiTxaQ9kYGzzhZRbK+xO",
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo==",
        "S3PPLMBITXAQ9KYGZZHZRBK+XOO=",
        "VY56t8QOwpDa8p3km4VE+Ra5KkY=",
        "dGhlIHNhbXBsZSBub25jZQ==",
        "\"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\"",
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo= x",
        "\u{1F5DD}",
        &overlong,
    ];
    for value in table {
        let line = format!("Sec-WebSocket-Accept: {value}");
        refuses(&altered(&RESPONSE, "Sec-WebSocket-Accept", &[&line]), "AcceptMismatch");
    }
    refuses(&altered(&RESPONSE, "Sec-WebSocket-Accept", &[]), "AcceptMismatch");
    let twice = [RESPONSE[3]; 2];
    let duplicate = "DuplicateHeader(\"sec-websocket-accept\")";
    refuses(&altered(&RESPONSE, "Sec-WebSocket-Accept", &twice), duplicate);
}

#[test]
fn section_4_1_subprotocols_that_were_not_offered() {
    for value in ["other", "CHAT", "", "chat, superchat", "chatter", "ch"] {
        let line = format!("Sec-WebSocket-Protocol: {value}");
        let wire = altered(&RESPONSE, "Sec-WebSocket-Protocol", &[&line]);
        refuses(&wire, "UnrequestedSubprotocol");
    }
    let twice = ["Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: superchat"];
    let duplicate = "DuplicateHeader(\"sec-websocket-protocol\")";
    refuses(&altered(&RESPONSE, "Sec-WebSocket-Protocol", &twice), duplicate);
    let chosen = altered(&RESPONSE, "X", &["Sec-WebSocket-Protocol: chat"]);
    let expected = Failure::Handshake("UnrequestedSubprotocol".into());
    assert_eq!(answered(&[], &chosen).failure, Some(expected), "none was offered");
}

#[test]
fn section_4_1_extensions_that_were_not_offered() {
    for value in ["x-two", "x-one, x-two", "permessage-bzip2", "one", "x-one; a=1, other; x-one"] {
        let line = format!("Sec-WebSocket-Extensions: {value}");
        let wire = altered(&RESPONSE, "Sec-WebSocket-Extensions", &[&line]);
        refuses(&wire, "UnrequestedExtension");
    }
    let chosen = altered(&RESPONSE, "X", &["Sec-WebSocket-Extensions: permessage-deflate"]);
    let expected = Failure::Handshake("UnrequestedExtension".into());
    assert_eq!(answered(&[], &chosen).failure, Some(expected), "none was offered");
}

#[test]
fn section_4_1_bytes_behind_the_head_stay_in_the_buffer() {
    for behind in [&b"\x81\x05Hello\x88\x00"[..], b"\x81", b"\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"]
    {
        let outcome = answered(&OFFERS, &[&head(&RESPONSE)[..], behind].concat());
        assert_eq!((outcome.items.len(), &outcome.rest[..]), (1, behind));
        assert_eq!((outcome.failure, outcome.end), (None, None));
    }
}

#[test]
fn rfc_9110_section_15_2_informational_responses_are_skipped() {
    let early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    for before in [&b"HTTP/1.1 100 Continue\r\n\r\n"[..], early, b"HTTP/1.1 102\r\n\r\n"] {
        accepts(&[before, &head(&RESPONSE)].concat());
        accepts(&[&before.repeat(3), &head(&RESPONSE)[..]].concat());
    }
    let refused =
        refusal(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(refused.status(), 403);
}

#[test]
fn section_4_1_another_status_is_reported_with_the_whole_response() {
    let wire = b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 4\r\n\r\nbody";
    let response = refusal(wire);
    assert_eq!(response.status(), 302);
    assert_eq!(response.headers()["location"], "/other");
    assert_eq!(response.body(), "body");
    let wire = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n";
    let response = refusal(wire);
    assert_eq!((response.status().as_u16(), response.body().len()), (401, 0));
    assert_eq!(response.headers()["www-authenticate"], "Basic");
    for status in [200, 201, 300, 400, 404, 426, 500, 503, 599] {
        let wire = started(&RESPONSE, &format!("HTTP/1.1 {status} Status"));
        assert_eq!(refusal(&wire).status(), status, "with the headers of a 101 all the same");
    }
}

#[test]
fn rfc_9112_section_6_3_where_a_refusals_body_ends() {
    let table: [(&str, &str, &str); 11] = [
        ("400 Bad", "Content-Length: 3", "abc"),
        ("204 None", "X: y", ""),
        ("304 Same", "Content-Length: 5", ""),
        ("400 Bad", "Transfer-Encoding: chunked", "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"),
        ("400 Bad", "Transfer-Encoding: gzip, chunked", "A\r\n0123456789\r\n0\r\nX: y\r\n\r\n"),
        ("400 Bad", "Transfer-Encoding: chunked", "0\r\n\r\n"),
        ("400 Bad", "X: until the end", "abc"),
        ("400 Bad", "X: until the end", ""),
        // Cut short, or not what was said: what has come is still worth reporting.
        ("400 Bad", "Content-Length: 9", "abc"),
        ("400 Bad", "Transfer-Encoding: chunked", "9\r\nabc"),
        ("400 Bad", "Transfer-Encoding: chunked", "3\r\nabc\r\nzz\r\n"),
    ];
    let bodies = ["abc", "", "", "abcde", "0123456789", "", "abc", "", "abc", "abc", "abc"];
    for ((status, header, wire), body) in table.into_iter().zip(bodies) {
        let wire = [head(&[&format!("HTTP/1.1 {status}"), header]), wire.into()].concat();
        assert_eq!(refusal(&wire).body(), body, "{}", wire.escape_ascii());
    }
}

#[test]
fn section_10_4_a_refusals_body_is_bounded() {
    let body = vec![b'x'; 100_000];
    for header in ["X: until the end", "Content-Length: 100000", "Content-Length: 99999999999999"] {
        let wire = [&head(&["HTTP/1.1 400 Bad", header])[..], &body].concat();
        assert_eq!(refusal(&wire).body().len(), 64 << 10, "{header}");
    }
    let chunks = [&b"186A0\r\n"[..], &body, b"\r\n0\r\n\r\n"].concat();
    let wire = [head(&["HTTP/1.1 400 Bad", "Transfer-Encoding: chunked"]), chunks].concat();
    assert_eq!(refusal(&wire).body().len(), 64 << 10);
}

#[test]
fn section_10_4_what_is_no_body_is_bounded_too() {
    let start = head(&["HTTP/1.1 400 Bad", "Transfer-Encoding: chunked"]);
    // A chunk's extension without end, and chunks whose size line never ends.
    for endless in [&b"1;xxxxxxxx"[..], b"1;x=\"y\"; z"] {
        let mut codec = client(&[]);
        let mut buffer = BytesMut::from(&start[..]);
        buffer.extend_from_slice(b"1;");
        let mut fed = 0;
        while fed < 256 << 10 && matches!(codec.decode(&mut buffer), Ok(None)) {
            let piece = endless.repeat(800);
            fed += piece.len();
            buffer.extend_from_slice(&piece);
        }
        assert!(fed <= 128 << 10, "{} bytes wait for the end of a line", buffer.len());
    }
}

#[test]
fn section_10_4_a_long_line_of_a_chunk_is_judged_alike_however_it_arrives() {
    let start = head(&["HTTP/1.1 400 Bad", "Transfer-Encoding: chunked"]);
    for len in [100, 4000, 5000, 20_000] {
        let chunk = format!("3;{}\r\nabc\r\n0\r\n\r\n", "x".repeat(len));
        let body = refusal(&[&start[..], chunk.as_bytes()].concat()).into_body();
        assert!(body == "abc" || body.is_empty(), "{len}: {body:?}");
    }
}

#[test]
fn section_10_4_the_head_is_bounded() {
    let mut lines = vec!["X: y"; 97];
    accepts(&head(&[&RESPONSE[..], &lines[1..]].concat()));
    lines.extend(["X: y"; 5]);
    refuses(&head(&[&RESPONSE[..], &lines].concat()), "TooManyHeaders(100)");
    let endless = [&b"HTTP/1.1 101 Switching\r\n"[..], &b"X: y\r\n".repeat(5000)].concat();
    refuses(&endless, "HeadTooLarge(16384)");
    let early = [&b"HTTP/1.1 100 Continue\r\n\r\n"[..], &endless].concat();
    refuses(&early, "HeadTooLarge(16384)");
    let long = [&b"HTTP/1.1 101 "[..], &[b'x'; 1_000_000]].concat();
    refuses(&long, "HeadTooLarge(16384)");
}

#[test]
fn rfc_9112_malformed_heads() {
    let table: [(&[u8], &str); 11] = [
        (b"HTTP/1.1 101 Switching\nUpgrade: websocket\n\n", "BareLineFeed"),
        (b"HTTP/1.1 abc\r\n\r\n", "MalformedHead"),
        (b"HTTP/1.1 99 Low\r\n\r\n", "MalformedHead"),
        (b"HTTP/2.0 101 Switching\r\n\r\n", "MalformedHead"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "MalformedHead"),
        (b"GET / HTTP/1.1\r\n\r\n", "MalformedHead"),
        (b"HTTP/1.1 101 S\r\nX: folded\r\n line\r\n\r\n", "MalformedHead"),
        (b"HTTP/1.1 101 S\r\nno colon\r\n\r\n", "MalformedHead"),
        // No end of a head is waited for: TLS's alert, and what else is none of HTTP.
        (b"\x15\x03\x03\0\x02\x02\x32", "MalformedHead"),
        (b"\r\n\0", "MalformedHead"),
        (b"\xff", "MalformedHead"),
    ];
    for (wire, error) in table {
        refuses(wire, error);
    }
}

#[test]
fn section_4_1_nothing_comes_before_the_request_is_sent() {
    let mut codec = HandshakeCodec::client();
    assert!(matches!(codec.decode(&mut BytesMut::new()), Ok(None)));
    let error = codec.decode(&mut BytesMut::from(&head(&RESPONSE)[..])).expect_err("too early");
    assert_eq!(Failure::from(error), Failure::Handshake("UnexpectedResponse".into()));
}

#[test]
fn section_7_1_7_after_an_error_what_is_fed_is_discarded() {
    for wire in [altered(&RESPONSE, "Upgrade", &[]), b"\n".to_vec()] {
        let mut codec = client(&[]);
        let mut buffer = BytesMut::from(&[&wire[..], b"\x81\x05Hello"].concat()[..]);
        assert!(codec.decode(&mut buffer).is_err());
        assert!(buffer.is_empty(), "{} bytes kept", buffer.len());
        buffer.extend_from_slice(&head(&RESPONSE));
        assert!(matches!(codec.decode(&mut buffer), Ok(None)));
        assert!(buffer.is_empty(), "{} bytes kept", buffer.len());
    }
}
