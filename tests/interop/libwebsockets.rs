//! libwebsockets' test server, as Debian has it. What a connection is for is told by its subprotocol:
//!
//! ```text
//! dumb-increment-protocol  sends 0, 1, 2, ... every 50 ms; "reset\n" starts over, "closeme\n" closes
//! lws-mirror-protocol      sends each message, as text and in pieces of 2 KiB, to all that have the same ?mirror=
//! lws-status               sends who is connected, as JSON in fragments, whenever that changes; reads on
//! ```
//!
//! It agrees to permessage-deflate with the last of these, and without a subprotocol.

use bowline::{
    Client, ContextTakeover, Deflate, Error, HandshakeError, Message, WebSocket, client::Stream,
};
use http::StatusCode;
use serde_json::Value;

use crate::{
    cases,
    peer::{Process, config, python, step},
};

const INCREMENT: &str = "dumb-increment-protocol";
const MIRROR: &str = "lws-mirror-protocol";
const STATUS: &str = "lws-status";

type Socket = WebSocket<Stream>;

struct Server {
    port: u16,
    _process: Process,
}

impl Server {
    async fn start() -> Self {
        let mut process = Process::spawn(python("libwebsockets_server.py"));
        Self { port: process.port().await, _process: process }
    }

    fn client(&self, path: &str) -> Client {
        let uri = format!("ws://127.0.0.1:{}/{path}", self.port);
        Client::new(uri).expect("a valid URI").config(config())
    }

    /// A connection with this subprotocol.
    async fn open(&self, path: &str, subprotocol: &str) -> Socket {
        let ws = open(self.client(path).subprotocols([subprotocol])).await;
        assert_eq!(ws.subprotocol(), Some(subprotocol));
        ws
    }
}

async fn refusal(client: Client) -> HandshakeError {
    let refusal = step("the refusal", client.connect()).await;
    let Err(Error::Handshake(error)) = refusal else { panic!("{refusal:?}") };
    *error
}

async fn open(client: Client) -> Socket {
    step("the opening handshake", client.connect()).await.expect("a connection").0
}

async fn receive(ws: &mut Socket) -> Message {
    step("a message", ws.next()).await.expect("a message").expect("a message")
}

async fn receive_text(ws: &mut Socket) -> String {
    let message = receive(ws).await;
    message.as_text().unwrap_or_else(|| panic!("{message:?}")).to_owned()
}

async fn send(ws: &mut Socket, message: impl Into<Message>) {
    step("sending", ws.send(message)).await.expect("sent");
}

async fn finish(mut ws: Socket) {
    let answer = step("the peer's Close", ws.close(1000, "")).await.expect("a clean close");
    assert_eq!(cases::noted(answer.as_ref()), (1000, String::new()));
}

#[tokio::test]
#[ignore = "needs libwebsockets-test-server: tests/interop/run"]
async fn increments() {
    let server = Server::start().await;
    let mut ws = server.open("", INCREMENT).await;
    for number in 0..10 {
        assert_eq!(receive_text(&mut ws).await, number.to_string());
    }
    send(&mut ws, "reset\n").await;
    let mut number = 10;
    while receive_text(&mut ws).await == number.to_string() {
        number += 1;
        assert!(number < 100, "it doesn't start over");
    }
    assert_eq!(receive_text(&mut ws).await, "1", "after 0");
    finish(ws).await;
}

#[tokio::test]
#[ignore = "needs libwebsockets-test-server: tests/interop/run"]
async fn increments_to_many() {
    let server = Server::start().await;
    let mut sockets = Vec::new();
    for _ in 0..20 {
        sockets.push(server.open("", INCREMENT).await);
    }
    // Each timer of these sends to all.
    for ws in &mut sockets {
        for number in 0..50 {
            assert_eq!(receive_text(ws).await, number.to_string());
        }
    }
    for ws in sockets {
        finish(ws).await;
    }
}

/// Text of this many bytes, of one byte each: longer ones come back in pieces, which mustn't end inside a code point.
fn ascii(size: usize) -> String {
    ('!'..='~').cycle().take(size).collect()
}

async fn receive_pieces(ws: &mut Socket, size: usize) -> String {
    let mut text = receive_text(ws).await;
    while text.len() < size {
        text += &receive_text(ws).await;
    }
    text
}

#[tokio::test]
#[ignore = "needs libwebsockets-test-server: tests/interop/run"]
async fn mirrors_between_two() {
    let server = Server::start().await;
    let mut one = server.open("?mirror=two", MIRROR).await;
    let mut other = server.open("?mirror=two", MIRROR).await;
    let mut apart = server.open("?mirror=none", MIRROR).await;
    for text in cases::texts() {
        send(&mut one, &*text).await;
        assert_eq!(receive_text(&mut one).await, text);
        assert_eq!(receive_text(&mut other).await, text);
    }
    for size in [0, 1, 125, 126, 127, 2000, 65_535, 65_536, 1 << 20] {
        let text = ascii(size);
        // Not assert_eq, which would show all of it.
        send(&mut one, &*text).await;
        for ws in [&mut one, &mut other] {
            assert!(receive_pieces(ws, size).await == text, "{size} bytes");
        }
    }
    send(&mut apart, "alone").await;
    assert_eq!(receive_text(&mut apart).await, "alone");
    for ws in [one, other, apart] {
        finish(ws).await;
    }
}

#[tokio::test]
#[ignore = "needs libwebsockets-test-server: tests/interop/run"]
async fn mirrors_fragments() {
    let server = Server::start().await;
    for size in [1, 125, 126, 1000] {
        let config = config().with_outgoing_frame_size(Some(size));
        let mut ws = open(server.client("").subprotocols([MIRROR]).config(config)).await;
        let text = ascii(3000);
        send(&mut ws, &*text).await;
        assert!(receive_pieces(&mut ws, text.len()).await == text, "in frames of {size}");
        finish(ws).await;
    }
}

#[tokio::test]
#[ignore = "needs libwebsockets-test-server: tests/interop/run"]
async fn mirrors_bursts_of_two() {
    const COUNT: usize = 100;
    let server = Server::start().await;
    let one = server.open("", MIRROR).await;
    let other = server.open("", MIRROR).await;

    let talk = |name: char, ws: Socket| async move {
        let (mut reader, mut writer) = ws.split();
        let sending = async {
            for number in 0..COUNT {
                writer.send(format!("{name}{number}")).await.expect("sent");
            }
        };
        let receiving = async {
            let mut texts = Vec::new();
            while texts.len() < 2 * COUNT {
                let message = reader.next().await.expect("a message").expect("a message");
                texts.push(message.as_text().expect("text").to_owned());
            }
            texts
        };
        let ((), texts) = step("the burst", async { tokio::join!(sending, receiving) }).await;
        (reader.reunite(writer).expect("two halves of one"), texts)
    };
    let ((one, at_one), (other, at_other)) = tokio::join!(talk('a', one), talk('b', other));
    assert_eq!(at_one, at_other, "all see the same order");
    for name in ['a', 'b'] {
        let own: Vec<_> = at_one.iter().filter(|text| text.starts_with(name)).collect();
        let sent: Vec<_> = (0..COUNT).map(|number| format!("{name}{number}")).collect();
        assert_eq!(own, sent.iter().collect::<Vec<_>>());
    }
    finish(one).await;
    finish(other).await;
}

#[tokio::test]
#[ignore = "needs libwebsockets-test-server: tests/interop/run"]
async fn gets_pongs() {
    let server = Server::start().await;
    for subprotocol in [MIRROR, STATUS] {
        let mut ws = server.open("", subprotocol).await;
        if subprotocol == STATUS {
            receive_text(&mut ws).await;
        }
        for ping in cases::pings() {
            send(&mut ws, Message::Ping(ping.clone())).await;
            assert_eq!(receive(&mut ws).await, Message::Pong(ping));
        }
        finish(ws).await;
    }
}

#[tokio::test]
#[ignore = "needs libwebsockets-test-server: tests/interop/run"]
async fn is_closed_by_the_server() {
    let server = Server::start().await;
    let mut ws = server.open("", INCREMENT).await;
    send(&mut ws, "closeme\n").await;
    let mut last = receive(&mut ws).await;
    while last.is_data() {
        last = receive(&mut ws).await;
    }
    assert_eq!(last, Message::close(1001, "seeya"));
    let end = step("the end", ws.next()).await;
    assert!(end.is_none(), "{end:?} after the end");
}

#[tokio::test]
#[ignore = "needs libwebsockets-test-server: tests/interop/run"]
async fn closes_with_each_code() {
    let server = Server::start().await;
    for close in cases::closes() {
        let mut ws = server.open("", MIRROR).await;
        send(&mut ws, cases::close_message(&close)).await;
        let answer = receive(&mut ws).await;
        let Message::Close(frame) = answer else { panic!("{answer:?} in answer to {close:?}") };
        let (code, reason) = &close;
        // To 4.1.6 a code that the registry got after the RFC breaks a rule.
        let code = if (1012..3000).contains(code) { 1002 } else { *code };
        assert_eq!(cases::noted(frame.as_ref()), (code, reason.clone()), "the answer");
        let end = step("the end", ws.next()).await;
        assert!(end.is_none(), "{end:?} after {close:?}");
    }
}

/// Who is connected.
async fn receive_status(ws: &mut Socket) -> Vec<Value> {
    let status: Value = serde_json::from_str(&receive_text(ws).await).expect("JSON");
    status["conns"].as_array().expect("connections").clone()
}

#[tokio::test]
#[ignore = "needs libwebsockets-test-server: tests/interop/run"]
async fn agrees_on_deflate() {
    let server = Server::start().await;
    // Never the server's context alone: 4.1.6 drops the one that it inflates with as well, whoever the client is.
    let stateless = Deflate::new()
        .with_server_context_takeover(ContextTakeover::Dropped)
        .with_client_context_takeover(ContextTakeover::Dropped);
    let offers = [
        (Deflate::new(), "permessage-deflate"),
        (stateless, "permessage-deflate; server_no_context_takeover; client_no_context_takeover"),
        (Deflate::new().with_client_max_window_bits(10), "permessage-deflate"),
    ];
    for (offer, agreed) in offers {
        let client = |name: &str| {
            let client = server.client("").subprotocols([STATUS]).header("user-agent", name);
            client.deflate(offer.with_threshold(0))
        };
        let mut one = open(client("one")).await;
        let extensions: Vec<_> = one.extensions().iter().map(ToString::to_string).collect();
        assert_eq!(extensions, [agreed]);
        assert_eq!(receive_status(&mut one).await[0]["ua"], "one");
        // What it reads it inflates, and would complain of.
        for size in [0, 1, 1000, 1 << 20] {
            send(&mut one, cases::text(size)).await;
            send(&mut one, Message::Ping(size.to_string().into())).await;
            assert_eq!(receive(&mut one).await, Message::Pong(size.to_string().into()));
        }
        let mut other = open(client("other")).await;
        for ws in [&mut one, &mut other] {
            let connections = receive_status(ws).await;
            assert_eq!(connections.len(), 2, "{connections:?}");
            assert_eq!(connections[0]["ua"], "other");
        }
        finish(other).await;
        assert_eq!(receive_status(&mut one).await.len(), 1);
        finish(one).await;
    }
}

/// "A server accepts an extension negotiation offer with this parameter by including the "server_max_window_bits"
/// extension parameter in the extension negotiation response" (RFC 7692 section 7.1.2.1), and 4.1.6 accepts without.
#[tokio::test]
#[ignore = "needs libwebsockets-test-server: tests/interop/run"]
async fn does_not_hear_of_a_window() {
    let server = Server::start().await;
    let offer = Deflate::new().with_server_max_window_bits(10);
    let client = server.client("").subprotocols([STATUS]).deflate(offer);
    let error = refusal(client).await;
    assert!(matches!(error, HandshakeError::UnacceptableParameters), "{error:?}");
}

#[tokio::test]
#[ignore = "needs libwebsockets-test-server: tests/interop/run"]
async fn declines_deflate() {
    let server = Server::start().await;
    for subprotocol in [INCREMENT, MIRROR] {
        let client = server.client("").subprotocols([subprotocol]).deflate(Deflate::new());
        let ws = open(client).await;
        assert_eq!(ws.extensions(), []);
        finish(ws).await;
    }
}

#[tokio::test]
#[ignore = "needs libwebsockets-test-server: tests/interop/run"]
async fn chooses_among_subprotocols() {
    let server = Server::start().await;
    for (offered, chosen) in [
        (vec![MIRROR, STATUS], Some(MIRROR)),
        (vec!["unheard-of", MIRROR], Some(MIRROR)),
        (vec![], None),
    ] {
        let ws = open(server.client("").subprotocols(offered)).await;
        assert_eq!(ws.subprotocol(), chosen);
        finish(ws).await;
    }
}

/// With no word about why.
#[tokio::test]
#[ignore = "needs libwebsockets-test-server: tests/interop/run"]
async fn hangs_up_on_what_it_does_not_know() {
    let server = Server::start().await;
    let unknown = server.client("").subprotocols(["unheard-of"]);
    let long = server.client("").subprotocols([MIRROR]).header("x-long", "x".repeat(9000));
    for client in [unknown, long] {
        let error = refusal(client).await;
        assert!(matches!(error, HandshakeError::EndOfStream(_)), "{error:?}");
        assert!(error.is_disconnect());
    }
}

/// It takes WebSockets at any path but those that it can't read.
#[tokio::test]
#[ignore = "needs libwebsockets-test-server: tests/interop/run"]
async fn refuses_a_path() {
    let server = Server::start().await;
    finish(server.open("no/such/path", MIRROR).await).await;
    let error = refusal(server.client("%zz").subprotocols([MIRROR])).await;
    let HandshakeError::Refused(response) = error else { panic!("{error:?}") };
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(response.headers()["content-type"], "text/html");
}

#[tokio::test]
#[ignore = "needs libwebsockets-test-server: tests/interop/run"]
async fn forgets_who_is_gone() {
    let server = Server::start().await;
    let mut ws = server.open("", STATUS).await;
    assert_eq!(receive_status(&mut ws).await.len(), 1);
    let other = server.open("", STATUS).await;
    assert_eq!(receive_status(&mut ws).await.len(), 2);
    drop(other);
    assert_eq!(receive_status(&mut ws).await.len(), 1);
    finish(ws).await;
}
