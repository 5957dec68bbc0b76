//! Keepalive (RFC 6455 section 5.5.2: "A Ping frame may serve either as a keepalive or as a means to verify
//! that the remote endpoint is still responsive"), on a clock that the tests move.

#[path = "support/io.rs"]
mod io;

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use bowline::{Config, Error, Keepalive, Message, Role, WebSocket};
use io::{ROLES, Script, from_peer, item, other, run, untimed, websocket, wire, within};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    task::{JoinHandle, coop},
    time::{Instant, advance, sleep, sleep_until, timeout},
};

const SECOND: Duration = Duration::from_secs(1);

/// Nothing but keepalive: 30 s and 30 s.
fn config() -> Config {
    untimed().with_keepalive(Some(Keepalive::default()))
}

fn connected(role: Role, config: Config) -> (WebSocket<DuplexStream>, DuplexStream) {
    let (near, far) = tokio::io::duplex(1 << 16);
    (websocket(role, near, config), far)
}

/// Reads on until the end; gives each item and the second at which it came.
fn read_on(mut ws: WebSocket<DuplexStream>) -> JoinHandle<Vec<(u64, io::Item)>> {
    let start = Instant::now();
    tokio::spawn(async move {
        let mut items = Vec::new();
        while let Some(next) = ws.next().await {
            items.push((start.elapsed().as_secs(), item(next)));
        }
        items
    })
}

/// The second at which a ping of ours arrives at the peer.
async fn ping_at(role: Role, far: &mut DuplexStream, start: Instant) -> u64 {
    let ping = wire(role, b"\x89\x00");
    let mut bytes = vec![0; ping.len()];
    within(far.read_exact(&mut bytes)).await.expect("open");
    assert_eq!(bytes, ping);
    start.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_pinged_after_30_seconds_and_given_up_30_seconds_later() {
    for role in ROLES {
        let start = Instant::now();
        let (ws, mut far) = connected(role, config());
        let reader = read_on(ws);
        assert_eq!(ping_at(role, &mut far, start).await, 30, "{role:?}");
        let items = within(reader).await.expect("the reader");
        assert_eq!(items, [(60, Err("KeepaliveTimeout".into()))], "{role:?}");
        let rest = io::rest_of(&mut far).await;
        assert_eq!(rest, b"", "there is nobody to say Close to");
    }
}

#[tokio::test(start_paused = true)]
async fn the_times_are_the_configurations() {
    for (interval, wait) in [(1, 2), (10, 3), (100, 1)] {
        for role in ROLES {
            let keepalive = Keepalive::new(interval * SECOND, wait * SECOND);
            let start = Instant::now();
            let (ws, mut far) = connected(role, untimed().with_keepalive(Some(keepalive)));
            let reader = read_on(ws);
            assert_eq!(ping_at(role, &mut far, start).await, u64::from(interval));
            let items = within(reader).await.expect("the reader");
            let end = u64::from(interval + wait);
            assert_eq!(items, [(end, Err("KeepaliveTimeout".into()))], "{role:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_ping_comes_30_to_60_seconds_after_the_last_byte() {
    for (role, quiet_from) in
        ROLES.into_iter().flat_map(|role| [1, 15, 29, 31, 59].map(|at| (role, at)))
    {
        let (ws, mut far) = connected(role, config());
        let start = Instant::now();
        let reader = read_on(ws);
        sleep(quiet_from * SECOND).await;
        if quiet_from > 30 {
            // The ping of the first half minute; what arrives now is its answer.
            assert_eq!(ping_at(role, &mut far, start).await, u64::from(quiet_from));
        }
        far.write_all(&from_peer(role, b"\x81\x01a")).await.expect("open");
        let quiet = ping_at(role, &mut far, start).await - u64::from(quiet_from);
        assert!((30..=60).contains(&quiet), "{role:?}, from {quiet_from} s on: {quiet} s");
        reader.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn no_ping_while_anything_arrives() {
    for role in ROLES {
        let (ws, mut far) = connected(role, config());
        let reader = read_on(ws);
        for _ in 0..100 {
            far.write_all(&from_peer(role, b"\x8a\x00")).await.expect("open");
            sleep(29 * SECOND).await;
        }
        let mut byte = [0];
        assert!(timeout(Duration::ZERO, far.read(&mut byte)).await.is_err(), "{role:?}");
        reader.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn section_5_5_3_any_byte_answers_a_ping() {
    // The start of a pong, of text, of a fragment: no whole frame is needed.
    for (role, answer) in
        ROLES.into_iter().flat_map(|role| [0x8a, 0x81, 0x02].map(|byte| (role, byte)))
    {
        let (ws, mut far) = connected(role, config());
        let start = Instant::now();
        let reader = read_on(ws);
        assert_eq!(ping_at(role, &mut far, start).await, 30);
        sleep(29 * SECOND).await;
        far.write_all(&[answer]).await.expect("open");
        let again = ping_at(role, &mut far, start).await;
        assert!((60..=120).contains(&again), "{role:?}: {again}");
        let items = within(reader).await.expect("the reader");
        let end = again + 30;
        assert_eq!(items, [(end, Err("KeepaliveTimeout".into()))], "{role:?}, {answer:02x}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_is_kept_for_ever() {
    for role in ROLES {
        let (near, far) = tokio::io::duplex(1 << 16);
        let ours = read_on(websocket(role, near, config()));
        let theirs = read_on(websocket(other(role), far, untimed()));
        sleep(100_000 * SECOND).await;
        assert!(!ours.is_finished() && !theirs.is_finished(), "{role:?}");
        ours.abort();
        let pings = theirs.await.expect("the peer");
        let (end, pings) = pings.split_last().expect("an end");
        assert_eq!(end.1, Err("AbnormalClosure(BetweenFrames)".into()));
        assert!((1600..=3400).contains(&pings.len()), "{} pings", pings.len());
        assert!(pings.iter().all(|(_, ping)| *ping == Ok(Message::ping(""))));
    }
}

/// A ping that waits in the outbox asks nobody anything: its time begins when it is handed over.
#[tokio::test(start_paused = true)]
async fn the_answers_clock_starts_when_the_ping_is_written() {
    for role in ROLES {
        let io = Script::new(b"").room(3);
        let mut ws = websocket(role, io.clone(), config());
        assert!(run(ws.send("begun")).is_pending());
        assert!(run(ws.feed("not begun")).is_ready());
        assert!(run(ws.next()).is_pending());
        // A transport that takes nothing is the send time-out's matter, and that one is off here.
        advance(30 * SECOND).await;
        assert!(run(ws.next()).is_pending());
        advance(70 * SECOND).await;
        assert!(run(ws.next()).is_pending(), "the ping is not out yet");
        // Nor can this be an answer to it.
        io.arrive_bytes(from_peer(role, b"\x8a\x00"));
        assert!(run(ws.next()).is_ready());
        io.make_room(None);
        assert!(run(ws.next()).is_pending());
        let expected = wire(role, b"\x81\x05begun\x89\x00\x81\x09not begun");
        assert_eq!(io.written(), expected, "ahead of every frame not begun: {role:?}");
        advance(29 * SECOND).await;
        assert!(run(ws.next()).is_pending());
        advance(SECOND).await;
        let end = io::finish(ws.next()).map(item);
        assert_eq!(end, Some(Err("KeepaliveTimeout".into())), "{role:?}");
    }
}

/// The timer, which isn't polled again while it waits for the same task, wakes whoever has the connection by now.
#[tokio::test(start_paused = true)]
async fn a_task_that_takes_an_idle_connection_over_pings() {
    for role in ROLES {
        let start = Instant::now();
        let (mut ws, mut far) = connected(role, config());
        let ws = tokio::spawn(async move {
            assert!(timeout(SECOND, ws.next()).await.is_err(), "nothing to read");
            ws
        });
        let reader = read_on(ws.await.expect("the first task"));
        assert_eq!(ping_at(role, &mut far, start).await, 30, "{role:?}");
        assert_eq!(within(reader).await.expect("the reader").len(), 1, "{role:?}");
    }
}

/// While a ping waits to be written the timer may wait for something else, and later than for the answer.
#[tokio::test(start_paused = true)]
async fn a_ping_written_late_is_answered_in_time_or_not_at_all() {
    for role in ROLES {
        let (near, mut far) = tokio::io::duplex(16);
        let mut ws = websocket(role, near, config().with_max_lifetime(Some(3600 * SECOND)));
        let start = Instant::now();
        let reader = tokio::spawn(async move {
            ws.feed("more than the transport takes at once").await.expect("room");
            let end = ws.next().await.map(item);
            (start.elapsed().as_secs(), end)
        });
        sleep(100 * SECOND).await;
        let written = wire(role, b"\x81\x25more than the transport takes at once\x89\x00");
        let mut bytes = vec![0; written.len()];
        within(far.read_exact(&mut bytes)).await.expect("open");
        let (end, item) = within(reader).await.expect("the reader");
        assert_eq!(item, Some(Err("KeepaliveTimeout".into())), "{role:?}");
        assert_eq!(end, 130, "{role:?}");
    }
}

/// Looked at late, an answer is looked for again late; when it comes before that, the next ping doesn't wait for the look.
#[tokio::test(start_paused = true)]
async fn an_answer_brings_the_next_ping_nearer() {
    for role in ROLES {
        let config = untimed().with_keepalive(Some(Keepalive::new(30 * SECOND, 100 * SECOND)));
        let (mut ws, mut far) = connected(role, config);
        let start = Instant::now();
        let reader = tokio::spawn(async move {
            let mut busy = pin!(sleep_until(start + 62 * SECOND));
            poll_fn(|cx| {
                if start.elapsed() > 35 * SECOND && busy.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                pin!(ws.next()).poll(cx)
            })
            .await
            .map(item)
            .expect("open")
            .expect("a pong");
            ws.next().await.map(item)
        });
        assert_eq!(ping_at(role, &mut far, start).await, 30, "{role:?}");
        sleep_until(start + 63 * SECOND).await;
        within(far.write_all(&from_peer(role, b"\x8a\x00"))).await.expect("open");
        assert_eq!(ping_at(role, &mut far, start).await, 93, "{role:?}");
        reader.abort();
    }
}

/// Tokio's timer keeps no waker of a task whose budget is used up.
#[tokio::test(start_paused = true)]
async fn a_task_without_a_budget_left_pings_all_the_same() {
    for role in ROLES {
        let start = Instant::now();
        let (mut ws, mut far) = connected(role, config());
        let reader = tokio::spawn(async move {
            poll_fn(|cx| {
                while coop::has_budget_remaining() {
                    let _ = pin!(coop::consume_budget()).poll(cx);
                }
                assert!(pin!(ws.next()).poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            ws.next().await.map(item)
        });
        assert_eq!(ping_at(role, &mut far, start).await, 30, "{role:?}");
        let end = within(reader).await.expect("the reader");
        assert_eq!(end, Some(Err("KeepaliveTimeout".into())), "{role:?}");
    }
}

/// What came in time is found before the peer is judged, however late the reader is.
#[tokio::test(start_paused = true)]
async fn a_late_reader_finds_what_came_in_time() {
    for role in ROLES {
        let (mut ws, mut far) = connected(role, config());
        let start = Instant::now();
        assert!(timeout(31 * SECOND, ws.next()).await.is_err());
        ping_at(role, &mut far, start).await;
        far.write_all(&from_peer(role, b"\x81\x01a")).await.expect("open");
        sleep(1000 * SECOND).await;
        assert_eq!(ws.next().await.map(item), Some(Ok(Message::text("a"))), "{role:?}");
        assert!(timeout(29 * SECOND, ws.next()).await.is_err(), "{role:?}: watched anew");
    }
}

/// A task that only sends judges the peer too, and reads before it does.
#[tokio::test(start_paused = true)]
async fn a_writer_pings_and_gives_a_silent_peer_up() {
    for (role, is_answering) in ROLES.into_iter().flat_map(|role| [(role, true), (role, false)]) {
        let (mut ws, far) = connected(role, config());
        let start = Instant::now();
        let (mut theirs, mut answers) = tokio::io::split(far);
        let peer = tokio::spawn(async move {
            let mut bytes = [0; 64];
            while theirs.read(&mut bytes).await.is_ok_and(|read| read > 0) {
                let has_ping = bytes.windows(1).any(|byte| byte == [0x89]);
                if has_ping && is_answering {
                    answers.write_all(&from_peer(role, b"\x8a\x00")).await.expect("open");
                }
                bytes.fill(0);
            }
        });
        let result = timeout(300 * SECOND, async {
            loop {
                if let Err(error) = ws.send("x").await {
                    return error;
                }
                sleep(SECOND).await;
            }
        })
        .await;
        match result {
            Ok(error) => {
                assert!(!is_answering, "{role:?}: {error}");
                assert!(matches!(error, Error::KeepaliveTimeout), "{error:?}");
                assert_eq!(start.elapsed().as_secs(), 60, "{role:?}");
            }
            Err(_) => assert!(is_answering, "{role:?}: never given up"),
        }
        drop(ws);
        peer.await.expect("the peer");
    }
}

#[tokio::test(start_paused = true)]
async fn without_keepalive_and_after_close_there_is_no_ping() {
    for role in ROLES {
        let (ws, mut far) = connected(role, untimed());
        let reader = read_on(ws);
        let mut byte = [0];
        assert!(timeout(1_000_000 * SECOND, far.read(&mut byte)).await.is_err(), "{role:?}");
        reader.abort();

        let config = config().with_close_timeout(Some(1000 * SECOND));
        let (mut ws, mut far) = connected(role, config);
        let closed = tokio::spawn(async move { ws.close(1000, "").await.map(drop) });
        let written = io::rest_of(&mut far).await;
        assert_eq!(written, wire(role, b"\x88\x02\x03\xe8"), "{role:?}: Close and no ping");
        assert!(matches!(closed.await.expect("the closer"), Err(Error::CloseTimeout)));
    }
}

#[tokio::test(start_paused = true)]
async fn how_long_its_answer_took_is_the_connections_round_trip() {
    for role in ROLES {
        let (mut ws, mut far) = connected(role, config());
        let start = Instant::now();
        let peer = async {
            for (at, took) in [(30, 40), (60, 250)] {
                assert_eq!(ping_at(role, &mut far, start).await, at, "{role:?}");
                sleep(Duration::from_millis(took)).await;
                // The first is the answer, the second nobody has asked for.
                far.write_all(&from_peer(role, b"\x8a\x00\x8a\x00")).await.expect("open");
            }
        };
        let ours = async {
            for [took, at] in [[40, 30_040], [250, 60_290]] {
                let [took, at] = [took, at].map(Duration::from_millis);
                for _ in ["the answer", "the other"] {
                    assert_eq!(ws.next().await.map(item), Some(Ok(Message::pong(""))));
                    assert_eq!(ws.round_trip(), Some(took), "{role:?}");
                    assert_eq!(start.elapsed(), at);
                }
            }
        };
        within(async { tokio::join!(ours, peer) }).await;
    }
}

/// An empty Pong that nobody has asked for tells nothing.
#[tokio::test(start_paused = true)]
async fn an_empty_pong_ahead_of_its_ping_is_no_answer() {
    let (mut ws, mut far) = connected(Role::Client, config());
    far.write_all(&from_peer(Role::Client, b"\x8a\x00")).await.expect("open");
    assert_eq!(ws.next().await.map(item), Some(Ok(Message::pong(""))));
    assert_eq!(ws.round_trip(), None);
}
