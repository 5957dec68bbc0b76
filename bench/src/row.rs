//! One row of a table: the same echo, asked of several servers in turn.

use std::{io, thread, time::Duration};

use crate::{
    load::Load,
    machine, payload,
    process::{Process, Times},
    server::Server,
    setting::Setting,
    spread::Spread,
};

/// How long a server is driven before it is measured.
const WARM_UP: Duration = Duration::from_millis(300);

/// How long a server is left alone before its time is read, so that all of it is booked.
const SETTLE: Duration = Duration::from_millis(5);

/// What a server or the load may wait for its core, as a share of the time. Past it other programs were at
/// work there, which costs caches: the measurement is repeated.
const QUIET: f64 = 0.005;

/// How often a measurement is made at most, until it was quiet.
const ATTEMPTS: usize = 3;

/// What is sent, and what is agreed on.
pub(crate) struct Row {
    pub(crate) title: String,
    pub(crate) message_bytes: usize,
    pub(crate) setting: Setting,
    pub(crate) servers: Vec<Server>,
}

/// How it is measured.
pub(crate) struct Method {
    pub(crate) rounds: usize,
    pub(crate) time: Duration,
    pub(crate) connections: usize,
    /// How long to wait for other programs to be done, before each measurement.
    pub(crate) patience: Duration,
}

/// One measurement.
struct Sample {
    nanoseconds: f64,
    reply_bytes: usize,
    /// The larger share of the time that the server or the load waited for its core.
    disturbed: f64,
}

impl Row {
    /// Measures every server once a round, and prints the table.
    pub(crate) fn print(&self, method: &Method) -> io::Result<()> {
        let mut rounds = Vec::new();
        for _ in 0..method.rounds {
            let samples = self.servers.iter().map(|server| self.sample(*server, method));
            rounds.push(samples.collect::<Vec<_>>());
        }
        println!("\n### {}\n", self.title);
        println!("| server | ns per message | range | times bare | range | reply, bytes | |");
        println!("| --- | ---: | --- | ---: | --- | ---: | --- |");
        for (column, server) in self.servers.iter().enumerate() {
            self.print_server(*server, column, &rounds);
        }
        let samples = rounds.iter().flatten().flatten();
        let disturbed = Spread::of(samples.map(|sample| 100.0 * sample.disturbed));
        if let Some(disturbed) = disturbed.filter(|disturbed| disturbed.most > 100.0 * QUIET) {
            println!(
                "\nDisturbed: other programs had the core up to {:.1} % of the time, {:.1} % in the median.",
                disturbed.most, disturbed.median
            );
        }
        Ok(())
    }

    fn print_server(&self, server: Server, column: usize, rounds: &[Vec<io::Result<Sample>>]) {
        let (name, remark) = (server.name(), server.remark(self.setting));
        let failed = rounds.iter().find_map(|samples| samples[column].as_ref().err());
        let samples = || rounds.iter().filter_map(|samples| samples[column].as_ref().ok());
        let of_bare = rounds.iter().filter_map(|samples| {
            let (bare, this) = (samples[0].as_ref().ok()?, samples[column].as_ref().ok()?);
            Some(this.nanoseconds / bare.nanoseconds)
        });
        let nanoseconds = Spread::of(samples().map(|sample| sample.nanoseconds));
        match (nanoseconds, Spread::of(of_bare), samples().next(), failed) {
            (Some(nanoseconds), Some(of_bare), Some(sample), None) => println!(
                "| {name} | {nanoseconds:.0} | {of_bare:.2} | {} | {remark} |",
                sample.reply_bytes
            ),
            (.., Some(error)) => println!("| {name} | | | | | | failed: {error} |"),
            _ => println!("| {name} | | | | | | bare failed |"),
        }
    }

    /// The first quiet measurement, or else the least disturbed one.
    fn sample(&self, server: Server, method: &Method) -> io::Result<Sample> {
        let mut best = self.measure(server, method)?;
        for _ in 1..ATTEMPTS {
            if best.disturbed <= QUIET {
                break;
            }
            let next = self.measure(server, method)?;
            if next.disturbed < best.disturbed {
                best = next;
            }
        }
        Ok(best)
    }

    /// A fresh process each time: where its memory happens to lie is part of the spread, not of the result.
    fn measure(&self, server: Server, method: &Method) -> io::Result<Sample> {
        machine::wait_until_quiet(method.patience)?;
        let process = Process::start(server, self.setting)?;
        let message = payload::json(self.message_bytes);
        let mut load = Load::open(process.port(), self.setting, message, method.connections)?;
        load.echo(WARM_UP)?;
        thread::sleep(SETTLE);
        let (before, own_before) = (process.times()?, Times::own()?);
        let echoed = load.echo(method.time)?;
        thread::sleep(SETTLE);
        let (spent, own) = (process.times()?.since(before), Times::own()?.since(own_before));
        Ok(Sample {
            nanoseconds: spent.running as f64 / echoed as f64,
            reply_bytes: load.reply_bytes(),
            disturbed: spent.waiting.max(own.waiting) as f64 / method.time.as_nanos() as f64,
        })
    }
}
