//! What servers answer, over real sockets: refusals with their bodies, and all that is no answer (RFC 6455 section 4.1).

#[path = "support/sites.rs"]
mod sites;

use std::time::{Duration, Instant};

use bowline::{Client, Config, Deflate, Error, HandshakeError, Message};
use bytes::Bytes;
use http::Response;
use sites::{Answer, Site};

/// Far beyond what anything here takes that need not wait for it.
const AMPLE: Duration = Duration::from_secs(20);

/// For those that wait in vain.
const SHORT: Duration = Duration::from_millis(200);

async fn client(answer: Answer, limit: Duration) -> (Site, Client) {
    let site = Site::start(move |_| answer.clone()).await;
    let config = Config::new().with_handshake_timeout(Some(limit));
    let client = Client::new(site.uri("/")).expect("a URI").config(config);
    (site, client)
}

/// What comes of the answer, and when.
async fn outcome(answer: Answer, limit: Duration) -> (Error, Duration) {
    let (_site, client) = client(answer, limit).await;
    let start = Instant::now();
    let error = client.connect().await.map(drop).expect_err("no WebSocket");
    (error, start.elapsed())
}

async fn refusal(answer: Answer, limit: Duration) -> (Response<Bytes>, Duration) {
    let (error, elapsed) = outcome(answer, limit).await;
    match error {
        Error::Handshake(error) => match *error {
            HandshakeError::Refused(response) => (*response, elapsed),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

// ---- refusals ----

#[tokio::test]
async fn a_refusal_comes_with_headers_and_body() {
    let table = [
        (401, "WWW-Authenticate: Basic realm=\"x\"\r\n", "www-authenticate", "Basic realm=\"x\""),
        (403, "X-Reason: because\r\n", "x-reason", "because"),
        (500, "Server: sites\r\n", "server", "sites"),
        (503, "Retry-After: 120\r\n", "retry-after", "120"),
    ];
    for (status, headers, name, value) in table {
        let (response, elapsed) = refusal(Answer::response(status, headers, "sorry"), AMPLE).await;
        assert_eq!((response.status().as_u16(), &response.body()[..]), (status, &b"sorry"[..]));
        assert_eq!(response.headers()[name], value);
        assert!(elapsed < AMPLE);
    }
}

#[tokio::test]
async fn a_refusals_body_is_bounded_in_bytes_and_in_time() {
    let head = b"HTTP/1.1 503 Busy\r\nContent-Length: 10000000000\r\n\r\n".to_vec();
    let flood = Answer::Endless(head.clone(), vec![b'x'; 1 << 16], Duration::ZERO);
    let (response, elapsed) = refusal(flood, AMPLE).await;
    assert_eq!((response.status().as_u16(), response.body().len()), (503, 64 << 10));
    assert!(elapsed < AMPLE);

    let trickle = Answer::Endless(head.clone(), b"x".to_vec(), SHORT / 10);
    let (response, elapsed) = refusal(trickle, SHORT).await;
    assert_eq!(response.status(), 503);
    assert!((1..=10).contains(&response.body().len()), "{:?}", response.body());
    assert!((SHORT..AMPLE).contains(&elapsed));

    let (response, elapsed) = refusal(Answer::Silence(head), SHORT).await;
    assert_eq!((response.status().as_u16(), response.body().len()), (503, 0));
    assert!((SHORT..AMPLE).contains(&elapsed));
}

// ---- no answers ----

const HEAD: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n";

/// Each is refused at once, whatever may come yet.
#[tokio::test]
async fn section_4_1_an_answer_that_breaks_a_rule_is_refused_at_once() {
    let upgrade = |accept, headers| Answer::Upgrade(accept, headers, Vec::new());
    let same = |accept| accept;
    let deflate = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=20\r\n";
    let table = [
        (upgrade(|_| "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".into(), ""), "AcceptMismatch"),
        (upgrade(|_| String::new(), ""), "AcceptMismatch"),
        (upgrade(|accept| accept[..27].into(), ""), "AcceptMismatch"),
        (upgrade(|accept| accept + "=", ""), "AcceptMismatch"),
        (upgrade(|accept| accept.repeat(300), ""), "AcceptMismatch"),
        (upgrade(|accept| accept.to_lowercase(), ""), "AcceptMismatch"),
        (upgrade(same, "Sec-WebSocket-Extensions: x-other\r\n"), "UnrequestedExtension"),
        (upgrade(same, deflate), "UnacceptableParameters"),
        (upgrade(same, "Sec-WebSocket-Extensions: ;\r\n"), "InvalidExtensions"),
        (upgrade(same, "Sec-WebSocket-Protocol: v2\r\n"), "UnrequestedSubprotocol"),
        (upgrade(same, "Sec-WebSocket-Protocol: chat, chat\r\n"), "UnrequestedSubprotocol"),
        (Answer::Silence([HEAD, b"Connection: Upgrade\r\n\r\n"].concat()), "MissingUpgrade"),
        (
            Answer::Silence([HEAD, b"Upgrade: websocket\r\n\r\n"].concat()),
            "MissingConnectionUpgrade",
        ),
        (Answer::Silence([HEAD, b"Upgrade: websocket\n"].concat()), "BareLineFeed"),
        (Answer::Silence(b"HTTP/1.0 101 X\r\n\r\n".to_vec()), "HttpVersion(HTTP/1.0)"),
        (Answer::Silence(b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n".to_vec()), "MalformedHead"),
        (Answer::Bytes(Vec::new()), "EndOfStream(BeforeHead)"),
        (Answer::Bytes(HEAD.to_vec()), "EndOfStream(InsideHead)"),
        (
            Answer::Silence([HEAD, &b"X: y\r\n".repeat(200), b"\r\n"].concat()),
            "TooManyHeaders(100)",
        ),
        (
            Answer::Endless(HEAD.to_vec(), b"X: y\r\n".repeat(50), Duration::ZERO),
            "HeadTooLarge(16384)",
        ),
        (
            Answer::Endless(HEAD.to_vec(), vec![b'x'; 1 << 12], Duration::ZERO),
            "HeadTooLarge(16384)",
        ),
        (
            Answer::Endless(Vec::new(), b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(), Duration::ZERO),
            "TimedOut",
        ),
    ];
    for (i, (answer, expected)) in table.into_iter().enumerate() {
        let is_late = expected == "TimedOut";
        let (_site, client) = client(answer, if is_late { SHORT } else { AMPLE }).await;
        let start = Instant::now();
        let client = client.subprotocols(["chat"]).deflate(Deflate::new());
        let error = client.connect().await.map(drop).expect_err("no WebSocket");
        assert_eq!(format!("{error:?}"), format!("Handshake({expected})"), "row {i}");
        assert!(start.elapsed() < AMPLE, "row {i}");
    }
}

#[tokio::test]
async fn an_extension_or_a_subprotocol_that_nobody_offered_is_refused() {
    let table = [
        ("Sec-WebSocket-Extensions: permessage-deflate\r\n", "UnrequestedExtension"),
        ("Sec-WebSocket-Protocol: chat\r\n", "UnrequestedSubprotocol"),
    ];
    for (headers, expected) in table {
        let (error, _) =
            outcome(Answer::Upgrade(|accept| accept, headers, Vec::new()), AMPLE).await;
        assert_eq!(format!("{error:?}"), format!("Handshake({expected})"));
    }
}

#[tokio::test]
async fn silence_has_its_deadline() {
    let beginnings: [&[u8]; 4] = [b"", b"H", HEAD, b"HTTP/1.1 100 Continue\r\n\r\n"];
    for beginning in beginnings {
        let (error, elapsed) = outcome(Answer::Silence(beginning.to_vec()), SHORT).await;
        assert_eq!(format!("{error:?}"), "Handshake(TimedOut)");
        assert!(error.is_disconnect());
        assert!((SHORT..AMPLE).contains(&elapsed), "{elapsed:?}");
    }
    let trickle = Answer::Endless(HEAD.to_vec(), b"X: y\r\n".to_vec(), SHORT / 10);
    let (error, elapsed) = outcome(trickle, SHORT).await;
    assert_eq!(format!("{error:?}"), "Handshake(TimedOut)", "progress is no excuse");
    assert!((SHORT..AMPLE).contains(&elapsed), "{elapsed:?}");
}

// ---- answers ----

#[tokio::test]
async fn section_4_1_101_and_frames_in_one_read() {
    let frames = b"\x81\x02ab\x01\x01c\x80\x01d\x88\x02\x03\xe8".to_vec();
    let answer = Answer::Upgrade(|accept| format!("  {accept} "), "X-Y: z\r\n", frames);
    let (_site, client) = client(answer, AMPLE).await;
    let (mut ws, response) = client.connect().await.expect("connected");
    assert_eq!(response.headers()["x-y"], "z");
    for text in ["ab", "cd"] {
        let message = ws.next().await.expect("a message").expect("no error");
        assert_eq!(message, Message::text(text));
    }
    assert!(matches!(ws.next().await, Some(Ok(Message::Close(_)))));
}

#[tokio::test]
async fn section_15_2_interim_responses_are_passed_over() {
    let informed = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
    let (response, _) =
        refusal(Answer::Bytes([&informed[..], b"HTTP/1.1 403 No\r\n\r\nbody"].concat()), AMPLE)
            .await;
    assert_eq!((response.status().as_u16(), &response.body()[..]), (403, &b"body"[..]));
    assert!(!response.headers().contains_key("link"));

    let site = Site::start(|_| Answer::Interim(informed.to_vec())).await;
    let (mut ws, response) =
        Client::new(site.uri("/")).expect("a URI").connect().await.expect("connected");
    assert_eq!(response.status(), 101);
    ws.send("hello").await.expect("open");
    let echo = ws.next().await.expect("a message").expect("no error");
    assert_eq!(echo, Message::text("hello"));
}
