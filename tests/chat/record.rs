//! What one person has been told, in order.

use std::collections::BTreeMap;

use serde_json::Value;

/// Everything so far, and what it comes to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    pub(crate) messages: Vec<Value>,
    pub(crate) people: Vec<String>,
    /// `None` where the server has no others.
    pub(crate) link: Option<String>,
    pub(crate) refusals: usize,
    /// How much each has said.
    counts: BTreeMap<String, usize>,
}

impl Record {
    pub(crate) fn take(&mut self, message: Value) {
        match message["type"].as_str() {
            Some("welcome") => self.link = message.get("link").map(text),
            Some("link") => self.link = Some(text(&message["state"])),
            Some("refused") => self.refusals += 1,
            Some("said") => *self.counts.entry(text(&message["name"])).or_default() += 1,
            _ => {}
        }
        if let Some(people) = message["people"].as_array() {
            self.people = people.iter().map(text).collect();
        }
        self.messages.push(message);
    }

    /// Who has said what, in the order in which it came.
    pub(crate) fn said(&self) -> Vec<(String, String)> {
        let said = self.messages.iter().filter(|message| message["type"] == "said");
        said.map(|message| (text(&message["name"]), text(&message["text"]))).collect()
    }

    /// How much this person has said.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.counts.get(name).copied().unwrap_or_default()
    }

    /// What this person has said.
    pub(crate) fn said_by(&self, name: &str) -> Vec<String> {
        let said = self.said().into_iter().filter(|(speaker, _)| speaker == name);
        said.map(|(_, text)| text).collect()
    }

    pub(crate) fn has_heard(&self, name: &str, words: &str) -> bool {
        self.messages.iter().any(|message| {
            message["type"] == "said" && message["name"] == name && message["text"] == words
        })
    }

    /// What this person has said while the page said that nobody elsewhere hears it.
    pub(crate) fn said_locally_by(&self, name: &str) -> Vec<String> {
        let mut is_local = false;
        let mut said = Vec::new();
        for message in &self.messages {
            match message["type"].as_str() {
                Some("link") => is_local = message["state"] == "local",
                Some("said") if is_local && message["name"] == name => {
                    said.push(text(&message["text"]));
                }
                _ => {}
            }
        }
        said
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a string, not {value}")).to_owned()
}
