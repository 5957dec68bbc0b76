//! What several measurements of one thing say.

use std::fmt;

/// Median and range.
#[derive(Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// `None` of no values.
    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            values[middle]
        } else {
            (values[middle - 1] + values[middle]) / 2.0
        };
        Some(Self { median, least, most })
    }

    /// Whether the median is at most `goal`.
    pub(crate) fn against(&self, goal: f64) -> &'static str {
        if self.median <= goal { "met" } else { "missed" }
    }
}

/// As two cells of a table: the median, and the range. The precision is the number's own.
impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(0);
        write!(f, "{:.digits$} | {:.digits$} - {:.digits$}", self.median, self.least, self.most)
    }
}
