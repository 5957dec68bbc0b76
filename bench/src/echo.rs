//! A plain echo in four sizes: one server beside the one that it is held to.

use std::io;

use crate::{
    arguments::Arguments,
    row::{Method, Row},
    server::Server,
    setting::Setting,
};

/// Title, bytes of a message, and how many are in flight on a connection.
const ROWS: [(&str, usize, usize); 4] = [
    ("20 B, one in flight", 20, 1),
    ("20 B, 16 in flight", 20, 16),
    ("1 KiB, 16 in flight", 1 << 10, 16),
    ("64 KiB, one in flight", 64 << 10, 1),
];

/// What is compared, and what is to come out.
pub(crate) struct Contest {
    pub(crate) heading: &'static str,
    /// The first is the one that the others are compared to.
    pub(crate) servers: &'static [Server],
    /// Which of them has a goal.
    pub(crate) judged: Server,
    /// The most that it may cost, in times the first.
    pub(crate) goal: f64,
}

impl Contest {
    /// Measures and prints all rows.
    pub(crate) fn run(&self, arguments: &Arguments) -> io::Result<()> {
        let method = Method::of(arguments, 1.0, 9)?;
        let servers = Server::chosen(arguments, self.servers)?;
        let wanted = arguments.text("rows").unwrap_or_default();
        let (floor, judged, goal) = (self.servers[0].name(), self.judged.name(), self.goal);
        println!(
            "## {}\n\n\
             Server CPU per message; {} connections; {} rounds of {:.1} s. Goal: {judged} at most {goal} \
             times {floor}.",
            self.heading,
            method.connections,
            method.pace.rounds,
            method.time.as_secs_f64()
        );
        for (title, message_bytes, in_flight) in ROWS {
            if title.contains(wanted) {
                let row = Row {
                    title: title.to_owned(),
                    message_bytes,
                    connections: method.connections,
                    in_flight,
                    setting: Setting::Off,
                    servers: servers.clone(),
                };
                let rounds = row.print(&method);
                let line = servers.iter().position(|server| *server == self.judged);
                if let Some(ratio) = line.and_then(|line| rounds.ratio(line, 0)) {
                    println!("\nGoal {goal}: {:.2}, {}", ratio.median, ratio.against(goal));
                }
            }
        }
        Ok(())
    }
}
