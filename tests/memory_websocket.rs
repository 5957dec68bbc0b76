//! What a connection costs in memory: nothing while it is idle, what has arrived while it is not, and never
//! what a peer announces or refuses to read.

#[path = "support/heap.rs"]
mod heap;
#[path = "support/io.rs"]
mod io;
#[path = "support/tap.rs"]
mod tap;

use bowline::{Config, Message, Role, WebSocket};
use bytes::Bytes;
use futures_util::FutureExt;
use heap::{cost, live};
use io::{ROLES, frame, from_peer, untimed, websocket};
use tap::{Tap, read_dry};

const KIB: isize = 1 << 10;
const MIB: isize = 1 << 20;

/// What a thread keeps of empty buffers, for all its connections.
const CACHE: isize = MIB;

fn echo(ws: &mut WebSocket<Tap>, message: Message) {
    let _ = ws.feed(message).now_or_never().expect("room");
}

/// Every kind of traffic: bursts, fragments, pings, large messages, in both directions.
fn traffic(ws: &mut WebSocket<Tap>, tap: &Tap) {
    let role = ws.role();
    let fragments = [frame(0x02, &[1; 50_000]), frame(0x80, &[2; 50_000])].concat();
    let kinds = [
        frame(0x81, b"Hello").repeat(3000),
        frame(0x89, b"?").repeat(10),
        frame(0x82, &[1; 20_000]),
        frame(0x82, &vec![1; 1_000_000]),
        fragments,
        frame(0x81, b"Hello"),
    ];
    for kind in kinds {
        tap.flow(&from_peer(role, &kind).into(), 2);
        assert!(read_dry(ws, echo) >= 2);
    }
}

/// What this connection holds: what dropping it sets free.
fn held(ws: WebSocket<Tap>) -> isize {
    -cost(|| drop(ws)).0.kept
}

#[test]
fn an_idle_connection_holds_no_buffer() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    let _guard = runtime.enter();
    for role in ROLES {
        let config = std::sync::Arc::new(Config::new());
        let connect = |tap: &Tap| {
            let mut ws = WebSocket::new(tap.clone(), role, config.clone());
            assert_eq!(read_dry(&mut ws, echo), 0);
            ws
        };
        let tap = Tap::new();
        let fresh = held(connect(&tap));
        // Itself and a timer is all that it holds; and what has come and gone leaves a list's room.
        assert!(fresh <= 752, "{role:?}: {fresh} bytes while it waits for the first");
        let mut ws = connect(&tap);
        for _ in 0..3 {
            traffic(&mut ws, &tap);
        }
        let used = held(ws);
        assert!(used <= fresh + 256, "{role:?}: {used} bytes after traffic, {fresh} before");
    }
}

/// "at most 1 MiB" a thread, for all the connections that it has ever had.
#[test]
fn a_threads_cache_of_buffers_is_bounded() {
    for role in ROLES {
        let kept = std::thread::spawn(move || {
            let taps: Vec<Tap> = (0..50).map(|_| Tap::new()).collect();
            let mut connections: Vec<_> =
                taps.iter().map(|tap| websocket(role, tap.clone(), untimed())).collect();
            let all = cost(|| {
                for (ws, tap) in connections.iter_mut().zip(&taps) {
                    tap.block();
                    while ws.feed("12345678").now_or_never().is_some() {}
                }
                for (ws, tap) in connections.iter_mut().zip(&taps) {
                    tap.open();
                    ws.flush().now_or_never().expect("room").expect("open");
                }
                drop(connections);
            });
            all.0.kept
        });
        let kept = kept.join().expect("a thread");
        assert!(kept <= CACHE + 16 * KIB, "{role:?}: {kept} bytes kept");
    }
}

#[test]
fn an_echoed_message_allocates_nothing_once_warm() {
    for (role, first) in ROLES.into_iter().flat_map(|role| [(role, 0x81), (role, 0x82)]) {
        for burst in [1, 50] {
            let tap = Tap::new();
            let mut ws = websocket(role, tap.clone(), untimed());
            let bytes = Bytes::from(from_peer(role, &frame(first, b"Hello").repeat(burst)));
            let mut round = || {
                for _ in 0..100 {
                    tap.flow(&bytes, 1);
                    assert_eq!(read_dry(&mut ws, echo), burst);
                }
            };
            round();
            let (warm, ()) = cost(round);
            assert_eq!((warm.calls, warm.kept), (0, 0), "{role:?}, bursts of {burst}");
        }
    }
}

/// "33 MB of pings cost today's peers 34-72 MB": the peer never reads a pong of them.
#[test]
fn a_flood_of_pings_never_read_back_costs_one_slot() {
    for role in ROLES {
        let tap = Tap::new();
        tap.block();
        let mut ws = websocket(role, tap.clone(), untimed());
        let pings = from_peer(role, &frame(0x89, &[7; 125]).repeat(1000));
        let rounds = (48 * MIB as usize).div_ceil(pings.len());
        let pings = Bytes::from(pings);
        tap.flow(&pings, rounds);
        let (flood, count) = cost(|| read_dry(&mut ws, |_, _| {}));
        assert_eq!(count, rounds * 1000);
        assert!(flood.peak < 2 * MIB, "{role:?}: {flood:?}");
        assert!(flood.peak < 200 * KIB, "{role:?}: {flood:?}");
    }
}

#[test]
fn what_is_announced_costs_nothing_and_what_arrives_little_more() {
    for role in ROLES {
        let length = 16 * MIB as usize;
        let whole = from_peer(role, &frame(0x82, &vec![7; length]));
        let head = if role == Role::Server { 14 } else { 10 };
        let tap = Tap::new();
        let mut ws = websocket(role, tap.clone(), untimed());
        tap.flow(&Bytes::copy_from_slice(&whole[..head]), 1);
        let (announced, _) = cost(|| read_dry(&mut ws, echo));
        assert!(announced.peak <= 70 * KIB, "{role:?}: {announced:?}");
        assert!(announced.kept <= 70 * KIB, "{role:?}: the thread's cache at most: {announced:?}");

        let before = live();
        let mut received = 0;
        for piece in whole[head..whole.len() - 1].chunks(30_000) {
            tap.flow(&Bytes::copy_from_slice(piece), 1);
            received += piece.len() as isize;
            let (_, messages) = cost(|| read_dry(&mut ws, echo));
            let held = live() - before - piece.len() as isize;
            assert_eq!(messages, 0);
            let most = received + received.max(64 * KIB) + 4 * KIB;
            assert!(held <= most, "{role:?}: {held} bytes for {received} received");
        }
        tap.flow(&Bytes::copy_from_slice(&whole[whole.len() - 1..]), 1);
        let (last, messages) =
            cost(|| read_dry(&mut ws, |_, message| assert_eq!(message.len(), length)));
        assert_eq!(messages, 1);
        assert!(last.peak <= 65 * KIB, "no copy of the whole: {role:?}, {last:?}");
        assert!(live() - before <= CACHE, "{role:?}: and all of it is let go");
    }
}

/// Fragments are put together in one buffer that grows with them, by doubling.
#[test]
fn a_message_in_fragments_costs_twice_what_has_arrived() {
    for role in ROLES {
        let piece = from_peer(role, &frame(0x00, &[7; 10_000]));
        let tap = Tap::new();
        let mut ws = websocket(role, tap.clone(), untimed());
        tap.flow(&from_peer(role, &frame(0x02, &[7; 10_000])).into(), 1);
        assert_eq!(read_dry(&mut ws, echo), 0);
        let piece = Bytes::from(piece);
        let before = live();
        for fragments in 1..800 {
            tap.flow(&piece, 1);
            assert_eq!(read_dry(&mut ws, echo), 0);
            let received = fragments * 10_000;
            let held = live() - before;
            assert!(held <= 2 * received + 70 * KIB, "{role:?}: {held} for {received}");
        }
    }
}

/// A small message that its caller keeps pins the buffer it was read into, and no more than that.
#[test]
fn a_kept_message_pins_64_kib_at_most_and_a_compact_one_nothing() {
    for role in ROLES {
        let tap = Tap::new();
        let mut ws = websocket(role, tap.clone(), untimed());
        let bytes = Bytes::from(from_peer(role, &frame(0x81, b"Hello").repeat(5000)));
        tap.flow(&bytes, 20);
        let mut kept = Vec::with_capacity(20);
        let (cost, count) = cost(|| {
            let mut count = 0;
            read_dry(&mut ws, |_, message| {
                if count % 5000 == 0 {
                    kept.push(message);
                }
                count += 1;
            })
        });
        assert_eq!((count, kept.len()), (100_000, 20));
        assert!(cost.kept <= 20 * 65 * KIB + CACHE, "{role:?}: {cost:?}");
        let kept: Vec<Message> = kept.into_iter().map(Message::compact).collect();
        drop(ws);
        let (freed, ()) = heap::cost(|| drop(kept));
        assert!((-20 * 64..0).contains(&freed.kept), "{role:?}: {freed:?}");
    }
}

/// What waits to be written: the mark, a message beyond it, and 64 KiB in which a client masks.
#[test]
fn a_peer_that_does_not_read_makes_nothing_grow() {
    for role in ROLES {
        let tap = Tap::new();
        tap.block();
        let mut ws = websocket(role, tap.clone(), untimed());
        let payload = Bytes::from(vec![7; 10 * MIB as usize]);
        let (large, ()) = cost(|| {
            assert!(ws.send(payload.clone()).now_or_never().is_none());
            for _ in 0..10_000 {
                assert!(ws.feed("x").now_or_never().is_none());
                assert!(ws.flush().now_or_never().is_none());
            }
        });
        assert!(large.peak <= 150 * KIB, "the payload is the caller's: {role:?}, {large:?}");
        drop(ws);
        let mut ws = websocket(role, tap.clone(), untimed());
        let (small, fed) = cost(|| {
            (0..100_000).take_while(|_| ws.feed("12345678").now_or_never().is_some()).count()
        });
        assert!((4000..7000).contains(&fed), "{role:?}: {fed}");
        assert!(small.peak <= 200 * KIB, "{role:?}: {small:?}");
    }
}
