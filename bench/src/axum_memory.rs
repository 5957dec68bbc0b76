//! `bench axum-memory`: resident memory per idle connection behind axum, beside bowline on the same socket.

use std::io;

use crate::{
    arguments::Arguments, load::Traffic, machine, memory, payload, server::Server,
    setting::Setting, spread::Spread,
};

/// The most that axum with bowline-hyper may hold, in times bowline alone.
const GOAL: f64 = 1.25;

const MESSAGE_BYTES: usize = 20;

/// The first is the one that the others are compared to.
const SERVERS: [Server; 3] = [Server::Accept, Server::Axum, Server::AxumWs];

/// Measures and prints the table.
pub(crate) fn run(arguments: &Arguments) -> io::Result<()> {
    arguments.allow(&["connections", "rounds", "servers"])?;
    let count = arguments.number("connections", 5_000)?;
    let rounds = arguments.number("rounds", 5)?;
    let servers = Server::chosen(arguments, &SERVERS)?;
    machine::raise_file_limit()?;
    machine::pin(machine::LOAD_CORE)?;
    println!(
        "## Memory per idle connection behind axum\n\n\
         Resident bytes of the server over those with the first thousand connections, after three messages of \
         {MESSAGE_BYTES} bytes each way on every one of {count} connections; {rounds} rounds.\n"
    );
    let floor = servers[0].name();
    println!("| server | bytes per connection | range | times {floor} | range | |");
    println!("| --- | ---: | --- | ---: | --- | --- |");
    let mut measured = vec![Vec::new(); servers.len()];
    for _ in 0..rounds {
        for (line, server) in servers.iter().enumerate() {
            let traffic = Traffic::one(payload::json(MESSAGE_BYTES));
            measured[line].push(memory::per_connection(*server, Setting::Off, traffic, count)?);
        }
    }
    let mut judged = None;
    for (line, server) in servers.iter().enumerate() {
        let ratios = measured[line].iter().zip(&measured[0]).map(|(this, floor)| this / floor);
        let spreads = (Spread::of(measured[line].iter().copied()), Spread::of(ratios));
        let (Some(bytes), Some(ratio)) = spreads else { continue };
        let (name, remark) = (server.name(), server.remark(Setting::Off));
        println!("| {name} | {bytes:.0} | {ratio:.2} | {remark} |");
        if *server == Server::Axum {
            judged = Some(ratio);
        }
    }
    if let Some(ratio) = judged {
        println!("\nGoal {GOAL}: {:.2}, {}", ratio.median, ratio.against(GOAL));
    }
    Ok(())
}
