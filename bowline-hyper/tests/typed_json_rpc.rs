//! The example `json_rpc`: its server without a port, over HTTP/1.1 and HTTP/2, and its client against it.

#[allow(dead_code, reason = "its main")]
#[path = "../examples/json_rpc.rs"]
mod json_rpc;

use std::{process::ExitCode, time::Duration};

use bowline::{Client, Message, WebSocket};
use bowline_hyper::test;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream},
    net::TcpListener,
    time::timeout,
};

type Ws = WebSocket<DuplexStream>;

async fn within<F: Future>(future: F) -> F::Output {
    timeout(Duration::from_secs(30), future).await.expect("waited in vain")
}

fn client() -> Client {
    Client::new("ws://localhost/rpc").expect("a URI")
}

async fn connect(app: &axum::Router) -> Ws {
    within(test::connect(app.clone(), client())).await.expect("open").0
}

/// The next message, as JSON.
async fn next<T: AsyncRead + AsyncWrite + Unpin>(ws: &mut WebSocket<T>) -> Value {
    match within(ws.next()).await.expect("open").expect("open") {
        Message::Text(text) => serde_json::from_str(&text).expect("JSON"),
        other => panic!("{other:?}"),
    }
}

async fn ask<T: AsyncRead + AsyncWrite + Unpin>(ws: &mut WebSocket<T>, message: &str) -> Value {
    ws.send(message).await.expect("open");
    next(ws).await
}

fn result(id: impl Into<Value>, result: impl Into<Value>) -> Value {
    json!({"jsonrpc": "2.0", "result": result.into(), "id": id.into()})
}

fn error(id: impl Into<Value>, code: i32, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "error": {"code": code, "message": message}, "id": id.into()})
}

/// A request, and the reply.
fn exchanges() -> Vec<(&'static str, Value)> {
    let add = |id: &str, params: &str| {
        format!(r#"{{"jsonrpc":"2.0","method":"add","params":{params},"id":{id}}}"#).leak()
    };
    vec![
        (add("1", "[1,2,39]"), result(1, 42)),
        (add(r#""seven""#, "[]"), result("seven", 0)),
        (add("null", "[1]"), result(Value::Null, 1)),
        (add("2", "[9223372036854775807,1]"), error(2, -32000, "too large a sum")),
        (add("3", r#"["x"]"#), error(3, -32602, r#"invalid type: string "x", expected i64"#)),
        (
            r#"{"jsonrpc":"2.0","method":"add","id":4}"#,
            error(4, -32602, "invalid type: null, expected a sequence"),
        ),
        (
            r#"{"jsonrpc":"2.0","method":"subtract","id":5}"#,
            error(5, -32601, r#"no method "subtract""#),
        ),
        (
            r#"{"jsonrpc":"1.0","method":"add","id":6}"#,
            error(Value::Null, -32600, "unknown variant `1.0`, expected `2.0`"),
        ),
        (r#"{"jsonrpc":"2.0","id":7}"#, error(Value::Null, -32600, "missing field `method`")),
        (
            r#"{"jsonrpc":"2.0","#,
            error(Value::Null, -32700, "EOF while parsing a value at line 1 column 17"),
        ),
        ("add", error(Value::Null, -32700, "expected value at line 1 column 1")),
        ("7", error(Value::Null, -32600, "a request is an object")),
        ("[]", error(Value::Null, -32600, "an empty batch")),
        (
            r#"[1, ["2.0", "add", [1], 1]]"#,
            json!([
                error(Value::Null, -32600, "a request is an object"),
                error(Value::Null, -32600, "a request is an object"),
            ]),
        ),
        (
            r#"[{"jsonrpc":"2.0","method":"add","params":[1],"id":8},
                {"jsonrpc":"2.0","method":"add","params":[2]},
                {"jsonrpc":"2.0","method":"none","id":9}]"#,
            json!([result(8, 1), error(9, -32601, r#"no method "none""#)]),
        ),
    ]
}

#[tokio::test]
async fn requests_are_answered_and_the_connection_goes_on() {
    let (mut ws, _) = within(test::connect_h2(json_rpc::app(), client())).await.expect("open");
    for (request, reply) in exchanges() {
        assert_eq!(ask(&mut ws, request).await, reply, "{request}");
    }
    let mut ws = connect(&json_rpc::app()).await;
    for (request, _) in exchanges() {
        ws.feed(request).await.expect("open");
        // Neither is answered.
        ws.feed(r#"{"jsonrpc":"2.0","method":"add","params":[1]}"#).await.expect("open");
        ws.feed(r#"[{"jsonrpc":"2.0","method":"none"}]"#).await.expect("open");
    }
    ws.feed(vec![1, 2]).await.expect("open");
    for (request, reply) in exchanges() {
        assert_eq!(next(&mut ws).await, reply, "{request}");
    }
    let binary = error(Value::Null, -32600, "binary message of 2 bytes, text expected");
    assert_eq!(next(&mut ws).await, binary);
    within(ws.close(1000, "")).await.expect("closed");
}

fn about(method: &str, topic: &str) -> String {
    let message = if method == "publish" { json!([topic, 1]) } else { Value::Null };
    let params = json!({"topic": topic, "message": message});
    json!({"jsonrpc": "2.0", "method": method, "params": params, "id": method}).to_string()
}

fn published(topic: &str) -> Value {
    json!({"jsonrpc": "2.0", "method": "published", "params": {"topic": topic, "message": [topic, 1]}})
}

#[tokio::test]
async fn what_is_published_goes_to_those_who_have_subscribed() {
    let app = json_rpc::app();
    let [mut one, mut two, mut three] =
        [connect(&app).await, connect(&app).await, connect(&app).await];
    for (ws, topics) in [(&mut one, &["tides"][..]), (&mut two, &["tides", "wind"])] {
        for topic in topics {
            assert_eq!(ask(ws, &about("subscribe", topic)).await, result("subscribe", true));
        }
    }
    assert_eq!(ask(&mut two, &about("subscribe", "wind")).await, result("subscribe", false));
    assert_eq!(ask(&mut three, &about("publish", "tides")).await, result("publish", 2));
    assert_eq!(ask(&mut three, &about("publish", "wind")).await, result("publish", 1));
    assert_eq!(next(&mut one).await, published("tides"));
    // Two topics are forwarded by a task each, so that either may be first.
    let mut both = [next(&mut two).await, next(&mut two).await];
    both.sort_by_key(Value::to_string);
    assert_eq!(both, [published("tides"), published("wind")]);
    for is_there in [true, false] {
        let reply = ask(&mut two, &about("unsubscribe", "tides")).await;
        assert_eq!(reply, result("unsubscribe", is_there));
    }
    // Until 16 topics are there.
    for n in 0..15 {
        let reply = ask(&mut two, &about("subscribe", &n.to_string())).await;
        assert_eq!(reply, result("subscribe", true));
    }
    let reply = ask(&mut two, &about("subscribe", "one more")).await;
    assert_eq!(reply, error("subscribe", -32000, "too many topics"));
    // Its task is told to stop, and does in its own time; before anybody is cut off for being behind.
    let reply = ask(&mut one, &about("unsubscribe", "tides")).await;
    assert_eq!(reply, result("unsubscribe", true));
    let mut replies = Vec::new();
    while replies.len() < 10 && replies.last() != Some(&result("publish", 0)) {
        replies.push(ask(&mut three, &about("publish", "tides")).await);
    }
    assert_eq!(replies.last(), Some(&result("publish", 0)), "{replies:?}");
}

/// Its lines, without waiting for the end.
#[derive(Clone)]
struct Lines(tokio::sync::mpsc::UnboundedSender<Vec<u8>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.send(bytes.to_vec()).map_err(std::io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_client_prints_results_errors_and_what_is_published() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let uri = format!("ws://{}/rpc", listener.local_addr().expect("an address"));
    let server = tokio::spawn(async move { axum::serve(listener, json_rpc::app()).await });
    let call = async |method: &str, params: Value| {
        let mut output = Vec::new();
        let status = within(json_rpc::call(&uri, method, Some(params), &mut output)).await;
        (status.expect("open"), String::from_utf8(output).expect("UTF-8"))
    };
    assert_eq!(call("add", json!([1, 2])).await, (ExitCode::SUCCESS, "3\n".to_owned()));
    let fault = "error -32601: no method \"divide\"\n".to_owned();
    assert_eq!(call("divide", json!([1, 2])).await, (ExitCode::FAILURE, fault));

    let (lines, mut printed) = tokio::sync::mpsc::unbounded_channel();
    let subscriber_uri = uri.clone();
    let subscriber = tokio::spawn(async move {
        let params = Some(json!({"topic": "tides"}));
        // Its error is boxed and stays here.
        json_rpc::call(&subscriber_uri, "subscribe", params, &mut Lines(lines)).await.is_ok()
    });
    let mut text = String::new();
    while text != "true\n" {
        text += &String::from_utf8(within(printed.recv()).await.expect("a line")).expect("UTF-8");
    }
    let params = json!({"topic": "tides", "message": "high at noon"});
    assert_eq!(call("publish", params).await.1, "1\n");
    while text != "true\ntides: \"high at noon\"\n" {
        text += &String::from_utf8(within(printed.recv()).await.expect("a line")).expect("UTF-8");
    }
    subscriber.abort();
    server.abort();
}
