//! What becomes of a connection after its handler, and what a handler is given, over HTTP/1.1 and HTTP/2.

#[path = "support/served.rs"]
mod served;

use std::{future::Future, sync::Arc};

use axum::{
    Extension, Router,
    body::Body,
    extract::{Path, State},
    response::Response,
    routing::any,
};
use bowline::{Client, Config, Deflate, Error, Limits, Message, WebSocket};
use bowline_hyper::{Io, Options, Origins, axum::WebSocketUpgrade, test};
use http::{HeaderMap, Request, Version};
use http_body_util::BodyExt;
use hyper::ext::Protocol;
use served::{echo, within};
use tokio::io::{AsyncRead, AsyncWrite};
use tower::ServiceExt;

fn client(path: &str) -> Client {
    Client::new(format!("ws://server.example.com{path}")).expect("a URI")
}

/// The same over HTTP/1.1 and HTTP/2.
macro_rules! over_both {
    ($app:expr, $client:expr, |$ws:pat_param| $look:block) => {{
        let ($ws, response) =
            within(test::connect($app.clone(), $client)).await.expect("HTTP/1.1");
        assert_eq!(response.status(), 101);
        $look
        let ($ws, response) = within(test::connect_h2($app.clone(), $client)).await.expect("HTTP/2");
        assert_eq!(response.status(), 200);
        $look
    }};
}

/// What comes before the Close, and its code; the stream ends cleanly behind it.
async fn to_close<T>(mut ws: WebSocket<T>) -> (Vec<String>, Option<u16>)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut texts = Vec::new();
    let mut code = None;
    while let Some(message) = within(ws.next()).await {
        match message.unwrap_or_else(|error| panic!("{error:?} after {texts:?}, {code:?}")) {
            Message::Text(text) => texts.push(text.to_string()),
            Message::Close(frame) => code = frame.map(|frame| u16::from(frame.code)),
            other => panic!("{other:?}"),
        }
    }
    (texts, code)
}

/// A route for each way that a handler can end.
fn endings() -> Router {
    async fn returns(mut ws: WebSocket<Io>) {
        ws.feed("queued").await.expect("taken");
    }
    async fn fails(mut ws: WebSocket<Io>) -> Result<(), &'static str> {
        ws.feed("queued").await.expect("taken");
        Err("no")
    }
    async fn panics(mut ws: WebSocket<Io>) {
        ws.feed("queued").await.expect("taken");
        panic!("on purpose");
    }
    async fn closes(mut ws: WebSocket<Io>) -> Result<(), &'static str> {
        ws.send("sent").await.expect("taken");
        ws.close(4000, "its own").await.expect("closed");
        Err("too late")
    }
    async fn splits(ws: WebSocket<Io>) {
        let (mut receiver, mut sender) = ws.split();
        tokio::spawn(async move {
            while let Some(Ok(message)) = receiver.next().await {
                let Message::Text(text) = message else { continue };
                if sender.send(format!("still {text}")).await.is_err() || text == "end" {
                    return;
                }
            }
        });
    }
    async fn splits_and_fails(ws: WebSocket<Io>) -> Result<(), &'static str> {
        let (reader, mut sender) = ws.split();
        sender.send("sent").await.expect("taken");
        tokio::spawn(async move {
            let _kept = reader;
            sender.closed().await
        });
        Err("no")
    }
    // As one who waits for what others have to say.
    async fn waits_and_fails(ws: WebSocket<Io>) -> Result<(), &'static str> {
        let (_reader, mut sender) = ws.split();
        sender.send("sent").await.expect("taken");
        tokio::spawn(async move {
            let _kept = sender;
            std::future::pending::<()>().await;
        });
        Err("no")
    }
    fn at<F, Fut>(handler: F) -> axum::routing::MethodRouter
    where
        F: Fn(WebSocket<Io>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output: bowline_hyper::Outcome> + Send + 'static,
    {
        any(move |upgrade: WebSocketUpgrade| async move { upgrade.on_upgrade(handler) })
    }
    Router::new()
        .route("/returns", at(returns))
        .route("/fails", at(fails))
        .route("/panics", at(panics))
        .route("/closes", at(closes))
        .route("/splits", at(splits))
        .route("/splits_and_fails", at(splits_and_fails))
        .route("/waits_and_fails", at(waits_and_fails))
}

#[tokio::test(start_paused = true)]
async fn section_7_4_1_the_code_after_each_way_to_end() {
    let table = [
        ("/returns", "queued", 1000),
        ("/fails", "queued", 1011),
        ("/panics", "queued", 1011),
        ("/closes", "sent", 4000),
        ("/splits_and_fails", "sent", 1011),
        ("/waits_and_fails", "sent", 1011),
    ];
    for (path, text, code) in table {
        over_both!(endings(), client(path), |ws| {
            assert_eq!(to_close(ws).await, (vec![text.to_owned()], Some(code)), "{path}");
        });
    }
}

#[tokio::test(start_paused = true)]
async fn section_7_4_1_halves_in_other_tasks_keep_a_connection_open() {
    over_both!(endings(), client("/splits"), |mut ws| {
        for text in ["one", "two", "end"] {
            within(ws.send(text)).await.expect("sent");
            let echoed = within(ws.next()).await.expect("one").expect("good");
            assert_eq!(echoed, Message::text(format!("still {text}")));
        }
        assert_eq!(to_close(ws).await, (vec![], Some(1000)));
    });
}

#[tokio::test(start_paused = true)]
async fn other_extractors_beside_it() {
    #[derive(Clone)]
    struct Name(Arc<str>);
    async fn handler(
        State(Name(name)): State<Name>,
        Path(room): Path<String>,
        Extension(number): Extension<u8>,
        headers: HeaderMap,
        upgrade: WebSocketUpgrade,
    ) -> Response {
        let token = headers["x-token"].to_str().expect("text").to_owned();
        upgrade.on_upgrade(move |mut ws| async move {
            ws.send(format!("{name}, {room}, {number}, {token}")).await
        })
    }
    let app = Router::new()
        .route("/rooms/{room}", any(handler))
        .layer(Extension(7_u8))
        .with_state(Name("here".into()));
    let client = || client("/rooms/blue").header("x-token", "t");
    over_both!(app, client(), |ws| {
        assert_eq!(to_close(ws).await, (vec!["here, blue, 7, t".to_owned()], Some(1000)));
    });
}

#[tokio::test(start_paused = true)]
async fn options_for_all_routes_and_for_one() {
    let options = Options::new()
        .protocols(["chat.v2", "chat.v1"])
        .deflate(Deflate::new())
        .limits(Limits::new().with_max_message_size(10));
    async fn plain(upgrade: WebSocketUpgrade) -> Response {
        assert_eq!(upgrade.selected_protocol(), Some("chat.v2"));
        assert_eq!(upgrade.requested_protocols().collect::<Vec<_>>(), ["chat.v1", "chat.v2"]);
        upgrade.on_upgrade(echo)
    }
    async fn changed(upgrade: WebSocketUpgrade) -> Response {
        let limits = Limits::new().with_max_message_size(100);
        upgrade.protocols(["chat.v1"]).deflate(None).limits(limits).on_upgrade(echo)
    }
    async fn reset(upgrade: WebSocketUpgrade) -> Response {
        upgrade.options(Options::new()).config(Config::new()).keepalive(None).on_upgrade(echo)
    }
    let app = Router::new()
        .route("/plain", any(plain))
        .route("/changed", any(changed))
        .route("/reset", any(reset))
        .layer(Extension(options));
    let table = [
        ("/plain", Some("chat.v2"), 1, 10),
        ("/changed", Some("chat.v1"), 0, 100),
        ("/reset", None, 0, 1 << 20),
    ];
    for (path, protocol, extensions, most) in table {
        let client = || client(path).subprotocols(["chat.v1", "chat.v2"]).deflate(Deflate::new());
        over_both!(app, client(), |mut ws| {
            assert_eq!((ws.subprotocol(), ws.extensions().len()), (protocol, extensions), "{path}");
            let text = "x".repeat(most);
            within(ws.send(text.clone())).await.expect("sent");
            let echoed = within(ws.next()).await.expect("one").expect("good");
            assert_eq!(echoed, Message::text(text), "{path}");
            if most < 1 << 20 {
                within(ws.send("x".repeat(most + 1))).await.expect("sent");
                assert_eq!(to_close(ws).await, (vec![], Some(1009)), "{path}");
            }
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_and_a_socket_on_one_route() {
    async fn handler(upgrade: Option<WebSocketUpgrade>) -> Response {
        match upgrade {
            Some(upgrade) => upgrade.on_upgrade(echo),
            None => Response::new("a page".into()),
        }
    }
    let app = Router::new().route("/", any(handler));
    over_both!(app, client("/"), |mut ws| {
        within(ws.send("hello")).await.expect("sent");
        assert_eq!(within(ws.next()).await.expect("one").expect("good"), Message::text("hello"));
    });
    let ask = async |request: Request<Body>| {
        let response = app.clone().oneshot(request).await.expect("a response");
        let status = response.status().as_u16();
        (status, response.into_body().collect().await.expect("a body").to_bytes())
    };
    // Pages, over either; what asks for a WebSocket and breaks a rule is no page's.
    let page = || Request::get("http://server.example.com/");
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let request = page().version(version).body(Body::empty()).expect("one");
        assert_eq!(ask(request).await, (200, "a page".into()));
    }
    let h2c = page().header("connection", "upgrade").header("upgrade", "h2c");
    assert_eq!(ask(h2c.body(Body::empty()).expect("one")).await, (200, "a page".into()));
    let bad = page().header("host", "a").header("upgrade", "websocket");
    let (status, body) = ask(bad.body(Body::empty()).expect("one")).await;
    assert_eq!((status, &body[..]), (400, &b"the Connection header does not name upgrade\n"[..]));
    let bad = Request::connect("http://server.example.com/")
        .version(Version::HTTP_2)
        .extension(Protocol::from_static("websocket"));
    let (status, body) = ask(bad.body(Body::empty()).expect("one")).await;
    assert_eq!((status, &body[..]), (400, &b"no Sec-WebSocket-Version, 13 is required\n"[..]));
}

/// A service called by hand has no connection to give away.
#[tokio::test(start_paused = true)]
async fn rfc_9110_section_15_5_22_a_request_without_a_connection() {
    let http1 = Request::get("/")
        .header("host", "server.example.com")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let http2 = Request::connect("http://server.example.com/")
        .version(Version::HTTP_2)
        .extension(Protocol::from_static("websocket"))
        .header("sec-websocket-version", "13");
    for (request, status) in [(http1, 426), (http2, 400)] {
        let request = request.body(Body::empty()).expect("a request");
        let response = served::echoes().oneshot(request).await.expect("a response");
        assert_eq!(response.status(), status);
        let is_http1 = status == 426;
        assert_eq!(response.headers().contains_key("upgrade"), is_http1);
        assert_eq!(response.headers().contains_key("connection"), is_http1);
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        assert_eq!(body, "this connection can't be upgraded\n");
    }
}

#[tokio::test(start_paused = true)]
async fn section_10_2_a_page_from_elsewhere_is_refused_by_the_handler_s_policy() {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let handler = async move |upgrade: WebSocketUpgrade| -> Response {
        let tell = tell.clone();
        upgrade
            .origins(Origins::list(["https://app.example"]).expect("a list"))
            .on_failed_upgrade(|error| panic!("{error}"))
            .on_upgrade(async move |_| -> Result<(), Error> {
                let _ = tell.send(());
                Ok(())
            })
    };
    let app = Router::new().fallback(any(handler));
    let from = |origin: &'static str| client("/").header("origin", origin);
    for refused in [
        within(test::connect(app.clone(), from("https://evil.example"))).await.err(),
        within(test::connect_h2(app.clone(), from("https://evil.example"))).await.err(),
    ] {
        let error = refused.expect("a refusal");
        let refusal = error.refusal().expect("a response");
        assert_eq!(refusal.status(), 403);
        assert_eq!(refusal.body(), "origin https://evil.example is not allowed here\n");
    }
    assert!(told.try_recv().is_err(), "no handler has run");
    over_both!(app, from("https://app.example"), |ws| {
        assert_eq!(to_close(ws).await, (vec![], Some(1000)));
    });
    assert!(told.try_recv().is_ok());
}
