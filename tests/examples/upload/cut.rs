//! Files that break off, are wrong, or take long.

use bowline::{MessageKind, Writer, client::Stream};
use serde_json::{Value, json};

use super::*;

/// A client with its own hands; the server has agreed to take a file of this name.
struct Raw {
    ws: WebSocket<Stream>,
}

impl Raw {
    async fn connect(server: &Service) -> Self {
        let client = Client::new(&server.address).unwrap().subprotocols(["upload.example"]);
        Self { ws: within(client.connect()).await.unwrap().0 }
    }

    async fn ask(&mut self, request: Value) -> Value {
        within(self.ws.send(request.to_string())).await.unwrap();
        self.read().await
    }

    async fn read(&mut self) -> Value {
        loop {
            match within(self.ws.next()).await.unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    async fn put(server: &Service, name: &str) -> Self {
        let mut raw = Self::connect(server).await;
        let answer = raw.ask(json!({ "put": name, "size": null, "replace": false })).await;
        assert_eq!(answer["ready"], name);
        raw
    }

    /// Up to its Close.
    async fn close_code(&mut self) -> CloseCode {
        loop {
            match within(self.ws.next()).await.unwrap().unwrap() {
                Message::Close(frame) => return frame.unwrap().code,
                Message::Pong(_) | Message::Text(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

/// Whatever becomes of the one who sends it.
#[tokio::test]
async fn upload_keeps_nothing_of_a_file_that_is_cut() {
    let directory = Directory::new("cut");
    let mut server = directory.serve(&["--max", "100000"]).await;
    let answered = async |name: &str, end: Option<Message>| {
        let mut raw = Raw::put(&server, name).await;
        let mut message = raw.ws.start_message(MessageKind::Binary).await.unwrap();
        within(message.write_all(&[1; 50_000])).await.unwrap();
        within(message.flush()).await.unwrap();
        if let Some(end) = end {
            within(message.finish()).await.unwrap();
            within(raw.ws.send(end)).await.unwrap();
        } else {
            drop(message);
            within(raw.ws.flush()).await.unwrap();
        }
        raw
    };
    // Left unfinished, which closes; and without a word.
    assert_eq!(answered("unfinished", None).await.close_code().await, CloseCode::ERROR);
    drop(answered("dropped", None).await);
    // Whole, but with no sum behind it, or a wrong one.
    let right = json!({ "size": 50_000, "sha256": sum([1; 50_000]) });
    for end in [
        Message::close(CloseCode::NORMAL, ""),
        Message::binary("more"),
        Message::text("{}"),
        Message::text(json!({ "size": 50_001, "sha256": right["sha256"] }).to_string()),
        Message::text(json!({ "size": 50_000, "sha256": sum("other") }).to_string()),
    ] {
        answered("wrong", Some(end)).await.close_code().await;
    }
    // More than it may.
    let mut raw = Raw::put(&server, "large").await;
    within(raw.ws.send(Message::binary(vec![1; 100_001]))).await.unwrap();
    assert_eq!(raw.close_code().await, CloseCode::SIZE);
    // A text.
    let mut raw = Raw::put(&server, "text").await;
    within(raw.ws.send("not bytes")).await.unwrap();
    assert_eq!(raw.close_code().await, CloseCode::POLICY);

    // One that is as it should be comes last: by then the others are over, but for the server's own loop.
    let mut raw = answered("right", Some(Message::text(right.to_string()))).await;
    assert_eq!(raw.read().await, right);
    within(raw.ws.close(1000, "")).await.unwrap();
    within(server.log.next_line()).await.unwrap();
    within(async {
        while directory.list("kept") != ["right"] {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// With half a file on its way in, and half a file on its way out.
#[tokio::test]
async fn upload_answers_pings_while_files_come_and_go() {
    let directory = Directory::new("pings");
    let server = directory.serve(&[]).await;
    let mut raw = Raw::put(&server, "slow").await;
    {
        let Raw { ws } = raw;
        let (mut reader, mut writer) = ws.split();
        let mut control: Writer<Stream> = writer.clone();
        let mut message = writer.start_message(MessageKind::Binary).await.unwrap();
        for round in ["one", "two"] {
            within(message.write_all(b"half ")).await.unwrap();
            within(message.flush()).await.unwrap();
            within(control.send(Message::ping(round))).await.unwrap();
            assert_eq!(within(reader.next()).await.unwrap().unwrap(), Message::pong(round));
        }
        within(message.finish()).await.unwrap();
        drop(control);
        raw = Raw { ws: reader.reunite(writer).unwrap() };
    }
    let whole = json!({ "size": 10, "sha256": sum("half half ") });
    assert_eq!(raw.ask(whole.clone()).await, whole);

    File::create(directory.path("kept/large")).unwrap().set_len(1 << 30).unwrap();
    let size = 1 << 30;
    assert_eq!(raw.ask(json!({ "get": "large" })).await, json!({ "ready": "large", "size": size }));
    let mut message = within(raw.ws.next_streamed()).await.unwrap().unwrap();
    assert!(within(message.next()).await.unwrap().is_ok());
    // Read past what was on its way before the ping, a pong is there or will be.
    drop(message);
    within(raw.ws.send(Message::ping("are you there"))).await.unwrap();
    loop {
        let message = within(raw.ws.next()).await.unwrap().unwrap();
        if message == Message::pong("are you there") {
            break;
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn upload_stops_politely_at_both_ends() {
    let directory = Directory::new("interrupt");
    let mut server = directory.serve(&[]).await;
    // A client that waits for a pipe nobody writes into, with the file begun.
    let mut child = example("upload")
        .args(["put", &server.address, "/dev/stdin", "--name", "half"])
        .spawn()
        .unwrap();
    child.stdin.as_mut().unwrap().write_all(&[1; 200_000]).await.unwrap();
    within(async {
        while directory.list("kept").is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let mut raw = Raw::put(&server, "other").await;
    server.interrupt().await;
    assert_eq!(raw.close_code().await, CloseCode::AWAY);
    drop(raw);
    assert!(within(server.child.wait()).await.unwrap().success());
    let output = within(child.wait_with_output()).await.unwrap();
    let client = Run::from(output);
    client.assert_status(1);
    client.assert_complains(
        "upload: closed by the other end: 1001 (\"the server is shutting down\")\n",
    );
    assert!(directory.list("kept").is_empty());
}
