//! The room: who is here and what was said. It knows queues, not sockets.

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use bowline::Message;
use tokio::sync::mpsc;

use crate::protocol::{self, Entry, Refusal};

/// Messages that may wait for one person. Who falls further behind is dropped.
const QUEUE_LENGTH: usize = 64;
/// Messages that go into one write where several wait.
const BATCH_LENGTH: usize = 16;
const HISTORY_LENGTH: usize = 50;
/// In characters, not bytes: nobody's script makes their name shorter.
const MAX_NAME_LENGTH: usize = 32;
const MAX_TEXT_LENGTH: usize = 2_000;

#[derive(Default)]
pub(crate) struct Room {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By name in lower case: "ada" may not sit next to "Ada" and be taken for her.
    people: BTreeMap<String, Person>,
    history: VecDeque<Entry>,
}

struct Person {
    name: String,
    queue: mpsc::Sender<Message>,
}

/// Somebody's place in the room; dropping it is leaving.
pub(crate) struct Seat {
    room: Arc<Room>,
    name: String,
    queue: mpsc::Receiver<Message>,
}

impl Room {
    /// Takes a seat. Its queue begins with the welcome; then everybody hears who has joined.
    pub(crate) fn join(self: &Arc<Self>, name: &str) -> Result<Seat, Refusal> {
        let name = check_name(name)?;
        let mut state = self.lock();
        if state.people.contains_key(&key(name)) {
            return Err(state.name_is_taken(name));
        }
        let (sender, queue) = mpsc::channel(QUEUE_LENGTH);
        let person = Person { name: name.to_owned(), queue: sender.clone() };
        state.people.insert(key(name), person);
        let welcome = protocol::welcome(name, &state.names(), &state.history);
        sender.try_send(welcome).expect("the queue is empty and its reader is here");
        let joined = protocol::joined(name, &state.names());
        state.publish(joined);
        Ok(Seat { room: self.clone(), name: name.to_owned(), queue })
    }

    fn leave(&self, name: &str) {
        let mut state = self.lock();
        // The room may have dropped this person for being slow, and somebody else may have taken
        // the name since: that one's queue is open.
        if state.people.get(&key(name)).is_some_and(|person| person.queue.is_closed()) {
            state.people.remove(&key(name));
            let left = protocol::left(name, &state.names());
            state.publish(left);
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
        // Dropped, and about to learn it: the name may be another's by now.
        if self.queue.is_closed() {
            return Ok(());
        }
        state.publish(protocol::said(&entry));
        if state.history.len() == HISTORY_LENGTH {
            state.history.pop_front();
        }
        state.history.push_back(entry);
        Ok(())
    }

    /// Waits for messages and moves those that are there into `batch`, up to a batch's length.
    /// Returns 0 once the room has dropped this person and the queue is empty. Cancel safe.
    pub(crate) async fn receive(&mut self, batch: &mut Vec<Message>) -> usize {
        self.queue.recv_many(batch, BATCH_LENGTH).await
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.queue.close();
        self.room.leave(&self.name);
    }
}

impl State {
    /// Puts a message into every queue, and never waits. Whose queue is full is dropped: one slow
    /// reader must neither hold up the room nor fill its memory. Losing the queue's sender is how
    /// they learn of it.
    fn publish(&mut self, message: Message) {
        let mut messages = vec![message];
        // That somebody was dropped is news too, and may be too much for the next one.
        while let Some(message) = messages.pop() {
            let mut dropped = Vec::new();
            self.people.retain(|_, person| {
                let keeps_up = person.queue.try_send(message.clone()).is_ok();
                if !keeps_up {
                    dropped.push(mem::take(&mut person.name));
                }
                keeps_up
            });
            messages.extend(dropped.iter().map(|name| protocol::left(name, &self.names())));
        }
    }

    fn names(&self) -> Vec<&str> {
        self.people.values().map(|person| person.name.as_str()).collect()
    }

    fn name_is_taken(&self, name: &str) -> Refusal {
        let suggestion = (2..=self.people.len() + 1)
            .map(|number| format!("{name} {number}"))
            .find(|name| check_name(name).is_ok() && !self.people.contains_key(&key(name)));
        Refusal { suggestion, ..Refusal::new(format!("“{name}” is here already.")) }
    }
}

fn key(name: &str) -> String {
    name.to_lowercase()
}

fn check_name(name: &str) -> Result<&str, Refusal> {
    let name = name.trim();
    if name.is_empty() {
        Err(Refusal::new("Please give a name."))
    } else if name.chars().count() > MAX_NAME_LENGTH {
        Err(Refusal::new(format!("A name has at most {MAX_NAME_LENGTH} characters.")))
    } else if name.chars().any(char::is_control) {
        Err(Refusal::new("A name is one line of plain characters."))
    } else {
        Ok(name)
    }
}

fn check_text(text: &str) -> Result<(), Refusal> {
    if text.trim().is_empty() {
        Err(Refusal::new("There is nothing in that message."))
    } else if text.chars().count() > MAX_TEXT_LENGTH {
        Err(Refusal::new(format!("A message has at most {MAX_TEXT_LENGTH} characters.")))
    } else {
        Ok(())
    }
}

fn unix_ms() -> u64 {
    // A clock before 1970 is wrong anyway.
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since_1970.as_millis() as u64
}
