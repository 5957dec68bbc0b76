//! Bowline as the client of a peer's server.

use std::fmt::Display;

use bowline::{Client, Deflate, Message, WebSocket};
use futures_util::{SinkExt, stream};
use http::Response;
use tokio::net::TcpStream;

use super::{
    Manner,
    exercise::{Direction, Step, exercise, judge},
    negotiation::{End, Row, rows},
    parameters::Parameters,
    wire::{Record, Recorded},
};
use crate::{
    cases,
    peer::{Peer, PeerServer, step},
};

type Socket = WebSocket<Recorded>;

/// Makes every connection that bowline's client can make to the peer's server.
pub(crate) async fn talks_on_all_terms(peer: Peer, manner: Manner) {
    let mut server = PeerServer::start_program(peer, "deflate_server").await;
    let rows = rows(End::Bowline, End::Other(peer));
    assert!(rows.len() >= 256, "{} connections", rows.len());
    for row in rows {
        talk(&mut server, &row, manner).await;
    }
}

async fn talk(server: &mut PeerServer, row: &Row, manner: Manner) {
    let path = format!("deflate/{}", cases::percent_encode(&row.wish.to_string()));
    let deflate = manner.deflate(row.offer.to_deflate());
    let (mut ws, response, record) = open(server, &path, manner, deflate).await;
    let agreed = agreed(&ws, &response);
    assert_eq!(Parameters::of_response(&agreed), row.answer, "{row}");

    let steps = exercise(row.exercise);
    match row.exercise {
        "one by one" => one_by_one(&mut ws, steps, row).await,
        _ => ws = in_a_burst(ws, steps).await,
    }
    let answer = step("the peer's Close", ws.close(1000, "")).await.expect("a clean close");
    assert_eq!(cases::noted(answer.as_ref()), (1000, String::new()), "{row}");
    assert_eq!(server.closed().await, (1000, agreed), "{row}");

    let sent = judge(steps, &record.sent(), Direction::of_client(row), Some(manner));
    sent.unwrap_or_else(|error| panic!("{row}: sent: {error}"));
    let received = judge(steps, &record.received(), Direction::of_server(row), None);
    received.unwrap_or_else(|error| panic!("{row}: received: {error}"));
}

async fn open(
    server: &PeerServer,
    path: &str,
    manner: Manner,
    deflate: Deflate,
) -> (Socket, Response<()>, Record) {
    let tcp = TcpStream::connect(("127.0.0.1", server.port)).await.expect("a connection");
    let (io, record) = Recorded::new(tcp);
    let client: Client = server.client(path).config(manner.config()).deflate(deflate);
    let opened = step(path, client.handshake(io)).await;
    let (ws, response) = opened.unwrap_or_else(|error| panic!("/{path}: {error}"));
    (ws, response, record)
}

/// The response's header; bowline has to have read the same from it.
fn agreed(ws: &Socket, response: &Response<()>) -> String {
    let header = response.headers().get("sec-websocket-extensions");
    let header = header.map(|value| value.to_str().expect("ASCII")).unwrap_or_default();
    let read: Vec<String> = ws.extensions().iter().map(ToString::to_string).collect();
    assert_eq!(Parameters::of_response(&read.join(", ")), Parameters::of_response(header));
    header.to_owned()
}

/// Sends a message, reads its echo, and so on. Each ping is followed by its pong.
async fn one_by_one(ws: &mut Socket, steps: &[Step], row: impl Display) {
    for one in steps {
        let message = one.message();
        step(format!("{row}: sending {one}"), ws.send(message.clone())).await.expect("sent");
        let received = step(format!("{row}: the echo of {one}"), ws.next()).await;
        let is_echo = matches!(&received, Some(Ok(echo)) if *echo == echo_of(message));
        assert!(is_echo, "{row}: {one}: {received:?}");
    }
}

fn echo_of(message: Message) -> Message {
    match message {
        Message::Ping(payload) => Message::Pong(payload),
        data => data,
    }
}

/// Sends all messages without waiting for any echo.
async fn in_a_burst(ws: Socket, steps: &[Step]) -> Socket {
    let (mut incoming, mut sink) = ws.split();
    let mut outgoing = stream::iter(steps.iter().map(|one| Ok(one.message())));
    let sending = async { sink.send_all(&mut outgoing).await.expect("all sent") };
    let receiving = async {
        let (mut messages, mut pongs) = (Vec::new(), Vec::new());
        while messages.len() + pongs.len() < steps.len() {
            // A pong may overtake echoes, and be overtaken by them.
            match incoming.next().await.expect("a message").expect("a message") {
                Message::Pong(payload) => pongs.push(payload),
                message => messages.push(message),
            }
        }
        (messages, pongs)
    };
    let ((), (messages, pongs)) =
        step("the burst", async { tokio::join!(sending, receiving) }).await;
    let all = steps.iter().map(|one| echo_of(one.message()));
    let (data, control): (Vec<_>, Vec<_>) = all.partition(Message::is_data);
    // Not assert_eq, which would show all of them.
    assert!(messages == data, "an echo differs from its message");
    assert_eq!(pongs.into_iter().map(Message::Pong).collect::<Vec<_>>(), control);
    incoming.reunite(sink).expect("two halves of one")
}

/// What a server that nobody has told anything agrees to, with a client of the same kind.
pub(crate) async fn agrees_by_default(peer: Peer, expected: &str) {
    let mut server = PeerServer::start(peer).await;
    let (mut ws, response, _) = open(&server, "echo", Manner::Usual, Deflate::new()).await;
    assert_eq!(agreed(&ws, &response), expected);
    one_by_one(&mut ws, exercise("one by one"), "by default").await;
    step("the peer's Close", ws.close(1000, "")).await.expect("a clean close");
    assert_eq!(server.closed().await, (1000, String::new()));
}
