//! `bench deflate-memory`: resident memory per idle connection with permessage-deflate.

use std::io;

use crate::{
    arguments::Arguments, load::Traffic, machine, memory, payload, server::Server, setting::Setting,
};

const MESSAGE_BYTES: usize = 1024;

/// Measures and prints all rows.
pub(crate) fn run(arguments: &Arguments) -> io::Result<()> {
    arguments.allow(&["connections", "kept", "servers"])?;
    let many = arguments.number("connections", 10_000)?;
    let few = arguments.number("kept", 1_000)?;
    machine::raise_file_limit()?;
    machine::pin(machine::LOAD_CORE)?;
    println!(
        "## Memory per idle connection with permessage-deflate\n\n\
         Resident bytes of the server over those with the first thousand connections, after three compressed\n\
         messages of 1 KiB each way on every connection.\n\n\
         | server | setting | connections | bytes per connection | |\n| --- | --- | ---: | ---: | --- |"
    );
    for (server, setting, count) in cases(many, few) {
        if !Server::is_chosen(arguments, server) {
            continue;
        }
        let (name, remark) = (server.name(), server.remark(setting));
        let traffic = Traffic::one(payload::json(MESSAGE_BYTES));
        match memory::per_connection(server, setting, traffic, count) {
            Ok(bytes) => println!("| {name} | {setting} | {count} | {bytes:.0} | {remark} |"),
            Err(error) => println!("| {name} | {setting} | {count} | | failed: {error} |"),
        }
    }
    Ok(())
}

fn cases(many: usize, few: usize) -> Vec<(Server, Setting, usize)> {
    vec![
        (Server::Bowline, Setting::Off, many),
        (Server::Bowline, Setting::LowMemory, many),
        (Server::Bowline, Setting::Default, many),
        (Server::Bowline, Setting::Kept, few),
        (Server::Bare, Setting::Dropped, many),
        (Server::BarePair, Setting::Dropped, few),
        (Server::Bare, Setting::Kept, few),
        (Server::Sockudo, Setting::Dropped, few),
        (Server::Sockudo, Setting::Kept, few),
        (Server::Yawc, Setting::Dropped, many),
        (Server::Yawc, Setting::Kept, few),
    ]
}
