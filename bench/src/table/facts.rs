//! When, where and with what was measured.

use std::{
    fs, io,
    time::{SystemTime, UNIX_EPOCH},
};

use super::participants;

/// What this program was built from.
const LOCK: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock"));

const SECONDS_OF_A_DAY: u64 = 24 * 60 * 60;

/// The day by the system's clock, in UTC: `2026-11-22`.
pub(super) fn date() -> io::Result<String> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_err(io::Error::other)?;
    let [year, month, day] = civil(since.as_secs() / SECONDS_OF_A_DAY);
    Ok(format!("{year}-{month:02}-{day:02}"))
}

/// The processor, how many cores of it there are, and the kernel.
pub(super) fn machine() -> io::Result<String> {
    let record = fs::read_to_string("/proc/cpuinfo")?;
    let field = |name: &str| {
        record
            .lines()
            .filter_map(|line| line.split_once(':'))
            .filter(|(field, _)| field.trim() == name)
            .map(|(_, value)| value.trim().to_owned())
            .collect::<Vec<_>>()
    };
    let models = field("model name");
    let model = models.first().map_or("a processor without a name", String::as_str);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(format!("{model}, {} cores, Linux {}", field("processor").len(), kernel.trim()))
}

/// Of bowline and the peers' crates: `name version`.
pub(super) fn versions() -> io::Result<String> {
    let mut packages = vec!["bowline"];
    packages.extend(participants::packages());
    packages.push("tokio");
    let version = |package: &&str| Ok(format!("{package} {}", version(LOCK, package)?));
    Ok(packages.iter().map(version).collect::<io::Result<Vec<_>>>()?.join(", "))
}

/// The version that this program depends on. Of others there may be more than one.
fn version<'a>(lock: &'a str, package: &str) -> io::Result<&'a str> {
    let block =
        |name: &str| lock.split("\n\n").find(|block| block.contains(&format!("name = \"{name}\"")));
    let versions = |block: &'a str| block.lines().find_map(|line| line.strip_prefix("version = "));
    let dependency = block("bench").and_then(|block| {
        block
            .lines()
            .map(|line| line.trim_matches([' ', '"', ',']))
            .find(|line| line.split(' ').next() == Some(package))
    });
    let found = match dependency.and_then(|line| line.split(' ').nth(1)) {
        Some(version) => Some(version),
        None => dependency.and_then(block).and_then(versions),
    };
    let found = found.map(|version| version.trim_matches('"'));
    found.ok_or_else(|| io::Error::other(format!("{package}: not in Cargo.lock")))
}

/// Year, month and day, so many days after 1970-01-01, by the Gregorian calendar.
fn civil(mut days: u64) -> [u64; 3] {
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    [year, month, days + 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        let days = [
            (0, [1970, 1, 1]),
            (58, [1970, 2, 28]),
            (59, [1970, 3, 1]),
            (11_016, [2000, 2, 29]),
            (19_722, [2023, 12, 31]),
            (19_723, [2024, 1, 1]),
            (20_779, [2026, 11, 22]),
        ];
        for (day, date) in days {
            assert_eq!(civil(day), date, "{day}");
        }
    }

    #[test]
    fn a_version_is_the_one_that_is_built_in() {
        let lock = "version = 4\n\n[[package]]\nname = \"bench\"\nversion = \"0.0.0\"\ndependencies = [\n \"one\",\n \
                    \"two 0.30.0\",\n]\n\n[[package]]\nname = \"one\"\nversion = \"1.2.3\"\n\n[[package]]\n\
                    name = \"two\"\nversion = \"0.29.0\"\n\n[[package]]\nname = \"two\"\nversion = \"0.30.0\"\n";
        assert_eq!(version(lock, "one").unwrap(), "1.2.3");
        assert_eq!(version(lock, "two").unwrap(), "0.30.0");
        assert_eq!(version(lock, "three").unwrap_err().to_string(), "three: not in Cargo.lock");
        assert!(versions().unwrap().starts_with("bowline "));
    }
}
