//! Everything that was measured, and where, when and with what: two files of tab-separated values, from which the page
//! is made again without measuring.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    plan::Case,
    record::{Quantity, Record},
};
use crate::{server::Server, spread::Spread};

/// What is known beside the measurements, by name.
pub(super) type Facts = Vec<(String, String)>;

/// The content of both files.
pub(super) struct Results {
    pub(super) facts: Facts,
    pub(super) records: Vec<Record>,
}

/// Where the files are, and the charts.
pub(super) fn folder(out: &Path) -> PathBuf {
    out.join("benchmarks")
}

impl Results {
    const FACTS: &str = "facts.tsv";
    const RECORDS: &str = "results.tsv";

    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let facts = self.facts.iter().map(|(name, value)| format!("{name}\t{value}\n"));
        let records = self.records.iter().map(|record| record.to_line() + "\n");
        fs::create_dir_all(folder)?;
        fs::write(folder.join(Self::FACTS), facts.collect::<String>())?;
        fs::write(folder.join(Self::RECORDS), Record::head() + "\n" + &records.collect::<String>())
    }

    pub(super) fn read(folder: &Path) -> io::Result<Self> {
        let facts = read(&folder.join(Self::FACTS))?;
        let fact = |line: &str| match line.split_once('\t') {
            Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
            None => Err(io::Error::other(format!("a fact without a value: {line}"))),
        };
        let records = read(&folder.join(Self::RECORDS))?;
        let mut lines = records.lines();
        if lines.next() != Some(&Record::head()) {
            return Err(io::Error::other("the results have other columns than this program"));
        }
        Ok(Self {
            facts: facts.lines().map(fact).collect::<io::Result<_>>()?,
            records: lines.map(Record::parse).collect::<io::Result<_>>()?,
        })
    }

    /// What is known under this name.
    pub(super) fn fact(&self, name: &str) -> io::Result<&str> {
        let found = self.facts.iter().find(|fact| fact.0 == name).map(|fact| fact.1.as_str());
        found.ok_or_else(|| io::Error::other(format!("{name}: not among the facts")))
    }

    /// Whether there is anything about a server.
    pub(super) fn has(&self, case: &Case, server: Server) -> bool {
        self.of(case, server).next().is_some()
    }

    /// The rounds' values, or why there are none: a server that failed once has failed.
    pub(super) fn spread(
        &self,
        case: &Case,
        server: Server,
        quantity: Quantity,
    ) -> Result<Spread, String> {
        self.check(case, server)?;
        let spread = Spread::of(self.values(case, server, quantity).map(|(_, value)| value));
        spread.ok_or_else(|| "not measured".to_owned())
    }

    /// One server's values in the other's, round by round.
    pub(super) fn ratio(
        &self,
        case: &Case,
        [server, floor]: [Server; 2],
        quantity: Quantity,
    ) -> Result<Spread, String> {
        self.check(case, server)?;
        self.check(case, floor).map_err(|why| format!("{}: {why}", floor.name()))?;
        let ratios = self.values(case, server, quantity).filter_map(|(round, value)| {
            let mut floors = self.values(case, floor, quantity);
            let (_, floor) = floors.find(|(other, _)| *other == round)?;
            Some(value / floor)
        });
        Spread::of(ratios).ok_or_else(|| "not measured".to_owned())
    }

    /// The values of a quantity, whoever was measured.
    pub(super) fn all(&self, quantity: Quantity) -> impl Iterator<Item = f64> {
        let values = self.records.iter().filter_map(|record| record.outcome.as_ref().ok());
        values.filter_map(move |values| values.value(quantity))
    }

    fn of(&self, case: &Case, server: Server) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(move |record| {
            record.part == case.part && record.server == server && record.row == case.title
        })
    }

    fn values(
        &self,
        case: &Case,
        server: Server,
        quantity: Quantity,
    ) -> impl Iterator<Item = (usize, f64)> {
        self.of(case, server).filter_map(move |record| {
            Some((record.round, record.outcome.as_ref().ok()?.value(quantity)?))
        })
    }

    fn check(&self, case: &Case, server: Server) -> Result<(), String> {
        let failed = self.of(case, server).find_map(|record| record.outcome.as_ref().err());
        failed.map_or(Ok(()), |why| Err(format!("failed: {why}")))
    }
}

fn read(path: &Path) -> io::Result<String> {
    fs::read_to_string(path)
        .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))
}
