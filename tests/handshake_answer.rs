//! What a server writes (RFC 6455 section 4.2.2): acceptances, refusals, plain HTTP.

#[path = "support/codec.rs"]
mod codec;
#[path = "support/heads.rs"]
mod heads;

use bowline::{
    Answer, Error, HandshakeCodec, HandshakeError, Offer, Request, UsageError, handshake::Server,
};
use bytes::BytesMut;
use codec::Failure;
use heads::{REQUEST, RESPONSE, altered, head, lines, offered, refused, started};
use http::{Response, StatusCode};
use tokio_util::codec::{Decoder, Encoder};

const OFFERS: [&str; 3] = [
    "Sec-WebSocket-Protocol: chat, superchat",
    "Sec-WebSocket-Protocol: z",
    "Sec-WebSocket-Extensions: x-one; a=1, x-two",
];

fn offer() -> (HandshakeCodec<Server>, Offer) {
    offered(&head(&[&REQUEST[..], &OFFERS].concat()))
}

#[track_caller]
fn written(mut codec: HandshakeCodec<Server>, answer: impl Into<Answer>) -> Vec<u8> {
    let mut wire = BytesMut::new();
    codec.encode(answer.into(), &mut wire).expect("encodable");
    wire.to_vec()
}

/// The lines of an answer's head, which must have an empty line and this body.
#[track_caller]
fn head_before<'a>(wire: &'a [u8], body: &str) -> Vec<&'a str> {
    let head = wire.strip_suffix(body.as_bytes()).expect("the body at the end");
    lines(head)
}

/// The answer is refused with nothing written, and another can be given.
#[track_caller]
fn refused_and_usable(mut codec: HandshakeCodec<Server>, answer: Answer, expected: UsageError) {
    let mut wire = BytesMut::from("before");
    let error = codec.encode(answer, &mut wire).map_err(Failure::from);
    assert_eq!(error, Err(Failure::Usage(expected)));
    assert_eq!(wire, "before");
    codec.encode(Response::new("ok").into(), &mut wire).expect("another answer");
    assert!(wire.starts_with(b"beforeHTTP/1.1 200 OK\r\n"));
}

#[test]
fn section_4_2_2_the_acceptance_and_nothing_else() {
    let (codec, offer) = offer();
    assert_eq!(written(codec, offer.accept()), head(&RESPONSE));
}

#[test]
fn section_4_2_2_a_subprotocol_that_was_offered() {
    for name in ["chat", "superchat", "z"] {
        let (codec, offer) = offer();
        let wire = written(codec, offer.subprotocol(name).accept());
        let expected = format!("Sec-WebSocket-Protocol: {name}");
        assert_eq!(lines(&wire).iter().filter(|line| **line == expected).count(), 1);
    }
    let (codec, offer) = offer();
    let wire = written(codec, offer.subprotocol("chat").subprotocol("z").accept());
    let chosen: Vec<_> =
        lines(&wire).into_iter().filter(|line| line.contains("Protocol:")).collect();
    assert_eq!(chosen, ["Sec-WebSocket-Protocol: z"], "one at most");
}

#[test]
fn section_4_2_2_a_subprotocol_that_was_not_offered() {
    for name in ["other", "CHAT", "", "chat, superchat", "chat\r\nX: y", "\u{1F5DD}"] {
        let (codec, offer) = offer();
        let answer = offer.subprotocol(name).accept();
        refused_and_usable(codec, answer, UsageError::SubprotocolNotOffered);
    }
    let (codec, offer) = offered(&head(&REQUEST));
    let answer = offer.subprotocol("chat").accept();
    refused_and_usable(codec, answer, UsageError::SubprotocolNotOffered);
    let (codec, offer) = self::offer();
    let answer = offer.header("Sec-WebSocket-Protocol", "other").accept();
    refused_and_usable(codec, answer, UsageError::ReservedHeader);
}

#[test]
fn section_9_1_extensions_that_were_offered_and_not() {
    let (codec, offer) = offer();
    let wire = written(codec, offer.header("Sec-WebSocket-Extensions", "x-two; b").accept());
    assert!(lines(&wire).contains(&"Sec-WebSocket-Extensions: x-two; b"));
    let table = [
        ("x-three", UsageError::ExtensionNotOffered),
        ("x-one, x-three", UsageError::ExtensionNotOffered),
        ("permessage-deflate", UsageError::ExtensionNotOffered),
        ("x-one; a=", UsageError::InvalidHeader),
        ("x-one; a=\"", UsageError::InvalidHeader),
    ];
    for (value, error) in table {
        let (codec, offer) = self::offer();
        refused_and_usable(codec, offer.header("Sec-WebSocket-Extensions", value).accept(), error);
    }
}

#[test]
fn section_4_2_2_never_an_empty_value() {
    for value in ["", ",", " , "] {
        let (mut codec, offer) = offer();
        let mut wire = BytesMut::new();
        let answer = offer.header("Sec-WebSocket-Extensions", value).accept();
        if codec.encode(answer, &mut wire).is_ok() {
            let on_the_wire = lines(&wire).iter().any(|line| line.contains("Extensions"));
            assert!(!on_the_wire, "{value:?} is on the wire");
        }
    }
}

#[test]
fn section_4_2_2_headers_of_the_handshake_are_reserved() {
    for name in [
        "Upgrade",
        "connection",
        "Content-Length",
        "Transfer-Encoding",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Accept",
        "Sec-WebSocket-Version",
    ] {
        let (codec, offer) = offer();
        refused_and_usable(codec, offer.header(name, "1").accept(), UsageError::ReservedHeader);
    }
    for (name, value) in [("two words", "x"), ("", "x"), ("X", "a\r\nb: c"), ("X", "a\0")] {
        let (codec, offer) = offer();
        refused_and_usable(codec, offer.header(name, value).accept(), UsageError::InvalidHeader);
    }
}

#[test]
fn section_4_2_2_other_headers_are_sent_as_they_are() {
    let (codec, offer) = offer();
    let answer = offer.header("Set-Cookie", "a=1").header("set-cookie", "b=2").header("x", "y");
    let wire = written(codec, answer.accept());
    for line in ["set-cookie: a=1", "set-cookie: b=2", "x: y"] {
        assert!(lines(&wire).contains(&line), "{line}");
    }
}

#[test]
fn section_4_2_2_the_answers_to_breaches() {
    let table = [
        (altered(&REQUEST, "Host", &[]), "400 Bad Request", "close", ""),
        (altered(&REQUEST, "Upgrade", &[]), "400 Bad Request", "close", ""),
        (altered(&REQUEST, "Sec-WebSocket-Key", &[]), "400 Bad Request", "close", ""),
        (started(&REQUEST, "GET"), "400 Bad Request", "close", ""),
        (started(&REQUEST, "GET / HTTP/1.0"), "400 Bad Request", "close", ""),
        (started(&REQUEST, "POST / HTTP/1.1"), "405 Method Not Allowed", "close", "allow: GET"),
        (
            altered(&REQUEST, "Sec-WebSocket-Version", &["Sec-WebSocket-Version: 8"]),
            "426 Upgrade Required",
            "upgrade, close",
            "Sec-WebSocket-Version: 13",
        ),
        (
            altered(&REQUEST, "X", &["X: y"; 100]),
            "431 Request Header Fields Too Large",
            "close",
            "",
        ),
        (b"PRI * HTTP/2.0\r\n\r\n".to_vec(), "505 HTTP Version Not Supported", "close", ""),
    ];
    for (request, status, connection, header) in table {
        let (codec, error) = refused(&request);
        let body = format!("{error}\n");
        let wire = written(codec, error.response());
        let lines = head_before(&wire, &body);
        assert_eq!(lines[0], format!("HTTP/1.1 {status}"));
        let connections: Vec<_> =
            lines.iter().filter_map(|line| line.strip_prefix("Connection: ")).collect();
        assert_eq!(connections, [connection], "{status}");
        assert!(lines.contains(&&*format!("Content-Length: {}", body.len())), "{lines:?}");
        assert!(header.is_empty() || lines.contains(&header), "{header} in {lines:?}");
        assert!(!lines.iter().any(|line| line.starts_with("Sec-WebSocket-Accept")));
    }
}

#[test]
fn rfc_9110_section_15_5_22_a_426_names_what_to_upgrade_to() {
    let (codec, error) = refused(&altered(&REQUEST, "Sec-WebSocket-Version", &[]));
    let wire = written(codec, error.response());
    let lines = head_before(&wire, &format!("{error}\n"));
    for line in ["Upgrade: websocket", "Connection: upgrade, close", "Sec-WebSocket-Version: 13"] {
        assert_eq!(lines.iter().filter(|seen| **seen == line).count(), 1, "{line} in {lines:?}");
    }
    assert_eq!(HandshakeError::NotWebSocket.response().status(), 426);
}

/// The codec behind a plain request.
#[track_caller]
fn asked(wire: &[u8]) -> HandshakeCodec<Server> {
    let mut codec = HandshakeCodec::server();
    let decoded = codec.decode(&mut BytesMut::from(wire));
    assert!(matches!(decoded, Ok(Some(Request::Http(_)))), "{decoded:?}");
    codec
}

#[test]
fn rfc_9110_a_plain_request_is_answered() {
    let get = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let response = Response::builder().header("Content-Type", "text/plain").body("hello\n");
    let wire = written(asked(get), response.unwrap());
    let lines = head_before(&wire, "hello\n");
    assert_eq!(lines[0], "HTTP/1.1 200 OK");
    for line in ["content-type: text/plain", "Content-Length: 6", "Connection: close"] {
        assert!(lines.contains(&line), "{line} in {lines:?}");
    }
    let lied =
        Response::builder().header("Content-Length", "99").header("Transfer-Encoding", "chunked");
    let wire = written(asked(get), lied.body("body").unwrap());
    let lines = head_before(&wire, "body");
    assert!(lines.contains(&"Content-Length: 4"), "{lines:?}");
    assert!(!lines.iter().any(|line| line.to_lowercase().contains("chunked")), "{lines:?}");
}

#[test]
fn rfc_9110_section_9_3_2_head_has_no_body() {
    let wire = written(asked(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"), Response::new("hello\n"));
    assert!(lines(&wire).contains(&"Content-Length: 6"), "as a GET would have");
    let (codec, error) = refused(&started(&REQUEST, "HEAD / HTTP/1.1"));
    let wire = written(codec, error.response());
    assert_eq!(lines(&wire)[0], "HTTP/1.1 405 Method Not Allowed");
}

#[test]
fn rfc_9110_section_8_6_no_content_length_where_there_is_no_content() {
    for status in [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED] {
        let mut response = Response::new("never sent");
        *response.status_mut() = status;
        let wire = written(asked(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), response);
        let lines = lines(&wire);
        assert!(!lines.iter().any(|line| line.starts_with("Content-Length")), "{lines:?}");
        let (codec, offer) = offer();
        let wire = written(codec, offer.reject(status));
        assert!(!wire.ends_with(b"never sent"));
    }
}

#[test]
fn section_4_2_2_an_offer_may_be_rejected() {
    for status in [401, 403, 404, 302, 503] {
        let (codec, offer) = offer();
        let wire = written(codec, offer.reject(StatusCode::from_u16(status).unwrap()));
        let lines = head_before(&wire, "");
        assert!(lines[0].starts_with(&format!("HTTP/1.1 {status} ")), "{lines:?}");
        assert!(lines.contains(&"Content-Length: 0") && lines.contains(&"Connection: close"));
    }
}

#[test]
fn section_4_2_2_no_101_by_hand_and_no_other_1xx() {
    for status in [100, 101, 103] {
        let status = StatusCode::from_u16(status).unwrap();
        let (codec, offer) = offer();
        refused_and_usable(codec, offer.reject(status), UsageError::InvalidStatus(status));
        let mut response = Response::new("");
        *response.status_mut() = status;
        let codec = asked(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        refused_and_usable(codec, response.into(), UsageError::InvalidStatus(status));
    }
}

#[test]
fn section_4_2_2_one_answer_to_one_request() {
    let out_of_turn = |result: Result<(), Error>| {
        let expected = Failure::Usage(UsageError::HandshakeOutOfTurn);
        assert_eq!(result.map_err(Failure::from), Err(expected));
    };
    let mut wire = BytesMut::new();
    out_of_turn(HandshakeCodec::server().encode(Response::new("").into(), &mut wire));
    let mut codec = HandshakeCodec::server();
    assert!(matches!(codec.decode(&mut BytesMut::from("GET / HT")), Ok(None)));
    out_of_turn(codec.encode(Response::new("").into(), &mut wire));
    assert!(wire.is_empty());
    let (mut codec, offer) = offer();
    codec.encode(offer.accept(), &mut wire).unwrap();
    let first = wire.clone();
    out_of_turn(codec.encode(Response::new("").into(), &mut wire));
    assert_eq!(wire, first);
}
