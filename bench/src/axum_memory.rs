//! `bench axum-memory`: resident memory per idle connection behind axum, beside bowline on the same socket.

use std::{io, thread, time::Duration};

use crate::{
    arguments::Arguments,
    load::{Load, Traffic},
    machine, payload,
    process::Process,
    server::Server,
    setting::Setting,
    spread::Spread,
};

/// The most that axum with bowline-hyper may hold, in times bowline alone.
const GOAL: f64 = 1.25;

/// How long connections rest before memory is read.
const REST: Duration = Duration::from_secs(1);

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
         Resident bytes of the server over those before the first connection, after three messages of \
         {MESSAGE_BYTES} bytes each way on every one of {count} connections; {rounds} rounds.\n"
    );
    let floor = servers[0].name();
    println!("| server | bytes per connection | range | times {floor} | range | |");
    println!("| --- | ---: | --- | ---: | --- | --- |");
    let mut measured = vec![Vec::new(); servers.len()];
    for _ in 0..rounds {
        for (line, server) in servers.iter().enumerate() {
            measured[line].push(measure(*server, count)?);
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

fn measure(server: Server, count: usize) -> io::Result<f64> {
    let setting = Setting::Off;
    let process = Process::start(&["serve", server.name(), setting.word()])?;
    let before = process.resident_bytes()?;
    let traffic = Traffic::one(payload::json(MESSAGE_BYTES));
    // Dropped at the end: the connections are open until memory is read.
    let _load = Load::open(process.port(), setting, traffic, count)?;
    thread::sleep(REST);
    let after = process.resident_bytes()?;
    Ok(after.saturating_sub(before) as f64 / count as f64)
}
