//! Whether the counts are still those of the baseline.

use std::{fmt, io};

use crate::baseline::{Baseline, Count};

/// How far a count may be from the baseline's, as a share of it.
const TOLERANCE: f64 = 0.03;
/// The same where the baseline was counted with another compiler, library, valgrind or kind of processor.
const ELSEWHERE: f64 = 0.15;

/// What has become of a case.
enum Verdict {
    Same,
    More,
    Less,
    /// Not in the baseline.
    New,
    /// In the baseline only.
    Gone,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Same => "",
            Self::More => "  MORE",
            Self::Less => "  LESS",
            Self::New => "  NEW",
            Self::Gone => "  GONE",
        })
    }
}

/// Prints every count beside the baseline's.
///
/// # Errors
///
/// Says what has changed, if anything has.
pub(crate) fn judge(baseline: &Baseline, now: &Baseline) -> io::Result<()> {
    let tolerance = tolerance(baseline, now);
    println!("{:48} {:>10} {:>10} {:>8}", "instructions an operation", "baseline", "now", "change");
    let mut failures = Failures::default();
    for count in &now.counts {
        let before = baseline.counts.iter().find(|before| before.name == count.name);
        failures.note(&line(before, count, tolerance));
    }
    for before in &baseline.counts {
        if now.counts.iter().all(|count| count.name != before.name) {
            println!("{:48} {:>10}{}", before.name, before.instructions, Verdict::Gone);
            failures.note(&Verdict::Gone);
        }
    }
    if now.counts.is_empty() {
        return Err(io::Error::other("nothing was counted: no case has such a name"));
    }
    failures.into_result(tolerance)
}

fn tolerance(baseline: &Baseline, now: &Baseline) -> f64 {
    let differences = now.machine.differences(&baseline.machine);
    if differences.is_empty() {
        return TOLERANCE;
    }
    println!("THE BASELINE IS OF ANOTHER MACHINE, so counts may be {} % off:", ELSEWHERE * 100.0);
    for (name, here, there) in differences {
        println!("  {name}: {here}; the baseline's: {there}");
    }
    ELSEWHERE
}

fn line(before: Option<&Count>, count: &Count, tolerance: f64) -> Verdict {
    let Count { name, instructions } = count;
    let Some(before) = before else {
        println!("{name:48} {:>10} {instructions:>10} {:>8}{}", "", "", Verdict::New);
        return Verdict::New;
    };
    let change = *instructions as f64 / before.instructions as f64 - 1.0;
    let verdict = match change {
        _ if change > tolerance => Verdict::More,
        _ if change < -tolerance => Verdict::Less,
        _ => Verdict::Same,
    };
    let (before, percent) = (before.instructions, change * 100.0);
    println!("{name:48} {before:>10} {instructions:>10} {percent:>+7.1}%{verdict}");
    verdict
}

/// How many cases have changed, and how.
#[derive(Default)]
struct Failures {
    more: usize,
    less: usize,
    new: usize,
    gone: usize,
}

impl Failures {
    fn note(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Same => {}
            Verdict::More => self.more += 1,
            Verdict::Less => self.less += 1,
            Verdict::New => self.new += 1,
            Verdict::Gone => self.gone += 1,
        }
    }

    fn into_result(self, tolerance: f64) -> io::Result<()> {
        let Self { more, less, new, gone } = self;
        if more + less + new + gone == 0 {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "{more} cases take more and {less} take less by over {} %; {new} are not in the baseline, {gone} only there. \
             Where that is meant, and what has improved be kept, write the new baseline: \
             cargo bench --bench instructions -- --rewrite",
            tolerance * 100.0
        )))
    }
}
