//! Publishers and subscribers in real threads: one order for all, no deadlock, nothing past the cap.

#[path = "support/hub.rs"]
mod hub;

use std::{
    sync::{
        Barrier,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use bowline::hub::{Hub, Policy, Report, Subscription};
use hub::{cost, drain, message, not_locked_out};
use tokio::runtime;

const PUBLISHERS: usize = 3;
const MESSAGES: usize = 1000;

/// Waits for all that comes until the hub ends, in this thread.
fn received(mut subscription: Subscription) -> Vec<usize> {
    let runtime = runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async move {
        let mut lens = Vec::new();
        while let Some(next) = subscription.next().await {
            lens.push(next.len());
        }
        lens
    })
}

#[test]
fn all_subscribers_see_one_order_and_those_that_come_later_its_end() {
    let (whole, late) = not_locked_out(|| {
        let hub = Hub::new();
        let all = || Policy::drop_newest(PUBLISHERS * MESSAGES);
        let subscriptions = [(); 4].map(|()| hub.subscribe("tides", all()));
        let barrier = Barrier::new(PUBLISHERS + 5);
        thread::scope(|scope| {
            let whole = subscriptions.map(|subscription| {
                scope.spawn(|| {
                    barrier.wait();
                    received(subscription)
                })
            });
            for publisher in 0..PUBLISHERS {
                let (hub, barrier) = (hub.clone(), &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    for n in 0..MESSAGES {
                        let report = hub.publish("tides", &message(publisher * MESSAGES + n));
                        assert_eq!((report.dropped, report.disconnected), (0, 0));
                    }
                });
            }
            let late = scope.spawn(|| {
                let hub = hub;
                barrier.wait();
                (0..20).map(|_| hub.subscribe("tides", all())).collect::<Vec<_>>()
            });
            let late = late.join().expect("no panic");
            // Those that leave again are missed by nobody.
            let late = late.into_iter().step_by(2).map(received).collect::<Vec<_>>();
            (whole.map(|thread| thread.join().expect("no panic")), late)
        })
    });
    for publisher in 0..PUBLISHERS {
        let range = publisher * MESSAGES..(publisher + 1) * MESSAGES;
        let own = whole[0].iter().copied().filter(|len| range.contains(len));
        assert!(own.eq(range.clone()), "each publisher's in its order");
    }
    assert_eq!(whole[0].len(), PUBLISHERS * MESSAGES);
    assert!(whole.iter().all(|lens| *lens == whole[0]));
    assert!(late.iter().all(|lens| whole[0].ends_with(lens)));
}

/// The last leaves a topic while others come: none may end up in a topic that is gone. A publisher that cuts
/// a thousand off keeps the topic for a while, and those who come wait at its door.
#[test]
fn whoever_comes_when_the_last_is_cut_off_is_in_a_topic_that_is_there() {
    const ROUNDS: usize = 100;
    not_locked_out(|| {
        let hub = Hub::new();
        let barrier = Barrier::new(3);
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let cut_off = (0..1000)
                        .map(|_| hub.subscribe("tides", Policy::disconnect(1, 4321, "slow")))
                        .collect::<Vec<_>>();
                    hub.publish("tides", &message(0));
                    barrier.wait();
                    hub.publish("tides", &message(0));
                    barrier.wait();
                    assert!(cut_off.iter().all(|one| one.overrun().is_some()));
                }
            });
            for comer in 1..3 {
                let (hub, barrier) = (&hub, &barrier);
                scope.spawn(move || {
                    for _ in 0..ROUNDS {
                        barrier.wait();
                        for _ in 0..20 {
                            let mut own = hub.subscribe("tides", Policy::drop_newest(10_000));
                            assert!(hub.publish("tides", &message(comer)).queued > 0);
                            assert!(drain(&mut own).contains(&comer));
                        }
                        barrier.wait();
                    }
                });
            }
        });
        assert_eq!((hub.subscribers("tides"), hub.queued()), (0, 0));
    });
}

#[test]
fn unsubscribing_while_others_publish_locks_nobody_out() {
    not_locked_out(|| {
        let hub = Hub::new();
        let barrier = Barrier::new(4);
        let is_done = AtomicBool::new(false);
        let policies =
            [Policy::drop_oldest(2), Policy::drop_newest(2), Policy::disconnect(2, 4321, "slow")];
        thread::scope(|scope| {
            for n in 0..2 {
                let (hub, barrier, policies, is_done) = (&hub, &barrier, &policies, &is_done);
                scope.spawn(move || {
                    let mut held = Vec::new();
                    barrier.wait();
                    for turn in 0.. {
                        let topic = ["tides", "winds"][turn % 2];
                        held.push(hub.subscribe(topic, policies[turn % 3].clone()));
                        if held.len() > 20 + n {
                            drop(held.swap_remove(turn * 7 % 20));
                        }
                        if is_done.load(Ordering::Relaxed) {
                            break;
                        }
                    }
                });
            }
            let publishers = [0, 1].map(|n| {
                let (hub, barrier) = (&hub, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    for turn in 0..3000 {
                        hub.publish(["tides", "winds"][n], &message(turn));
                    }
                })
            });
            for publisher in publishers {
                publisher.join().expect("no panic");
            }
            is_done.store(true, Ordering::Relaxed);
        });
        assert_eq!(["tides", "winds"].map(|topic| hub.subscribers(topic)), [0, 0]);
        assert_eq!(hub.queued(), 0);
    });
}

/// Each on a topic of its own, with nothing between them but the cap.
#[test]
fn the_cap_is_never_exceeded() {
    const LEN: usize = 100;
    let most = 7 * cost(LEN);
    let (queued, dropped) = not_locked_out(move || {
        let hub = Hub::new().with_max_queued(most);
        let barrier = Barrier::new(4);
        let [queued, dropped] = [(); 2].map(|()| AtomicUsize::new(0));
        thread::scope(|scope| {
            for n in 0..4 {
                let (hub, barrier, queued, dropped) = (&hub, &barrier, &queued, &dropped);
                scope.spawn(move || {
                    let topic = n.to_string();
                    let mut own = hub.subscribe(&topic, Policy::drop_oldest(9));
                    let news = message(LEN);
                    barrier.wait();
                    for turn in 0..20_000 {
                        let Report { queued: now, dropped: lost, .. } = hub.publish(&topic, &news);
                        assert!(hub.queued() <= most, "{} of {most}", hub.queued());
                        queued.fetch_add(now, Ordering::Relaxed);
                        dropped.fetch_add(lost, Ordering::Relaxed);
                        if turn % 3 == 0 {
                            own.try_next();
                        }
                    }
                });
            }
        });
        assert_eq!(hub.queued(), 0);
        (queued.into_inner(), dropped.into_inner())
    });
    assert!(queued > 1000 && dropped > 1000, "both happen: {queued}, {dropped}");
}
