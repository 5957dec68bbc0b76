//! What the page and the server say to each other: one JSON object in each text message.

use bowline::Message;
use serde_json::{Value, json};

/// What a person can ask for.
pub(crate) enum Command {
    /// `{"type":"join","name":"Ada"}`
    Join { name: String },
    /// `{"type":"say","text":"Hello"}`
    Say { text: String },
}

impl Command {
    /// `None` for anything that is not one of the above. The strings are copies: they outlive
    /// the network buffer that the message came in.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut object: Value = serde_json::from_str(text).ok()?;
        let mut take = |key| match object.get_mut(key)?.take() {
            Value::String(value) => Some(value),
            _ => None,
        };
        match take("type")?.as_str() {
            "join" => Some(Self::Join { name: take("name")? }),
            "say" => Some(Self::Say { text: take("text")? }),
            _ => None,
        }
    }
}

/// Something that somebody said, as the room remembers it.
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) text: String,
    /// Milliseconds since 1970, as JavaScript counts time.
    pub(crate) at: u64,
}

/// Why a command was not followed. The connection stays open: the person can try again.
pub(crate) struct Refusal {
    pub(crate) reason: String,
    /// A name that was free a moment ago.
    pub(crate) suggestion: Option<String>,
}

impl Refusal {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), suggestion: None }
    }

    pub(crate) fn message(&self) -> Message {
        message(json!({
            "type": "refused",
            "reason": self.reason,
            "suggestion": self.suggestion,
        }))
    }
}

/// The first message to somebody who has joined.
pub(crate) fn welcome<'a>(
    name: &str,
    people: &[&str],
    history: impl IntoIterator<Item = &'a Entry>,
) -> Message {
    let history: Vec<Value> = history
        .into_iter()
        .map(|entry| json!({ "name": entry.name, "text": entry.text, "at": entry.at }))
        .collect();
    message(json!({ "type": "welcome", "name": name, "people": people, "history": history }))
}

pub(crate) fn joined(name: &str, people: &[&str]) -> Message {
    message(json!({ "type": "joined", "name": name, "people": people }))
}

pub(crate) fn left(name: &str, people: &[&str]) -> Message {
    message(json!({ "type": "left", "name": name, "people": people }))
}

pub(crate) fn said(entry: &Entry) -> Message {
    message(json!({
        "type": "said",
        "name": entry.name,
        "text": entry.text,
        "at": entry.at,
    }))
}

/// Serialised once however many people it goes to: cloning a message copies no text.
fn message(value: Value) -> Message {
    Message::text(value.to_string())
}
