//! What was counted, as it is kept in the repository.
//!
//! ```text
//! # how to write it
//! NAME OF WHAT IT DEPENDS ON: VALUE
//!
//! CASE INSTRUCTIONS
//! ```

use std::{fmt::Write, fs, io};

use crate::machine::Machine;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/baseline.txt");
const HEAD: &str =
    "# Instructions an operation, written by `cargo bench --bench instructions -- --rewrite`.\n";

/// Instructions of one operation of a case.
pub(crate) struct Count {
    pub(crate) name: String,
    pub(crate) instructions: u64,
}

/// What was counted where.
pub(crate) struct Baseline {
    pub(crate) machine: Machine,
    pub(crate) counts: Vec<Count>,
}

impl Baseline {
    pub(crate) fn read() -> io::Result<Self> {
        let text = fs::read_to_string(PATH)
            .map_err(|error| io::Error::other(format!("{PATH}: {error}; --rewrite writes it")))?;
        let mut baseline = Self { machine: Machine(Vec::new()), counts: Vec::new() };
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some((name, value)) = line.split_once(": ") {
                baseline.machine.0.push((name.to_owned(), value.to_owned()));
            } else {
                baseline.counts.push(parse(line)?);
            }
        }
        Ok(baseline)
    }

    pub(crate) fn write(&self) -> io::Result<()> {
        let mut text = String::from(HEAD);
        for (name, value) in &self.machine.0 {
            let _ = writeln!(text, "{name}: {value}");
        }
        text.push('\n');
        let width = self.counts.iter().map(|count| count.name.len()).max().unwrap_or(0);
        for Count { name, instructions } in &self.counts {
            let _ = writeln!(text, "{name:width$} {instructions:>8}");
        }
        fs::write(PATH, text)?;
        println!("{PATH} has {} cases", self.counts.len());
        Ok(())
    }
}

fn parse(line: &str) -> io::Result<Count> {
    let malformed = || io::Error::other(format!("{PATH}: {line:?} is no case and its count"));
    let (name, instructions) = line.rsplit_once(' ').ok_or_else(malformed)?;
    let instructions = instructions.parse().map_err(|_| malformed())?;
    Ok(Count { name: name.trim_end().to_owned(), instructions })
}
