//! `bench table`: bowline and its peers side by side with raw loops.

use std::io;

use crate::{
    arguments::Arguments,
    row::{Method, Row},
    server::Server,
    setting::Setting,
};

/// Measures and prints all rows.
pub(crate) fn run(arguments: &Arguments) -> io::Result<()> {
    let method = Method::of(arguments, 0.5, 5)?;
    let wanted = arguments.text("rows").unwrap_or_default();
    for (title, message_bytes, fragments, connections, in_flight, goal) in ROWS {
        if !title.contains(wanted) {
            continue;
        }
        let mut servers = vec![Server::Raw, Server::RawWhole, Server::Rest, Server::Bowline];
        if title == "1 MiB text" {
            servers.swap(0, 1);
        }
        let row = Row {
            title: title.to_owned(),
            message_bytes,
            fragments,
            connections,
            in_flight,
            setting: Setting::Off,
            servers: Server::chosen(arguments, &servers)?,
        };
        let rounds = row.print(&method);
        let line = row.servers.iter().position(|server| *server == Server::Bowline);
        if let Some(ratio) = line.and_then(|line| rounds.ratio(line, 0)) {
            println!("\nGoal {goal}: {:.2}, {}", ratio.median, ratio.against(goal));
        }
    }
    Ok(())
}

/// Title, bytes and fragments of a message, connections, how many are in flight, and the goal.
const ROWS: [(&str, usize, usize, usize, usize, f64); 6] = [
    ("20 B, one in flight", 20, 1, 16, 1, 1.05),
    ("20 B, 16 in flight", 20, 1, 16, 16, 1.15),
    ("1 KiB text, 16 in flight", 1 << 10, 1, 16, 16, 1.2),
    ("64 KiB text", 64 << 10, 1, 4, 1, 1.3),
    ("1 MiB text", 1 << 20, 1, 1, 1, 1.15),
    ("16 KiB in 16 fragments", 16 << 10, 16, 4, 4, 1.2),
];
