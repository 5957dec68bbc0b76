//! One table: several ways to do the same, each measured once a round.

use std::{io, time::Duration};

use crate::{arguments::Arguments, machine, process::Times, spread::Spread};

/// What a server or the load may wait for its core, as a share of the time. Past it other programs were at
/// work there, which costs caches: the measurement is repeated.
pub(crate) const QUIET: f64 = 0.005;

/// A line of the table.
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) remark: &'static str,
}

/// What is compared.
pub(crate) struct Table {
    pub(crate) title: String,
    /// What a line is, and what its bytes are.
    pub(crate) heads: [&'static str; 2],
    pub(crate) lines: Vec<Line>,
    /// So many of the first lines are what every line is compared to.
    pub(crate) floors: usize,
}

/// How often and when it is measured.
pub(crate) struct Pace {
    pub(crate) rounds: usize,
    /// How often a measurement is made at most, until it was quiet.
    pub(crate) attempts: usize,
    /// How long to wait for other programs to be done, before each measurement.
    pub(crate) patience: Duration,
}

/// One measurement.
pub(crate) struct Sample {
    /// Of the server's CPU time, per message.
    pub(crate) nanoseconds: f64,
    pub(crate) bytes: usize,
    /// The larger share of the time that the server or the load waited for its core.
    pub(crate) disturbed: f64,
}

/// All measurements, by round and line.
pub(crate) struct Rounds(Vec<Vec<io::Result<Sample>>>);

impl Pace {
    /// As the options say.
    pub(crate) fn of(arguments: &Arguments, rounds: usize) -> io::Result<Self> {
        Self { rounds, attempts: 3, patience: Duration::from_secs(5) }.or_as(arguments)
    }

    /// As the options say, where they say something.
    pub(crate) fn or_as(self, arguments: &Arguments) -> io::Result<Self> {
        Ok(Self {
            rounds: arguments.number("rounds", self.rounds)?,
            attempts: arguments.number("attempts", self.attempts)?,
            patience: Duration::from_secs(arguments.number("patience", self.patience.as_secs())?),
        })
    }

    /// The first quiet measurement, or else the least disturbed one.
    pub(crate) fn measure<T: AsRef<Sample>>(
        &self,
        measure: impl Fn() -> io::Result<T>,
    ) -> io::Result<T> {
        let attempt = || {
            machine::wait_until_quiet(self.patience)?;
            measure()
        };
        let mut best = attempt()?;
        for _ in 1..self.attempts {
            if best.as_ref().disturbed <= QUIET {
                break;
            }
            let next = attempt()?;
            if next.as_ref().disturbed < best.as_ref().disturbed {
                best = next;
            }
        }
        Ok(best)
    }
}

impl Sample {
    /// Of what the server and the load have spent on so many messages.
    pub(crate) fn new(server: Times, load: Times, messages: u64, elapsed: u128) -> Self {
        Self {
            nanoseconds: server.running as f64 / messages as f64,
            bytes: 0,
            disturbed: server.waiting.max(load.waiting) as f64 / elapsed as f64,
        }
    }
}

impl AsRef<Self> for Sample {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl Table {
    /// Measures every line once a round.
    pub(crate) fn measure(
        &self,
        pace: &Pace,
        measure: impl Fn(usize) -> io::Result<Sample>,
    ) -> Rounds {
        let round = |_| (0..self.lines.len()).map(|line| pace.measure(|| measure(line))).collect();
        Rounds((0..pace.rounds).map(round).collect())
    }

    /// Prints it as Markdown.
    pub(crate) fn print(&self, rounds: &Rounds) {
        let [line, bytes] = self.heads;
        let floors = &self.lines[..self.floors];
        let ratios: String =
            floors.iter().map(|floor| format!(" times {} | range |", floor.name)).collect();
        println!("\n### {}\n", self.title);
        println!("| {line} | ns per message | range |{ratios} {bytes}, bytes | |");
        println!("| --- | ---: | --- |{} ---: | --- |", " ---: | --- |".repeat(self.floors));
        for column in 0..self.lines.len() {
            self.print_line(column, rounds);
        }
        rounds.print_disturbance();
    }

    fn print_line(&self, column: usize, rounds: &Rounds) {
        let Line { name, remark } = &self.lines[column];
        let ratios: Option<String> = (0..self.floors)
            .map(|floor| Some(format!(" {:.2} |", rounds.ratio(column, floor)?)))
            .collect();
        let failed = rounds.0.iter().find_map(|samples| samples[column].as_ref().err());
        let nanoseconds = Spread::of(rounds.of(column).map(|sample| sample.nanoseconds));
        match (nanoseconds, ratios, rounds.of(column).next(), failed) {
            (Some(nanoseconds), Some(ratios), Some(sample), None) => {
                println!("| {name} | {nanoseconds:.0} |{ratios} {} | {remark} |", sample.bytes);
            }
            (.., failed) => {
                let why =
                    failed.map_or("its floor failed".to_owned(), |why| format!("failed: {why}"));
                println!("| {name} | | |{} | {why} |", " | |".repeat(self.floors));
            }
        }
    }
}

impl Rounds {
    fn of(&self, line: usize) -> impl Iterator<Item = &Sample> {
        self.0.iter().filter_map(move |samples| samples[line].as_ref().ok())
    }

    /// One line's time in the other's, round by round.
    pub(crate) fn ratio(&self, line: usize, floor: usize) -> Option<Spread> {
        Spread::of(self.0.iter().filter_map(|samples| {
            let (floor, this) = (samples[floor].as_ref().ok()?, samples[line].as_ref().ok()?);
            Some(this.nanoseconds / floor.nanoseconds)
        }))
    }

    fn print_disturbance(&self) {
        let samples = self.0.iter().flatten().flatten();
        let disturbed = Spread::of(samples.map(|sample| 100.0 * sample.disturbed));
        if let Some(disturbed) = disturbed.filter(|disturbed| disturbed.most > 100.0 * QUIET) {
            println!(
                "\nDisturbed: other programs had the core up to {:.1} % of the time, {:.1} % in the median.",
                disturbed.most, disturbed.median
            );
        }
    }
}
