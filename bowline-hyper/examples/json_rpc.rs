//! [JSON-RPC 2.0](https://www.jsonrpc.org/specification) over WebSocket, on axum, with typed messages.
//!
//! ```console
//! $ cargo run --example json_rpc -- serve 127.0.0.1:9003
//! listening on ws://127.0.0.1:9003/rpc
//!
//! $ cargo run --example json_rpc -- call ws://127.0.0.1:9003/rpc add '[1, 2, 39]'
//! 42
//! $ cargo run --example json_rpc -- call ws://127.0.0.1:9003/rpc subscribe '{"topic": "tides"}'
//! true
//! tides: "high at noon"
//! ```
//!
//! The last line comes once somebody says so: `publish '{"topic": "tides", "message": "high at noon"}'`.
//!
//! A message that is no JSON is answered with -32700, and the connection goes on. Requests may come in batches.
//! What is published goes through a `Hub`, whose messages are serialised once for all subscribers: the typed half
//! that answers and the untyped one that the hub writes to are clones of one `Writer`.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::{collections::HashMap, env, error::Error, io::Write, process::ExitCode};

use axum::{Router, extract::State, response::Response, routing::any};
use bowline::{
    Client, Config, Prepared, WebSocket, Writer,
    hub::{Hub, Policy},
};
use bowline_hyper::{Typed, TypedError, axum::WebSocketUpgrade};
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::{Number, Value};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    task::{AbortHandle, JoinSet},
};

const USAGE: &str = "json_rpc serve [ADDRESS] | json_rpc call URI METHOD [PARAMETERS]";

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["serve"] => serve("127.0.0.1:9003").await,
        ["serve", address] => serve(address).await,
        ["call", uri, method] => call(uri, method, None, &mut std::io::stdout()).await,
        ["call", uri, method, parameters] => {
            let parameters = serde_json::from_str(parameters)?;
            call(uri, method, Some(parameters), &mut std::io::stdout()).await
        }
        _ => {
            eprintln!("{USAGE}");
            Ok(ExitCode::from(2))
        }
    }
}

// ---- the messages ----

/// `"jsonrpc": "2.0"`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Version {
    #[serde(rename = "2.0")]
    V2,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Id {
    Null,
    Number(Number),
    Text(String),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    jsonrpc: Version,
    method: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    params: Option<Value>,
    /// `None` in a notification, which gets no reply. `"id": null` is no notification.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    id: Option<Id>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Id>, D::Error> {
    Id::deserialize(deserializer).map(Some)
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Reply {
    jsonrpc: Version,
    #[serde(flatten)]
    outcome: Outcome,
    id: Id,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    Result(Value),
    Error(Fault),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Fault {
    code: i32,
    message: String,
}

impl Fault {
    const PARSE: i32 = -32700;
    const INVALID_REQUEST: i32 = -32600;
    const METHOD_NOT_FOUND: i32 = -32601;
    const INVALID_PARAMETERS: i32 = -32602;
    /// The first of those that are the server's own.
    const REFUSED: i32 = -32000;

    fn new(code: i32, message: impl ToString) -> Self {
        Self { code, message: message.to_string() }
    }

    /// Where nobody knows what it was the reply to.
    fn unasked(self) -> Messages<Reply> {
        Messages::One(Reply { jsonrpc: Version::V2, outcome: Outcome::Error(self), id: Id::Null })
    }
}

/// A message, or a batch of them in one array.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Messages<T> {
    Batch(Vec<T>),
    One(T),
}

/// What a client sends: each part of a batch is wrong or right on its own.
#[derive(Debug, Deserialize)]
#[serde(from = "Value")]
pub(crate) enum Asked {
    Request(Request),
    Invalid(String),
}

impl From<Value> for Asked {
    fn from(value: Value) -> Self {
        if !value.is_object() {
            return Self::Invalid("a request is an object".to_owned());
        }
        match serde_json::from_value(value) {
            Ok(request) => Self::Request(request),
            Err(error) => Self::Invalid(error.to_string()),
        }
    }
}

/// What a server sends on its own.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Notification {
    jsonrpc: Version,
    method: String,
    params: Published,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Published {
    topic: String,
    message: Value,
}

/// What can be called.
enum Call {
    Add(Vec<i64>),
    Subscribe(Topic),
    Unsubscribe(Topic),
    Publish(Published),
}

#[derive(Deserialize)]
struct Topic {
    topic: String,
}

impl Call {
    fn read(method: &str, params: Option<Value>) -> Result<Self, Fault> {
        fn read<T: DeserializeOwned>(params: Option<Value>) -> Result<T, Fault> {
            let read = serde_json::from_value(params.unwrap_or_default());
            read.map_err(|error| Fault::new(Fault::INVALID_PARAMETERS, error))
        }
        Ok(match method {
            "add" => Self::Add(read(params)?),
            "subscribe" => Self::Subscribe(read(params)?),
            "unsubscribe" => Self::Unsubscribe(read(params)?),
            "publish" => Self::Publish(read(params)?),
            _ => {
                return Err(Fault::new(Fault::METHOD_NOT_FOUND, format!("no method {method:?}")));
            }
        })
    }
}

// ---- the server ----

async fn serve(address: &str) -> Result<ExitCode, Box<dyn Error>> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on ws://{}/rpc", listener.local_addr()?);
    axum::serve(listener, app()).await?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn app() -> Router {
    async fn upgrade(State(hub): State<Hub>, upgrade: WebSocketUpgrade) -> Response {
        // No call here is larger.
        let config = Config::new().with_max_frame_size(1 << 20).with_max_message_size(1 << 20);
        upgrade.config(config).on_upgrade(|ws| answer(ws, hub))
    }
    Router::new().route("/rpc", any(upgrade)).with_state(Hub::new())
}

/// Answers what comes on a connection.
async fn answer<T>(ws: WebSocket<T>, hub: Hub) -> Result<(), TypedError>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let typed = Typed::<Messages<Asked>, Messages<Reply>, _>::new(ws);
    let (mut requests, mut replies) = typed.split();
    let writer = replies.get_ref().clone();
    let mut session = Session { hub, writer, topics: HashMap::new(), tasks: JoinSet::new() };
    while let Some(asked) = requests.next().await {
        let reply = match asked {
            Ok(Messages::One(asked)) => session.handle(asked).map(Messages::One),
            Ok(Messages::Batch(batch)) => session.handle_batch(batch),
            Err(TypedError::Parse(error)) => Some(Fault::new(Fault::PARSE, error).unasked()),
            Err(error @ TypedError::NotText(_)) => {
                Some(Fault::new(Fault::INVALID_REQUEST, error).unasked())
            }
            Err(error) => return Err(error),
        };
        if let Some(reply) = reply {
            // Written when there are no more requests to read.
            replies.feed(&reply).await?;
        }
    }
    Ok(())
}

/// A connection's subscriptions, which end with it.
struct Session<T> {
    hub: Hub,
    writer: Writer<T>,
    topics: HashMap<String, AbortHandle>,
    tasks: JoinSet<()>,
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Session<T> {
    const MAX_TOPICS: usize = 16;

    fn handle_batch(&mut self, batch: Vec<Asked>) -> Option<Messages<Reply>> {
        if batch.is_empty() {
            return Some(Fault::new(Fault::INVALID_REQUEST, "an empty batch").unasked());
        }
        let replies: Vec<_> = batch.into_iter().filter_map(|asked| self.handle(asked)).collect();
        // "the Server MUST NOT return an empty Array and should return nothing at all"
        (!replies.is_empty()).then_some(Messages::Batch(replies))
    }

    fn handle(&mut self, asked: Asked) -> Option<Reply> {
        let (result, id) = match asked {
            Asked::Request(Request { method, params, id, .. }) => {
                // A notification is carried out as well.
                (Call::read(&method, params).and_then(|call| self.carry_out(call)), id?)
            }
            Asked::Invalid(reason) => (Err(Fault::new(Fault::INVALID_REQUEST, reason)), Id::Null),
        };
        let outcome = result.map_or_else(Outcome::Error, Outcome::Result);
        Some(Reply { jsonrpc: Version::V2, outcome, id })
    }

    fn carry_out(&mut self, call: Call) -> Result<Value, Fault> {
        match call {
            Call::Add(numbers) => {
                let sum = numbers.iter().try_fold(0_i64, |sum, number| sum.checked_add(*number));
                sum.map(Value::from).ok_or(Fault::new(Fault::REFUSED, "too large a sum"))
            }
            Call::Subscribe(Topic { topic }) => self.subscribe(topic).map(Value::from),
            Call::Unsubscribe(Topic { topic }) => {
                let task = self.topics.remove(&topic);
                Ok(task.inspect(AbortHandle::abort).is_some().into())
            }
            Call::Publish(params) => publish(&self.hub, params).map(Value::from),
        }
    }

    /// Whether that is news.
    fn subscribe(&mut self, topic: String) -> Result<bool, Fault> {
        if self.topics.contains_key(&topic) {
            return Ok(false);
        }
        if self.topics.len() == Self::MAX_TOPICS {
            return Err(Fault::new(Fault::REFUSED, "too many topics"));
        }
        let mut subscription = self.hub.subscribe(&topic, Policy::default());
        let mut writer = self.writer.clone();
        let task = self.tasks.spawn(async move {
            // The connection's end is the reader's to see.
            let _ = subscription.forward(&mut writer).await;
        });
        self.topics.insert(topic, task);
        Ok(true)
    }
}

/// How many subscribers it goes to.
fn publish(hub: &Hub, params: Published) -> Result<usize, Fault> {
    let refused = |error| Fault::new(Fault::REFUSED, error);
    let topic = params.topic.clone();
    let notification =
        Notification { jsonrpc: Version::V2, method: "published".to_owned(), params };
    let json = serde_json::to_string(&notification).map_err(|error| refused(error.to_string()))?;
    let message = Prepared::new(json).map_err(|error| refused(error.to_string()))?;
    Ok(hub.publish(&topic, &message).queued)
}

// ---- the client ----

/// What a server sends to somebody who sends no batches.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Said {
    Reply(Reply),
    Notification(Notification),
}

/// Calls a method and prints what comes of it: for a subscription until the server ends it.
pub(crate) async fn call(
    uri: &str,
    method: &str,
    params: Option<Value>,
    output: &mut impl Write,
) -> Result<ExitCode, Box<dyn Error>> {
    let (ws, _) = Client::new(uri)?.connect().await?;
    let mut rpc = Typed::<Said, Request, _>::new(ws);
    let id = Some(Id::Number(1.into()));
    rpc.send(&Request { jsonrpc: Version::V2, method: method.to_owned(), params, id }).await?;
    let mut status = ExitCode::SUCCESS;
    while let Some(said) = rpc.next().await {
        match said? {
            Said::Notification(Notification { params: Published { topic, message }, .. }) => {
                writeln!(output, "{topic}: {message}")?;
                continue;
            }
            Said::Reply(Reply { outcome: Outcome::Result(result), .. }) => {
                writeln!(output, "{result}")?;
            }
            Said::Reply(Reply { outcome: Outcome::Error(fault), .. }) => {
                writeln!(output, "error {}: {}", fault.code, fault.message)?;
                status = ExitCode::FAILURE;
            }
        }
        if method != "subscribe" || status != ExitCode::SUCCESS {
            break;
        }
    }
    rpc.close(1000, "").await?;
    Ok(status)
}
