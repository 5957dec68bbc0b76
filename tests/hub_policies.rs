//! `Policy`: what gives way when a queue is full, what is reported of it, and how a subscription ends.

#[path = "support/hub.rs"]
mod hub;

use std::task::{Poll, Waker};

use bowline::{
    CloseCode, CloseFrame,
    hub::{Hub, Policy, Report, Subscription},
};
use futures_core::{FusedStream, Stream};
use hub::{drain, message, poll_once, report};

const CAPACITIES: [usize; 5] = [0, 1, 2, 5, 200];

/// How often a full queue is published to, beyond its capacity.
const BEYOND: [usize; 4] = [0, 1, 2, 7];

#[derive(Clone, Copy, Debug)]
enum Kind {
    Oldest,
    Newest,
    Disconnect,
}

const KINDS: [Kind; 3] = [Kind::Oldest, Kind::Newest, Kind::Disconnect];

fn policy(kind: Kind, capacity: usize) -> Policy {
    match kind {
        Kind::Oldest => Policy::drop_oldest(capacity),
        Kind::Newest => Policy::drop_newest(capacity),
        Kind::Disconnect => Policy::disconnect(capacity, 4321, "slow"),
    }
}

fn is_over(subscription: &mut Subscription) -> bool {
    poll_once(subscription.next(), Waker::noop()).map(|next| next.is_none()) == Poll::Ready(true)
}

#[test]
fn a_queue_that_is_full_gives_way_as_its_policy_says() {
    for (kind, capacity) in KINDS.into_iter().flat_map(|kind| CAPACITIES.map(|c| (kind, c))) {
        let room = capacity.max(1);
        assert_eq!(policy(kind, capacity).capacity(), room);
        for beyond in BEYOND {
            let hub = Hub::new();
            let mut subscription = hub.subscribe("tides", policy(kind, capacity));
            let published = room + beyond;
            let reports: Vec<_> =
                (0..published).map(|n| hub.publish("tides", &message(n))).collect();
            let (expected, left, missed): (Report, Vec<_>, _) = match kind {
                Kind::Oldest => (report(1, 1, 0), (beyond..published).collect(), beyond),
                Kind::Newest => (report(0, 1, 0), (0..room).collect(), beyond),
                Kind::Disconnect if beyond == 0 => (report(0, 0, 0), (0..room).collect(), 0),
                Kind::Disconnect => (report(0, 0, 1), vec![], 0),
            };
            let name = format!("{kind:?}, {capacity}, {beyond} beyond");
            assert_eq!(reports[..room], vec![report(1, 0, 0); room], "{name}");
            for (n, found) in reports[room..].iter().enumerate() {
                // Once it is cut off there is nobody left.
                let is_left = n == 0 || !matches!(kind, Kind::Disconnect);
                assert_eq!(*found, if is_left { expected } else { Report::default() }, "{name}");
            }
            assert_eq!(subscription.missed(), missed as u64, "{name}");
            let is_cut_off = matches!(kind, Kind::Disconnect) && beyond > 0;
            let close = CloseFrame::new(4321, "slow");
            assert_eq!(subscription.overrun(), is_cut_off.then_some(&close), "{name}");
            assert_eq!(subscription.is_terminated(), is_cut_off, "{name}");
            assert_eq!(hub.subscribers("tides"), usize::from(!is_cut_off), "{name}");
            assert_eq!(drain(&mut subscription), left, "{name}");
            assert_eq!(is_over(&mut subscription), is_cut_off, "{name}");
            assert_eq!(hub.queued(), 0, "{name}");
        }
    }
}

/// Full is what the queue is when the message comes: one that was read in between has room.
#[test]
fn a_queue_that_was_read_has_room_again() {
    for kind in KINDS {
        let hub = Hub::new();
        let mut subscription = hub.subscribe("tides", policy(kind, 2));
        for n in 0..100 {
            assert_eq!(hub.publish("tides", &message(n)), report(1, 0, 0), "{kind:?}");
            if n > 0 {
                assert_eq!(subscription.try_next().map(|next| next.len()), Some(n - 1), "{kind:?}");
            }
        }
        assert_eq!(subscription.missed(), 0);
    }
}

#[test]
fn the_default_disconnects_whoever_is_64_messages_behind() {
    let close = CloseFrame::new(CloseCode::AGAIN, "too far behind");
    assert_eq!(Policy::default(), Policy::disconnect(64, close.code, close.reason.clone()));
    let hub = Hub::default();
    assert_eq!(hub.max_queued(), 64 << 20);
    let subscription = hub.subscribe("tides", Policy::default());
    for n in 0..64 {
        assert_eq!(hub.publish("tides", &message(n)), report(1, 0, 0));
    }
    assert_eq!(subscription.overrun(), None);
    assert_eq!(hub.publish("tides", &message(64)), report(0, 0, 1));
    assert_eq!(subscription.overrun(), Some(&close));
}

/// One message, and subscribers of every kind, in every order in the topic's list.
#[test]
fn each_subscriber_of_a_topic_has_its_own_policy() {
    for turn in 0..9 {
        let hub = Hub::new();
        let all = KINDS.map(|kind| [policy(kind, 1), policy(kind, 9), policy(kind, 1)]).concat();
        let mut subscriptions: Vec<_> = (0..9)
            .map(|n| (n + turn) % 9)
            .map(|n| (n, hub.subscribe("tides", all[n].clone())))
            .collect();
        assert_eq!(hub.publish("tides", &message(1)), report(9, 0, 0));
        assert_eq!(hub.publish("tides", &message(2)), report(5, 4, 2));
        assert_eq!(hub.subscribers("tides"), 7);
        assert_eq!(hub.publish("tides", &message(3)), report(5, 4, 0));
        for (n, subscription) in &mut subscriptions {
            let expected: &[usize] = match n {
                0 | 2 => &[3],
                3 | 5 => &[1],
                6 | 8 => &[],
                _ => &[1, 2, 3],
            };
            assert_eq!(drain(subscription), expected, "{n}, turned by {turn}");
            assert_eq!(subscription.missed(), [2, 0, 2, 2, 0, 2, 0, 0, 0][*n], "{n}");
            assert_eq!(subscription.overrun().is_some(), matches!(n, 6 | 8), "{n}");
        }
        assert_eq!(hub.publish("tides", &message(4)), report(7, 0, 0));
        drop(subscriptions);
        assert_eq!((hub.subscribers("tides"), hub.queued()), (0, 0));
    }
}

#[test]
fn topics_are_apart_and_begin_with_the_subscription() {
    let hub = Hub::new();
    assert_eq!(hub.publish("tides", &message(1)), Report::default());
    assert_eq!((hub.subscribers("tides"), hub.queued()), (0, 0));
    let mut tides = hub.subscribe("tides", Policy::drop_newest(10));
    let mut winds = hub.clone().subscribe("winds", Policy::drop_newest(10));
    let mut nothing = hub.subscribe("", Policy::drop_newest(10));
    assert_eq!([tides.topic(), winds.topic(), nothing.topic()], ["tides", "winds", ""]);
    assert_eq!(hub.publish("tides", &message(2)), report(1, 0, 0));
    let mut late = hub.subscribe("tides", Policy::drop_newest(10));
    assert_eq!(hub.clone().publish("tides", &message(3)), report(2, 0, 0));
    assert_eq!(hub.publish("winds", &message(4)), report(1, 0, 0));
    assert_eq!(hub.publish("", &message(5)), report(1, 0, 0));
    assert_eq!(hub.publish("Tides", &message(6)), Report::default());
    assert_eq!(drain(&mut tides), [2, 3]);
    assert_eq!(drain(&mut late), [3]);
    assert_eq!(drain(&mut winds), [4]);
    assert_eq!(drain(&mut nothing), [5]);
    assert_eq!(hub.subscribers("tides"), 2);
    drop(tides);
    assert_eq!(hub.publish("tides", &message(7)), report(1, 0, 0));
    drop(late);
    assert_eq!((hub.subscribers("tides"), hub.queued()), (0, 0));
    // A topic that nobody was left in begins anew.
    let mut again = hub.subscribe("tides", Policy::drop_newest(10));
    assert_eq!(hub.publish("tides", &message(8)), report(1, 0, 0));
    assert_eq!(drain(&mut again), [8]);
}

/// Those that are cut off leave a topic that goes on, or that is gone with them.
#[test]
fn a_topic_whose_last_subscriber_was_cut_off_begins_anew() {
    let hub = Hub::new();
    for _ in 0..3 {
        let mut gone = hub.subscribe("tides", Policy::disconnect(1, 4321, ""));
        hub.publish("tides", &message(1));
        assert_eq!(hub.publish("tides", &message(2)), report(0, 0, 1));
        let mut next = hub.subscribe("tides", Policy::drop_newest(1));
        assert_eq!(hub.publish("tides", &message(3)), report(1, 0, 0));
        assert!(is_over(&mut gone) && gone.overrun().is_some());
        drop(gone);
        assert_eq!(hub.subscribers("tides"), 1);
        assert_eq!(drain(&mut next), [3]);
    }
}

#[test]
fn after_the_last_handle_subscriptions_drain_and_end() {
    let hub = Hub::new();
    let mut empty = hub.subscribe("winds", Policy::default());
    let mut behind = hub.subscribe("tides", Policy::default());
    let mut cut_off = hub.subscribe("tides", Policy::disconnect(1, 4321, ""));
    hub.publish("tides", &message(1));
    hub.publish("tides", &message(2));
    let clone = hub.clone();
    drop(hub);
    assert!(!is_over(&mut empty) && !empty.is_terminated());
    clone.publish("tides", &message(3));
    drop(clone);
    assert!(empty.is_terminated() && is_over(&mut empty) && is_over(&mut empty));
    assert!(!behind.is_terminated());
    assert_eq!(drain(&mut behind), [1, 2, 3]);
    assert!(behind.is_terminated() && is_over(&mut behind));
    assert_eq!([&empty, &behind].map(Subscription::overrun), [None, None]);
    assert!(is_over(&mut cut_off) && cut_off.overrun().is_some());
}

#[test]
fn the_stream_is_what_next_is() {
    let hub = Hub::new();
    let mut subscription = hub.subscribe("tides", Policy::default());
    hub.publish("tides", &message(1));
    hub.publish("tides", &message(2));
    drop(hub);
    let mut stream = std::pin::pin!(&mut subscription);
    let mut cx = std::task::Context::from_waker(Waker::noop());
    let mut lens = || stream.as_mut().poll_next(&mut cx).map(|next| next.map(|next| next.len()));
    assert_eq!([lens(), lens(), lens(), lens()], [Some(1), Some(2), None, None].map(Poll::Ready));
}

#[test]
fn they_can_be_sent_shared_and_shown() {
    fn check<T: Send + Sync + Unpin + 'static>() {}
    check::<Hub>();
    check::<Policy>();
    check::<Report>();
    check::<Subscription>();
    let hub = Hub::new();
    let subscription = hub.subscribe("tides", Policy::default());
    assert_eq!(format!("{hub:?}"), "Hub { queued: 0, max_queued: 67108864, .. }");
    let shown = "Subscription { topic: \"tides\", missed: 0, overrun: None, .. }";
    assert_eq!(format!("{subscription:?}"), shown);
}
