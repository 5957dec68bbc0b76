//! What large messages cost in memory: what has arrived of them, what the one before had, and nothing once
//! they are gone.

#[path = "support/heap.rs"]
mod heap;
#[path = "support/io.rs"]
mod io;
#[path = "support/tap.rs"]
mod tap;

use bowline::{Message, Role, WebSocket};
use bytes::Bytes;
use futures_util::FutureExt;
use heap::{cost, live};
use io::{ROLES, frame, from_peer, untimed, websocket};
use tap::{Tap, read_dry};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// The buffers that a large message passes through, one of each size at most, of the thread's cache.
const PASSED: isize = 85 * KIB as isize;

fn echo(ws: &mut WebSocket<Tap>, message: Message) {
    let _ = ws.feed(message).now_or_never().expect("room");
}

fn message(role: Role, length: usize) -> Bytes {
    from_peer(role, &frame(0x82, &vec![7; length])).into()
}

/// The header alone of a message to this role.
fn header(role: Role, length: usize) -> Bytes {
    let header_len = if role == Role::Server { 14 } else { 10 };
    Bytes::copy_from_slice(&message(role, length)[..header_len])
}

#[test]
fn a_large_message_that_has_gone_leaves_nothing() {
    let drop_it = |_: &mut WebSocket<Tap>, message: Message| drop(message);
    for role in ROLES {
        for pass_on in [drop_it, echo] {
            let tap = Tap::new();
            let mut ws = websocket(role, tap.clone(), untimed());
            let (small, large) = (message(role, 5), message(role, MIB));
            let mut arrives = |bytes: &Bytes| {
                tap.flow(bytes, 1);
                assert_eq!(read_dry(&mut ws, pass_on), 1);
            };
            arrives(&small);
            let idle = live();
            (0..2).for_each(|_| arrives(&large));
            let warm = live();
            let left = warm - idle;
            assert!(left <= PASSED, "{role:?}: {left} bytes left in the thread's cache");
            for _ in 0..3 {
                arrives(&large);
                assert_eq!(live() - warm, 0, "{role:?}: the cache has what it needs");
            }
            arrives(&small);
            // The connection itself never held any of it: with it goes what it had before.
            let (freed, ()) = cost(|| drop(ws));
            assert!(freed.kept > -2 * KIB as isize, "{role:?}: {freed:?}");
        }
    }
}

/// A header is believed up to what the connection's last large message had.
#[test]
fn what_is_announced_costs_what_the_last_large_message_did() {
    for role in ROLES {
        for (before, announced) in [(MIB, 16 * MIB), (200 * KIB, 16 * MIB), (MIB, 300 * KIB)] {
            let tap = Tap::new();
            let mut ws = websocket(role, tap.clone(), untimed());
            tap.flow(&message(role, before), 1);
            assert_eq!(read_dry(&mut ws, echo), 1);
            tap.flow(&header(role, announced), 1);
            let (cost, _) = cost(|| read_dry(&mut ws, echo));
            let most = before.min(announced) + 4 * KIB;
            assert!(cost.peak <= most as isize, "{role:?}: {announced} after {before}: {cost:?}");
        }
    }
}

#[test]
fn a_large_message_like_the_last_one_is_read_where_it_stays() {
    for role in ROLES {
        let tap = Tap::new();
        let mut ws = websocket(role, tap.clone(), untimed());
        let large = message(role, 3 * MIB);
        let mut round = || {
            tap.flow(&large, 1);
            assert_eq!(read_dry(&mut ws, |_, _| {}), 1);
        };
        (0..3).for_each(|_| round());
        let (cost, ()) = cost(round);
        // The message, what counts who holds it, and what a connection has while a frame arrives.
        assert!(cost.calls <= 4, "{role:?}: {cost:?}");
        assert!(cost.peak <= (3 * MIB + KIB) as isize, "{role:?}: {cost:?}");
    }
}

#[test]
fn a_large_message_that_is_kept_pins_its_own_bytes_whatever_came_before() {
    for role in ROLES {
        let tap = Tap::new();
        let mut ws = websocket(role, tap.clone(), untimed());
        for before in [100_000, 4 * MIB] {
            for length in [70_000, 300_000, MIB, 2_000_003, 5_000_000] {
                tap.flow(&message(role, before), 1);
                assert_eq!(read_dry(&mut ws, |_, _| {}), 1);
                tap.flow(&message(role, length), 1);
                let mut kept = None;
                assert_eq!(read_dry(&mut ws, |_, message| kept = Some(message)), 1);
                let (freed, ()) = cost(|| drop(kept));
                let pinned = -freed.kept as usize;
                assert!(pinned <= length + KIB, "{role:?}: {pinned} by {length} after {before}");
            }
        }
    }
}
