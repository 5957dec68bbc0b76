//! How fast parts of bowline are in memory, as Markdown: see `benches/README.md`. Nothing here can be too slow.

// A command-line program: what it has to say goes to its terminal.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod copy;
mod measure;
#[path = "../parts/mod.rs"]
mod parts;

use std::{collections::BTreeMap, io, process::ExitCode, time::Duration};

use measure::{Sample, measure};
use parts::Case;

const USAGE: &str = "\
usage: cargo bench --bench throughput [-- TEXT]

  TEXT   only the cases with this text in their name";

/// How long each case is measured.
const TIME: Duration = Duration::from_millis(300);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("throughput: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    // Cargo's own word to every bench.
    let arguments: Vec<_> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let text = match &arguments[..] {
        [] => "",
        [text] if !text.starts_with('-') => text,
        _ => return Err(io::Error::other(USAGE)),
    };
    let mut cases = parts::cases();
    cases.retain(|case| case.name.contains(text));
    let runtime = parts::runtime()?;
    let _guard = runtime.enter();
    let (sized, others): (Vec<_>, Vec<_>) = cases.iter().partition(|case| case.bytes.is_some());
    print_sized(&sized);
    print_others(&others);
    Ok(())
}

/// Payload a second, beside what copying as much takes.
fn print_sized(cases: &[&Case]) {
    if cases.is_empty() {
        return;
    }
    println!("| part | best, GB/s | median, GB/s | of memcpy | median, ns |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    let mut copies = BTreeMap::new();
    for case in cases {
        let Some(bytes) = case.bytes else { continue };
        let copy = copies.entry(bytes).or_insert_with(|| {
            let sample =
                measure(&mut copy::Copy::new(bytes, case.operations), case.operations, TIME);
            print_line(&format!("memcpy/{}", parts::size(bytes)), bytes, &sample, &sample);
            sample
        });
        let sample = measure(case.make().as_mut(), case.operations, TIME);
        print_line(&case.name, bytes, &sample, copy);
    }
}

fn print_line(name: &str, bytes: usize, sample: &Sample, copy: &Sample) {
    // Bytes a nanosecond are gigabytes a second.
    let (best, median) = (bytes as f64 / sample.best, bytes as f64 / sample.median);
    let share = 100.0 * copy.best / sample.best;
    println!("| {name} | {best:.3} | {median:.3} | {share:.1} % | {:.0} |", sample.median);
}

/// Operations a second.
fn print_others(cases: &[&Case]) {
    if cases.is_empty() {
        return;
    }
    println!("\n| part | best, a second | median, a second | median, ns |");
    println!("| --- | ---: | ---: | ---: |");
    for case in cases {
        let Sample { best, median } = measure(case.make().as_mut(), case.operations, TIME);
        println!("| {} | {:.0} | {:.0} | {median:.0} |", case.name, 1e9 / best, 1e9 / median);
    }
}
