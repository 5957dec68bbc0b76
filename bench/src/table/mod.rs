//! `bench table`: bowline and its peers side by side with raw loops, and the page about it.

mod facts;
mod figures;
mod participants;
mod plan;
mod record;
mod report;
mod results;
mod tables;

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    arguments::Arguments, comparison::Pace, machine, memory, server::Server, setting::Setting,
    trial::Trial,
};
use plan::{Case, Part};
use record::{Quantity, Record, Values};
use results::Results;

/// Where page, results and charts are written, seen from the project's root.
const OUT: &str = "docs";

const PAGE: &str = "benchmarks.md";

/// How long a server is driven before it is measured.
const WARM_UP: Duration = Duration::from_millis(100);

/// Longer, and servers would ping the connections that wait.
const LONGEST_SECONDS: f64 = 10.0;

/// Rounds of the other parts at most: their points are many.
const OTHER_ROUNDS: usize = 3;

const OPTIONS: [&str; 9] =
    ["rounds", "seconds", "servers", "rows", "parts", "idle", "patience", "attempts", "out"];

/// How it is measured.
struct Method {
    pace: Pace,
    time: Duration,
}

/// Measures, prints the page, and writes it where all of it was measured or the option `out` says where.
pub(crate) fn run(arguments: &Arguments) -> io::Result<()> {
    arguments.allow(&OPTIONS)?;
    let seconds: f64 = arguments.number("seconds", 0.5)?;
    // Less than elsewhere: there are a thousand measurements.
    let pace = Pace { rounds: 5, attempts: 2, patience: Duration::from_secs(1) };
    let method = Method {
        pace: pace.or_as(arguments)?,
        time: Duration::from_secs_f64(seconds.clamp(0.1, LONGEST_SECONDS)),
    };
    let idle = arguments.number("idle", plan::IDLE)?;
    // Refuses names that are none.
    Server::chosen(arguments, &[Server::Raw])?;
    let mut cases = Vec::new();
    for mut case in plan::cases(idle) {
        if case.choose(arguments)? {
            cases.push(case);
        }
    }
    let all = ["servers", "rows", "parts"].iter().all(|name| arguments.text(name).is_none());
    let out = arguments.text("out").or(all.then_some(OUT)).map(PathBuf::from);
    let results = measure_all(&cases, &method, idle)?;
    print!("{}", report::page(&results)?);
    if let Some(out) = out {
        results.write(&results::folder(&out))?;
        write(&results, &out)?;
    }
    Ok(())
}

/// Makes page and charts again from what was measured earlier.
pub(crate) fn render(arguments: &Arguments) -> io::Result<()> {
    arguments.allow(&["out"])?;
    let out = Path::new(arguments.text("out").unwrap_or(OUT));
    write(&Results::read(&results::folder(out))?, out)
}

fn write(results: &Results, out: &Path) -> io::Result<()> {
    for (name, svg) in figures::all(results)? {
        fs::write(results::folder(out).join(name), svg)?;
    }
    fs::write(out.join(PAGE), report::page(results)?)?;
    eprintln!("written to {}", out.join(PAGE).display());
    Ok(())
}

fn measure_all(cases: &[Case], method: &Method, idle: usize) -> io::Result<Results> {
    let rounds = method.pace.rounds;
    let facts = [
        ("date", facts::date()?),
        ("machine", facts::machine()?),
        ("versions", facts::versions()?),
        ("rounds", rounds.to_string()),
        ("other rounds", rounds.min(OTHER_ROUNDS).to_string()),
        ("seconds", method.time.as_secs_f64().to_string()),
        ("idle connections", idle.to_string()),
    ];
    let facts = facts.map(|(name, value)| (name.to_owned(), value)).to_vec();
    machine::raise_file_limit()?;
    machine::pin(machine::LOAD_CORE)?;
    let mut records = Vec::new();
    for round in 0..rounds {
        let of_this_round = |case: &&Case| case.part.has_goals() || round < OTHER_ROUNDS;
        for case in cases.iter().filter(of_this_round) {
            eprintln!("round {} of {rounds}: {}, {}", round + 1, case.part.word(), case.title);
            records.extend(case.servers.iter().map(|server| Record {
                part: case.part,
                row: case.title.clone(),
                server: *server,
                round,
                outcome: measure(case, *server, method).map_err(|error| error.to_string()),
            }));
        }
    }
    Ok(Results { facts, records })
}

fn measure(case: &Case, server: Server, method: &Method) -> io::Result<Values> {
    if case.part == Part::Idle {
        let (traffic, count) = (case.traffic(), case.connections);
        let bytes = memory::per_connection(server, Setting::Off, traffic, count)?;
        return Ok(Values::of(&[(Quantity::Resident, bytes)]));
    }
    let trial = Trial {
        server,
        setting: Setting::Off,
        connections: case.connections,
        warm_up: WARM_UP,
        time: method.time,
    };
    let outcome = method.pace.measure(|| {
        let traffic = case.traffic();
        match case.part {
            Part::Sending => trial.run_sending(traffic.message, traffic.in_flight),
            Part::Tls => trial.run_over_tls(traffic),
            _ => trial.run(traffic),
        }
    })?;
    let microseconds = |time: Duration| 1e6 * time.as_secs_f64();
    let mut values = vec![
        (Quantity::Cpu, outcome.sample.nanoseconds),
        (Quantity::Rate, outcome.per_second),
        (Quantity::Disturbed, outcome.sample.disturbed),
    ];
    if case.part.is_echo() {
        values.push((Quantity::P50, microseconds(outcome.p50)));
        values.push((Quantity::P99, microseconds(outcome.p99)));
    }
    Ok(Values::of(&values))
}
