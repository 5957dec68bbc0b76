//! `Hub::with_max_queued`: what is counted, that it is never exceeded, and who gives way for it.

#[path = "support/hub.rs"]
mod hub;

use bowline::hub::{Hub, Policy, Report};
use hub::{cost, drain, message, report};

const LEN: usize = 1000;

fn policies() -> [(Policy, Report); 3] {
    [
        // With what the third message is reported where there is room for two.
        (Policy::drop_oldest(9), report(1, 1, 0)),
        (Policy::drop_newest(9), report(0, 1, 0)),
        (Policy::disconnect(9, 4321, "slow"), report(0, 0, 1)),
    ]
}

#[test]
fn the_limit_is_exact() {
    for (policy, third) in policies() {
        for (limit, fits) in
            [(3 * cost(LEN) - 1, false), (3 * cost(LEN), true), (3 * cost(LEN) + 1, true)]
        {
            let hub = Hub::new().with_max_queued(limit);
            assert_eq!(hub.max_queued(), limit);
            let subscription = hub.subscribe("tides", policy.clone());
            assert_eq!(hub.publish("tides", &message(LEN)), report(1, 0, 0));
            assert_eq!(hub.publish("tides", &message(LEN)), report(1, 0, 0));
            assert_eq!(hub.queued(), 2 * cost(LEN));
            let expected = if fits { report(1, 0, 0) } else { third };
            assert_eq!(hub.publish("tides", &message(LEN)), expected, "{policy:?}, {limit}");
            let left = match (fits, third.disconnected) {
                (true, _) => 3,
                (false, 0) => 2,
                (false, _) => 0,
            };
            assert_eq!(hub.queued(), left * cost(LEN), "{policy:?}, {limit}");
            assert_eq!(subscription.missed(), expected.dropped as u64);
            assert_eq!(subscription.overrun().is_some(), expected.disconnected == 1);
        }
    }
}

#[test]
fn a_message_counts_once_however_many_hold_it_and_until_the_last_lets_go() {
    let hub = Hub::new();
    let mut all: Vec<_> = (0..100).map(|_| hub.subscribe("tides", Policy::default())).collect();
    let news = message(LEN);
    assert_eq!(hub.queued(), 0);
    assert_eq!(hub.publish("tides", &news), report(100, 0, 0));
    assert_eq!(hub.queued(), cost(LEN));
    assert_eq!(hub.publish("tides", &message(0)), report(100, 0, 0));
    assert_eq!(hub.queued(), cost(LEN) + cost(0));
    // The same once more is one more in the queues.
    assert_eq!(hub.publish("tides", &news), report(100, 0, 0));
    assert_eq!(hub.queued(), 2 * cost(LEN) + cost(0));
    let taken: Vec<_> = all[1..].iter_mut().map(|one| one.try_next().expect("queued")).collect();
    assert_eq!(hub.queued(), 2 * cost(LEN) + cost(0));
    // What has been taken counts no more, whoever still has it.
    let last = all[0].try_next().expect("queued");
    assert_eq!(hub.queued(), cost(LEN) + cost(0));
    drop((taken, last));
    let [first, rest @ ..] = &mut all[..] else { unreachable!() };
    assert_eq!(drain(first), [0, LEN]);
    assert_eq!(hub.queued(), cost(LEN) + cost(0));
    assert!(rest.iter_mut().all(|one| one.try_next().is_some()));
    assert_eq!(hub.queued(), cost(LEN));
    drop(all);
    assert_eq!(hub.queued(), 0);
}

#[test]
fn every_way_out_of_the_queues_gives_the_bytes_back() {
    for (policy, report) in [
        (Policy::drop_oldest(1), report(1, 1, 0)),
        (Policy::drop_newest(1), report(0, 1, 0)),
        (Policy::disconnect(1, 4321, "slow"), report(0, 0, 1)),
    ] {
        let hub = Hub::new();
        let subscription = hub.subscribe("tides", policy);
        hub.publish("tides", &message(1));
        assert_eq!(hub.publish("tides", &message(2)), report);
        let left = [cost(1), cost(2), 0][report.queued + 2 * report.disconnected];
        assert_eq!(hub.queued(), left, "{report:?}");
        drop(subscription);
        assert_eq!(hub.queued(), 0, "{report:?}");
    }
}

#[test]
fn the_oldest_go_round_after_round_and_no_further_than_needed() {
    for needed in 1..=10 {
        let hub = Hub::new().with_max_queued(10 * cost(0));
        let mut all = [(); 3].map(|()| hub.subscribe("tides", Policy::drop_oldest(100)));
        for _ in 0..10 {
            assert_eq!(hub.publish("tides", &message(0)), report(3, 0, 0));
        }
        assert_eq!(all[1].try_next().map(|next| next.len()), Some(0));
        let large = needed * cost(0) - Hub::MESSAGE_OVERHEAD;
        // One has read the first already, and has one less to let go of where all is needed.
        let dropped = if needed == 10 { 29 } else { 3 * needed };
        assert_eq!(hub.publish("tides", &message(large)), report(3, dropped, 0), "{needed}");
        assert_eq!(hub.queued(), 10 * cost(0), "{needed}");
        let missed = all.each_ref().map(bowline::hub::Subscription::missed);
        assert_eq!(missed.iter().sum::<u64>(), dropped as u64, "{needed}");
        for (n, subscription) in all.iter_mut().enumerate() {
            let taken = usize::from(n == 1).min(10 - needed);
            let expected = [vec![0; 10 - needed - taken], vec![large]].concat();
            assert_eq!(drain(subscription), expected, "{needed}");
        }
    }
}

/// Who is up to date gives nothing, whatever the policy, and gets the message.
#[test]
fn only_those_behind_give_way() {
    let hub = Hub::new().with_max_queued(2 * cost(LEN));
    let [(oldest, _), (newest, _), (disconnect, _)] = policies();
    let both = |policy: Policy| [(); 2].map(|()| hub.subscribe("tides", policy.clone()));
    let [mut oldest, mut newest, mut disconnect] = [oldest, newest, disconnect].map(both);
    hub.publish("tides", &message(LEN));
    hub.publish("tides", &message(LEN));
    for [_, second] in [&mut oldest, &mut newest, &mut disconnect] {
        assert_eq!(drain(second), [LEN, LEN]);
    }
    // The first of each is behind; that of `drop_newest` holds both messages to the end, so that nothing
    // helps: the oldest of two rounds are gone, and all that are left miss it.
    assert_eq!(hub.publish("tides", &message(7)), report(0, 2 + 5, 1));
    assert_eq!(oldest.each_ref().map(bowline::hub::Subscription::missed), [3, 1]);
    assert_eq!(newest.each_ref().map(bowline::hub::Subscription::missed), [1, 1]);
    assert_eq!(disconnect.each_ref().map(bowline::hub::Subscription::missed), [0, 1]);
    assert_eq!(disconnect.each_ref().map(|one| one.overrun().is_some()), [true, false]);
    assert_eq!(hub.queued(), 2 * cost(LEN));
    // With one of them taken there is room without anybody's giving way.
    assert_eq!(newest[0].try_next().map(|next| next.len()), Some(LEN));
    assert_eq!(hub.publish("tides", &message(LEN)), report(5, 0, 0));
    assert_eq!(drain(&mut newest[0]), [LEN, LEN]);
    // And here the first of `drop_oldest` gives way for all.
    for subscription in oldest[1..].iter_mut().chain(&mut newest).chain(&mut disconnect[1..]) {
        drain(subscription);
    }
    assert_eq!(hub.publish("tides", &message(LEN)), report(5, 0, 0));
    assert_eq!(drain(&mut newest[1]), [LEN]);
    // Two rounds' worth is there, one is enough; `drop_newest` misses it only where it is behind.
    assert_eq!(hub.publish("tides", &message(LEN)), report(3, 3, 1));
    assert_eq!(drain(&mut newest[1]), [LEN]);
    assert_eq!(drain(&mut newest[0]), [LEN]);
}

#[test]
fn other_topics_keep_what_they_have() {
    for (policy, _) in policies() {
        let hub = Hub::new().with_max_queued(cost(LEN) + cost(10));
        let mut tides = hub.subscribe("tides", policy.clone());
        let mut winds = hub.subscribe("winds", policy.clone());
        assert_eq!(hub.publish("tides", &message(LEN)), report(1, 0, 0));
        // Not behind, and yet there is no room.
        assert_eq!(hub.publish("winds", &message(LEN)), report(0, 1, 0));
        assert_eq!((winds.missed(), winds.overrun()), (1, None));
        assert_eq!(hub.publish("winds", &message(10)), report(1, 0, 0));
        assert_eq!(hub.queued(), hub.max_queued());
        assert_eq!(drain(&mut tides), [LEN]);
        assert_eq!(drain(&mut winds), [10]);
    }
}

#[test]
fn nobody_gives_way_for_what_is_larger_than_all() {
    for (policy, _) in policies() {
        let hub = Hub::new().with_max_queued(2 * cost(LEN));
        let mut subscription = hub.subscribe("tides", policy);
        hub.publish("tides", &message(LEN));
        let large = 2 * cost(LEN) - Hub::MESSAGE_OVERHEAD;
        assert_eq!(hub.publish("tides", &message(large + 1)), report(0, 1, 0));
        assert_eq!((subscription.missed(), subscription.overrun()), (1, None));
        assert_eq!(drain(&mut subscription), [LEN]);
        assert_eq!(hub.publish("tides", &message(large)), report(1, 0, 0));
        assert_eq!(drain(&mut subscription), [large]);
    }
}

#[test]
fn no_bytes_at_all_are_a_limit_too() {
    let hub = Hub::new().with_max_queued(0);
    let subscription = hub.subscribe("tides", Policy::default());
    assert_eq!(hub.publish("tides", &message(0)), report(0, 1, 0));
    assert_eq!(subscription.missed(), 1);
    // Set for one handle, it is so for all.
    let _ = hub.clone().with_max_queued(cost(0));
    assert_eq!(hub.publish("tides", &message(0)), report(1, 0, 0));
}
