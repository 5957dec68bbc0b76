//! `bench halves`: server CPU per echoed message over the halves, beside the whole connection.

use std::{io, time::Duration};

use crate::{
    arguments::Arguments,
    machine,
    row::{Method, Row},
    server::Server,
    setting::Setting,
    table::Pace,
};

/// The most that the halves in one task may cost, in times the whole.
const GOAL: f64 = 1.1;

/// Title, bytes of a message, and how many are in flight on a connection.
const ROWS: [(&str, usize, usize); 4] = [
    ("20 B, one in flight", 20, 1),
    ("20 B, 16 in flight", 20, 16),
    ("1 KiB, 16 in flight", 1 << 10, 16),
    ("64 KiB, one in flight", 64 << 10, 1),
];

/// Measures and prints all rows.
pub(crate) fn run(arguments: &Arguments) -> io::Result<()> {
    arguments.allow(&[
        "rounds",
        "seconds",
        "connections",
        "servers",
        "rows",
        "patience",
        "attempts",
    ])?;
    let seconds: f64 = arguments.number("seconds", 1.0)?;
    let method = Method {
        pace: Pace::of(arguments, 9)?,
        time: Duration::from_secs_f64(seconds.clamp(0.1, 20.0)),
        connections: arguments.number("connections", 16)?,
    };
    let servers = Server::chosen(arguments, &[Server::Bowline, Server::Halves, Server::Tasks])?;
    let wanted = arguments.text("rows").unwrap_or_default();
    machine::raise_file_limit()?;
    machine::pin(machine::LOAD_CORE)?;
    println!(
        "## Echo over the halves\n\n\
         Server CPU per message; {} connections; {} rounds of {seconds:.1} s. Goal: halves in one task at most \
         {GOAL} times the whole.",
        method.connections, method.pace.rounds
    );
    for (title, message_bytes, in_flight) in ROWS {
        if title.contains(wanted) {
            let row = Row {
                title: title.to_owned(),
                message_bytes,
                in_flight,
                setting: Setting::Off,
                servers: servers.clone(),
            };
            let rounds = row.print(&method);
            let halves = servers.iter().position(|server| *server == Server::Halves);
            if let Some(ratio) = halves.and_then(|line| rounds.ratio(line, 0)) {
                println!("\nGoal {GOAL}: {:.2}, {}", ratio.median, ratio.against(GOAL));
            }
        }
    }
    Ok(())
}
