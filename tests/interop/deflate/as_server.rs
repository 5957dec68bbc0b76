//! Bowline as the server of a peer's client.

use bowline::{CloseFrame, Deflate, Error, Message, Pending, Server};
use serde_json::json;
use tokio::net::TcpListener;

use super::{
    Manner,
    exercise::{Direction, exercise, judge},
    negotiation::{End, Row, rows},
    parameters::Parameters,
    wire::{Record, Recorded},
};
use crate::{
    cases,
    peer::{Peer, Process, step},
};

/// Has the peer's client make every connection that it can make to bowline's server.
pub(crate) async fn talks_on_all_terms(peer: Peer, manner: Manner) {
    let mut client = ClientOfBowline::start(peer, manner).await;
    let rows = rows(End::Other(peer), End::Bowline);
    assert!(rows.len() >= 180, "{} connections", rows.len());
    for row in rows {
        let deflate = manner.deflate(row.wish.to_deflate());
        let (agreed, record) = client.talk(&row, deflate).await;
        assert_eq!(Parameters::of_response(&agreed), row.answer, "{row}");

        let steps = exercise(row.exercise);
        let sent = judge(steps, &record.sent(), Direction::of_server(&row), Some(manner));
        sent.unwrap_or_else(|error| panic!("{row}: sent: {error}"));
        let received = judge(steps, &record.received(), Direction::of_client(&row), None);
        received.unwrap_or_else(|error| panic!("{row}: received: {error}"));
    }
    client.end().await;
}

/// What bowline agrees to where nobody has told it anything, with a client that offers as it usually does.
pub(crate) async fn agrees_by_default(peer: Peer, expected: &str) {
    let mut client = ClientOfBowline::start(peer, Manner::Usual).await;
    let row = Row {
        offer: Parameters::parse("client_max_window_bits"),
        wish: Parameters::default(),
        exercise: "one by one",
        answer: Parameters::of_response(expected),
    };
    let (agreed, record) = client.talk(&row, Deflate::new()).await;
    assert_eq!(agreed, expected);
    let steps = exercise(row.exercise);
    let sent = judge(steps, &record.sent(), Direction::of_server(&row), Some(Manner::Usual));
    sent.unwrap_or_else(|error| panic!("sent: {error}"));
    client.end().await;
}

/// A peer's client, and bowline's listener for it.
struct ClientOfBowline {
    process: Process,
    listener: TcpListener,
    manner: Manner,
}

impl ClientOfBowline {
    async fn start(peer: Peer, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        Self { process: Process::start(peer, "deflate_client", Some(port)), listener, manner }
    }

    /// One connection: what was agreed on as both ends see it, and what passed over the wire.
    async fn talk(&mut self, row: &Row, deflate: Deflate) -> (String, Record) {
        let order = json!({ "offer": row.offer.to_string(), "exercise": row.exercise });
        self.process.tell(&order.to_string()).await;
        let accepted = step(format!("a connection for {row}"), self.listener.accept()).await;
        let (io, record) = Recorded::new(accepted.expect("a connection").0);
        let server = Server::new().config(self.manner.config()).deflate(deflate);
        let pending = step("a request", server.receive(io)).await.expect("a request");
        let offered = pending.headers()["sec-websocket-extensions"].to_str().expect("ASCII");
        assert_eq!(Parameters::of_response(offered).as_ref(), Some(&row.offer), "{offered}");

        let (agreed, close) = serve(pending).await.unwrap_or_else(|error| panic!("{row}: {error}"));
        assert_eq!(cases::noted(close.as_ref()), (1000, String::new()), "{row}");
        let line = self.process.line(format!("what the client says of {row}")).await;
        let seen = line.unwrap_or_else(|| panic!("the client has failed on {row}"));
        assert_eq!(seen, json!(agreed).to_string(), "{row}");
        (agreed, record)
    }

    async fn end(self) {
        let status = self.process.end().await;
        assert!(status.success(), "the client: {status}");
    }
}

/// Echoes to the end: what was agreed on, and the client's Close.
async fn serve(pending: Pending<Recorded>) -> Result<(String, Option<CloseFrame>), Error> {
    let mut ws = step("the response", pending.accept()).await?;
    let agreed: Vec<String> = ws.extensions().iter().map(ToString::to_string).collect();
    let mut close = None;
    while let Some(message) = step("a message", ws.next()).await {
        match message? {
            Message::Close(frame) => close = frame,
            Message::Ping(_) | Message::Pong(_) => {}
            data => step("room", ws.feed(data)).await?,
        }
    }
    Ok((agreed.join(", "), close))
}
