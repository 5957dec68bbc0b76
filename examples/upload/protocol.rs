//! What is said around a file: small JSON texts. Who sends a file sends its sum behind it, and who receives
//! it compares.
//!
//! ```text
//! put  client                                            server
//!      {"put": NAME, "size": BYTES or null,
//!       "replace": true or false}                ---->
//!                                                <----   {"ready": NAME}
//!      the file, one binary message              ---->
//!      {"size": BYTES, "sha256": HEX}            ---->
//!                                                <----   {"size": BYTES, "sha256": HEX}, once it is kept
//!
//! get  {"get": NAME}                             ---->
//!                                                <----   {"ready": NAME, "size": BYTES}
//!                                                <----   the file, one binary message
//!                                                <----   {"size": BYTES, "sha256": HEX}
//! ```
//!
//! `{"error": TEXT}` may come in place of any of the server's. The client closes when it has what it wants.

use std::fmt;

use bowline::Message;
use serde_json::{Value, json};

use crate::{Failure, store::Existing};

/// Both ends ask for it and refuse to go on without.
pub(crate) const SUBPROTOCOL: &str = "upload.example";
/// For one of the texts.
pub(crate) const MAX_TEXT_SIZE: usize = 4096;

/// What a client wants.
pub(crate) enum Request {
    Put { name: String, size: Option<u64>, existing: Existing },
    Get { name: String },
}

impl Request {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        if let Some(name) = value["get"].as_str() {
            return Some(Self::Get { name: name.to_owned() });
        }
        let name = value["put"].as_str()?.to_owned();
        let size = match &value["size"] {
            Value::Null => None,
            size => Some(size.as_u64()?),
        };
        let existing = match value["replace"].as_bool()? {
            true => Existing::Replaced,
            false => Existing::Kept,
        };
        Some(Self::Put { name, size, existing })
    }
}

impl From<&Request> for Message {
    fn from(request: &Request) -> Self {
        let value = match request {
            Request::Put { name, size, existing } => {
                json!({ "put": name, "size": size, "replace": *existing == Existing::Replaced })
            }
            Request::Get { name } => json!({ "get": name }),
        };
        Self::text(value.to_string())
    }
}

/// What comes next is the file.
pub(crate) struct Ready {
    pub(crate) name: String,
    pub(crate) size: Option<u64>,
}

impl Ready {
    /// Reads it, or the server's reason for something else.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let value = answer(text)?;
        let name = value["ready"].as_str().ok_or_else(|| nonsense(text))?;
        Ok(Self { name: name.to_owned(), size: value["size"].as_u64() })
    }
}

impl From<&Ready> for Message {
    fn from(ready: &Ready) -> Self {
        Self::text(json!({ "ready": ready.name, "size": ready.size }).to_string())
    }
}

/// What a file was, told by one end and compared by the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) size: u64,
    /// In hex.
    pub(crate) sha256: String,
}

impl Sum {
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let value = answer(text)?;
        let sum = || Some((value["size"].as_u64()?, value["sha256"].as_str()?));
        let (size, sha256) = sum().ok_or_else(|| nonsense(text))?;
        Ok(Self { size, sha256: sha256.to_owned() })
    }

    /// What this end has made of a file must be what the other says of it.
    pub(crate) fn compare(&self, theirs: &Self) -> Result<(), Failure> {
        if self == theirs {
            return Ok(());
        }
        Err(Failure::new(format!("{self} here, {theirs} at the other end")))
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes, sha256 {}", self.size, self.sha256)
    }
}

impl From<&Sum> for Message {
    fn from(sum: &Sum) -> Self {
        Self::text(json!({ "size": sum.size, "sha256": sum.sha256 }).to_string())
    }
}

impl From<&Failure> for Message {
    fn from(failure: &Failure) -> Self {
        Self::text(json!({ "error": failure.to_string() }).to_string())
    }
}

fn answer(text: &str) -> Result<Value, Failure> {
    let value: Value = serde_json::from_str(text).map_err(|_| nonsense(text))?;
    match value["error"].as_str() {
        // It goes to a terminal, which obeys control characters.
        Some(error) => Err(Failure::new(error.replace(char::is_control, " "))),
        None => Ok(value),
    }
}

fn nonsense(text: &str) -> Failure {
    Failure::new(format!("not a message of this protocol: {text:?}"))
}
