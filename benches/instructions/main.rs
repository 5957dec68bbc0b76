//! How many instructions an operation takes, beside what it took when `benches/baseline.txt` was written. Fails where
//! that has changed: see `benches/README.md`.

// A command-line program: what it has to say goes to its terminal.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod baseline;
mod callgrind;
mod comparison;
mod machine;
#[path = "../parts/mod.rs"]
mod parts;

use std::{io, process::ExitCode};

use baseline::{Baseline, Count};
use machine::Machine;
use parts::{Case, Part};

const USAGE: &str = "\
usage: cargo bench --bench instructions [-- TEXT | --rewrite]

  TEXT        only the cases with this text in their name
  --rewrite   write the baseline instead of comparing with it";

/// What this program is told where it is started under valgrind.
const RUN: &str = "--run";
const PROCESSOR: &str = "--processor";

/// Rounds that fill caches and grow buffers, and are not counted.
const WARM_UP: usize = 2;
const ROUNDS: usize = 3;
/// Past this a count says nothing new, and takes long.
const LARGEST: usize = 64 << 10;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    // Cargo's own word to every bench.
    let arguments: Vec<_> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let mut cases = parts::cases();
    cases.retain(|case| case.bytes.is_none_or(|bytes| bytes <= LARGEST));
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [RUN, name] => run_rounds(cases.iter().find(|case| case.name == name)),
        [PROCESSOR] => {
            println!("{}", machine::processor());
            Ok(())
        }
        ["--rewrite"] => rewrite(&cases),
        [] => compare(&cases, |_| true),
        [text] if !text.starts_with('-') => compare(&cases, |name| name.contains(text)),
        _ => Err(io::Error::other(USAGE)),
    }
}

fn rewrite(cases: &[Case]) -> io::Result<()> {
    let machine = Machine::read()?;
    let counts = count(cases, |_| true)?;
    Baseline { machine, counts }.write()
}

fn compare(cases: &[Case], wanted: impl Fn(&str) -> bool) -> io::Result<()> {
    let mut baseline = Baseline::read()?;
    let machine = Machine::read()?;
    baseline.counts.retain(|count| wanted(&count.name));
    comparison::judge(&baseline, &Baseline { machine, counts: count(cases, wanted)? })
}

fn count(cases: &[Case], wanted: impl Fn(&str) -> bool) -> io::Result<Vec<Count>> {
    let wanted = cases.iter().filter(|case| wanted(&case.name));
    let counted = wanted.map(|case| {
        let operations = case.operations * ROUNDS;
        let instructions = callgrind::count(&case.name)? as f64 / operations as f64;
        Ok(Count { name: case.name.clone(), instructions: instructions.round() as u64 })
    });
    counted.collect()
}

/// What valgrind runs.
fn run_rounds(case: Option<&Case>) -> io::Result<()> {
    let case = case.ok_or_else(|| io::Error::other("no such case"))?;
    let runtime = parts::runtime()?;
    let _guard = runtime.enter();
    let mut part = case.make();
    for _ in 0..WARM_UP {
        part.prepare();
        part.run();
    }
    for _ in 0..ROUNDS {
        part.prepare();
        counted_round(part.as_mut());
    }
    Ok(())
}

/// Valgrind counts while this runs: it is found by its name ([`callgrind::COUNTED`]).
#[inline(never)]
fn counted_round(part: &mut dyn Part) {
    part.run();
    // Without a call after it, this one could become a jump, which valgrind would see no return of.
    std::hint::black_box(());
}
