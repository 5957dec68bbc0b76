//! A server that stops under load, through axum's own graceful shutdown.

use std::{net::SocketAddr, time::Duration};

use axum::{Extension, Router, routing::any};
use bowline::{
    CloseFrame, Drain, Drained, Error, Message, UsageError, WebSocket,
    client::{Stream, connect as open},
};
use bowline_hyper::{Io, Options, axum::WebSocketUpgrade};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::{JoinHandle, JoinSet},
};

const CONNECTIONS: usize = 2_000;

async fn echo(mut ws: WebSocket<Io>) -> Result<(), Error> {
    while let Some(message) = ws.next().await {
        match message? {
            Message::Text(text) => match ws.feed(text).await {
                // What arrives behind our Close is read, and can't be answered.
                Err(Error::Usage(UsageError::SendAfterClose)) => {}
                other => other?,
            },
            Message::Close(_) => {}
            other => panic!("{other:?}"),
        }
    }
    Ok(())
}

/// A server that drains its connections when it is told to stop.
struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    stopped: JoinHandle<Drained>,
}

impl Server {
    async fn start() -> Self {
        let drain = Drain::new();
        let handler = async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(echo);
        let app =
            Router::new().route("/", any(handler)).layer(Extension(Options::new().drain(&drain)));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, told) = oneshot::channel();
        let stopped = tokio::spawn(async move {
            let (report, reported) = oneshot::channel();
            let signal = async move {
                told.await.expect("told to stop");
                let drained = drain.close_all(1001, "restarting", Duration::from_secs(60)).await;
                report.send(drained.expect("a code that may be sent")).expect("somebody waits");
            };
            axum::serve(listener, app).with_graceful_shutdown(signal).await.expect("a server");
            reported.await.expect("a report")
        });
        Self { address, stop, stopped }
    }
}

async fn connect(address: SocketAddr) -> WebSocket<Stream> {
    let (ws, _) = open(format!("ws://{address}/")).await.expect("a connection");
    ws
}

/// Keeps a message in flight until the server closes; gives the Close, with how many came back.
async fn chatter(mut ws: WebSocket<Stream>, ready: mpsc::Sender<()>) -> (CloseFrame, u64) {
    let mut received = 0;
    ws.send("0").await.expect("sent");
    loop {
        match ws.next().await.expect("a Close before the end").expect("no reset") {
            Message::Text(text) => {
                assert_eq!(*text, *received.to_string());
                received += 1;
                if received == 3 {
                    ready.send(()).await.expect("somebody waits");
                }
                ws.send(received.to_string()).await.expect("sent");
            }
            Message::Close(frame) => {
                assert!(ws.next().await.is_none(), "a clean end");
                return (frame.expect("a code"), received);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_2000_busy_connections_gets_its_close() {
    let server = Server::start().await;
    let (ready, mut readied) = mpsc::channel(CONNECTIONS);
    let mut connected = Vec::new();
    for _ in 0..CONNECTIONS {
        connected.push(connect(server.address).await);
    }
    let chatting = connected.into_iter().map(|ws| chatter(ws, ready.clone()));
    let mut clients: JoinSet<_> = chatting.collect();
    drop(ready);
    for _ in 0..CONNECTIONS {
        readied.recv().await.expect("each is in the middle of it");
    }

    server.stop.send(()).unwrap();
    while let Some(client) = clients.join_next().await {
        let (close, received) = client.unwrap();
        assert_eq!(close, CloseFrame::new(1001, "restarting"));
        assert!(received >= 3);
    }
    let drained = server.stopped.await.unwrap();
    assert_eq!((drained.closed, drained.lost, drained.cut), (CONNECTIONS, 0, 0));
}

#[tokio::test]
async fn idle_connections_and_one_that_has_gone() {
    let server = Server::start().await;
    let mut idle = connect(server.address).await;
    let mut silent = connect(server.address).await;
    let mut gone = connect(server.address).await;
    for ws in [&mut idle, &mut silent, &mut gone] {
        ws.send("hello").await.unwrap();
        assert_eq!(ws.next().await.unwrap().unwrap(), Message::text("hello"));
    }
    drop(gone);

    server.stop.send(()).unwrap();
    let close = Message::Close(Some(CloseFrame::new(1001, "restarting")));
    assert_eq!(idle.next().await.unwrap().unwrap(), close);
    assert!(idle.next().await.is_none());
    // `silent` never answers: its own close time-out ends it.
    let drained = server.stopped.await.unwrap();
    assert_eq!((drained.closed, drained.cut), (1, 0));
    // Whether the one that has gone was there still is a matter of who was first.
    assert!((1..=2).contains(&drained.lost), "{drained:?}");
    drop(silent);
}
