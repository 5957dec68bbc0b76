//! A WebSocket client for terminals and pipes: `cargo run --release --example client -- --help`.
//!
//! ```text
//! client ws://127.0.0.1:9001                      # on a terminal: lines go out, what arrives is shown with its kind
//! echo hello | client wss://echo.example          # in pipes: a filter
//! client URI --binary < request > response
//! ```
//!
//! Where to look: `dial.rs` makes a `Client` of the options and shows what was agreed on, `trust.rs` is about
//! certificates; `session.rs` runs one connection over its two halves, between `input.rs` and `output.rs`, and `ping.rs`
//! measures it; `reconnect.rs` makes one of many; `hex.rs` and `json.rs` are how messages look; `status.rs` what scripts
//! are told.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program, and this is what it says"
)]

mod dial;
mod hex;
mod input;
mod json;
mod options;
mod output;
mod ping;
mod reconnect;
mod session;
mod status;
mod trust;

use std::{
    env, io,
    process::{self, ExitCode},
    sync::Arc,
};

use tokio::{signal, sync::Notify, time::Instant};

use crate::{
    options::{HELP, Options, USAGE},
    session::{Console, End, Incoming, Online, Outgoing},
    status::Status,
};

#[tokio::main]
async fn main() -> ExitCode {
    let status = match Options::parse(env::args().skip(1)) {
        Ok(Some(options)) => run(Arc::new(options)).await,
        Ok(None) => {
            print!("{HELP}");
            Status::Normal
        }
        Err(misuse) => {
            eprintln!("client: {misuse}\n{USAGE}");
            Status::Usage
        }
    };
    status.into()
}

async fn run(options: Arc<Options>) -> Status {
    let client = match dial::client(&options) {
        Ok(client) => client,
        Err(misuse) => {
            eprintln!("client: {misuse}");
            return Status::Usage;
        }
    };
    let interrupt = interrupts();
    if let Some(backoff) = options.reconnect {
        let (reader, writer, online) = reconnect::halves(client, backoff, &options);
        return converse((reader, writer), Console::open(&options, interrupt, online), &options)
            .await;
    }
    let opened = tokio::select! {
        opened = client.connect() => opened,
        () = interrupt.notified() => return Status::Interrupted,
    };
    let (ws, response) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            status::complain(&options.uri, &error);
            return Status::from(&error);
        }
    };
    dial::greet(&ws, &response, &options);
    let online = Online::new(Some(Instant::now()));
    converse(ws.split(), Console::open(&options, interrupt, online), &options).await
}

async fn converse(
    halves: (impl Incoming, impl Outgoing),
    mut console: Console,
    options: &Options,
) -> Status {
    let end = session::run(halves, &mut console, options).await;
    // What has arrived is shown before it is told how it ended.
    let shown = console.output.finish().await;
    conclude(options, end, shown)
}

fn conclude(options: &Options, end: End, shown: io::Result<()>) -> Status {
    match shown {
        // Whoever read it has what they wanted.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Status::Normal,
        Err(error) => {
            eprintln!("client: standard output: {error}");
            return Status::Failed;
        }
        Ok(()) => {}
    }
    match &end {
        End::Closed(_) | End::Interrupted => {}
        End::Failed(error) => status::complain(&options.uri, error),
        End::Input(error) => eprintln!("client: standard input: {error}"),
    }
    Status::from(&end)
}

/// The first Ctrl-C is for whoever runs the connection, the second ends the program.
fn interrupts() -> Arc<Notify> {
    let interrupt = Arc::new(Notify::new());
    let first = Arc::clone(&interrupt);
    tokio::spawn(async move {
        if signal::ctrl_c().await.is_ok() {
            first.notify_one();
        }
        if signal::ctrl_c().await.is_ok() {
            process::exit(Status::Interrupted as i32);
        }
    });
    interrupt
}
