//! `bench deflate`: server CPU per echoed message with permessage-deflate.

use std::io;

use crate::{
    arguments::Arguments,
    row::{Method, Row},
    server::Server,
    setting::Setting,
};

/// Measures and prints all rows.
pub(crate) fn run(arguments: &Arguments) -> io::Result<()> {
    let method = Method::of(arguments, 1.5, 7)?;
    let wanted = arguments.text("rows").unwrap_or_default();
    println!(
        "## Echo with permessage-deflate, level 6\n\n\
         Server CPU per message; {} connections, one message in flight on each; {} rounds of {:.1} s.",
        method.connections,
        method.pace.rounds,
        method.time.as_secs_f64()
    );
    for row in rows() {
        if row.title.contains(wanted) {
            let servers = Server::chosen(arguments, &row.servers)?;
            Row { servers, connections: method.connections, ..row }.print(&method);
        }
    }
    Ok(())
}

fn rows() -> impl Iterator<Item = Row> {
    let settings = [Setting::Dropped, Setting::Kept];
    settings.into_iter().flat_map(|setting| [1, 16].map(|kib| row(kib, setting)))
}

fn row(kib: usize, setting: Setting) -> Row {
    let mut servers = vec![Server::Bare];
    // Where context is kept, bare has a pair per connection anyway.
    if setting == Setting::Dropped {
        servers.push(Server::BarePair);
    }
    servers.extend([Server::Bowline, Server::Sockudo, Server::Yawc]);
    Row {
        title: format!("{kib} KiB of JSON, {setting}"),
        message_bytes: 1024 * kib,
        connections: 16,
        in_flight: 1,
        setting,
        servers,
    }
}
