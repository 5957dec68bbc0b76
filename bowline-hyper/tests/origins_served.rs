//! The origin policy behind hyper and axum, over HTTP/1.1 and HTTP/2: what the headers are by the time they get there.

use axum::{Router, extract::State, response::Response, routing::any};
use bowline::{Client, Error};
use bowline_hyper::{Origins, axum::WebSocketUpgrade, test};

/// A service under this policy; `None` is what comes without being asked for.
fn app(origins: Option<Origins>) -> Router {
    async fn upgrade(State(origins): State<Option<Origins>>, ws: WebSocketUpgrade) -> Response {
        let ws = match origins {
            Some(origins) => ws.origins(origins),
            None => ws,
        };
        ws.on_upgrade(|_| async {})
    }
    Router::new().route("/", any(upgrade)).with_state(origins)
}

/// The status, and the body of a refusal.
fn answer<T>(opened: Result<(T, http::Response<()>), Error>) -> (u16, String) {
    match opened {
        Ok(_) => (200, String::new()),
        Err(error) => {
            let refusal = error.refusal().expect("an answer");
            let body = String::from_utf8_lossy(refusal.body()).into_owned();
            (refusal.status().as_u16(), body)
        }
    }
}

#[tokio::test]
async fn pages_of_elsewhere_are_refused_with_403() {
    let list = || Origins::list(["https://*.example.com"]).expect("an origin");
    let passes = || (200, String::new());
    let refused = |origin: &str| (403, format!("origin {origin} is not allowed here\n"));
    let rows = [
        (None, Some("http://localhost:8080"), passes()),
        (None, Some("https://LOCALHOST:8080"), passes()),
        (None, None, passes()),
        (None, Some("http://localhost"), refused("http://localhost")),
        (None, Some("https://evil.example"), refused("https://evil.example")),
        (None, Some("null"), refused("null")),
        (Some(list()), Some("https://a.example.com"), passes()),
        (Some(list()), Some("http://localhost:8080"), refused("http://localhost:8080")),
        (Some(list().or_same_host()), Some("http://localhost:8080"), passes()),
        (Some(Origins::any()), Some("https://evil.example"), passes()),
        (
            Some(Origins::any().require_origin()),
            None,
            (403, "a request without an origin is not allowed here\n".to_owned()),
        ),
    ];
    for (origins, origin, expected) in rows {
        let client = || {
            let client = Client::new("ws://localhost:8080/").expect("a URI");
            origin.into_iter().fold(client, |client, origin| client.header("origin", origin))
        };
        let http1 = answer(test::connect(app(origins.clone()), client()).await);
        let http2 = answer(test::connect_h2(app(origins.clone()), client()).await);
        assert_eq!((http1, http2), (expected.clone(), expected), "{origins:?}, {origin:?}");
    }
}
