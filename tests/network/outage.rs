//! A path that is dead for less than keepalive's time.

use std::time::Duration;

use bowline::{Keepalive, Message, Reader, WebSocket, Writer};
use futures_util::future::join_all;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, sleep},
};

use crate::{
    ends::{Ends, step, untimed},
    path::{LOSSES, Loss, Path},
};

const BEFORE: Duration = Duration::from_millis(300);
const OUTAGE: Duration = Duration::from_millis(1200);
/// Numbered messages each way, and the time between two.
const COUNT: u32 = 250;
const PAUSE: Duration = Duration::from_millis(10);

async fn send_all(writer: &mut Writer<impl AsyncRead + AsyncWrite + Unpin>) {
    for number in 0..COUNT {
        writer.send(number.to_string()).await.expect("a living connection");
        sleep(PAUSE).await;
    }
}

/// What came of the messages: how many pings were among them, and how long nothing came at the longest.
struct Received {
    pings: usize,
    longest: Duration,
}

async fn receive_all(reader: &mut Reader<impl AsyncRead + AsyncWrite + Unpin>) -> Received {
    let mut received = Received { pings: 0, longest: Duration::ZERO };
    let mut numbers = 0..COUNT;
    let mut last = Instant::now();
    while !numbers.is_empty() {
        let message = reader.next().await.expect("a message").expect("a message");
        received.longest = received.longest.max(last.elapsed());
        last = Instant::now();
        match message {
            Message::Text(text) => {
                assert_eq!(Some(text.as_str()), numbers.next().map(|n| n.to_string()).as_deref());
            }
            Message::Ping(_) => received.pings += 1,
            other => assert!(matches!(other, Message::Pong(_)), "{other:?}"),
        }
    }
    received
}

async fn exchange<T>(ws: WebSocket<T>) -> (WebSocket<T>, Received)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let (mut reader, mut writer) = ws.split();
    let ((), received) = tokio::join!(send_all(&mut writer), receive_all(&mut reader));
    (reader.reunite(writer).expect("two halves of one"), received)
}

#[tokio::test]
#[ignore = "needs two network namespaces: tests/network/run"]
async fn a_short_one_loses_nothing() {
    join_all(LOSSES.map(survive)).await;
}

async fn survive(loss: Loss) {
    let path = Path::new();
    // A ping or more into the dead path, and patience for what TCP needs to come back afterwards.
    let keepalive = Keepalive::new(Duration::from_millis(200), Duration::from_secs(5));
    let config = || untimed().with_keepalive(Some(keepalive));
    let Ends { client, server, .. } = Ends::open(&path, config(), config()).await;

    let losing = async {
        sleep(BEFORE).await;
        path.lose(loss);
        sleep(OUTAGE).await;
        path.heal();
    };
    let exchanging = async { tokio::join!(exchange(client), exchange(server), losing) };
    let ((mut client, at_client), (server, at_server), ()) = step("all", exchanging).await;

    for (lossy, received) in [(Loss::ToClient, &at_client), (Loss::ToServer, &at_server)] {
        let is_cut = loss == lossy || loss == Loss::BothWays;
        // Whether there was an outage at all.
        assert!(!is_cut || received.longest >= OUTAGE, "{loss:?}: {:?}", received.longest);
    }
    if loss == Loss::BothWays {
        assert!(at_client.pings > 0 && at_server.pings > 0, "nobody asked");
    }
    let closing = async { tokio::join!(client.close(1000, ""), last_words(server)) };
    let (closed, last) = step("the close", closing).await;
    assert_eq!(closed.expect("a clean close").map(|frame| frame.code), Some(1000.into()));
    assert_eq!(last, Some(Message::close(1000, "")));
}

async fn last_words(mut ws: WebSocket<impl AsyncRead + AsyncWrite + Unpin>) -> Option<Message> {
    let mut last = None;
    while let Some(message) = ws.next().await {
        last = Some(message.expect("a clean close"));
    }
    last
}
