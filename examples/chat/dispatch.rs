//! What chat processes say to each other: one JSON object in each message.
//!
//! ```text
//! {"v":1,"from":"5f3a...","link":2,"seq":17,"type":"here","people":["Ada"],"heard":{"90c1...":1}}
//! {"v":1,"from":"5f3a...","link":2,"seq":18,"type":"said","name":"Ada","text":"Hello","at":1795366622001}
//! ```
//!
//! `from` is the process, `link` how often it has reached the broker, `seq` grows with each message of a
//! process. `here` says who is in its room, and which links of which processes it hears.
//!
//! Whoever may publish can publish anything: what is not exactly this, within these limits, is `Malformed`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde_json::{Map, Value, json};

use crate::protocol::{Entry, check_name, check_text};

const VERSION: u64 = 1;
/// People whom a process tells the others about.
pub(crate) const MAX_PEOPLE: usize = 1_000;
/// Processes that one process listens to.
pub(crate) const MAX_PEERS: usize = 256;
const MAX_ID_LENGTH: usize = 32;
/// In bytes; more than the longest names of all those people take.
const MAX_LENGTH: usize = 256 * 1024;

/// One message of one process to all the others.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dispatch {
    pub(crate) from: String,
    pub(crate) link: u64,
    pub(crate) seq: u64,
    pub(crate) content: Content,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Here { people: BTreeSet<String>, heard: BTreeMap<String, u64> },
    Said(Entry),
}

/// Why a message is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    TooLong,
    NotJson,
    Version,
    Field(&'static str),
}

impl Dispatch {
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, Malformed> {
        if payload.len() > MAX_LENGTH {
            return Err(Malformed::TooLong);
        }
        let value: Value = serde_json::from_slice(payload).map_err(|_| Malformed::NotJson)?;
        let Value::Object(mut object) = value else { return Err(Malformed::NotJson) };
        if number(&object, "v") != Ok(VERSION) {
            return Err(Malformed::Version);
        }
        let from = string(&mut object, "from")?;
        if !is_id(&from) {
            return Err(Malformed::Field("from"));
        }
        let content = match string(&mut object, "type")?.as_str() {
            "here" => Content::Here { people: people(&mut object)?, heard: heard(&object)? },
            "said" => Content::Said(said(&mut object)?),
            _ => return Err(Malformed::Field("type")),
        };
        Ok(Self { from, link: number(&object, "link")?, seq: number(&object, "seq")?, content })
    }

    pub(crate) fn encode(&self) -> String {
        let mut object = match &self.content {
            Content::Here { people, heard } => json!({
                "type": "here",
                "people": people,
                "heard": heard,
            }),
            Content::Said(Entry { name, text, at }) => json!({
                "type": "said",
                "name": name,
                "text": text,
                "at": at,
            }),
        };
        object["v"] = VERSION.into();
        object["from"] = self.from.as_str().into();
        object["link"] = self.link.into();
        object["seq"] = self.seq.into();
        object.to_string()
    }
}

fn number(object: &Map<String, Value>, key: &'static str) -> Result<u64, Malformed> {
    object.get(key).and_then(Value::as_u64).ok_or(Malformed::Field(key))
}

fn string(object: &mut Map<String, Value>, key: &'static str) -> Result<String, Malformed> {
    match object.get_mut(key).map(Value::take) {
        Some(Value::String(value)) => Ok(value),
        _ => Err(Malformed::Field(key)),
    }
}

fn is_id(id: &str) -> bool {
    (1..=MAX_ID_LENGTH).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn people(object: &mut Map<String, Value>) -> Result<BTreeSet<String>, Malformed> {
    const WRONG: Malformed = Malformed::Field("people");
    let Some(Value::Array(names)) = object.get_mut("people").map(Value::take) else {
        return Err(WRONG);
    };
    if names.len() > MAX_PEOPLE {
        return Err(WRONG);
    }
    let names = names.into_iter().map(|name| match name {
        Value::String(name) if is_name(&name) => Ok(name),
        _ => Err(WRONG),
    });
    names.collect()
}

fn heard(object: &Map<String, Value>) -> Result<BTreeMap<String, u64>, Malformed> {
    const WRONG: Malformed = Malformed::Field("heard");
    let heard = object.get("heard").and_then(Value::as_object).ok_or(WRONG)?;
    if heard.len() > MAX_PEERS {
        return Err(WRONG);
    }
    let heard = heard.iter().map(|(id, link)| match link.as_u64() {
        Some(link) if is_id(id) => Ok((id.clone(), link)),
        _ => Err(WRONG),
    });
    heard.collect()
}

fn said(object: &mut Map<String, Value>) -> Result<Entry, Malformed> {
    let name = string(object, "name")?;
    if !is_name(&name) {
        return Err(Malformed::Field("name"));
    }
    let text = string(object, "text")?;
    check_text(&text).map_err(|_| Malformed::Field("text"))?;
    Ok(Entry { name, text, at: number(object, "at")? })
}

/// Whether a room would have taken this name, as it is.
fn is_name(name: &str) -> bool {
    check_name(name).is_ok_and(|checked| checked == name)
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "more than {MAX_LENGTH} bytes"),
            Self::NotJson => f.write_str("not a JSON object"),
            Self::Version => write!(f, "not of version {VERSION}"),
            Self::Field(key) => write!(f, "\"{key}\" is missing or wrong"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Dispatch {
        Dispatch {
            from: "a1".into(),
            link: 2,
            seq: 3,
            content: Content::Here {
                people: ["Ada".into(), "приве́т \"\\".into()].into(),
                heard: [("b2".into(), 7)].into(),
            },
        }
    }

    fn said(text: &str) -> Dispatch {
        let entry = Entry { name: "Ada".into(), text: text.into(), at: 5 };
        Dispatch { content: Content::Said(entry), ..here() }
    }

    #[test]
    fn what_is_encoded_is_parsed() {
        for dispatch in [here(), said("\u{1}two\nlines"), said(&"😀".repeat(2_000))] {
            assert_eq!(Dispatch::parse(dispatch.encode().as_bytes()), Ok(dispatch));
        }
    }

    #[test]
    fn the_longest_is_short_enough() {
        let people = (0..MAX_PEOPLE).map(|number| format!("{number:0>4}{}", "😀".repeat(28)));
        let heard = (0..MAX_PEERS).map(|number| (format!("{number:0>32}"), u64::MAX));
        let content = Content::Here { people: people.collect(), heard: heard.collect() };
        let dispatch = Dispatch { content, ..here() };
        let encoded = dispatch.encode();
        assert!(encoded.len() <= MAX_LENGTH, "{}", encoded.len());
        assert_eq!(Dispatch::parse(encoded.as_bytes()), Ok(dispatch));
    }

    #[test]
    fn the_rest_is_malformed() {
        let change = |dispatch: &Dispatch, key: &str, value: Value| {
            let mut object: Value = serde_json::from_str(&dispatch.encode()).expect("JSON");
            object[key] = value;
            object.to_string()
        };
        let names = vec!["x"; MAX_PEOPLE + 1];
        let cases = [
            ("x".repeat(MAX_LENGTH + 1), Malformed::TooLong),
            (String::new(), Malformed::NotJson),
            ("[".repeat(10_000), Malformed::NotJson),
            ("[1]".into(), Malformed::NotJson),
            ("{}".into(), Malformed::Version),
            (change(&here(), "v", json!(2)), Malformed::Version),
            (change(&here(), "from", json!("")), Malformed::Field("from")),
            (change(&here(), "from", json!("a b")), Malformed::Field("from")),
            (change(&here(), "from", json!("a".repeat(33))), Malformed::Field("from")),
            (change(&here(), "link", json!(-1)), Malformed::Field("link")),
            (change(&here(), "seq", json!("1")), Malformed::Field("seq")),
            (change(&here(), "type", json!("bye")), Malformed::Field("type")),
            (change(&here(), "people", json!({})), Malformed::Field("people")),
            (change(&here(), "people", json!(names)), Malformed::Field("people")),
            (change(&here(), "people", json!([" Ada"])), Malformed::Field("people")),
            (change(&here(), "people", json!(["x".repeat(33)])), Malformed::Field("people")),
            (change(&here(), "heard", json!({ "b": "1" })), Malformed::Field("heard")),
            (change(&here(), "heard", json!({ "-": 1 })), Malformed::Field("heard")),
            (change(&said("x"), "name", json!("a\nb")), Malformed::Field("name")),
            (change(&said("x"), "text", json!(" ")), Malformed::Field("text")),
            (change(&said("x"), "text", json!("x".repeat(2_001))), Malformed::Field("text")),
            (change(&said("x"), "at", json!(1.5)), Malformed::Field("at")),
        ];
        for (payload, why) in cases {
            let shown: String = payload.chars().take(100).collect();
            assert_eq!(Dispatch::parse(payload.as_bytes()), Err(why), "{shown}");
        }
        assert_eq!(Dispatch::parse(b"\xff"), Err(Malformed::NotJson));
    }
}
