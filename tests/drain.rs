//! `Drain`: many connections closed at once, each by its own owner's polls. What the peers see, what the owners
//! are told, and numbers that are exact.

#[path = "support/drain.rs"]
mod drain;
#[path = "support/io.rs"]
mod io;

use std::time::Duration;

use bowline::{Config, Drain, Message, MessageKind, Role, WebSocket};
use drain::{
    CLOSED, LONG, TIMED_OUT, close_all, closing, items, owner, pair, reply, restart, seconds,
    settle, tracked,
};
use futures_util::FutureExt;
use io::{ROLES, Script, failure, finish, from_peer, item, rest_of, websocket, wire, within};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::Instant,
};

/// Close 1012 "restart" as we send it.
fn close_frame(role: Role) -> Vec<u8> {
    wire(role, b"\x88\x09\x03\xf4restart")
}

async fn read(far: &mut DuplexStream, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    within(far.read_exact(&mut bytes)).await.expect("open");
    bytes
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_by_the_owner_that_waits_for_it() {
    for role in ROLES {
        let (drain, ws, mut far) = tracked(role);
        let owner = owner(ws);
        settle().await;
        let closing = closing(&drain, LONG).await;
        assert_eq!(read(&mut far, close_frame(role).len()).await, close_frame(role), "{role:?}");
        assert!(!closing.is_finished());
        far.write_all(&from_peer(role, b"\x88\x02\x03\xf4")).await.expect("open");
        far.shutdown().await.expect("open");
        assert_eq!(within(closing).await.expect("no panic"), [1, 0, 0], "{role:?}");
        assert_eq!(owner.await.expect("no panic"), [reply()], "{role:?}");
        assert!(rest_of(&mut far).await.is_empty() && drain.is_empty());
    }
}

/// Fed before, sent before by the peer and by the peer after our Close: all of it arrives, in order.
#[tokio::test(start_paused = true)]
async fn what_is_in_flight_both_ways_arrives_before_the_closes() {
    for role in ROLES {
        let (drain, (mut ours, mut theirs)) = (Drain::new(), pair(role, 1 << 20));
        drain.track(&mut ours);
        for n in 0..50 {
            ours.feed(format!("fed {n}")).await.expect("open");
            theirs.send(format!("sent {n}")).await.expect("open");
        }
        let closing = closing(&drain, LONG).await;
        // Nobody has polled since.
        ours.feed("fed last").await.expect("nothing was done yet");
        assert_eq!(ours.next().await.map(item), Some(Ok("sent 0".into())));
        assert_eq!(failure(ours.send("late").await), Err(CLOSED.into()), "{role:?}");
        for n in 0..50 {
            assert_eq!(theirs.next().await.map(item), Some(Ok(format!("fed {n}").into())));
        }
        theirs.send("after our Close was sent").await.expect("it was not read yet");
        assert_eq!(theirs.next().await.map(item), Some(Ok("fed last".into())));
        assert_eq!(theirs.next().await.map(item), Some(restart()));
        let peer = owner(theirs);
        for n in 1..50 {
            assert_eq!(ours.next().await.map(item), Some(Ok(format!("sent {n}").into())));
        }
        let rest = [Ok("after our Close was sent".into()), reply()];
        assert_eq!(within(items(&mut ours)).await, rest, "{role:?}");
        assert_eq!(within(closing).await.expect("no panic"), [1, 0, 0]);
        assert!(peer.await.expect("no panic").is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_going_out_in_pieces_is_cut_off_and_one_coming_in_is_whole() {
    for role in ROLES {
        let (drain, mut ws, mut far) = tracked(role);
        let closing = {
            let mut message = ws.start_message(MessageKind::Text).await.expect("open");
            message.feed("half").await.expect("open");
            message.flush().await.expect("open");
            let closing = closing(&drain, LONG).await;
            message.feed("more").await.expect("room");
            message.flush().await.expect("queued before it is told");
            assert_eq!(failure(message.finish().await), Err(CLOSED.into()), "{role:?}");
            closing
        };
        let sent = [wire(role, b"\x01\x04half\x00\x04more"), close_frame(role)].concat();
        assert_eq!(read(&mut far, sent.len()).await, sent, "{role:?}");
        far.write_all(&from_peer(role, b"\x01\x02fi\x80\x03rst\x88\x02\x03\xf4"))
            .await
            .expect("open");
        drop(far);
        assert_eq!(items(&mut ws).await, [Ok("first".into()), reply()]);
        assert_eq!(within(closing).await.expect("no panic"), [1, 0, 0]);

        let (drain, mut ws, mut far) = tracked(role);
        far.write_all(&from_peer(role, b"\x01\x02fi")).await.expect("open");
        assert!(ws.next().now_or_never().is_none());
        let closing = self::closing(&drain, LONG).await;
        assert!(ws.next().now_or_never().is_none());
        assert_eq!(read(&mut far, close_frame(role).len()).await, close_frame(role));
        far.write_all(&from_peer(role, b"\x80\x03rst\x88\x02\x03\xf4")).await.expect("open");
        drop(far);
        assert_eq!(items(&mut ws).await, [Ok("first".into()), reply()]);
        assert_eq!(within(closing).await.expect("no panic"), [1, 0, 0]);
    }
}

/// The peer reads and is silent: whose time is up first ends it.
#[tokio::test(start_paused = true)]
async fn a_peer_that_never_answers_is_given_up_by_the_connection_or_cut() {
    let cases = [
        (Some(seconds(5)), seconds(20), seconds(5), [0, 1, 0]),
        (Some(seconds(5)), seconds(3), seconds(3), [0, 0, 1]),
        (None, seconds(20), seconds(20), [0, 0, 1]),
        (Some(seconds(5)), Duration::ZERO, Duration::ZERO, [0, 0, 1]),
    ];
    for (role, (timeout, time, taken, expected)) in
        ROLES.into_iter().flat_map(|role| cases.map(|case| (role, case)))
    {
        let (near, mut far) = duplex(1 << 10);
        let (drain, config) = (Drain::new(), Config::new().with_close_timeout(timeout));
        let mut ws = websocket(role, near, config.with_keepalive(None));
        drain.track(&mut ws);
        let owner = owner(ws);
        settle().await;
        let start = Instant::now();
        assert_eq!(close_all(&drain, time).await, expected, "{role:?}, {timeout:?}, {time:?}");
        assert_eq!((start.elapsed().as_secs(), drain.len()), (taken.as_secs(), 0), "{role:?}");
        assert_eq!(within(owner).await.expect("no panic"), [Err(TIMED_OUT.into())], "{role:?}");
        assert!(start.elapsed() < taken + seconds(1), "it was woken for it");
        assert_eq!(rest_of(&mut far).await, close_frame(role), "said in any case");
    }
}

/// How a connection ends while all are closed, and what it counts as.
#[derive(Clone, Copy, Debug)]
enum End {
    PeerVanishes,
    PeerBreaksRules,
    PeerCloses,
    OwnerCloses,
    OwnerDrops,
    OwnerTakesApart,
    OwnerDropsAtClose,
}

impl End {
    const ALL: [(Self, [usize; 3]); 7] = [
        (Self::PeerVanishes, [0, 1, 0]),
        (Self::PeerBreaksRules, [0, 1, 0]),
        (Self::PeerCloses, [1, 0, 0]),
        (Self::OwnerCloses, [1, 0, 0]),
        (Self::OwnerDrops, [0, 1, 0]),
        (Self::OwnerTakesApart, [0, 1, 0]),
        (Self::OwnerDropsAtClose, [1, 0, 0]),
    ];

    async fn end(self, role: Role, mut ws: WebSocket<DuplexStream>, mut far: DuplexStream) {
        let close = from_peer(role, b"\x88\x02\x03\xe8");
        match self {
            Self::PeerVanishes => {
                drop(far);
                assert!(items(&mut ws).await.pop().expect("an error").is_err());
            }
            Self::PeerBreaksRules => {
                far.write_all(&from_peer(role, b"\x83\x00")).await.expect("open");
                // It reads our Close, and that is no closing handshake.
                far.shutdown().await.expect("open");
                assert!(items(&mut ws).await.pop().expect("an error").is_err());
            }
            Self::PeerCloses => {
                far.write_all(&close).await.expect("open");
                far.shutdown().await.expect("open");
                assert_eq!(items(&mut ws).await, [Ok(Message::close(1000, ""))]);
            }
            Self::OwnerCloses => {
                far.write_all(&close).await.expect("open");
                far.shutdown().await.expect("open");
                assert!(ws.close(1000, "").await.expect("clean").is_some());
            }
            Self::OwnerDrops => drop(ws),
            Self::OwnerTakesApart => drop(ws.into_inner()),
            Self::OwnerDropsAtClose => {
                far.write_all(&close).await.expect("open");
                assert_eq!(ws.next().await.map(item), Some(Ok(Message::close(1000, ""))));
                drop(ws);
                // Ours is out, though the end of the stream was not waited for.
                assert!(rest_of(&mut far).await.len() >= 4);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_end_counts_as_what_it_is_and_only_from_the_call_on() {
    for (role, (end, expected)) in
        ROLES.into_iter().flat_map(|role| End::ALL.map(|case| (role, case)))
    {
        let (drain, ws, far) = tracked(role);
        // One that has ended before, which doesn't count, and is gone.
        let (near, other_far) = duplex(1 << 10);
        let mut before = websocket(role, near, Config::new());
        drain.track(&mut before);
        end.end(role, before, other_far).await;
        assert_eq!(drain.len(), 1, "{role:?}, {end:?}");
        let closing = closing(&drain, LONG).await;
        within(end.end(role, ws, far)).await;
        assert!(drain.is_empty(), "{role:?}, {end:?}");
        assert_eq!(within(closing).await.expect("no panic"), expected, "{role:?}, {end:?}");
    }
}

/// Both Closes are queued, and ours is not out: the peer has got none.
#[tokio::test(start_paused = true)]
async fn a_close_that_was_never_written_has_not_passed() {
    for role in ROLES {
        for room in [0, 2, 100] {
            let io = Script::new(from_peer(role, b"\x88\x02\x03\xe8")).room(room);
            let (drain, mut ws) = (Drain::new(), websocket(role, io, Config::new()));
            drain.track(&mut ws);
            let closing = closing(&drain, LONG).await;
            assert_eq!(finish(ws.next()).map(item), Some(Ok(Message::close(1000, ""))));
            drop(ws);
            let expected = if room == 100 { [1, 0, 0] } else { [0, 1, 0] };
            assert_eq!(within(closing).await.expect("no panic"), expected, "{role:?}, {room}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn section_7_4_a_code_that_may_not_be_sent_and_a_long_reason_do_nothing() {
    let long = "x".repeat(124);
    for (role, (code, reason)) in ROLES
        .into_iter()
        .flat_map(|role| [(1005, ""), (1006, ""), (0, ""), (1000, &long[..])].map(|c| (role, c)))
    {
        let (drain, (mut ours, mut theirs)) = (Drain::new(), pair(role, 1 << 10));
        drain.track(&mut ours);
        let refused = drain.close_all(code, reason.to_owned(), LONG).await.expect_err("refused");
        assert!(format!("{refused:?}").starts_with("Usage("), "{refused:?}");
        ours.send("still open").await.expect("open");
        assert_eq!(theirs.next().await.map(item), Some(Ok("still open".into())), "{role:?}");
        let (_ours, theirs) = (owner(ours), owner(theirs));
        assert_eq!(close_all(&drain, LONG).await, [1, 0, 0]);
        assert_eq!(within(theirs).await.expect("no panic"), [restart()]);
    }
}
