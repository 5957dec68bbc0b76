//! What the page and the server say to each other: one JSON object in each text message.

use bowline::{Message, Prepared};
use serde_json::{Value, json};

/// In characters, not bytes: nobody's script makes their name shorter.
const MAX_NAME_LENGTH: usize = 32;
const MAX_TEXT_LENGTH: usize = 2_000;

/// Room for 2,000 characters of four bytes each, some of them escaped, and for the JSON around.
pub(crate) const MAX_MESSAGE_SIZE: usize = 32 * 1024;

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
#[derive(Clone, Debug, PartialEq, Eq)]
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

    pub(crate) fn message(&self) -> Prepared {
        message(json!({
            "type": "refused",
            "reason": self.reason,
            "suggestion": self.suggestion,
        }))
    }
}

/// Whether this process is in one room with others. Without `--nats` there is no such thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// The broker is out of reach: what is said here stays here.
    Local,
    Joined,
}

impl Link {
    fn word(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Joined => "joined",
        }
    }
}

/// The first message to somebody who has joined.
pub(crate) fn welcome<'a>(
    name: &str,
    people: &[&str],
    history: impl IntoIterator<Item = &'a Entry>,
    link: Option<Link>,
) -> Prepared {
    let history: Vec<Value> = history
        .into_iter()
        .map(|entry| json!({ "name": entry.name, "text": entry.text, "at": entry.at }))
        .collect();
    let mut welcome =
        json!({ "type": "welcome", "name": name, "people": people, "history": history });
    if let Some(link) = link {
        welcome["link"] = link.word().into();
    }
    message(welcome)
}

pub(crate) fn joined(name: &str, people: &[&str]) -> Prepared {
    message(json!({ "type": "joined", "name": name, "people": people }))
}

pub(crate) fn left(name: &str, people: &[&str]) -> Prepared {
    message(json!({ "type": "left", "name": name, "people": people }))
}

/// Several at once: a process with people in it came, went or was out of touch for a moment.
pub(crate) fn changed(joined: &[String], left: &[String], people: &[&str]) -> Prepared {
    message(json!({ "type": "changed", "joined": joined, "left": left, "people": people }))
}

pub(crate) fn link(link: Link, people: &[&str]) -> Prepared {
    message(json!({ "type": "link", "state": link.word(), "people": people }))
}

pub(crate) fn said(entry: &Entry) -> Prepared {
    message(json!({
        "type": "said",
        "name": entry.name,
        "text": entry.text,
        "at": entry.at,
    }))
}

/// Encoded once, however many people it goes to.
fn message(value: Value) -> Prepared {
    Prepared::new(Message::text(value.to_string())).expect("a text can be prepared")
}

/// The name as it is used: without white space around.
pub(crate) fn check_name(name: &str) -> Result<&str, Refusal> {
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

pub(crate) fn check_text(text: &str) -> Result<(), Refusal> {
    if text.trim().is_empty() {
        Err(Refusal::new("There is nothing in that message."))
    } else if text.chars().count() > MAX_TEXT_LENGTH {
        Err(Refusal::new(format!("A message has at most {MAX_TEXT_LENGTH} characters.")))
    } else {
        Ok(())
    }
}
