//! The extension's parameters, as plain as they are in the header.

use std::{collections::BTreeMap, fmt};

use bowline::{ContextTakeover, Deflate};
use serde_json::Value;

pub(super) const SERVER_CONTEXT: &str = "server_no_context_takeover";
pub(super) const CLIENT_CONTEXT: &str = "client_no_context_takeover";
pub(super) const SERVER_BITS: &str = "server_max_window_bits";
pub(super) const CLIENT_BITS: &str = "client_max_window_bits";

/// One of the lists in `deflate.json`.
pub(super) fn table(name: &str) -> Value {
    let mut table: Value =
        serde_json::from_str(include_str!("../deflate.json")).expect("deflate.json is JSON");
    table[name].take()
}

/// Parameters by name, with "" where there is no value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Reads "name; name=value".
    pub(super) fn parse(text: &str) -> Self {
        let parameters = text.split(';').map(str::trim).filter(|parameter| !parameter.is_empty());
        Self(parameters.map(name_and_value).collect())
    }

    /// Reads the header of a response; `None` for one that names no extension.
    pub(super) fn of_response(header: &str) -> Option<Self> {
        if header.is_empty() {
            return None;
        }
        let (name, parameters) = header.split_once(';').unwrap_or((header, ""));
        assert_eq!(name.trim(), "permessage-deflate", "{header}");
        Some(Self::parse(parameters))
    }

    /// Every choice of one parameter, or none, from each list of this table.
    pub(super) fn product(name: &str) -> Vec<Self> {
        let lists: Vec<Vec<String>> = serde_json::from_value(table(name)).expect(name);
        let texts = lists.iter().fold(vec![String::new()], |texts, list| {
            let longer = |text: &String| -> Vec<String> {
                list.iter().map(|parameter| format!("{text};{parameter}")).collect()
            };
            texts.iter().flat_map(longer).collect()
        });
        texts.iter().map(|text| Self::parse(text)).collect()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The window bits of this name, where they are said.
    pub(super) fn bits(&self, name: &str) -> Option<u8> {
        let value = self.0.get(name).filter(|value| !value.is_empty())?;
        Some(value.parse().expect("window bits"))
    }

    /// The same in bowline's words.
    pub(super) fn to_deflate(&self) -> Deflate {
        let context = |name| {
            if self.has(name) { ContextTakeover::Dropped } else { ContextTakeover::Kept }
        };
        Deflate::new()
            .with_server_context_takeover(context(SERVER_CONTEXT))
            .with_client_context_takeover(context(CLIENT_CONTEXT))
            .with_server_max_window_bits(self.bits(SERVER_BITS).unwrap_or(15))
            .with_client_max_window_bits(self.bits(CLIENT_BITS).unwrap_or(15))
    }

    /// Adds a parameter without a value where this holds.
    pub(super) fn flag(mut self, name: &str, is_there: impl FnOnce() -> bool) -> Self {
        if is_there() {
            self.0.insert(name.to_owned(), String::new());
        }
        self
    }

    /// Adds window bits where there are some.
    pub(super) fn limit(mut self, name: &str, bits: Option<u8>) -> Self {
        if let Some(bits) = bits {
            self.0.insert(name.to_owned(), bits.to_string());
        }
        self
    }
}

fn name_and_value(parameter: &str) -> (String, String) {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    (name.to_owned(), value.to_owned())
}

impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameter = |(name, value): (&String, &String)| match value.as_str() {
            "" => name.clone(),
            value => format!("{name}={value}"),
        };
        f.write_str(&self.0.iter().map(parameter).collect::<Vec<_>>().join("; "))
    }
}
