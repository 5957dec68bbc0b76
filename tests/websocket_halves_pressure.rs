//! Halves under pressure: peers that read late or never, halves that are gone, and much in both directions.

#[path = "support/heap.rs"]
mod heap;
#[path = "support/io.rs"]
mod io;

use bowline::{Config, Message, Reader, Role, WebSocket, Writer};
use io::{
    ROLES, Script, failure, finish, frame, from_peer, item, other, run, untimed, websocket, wire,
    within,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    task::JoinHandle,
};

type Halves = (Reader<DuplexStream>, Writer<DuplexStream>);

fn halves(role: Role, config: Config, room: usize) -> (Halves, DuplexStream) {
    let (near, far) = duplex(room);
    (websocket(role, near, config).split(), far)
}

/// Clones that each send one message of this length; each tells what came of it.
fn senders(
    writer: &Writer<DuplexStream>,
    count: u8,
    length: usize,
) -> Vec<JoinHandle<Result<(), String>>> {
    let send = |n: u8| {
        let mut writer = writer.clone();
        tokio::spawn(async move { failure(writer.send(vec![n; length]).await) })
    };
    (0..count).map(send).collect()
}

/// Has every task that can go on go on until none can.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

// ---- a half that is gone ----

#[tokio::test(start_paused = true)]
async fn writers_send_on_when_the_reader_is_dropped() {
    for role in ROLES {
        let ((mut reader, writer), far) = halves(role, untimed().with_high_water(1), 64);
        let sending = senders(&writer, 8, 1000);
        // It goes while it waits, and its waker with it.
        assert!(run(reader.next()).is_pending());
        settle().await;
        drop((reader, writer));
        let mut theirs = websocket(other(role), far, untimed());
        let mut seen = Vec::new();
        while let Some(Ok(message)) = within(theirs.next()).await {
            seen.push(message.into_bytes());
        }
        seen.sort();
        assert!(seen == (0..8).map(|n| vec![n; 1000]).collect::<Vec<_>>(), "{role:?}");
        for sending in sending {
            assert_eq!(sending.await.expect("a writer"), Ok(()), "{role:?}");
        }
    }
}

/// What they have fed is written all the same, and nothing ends with them.
#[tokio::test(start_paused = true)]
async fn the_reader_reads_on_when_all_writers_are_dropped() {
    for role in ROLES {
        let ((mut reader, mut writer), far) = halves(role, untimed(), 64);
        let mut clone = writer.clone();
        clone.feed(vec![1; 1000]).await.expect("room");
        writer.feed(vec![2; 1000]).await.expect("room");
        assert!(run(writer.flush()).is_pending());
        drop((writer, clone));
        let reading = tokio::spawn(async move {
            let mut items = Vec::new();
            while let Some(next) = reader.next().await {
                items.push(item(next));
            }
            items
        });
        let mut theirs = websocket(other(role), far, untimed());
        for n in [1, 2] {
            let next = within(theirs.next()).await.map(item);
            assert!(next == Some(Ok(Message::binary(vec![n; 1000]))), "{role:?}");
        }
        theirs.send(Message::ping("?")).await.expect("open");
        assert_eq!(within(theirs.next()).await.map(item), Some(Ok(Message::pong("?"))));
        within(theirs.close(1000, "")).await.expect("an answer");
        let expected = [Message::ping("?"), Message::close(1000, "")].map(Ok);
        assert_eq!(within(reading).await.expect("the reader"), expected, "{role:?}");
    }
}

// ---- peers that don't read ----

/// Eight writers wait at the high-water mark; only the reader answers. The pong goes out behind the frame that
/// is begun and ahead of the others.
#[tokio::test(start_paused = true)]
async fn section_5_5_2_a_ping_is_answered_ahead_of_all_that_is_not_begun() {
    for role in ROLES {
        let config = untimed().with_high_water(2000);
        let ((mut reader, writer), mut far) = halves(role, config, 64);
        let sending = senders(&writer, 8, 1000);
        settle().await;
        let reading = tokio::spawn(async move {
            let next = reader.next().await.map(item);
            // Who writes the pong is nobody's matter; this one waits.
            let _ = reader.next().await;
            next
        });
        far.write_all(&from_peer(role, b"\x89\x01?")).await.expect("room");
        settle().await;
        let mut written = vec![0; 8 * wire(role, &frame(0x82, &[0; 1000])).len()];
        written.resize(written.len() + wire(role, b"\x8a\x01?").len(), 0);
        within(far.read_exact(&mut written)).await.expect("open");
        let first = wire(role, &frame(0x82, &[0; 1000])).len();
        assert_eq!(written[first..][..2], wire(role, b"\x8a\x01?")[..2], "{role:?}");
        drop(far);
        for sending in sending {
            assert_eq!(sending.await.expect("a writer"), Ok(()), "{role:?}");
        }
        let next = reading.await.expect("the reader");
        assert_eq!(next, Some(Ok(Message::ping("?"))), "{role:?}");
    }
}

/// The peer sends, pings among it, and reads nothing: every message comes, and nothing grows.
#[test]
fn a_reader_gets_everything_from_a_peer_that_never_reads() {
    for role in ROLES {
        let io = Script::new(b"").room(0);
        let (mut reader, writer) =
            websocket(role, io.clone(), untimed().with_high_water(1000)).split();
        let mut clones = [(); 8].map(|()| writer.clone());
        for writer in &mut clones {
            assert!(run(writer.send(vec![0; 1000])).is_pending());
        }
        let bytes = from_peer(role, &[frame(0x82, &[7; 300]), frame(0x89, &[8; 100])].concat());
        let mut step = || {
            io.arrive_bytes(bytes.clone());
            let next = finish(reader.next()).map(item);
            assert_eq!(next, Some(Ok(Message::binary(vec![7; 300]))), "{role:?}");
            assert_eq!(finish(reader.next()).map(item), Some(Ok(Message::ping(vec![8; 100]))));
            assert!(run(reader.next()).is_pending(), "{role:?}");
            for writer in &mut clones {
                assert!(run(writer.feed("more")).is_pending(), "{role:?}: no room");
            }
        };
        // Until all that is kept for the next time is there.
        (0..100).for_each(|_| step());
        let (cost, ()) = heap::cost(|| (0..10_000).for_each(|_| step()));
        assert!(cost.kept < 1000 && cost.peak < 200_000, "{role:?}: {cost:?}");
        assert!(cost.calls < 50 * 10_000, "{role:?}: {cost:?}");
    }
}

// ---- much in both directions ----

/// As large as it gets on the way there and back at once: as whole connections these two would wait for ever.
#[tokio::test(start_paused = true)]
async fn two_ends_that_send_a_mebibyte_into_each_other_get_through() {
    const LENGTH: usize = 1 << 20;
    let (near, far) = duplex(64 << 10);
    let ends = [(Role::Client, near), (Role::Server, far)].map(|(role, io)| {
        let ws: WebSocket<_> = websocket(role, io, Config::new());
        let (mut reader, mut writer) = ws.split();
        let sending = tokio::spawn(async move {
            let sent = failure(writer.send(vec![7; LENGTH]).await);
            (sent, writer)
        });
        let reading = tokio::spawn(async move {
            let next = reader.next().await.map(item);
            (next, reader)
        });
        (sending, reading)
    });
    // Nobody is dropped before all are through.
    let mut halves = Vec::new();
    for (sending, reading) in ends {
        let (sent, writer) = within(sending).await.expect("a writer");
        assert_eq!(sent, Ok(()));
        let (next, reader) = within(reading).await.expect("a reader");
        assert!(next == Some(Ok(Message::binary(vec![7; LENGTH]))));
        halves.push((writer, reader));
    }
}
