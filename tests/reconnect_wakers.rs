//! Two tasks on one reconnecting WebSocket, one of which has polled last and doesn't come back: the other is woken all
//! the same.

#[path = "support/reconnect.rs"]
mod support;

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bowline::{
    Message, WebSocket,
    client::{Backoff, ReconnectingWebSocket},
};
use futures_util::{SinkExt, StreamExt};
use support::{Server, shown, soon, text};
use tokio::{net::TcpStream, sync::Notify, task::yield_now, time::sleep};

/// Where the WebSocket is when the second task polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Connecting,
    Waiting,
    Greeting,
}

const PLACES: [Place; 3] = [Place::Connecting, Place::Waiting, Place::Greeting];

/// A WebSocket that is taken there by whoever polls it.
struct Scene {
    server: Server,
    notify: Arc<Notify>,
    place: Place,
}

impl Scene {
    async fn new(place: Place) -> (Self, ReconnectingWebSocket) {
        let server = Server::bind().await;
        let notify = Arc::new(Notify::new());
        let backoff = Backoff::new().with_initial(Duration::from_millis(200));
        let ws = server.client().reconnecting().backoff(backoff).jitter(|| 1.0).websocket();
        let hook = notify.clone();
        let ws = match place {
            Place::Greeting => ws.on_connect(move |_, _| {
                let notify = hook.clone();
                Box::pin(async move {
                    notify.notified().await;
                    Ok(())
                })
            }),
            _ => ws,
        };
        (Self { server, notify, place }, ws)
    }

    /// Lets it come to the place, has the second task poll, and lets it go on.
    async fn play(&self, poll: impl FnOnce()) -> WebSocket<TcpStream> {
        if self.place == Place::Waiting {
            self.server.hang_up().await;
            sleep(Duration::from_millis(50)).await;
            poll();
            return self.server.accept().await;
        }
        let tcp = self.server.tcp().await;
        if self.place == Place::Connecting {
            settle().await;
            poll();
            return Server::accept_on(tcp).await;
        }
        let far = Server::accept_on(tcp).await;
        sleep(Duration::from_millis(50)).await;
        poll();
        settle().await;
        self.notify.notify_one();
        far
    }
}

/// Lets everybody go as far as they can.
async fn settle() {
    for _ in 0..50 {
        yield_now().await;
    }
}

/// Polls once, as somebody who doesn't come back.
fn forsake<F: Future>(future: F) {
    assert!(pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

#[tokio::test]
async fn the_reader_is_woken_though_the_writer_has_polled_last() {
    for place in PLACES {
        let (scene, ws) = Scene::new(place).await;
        let (mut sink, mut stream) = ws.split();
        let reader = tokio::spawn(async move { shown(soon(stream.next()).await) });
        settle().await;
        let _far = scene.play(|| forsake(sink.send("x".into()))).await;
        assert_eq!(reader.await.expect("no panic"), "connected 1", "{place:?}");
    }
}

#[tokio::test]
async fn the_writer_is_woken_though_the_reader_has_polled_last() {
    for place in PLACES {
        let (scene, ws) = Scene::new(place).await;
        let (mut sink, mut stream) = ws.split();
        let writer = tokio::spawn(async move {
            soon(sink.send("x".into())).await.expect("open");
            sink
        });
        settle().await;
        let mut far = scene.play(|| forsake(stream.next())).await;
        let _sink = writer.await.expect("no panic");
        assert_eq!(text(&mut far).await.as_deref(), Some("x"), "{place:?}");
    }
}

/// The reader waits for a message, the writer for room; each of them polls last once.
#[tokio::test]
async fn on_a_connection_both_are_woken_whoever_has_polled_last() {
    let server = Server::bind().await;
    let (mut sink, mut stream) = server.reconnecting().websocket().split();
    let (mut far, event) = tokio::join!(server.accept(), stream.next());
    assert_eq!(shown(event), "connected 1");
    let large = Message::binary(vec![7; 1 << 20]);
    // Until there is no room anywhere, and the kernel has stopped to find some.
    for _ in 0..20 {
        while let Poll::Ready(fed) =
            pin!(sink.feed(large.clone())).poll(&mut Context::from_waker(Waker::noop()))
        {
            fed.expect("open");
        }
        sleep(Duration::from_millis(5)).await;
    }
    let reader = tokio::spawn(async move {
        let message = shown(soon(stream.next()).await);
        (message, stream)
    });
    settle().await;
    forsake(sink.flush());
    far.send("to the reader").await.expect("open");
    let (message, mut stream) = reader.await.expect("no panic");
    assert_eq!(message, "Text(\"to the reader\")");

    let writer = tokio::spawn(async move {
        soon(sink.flush()).await.expect("open");
        sink
    });
    settle().await;
    forsake(stream.next());
    let drained = tokio::spawn(async move { while let Some(Ok(_)) = far.next().await {} });
    drop(writer.await.expect("no panic"));
    drained.abort();
}

#[tokio::test]
async fn a_reader_hears_of_the_end_that_a_writer_brings_about() {
    for way in 0..2 {
        let server = Server::bind().await;
        let backoff = Backoff::new().with_initial(Duration::from_secs(50));
        let ws = server.client().reconnecting().backoff(backoff).jitter(|| 1.0).websocket();
        let (mut sink, mut stream) = ws.split();
        let reader = tokio::spawn(async move { shown(soon(stream.next()).await) });
        server.hang_up().await;
        settle().await;
        match way {
            0 => soon(sink.close()).await.expect("nothing was queued"),
            _ => soon(sink.send(Message::Close(None))).await.expect("nothing was queued"),
        }
        let ended = tokio::time::timeout(Duration::from_secs(20), reader).await;
        assert_eq!(ended.expect("woken").expect("no panic"), "end", "{way}");
    }
}
