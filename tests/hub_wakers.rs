//! Who is woken, and when: with several subscriptions in one task, with futures that are dropped, and with
//! wakers whose own code comes back to the hub.

#[path = "support/hub.rs"]
mod hub;
#[path = "support/io.rs"]
mod io;

use std::{
    pin::pin,
    sync::{Arc, Mutex},
    task::{Poll, Wake, Waker},
};

use bowline::hub::{Hub, Policy, Subscription};
use hub::{drain, message, not_locked_out, poll_once};
use io::{Wakes, poll_times};

fn wakes() -> (Arc<Wakes>, Waker) {
    let wakes = Arc::new(Wakes::default());
    (wakes.clone(), Waker::from(wakes))
}

fn waits(subscription: &mut Subscription, waker: &Waker) -> bool {
    poll_once(subscription.next(), waker).is_pending()
}

#[test]
fn whoever_waits_is_woken_once_and_nobody_else() {
    let hub = Hub::new();
    let (count, waker) = wakes();
    let mut tides = hub.subscribe("tides", Policy::default());
    hub.publish("tides", &message(1));
    assert!(!waits(&mut tides, &waker));
    hub.publish("tides", &message(2));
    assert_eq!((count.count(), drain(&mut tides)), (0, vec![2]));
    for n in 1..5 {
        assert!(waits(&mut tides, &waker) && waits(&mut tides, &waker));
        hub.publish("winds", &message(3));
        assert_eq!(count.count(), n - 1);
        hub.publish("tides", &message(3));
        hub.publish("tides", &message(4));
        assert_eq!((count.count(), drain(&mut tides)), (n, vec![3, 4]));
    }
}

#[test]
fn the_last_waker_is_the_one() {
    let hub = Hub::new();
    let [(first, one), (second, two)] = [wakes(), wakes()];
    let mut tides = hub.subscribe("tides", Policy::default());
    assert!(waits(&mut tides, &one) && waits(&mut tides, &two));
    hub.publish("tides", &message(1));
    assert_eq!([first.count(), second.count()], [0, 1]);
    assert_eq!(drain(&mut tides), [1]);
    // No waker is kept for longer than it is waited.
    assert!(waits(&mut tides, &one));
    drop((one, two, tides));
    assert_eq!([first, second].map(|wakes| Arc::strong_count(&wakes)), [1, 1]);
}

#[test]
fn the_end_of_the_hub_wakes_all() {
    let hub = Hub::new();
    let (count, waker) = wakes();
    let names: Vec<_> = (0..100).map(|n: usize| (n % 7).to_string()).collect();
    let mut all: Vec<_> = names.iter().map(|name| hub.subscribe(name, Policy::default())).collect();
    assert!(all.iter_mut().all(|one| waits(one, &waker)));
    drop(hub.clone());
    assert_eq!(count.count(), 0);
    drop(hub);
    assert_eq!(count.count(), 100);
    assert!(all.iter_mut().all(|one| !waits(one, &waker)));
}

#[tokio::test]
async fn two_subscriptions_in_one_task_lose_nothing() {
    let hub = Hub::new();
    let mut tides = hub.subscribe("tides", Policy::drop_newest(1000));
    let mut winds = hub.subscribe("winds", Policy::drop_newest(1000));
    let publishing = tokio::spawn(async move {
        for n in 0..500 {
            hub.publish("tides", &message(n));
            if n % 3 == 0 {
                tokio::task::yield_now().await;
            }
            hub.publish("winds", &message(n));
        }
    });
    let (mut from_tides, mut from_winds) = (Vec::new(), Vec::new());
    loop {
        tokio::select! {
            Some(next) = tides.next() => from_tides.push(next.len()),
            Some(next) = winds.next() => from_winds.push(next.len()),
            else => break,
        }
    }
    publishing.await.expect("no panic");
    let all: Vec<_> = (0..500).collect();
    assert_eq!((from_tides, from_winds), (all.clone(), all));
}

#[test]
fn next_dropped_at_every_poll_loses_nothing() {
    for polls in [0, 1, 2, 3] {
        let hub = Hub::new();
        let mut tides = hub.subscribe("tides", Policy::drop_newest(2000));
        let mut received = Vec::new();
        for n in 0..1000 {
            hub.publish("tides", &message(n));
            for _ in 0..n % 4 {
                if let Poll::Ready(next) = poll_times(pin!(tides.next()), polls) {
                    received.push(next.expect("open").len());
                }
                // Made, and never polled.
                drop(tides.next());
            }
        }
        assert_eq!(received.is_empty(), polls == 0);
        received.extend(drain(&mut tides));
        assert!(received.into_iter().eq(0..1000), "{polls} polls");
    }
}

// ---- wakers that come back ----

/// What a waker's own code does to the hub.
type Deed = Box<dyn FnOnce() + Send>;

/// A waker that does something when it is woken, and what is left when it is dropped.
#[derive(Default)]
struct Doer {
    when_woken: Mutex<Option<Deed>>,
    when_dropped: Mutex<Option<Deed>>,
}

impl Wake for Doer {
    fn wake(self: Arc<Self>) {
        let deed = self.when_woken.lock().expect("no panic").take();
        if let Some(deed) = deed {
            deed();
        }
    }
}

impl Drop for Doer {
    fn drop(&mut self) {
        if let Some(deed) = self.when_dropped.get_mut().expect("no panic").take() {
            deed();
        }
    }
}

fn doer(when_woken: Option<Deed>, when_dropped: Option<Deed>) -> Waker {
    let (when_woken, when_dropped) = (Mutex::new(when_woken), Mutex::new(when_dropped));
    Waker::from(Arc::new(Doer { when_woken, when_dropped }))
}

/// Everything that takes each of the locks, on one topic and on another.
fn everything(hub: &Hub) -> Deed {
    let hub = hub.clone();
    let held = ["tides", "winds"].map(|topic| hub.subscribe(topic, Policy::drop_oldest(1)));
    Box::new(move || {
        for topic in ["tides", "winds"] {
            let mut subscription = hub.subscribe(topic, Policy::default());
            hub.publish(topic, &message(1));
            assert!(subscription.try_next().is_some() && hub.subscribers(topic) > 0);
        }
        drop(held);
    })
}

#[test]
fn a_waker_that_uses_the_hub_when_woken_locks_nobody_out() {
    not_locked_out(|| {
        let hub = Hub::new();
        let mut tides = hub.subscribe("tides", Policy::default());
        let waker = doer(Some(everything(&hub)), None);
        assert!(waits(&mut tides, &waker));
        assert_eq!(hub.publish("tides", &message(5)).queued, 2);
        assert_eq!(drain(&mut tides), [5, 1]);
        assert_eq!(["tides", "winds"].map(|topic| hub.subscribers(topic)), [1, 0]);
    });
}

/// How a waker that was left with a subscription goes.
#[derive(Clone, Copy, Debug)]
enum Way {
    Replaced,
    Unsubscribed,
    Woken,
    Ended,
}

#[test]
fn a_waker_that_uses_the_hub_when_dropped_locks_nobody_out() {
    for way in [Way::Replaced, Way::Unsubscribed, Way::Woken, Way::Ended] {
        not_locked_out(move || {
            let hub = Hub::new();
            let mut tides = hub.subscribe("tides", Policy::default());
            // At the hub's end only what holds no handle may be dropped.
            let held = ["tides", "winds"].map(|topic| hub.subscribe(topic, Policy::default()));
            let deed: Deed = match way {
                Way::Ended => Box::new(move || drop(held)),
                _ => everything(&hub),
            };
            let waker = doer(None, Some(deed));
            assert!(waits(&mut tides, &waker));
            drop(waker);
            match way {
                Way::Replaced => {
                    // It publishes what the new one is woken for.
                    let (count, waker) = wakes();
                    assert!(waits(&mut tides, &waker));
                    assert_eq!((count.count(), drain(&mut tides)), (1, vec![1]));
                }
                Way::Unsubscribed => drop(tides),
                Way::Woken => assert!(hub.publish("tides", &message(1)).queued > 1),
                Way::Ended => drop(hub),
            }
        });
    }
}

/// Its task may be the last to hold another subscription, of the same topic, that waits as well.
#[test]
fn a_chain_of_wakers_that_hold_subscriptions_goes_at_once() {
    for by_waking in [false, true] {
        not_locked_out(move || {
            let hub = Hub::new();
            let mut last = hub.subscribe("tides", Policy::default());
            for _ in 0..50 {
                let mut next = hub.subscribe("tides", Policy::default());
                let held: Deed = Box::new(move || drop(last));
                let waker = if by_waking { doer(Some(held), None) } else { doer(None, Some(held)) };
                assert!(waits(&mut next, &waker));
                last = next;
            }
            assert_eq!(hub.subscribers("tides"), 51);
            hub.publish("tides", &message(1));
            drop(last);
            assert_eq!((hub.subscribers("tides"), hub.queued()), (0, 0));
        });
    }
}
