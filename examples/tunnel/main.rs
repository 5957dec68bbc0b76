//! TCP through WebSocket and out again, in the manner of websockify, with both ends in one program.
//!
//! ```text
//! tunnel serve [--origin ORIGIN]... WS_ADDR TCP_TARGET    # WebSockets come in, TCP goes out
//! tunnel connect TCP_ADDR URI                             # TCP comes in, WebSockets go out
//!
//! program --TCP--> tunnel connect ==WebSocket==> tunnel serve --TCP--> target
//! ```
//!
//! Where to look: `carry.rs` has the two ends of one connection and how each ends, `listen.rs` accepts
//! and stops, `ends.rs` opens the other side.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program, and this is its log")]

mod carry;
mod ends;
mod listen;

use std::{env, io, process::ExitCode};

use crate::ends::{Connect, Serve};

const USAGE: &str = "usage: tunnel serve [--origin ORIGIN]... WS_ADDR TCP_TARGET
       tunnel connect TCP_ADDR URI";

enum Command {
    Serve(String, Serve),
    Connect(String, Connect),
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(command) = parse(env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tunnel: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> io::Result<()> {
    match command {
        Command::Serve(address, serve) => listen::run(&address, serve).await,
        Command::Connect(address, connect) => listen::run(&address, connect).await,
    }
}

fn parse(mut words: impl Iterator<Item = String>) -> Option<Command> {
    let command = words.next()?;
    let mut origins = Vec::new();
    let mut rest = Vec::new();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--origin" if command == "serve" => origins.push(words.next()?),
            _ if word.starts_with('-') => return None,
            _ => rest.push(word),
        }
    }
    let [address, to] = <[String; 2]>::try_from(rest).ok()?;
    match command.as_str() {
        "serve" => Some(Command::Serve(address, Serve { target: to, origins })),
        "connect" => Some(Command::Connect(address, Connect { uri: to })),
        _ => None,
    }
}
