//! `Drain`: many connections closed at once, each by its own owner's polls. What the peers see, what the owners
//! are told, and numbers that are exact.

#[path = "support/io.rs"]
mod io;

use std::{future::Future, pin::pin, task::Poll, time::Duration};

use bowline::{CloseCode, Config, Drain, Drained, Message, MessageKind, Role, WebSocket};
use futures_util::FutureExt;
use io::{
    Item, ROLES, Read, Script, drain_to_end, failure, finish, from_peer, item, other, rest_of, run,
    websocket, wire, within,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    spawn,
    task::{JoinHandle, yield_now},
    time::Instant,
};

const CLOSED: &str = "Usage(SendAfterClose)";
const TIMED_OUT: &str = "CloseTimeout";

/// Longer than any connection takes that closes by itself.
const LONG: Duration = Duration::from_secs(60);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The numbers of a report.
fn numbers(drained: Drained) -> [usize; 3] {
    [drained.closed, drained.lost, drained.cut]
}

/// What `close_all` with 1012 comes to.
async fn close_all(drain: &Drain, time: Duration) -> [usize; 3] {
    numbers(drain.close_all(1012, "restart", time).await.expect("a code that may be sent"))
}

/// The same in a task, begun.
async fn closing(drain: &Drain, time: Duration) -> JoinHandle<[usize; 3]> {
    let drain = drain.clone();
    let closing = spawn(async move { close_all(&drain, time).await });
    settle().await;
    closing
}

/// Lets all tasks run until nobody is woken any more, without the clock going on.
async fn settle() {
    for _ in 0..100 {
        yield_now().await;
    }
}

fn restart() -> Item {
    Ok(Message::close(1012, "restart"))
}

/// The reply to it, as the one who sent it sees it.
fn reply() -> Item {
    Ok(Message::close(1012, ""))
}

/// Two ends over pipes of so many bytes.
fn pair(role: Role, room: usize) -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (near, far) = duplex(room);
    let ours = WebSocket::new(near, role, Config::new());
    (ours, WebSocket::new(far, other(role), Config::new()))
}

/// Our end, in a drain of its own; the other is bare.
fn tracked(role: Role) -> (Drain, WebSocket<DuplexStream>, DuplexStream) {
    let (near, far) = duplex(64 << 10);
    let (drain, mut ws) = (Drain::new(), websocket(role, near, Config::new()));
    drain.track(&mut ws);
    assert_eq!((drain.len(), drain.is_empty()), (1, false));
    (drain, ws, far)
}

/// All that the connection yields, in a task that lets go of it then.
fn owner(mut ws: WebSocket<DuplexStream>) -> JoinHandle<Vec<Item>> {
    spawn(async move { items(&mut ws).await })
}

async fn items(ws: &mut WebSocket<DuplexStream>) -> Vec<Item> {
    let mut items = Vec::new();
    while let Some(next) = ws.next().await {
        items.push(item(next));
    }
    items
}

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
                drop(far);
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
async fn one_that_comes_later_is_closed_at_once() {
    for role in ROLES {
        let drain = Drain::new();
        assert_eq!(close_all(&drain, LONG).await, [0, 0, 0]);
        let (mut ours, theirs) = pair(role, 1 << 10);
        drain.track(&mut ours);
        assert_eq!(failure(ours.feed("late").await), Err(CLOSED.into()), "{role:?}");
        let (ours, theirs) = (owner(ours), owner(theirs));
        assert_eq!(within(ours).await.expect("no panic"), [reply()], "{role:?}");
        assert_eq!(within(theirs).await.expect("no panic"), [restart()]);
        // Behind one that was cut as well: it has the time that it takes, and is not cut for that.
        let (mut silent, _far) = pair(role, 1 << 10);
        drain.track(&mut silent);
        assert_eq!(close_all(&drain, seconds(1)).await, [1, 0, 1]);
        let (mut ours, theirs) = pair(role, 1 << 10);
        drain.track(&mut ours);
        let (ours, theirs) = (owner(ours), owner(theirs));
        assert_eq!(close_all(&drain, LONG).await, [2, 0, 1], "{role:?}");
        assert_eq!(within(ours).await.expect("no panic"), [reply()]);
        assert_eq!(within(theirs).await.expect("no panic"), [restart()]);
        assert_eq!(items(&mut silent).await, [Err(TIMED_OUT.into())]);
        assert_eq!(close_all(&drain, LONG).await, [2, 0, 1]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_place_is_waited_for_until_it_is_filled_given_back_or_the_time_is_up() {
    for role in ROLES {
        let drain = Drain::new();
        let (filled, dropped) = (drain.reserve(), drain.reserve());
        assert_eq!(drain.len(), 2);
        let closing = closing(&drain, LONG).await;
        drop(dropped);
        let (mut ours, theirs) = pair(role, 1 << 10);
        filled.track(&mut ours);
        assert_eq!(drain.len(), 1, "{role:?}");
        settle().await;
        assert!(!closing.is_finished(), "a connection is there now");
        let (_ours, _theirs) = (owner(ours), owner(theirs));
        assert_eq!(within(closing).await.expect("no panic"), [1, 0, 0], "{role:?}");

        let late = drain.reserve();
        let start = Instant::now();
        assert_eq!(close_all(&drain, seconds(7)).await, [1, 0, 0], "no connection was there");
        assert_eq!((start.elapsed().as_secs(), drain.len()), (7, 1));
        let (mut ours, theirs) = pair(role, 1 << 10);
        late.track(&mut ours);
        assert_eq!(failure(ours.feed("late").await), Err(CLOSED.into()), "{role:?}");
        let (_ours, _theirs) = (owner(ours), owner(theirs));
        assert_eq!(close_all(&drain, LONG).await, [2, 0, 0], "{role:?}");
        let given_back = drain.reserve();
        let waiting = self::closing(&drain, LONG).await;
        drop(given_back);
        assert_eq!(within(waiting).await.expect("no panic"), [2, 0, 0], "{role:?}");
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

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_closes_all_the_same_and_the_next_goes_on() {
    for role in ROLES {
        let (drain, (mut ours, mut theirs)) = (Drain::new(), pair(role, 1 << 10));
        drain.track(&mut ours);
        let (mut silent, _far) = pair(role, 1 << 10);
        drain.track(&mut silent);
        {
            let mut dropped = pin!(drain.close_all(1012, "restart", seconds(1)));
            assert!(dropped.as_mut().now_or_never().is_none());
        }
        let owner = owner(ours);
        assert_eq!(within(theirs.next()).await.map(item), Some(restart()), "{role:?}");
        assert_eq!(within(items(&mut theirs)).await, []);
        assert_eq!(owner.await.expect("no panic"), [reply()]);
        tokio::time::sleep(seconds(2)).await;
        assert_eq!(drain.len(), 1, "the time of the one that was dropped doesn't count");
        // Two at once: both go by the first's Close, and the shorter time is the one that cuts.
        let other = drain.clone();
        let waits = spawn(async move { other.close_all(CloseCode::NORMAL, "", LONG).await });
        assert_eq!(close_all(&drain, seconds(3)).await, [1, 0, 1], "{role:?}");
        let waited = within(waits).await.expect("no panic").expect("a code that may be sent");
        assert_eq!(numbers(waited), [1, 0, 1]);
        // It was never polled in all that time; its Close goes out when it is.
        assert_eq!(items(&mut silent).await, [Err(TIMED_OUT.into())], "{role:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_in_one_drain() {
    for role in ROLES {
        let (first, mut ws, mut far) = tracked(role);
        first.track(&mut ws);
        assert_eq!(first.len(), 1, "twice the same");
        let second = Drain::new();
        second.track(&mut ws);
        assert_eq!((first.len(), second.len()), (0, 1), "{role:?}");
        assert_eq!(close_all(&first, LONG).await, [0, 0, 0]);
        assert!(ws.next().now_or_never().is_none());
        ws.send("open").await.expect("open");
        // And to one that closes.
        first.track(&mut ws);
        assert_eq!((first.len(), second.len()), (1, 0));
        assert_eq!(failure(ws.send("late").await), Err(CLOSED.into()), "{role:?}");
        far.write_all(&from_peer(role, b"\x88\x02\x03\xf4")).await.expect("open");
        far.shutdown().await.expect("open");
        assert_eq!(items(&mut ws).await, [reply()]);
        assert_eq!(close_all(&first, LONG).await, [1, 0, 0], "{role:?}");
        first.track(&mut ws);
        assert!(first.is_empty(), "it has ended");
    }
}

/// Tracked after both Closes have passed, and before the end: it counts as closed.
#[tokio::test(start_paused = true)]
async fn one_that_is_closing_already_counts_as_what_it_comes_to() {
    for role in ROLES {
        let io = Script::new(from_peer(role, b"\x88\x02\x03\xe8"));
        let (drain, mut ws) = (Drain::new(), websocket(role, io.clone(), Config::new()));
        assert_eq!(finish(ws.next()).map(item), Some(Ok(Message::close(1000, ""))));
        drain.track(&mut ws);
        assert_eq!(drain.len(), 1, "the peer has yet to end the stream");
        let closing = closing(&drain, LONG).await;
        assert!(matches!(run(ws.next()), Poll::Pending));
        assert!(!closing.is_finished());
        io.arrive(Read::End);
        assert!(drain_to_end(&mut ws).is_empty(), "{role:?}");
        assert_eq!(within(closing).await.expect("no panic"), [1, 0, 0], "{role:?}");
        assert_eq!(io.written(), wire(role, b"\x88\x02\x03\xe8"), "and not closed twice");
    }
}

/// One task after the other polls, as when a connection is handed on: it is the last that is woken.
#[tokio::test(start_paused = true)]
async fn the_task_that_has_it_now_is_woken() {
    for role in ROLES {
        let (drain, (mut ours, theirs)) = (Drain::new(), pair(role, 1 << 10));
        drain.track(&mut ours);
        for _ in 0..3 {
            let handed = spawn(async move {
                let waits = std::future::poll_fn(|cx| {
                    let mut next = pin!(ours.next());
                    assert!(next.as_mut().poll(cx).is_pending());
                    Poll::Ready(())
                });
                waits.await;
                ours
            });
            ours = handed.await.expect("no panic");
        }
        let (ours, _theirs) = (owner(ours), owner(theirs));
        settle().await;
        assert_eq!(within(close_all(&drain, LONG)).await, [1, 0, 0], "{role:?}");
        assert_eq!(ours.await.expect("no panic"), [reply()]);
    }
}
