//! One room over many processes: what to tell the others, and what to make of what they tell.
//!
//! No sockets and no clock here: `broker.rs` has those, passes on what it receives and publishes what
//! these methods return.
//!
//! ```text
//!             link_up                       the others' "here"
//!   Local ------------> Joined, nobody known --------------> Joined, with peers
//!     ^                    |                                    |
//!     +--------------------+------------------------------------+  link_down
//! ```
//!
//! Every process says "here" once a second, and whenever somebody comes or goes: who is in its room, and
//! which processes it hears. A peer counts while it says that it hears us, on this link of ours and not on
//! an earlier one. Therefore nothing that a broker has kept back from an earlier time arrives as if it were
//! new: it can't mention a link that did not exist yet. A peer that stops counting is gone after `SILENCE`.
//!
//! The broker delivers at most once and keeps each publisher's order. What is said without a link is not
//! sent later, and what is lost is lost; `seq` sees to it that nothing is heard twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    time::{Duration, Instant},
};

use crate::{
    dispatch::{Content, Dispatch, MAX_PEERS, MAX_PEOPLE, Malformed},
    protocol::{Entry, Link},
};

const HEARTBEAT: Duration = Duration::from_secs(1);
/// After so much time without a sign that counts, a peer's people have gone.
const SILENCE: Duration = Duration::from_secs(5);

/// What the room has to hear about the others.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// `Local` also means that everybody elsewhere is out of reach.
    Link(Link),
    /// Who has come and gone at a process.
    People {
        process: String,
        arrived: Vec<String>,
        departed: Vec<String>,
    },
    Said {
        process: String,
        entry: Entry,
    },
}

/// This process among the others.
pub(crate) struct Federation {
    id: String,
    /// The number of the newest link.
    link: u64,
    seq: u64,
    /// Who is here.
    people: BTreeSet<String>,
    state: State,
}

enum State {
    Local,
    Joined { next_heartbeat: Instant, peers: BTreeMap<String, Peer> },
}

/// Another process.
struct Peer {
    link: u64,
    seq: u64,
    counts: Counts,
    /// When it last counted, or was met.
    at: Instant,
    people: BTreeSet<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Counts {
    Yes,
    /// It has not said yet that it hears us.
    NotYet,
}

impl Federation {
    /// `id` has to be another for each process, and for each of its runs.
    pub(crate) fn new(id: String) -> Self {
        Self { id, link: 0, seq: 0, people: BTreeSet::new(), state: State::Local }
    }

    /// The broker has been reached: returns what to publish.
    pub(crate) fn link_up(&mut self, now: Instant) -> String {
        self.link += 1;
        self.state = State::Joined { next_heartbeat: now, peers: BTreeMap::new() };
        self.here(now).expect("the state is Joined")
    }

    /// The broker is away, and so is everybody else.
    pub(crate) fn link_down(&mut self) {
        self.state = State::Local;
    }

    /// Somebody has come in here.
    pub(crate) fn arrive(&mut self, now: Instant, name: String) -> Option<String> {
        self.people.insert(name);
        self.here(now)
    }

    /// Somebody here has left.
    pub(crate) fn leave(&mut self, now: Instant, name: &str) -> Option<String> {
        self.people.remove(name);
        self.here(now)
    }

    /// Somebody here has said something. Without a link nobody else hears of it, now or later.
    pub(crate) fn say(&mut self, entry: Entry) -> Option<String> {
        match &self.state {
            State::Joined { .. } if self.told().any(|name| *name == entry.name) => {
                Some(self.dispatch(Content::Said(entry)))
            }
            _ => None,
        }
    }

    /// When to call `tick`; `None` without a link.
    pub(crate) fn next_tick(&self) -> Option<Instant> {
        match &self.state {
            State::Joined { next_heartbeat, .. } => Some(*next_heartbeat),
            State::Local => None,
        }
    }

    /// Lets go of peers that are silent. Returns what to publish, and the news.
    pub(crate) fn tick(&mut self, now: Instant) -> (Option<String>, Vec<News>) {
        let State::Joined { next_heartbeat, peers } = &mut self.state else {
            return (None, Vec::new());
        };
        // Whoever could not run for a while has yet to read what the others said meanwhile.
        let is_late = now > *next_heartbeat + HEARTBEAT;
        let mut news = Vec::new();
        peers.retain(|process, peer| {
            let stays = is_late || now.duration_since(peer.at) < SILENCE;
            if !stays {
                let departed: Vec<String> = mem::take(&mut peer.people).into_iter().collect();
                if !departed.is_empty() {
                    let (process, arrived) = (process.clone(), Vec::new());
                    news.push(News::People { process, arrived, departed });
                }
            }
            stays
        });
        (self.here(now), news)
    }

    /// What another process has published, or we ourselves.
    ///
    /// # Errors
    ///
    /// `Malformed` for what no process of this version would say. What is merely old is no error.
    pub(crate) fn receive(&mut self, now: Instant, payload: &[u8]) -> Result<Vec<News>, Malformed> {
        let Dispatch { from, link, seq, content } = Dispatch::parse(payload)?;
        let State::Joined { next_heartbeat, peers } = &mut self.state else {
            return Ok(Vec::new());
        };
        if from == self.id || (!peers.contains_key(&from) && peers.len() == MAX_PEERS) {
            return Ok(Vec::new());
        }
        let news =
            match content {
                Content::Here { people, heard } => {
                    let peer = peers.entry(from.clone()).or_insert_with(|| Peer::new(now));
                    let is_new_link = link > peer.link;
                    if !peer.takes(link, seq) {
                        return Ok(Vec::new());
                    }
                    if is_new_link {
                        // It waits to hear that we hear it.
                        *next_heartbeat = now;
                    }
                    let hears_us = heard.get(&self.id) == Some(&self.link);
                    peer.note(now, hears_us.then_some(people)).map(|(arrived, departed)| {
                        News::People { process: from, arrived, departed }
                    })
                }
                Content::Said(entry) => {
                    let is_heard =
                        peers.get_mut(&from).is_some_and(|peer| peer.hears(link, seq, &entry));
                    is_heard.then_some(News::Said { process: from, entry })
                }
            };
        Ok(news.into_iter().collect())
    }

    /// Those of our people whom the others hear about.
    fn told(&self) -> impl Iterator<Item = &String> {
        self.people.iter().take(MAX_PEOPLE)
    }

    fn here(&mut self, now: Instant) -> Option<String> {
        let State::Joined { next_heartbeat, peers } = &mut self.state else { return None };
        *next_heartbeat = now + HEARTBEAT;
        let heard = peers.iter().map(|(id, peer)| (id.clone(), peer.link)).collect();
        let people = self.told().cloned().collect();
        Some(self.dispatch(Content::Here { people, heard }))
    }

    fn dispatch(&mut self, content: Content) -> String {
        self.seq += 1;
        Dispatch { from: self.id.clone(), link: self.link, seq: self.seq, content }.encode()
    }
}

impl Peer {
    fn new(now: Instant) -> Self {
        Self { link: 0, seq: 0, counts: Counts::NotYet, at: now, people: BTreeSet::new() }
    }

    /// Whether this message is newer than all before it; if so, it has been taken now.
    fn takes(&mut self, link: u64, seq: u64) -> bool {
        let is_newer = link >= self.link && seq > self.seq;
        if is_newer {
            (self.link, self.seq) = (link, seq);
        }
        is_newer
    }

    /// Whether something that was said is to be heard.
    fn hears(&mut self, link: u64, seq: u64, entry: &Entry) -> bool {
        self.counts == Counts::Yes
            && link == self.link
            && self.people.contains(&entry.name)
            && self.takes(link, seq)
    }

    /// Takes down who is there; `None` where it does not hear us. Returns who has come and gone.
    fn note(
        &mut self,
        now: Instant,
        people: Option<BTreeSet<String>>,
    ) -> Option<(Vec<String>, Vec<String>)> {
        let Some(people) = people else {
            self.counts = Counts::NotYet;
            return None;
        };
        self.counts = Counts::Yes;
        self.at = now;
        let before = mem::replace(&mut self.people, people);
        let arrived: Vec<String> = self.people.difference(&before).cloned().collect();
        let departed: Vec<String> = before.difference(&self.people).cloned().collect();
        let changed = !arrived.is_empty() || !departed.is_empty();
        changed.then_some((arrived, departed))
    }
}

#[cfg(test)]
#[path = "federation/tests.rs"]
mod tests;
