//! The client's end of WebSockets over HTTP/2 (RFC 8441), against a server that does as it is told.

#[path = "support/served.rs"]
mod served;

use std::{future::poll_fn, time::Duration};

use bowline::{Client, Config, Error, HandshakeError, Message, WebSocket};
use bowline_hyper::{Http2, Io, connect_h2};
use bytes::Bytes;
use h2::{
    Reason, RecvStream,
    server::{Builder, SendResponse},
};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use served::{PIPE, echoes, masked, served, within};
use tokio::{
    io::{DuplexStream, duplex},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::{Instant, sleep},
};

/// A stream that a client has opened.
type Asked = (Request<RecvStream>, SendResponse<Bytes>);

/// Has the server's end of the pipe speak HTTP/2; gives the streams. It ends when they are dropped.
fn answer_on(io: DuplexStream, builder: Builder) -> UnboundedReceiver<Asked> {
    let (give, asked) = unbounded_channel();
    tokio::spawn(async move {
        let mut connection = builder.handshake(io).await.expect("a client");
        loop {
            tokio::select! {
                () = give.closed() => return,
                stream = connection.accept() => match stream {
                    Some(Ok(stream)) => { let _ = give.send(stream); }
                    _ => return,
                },
            }
        }
    });
    asked
}

fn settings() -> Builder {
    let mut builder = Builder::new();
    builder.enable_connect_protocol();
    builder
}

/// A client's connection, and the streams that it opens.
async fn pair(builder: Builder) -> (Http2, UnboundedReceiver<Asked>) {
    let (client, server) = duplex(PIPE);
    let asked = answer_on(server, builder);
    (Http2::handshake(client).await.expect("a connection"), asked)
}

const URI: &str = "wss://server.example.com/chat?a=b";

fn client() -> Client {
    Client::new(URI).expect("a URI").subprotocols(["chat", "superchat"])
}

type Opened = Result<(WebSocket<Io>, Response<()>), Error>;

/// The error of an opening that failed.
#[track_caller]
fn failure(opened: Opened) -> Error {
    opened.expect_err("a failure")
}

/// The handshake's error, by its `Debug`.
#[track_caller]
fn breach(opened: Opened) -> String {
    match failure(opened) {
        Error::Handshake(error) => format!("{error:?}"),
        other => panic!("{other:?}"),
    }
}

fn response(status: u16, lines: &[(&str, &str)]) -> Response<()> {
    let mut response = Response::builder().status(status);
    for (name, value) in lines {
        response = response.header(*name, *value);
    }
    response.body(()).expect("a response")
}

#[tokio::test(start_paused = true)]
async fn rfc_8441_section_5_1_the_request_as_it_arrives() {
    let (mut http2, mut asked) = pair(settings()).await;
    let opening =
        tokio::spawn(
            async move { http2.connect(client().header("origin", "https://a.example")).await },
        );
    let (request, mut respond) = within(asked.recv()).await.expect("a stream");
    assert_eq!(request.method(), "CONNECT");
    assert_eq!(request.uri(), "https://server.example.com/chat?a=b");
    let protocol = request.extensions().get::<h2::ext::Protocol>().expect("a protocol");
    assert_eq!(protocol.as_str(), "websocket");
    let mut headers = request.headers().clone();
    assert_eq!(headers.remove("sec-websocket-version").expect("a version"), "13");
    assert_eq!(headers.remove("sec-websocket-protocol").expect("an offer"), "chat, superchat");
    assert_eq!(headers.remove("origin").expect("an origin"), "https://a.example");
    assert!(headers.is_empty(), "{headers:?}");
    assert!(!request.body().is_end_stream());

    // Frames with the response, and none of them masked.
    let accepting = response(200, &[("sec-websocket-protocol", "superchat")]);
    let mut send = respond.send_response(accepting, false).expect("sent");
    send.send_data(Bytes::from_static(b"\x81\x05Hello\x88\x02\x03\xe8"), true).expect("sent");
    let (mut ws, response) = within(opening).await.expect("no panic").expect("a WebSocket");
    assert_eq!((response.status().as_u16(), ws.subprotocol()), (200, Some("superchat")));
    assert!(ws.get_ref().socket().is_none());
    assert_eq!(within(ws.next()).await.expect("one").expect("good"), Message::text("Hello"));
    let close = within(ws.next()).await.expect("one").expect("good");
    assert!(matches!(close, Message::Close(_)), "{close:?}");
    assert!(within(ws.next()).await.is_none());
    // The client's answer is masked, and the stream ends with it.
    let mut body = request.into_body();
    let mut wire = Vec::new();
    while let Some(data) = within(body.data()).await {
        wire.extend_from_slice(&data.expect("data"));
    }
    assert_eq!((wire.len(), &wire[..2]), (8, &b"\x88\x82"[..]));
}

#[tokio::test(start_paused = true)]
async fn rfc_8441_section_5_responses_that_break_a_rule() {
    let table: [(&[(&str, &str)], &str); 6] = [
        (&[("sec-websocket-protocol", "other")], "UnrequestedSubprotocol"),
        (&[("sec-websocket-protocol", "CHAT")], "UnrequestedSubprotocol"),
        (&[("sec-websocket-protocol", "")], "UnrequestedSubprotocol"),
        (
            &[("sec-websocket-protocol", "chat"), ("sec-websocket-protocol", "chat")],
            "DuplicateHeader(\"sec-websocket-protocol\")",
        ),
        (&[("sec-websocket-extensions", "permessage-deflate")], "UnrequestedExtension"),
        (&[("sec-websocket-extensions", "x; y=\"")], "InvalidExtensions"),
    ];
    let (mut http2, mut asked) = pair(settings()).await;
    for (lines, error) in table {
        let (opened, mut send) = tokio::join!(within(http2.connect(client())), async {
            let (_, mut respond) = asked.recv().await.expect("a stream");
            respond.send_response(response(200, lines), false).expect("sent")
        });
        assert_eq!(breach(opened), error, "{lines:?}");
        // The stream is given up, and no other.
        let reset = within(poll_fn(|cx| send.poll_reset(cx))).await;
        assert_eq!(reset.expect("a reset"), Reason::CANCEL, "{lines:?}");
    }
    // Whatever there is of HTTP/1.1's headers.
    let lines = [("sec-websocket-accept", "wrong"), ("sec-websocket-version", "8")];
    let (opened, _streams) = tokio::join!(within(http2.connect(client())), async {
        let (request, mut respond) = asked.recv().await.expect("a stream");
        (request, respond.send_response(response(200, &lines), false).expect("sent"))
    });
    assert!(opened.is_ok(), "{opened:?}");
}

/// What a server sends of a refusal's body, and how it ends it.
enum Body {
    Ends(usize),
    NeverEnds(usize),
    IsReset(usize),
}

#[tokio::test(start_paused = true)]
async fn section_4_1_a_refusal_comes_with_its_body() {
    const KEPT: usize = 64 << 10;
    let table = [
        (201, Body::Ends(3), 3),
        (302, Body::Ends(0), 0),
        (403, Body::Ends(7), 7),
        (404, Body::Ends(KEPT), KEPT),
        (426, Body::Ends(KEPT + 1), KEPT),
        (500, Body::Ends(1_000_000), KEPT),
        (500, Body::NeverEnds(1_000_000), KEPT),
        (401, Body::NeverEnds(5), 5),
        (503, Body::IsReset(5), 5),
    ];
    let (mut http2, mut asked) = pair(settings()).await;
    for (status, body, kept) in table {
        let serving = async {
            let (request, mut respond) = asked.recv().await.expect("a stream");
            let lines = [("location", "/other")];
            let mut send = respond.send_response(response(status, &lines), false).expect("sent");
            let (len, is_reset, is_end) = match body {
                Body::Ends(len) => (len, false, true),
                Body::NeverEnds(len) => (len, false, false),
                Body::IsReset(len) => (len, true, false),
            };
            send.send_data(vec![b'x'; len].into(), is_end).expect("sent");
            if is_reset {
                sleep(Duration::from_secs(1)).await;
                send.send_reset(Reason::INTERNAL_ERROR);
            }
            (request, respond, send)
        };
        let began = Instant::now();
        let (opened, _kept_open) = tokio::join!(within(http2.connect(client())), serving);
        // Nobody waits for what isn't kept.
        assert!(kept < KEPT || began.elapsed().is_zero(), "{:?}", began.elapsed());
        let error = failure(opened);
        let refusal = error.refusal().expect("a refusal");
        assert_eq!((refusal.status().as_u16(), refusal.body().len()), (status, kept));
        assert_eq!(refusal.headers()["location"], "/other");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc_8441_section_3_a_server_that_does_not_take_websockets() {
    let (mut http2, mut asked) = pair(Builder::new()).await;
    for limit in [Duration::from_secs(10), Duration::from_millis(1500)] {
        let config = Config::new().with_handshake_timeout(Some(limit));
        let began = Instant::now();
        let opened = within(http2.connect(client().config(config))).await;
        assert_eq!(breach(opened), "NoExtendedConnect");
        assert_eq!(began.elapsed().as_millis(), limit.as_millis());
        assert!(asked.try_recv().is_err(), "\"A client MUST NOT\" ask");
    }
    // As a request it is another matter.
    let plain = async {
        let (_, mut respond) = asked.recv().await.expect("a stream");
        respond.send_response(response(204, &[]), true).expect("sent");
    };
    let request = Request::get("https://server.example.com/").body(Empty::new()).expect("one");
    let mut sender = http2.sender();
    let (answer, ()) = tokio::join!(within(sender.send_request(request)), plain);
    assert_eq!(answer.expect("an answer").status(), 204);
}

#[tokio::test(start_paused = true)]
async fn rfc_8441_section_3_settings_that_come_late() {
    for delay in [1, 50, 900, 9_000] {
        let (io, server) = duplex(PIPE);
        let mut http2 = Http2::handshake(io).await.expect("a connection");
        let serving = tokio::spawn(async move {
            sleep(Duration::from_millis(delay)).await;
            let mut asked = answer_on(server, settings());
            let (request, mut respond) = asked.recv().await.expect("a stream");
            let send = respond.send_response(response(200, &[]), false).expect("sent");
            (asked, request, send)
        });
        let began = Instant::now();
        let opened = within(http2.connect(client())).await;
        assert!(opened.is_ok(), "{opened:?}");
        let waited = began.elapsed().as_millis();
        assert!(waited <= u128::from(delay) * 9 / 8 + 10, "{waited} ms for {delay} ms");
        drop(serving.await.expect("no panic"));
    }
}

/// SETTINGS that say it only the second time: "A sender MUST NOT send [...] 0 after" is all that is ruled out.
#[tokio::test(start_paused = true)]
async fn rfc_8441_section_3_settings_that_change() {
    let (io, server) = duplex(PIPE);
    let mut http2 = Http2::handshake(io).await.expect("a connection");
    let serving = tokio::spawn(async move {
        let mut connection = h2::server::handshake(server).await.expect("a client");
        let change = sleep(Duration::from_secs(3));
        tokio::pin!(change);
        let mut is_changed = false;
        loop {
            tokio::select! {
                () = &mut change, if !is_changed => {
                    is_changed = true;
                    connection.enable_connect_protocol().expect("changed");
                }
                stream = connection.accept() => match stream {
                    Some(Ok((_, mut respond))) => {
                        respond.send_response(response(200, &[]), true).expect("sent");
                    }
                    _ => return,
                },
            }
        }
    });
    assert!(within(http2.connect(client())).await.is_ok());
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn section_7_connections_that_are_lost_meanwhile() {
    // Before SETTINGS have come, at once and later.
    let (io, server) = duplex(PIPE);
    let mut http2 = Http2::handshake(io).await.expect("a connection");
    let losing = async {
        sleep(Duration::from_secs(2)).await;
        drop(server);
    };
    let none = Config::new().with_handshake_timeout(None);
    let (opened, ()) = tokio::join!(within(http2.connect(client().config(none))), losing);
    assert!(matches!(failure(opened), Error::Io(_)));
    assert!(matches!(failure(within(http2.connect(client())).await), Error::Io(_)));

    // While the response is waited for: the connection, then the stream.
    let (mut http2, mut asked) = pair(settings()).await;
    let (opened, ()) = tokio::join!(within(http2.connect(client())), async {
        let (_, mut respond) = asked.recv().await.expect("a stream");
        respond.send_reset(Reason::REFUSED_STREAM);
    });
    assert!(matches!(failure(opened), Error::Io(_)));
    let (opened, ()) = tokio::join!(within(http2.connect(client())), async move {
        asked.recv().await.expect("a stream");
        drop(asked);
    });
    assert!(matches!(failure(opened), Error::Io(_)));
}

#[tokio::test(start_paused = true)]
async fn section_4_1_a_response_that_never_comes() {
    let (mut http2, mut asked) = pair(settings()).await;
    let began = Instant::now();
    let (opened, (_request, mut respond)) =
        tokio::join!(within(http2.connect(client())), async { asked.recv().await.expect("one") });
    assert_eq!(breach(opened), "TimedOut");
    assert_eq!(began.elapsed().as_secs(), 10);
    let reset = within(poll_fn(|cx| respond.poll_reset(cx))).await;
    assert_eq!(reset.expect("a reset"), Reason::CANCEL);
}

#[tokio::test(start_paused = true)]
async fn a_connect_that_is_dropped_resets_its_stream() {
    let (http2, mut asked) = pair(settings()).await;
    let mut clone = http2.clone();
    let opening = tokio::spawn(async move { clone.connect(client()).await });
    let (_request, mut respond) = within(asked.recv()).await.expect("a stream");
    opening.abort();
    let reset = within(poll_fn(|cx| respond.poll_reset(cx))).await;
    assert_eq!(reset.expect("a reset"), Reason::CANCEL);
    // The connection is as it was.
    let mut http2 = http2;
    let (opened, _streams) = tokio::join!(within(http2.connect(client())), async {
        let (request, mut respond) = asked.recv().await.expect("a stream");
        (request, respond.send_response(response(200, &[]), false).expect("sent"))
    });
    assert!(opened.is_ok());
}

#[tokio::test(start_paused = true)]
async fn clones_and_requests_share_a_connection() {
    let mut http2 = Http2::handshake(served(echoes(), PIPE)).await.expect("a connection");
    let mut clone = http2.clone();
    let (mut one, _) = within(http2.connect(client())).await.expect("a WebSocket");
    let (mut two, _) = within(clone.connect(client())).await.expect("a WebSocket");
    let request = Request::get("https://server.example.com/").body(Empty::new()).expect("one");
    let page = within(http2.sender().send_request(request)).await.expect("an answer");
    assert_eq!(page.status(), 405);
    let body = page.into_body().collect().await.expect("a body").to_bytes();
    assert_eq!(body, format!("{}\n", HandshakeError::NotWebSocket));
    let mut sender = http2.sender();
    let (mut three, _) = within(connect_h2(&mut sender, client())).await.expect("a WebSocket");
    // Streams outlive those who opened them.
    drop((http2, clone, sender));
    for (ws, text) in [(&mut one, "one"), (&mut two, "two"), (&mut three, "three")] {
        within(ws.send(text)).await.expect("sent");
        assert_eq!(within(ws.next()).await.expect("one").expect("good"), Message::text(text));
    }
    for mut ws in [one, two, three] {
        within(ws.close(1000, "")).await.expect("closed");
    }
}

#[tokio::test(start_paused = true)]
async fn section_5_1_a_masked_frame_from_a_server_is_a_breach() {
    let (mut http2, mut asked) = pair(settings()).await;
    let (opened, (request, mut send)) = tokio::join!(within(http2.connect(client())), async {
        let (request, mut respond) = asked.recv().await.expect("a stream");
        (request, respond.send_response(response(200, &[]), false).expect("sent"))
    });
    let (mut ws, _) = opened.expect("a WebSocket");
    send.send_data(masked(0x81, b"Hello").into(), false).expect("sent");
    let error = within(ws.next()).await.expect("one").expect_err("a breach");
    assert!(format!("{error:?}").starts_with("Protocol("), "{error:?}");
    let mut body = request.into_body();
    let close = within(body.data()).await.expect("a frame").expect("data");
    let key = &close[2..6];
    assert_eq!([close[6] ^ key[0], close[7] ^ key[1]], 1002_u16.to_be_bytes());
}
