//! One measurement, as it is kept: a line of `results.tsv`.
//!
//! ```text
//! part <tab> row <tab> server <tab> round <tab> quantities, empty where not measured ... <tab> error
//! ```

use std::io;

use super::plan::Part;
use crate::server::Server;

/// Something that is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Quantity {
    /// Nanoseconds of the server's CPU time per message.
    Cpu,
    /// Messages per second.
    Rate,
    /// Microseconds of an exchange, which half of them did not exceed.
    P50,
    /// The same of ninety-nine in a hundred.
    P99,
    /// Bytes of the server's resident memory per connection.
    Resident,
    /// The larger share of the time that the server or the load waited for its core.
    Disturbed,
}

/// Who measured what, and what came out.
#[derive(Debug, PartialEq)]
pub(super) struct Record {
    pub(super) part: Part,
    pub(super) row: String,
    pub(super) server: Server,
    pub(super) round: usize,
    pub(super) outcome: Result<Values, String>,
}

/// A value for each quantity that was measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Values([Option<f64>; Quantity::ALL.len()]);

impl Quantity {
    const ALL: [Self; 6] =
        [Self::Cpu, Self::Rate, Self::P50, Self::P99, Self::Resident, Self::Disturbed];

    fn column(self) -> &'static str {
        match self {
            Self::Cpu => "cpu_ns_per_message",
            Self::Rate => "messages_per_second",
            Self::P50 => "exchange_p50_us",
            Self::P99 => "exchange_p99_us",
            Self::Resident => "resident_bytes_per_connection",
            Self::Disturbed => "disturbed_share",
        }
    }
}

impl Values {
    pub(super) fn of(values: &[(Quantity, f64)]) -> Self {
        let mut all = Self::default();
        for (quantity, value) in values {
            all.0[*quantity as usize] = Some(*value);
        }
        all
    }

    pub(super) fn value(&self, quantity: Quantity) -> Option<f64> {
        self.0[quantity as usize]
    }
}

impl Record {
    /// The first line of the file.
    pub(super) fn head() -> String {
        let columns = Quantity::ALL.map(Quantity::column).join("\t");
        format!("part\trow\tserver\tround\t{columns}\terror")
    }

    pub(super) fn to_line(&self) -> String {
        let none = Values::default();
        let (values, error) = match &self.outcome {
            Ok(values) => (values, String::new()),
            Err(error) => (&none, error.replace(['\t', '\n', '\r'], " ")),
        };
        let cell =
            |value: Option<f64>| value.map(|value| format!("{value:.4}")).unwrap_or_default();
        let cells = values.0.map(cell).join("\t");
        let (part, server) = (self.part.word(), self.server.name());
        format!("{part}\t{}\t{server}\t{}\t{cells}\t{error}", self.row, self.round)
    }

    pub(super) fn parse(line: &str) -> io::Result<Self> {
        let wrong = |why: &str| io::Error::other(format!("{why} in the results: {line}"));
        let cells: Vec<&str> = line.split('\t').collect();
        let [part, row, server, round, values @ .., error] = cells.as_slice() else {
            return Err(wrong("too few columns"));
        };
        if values.len() != Quantity::ALL.len() {
            return Err(wrong("a column too many or too few"));
        }
        let mut parsed = Values::default();
        for (place, cell) in parsed.0.iter_mut().zip(values) {
            if !cell.is_empty() {
                *place = Some(cell.parse().map_err(|_| wrong("no number"))?);
            }
        }
        Ok(Self {
            part: Part::by_word(part)?,
            row: (*row).to_owned(),
            server: server.parse()?,
            round: round.parse().map_err(|_| wrong("no round"))?,
            outcome: if error.is_empty() { Ok(parsed) } else { Err((*error).to_owned()) },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let outcomes = [
            Ok(Values::of(&[(Quantity::Cpu, 642.25), (Quantity::P99, 0.5)])),
            Ok(Values::of(&[(Quantity::Resident, 1439.0)])),
            Err("the server ended, at once".to_owned()),
        ];
        for outcome in outcomes {
            let record = Record {
                part: Part::Echo,
                row: "20 B, one in flight".to_owned(),
                server: Server::Raw,
                round: 3,
                outcome,
            };
            assert_eq!(Record::parse(&record.to_line()).unwrap(), record);
            assert_eq!(record.to_line().split('\t').count(), Record::head().split('\t').count());
        }
    }

    #[test]
    fn a_line_that_is_none_is_refused() {
        for line in ["", "echo\trow\traw\t0", "echo\trow\traw\t0\t1\t\t\t\t\t\t\t"] {
            assert!(Record::parse(line).is_err(), "{line}");
        }
    }
}
