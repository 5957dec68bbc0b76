//! What a server accepts and refuses in a client's request over HTTP/2 (RFC 8441), read by somebody else.

#[path = "support/grammar.rs"]
mod grammar;
#[path = "support/http2_rules.rs"]
mod http2_rules;

use bowline::{Deflate, HandshakeError, Offer, Request, Role};
use http::{Method, Version};
use http2_rules::{Row, Verdict};

/// What `Request::over_http2` makes of a row's request.
fn read(row: &Row) -> Result<Request, HandshakeError> {
    let mut request = row.request.clone();
    *request.version_mut() = Version::HTTP_2;
    Request::over_http2(request, row.protocol)
}

#[track_caller]
fn offer(row: &Row) -> Offer {
    match read(row) {
        Ok(Request::WebSocket(offer)) => offer,
        other => panic!("{other:?} of {row:?}"),
    }
}

fn check(rows: Vec<Row>) {
    for row in rows {
        let asks = Request::is_websocket_over_http2(row.request.method(), row.protocol);
        assert_eq!(asks, !matches!(row.verdict, Verdict::HandedOn), "{row:?}");
        match &row.verdict {
            Verdict::Accepted(accept) => check_accepted(&row, *accept),
            Verdict::HandedOn => match read(&row) {
                Ok(Request::Http(request)) => {
                    assert_eq!(request.method(), row.request.method());
                    assert_eq!(request.uri(), row.request.uri());
                    assert_eq!(request.headers(), row.request.headers());
                }
                other => panic!("{other:?} of {row:?}"),
            },
            Verdict::Refused(error, status) => {
                let seen = read(&row).expect_err("a breach");
                assert_eq!(format!("{seen:?}"), format!("{error:?}"), "{row:?}");
                check_response(&seen, *status);
            }
        }
    }
}

fn check_accepted(row: &Row, accept: Option<&str>) {
    let offer = offer(row);
    assert_eq!(offer.request().uri(), row.request.uri());
    assert_eq!(offer.request().headers(), row.request.headers());
    let (response, agreed) = offer.agree().expect("agreed");
    assert_eq!(response.status(), 200);
    let headers: Vec<_> =
        response.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let expected = accept.map(|accept| ("sec-websocket-accept", accept.as_bytes()));
    assert_eq!(headers, Vec::from_iter(expected), "{row:?}");
    assert_eq!((agreed.role(), agreed.subprotocol()), (Role::Server, None));
    assert_eq!(agreed.extensions(), []);
}

/// "An endpoint MUST NOT generate an HTTP/2 message containing connection-specific header fields" (RFC 9113 section
/// 8.2.2), and "426 Upgrade Required" is of HTTP/1.1.
#[track_caller]
fn check_response(error: &HandshakeError, status: u16) {
    let response = error.response_over_http2();
    assert_eq!(response.status(), status, "{error:?}");
    for absent in ["connection", "upgrade", "transfer-encoding", "keep-alive"] {
        assert!(!response.headers().contains_key(absent), "{response:?}");
    }
    assert_eq!(response.body(), &format!("{error}\n"));
    let is_version =
        matches!(error, HandshakeError::WebSocketVersion(_) | HandshakeError::NotWebSocket);
    let versions = response.headers().get("sec-websocket-version");
    assert_eq!(
        versions.map(|it| it.to_str().expect("text")),
        is_version.then_some("13"),
        "{error:?}"
    );
    let allow = response.headers().get("allow").map(|it| it.to_str().expect("text"));
    assert_eq!(allow, (status == 405).then_some("CONNECT"), "{error:?}");
}

#[test]
fn rfc_8441_section_4_targets() {
    check(http2_rules::targets());
}

#[test]
fn rfc_8441_section_5_protocols() {
    check(http2_rules::protocols());
    check_response(&HandshakeError::NotWebSocket, 405);
    check_response(&HandshakeError::Method(Method::POST), 405);
}

#[test]
fn rfc_8441_section_5_versions() {
    check(http2_rules::versions());
}

#[test]
fn rfc_8441_section_5_keys_are_not_needed() {
    check(http2_rules::keys());
}

#[test]
fn rfc_8441_a_body_would_be_taken_for_frames() {
    check(http2_rules::bodies());
}

#[test]
fn rfc_9113_section_8_2_2_connection_specific_headers() {
    check(http2_rules::connection_specific());
}

#[test]
fn section_9_1_and_11_3_4_offers() {
    for (row, terms) in http2_rules::offers() {
        let offer = offer(&row);
        let protocols = offer.requested_protocols().map(str::to_owned);
        let seen: Vec<_> =
            protocols.chain(offer.extensions().iter().map(ToString::to_string)).collect();
        assert_eq!(seen, terms, "{row:?}");
        check_accepted(&row, None);
    }
    check(http2_rules::bad_offers());
}

/// An offer of these subprotocols and extensions.
fn offering(protocols: &str, extensions: &str) -> Offer {
    let request = http::Request::connect("https://server.example.com/chat")
        .version(Version::HTTP_2)
        .header("sec-websocket-version", "13")
        .header("sec-websocket-protocol", protocols)
        .header("sec-websocket-extensions", extensions)
        .header("origin", "https://server.example.com")
        .header("cookie", "a=1; b=2")
        .body(());
    match Request::over_http2(request.expect("a request"), Some("websocket")) {
        Ok(Request::WebSocket(offer)) => offer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rfc_8441_section_5_what_is_chosen_is_in_the_response() {
    let offer = offering("superchat, chat", "x, permessage-deflate; client_max_window_bits");
    assert_eq!(offer.origin(), Some("https://server.example.com"));
    assert_eq!(offer.cookies().collect::<Vec<_>>(), [("a", "1"), ("b", "2")]);
    let offer = offer.choose_subprotocol(["none", "chat", "superchat"]).deflate(Deflate::new());
    let (response, agreed) = offer.header("x-more", "y").agree().unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["sec-websocket-protocol"], "chat", "in the server's order");
    assert_eq!(response.headers()["x-more"], "y");
    assert_eq!(response.headers().len(), 3);
    let [extension] = agreed.extensions() else { panic!("{agreed:?}") };
    assert_eq!(extension.name(), "permessage-deflate");
    assert_eq!(response.headers()["sec-websocket-extensions"], extension.to_string());
    assert_eq!(agreed.subprotocol(), Some("chat"));
}

#[test]
fn rfc_8441_section_5_what_was_not_offered_is_not_chosen() {
    let offer = || offering("chat", "x, y");
    assert!(offer().subprotocol("other").agree().is_err());
    assert!(offer().header("sec-websocket-extensions", "z").agree().is_err());
    assert!(offer().header("connection", "x").agree().is_err());
    assert!(offer().header("sec-websocket-accept", "x").agree().is_err());
    let (response, agreed) = offer().deflate(Deflate::new()).agree().unwrap();
    assert_eq!((response.headers().len(), agreed.extensions()), (0, &[][..]));
    let offers = ["permessage-deflate; x", "permessage-deflate; server_max_window_bits=7"];
    for declined in offers {
        let (response, agreed) = offering("a", declined).deflate(Deflate::new()).agree().unwrap();
        assert_eq!((response.headers().len(), agreed.extensions()), (0, &[][..]), "{declined}");
    }
}

#[test]
fn rfc_8441_an_offer_over_http2_has_no_answer_of_http1() {
    let mut bytes = bytes::BytesMut::new();
    let mut codec = bowline::HandshakeCodec::server();
    let answer = offering("chat", "x").accept();
    assert!(tokio_util::codec::Encoder::encode(&mut codec, answer, &mut bytes).is_err());
    assert!(bytes.is_empty());
}
