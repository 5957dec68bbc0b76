//! What a server accepts and refuses in a client's request (RFC 6455 section 4.2.1).

#[path = "support/codec.rs"]
mod codec;
#[path = "support/heads.rs"]
mod heads;
#[path = "support/request_rules.rs"]
mod request_rules;

use bowline::{Error, HandshakeCodec, Request};
use bytes::BytesMut;
use codec::Failure;
use heads::{Head, REQUEST, altered, head, head_lines, offered, refused, serve, started};
use request_rules::{OTHERS, Row, Verdict, with_bytes};
use tokio_util::codec::Decoder;

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

/// No end of a head is waited for. The first is the beginning of TLS.
#[test]
fn rfc_9112_what_cannot_begin_a_head_is_refused_on_its_first_byte() {
    for wire in [&b"\x16\x03\x01\x02\0\x01"[..], b"\x16", b"\r\n\x80", b"\0", b" GET"] {
        refuses(wire, "MalformedHead", 400);
    }
}

fn check(rows: Vec<Row>) {
    for row in rows {
        match row.verdict {
            Verdict::Accepted => accepts(&row.wire),
            Verdict::Refused(error, status) => refuses(&row.wire, &format!("{error:?}"), status),
        }
    }
}

#[test]
fn section_4_2_1_headers_in_all_their_spellings() {
    check(request_rules::spellings());
}

#[test]
fn section_4_2_1_request_lines() {
    check(request_rules::request_lines());
}

#[test]
fn section_4_2_1_bytes_of_http_2() {
    check(request_rules::bytes_of_http2());
}

#[test]
fn section_4_2_1_host() {
    check(request_rules::hosts());
}

#[test]
fn section_4_2_1_upgrade_is_a_list_of_tokens() {
    check(request_rules::upgrades());
}

#[test]
fn section_4_2_1_connection_is_a_list_of_tokens() {
    check(request_rules::connections());
}

#[test]
fn section_4_2_1_key() {
    check(request_rules::keys());
}

#[test]
fn section_4_4_versions() {
    check(request_rules::versions());
}

#[test]
fn section_4_2_1_a_body_would_be_taken_for_frames() {
    check(request_rules::bodies());
}

#[test]
fn rfc_9112_malformed_heads() {
    check(request_rules::malformed());
}

#[test]
fn section_10_4_heads_of_16_kib_and_100_headers() {
    check(request_rules::sizes());
}

#[test]
fn section_10_4_an_endless_head_is_refused_without_its_end() {
    check(request_rules::endless());
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
    for (line, wire, behind) in OTHERS {
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
