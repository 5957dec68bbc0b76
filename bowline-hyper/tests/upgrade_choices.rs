//! What a server may choose: codes, policies, drains.

#[path = "support/served.rs"]
mod served;

use std::{convert::Infallible, future::Future};

use axum::{Router, routing::any};
use bowline::{Client, CloseCode, Drain, Message, WebSocket};
use bowline_hyper::{Io, Options, Origins, Outcome, axum::WebSocketUpgrade, test, upgrade};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use served::echo;
use tokio::sync::mpsc;

fn app<F, Fut>(options: Options, handler: F) -> Router
where
    F: Fn(WebSocket<Io>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output: Outcome> + Send + 'static,
{
    let route = move |upgrade: WebSocketUpgrade| {
        let (options, handler) = (options.clone(), handler.clone());
        async move { upgrade.options(options).on_upgrade(handler) }
    };
    Router::new().route("/", any(route))
}

/// "How many connections are in it, places kept by `reserve` with them."
#[tokio::test]
async fn one_connection_counts_as_one() {
    let drain = Drain::new();
    let app = app(Options::new().drain(&drain), echo);
    let (mut ws, _) = test::connect(app, "ws://localhost/").await.unwrap();
    ws.send("hello").await.unwrap();
    ws.next().await.unwrap().unwrap();
    assert_eq!(drain.len(), 1);
}

struct NoStatus;

impl Outcome for NoStatus {
    fn close_code(&self) -> CloseCode {
        CloseCode::from(1005)
    }
}

/// A handler's code that may not be sent.
#[tokio::test]
async fn an_outcome_that_is_no_code() {
    let app = app(Options::new(), |ws: WebSocket<Io>| async move {
        drop(ws);
        NoStatus
    });
    let (mut ws, _) = test::connect(app, "ws://localhost/").await.unwrap();
    let close = ws.next().await.unwrap();
    assert!(matches!(close, Ok(Message::Close(_))), "{close:?}");
}

/// The same request again, by another policy.
#[tokio::test]
async fn upgraded_by_a_second_policy_after_the_first_refuses() {
    let service = tower::service_fn(|mut request: Request<Incoming>| async move {
        let strict = Options::new().origins(Origins::list(["https://example.com"]).unwrap());
        let lenient = Options::new().origins(Origins::any());
        let answer: Response<Full<Bytes>> = match upgrade(&mut request, &strict) {
            Ok(_) => unreachable!(),
            Err(_) => match upgrade(&mut request, &lenient) {
                Ok(upgrade) => upgrade.on_upgrade(echo),
                Err(rejection) => rejection.into(),
            },
        };
        Ok::<_, Infallible>(answer)
    });
    let client = Client::new("ws://localhost/").unwrap().header("origin", "https://other.example");
    let result = test::connect(service, client).await;
    assert!(result.is_ok(), "{:?}", result.err());
}

/// Of a handler's error, whatever its type; not of its end, nor of its panic.
#[tokio::test]
async fn who_wants_to_know_is_told_what_went_wrong() {
    async fn handler(mut ws: WebSocket<Io>) -> Result<(), String> {
        match ws.next().await {
            Some(Ok(Message::Text(text))) if text.is_empty() => panic!("asked for"),
            Some(Ok(Message::Text(text))) => Err(text.to_string()),
            _ => Ok(()),
        }
    }
    let (told, mut heard) = mpsc::unbounded_channel();
    let options = Options::new().on_error(move |error| {
        told.send(error.to_string()).expect("somebody listens");
    });
    let app = app(options, handler);
    for (message, code) in [("first", 1011), ("", 1011), ("second", 1011)] {
        let (mut ws, _) = test::connect(app.clone(), "ws://localhost/").await.unwrap();
        ws.send(message).await.unwrap();
        let close = ws.next().await.unwrap().unwrap();
        assert!(
            matches!(close, Message::Close(Some(frame)) if frame.code == CloseCode::from(code))
        );
    }
    let (mut ws, _) = test::connect(app, "ws://localhost/").await.unwrap();
    ws.close(1000, "").await.unwrap();
    assert_eq!(heard.recv().await.as_deref(), Some("first"));
    assert_eq!(heard.recv().await.as_deref(), Some("second"));
    assert_eq!(heard.recv().await, None, "the last service is gone");
}
