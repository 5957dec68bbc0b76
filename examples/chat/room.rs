//! The room: who is here and what was said. It knows names and a hub, not sockets.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use bowline::{
    CloseCode, CloseFrame, Prepared,
    hub::{Hub, Policy, Subscription},
};
use tokio::sync::Notify;

use crate::{
    federation::News,
    protocol::{self, Entry, Link, Refusal, check_name, check_text},
    uplink::Uplink,
};

/// What the hub calls the one room that there is.
const TOPIC: &str = "room";
/// Messages that may wait for one person. Who falls further behind is dropped.
const QUEUE_LENGTH: usize = 64;
const HISTORY_LENGTH: usize = 50;
/// How far another process's clock may be from ours before ours is taken for its messages.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

pub(crate) struct Room {
    hub: Hub,
    /// Told when somebody fell too far behind; whoever waits looks whether it was them.
    cut_off: Notify,
    state: Mutex<State>,
}

struct State {
    /// Everybody, by name in lower case: "ada" may not sit next to "Ada" and be taken for her.
    people: BTreeMap<String, String>,
    /// Those in other processes' rooms, and their names in this one.
    elsewhere: BTreeMap<Origin, String>,
    history: VecDeque<Entry>,
    /// `None` where there are no other processes.
    link: Option<Link>,
    uplink: Option<Uplink>,
}

/// Who somebody elsewhere is: the process, and the name there.
type Origin = (String, String);

/// Somebody's place in the room; dropping it is leaving.
pub(crate) struct Seat {
    room: Arc<Room>,
    name: String,
    news: Subscription,
}

impl Room {
    /// `uplink` is the way to other processes, where there are some.
    pub(crate) fn new(uplink: Option<Uplink>) -> Self {
        let state = State {
            people: BTreeMap::new(),
            elsewhere: BTreeMap::new(),
            history: VecDeque::new(),
            link: uplink.as_ref().map(|_| Link::Local),
            uplink,
        };
        Self { hub: Hub::new(), cut_off: Notify::new(), state: Mutex::new(state) }
    }

    /// Takes a seat. Returns the welcome too, which goes before anything that the seat receives. Then
    /// everybody hears who has joined.
    pub(crate) fn join(self: &Arc<Self>, name: &str) -> Result<(Seat, Prepared), Refusal> {
        let name = check_name(name)?;
        let mut state = self.lock();
        if state.people.contains_key(&key(name)) {
            return Err(state.name_is_taken(name));
        }
        state.people.insert(key(name), name.to_owned());
        let too_slow =
            Policy::disconnect(QUEUE_LENGTH, CloseCode::AGAIN, "Too far behind the room");
        let news = self.hub.subscribe(TOPIC, too_slow);
        let welcome = protocol::welcome(name, &state.names(), &state.history, state.link);
        self.publish(&protocol::joined(name, &state.names()));
        if let Some(uplink) = &state.uplink {
            uplink.arrived(name);
        }
        Ok((Seat { room: self.clone(), name: name.to_owned(), news }, welcome))
    }

    fn leave(&self, name: &str) {
        let mut state = self.lock();
        state.people.remove(&key(name));
        self.publish(&protocol::left(name, &state.names()));
        if let Some(uplink) = &state.uplink {
            uplink.left(name);
        }
    }

    /// Takes in what happens elsewhere.
    pub(crate) fn take(&self, news: News) {
        let mut state = self.lock();
        match news {
            News::Link(link) => {
                if link == Link::Local {
                    state.forget_elsewhere();
                }
                state.link = Some(link);
                self.publish(&protocol::link(link, &state.names()));
            }
            News::People { process, arrived, departed } => {
                let left = state.depart(&process, departed);
                let joined = state.arrive(&process, arrived);
                let names = state.names();
                match (joined.as_slice(), left.as_slice()) {
                    ([name], []) => self.publish(&protocol::joined(name, &names)),
                    ([], [name]) => self.publish(&protocol::left(name, &names)),
                    _ => self.publish(&protocol::changed(&joined, &left, &names)),
                }
            }
            News::Said { process, entry: Entry { name, text, at } } => {
                // Their name here; and a time that every browser can show.
                let Some(name) = state.elsewhere.get(&(process, name)).cloned() else { return };
                let now = unix_ms();
                let at = if at.abs_diff(now) < DAY_MS { at } else { now };
                let entry = Entry { name, text, at };
                self.publish(&protocol::said(&entry));
                state.remember(entry);
            }
        }
    }

    /// Tells the other processes nothing more.
    pub(crate) fn hang_up(&self) {
        self.lock().uplink = None;
    }

    /// Queues a message for everybody here. Called with the state locked, so that all hear of everything in
    /// one order.
    fn publish(&self, message: &Prepared) {
        if self.hub.publish(TOPIC, message).disconnected > 0 {
            self.cut_off.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Held for moments and never across an await, so a std mutex does. Its poison would spread
        // one task's panic to everybody.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Says something to everybody here, the speaker included: an own message that shows up has
    /// gone the whole way.
    pub(crate) fn say(&self, text: String) -> Result<(), Refusal> {
        check_text(&text)?;
        let entry = Entry { name: self.name.clone(), text, at: unix_ms() };
        let mut state = self.room.lock();
        // About to learn that they are out: the others may think so already.
        if self.overrun().is_some() {
            return Ok(());
        }
        self.room.publish(&protocol::said(&entry));
        // What people here took for local stays local.
        if let (Some(uplink), Some(Link::Joined)) = (&state.uplink, state.link) {
            uplink.said(&entry);
        }
        state.remember(entry);
        Ok(())
    }

    /// Waits for what the room says next. `None` for somebody who is too far behind. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<Prepared> {
        self.news.next().await
    }

    /// The same without waiting.
    pub(crate) fn try_next(&mut self) -> Option<Prepared> {
        self.news.try_next()
    }

    /// How to close the connection of somebody who is too far behind.
    pub(crate) fn overrun(&self) -> Option<&CloseFrame> {
        self.news.overrun()
    }

    /// Waits until this person is too far behind, and takes nothing from what they are behind with. Cancel
    /// safe.
    pub(crate) async fn cut_off(&self) {
        loop {
            // Before the look: whoever is cut off after it is told.
            let told = self.room.cut_off.notified();
            if self.overrun().is_some() {
                return;
            }
            told.await;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.room.leave(&self.name);
    }
}

impl State {
    /// Gives people of another process a name here: their own, or where somebody has it, the next free one
    /// with a number. In their own room it's the other way round, so nobody has to give up their name.
    fn arrive(&mut self, process: &str, names: Vec<String>) -> Vec<String> {
        let shown = names.into_iter().map(|name| {
            let shown = self.free_name(&name);
            self.people.insert(key(&shown), shown.clone());
            self.elsewhere.insert((process.to_owned(), name), shown.clone());
            shown
        });
        shown.collect()
    }

    fn depart(&mut self, process: &str, names: Vec<String>) -> Vec<String> {
        let origins = names.into_iter().map(|name| (process.to_owned(), name));
        let shown: Vec<String> =
            origins.filter_map(|origin| self.elsewhere.remove(&origin)).collect();
        for name in &shown {
            self.people.remove(&key(name));
        }
        shown
    }

    fn forget_elsewhere(&mut self) {
        for name in self.elsewhere.values() {
            self.people.remove(&key(name));
        }
        self.elsewhere.clear();
    }

    fn remember(&mut self, entry: Entry) {
        if self.history.len() == HISTORY_LENGTH {
            self.history.pop_front();
        }
        self.history.push_back(entry);
    }

    fn names(&self) -> Vec<&str> {
        self.people.values().map(String::as_str).collect()
    }

    fn free_name(&self, name: &str) -> String {
        if !self.people.contains_key(&key(name)) {
            return name.to_owned();
        }
        self.numbered(name).next().expect("one more number than people")
    }

    fn name_is_taken(&self, name: &str) -> Refusal {
        let suggestion = self.numbered(name).find(|name| check_name(name).is_ok());
        Refusal { suggestion, ..Refusal::new(format!("“{name}” is here already.")) }
    }

    /// The name with each number that makes it free.
    fn numbered(&self, name: &str) -> impl Iterator<Item = String> {
        (2..=self.people.len() + 2)
            .map(move |number| format!("{name} {number}"))
            .filter(|name| !self.people.contains_key(&key(name)))
    }
}

fn key(name: &str) -> String {
    name.to_lowercase()
}

fn unix_ms() -> u64 {
    // A clock before 1970 is wrong anyway.
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since_1970.as_millis() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uplink::Event;

    fn join(room: &Arc<Room>, name: &str) -> Seat {
        room.join(name).unwrap_or_else(|refusal| panic!("{}", refusal.reason)).0
    }

    fn names(room: &Room) -> Vec<String> {
        room.lock().names().into_iter().map(Into::into).collect()
    }

    fn people(process: &str, arrived: &[&str], departed: &[&str]) -> News {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        News::People { process: process.into(), arrived: owned(arrived), departed: owned(departed) }
    }

    fn said(process: &str, name: &str, at: u64) -> News {
        let entry = Entry { name: name.into(), text: "x".into(), at };
        News::Said { process: process.into(), entry }
    }

    #[test]
    fn nobody_has_to_give_up_their_name() {
        let room = Arc::new(Room::new(Some(Uplink::new().0)));
        let _seats = (join(&room, "Ada"), join(&room, "ada 2"));
        room.take(people("b", &["ADA", "Bob"], &[]));
        room.take(people("c", &["Bob"], &[]));
        assert_eq!(names(&room), ["Ada", "ada 2", "ADA 3", "Bob", "Bob 2"]);
        // Each goes by the name that they have here, and is spoken for under it.
        room.take(said("b", "ADA", unix_ms()));
        room.take(said("c", "Bob", unix_ms()));
        room.take(said("c", "ADA", unix_ms()));
        let speakers: Vec<String> =
            room.lock().history.iter().map(|entry| entry.name.clone()).collect();
        assert_eq!(speakers, ["ADA 3", "Bob 2"]);
        assert_eq!(
            room.join("bob").err().and_then(|refusal| refusal.suggestion),
            Some("bob 3".into())
        );
        room.take(people("b", &[], &["ADA", "Bob"]));
        assert_eq!(names(&room), ["Ada", "ada 2", "Bob 2"]);
        room.take(News::Link(Link::Local));
        assert_eq!(names(&room), ["Ada", "ada 2"]);
    }

    #[test]
    fn only_a_likely_time_is_taken_from_others() {
        let room = Room::new(Some(Uplink::new().0));
        room.take(people("b", &["Bob"], &[]));
        let (before, now) = (unix_ms(), unix_ms());
        for at in [0, now - 60_000, now + 60_000, now + 2 * DAY_MS, u64::MAX] {
            room.take(said("b", "Bob", at));
        }
        let times: Vec<u64> = room.lock().history.iter().map(|entry| entry.at).collect();
        assert_eq!(times[1..3], [now - 60_000, now + 60_000]);
        assert!([times[0], times[3], times[4]].iter().all(|at| (before..=unix_ms()).contains(at)));
    }

    #[test]
    fn who_is_too_far_behind_is_cut_off() {
        let room = Arc::new(Room::new(None));
        let slow = join(&room, "Slow");
        let mut guest = join(&room, "Guest");
        for _ in 0..QUEUE_LENGTH {
            assert!(guest.say("x".into()).is_ok());
            while guest.try_next().is_some() {}
        }
        let frame = slow.overrun().expect("a Close that is due");
        assert_eq!(
            (frame.code, frame.reason.as_str()),
            (CloseCode::AGAIN, "Too far behind the room")
        );
        assert!(guest.overrun().is_none());
        // Nobody hears what somebody says who is out already.
        assert!(slow.say("late".into()).is_ok());
        assert!(guest.try_next().is_none());
        drop(slow);
        assert_eq!(names(&room), ["Guest"]);
    }

    #[test]
    fn local_talk_is_not_passed_on() {
        let (uplink, mut events) = Uplink::new();
        let room = Arc::new(Room::new(Some(uplink)));
        let seat = join(&room, "Ada");
        let say = |link, text: &str| {
            room.take(News::Link(link));
            assert!(seat.say(text.into()).is_ok());
        };
        say(Link::Local, "here");
        say(Link::Joined, "everywhere");
        say(Link::Local, "here again");
        drop(seat);
        room.hang_up();
        let mut passed_on = Vec::new();
        while let Ok(event) = events.try_recv() {
            passed_on.push(match event {
                Event::Arrived(name) => format!("{name} arrived"),
                Event::Left(name) => format!("{name} left"),
                Event::Said { entry, .. } => entry.text,
            });
        }
        assert_eq!(passed_on, ["Ada arrived", "everywhere", "Ada left"]);
    }
}
