//! Files of any size over WebSocket, each as one message that is sent and kept while it is made.
//!
//! ```text
//! upload serve ADDR DIR [--max BYTES]          # keeps what comes in DIR
//! upload put URI FILE [--name NAME] [--force]  # FILE may be a pipe, as /dev/stdin is
//! upload get URI NAME FILE [--force]
//! ```
//!
//! Where to look: `protocol.rs` has the few messages, `transfer.rs` a file into a message and out of one,
//! `server.rs` and `client.rs` the two ends, `store.rs` files that are there as a whole or not at all,
//! `progress.rs` what one sees.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program, and this is its log")]

mod client;
mod progress;
mod protocol;
mod server;
mod store;
mod transfer;

use std::{env, fmt, path::PathBuf, process::ExitCode};

use crate::{client::Command, server::Settings, store::Existing};

const USAGE: &str = "usage: upload serve ADDR DIR [--max BYTES]
       upload put URI FILE [--name NAME] [--force]
       upload get URI NAME FILE [--force]";

/// Why something wasn't done, in words.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl From<bowline::Error> for Failure {
    fn from(error: bowline::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(arguments) = Arguments::parse(env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let done = match arguments {
        Arguments::Serve(settings) => server::run(settings).await,
        Arguments::Client(uri, command) => client::run(&uri, command).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("upload: {failure}");
            ExitCode::FAILURE
        }
    }
}

enum Arguments {
    Serve(Settings),
    Client(String, Command),
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let command = words.next()?;
        let (mut rest, mut name, mut max, mut existing) = (Vec::new(), None, None, Existing::Kept);
        while let Some(word) = words.next() {
            match (word.as_str(), command.as_str()) {
                ("--max", "serve") => max = Some(words.next()?.parse().ok()?),
                ("--name", "put") => name = Some(words.next()?),
                ("--force", "put" | "get") => existing = Existing::Replaced,
                _ if word.starts_with("--") => return None,
                _ => rest.push(word),
            }
        }
        let mut rest = rest.into_iter();
        let (first, second, third) = (rest.next()?, rest.next()?, rest.next());
        let arguments = match (command.as_str(), third) {
            ("serve", None) => {
                Self::Serve(Settings { address: first, directory: second.into(), max })
            }
            ("put", None) => {
                let file = PathBuf::from(second);
                let name = name.or_else(|| Some(file.file_name()?.to_str()?.to_owned()))?;
                Self::Client(first, Command::Put { file, name, existing })
            }
            ("get", Some(file)) => {
                Self::Client(first, Command::Get { name: second, file: file.into(), existing })
            }
            _ => return None,
        };
        rest.next().is_none().then_some(arguments)
    }
}
