//! `Subscription::forward` over a pipe, to a peer that reads and to one that doesn't, compressed and not.

#[path = "support/deflate.rs"]
mod deflate;
#[path = "support/hub.rs"]
mod hub;
#[path = "support/io.rs"]
mod io;

use bowline::{
    CloseFrame, Error, Message, MessageCodec, Prepared, Reader, Role, UsageError, WebSocket,
    Writer,
    hub::{Hub, Policy, Subscription},
};
use deflate::agreeing_on;
use io::{untimed, within};
use tokio::{
    io::{DuplexStream, duplex},
    task::{JoinHandle, yield_now},
};
use tokio_util::codec::Framed;

type Forwarding = JoinHandle<(Result<(), Error>, Subscription)>;

/// The two ends of a pipe, with permessage-deflate where there are parameters for it.
fn ends(deflate: Option<&str>) -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (near, far) = duplex(4096);
    let (server, client) = match deflate {
        Some(parameters) => {
            let (server, client) = agreeing_on(parameters);
            (MessageCodec::from(server), MessageCodec::from(client))
        }
        None => (MessageCodec::new(Role::Server), MessageCodec::new(Role::Client)),
    };
    let config = || untimed().with_high_water(4096);
    (
        WebSocket::from_framed(Framed::new(near, server), config()),
        WebSocket::from_framed(Framed::new(far, client), config()),
    )
}

/// A task that forwards, and hands the subscription back.
fn forward(mut subscription: Subscription, mut writer: Writer<DuplexStream>) -> Forwarding {
    tokio::spawn(async move { (subscription.forward(&mut writer).await, subscription) })
}

/// A task that reads to the end.
fn read(mut reader: Reader<DuplexStream>) -> JoinHandle<Result<(), Error>> {
    tokio::spawn(async move {
        while let Some(message) = reader.next().await {
            message?;
        }
        Ok(())
    })
}

/// Messages that tell their number, of some length and not to be had by compressing.
fn news(n: usize) -> (Prepared, Vec<u8>) {
    let bytes = [&(n as u64).to_be_bytes()[..], &deflate::noise(n as u64, 300)].concat();
    (Prepared::new(bytes.clone()).expect("no Close"), bytes)
}

/// The number that a message tells; its bytes are as they were sent.
fn number(message: Message) -> usize {
    let bytes = message.into_bytes();
    let number = u64::from_be_bytes(bytes[..8].try_into().expect("a number")) as usize;
    assert!(bytes == news(number).1, "{number}");
    number
}

/// The numbers that arrive until the peer's end, and the Close where there is one.
async fn received(mut peer: WebSocket<DuplexStream>) -> (Vec<usize>, Option<CloseFrame>) {
    let (mut numbers, mut close) = (Vec::new(), None);
    while let Some(message) = within(peer.next()).await {
        match message.expect("sound frames") {
            Message::Close(frame) => close = frame,
            message => numbers.push(number(message)),
        }
    }
    (numbers, close)
}

async fn settle() {
    for _ in 0..50 {
        yield_now().await;
    }
}

const AGREEMENTS: [Option<&str>; 3] =
    [None, Some(""), Some("server_no_context_takeover; server_max_window_bits=9")];

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_gets_all_in_order() {
    for agreement in AGREEMENTS {
        let hub = Hub::new();
        let (server, peer) = ends(agreement);
        let (reader, mut writer) = server.split();
        let reading = read(reader);
        let forwarding = forward(hub.subscribe("tides", Policy::drop_newest(2000)), writer.clone());
        let receiving = tokio::spawn(received(peer));
        for n in 0..1000 {
            assert_eq!(hub.publish("tides", &news(n).0).queued, 1);
            if n % 7 == 0 {
                yield_now().await;
            }
        }
        // The hub's end is forwarding's, and no end of the connection.
        drop(hub);
        let (result, subscription) = within(forwarding).await.expect("no panic");
        result.expect("the hub's end is no error");
        assert_eq!((subscription.missed(), subscription.overrun()), (0, None));
        within(writer.close(1000, "bye")).await.expect("open");
        let (numbers, close) = within(receiving).await.expect("no panic");
        assert!(numbers.into_iter().eq(0..1000), "{agreement:?}");
        assert_eq!(close, Some(CloseFrame::new(1000, "bye")));
        within(reading).await.expect("no panic").expect("a normal close");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_cut_off_with_the_policys_code() {
    for agreement in AGREEMENTS {
        let hub = Hub::new();
        let (server, peer) = ends(agreement);
        let (reader, writer) = server.split();
        let reading = read(reader);
        let policy = Policy::disconnect(10, 4321, "slow");
        let forwarding = forward(hub.subscribe("tides", policy), writer);
        let mut published = 0;
        while hub.subscribers("tides") > 0 {
            let report = hub.publish("tides", &news(published).0);
            assert_eq!((report.queued + report.disconnected, report.dropped), (1, 0));
            published += report.queued;
            settle().await;
            assert!(published < 1000, "nothing is cut off");
        }
        assert_eq!(hub.queued(), 0);
        // The Close waits behind what the connection had taken.
        assert!(!forwarding.is_finished());
        let (numbers, close) = received(peer).await;
        assert_eq!(close, Some(CloseFrame::new(4321, "slow")), "{agreement:?}");
        assert!(numbers.len() < published && numbers.len() >= published - 11);
        assert!(numbers.into_iter().enumerate().all(|(n, number)| n == number));
        let (result, mut subscription) = within(forwarding).await.expect("no panic");
        result.expect("being cut off is no error");
        assert_eq!(subscription.overrun(), Some(&CloseFrame::new(4321, "slow")));
        assert!(subscription.next().await.is_none());
        within(reading).await.expect("no panic").expect("a closing handshake");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_misses_the_oldest_or_the_newest() {
    const PUBLISHED: usize = 300;
    for (agreement, is_oldest) in AGREEMENTS.into_iter().flat_map(|a| [(a, true), (a, false)]) {
        let hub = Hub::new();
        let (server, peer) = ends(agreement);
        let (reader, mut writer) = server.split();
        let reading = read(reader);
        let policy = if is_oldest { Policy::drop_oldest(10) } else { Policy::drop_newest(10) };
        let forwarding = forward(hub.subscribe("tides", policy), writer.clone());
        let mut dropped = 0;
        for n in 0..PUBLISHED {
            dropped += hub.publish("tides", &news(n).0).dropped;
            settle().await;
        }
        assert!(dropped > 100, "{dropped}");
        let receiving = tokio::spawn(received(peer));
        drop(hub);
        let (result, subscription) = within(forwarding).await.expect("no panic");
        result.expect("the hub's end is no error");
        assert_eq!(subscription.missed(), dropped as u64);
        within(writer.close(1000, "")).await.expect("open");
        let (numbers, _) = within(receiving).await.expect("no panic");
        // A prefix was taken by the connection; then there is one gap.
        let taken = PUBLISHED - dropped - 10;
        let last = if is_oldest { PUBLISHED - 10..PUBLISHED } else { taken..taken + 10 };
        assert!(numbers.into_iter().eq((0..taken).chain(last)), "{agreement:?}, {is_oldest}");
        within(reading).await.expect("no panic").expect("a normal close");
    }
}

// ---- the connection ends first ----

/// How a connection ends under a subscription.
#[derive(Clone, Copy, Debug)]
enum Way {
    PeerCloses,
    PeerVanishes,
    ReaderCloses,
    CloneCloses,
}

#[tokio::test(start_paused = true)]
async fn the_connections_end_is_its_end_whatever_it_waits_for() {
    const WAYS: [Way; 4] =
        [Way::PeerCloses, Way::PeerVanishes, Way::ReaderCloses, Way::CloneCloses];
    for (way, is_full) in WAYS.into_iter().flat_map(|way| [(way, false), (way, true)]) {
        let hub = Hub::new();
        let (server, mut peer) = ends(None);
        let (mut reader, mut writer) = server.split();
        let forwarding = forward(hub.subscribe("tides", Policy::drop_newest(2000)), writer.clone());
        for n in 0..if is_full { 100 } else { 1 } {
            hub.publish("tides", &news(n).0);
        }
        settle().await;
        assert!(!forwarding.is_finished());
        match way {
            Way::PeerCloses => {
                let reading = read(reader);
                within(peer.close(1000, "bye")).await.expect("closed");
                within(reading).await.expect("no panic").expect("a normal close");
            }
            Way::PeerVanishes => {
                let reading = read(reader);
                drop(peer);
                let _ = within(reading).await;
            }
            Way::ReaderCloses => {
                let receiving = tokio::spawn(received(peer));
                within(reader.close(1000, "bye")).await.expect("closed");
                within(receiving).await.expect("no panic");
            }
            Way::CloneCloses => {
                let receiving = tokio::spawn(received(peer));
                within(writer.close(1000, "bye")).await.expect("closed");
                let _ = within(read(reader)).await;
                within(receiving).await.expect("no panic");
            }
        }
        let (result, _) = within(forwarding).await.expect("no panic");
        let is_error = matches!(way, Way::PeerVanishes);
        let found = format!("{way:?}, {is_full}: {result:?}");
        assert_eq!(result.is_err(), is_error, "{found}");
        assert!(result.is_ok() || result.is_err_and(|error| error.is_disconnect()), "{found}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_that_may_not_be_sent_is_refused_and_the_connection_goes_on() {
    for (policy, error) in [
        (Policy::disconnect(1, 1006, ""), UsageError::UnsendableCloseCode(1006.into())),
        (Policy::disconnect(1, 1000, "x".repeat(124)), UsageError::ReasonTooLong(124)),
    ] {
        let hub = Hub::new();
        let (server, mut peer) = ends(None);
        let (_reader, mut writer) = server.split();
        let mut subscription = hub.subscribe("tides", policy);
        hub.publish("tides", &news(1).0);
        hub.publish("tides", &news(2).0);
        for _ in 0..2 {
            let result = within(subscription.forward(&mut writer)).await;
            assert!(matches!(result, Err(Error::Usage(found)) if found == error), "{result:?}");
        }
        within(writer.send("still")).await.expect("open");
        let next = within(peer.next()).await.expect("open");
        assert_eq!(next.expect("sound"), Message::text("still"));
    }
}

/// Two topics on one connection, beside what it sends itself.
#[tokio::test(start_paused = true)]
async fn several_share_a_connection() {
    let hub = Hub::new();
    let (server, mut peer) = ends(None);
    let (reader, mut writer) = server.split();
    let reading = read(reader);
    let forwarding = ["tides", "winds"]
        .map(|topic| forward(hub.subscribe(topic, Policy::drop_newest(2000)), writer.clone()));
    let receiving = tokio::spawn(async move {
        let mut numbers = [const { Vec::new() }; 3];
        while let Some(Ok(message @ Message::Binary(_))) = within(peer.next()).await {
            let number = number(message);
            numbers[number / 1000].push(number % 1000);
        }
        drop(received(peer).await);
        numbers
    });
    for n in 0..300 {
        hub.publish("tides", &news(n).0);
        hub.publish("winds", &news(1000 + n).0);
        within(writer.send_prepared(&news(2000 + n).0)).await.expect("open");
    }
    drop(hub);
    for forwarding in forwarding {
        within(forwarding).await.expect("no panic").0.expect("the hub's end is no error");
    }
    within(writer.close(1000, "")).await.expect("open");
    let numbers = within(receiving).await.expect("no panic");
    assert!(numbers.into_iter().all(|numbers| numbers.into_iter().eq(0..300)));
    within(reading).await.expect("no panic").expect("a normal close");
}
