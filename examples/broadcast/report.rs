//! What is printed: a line each second, and a table at the end.

use std::{
    fs,
    sync::atomic::{AtomicU64, Ordering},
};

use bowline::hub::Hub;

use crate::{
    subscribers::{Outcome, Pace},
    ticker::Totals,
};

/// The lines, each about the second that is over.
#[derive(Default)]
pub(crate) struct Lines {
    second: u64,
    before: [u64; 4],
}

impl Lines {
    pub(crate) fn begin() -> Self {
        println!("second  published  delivered  dropped  disconnected  queued kB  resident MB");
        Self::default()
    }

    pub(crate) fn print(&mut self, totals: &Totals, hub: &Hub) {
        let now = totals.all().map(|count| count.load(Ordering::Relaxed));
        let [published, delivered, dropped, disconnected] =
            std::array::from_fn(|at| now[at] - self.before[at]);
        self.before = now;
        self.second += 1;
        println!(
            "{:>6}  {published:>9}  {delivered:>9}  {dropped:>7}  {disconnected:>12}  {:>9.1}  {:>11}",
            self.second,
            hub.queued() as f64 / 1e3,
            resident().map_or("unknown".into(), |bytes| format!("{:.1}", bytes as f64 / 1e6)),
        );
    }
}

impl Totals {
    fn all(&self) -> [&AtomicU64; 4] {
        [&self.published, &self.delivered, &self.dropped, &self.disconnected]
    }
}

/// Those that read share a line, where it went the same for them.
pub(crate) fn print_table(outcomes: &[Outcome], published: u64) {
    println!();
    println!("subscribers     path              received  missed  which they got      ended with");
    let mut rest = outcomes;
    while let Some(first) = rest.first() {
        let count = rest.iter().take_while(|outcome| outcome.is_like(first)).count();
        let pace = if first.pace == Pace::Fast { "read" } else { "slept" };
        println!(
            "{:<14}  {:<16}  {:>8}  {:>6}  {:<18}  {}",
            format!("{count} that {pace}"),
            first.path,
            first.received,
            published.saturating_sub(first.received),
            first.runs(),
            first.end
        );
        rest = &rest[count..];
    }
}

impl Outcome {
    fn is_like(&self, other: &Self) -> bool {
        (self.pace, self.path, &self.runs, &self.end)
            == (other.pace, other.path, &other.runs, &other.end)
    }

    fn runs(&self) -> String {
        let runs: Vec<String> =
            self.runs.iter().map(|(first, last)| format!("{first}-{last}")).collect();
        match &runs[..] {
            [] => "none".to_owned(),
            [.., _] if runs.len() <= 3 => runs.join(", "),
            [first, .., last] => format!("{first}, ..., {last}"),
            [_] => runs.join(""),
        }
    }
}

/// The memory of this process, both ends of all its connections in it; known on Linux.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}
