//! What bowline checks as a client of a peer's server.

use bowline::{Client, Error, HandshakeError, Message, WebSocket, client::Stream};
use futures_util::{SinkExt, StreamExt, stream};
use http::{Response, StatusCode, header::SET_COOKIE};
use serde_json::Value;

use crate::{
    cases::{self, COOKIES, PONGS_CAME, REFUSAL},
    peer::{PeerServer, config, step},
};

/// The next message.
async fn receive(ws: &mut WebSocket<Stream>) -> Message {
    step("a message", ws.next()).await.expect("a message").expect("a message")
}

/// The next text or binary message.
async fn receive_data(ws: &mut WebSocket<Stream>) -> Message {
    loop {
        let message = receive(ws).await;
        if message.is_data() {
            return message;
        }
        assert!(matches!(message, Message::Ping(_) | Message::Pong(_)), "{message:?}");
    }
}

async fn assert_over(ws: &mut WebSocket<Stream>) {
    let last = step("the end", ws.next()).await;
    assert!(last.is_none(), "{last:?} after the end");
}

async fn finish(mut ws: WebSocket<Stream>) {
    let answer = step("the peer's Close", ws.close(1000, "")).await.expect("a clean close");
    assert_eq!(cases::noted(answer.as_ref()), (1000, String::new()));
}

async fn echo(ws: &mut WebSocket<Stream>, message: Message) {
    let length = message.len();
    step(format!("sending {length} bytes"), ws.send(message.clone())).await.expect("sent");
    // Not assert_eq, which would show 10 MiB twice.
    assert!(receive_data(ws).await == message, "message of {length} bytes");
}

async fn echo_all<M: Into<Message>>(server: &PeerServer, messages: impl IntoIterator<Item = M>) {
    let mut ws = server.open("echo").await;
    for message in messages {
        echo(&mut ws, message.into()).await;
    }
    finish(ws).await;
}

pub(crate) async fn echoes_texts(server: &mut PeerServer) {
    let sized = cases::sizes().into_iter().map(cases::text);
    echo_all(server, cases::texts().into_iter().chain(sized)).await;
}

pub(crate) async fn echoes_binaries(server: &mut PeerServer) {
    echo_all(server, cases::sizes().into_iter().map(cases::binary)).await;
}

pub(crate) async fn echoes_a_burst(server: &mut PeerServer) {
    let burst = cases::burst();
    let (mut incoming, mut sink) = server.open("echo").await.split();
    let mut outgoing = stream::iter(burst.clone()).map(Ok);
    let sending = async { sink.send_all(&mut outgoing).await.expect("all sent") };
    let receiving = async {
        for expected in &burst {
            let message = incoming.next().await.expect("a message").expect("a message");
            assert_eq!(message, *expected);
        }
    };
    step("the burst", async { tokio::join!(sending, receiving) }).await;
    finish(incoming.reunite(sink).expect("two halves of one")).await;
}

pub(crate) async fn agrees_on_a_subprotocol(server: &mut PeerServer) {
    let client = server.client("echo").subprotocols(["chat.v1", "chat.v2"]);
    let (ws, _) = connect(client).await;
    assert_eq!(ws.subprotocol(), Some("chat.v2"));
    finish(ws).await;

    let ws = server.open("echo").await;
    assert_eq!(ws.subprotocol(), None);
    finish(ws).await;
}

async fn connect(client: Client) -> (WebSocket<Stream>, Response<()>) {
    step("the opening handshake", client.connect()).await.expect("a connection")
}

pub(crate) async fn reads_response_headers(server: &mut PeerServer) {
    let (ws, response) = connect(server.client("echo")).await;
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(response.headers()["x-interop"], server.peer.name());
    let cookies: Vec<_> = response.headers().get_all(SET_COOKIE).into_iter().collect();
    assert_eq!(cookies, COOKIES);
    finish(ws).await;
}

pub(crate) async fn shows_its_headers(server: &mut PeerServer) {
    let client = server.client("headers");
    let client =
        client.header("x-extra", "one").header("x-extra", "two").header("cookie", "a=1; b=2");
    let (mut ws, _) = connect(client).await;
    let seen = receive_data(&mut ws).await;
    let seen: Value = serde_json::from_str(seen.as_text().expect("text")).expect("JSON");
    assert_eq!(seen["x-extra"], "one, two");
    assert_eq!(seen["cookie"], "a=1; b=2");
    assert_eq!(seen["host"], format!("127.0.0.1:{}", server.port));
    assert_eq!(seen["sec-websocket-version"], "13");
    assert_eq!(seen["sec-websocket-extensions"], Value::Null);
    finish(ws).await;
}

pub(crate) async fn is_refused(server: &mut PeerServer) {
    let refusal = step("the refusal", server.client("401").connect()).await;
    let Err(Error::Handshake(error)) = refusal else { panic!("{refusal:?}") };
    let HandshakeError::Refused(response) = *error else { panic!("{error:?}") };
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers()["www-authenticate"], "Basic");
    assert_eq!(response.body(), REFUSAL);
}

pub(crate) async fn is_closed_by_the_server(server: &mut PeerServer) {
    for close in cases::closes() {
        let (code, reason) = &close;
        let mut ws = server.open(&format!("close/{code}/{}", cases::percent_encode(reason))).await;
        assert_eq!(receive(&mut ws).await, cases::close_message(&close));
        assert_over(&mut ws).await;
        assert_eq!(server.closed().await, (*code, String::new()), "our answer to {close:?}");
    }
}

pub(crate) async fn closes_with_each_code(server: &mut PeerServer) {
    for close in cases::closes() {
        let mut ws = server.open("echo").await;
        step("sending Close", ws.send(cases::close_message(&close))).await.expect("sent");
        let answer = receive(&mut ws).await;
        let Message::Close(frame) = answer else { panic!("{answer:?} in answer to {close:?}") };
        if server.peer.echoes_close_codes() {
            assert_eq!(cases::noted(frame.as_ref()).0, close.0, "the answer to {close:?}");
        }
        assert_over(&mut ws).await;
        assert_eq!(server.closed().await, close, "our Close");
    }
}

pub(crate) async fn closes_with_an_echo_on_its_way(server: &mut PeerServer) {
    let mut ws = server.open("echo").await;
    step("sending", ws.send(cases::binary(1 << 20))).await.expect("sent");
    finish(ws).await;
    assert_eq!(server.closed().await, (1000, String::new()));
}

pub(crate) async fn answers_pings(server: &mut PeerServer) {
    let mut ws = server.open("ping").await;
    for ping in cases::pings() {
        assert_eq!(receive(&mut ws).await, Message::Ping(ping));
    }
    assert_eq!(receive(&mut ws).await, PONGS_CAME.into());
    finish(ws).await;
}

pub(crate) async fn gets_pongs(server: &mut PeerServer) {
    let mut ws = server.open("echo").await;
    for ping in cases::pings() {
        step("sending a ping", ws.send(Message::Ping(ping.clone()))).await.expect("sent");
        assert_eq!(receive(&mut ws).await, Message::Pong(ping));
    }
    finish(ws).await;
}

pub(crate) async fn sends_fragments(server: &mut PeerServer) {
    for (frame_size, message_size) in [(1, 300), (125, 1000), (126, 1000), (65_536, 1 << 20)] {
        let client =
            server.client("echo").config(config().with_outgoing_frame_size(Some(frame_size)));
        let (mut ws, _) = connect(client).await;
        echo(&mut ws, cases::text(message_size).into()).await;
        echo(&mut ws, cases::binary(message_size).into()).await;
        finish(ws).await;
    }
}

pub(crate) async fn receives_fragments(server: &mut PeerServer) {
    let mut ws = server.open("fragments").await;
    assert!(matches!(receive(&mut ws).await, Message::Ping(_)), "a ping between the fragments");
    assert_eq!(receive_data(&mut ws).await, cases::fragmented_text().into());
    finish(ws).await;
}

pub(crate) async fn sees_a_drop(server: &mut PeerServer) {
    let mut ws = server.open("drop").await;
    let end = step("the end", ws.next()).await;
    let Some(Err(error)) = end else { panic!("{end:?} in place of an error") };
    assert!(matches!(error, Error::AbnormalClosure(_) | Error::Io(_)), "{error:?}");
    assert!(error.is_disconnect(), "{error:?}");
    assert_over(&mut ws).await;
}

pub(crate) async fn drops(server: &mut PeerServer) {
    drop(server.open("echo").await);
    assert_eq!(server.closed().await, (1006, String::new()));
}
