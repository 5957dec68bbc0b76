//! Thousands of subscribers, and what they cost in memory.

#[path = "support/heap.rs"]
mod heap;
#[path = "support/hub.rs"]
mod hub;

use std::{sync::Arc, task::Waker};

use bowline::hub::{Hub, Policy, Subscription};
use heap::cost;
use hub::{drain, message, poll_once, report};

const MANY: usize = 10_000;

/// Wakers of their own, as tasks have.
struct Task;

impl std::task::Wake for Task {
    fn wake(self: Arc<Self>) {}
}

fn subscribe(hub: &Hub, policy: &Policy) -> Vec<Subscription> {
    (0..MANY).map(|_| hub.subscribe("tides", policy.clone())).collect()
}

#[test]
fn publishing_to_thousands_that_wait_allocates_for_none_of_them() {
    let hub = Hub::new();
    let mut all = subscribe(&hub, &Policy::default());
    let wakers: Vec<_> = (0..MANY).map(|_| Waker::from(Arc::new(Task))).collect();
    for round in 0..3 {
        for (subscription, waker) in all.iter_mut().zip(&wakers) {
            assert!(poll_once(subscription.next(), waker).is_pending());
        }
        let news = message(round);
        let (told, ()) = cost(|| assert_eq!(hub.publish("tides", &news), report(MANY, 0, 0)));
        // The first finds out how many wakers there are.
        let most = if round == 0 { 20 } else { 1 };
        assert!(told.calls <= most, "{told:?} in round {round}");
        assert!(all.iter_mut().all(|subscription| drain(subscription) == [round]));
    }
}

#[test]
fn thousands_behind_share_what_they_have_yet_to_read() {
    for policy in [Policy::drop_oldest(8), Policy::drop_newest(8)] {
        let hub = Hub::new();
        let mut all = subscribe(&hub, &policy);
        let (behind, ()) = cost(|| {
            for n in 0..20 {
                hub.publish("tides", &message(n));
            }
        });
        assert!(behind.kept < (MANY * 8 * 8 + 8 * 1024) as isize, "{behind:?}");
        assert!(all.iter().all(|subscription| subscription.missed() == 12));
        let expected: Vec<_> =
            if policy == Policy::drop_oldest(8) { 12..20 } else { 0..8 }.collect();
        assert!(all.iter_mut().all(|subscription| drain(subscription) == expected));
        assert_eq!(hub.queued(), 0);
    }
}

#[test]
fn thousands_are_cut_off_in_one_go_and_what_they_held_is_free() {
    let hub = Hub::new();
    let (cut_off, all) = cost(|| {
        let all = subscribe(&hub, &Policy::disconnect(8, 4321, "slow"));
        for n in 0..8 {
            assert_eq!(hub.publish("tides", &message(1000 + n)), report(MANY, 0, 0));
        }
        assert_eq!(hub.publish("tides", &message(9)), report(0, 0, MANY));
        all
    });
    assert_eq!((hub.subscribers("tides"), hub.queued()), (0, 0));
    assert!(all.iter().all(|subscription| subscription.overrun().is_some()));
    assert!(cut_off.kept < (MANY * 300) as isize, "{cut_off:?}");
}

/// With a policy that has nothing of its own; and after the last is gone, nothing is left.
#[test]
fn a_subscriber_costs_little_and_a_topic_without_any_nothing() {
    let hub = Hub::new();
    let policy = Policy::drop_oldest(100_000);
    let (subscribed, mut all) = cost(|| subscribe(&hub, &policy));
    assert!(subscribed.kept < (MANY * 300) as isize, "{subscribed:?}");
    // A queue that was long and is empty gives its room back.
    all.truncate(10);
    let (drained, ()) = cost(|| {
        for n in 0..1000 {
            hub.publish("tides", &message(n));
        }
        assert!(all.iter_mut().all(|subscription| drain(subscription).len() == 1000));
    });
    assert!(drained.kept < 10, "{drained:?}");
    let (left, ()) = cost(move || drop(all));
    assert!(left.kept < -10 * 100, "{left:?}");
    let (topics, ()) = cost(|| {
        let all: Vec<_> =
            (0..MANY).map(|n| hub.subscribe(&n.to_string(), Policy::drop_oldest(1))).collect();
        assert!(all.iter().all(|subscription| hub.subscribers(subscription.topic()) == 1));
        hub.publish("77", &message(1));
    });
    assert!(topics.kept < 10_000, "{topics:?}");
    // Half of them leave, in an order of their own.
    let mut all = subscribe(&hub, &policy);
    for n in (0..MANY / 2).rev() {
        drop(all.swap_remove(n * 7919 % all.len()));
    }
    assert_eq!(hub.publish("tides", &message(3)), report(MANY / 2, 0, 0));
    assert!(all.iter_mut().all(|subscription| drain(subscription) == [3]));
}

/// The topics go with those that are cut off, though they still hold their subscriptions.
#[test]
fn a_topic_whose_last_subscriber_was_cut_off_is_off_the_list() {
    let hub = Hub::new();
    let topics: Vec<_> = (0..MANY).map(|n| n.to_string()).collect();
    let policy = Policy::disconnect(1, 4321, "slow");
    let all: Vec<_> = topics.iter().map(|topic| hub.subscribe(topic, policy.clone())).collect();
    let news = message(1);
    topics.iter().for_each(|topic| assert_eq!(hub.publish(topic, &news), report(1, 0, 0)));
    let (cut_off, ()) = cost(|| {
        topics.iter().for_each(|topic| assert_eq!(hub.publish(topic, &news), report(0, 0, 1)));
    });
    // Queues and messages are 80 bytes for each topic; the list's room for so many names comes to more.
    assert!(cut_off.kept < -((MANY * 80 + 300_000) as isize), "{cut_off:?}");
    assert_eq!(all.len(), MANY);
}
