//! Processes and a broker that is a list: no runtime, no clock, no sleep.

use super::*;

/// A broker, and processes a second apart at most.
struct World {
    now: Instant,
    processes: Vec<Process>,
    /// What was published and not yet delivered: the publisher and the payload.
    queue: Vec<String>,
}

struct Process {
    federation: Federation,
    news: Vec<News>,
    is_connected: bool,
}

impl World {
    /// This many processes, all with a link and met.
    fn met(count: usize) -> Self {
        let mut world = Self { now: Instant::now(), processes: Vec::new(), queue: Vec::new() };
        for number in 0..count {
            let federation = Federation::new(format!("p{number}"));
            world.processes.push(Process { federation, news: Vec::new(), is_connected: false });
            world.link_up(number);
        }
        world.settle();
        world
    }

    fn link_up(&mut self, number: usize) {
        let process = &mut self.processes[number];
        process.is_connected = true;
        self.queue.push(process.federation.link_up(self.now));
    }

    fn link_down(&mut self, number: usize) {
        self.processes[number].is_connected = false;
        self.processes[number].federation.link_down();
    }

    fn arrive(&mut self, number: usize, name: &str) {
        let federation = &mut self.processes[number].federation;
        self.queue.extend(federation.arrive(self.now, name.into()));
    }

    fn leave(&mut self, number: usize, name: &str) {
        self.queue.extend(self.processes[number].federation.leave(self.now, name));
    }

    fn say(&mut self, number: usize, name: &str, text: &str) {
        self.queue.extend(self.processes[number].federation.say(entry(name, text)));
    }

    fn deliver(&mut self, payloads: Vec<String>) {
        for payload in payloads {
            for process in self.processes.iter_mut().filter(|process| process.is_connected) {
                let news = process.federation.receive(self.now, payload.as_bytes());
                process.news.extend(news.expect("well-formed"));
            }
        }
    }

    /// Delivers what there is, and what is said to it at once.
    fn settle(&mut self) {
        loop {
            for process in &mut self.processes {
                if process.federation.next_tick().is_some_and(|due| due <= self.now) {
                    let (payload, news) = process.federation.tick(self.now);
                    self.queue.extend(payload);
                    process.news.extend(news);
                }
            }
            if self.queue.is_empty() {
                return;
            }
            let payloads = mem::take(&mut self.queue);
            self.deliver(payloads);
        }
    }

    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now += HEARTBEAT;
            self.settle();
        }
    }

    fn news(&mut self, number: usize) -> Vec<News> {
        mem::take(&mut self.processes[number].news)
    }
}

fn entry(name: &str, text: &str) -> Entry {
    Entry { name: name.into(), text: text.into(), at: 1 }
}

fn said(process: &str, name: &str, text: &str) -> News {
    News::Said { process: process.into(), entry: entry(name, text) }
}

fn people(process: &str, arrived: &[&str], departed: &[&str]) -> News {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    News::People { process: process.into(), arrived: owned(arrived), departed: owned(departed) }
}

#[test]
fn everything_is_heard_once_in_order_and_not_by_oneself() {
    let mut world = World::met(3);
    world.arrive(0, "Ada");
    world.say(0, "Ada", "one");
    world.say(0, "Ada", "two");
    world.leave(0, "Ada");
    world.settle();
    let expected = || {
        [
            people("p0", &["Ada"], &[]),
            said("p0", "Ada", "one"),
            said("p0", "Ada", "two"),
            people("p0", &[], &["Ada"]),
        ]
    };
    assert_eq!(world.news(0), []);
    assert_eq!(world.news(1), expected());
    assert_eq!(world.news(2), expected());
    // Nothing changes, nothing is news.
    world.pass(20);
    assert!((0..3).all(|number| world.news(number).is_empty()));
}

#[test]
fn who_comes_later_hears_who_is_where() {
    let mut world = World::met(2);
    world.arrive(0, "Ada");
    world.arrive(0, "Bob");
    world.arrive(1, "Cleo");
    world.settle();
    let late = Federation::new("p2".into());
    world.processes.push(Process { federation: late, news: Vec::new(), is_connected: false });
    world.arrive(2, "Dan");
    world.news(0);
    world.link_up(2);
    world.settle();
    // With no time passing.
    let news = [people("p0", &["Ada", "Bob"], &[]), people("p1", &["Cleo"], &[])];
    assert_eq!(world.news(2), news);
    assert_eq!(world.news(0), [people("p2", &["Dan"], &[])]);
}

#[test]
fn a_message_that_comes_twice_is_heard_once() {
    let mut world = World::met(2);
    world.arrive(0, "Ada");
    world.say(0, "Ada", "once");
    let payloads = world.queue.clone();
    world.settle();
    world.deliver(payloads);
    assert_eq!(world.news(1), [people("p0", &["Ada"], &[]), said("p0", "Ada", "once")]);
}

#[test]
fn the_silent_have_gone() {
    let mut world = World::met(2);
    world.arrive(0, "Ada");
    world.settle();
    world.news(1);
    let gone = world.processes.remove(0);
    world.pass(4);
    assert_eq!(world.news(0), []);
    world.pass(2);
    assert_eq!(world.news(0), [people("p0", &[], &["Ada"])]);
    // One that was only slow is met again.
    world.processes.insert(0, gone);
    world.pass(1);
    assert_eq!(world.news(1), [people("p0", &["Ada"], &[])]);
}

#[test]
fn without_a_link_nothing_is_said_and_nothing_kept() {
    let mut world = World::met(2);
    world.arrive(0, "Ada");
    world.settle();
    world.news(1);
    world.link_down(0);
    world.link_down(1);
    world.say(0, "Ada", "lost");
    world.arrive(0, "Bob");
    assert_eq!(world.queue, [""; 0]);
    world.link_up(1);
    world.link_up(0);
    world.settle();
    world.say(0, "Ada", "after");
    world.settle();
    assert_eq!(world.news(1), [people("p0", &["Ada", "Bob"], &[]), said("p0", "Ada", "after")]);
}

/// A broker that stood still for a while and then delivers what it had.
#[test]
fn what_was_kept_back_is_not_heard_after_a_new_link() {
    let mut world = World::met(2);
    world.arrive(0, "Ada");
    world.settle();
    world.news(1);
    // Taken by the broker, delivered to nobody: a sign of life and a message behind it.
    world.now += HEARTBEAT;
    let (here, _) = world.processes[0].federation.tick(world.now);
    world.queue.extend(here);
    world.say(0, "Ada", "late");
    let kept = mem::take(&mut world.queue);
    world.link_down(0);
    world.link_down(1);
    world.link_up(1);
    let hello = mem::take(&mut world.queue);
    world.deliver(kept.clone());
    assert_eq!(world.news(1), []);
    world.link_up(0);
    world.queue.extend(hello);
    world.settle();
    world.deliver(kept);
    assert_eq!(world.news(1), [people("p0", &["Ada"], &[])]);
}

/// One process loses its connection and has another before anybody else has noticed.
#[test]
fn a_short_absence_of_one_is_no_news_to_the_others() {
    let mut world = World::met(2);
    world.arrive(0, "Ada");
    world.arrive(1, "Bob");
    world.settle();
    world.news(0);
    world.news(1);
    world.link_down(0);
    world.link_up(0);
    world.say(0, "Ada", "too early to be heard");
    world.settle();
    world.say(0, "Ada", "heard");
    world.settle();
    assert_eq!(world.news(0), [people("p1", &["Bob"], &[])]);
    assert_eq!(world.news(1), [said("p0", "Ada", "heard")]);
}

#[test]
fn nobody_speaks_who_is_not_there() {
    let mut world = World::met(2);
    world.say(0, "Ada", "not here");
    assert_eq!(world.queue, [""; 0]);
    let spoken = |from: &str, seq| {
        let content = Content::Said(entry("Ada", "forged"));
        Dispatch { from: from.into(), link: 1, seq, content }.encode()
    };
    // A name that the process does not have, a process that nobody knows, and ourselves.
    let (peer, stranger, own) = (spoken("p0", 99), spoken("x", 1), spoken("p1", 99));
    world.deliver(vec![peer, stranger, own]);
    assert_eq!(world.news(1), []);
    world.arrive(0, "Ada");
    world.settle();
    // Nobody has heard of such a link.
    let content = Content::Said(entry("Ada", "of another link"));
    world.deliver(vec![Dispatch { from: "p0".into(), link: 2, seq: 99, content }.encode()]);
    world.say(0, "Ada", "real");
    world.settle();
    assert_eq!(world.news(1), [people("p0", &["Ada"], &[]), said("p0", "Ada", "real")]);
}

#[test]
fn people_and_peers_have_their_limits() {
    let mut world = World::met(1);
    for number in 0..MAX_PEERS {
        let content = Content::Here { people: BTreeSet::new(), heard: BTreeMap::new() };
        let dispatch = Dispatch { from: format!("x{number}"), link: 1, seq: 1, content };
        world.deliver(vec![dispatch.encode()]);
    }
    // No room for another process until those have been silent.
    let late = Federation::new("late".into());
    world.processes.push(Process { federation: late, news: Vec::new(), is_connected: false });
    for number in 0..=MAX_PEOPLE {
        world.arrive(1, &format!("person {number:04}"));
    }
    world.link_up(1);
    world.pass(4);
    assert_eq!(world.news(0), []);
    world.pass(2);
    world.say(1, "person 0999", "is told");
    world.say(1, "person 1000", "is not");
    world.settle();
    let news = world.news(0);
    assert!(matches!(&news[0], News::People { arrived, .. } if arrived.len() == MAX_PEOPLE));
    assert_eq!(news[1..], [said("late", "person 0999", "is told")]);
}

/// A process that could not run for a while, or its whole machine.
#[test]
fn after_a_sleep_nobody_has_gone() {
    let mut world = World::met(2);
    world.arrive(0, "Ada");
    world.settle();
    world.news(1);
    world.now += SILENCE * 10;
    world.settle();
    world.pass(10);
    assert_eq!(world.news(1), []);
}
