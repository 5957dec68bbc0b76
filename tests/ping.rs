//! Pings that answer (RFC 6455 sections 5.5.2 and 5.5.3).

#[path = "support/io.rs"]
mod io;

use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bowline::{Config, Error, Message, MessageKind, Role, RoundTrip, UsageError, WebSocket};
use io::{Pace, ROLES, Read, Script, drain, finish, from_peer, run, untimed, websocket, within};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::{sleep, timeout},
};

const MILLISECOND: Duration = Duration::from_millis(1);

/// What it has come to, as far as it can be compared.
fn outcome(round_trip: &mut RoundTrip) -> Poll<Result<Duration, String>> {
    run(Pin::new(round_trip)).map(|result| result.map_err(|error| format!("{error:?}")))
}

fn failed<T>(error: &str) -> Poll<Result<T, String>> {
    Poll::Ready(Err(error.into()))
}

/// The payloads of the pings that an end of this role has written.
fn pings(role: Role, mut written: &[u8]) -> Vec<[u8; 8]> {
    let mut payloads = Vec::new();
    while let [first, length, rest @ ..] = written {
        let masked = role == Role::Client;
        let (key, rest) = rest.split_at(if masked { 4 } else { 0 });
        let (payload, rest) = rest.split_at(usize::from(length & 0x7f));
        if *first == 0x89 {
            let key = if masked { key } else { &[0; 4] };
            let bytes = payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
            payloads.push(bytes.collect::<Vec<u8>>().try_into().expect("eight bytes"));
        }
        written = rest;
    }
    payloads
}

fn pong(role: Role, payload: &[u8]) -> Vec<u8> {
    from_peer(role, &io::frame(0x8a, payload))
}

/// A connection at one end of a pipe, and the peer's bare end.
fn pair(role: Role, capacity: usize, config: Config) -> (WebSocket<DuplexStream>, DuplexStream) {
    let (near, far) = duplex(capacity);
    (websocket(role, near, config), far)
}

/// Reads one ping and answers it some time later.
async fn answer(role: Role, far: &mut DuplexStream, after: Duration) {
    let mut frame = vec![0; if role == Role::Client { 14 } else { 10 }];
    far.read_exact(&mut frame).await.expect("a ping");
    sleep(after).await;
    let payload = pings(role, &frame)[0];
    far.write_all(&pong(role, &payload)).await.expect("open");
}

#[tokio::test(start_paused = true)]
async fn it_takes_as_long_as_there_and_back() {
    for role in ROLES {
        let (mut ws, mut far) = pair(role, 1 << 10, untimed());
        assert_eq!(ws.round_trip(), None);
        for millis in [70, 0, 12_345] {
            let took = MILLISECOND * millis;
            let round_trip = ws.ping();
            // Before it is written its clock stands still.
            sleep(1000 * MILLISECOND).await;
            let (result, (), next) =
                within(async { tokio::join!(round_trip, answer(role, &mut far, took), ws.next()) })
                    .await;
            assert_eq!(result.expect("answered"), took, "{role:?}");
            assert!(matches!(next, Some(Ok(Message::Pong(payload))) if payload.len() == 8));
            assert_eq!(ws.round_trip(), Some(took));
        }
    }
}

/// The clock starts when the frame is begun, which is behind what waits before it.
#[tokio::test(start_paused = true)]
async fn the_clock_starts_when_the_frame_is_begun() {
    let (mut ws, mut far) = pair(Role::Server, 16, untimed());
    ws.feed(vec![7; 100]).await.expect("room");
    let round_trip = ws.ping();
    let peer = async {
        sleep(5000 * MILLISECOND).await;
        let mut message = [0; 102];
        far.read_exact(&mut message).await.expect("the message");
        answer(Role::Server, &mut far, 3 * MILLISECOND).await;
    };
    let (result, (), _) = within(async { tokio::join!(round_trip, peer, ws.next()) }).await;
    assert_eq!(result.expect("answered"), 3 * MILLISECOND);
}

#[test]
fn section_5_5_3_an_answer_to_the_newest_answers_those_before() {
    for role in ROLES {
        let io = Script::new(b"");
        let mut ws = websocket(role, io.clone(), untimed());
        let mut waiting: Vec<RoundTrip> = (0..4).map(|_| ws.ping()).collect();
        drain(&mut ws);
        let payloads = pings(role, &io.written());
        assert_eq!(payloads.len(), 4);
        assert!(
            payloads.iter().all(|one| payloads.iter().filter(|other| *other == one).count() == 1)
        );

        // Unsolicited ones, and one that is not quite it.
        let mut wrong = payloads[0];
        wrong[7] ^= 1;
        for payload in [&b""[..], b"hello", &wrong, &payloads[0][..7]] {
            io.arrive_bytes(pong(role, payload));
            drain(&mut ws);
        }
        assert!(waiting.iter_mut().all(|waiting| outcome(waiting).is_pending()));
        assert_eq!(ws.round_trip(), None);

        io.arrive_bytes(pong(role, &payloads[2]));
        let items = drain(&mut ws);
        assert_eq!(items, [Some(Ok(Message::pong(payloads[2].to_vec())))], "{role:?}");
        for (i, waiting) in waiting.iter_mut().enumerate() {
            assert_eq!(matches!(outcome(waiting), Poll::Ready(Ok(_))), i <= 2, "{i}");
        }
        // Once more, as a peer may that answers each: nobody waits for it.
        io.arrive_bytes(pong(role, &payloads[1]));
        io.arrive_bytes(pong(role, &payloads[3]));
        drain(&mut ws);
        assert!(matches!(outcome(&mut waiting[3]), Poll::Ready(Ok(_))));
        assert!(ws.round_trip().is_some());
    }
}

#[test]
fn section_5_4_a_ping_goes_between_the_pieces_of_anothers_message() {
    for role in ROLES {
        let io = Script::new(b"").pace(Pace::Halting);
        let (mut reader, mut writer) = websocket(role, io.clone(), untimed()).split();
        let mut clone = writer.clone();
        let mut message = finish(writer.start_message(MessageKind::Binary)).expect("open");
        finish(message.feed(vec![7; 3])).expect("open");
        finish(message.flush()).expect("open");
        let before = io.written().len();
        let mut round_trip = clone.ping();
        assert!(run(reader.next()).is_pending());
        let payload = pings(role, &io.written()[before..])[0];
        io.arrive_bytes(pong(role, &payload));
        assert!(matches!(run(reader.next()), Poll::Ready(Some(Ok(Message::Pong(_))))));
        assert!(matches!(outcome(&mut round_trip), Poll::Ready(Ok(_))));
        finish(message.finish()).expect("open");
        assert_eq!(clone.round_trip(), reader.round_trip());
        assert!(reader.round_trip().is_some());
    }
}

#[test]
fn the_end_of_the_connection_is_the_end_of_waiting() {
    let closed = from_peer(Role::Client, b"\x88\x02\x03\xe8");
    let breach = from_peer(Role::Client, b"\x83\x00");
    let table: [(Read, &str); 4] = [
        (Read::End, "AbnormalClosure(BetweenFrames)"),
        (Read::Error(std::io::ErrorKind::ConnectionReset), "Io(Kind(ConnectionReset))"),
        (Read::Bytes(closed), "Usage(SendAfterClose)"),
        (Read::Bytes(breach), "Protocol(ReservedOpCode(OpCode(3)))"),
    ];
    for (read, expected) in table {
        let io = Script::new(b"");
        let mut ws = websocket(Role::Client, io.clone(), untimed());
        let mut round_trip = ws.ping();
        drain(&mut ws);
        assert!(outcome(&mut round_trip).is_pending());
        io.arrive(read.clone());
        drain(&mut ws);
        let is_expected = match outcome(&mut round_trip) {
            Poll::Ready(Err(error)) => {
                error == expected
                    || (expected.starts_with("Protocol") && error.starts_with("Protocol"))
            }
            _ => false,
        };
        assert!(is_expected, "{read:?}: {:?}", outcome(&mut round_trip));
        assert!(outcome(&mut ws.ping()).is_ready(), "nor is another one sent");
    }
}

#[test]
fn after_our_close_none_is_sent_but_one_on_its_way_is_answered() {
    let io = Script::new(b"");
    let mut ws = websocket(Role::Client, io.clone(), untimed());
    let (mut answered, mut lost) = (ws.ping(), ws.ping());
    drain(&mut ws);
    let payloads = pings(Role::Client, &io.written());
    assert!(run(ws.close(1000, "")).is_pending());
    let written = io.written();
    assert_eq!(outcome(&mut ws.ping()), failed("Usage(SendAfterClose)"));
    assert_eq!(io.written(), written);
    io.arrive_bytes(pong(Role::Client, &payloads[0]));
    assert!(run(ws.close(1000, "")).is_pending());
    assert!(matches!(outcome(&mut answered), Poll::Ready(Ok(_))));
    assert!(outcome(&mut lost).is_pending());
    io.arrive_bytes(from_peer(Role::Client, b"\x88\x02\x03\xe8"));
    assert!(run(ws.close(1000, "")).is_pending(), "the server ends first");
    assert_eq!(outcome(&mut lost), failed("Usage(SendAfterClose)"));
    // Asked again it says so again.
    assert_eq!(outcome(&mut lost), failed("Usage(SendAfterClose)"));
}

#[test]
fn a_connection_that_is_dropped_or_taken_apart_answers_nobody() {
    let dropping: [fn(WebSocket<Script>); 4] =
        [drop, |ws| drop(ws.into_inner()), |ws| drop(ws.into_framed()), |ws| drop(ws.split())];
    for drop in dropping {
        let mut ws = websocket(Role::Client, Script::new(b""), untimed());
        let mut round_trip = ws.ping();
        let wakes = std::sync::Arc::new(io::Wakes::default());
        let waker = Waker::from(wakes.clone());
        let poll = Pin::new(&mut round_trip);
        assert!(poll_once(poll, &waker).is_pending());
        drop(ws);
        assert_eq!(wakes.count(), 1, "whoever waits is told");
        assert_eq!(outcome(&mut round_trip), failed("Usage(SendAfterClose)"));
    }
}

fn poll_once<F: Future>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

#[test]
fn sixty_four_may_be_unanswered() {
    let io = Script::new(b"");
    let mut ws = websocket(Role::Client, io.clone(), untimed());
    let mut waiting: Vec<RoundTrip> = (0..63).map(|_| ws.ping()).collect();
    drop(ws.ping());
    // That one is in the queue, though nobody waits for it.
    assert_eq!(outcome(&mut ws.ping()), failed("Usage(TooManyPings)"));
    drain(&mut ws);
    let mut another = ws.ping();
    assert!(outcome(&mut another).is_pending(), "it has gone out, and is forgotten");
    assert_eq!(outcome(&mut ws.ping()), failed("Usage(TooManyPings)"));
    drain(&mut ws);
    let payloads = pings(Role::Client, &io.written());
    assert_eq!(payloads.len(), 65);
    io.arrive_bytes(pong(Role::Client, &payloads[64]));
    drain(&mut ws);
    waiting.push(another);
    assert!(waiting.iter_mut().all(|waiting| matches!(outcome(waiting), Poll::Ready(Ok(_)))));
}

/// Its Pong is the answer to those before it all the same.
#[test]
fn one_that_is_dropped_still_answers_for_others() {
    let io = Script::new(b"");
    let mut ws = websocket(Role::Client, io.clone(), untimed());
    let mut first = ws.ping();
    drop(ws.ping());
    drain(&mut ws);
    let payloads = pings(Role::Client, &io.written());
    io.arrive_bytes(pong(Role::Client, &payloads[1]));
    drain(&mut ws);
    assert!(matches!(outcome(&mut first), Poll::Ready(Ok(_))));
}

/// Whatever was fed is written by then, and no sooner than with `feed`.
#[tokio::test]
async fn halves_in_tasks_and_pings_from_clones() {
    let (near, far) = duplex(1 << 12);
    let (mut reader, writer) = websocket(Role::Client, near, Config::new()).split();
    let mut peer = websocket(Role::Server, far, Config::new());
    let echo = tokio::spawn(async move {
        while let Some(message) = peer.next().await {
            if let Message::Binary(bytes) = message.expect("no error") {
                peer.feed(bytes).await.expect("open");
            }
        }
    });
    let reading = tokio::spawn(async move {
        let mut echoes = 0;
        while let Some(message) = reader.next().await {
            echoes += usize::from(message.expect("no error").is_data());
        }
        echoes
    });
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let mut writer = writer.clone();
            tokio::spawn(async move {
                for _ in 0..50 {
                    writer.send(vec![7; 100]).await.expect("open");
                    let answered = timeout(Duration::from_secs(10), writer.ping()).await;
                    answered.expect("in time").expect("answered");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    let mut writer = writer;
    assert!(writer.round_trip().is_some());
    writer.close(1000, "").await.expect("open");
    assert_eq!(reading.await.expect("no panic"), 400);
    echo.await.expect("no panic");
}

#[tokio::test]
async fn the_whole_again_still_waits() {
    let (near, mut far) = duplex(1 << 10);
    let (reader, mut writer) = websocket(Role::Server, near, untimed()).split();
    let round_trip = writer.ping();
    let mut ws = reader.reunite(writer).expect("two halves");
    let answering = answer(Role::Server, &mut far, Duration::ZERO);
    let (result, (), _) = within(async { tokio::join!(round_trip, answering, ws.next()) }).await;
    result.expect("answered");
}

/// Dropped at any point: nothing is lost, and the next one is answered.
#[test]
fn round_trips_may_be_dropped_at_any_point() {
    for polls in 0..4 {
        let io = Script::new(b"");
        let mut ws = websocket(Role::Client, io.clone(), untimed());
        let mut round_trip = ws.ping();
        for poll in 0..polls {
            if poll == 1 {
                drain(&mut ws);
            }
            if poll == 2 {
                let payload = pings(Role::Client, &io.written())[0];
                io.arrive_bytes(pong(Role::Client, &payload));
                drain(&mut ws);
            }
            let _ = outcome(&mut round_trip);
        }
        drop(round_trip);
        let mut next = ws.ping();
        drain(&mut ws);
        let payload = *pings(Role::Client, &io.written()).last().expect("a ping");
        io.arrive_bytes(
            [pong(Role::Client, &payload), from_peer(Role::Client, b"\x81\x01x")].concat(),
        );
        let items = drain(&mut ws);
        assert_eq!(items.last(), Some(&Some(Ok(Message::text("x")))));
        assert!(matches!(outcome(&mut next), Poll::Ready(Ok(_))), "{polls}");
    }
}

#[test]
fn what_it_is() {
    fn is_free<T: Send + Sync + Unpin + 'static>() {}
    is_free::<RoundTrip>();
    let error: Error = UsageError::TooManyPings.into();
    assert_eq!(error.to_string(), "64 pings have no answer yet, no more are allowed");
}
