//! The other deadlines of a connection, on a clock that the tests move: a message that rests, a life that
//! is over, a write that makes no progress; and no clock at all.

#[path = "support/io.rs"]
mod io;

use std::time::Duration;

use bowline::{Config, Error, Keepalive, Message, Role, WebSocket, client, server};
use io::{
    ROLES, Read, Script, failure, finish, from_peer, item, other, run, untimed, websocket, wire,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    net::TcpListener,
    runtime::Builder,
    time::{Instant, advance, sleep, timeout},
};

const SECOND: Duration = Duration::from_secs(1);

fn connected(role: Role, config: Config, room: usize) -> (WebSocket<DuplexStream>, DuplexStream) {
    let (near, far) = tokio::io::duplex(room);
    (websocket(role, near, config), far)
}

fn message_timeout() -> Config {
    untimed().with_message_timeout(Some(10 * SECOND)).with_close_timeout(Some(SECOND))
}

// ---- message_timeout ----

/// Each byte gives the message ten seconds more; rest between messages is no rest.
#[tokio::test(start_paused = true)]
async fn a_message_may_take_its_time_as_long_as_it_goes_on() {
    for role in ROLES {
        let (mut ws, mut far) = connected(role, message_timeout(), 1 << 16);
        let bytes = from_peer(role, b"\x01\x03abc\x80\x02de");
        let talker = tokio::spawn(async move {
            for byte in bytes {
                sleep(9 * SECOND).await;
                far.write_all(&[byte]).await.expect("open");
            }
            far
        });
        assert_eq!(ws.next().await.map(item), Some(Ok(Message::text("abcde"))), "{role:?}");
        assert!(timeout(1000 * SECOND, ws.next()).await.is_err(), "at rest: {role:?}");
        talker.await.expect("the peer");
    }
}

/// It is the message's bytes that count: pings between its fragments don't keep it alive.
#[tokio::test(start_paused = true)]
async fn pings_do_not_keep_an_incomplete_message_alive() {
    for role in ROLES {
        let (mut ws, mut far) = connected(role, message_timeout(), 1 << 16);
        let start = Instant::now();
        let talker = tokio::spawn(async move {
            far.write_all(&from_peer(role, b"\x01\x01a")).await.expect("open");
            while far.write_all(&from_peer(role, b"\x89\x00")).await.is_ok() {
                sleep(SECOND).await;
            }
        });
        let last = timeout(100 * SECOND, async {
            loop {
                match ws.next().await {
                    Some(Ok(Message::Ping(_))) => {}
                    other => return other.map(item),
                }
            }
        })
        .await;
        assert_eq!(last, Ok(Some(Err("Limit(MessageTimeout)".into()))), "{role:?}");
        assert!(start.elapsed() <= 25 * SECOND, "{role:?}: {:?}", start.elapsed());
        drop(ws);
        talker.await.expect("the peer");
    }
}

/// The rest of the message lies in the transport when a send has the clock looked at.
#[tokio::test(start_paused = true)]
async fn a_writer_reads_before_it_judges_a_message() {
    for role in ROLES {
        let (mut ws, mut far) = connected(role, message_timeout(), 1 << 16);
        let bytes = from_peer(role, b"\x81\x05Hello");
        far.write_all(&bytes[..4]).await.expect("open");
        assert!(timeout(SECOND, ws.next()).await.is_err());
        far.write_all(&bytes[4..]).await.expect("open");
        sleep(20 * SECOND).await;
        ws.send("x").await.expect("open");
        ws.feed("y").await.expect("open");
        let next = timeout(SECOND, ws.next()).await.expect("a message");
        assert_eq!(next.map(item), Some(Ok(Message::text("Hello"))), "{role:?}");
    }
}

// ---- max_lifetime ----

#[tokio::test(start_paused = true)]
async fn a_life_ends_with_close_1001_while_traffic_flows() {
    for role in ROLES {
        let config = untimed().with_max_lifetime(Some(60 * SECOND));
        let (mut ws, far) = connected(role, config, 1 << 16);
        let start = Instant::now();
        let peer = tokio::spawn(async move {
            let mut theirs = websocket(other(role), far, untimed());
            loop {
                if theirs.send("tick").await.is_err() {
                    return theirs.next().await.map(item);
                }
                if let Ok(next) = timeout(SECOND, theirs.next()).await {
                    return next.map(item);
                }
            }
        });
        let mut last = None;
        while let Some(next) = ws.next().await {
            last = Some(item(next));
        }
        assert_eq!(last, Some(Ok(Message::close(1001, ""))), "{role:?}");
        assert_eq!(peer.await.expect("the peer"), Some(Ok(Message::close(1001, ""))));
        assert_eq!(start.elapsed().as_secs(), 60, "{role:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_writer_learns_that_the_life_is_over() {
    for role in ROLES {
        let config = Config::new().with_max_lifetime(Some(60 * SECOND));
        let (mut ws, mut far) = connected(role, config, 1 << 16);
        let start = Instant::now();
        let error = loop {
            match ws.send("x").await {
                Ok(()) => sleep(SECOND).await,
                Err(error) => break error,
            }
        };
        assert_eq!(format!("{error:?}"), "Usage(SendAfterClose)", "{role:?}");
        assert!((60..=61).contains(&start.elapsed().as_secs()), "{role:?}");
        let end = ws.next().await.map(item);
        assert_eq!(end, Some(Err("CloseTimeout".into())), "{role:?}");
        drop(ws);
        let written = io::rest_of(&mut far).await;
        assert!(written.ends_with(&wire(role, b"\x88\x02\x03\xe9")), "{role:?}");
    }
}

/// A peer that never stops sending leaves no moment with nothing to read, and puts nothing off by that.
#[tokio::test(start_paused = true)]
async fn a_transport_that_is_never_dry_puts_no_deadline_off() {
    for role in ROLES {
        let io = endless(role);
        let config = Config::new().with_max_lifetime(Some(60 * SECOND));
        let mut ws = websocket(role, io.clone(), config);
        let mut items = Vec::new();
        let start = Instant::now();
        while let Some(next) = finish(ws.next()) {
            items.push(item(next));
            advance(SECOND).await;
        }
        assert_eq!(items.pop(), Some(Err("CloseTimeout".into())), "{role:?}");
        assert!(items.iter().all(|item| *item == Ok(Message::text("tick"))), "{role:?}");
        let seconds = start.elapsed().as_secs();
        assert!((65..=68).contains(&seconds), "60 s to live and 5 s to close: {role:?}, {seconds}");
        assert_eq!(io.written(), wire(role, b"\x88\x02\x03\xe9"), "no ping: {role:?}");
    }
}

/// A message a read, for longer than any test.
fn endless(role: Role) -> Script {
    let message = from_peer(role, b"\x81\x04tick");
    Script::of(std::iter::repeat_n(Read::Bytes(message), 1000))
}

/// Whoever is slow, as this reader is, must not take the peer for silent.
#[tokio::test(start_paused = true)]
async fn a_slow_reader_does_not_take_the_peer_for_silent() {
    for role in ROLES {
        let io = endless(role);
        let mut ws = websocket(role, io.clone(), Config::new());
        for _ in 0..100 {
            advance(40 * SECOND).await;
            assert_eq!(finish(ws.next()).map(item), Some(Ok(Message::text("tick"))), "{role:?}");
            finish(ws.feed("tock")).expect("open");
        }
        finish(ws.flush()).expect("open");
    }
}

// ---- send_timeout ----

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_ends_the_sending() {
    for role in ROLES {
        let (mut ws, _far) = connected(role, Config::new(), 64);
        let start = Instant::now();
        let error = failure(ws.send(vec![0; 1000]).await);
        assert_eq!(error, Err("SendTimeout".into()), "{role:?}");
        assert_eq!(start.elapsed().as_secs(), 30, "{role:?}");
        assert!(ws.send("more").await.is_err());
        // The stream has the error too: it may be another task that reads.
        assert_eq!(ws.next().await.map(item), Some(Err("SendTimeout".into())));
        assert!(ws.next().await.is_none());

        // The same for `feed`, which waits at high water, and for who only reads.
        let (mut ws, _far) = connected(role, Config::new(), 64);
        ws.feed(vec![0; 70_000]).await.expect("room");
        assert_eq!(failure(ws.feed("x").await), Err("SendTimeout".into()), "{role:?}");
        let (mut ws, _far) = connected(role, Config::new(), 64);
        ws.feed(vec![0; 1000]).await.expect("room");
        let end = ws.next().await.map(item);
        assert_eq!(end, Some(Err("SendTimeout".into())), "{role:?}");
        assert!(ws.next().await.is_none());
    }
}

/// A byte every 20 seconds is progress.
#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_slowly_is_waited_for() {
    for role in ROLES {
        let (mut ws, mut far) = connected(role, Config::new().with_keepalive(None), 1);
        let sender = tokio::spawn(async move { failure(ws.send(vec![0; 100]).await) });
        let mut read = 0;
        while read < wire(role, &io::frame(0x82, &[0; 100])).len() {
            sleep(20 * SECOND).await;
            read += far.read(&mut [0]).await.expect("open");
        }
        assert_eq!(sender.await.expect("the sender"), Ok(()), "{role:?}");
    }
}

/// A send was blocked and dropped, the peer has read since: what is judged is whether it reads now.
#[tokio::test(start_paused = true)]
async fn a_transport_that_takes_bytes_again_is_not_judged_by_the_past() {
    for role in ROLES {
        let (mut ws, mut far) = connected(role, Config::new().with_keepalive(None), 64);
        assert!(timeout(SECOND, ws.send(vec![0; 100])).await.is_err());
        far.read_exact(&mut [0; 64]).await.expect("open");
        sleep(100 * SECOND).await;
        ws.feed("x").await.expect("open");
        ws.flush().await.expect("open");
        far.read_exact(&mut [0; 40]).await.expect("the rest");
    }
}

/// Both send and neither reads: what each writes fills the pipe, and there they would stand for ever.
#[tokio::test(start_paused = true)]
async fn two_ends_that_send_into_each_other_meet_in_the_send_timeout() {
    let (near, far) = tokio::io::duplex(64 << 10);
    let mut ours = websocket(Role::Client, near, Config::new());
    let mut theirs = websocket(Role::Server, far, Config::new());
    let start = Instant::now();
    let (near, far) = tokio::join!(ours.send(vec![0; 1 << 20]), theirs.send(vec![0; 1 << 20]));
    assert_eq!(
        (failure(near), failure(far)),
        (Err("SendTimeout".into()), Err("SendTimeout".into()))
    );
    assert_eq!(start.elapsed().as_secs(), 30);
}

// ---- no clock ----

/// What is off has no timer, so that Tokio's time driver is not needed.
#[test]
fn without_deadlines_no_time_driver_is_needed() {
    let runtime = Builder::new_current_thread().enable_io().build().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let uri = format!("ws://{}/", listener.local_addr().expect("an address"));
        let echo = tokio::spawn(async move {
            let (tcp, _) = listener.accept().await.expect("a connection");
            let server = server::Server::new().config(untimed());
            let mut ws =
                server.receive(tcp).await.expect("a request").accept().await.expect("open");
            while let Some(message) = ws.next().await {
                let message = message.expect("no error");
                if message.is_data() {
                    ws.feed(message).await.expect("open");
                }
            }
        });
        let client = client::Client::new(uri).expect("a URI").config(untimed());
        let (mut ws, _) = client.connect_timeout(None).connect().await.expect("open");
        ws.send(vec![0; 1 << 20]).await.expect("open");
        assert_eq!(ws.next().await.map(|message| message.expect("open").len()), Some(1 << 20));
        ws.close(1000, "").await.expect("closed");
        drop(ws);
        echo.await.expect("the server");
    });
}

/// A time past the clock's end is never, and no reason to panic.
#[tokio::test(start_paused = true)]
async fn endless_times_are_taken_for_none() {
    let forever = Some(Duration::MAX);
    let config = Config::new()
        .with_keepalive(Some(Keepalive::new(Duration::MAX, Duration::MAX)))
        .with_handshake_timeout(forever)
        .with_close_timeout(forever)
        .with_send_timeout(forever)
        .with_message_timeout(forever)
        .with_max_lifetime(forever);
    for role in ROLES {
        let (mut ws, mut far) = connected(role, config.clone(), 64);
        far.write_all(&from_peer(role, b"\x81\x05Hello")[..4]).await.expect("room");
        assert!(run(ws.next()).is_pending());
        assert!(run(ws.send(vec![0; 1000])).is_pending());
        assert!(run(ws.close(1000, "")).is_pending());
        sleep(1_000_000 * SECOND).await;
        assert!(run(ws.next()).is_pending(), "{role:?}");
        drop(far);
        assert!(matches!(finish(ws.next()), Some(Err(Error::AbnormalClosure(_)))), "{role:?}");
    }
}
