//! A hub beside a naive one: whatever is done to both, they report, hold and yield the same.

#[path = "support/hub.rs"]
mod hub;

use std::collections::VecDeque;

use bowline::hub::{Hub, Policy, Report, Subscription};
use hub::{cost, message};
use proptest::prelude::*;

const TOPICS: [&str; 2] = ["tides", "winds"];

#[derive(Clone, Debug)]
enum Step {
    Subscribe { topic: usize, kind: Kind, capacity: usize },
    Publish { topic: usize, len: usize },
    Take { who: usize },
    Drop { who: usize },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Oldest,
    Newest,
    Disconnect,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kind = prop_oneof![Just(Kind::Oldest), Just(Kind::Newest), Just(Kind::Disconnect)];
    let topic = || 0..TOPICS.len();
    let subscribe = (topic(), kind, 1..6usize);
    let step = prop_oneof![
        2 => subscribe.prop_map(|(topic, kind, capacity)| Step::Subscribe { topic, kind, capacity }),
        6 => (topic(), 0..2000usize).prop_map(|(topic, len)| Step::Publish { topic, len }),
        4 => any::<usize>().prop_map(|who| Step::Take { who }),
        1 => any::<usize>().prop_map(|who| Step::Drop { who }),
    ];
    prop::collection::vec(step, 1..120)
}

/// A subscriber, and each message as its number and its length.
struct Naive {
    topic: usize,
    kind: Kind,
    capacity: usize,
    queue: VecDeque<(usize, usize)>,
    missed: u64,
    is_cut_off: bool,
}

#[derive(Default)]
struct NaiveHub {
    all: Vec<Naive>,
    published: usize,
}

impl Naive {
    fn cut_off(&mut self, report: &mut Report) {
        self.queue.clear();
        self.is_cut_off = true;
        report.disconnected += 1;
    }

    fn miss(&mut self, report: &mut Report) {
        self.missed += 1;
        report.dropped += 1;
    }
}

impl NaiveHub {
    fn of(&mut self, topic: usize) -> impl Iterator<Item = &mut Naive> {
        self.all.iter_mut().filter(move |one| one.topic == topic && !one.is_cut_off)
    }

    /// Every message that is in any queue, once.
    fn queued(&self) -> usize {
        let mut all: Vec<_> = self.all.iter().flat_map(|one| one.queue.iter()).collect();
        all.sort_unstable();
        all.dedup();
        all.into_iter().map(|(_, len)| cost(*len)).sum()
    }

    fn publish(&mut self, topic: usize, len: usize, max: usize) -> Report {
        let mut report = Report::default();
        self.published += 1;
        let number = self.published;
        let mut is_pressed = false;
        while self.queued() + cost(len) > max {
            let is_behind = |one: &&mut Naive| !one.queue.is_empty() && one.kind != Kind::Newest;
            let behind: Vec<_> = self.of(topic).filter(is_behind).collect();
            if behind.is_empty() || cost(len) > max {
                self.of(topic).for_each(|one| one.miss(&mut report));
                return report;
            }
            is_pressed = true;
            for one in behind {
                if one.kind == Kind::Oldest {
                    one.queue.pop_front();
                    one.miss(&mut report);
                } else {
                    one.cut_off(&mut report);
                }
            }
        }
        for one in self.of(topic) {
            let is_full = one.queue.len() == one.capacity;
            let gives_way = is_full || (is_pressed && !one.queue.is_empty());
            match one.kind {
                Kind::Oldest if is_full => {
                    one.queue.pop_front();
                    one.miss(&mut report);
                }
                Kind::Newest if gives_way => {
                    one.miss(&mut report);
                    continue;
                }
                Kind::Disconnect if is_full => {
                    one.cut_off(&mut report);
                    continue;
                }
                _ => {}
            }
            one.queue.push_back((number, len));
            report.queued += 1;
        }
        report
    }
}

fn policy(kind: Kind, capacity: usize) -> Policy {
    match kind {
        Kind::Oldest => Policy::drop_oldest(capacity),
        Kind::Newest => Policy::drop_newest(capacity),
        Kind::Disconnect => Policy::disconnect(capacity, 4321, "slow"),
    }
}

fn compare(hub: &Hub, naive: &mut NaiveHub, all: &[Subscription]) {
    assert_eq!(hub.queued(), naive.queued());
    for (n, topic) in TOPICS.into_iter().enumerate() {
        assert_eq!(hub.subscribers(topic), naive.of(n).count());
    }
    for (one, naive) in all.iter().zip(&naive.all) {
        assert_eq!((one.missed(), one.overrun().is_some()), (naive.missed, naive.is_cut_off));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn it_does_what_the_naive_one_does(steps in steps(), max in 0..12_000usize) {
        let hub = Hub::new().with_max_queued(max);
        let (mut naive, mut all) = (NaiveHub::default(), Vec::new());
        for step in steps {
            let count = all.len();
            match step {
                Step::Subscribe { topic, kind, capacity } => {
                    all.push(hub.subscribe(TOPICS[topic], policy(kind, capacity)));
                    let (queue, missed, is_cut_off) = (VecDeque::new(), 0, false);
                    naive.all.push(Naive { topic, kind, capacity, queue, missed, is_cut_off });
                }
                Step::Publish { topic, len } => {
                    let report = hub.publish(TOPICS[topic], &message(len));
                    prop_assert_eq!(report, naive.publish(topic, len, max));
                }
                Step::Take { who } if count > 0 => {
                    let taken = all[who % count].try_next().map(|message| message.len());
                    let expected = naive.all[who % count].queue.pop_front();
                    prop_assert_eq!(taken, expected.map(|(_, len)| len));
                }
                Step::Drop { who } if count > 0 => {
                    drop(all.swap_remove(who % count));
                    naive.all.swap_remove(who % count);
                }
                _ => {}
            }
            compare(&hub, &mut naive, &all);
        }
    }
}
