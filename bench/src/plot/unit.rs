//! Numbers as people read them.

/// What a number counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unit {
    /// Times something else: `1.04×`.
    Ratio,
    /// With thousands separated: `10,800`. The unit is said elsewhere.
    Count,
    /// `20 B`, `16 KiB`, `1.5 MiB`.
    Bytes,
    /// Of which the numbers are so many: `642 ns`, `8.95 µs`.
    Nanoseconds,
}

const TIMES: [(f64, &str); 4] = [(1.0, "ns"), (1e3, "µs"), (1e6, "ms"), (1e9, "s")];

const SIZES: [(f64, &str); 4] =
    [(1.0, "B"), (1024.0, "KiB"), (1048576.0, "MiB"), (1073741824.0, "GiB")];

impl Unit {
    /// A measured value, with as many digits whatever it is: those of one column are compared.
    pub(super) fn value(self, value: f64) -> String {
        match self {
            Self::Ratio => format!("{value:.*}×", if value < 9.995 { 2 } else { 1 }),
            Self::Count => separated(value),
            Self::Bytes => scaled(value, &SIZES, trimmed),
            Self::Nanoseconds => scaled(value, &TIMES, fixed),
        }
    }

    /// A round value, without digits that say nothing.
    pub(super) fn tick(self, value: f64) -> String {
        match self {
            Self::Ratio => format!("{}×", trimmed(value, 2)),
            Self::Count | Self::Bytes => self.value(value),
            Self::Nanoseconds => scaled(value, &TIMES, trimmed),
        }
    }

    /// Whether its round numbers are powers of two.
    pub(super) fn is_binary(self) -> bool {
        self == Self::Bytes
    }
}

/// Three digits, in the largest unit that leaves something before the point.
fn scaled(value: f64, units: &[(f64, &str); 4], rounded: impl Fn(f64, usize) -> String) -> String {
    // Already the next unit if it would be rounded up to it.
    let fits = |unit: &&(f64, &str)| value >= 0.9995 * unit.0;
    let (size, name) = units.iter().rev().find(fits).unwrap_or(&units[0]);
    let value = value / size;
    format!("{} {name}", rounded(value, digits(value)))
}

/// How many digits after the point make three.
fn digits(value: f64) -> usize {
    // Rounded up, 9.996 has two before the point.
    let before = (1.0005 * value).log10().floor().clamp(-9.0, 2.0) as i32;
    (2 - before) as usize
}

fn fixed(value: f64, digits: usize) -> String {
    format!("{value:.digits$}")
}

/// Rounded to so many digits, without zeros at the end.
fn trimmed(value: f64, digits: usize) -> String {
    let text = fixed(value, digits);
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn separated(value: f64) -> String {
    if value < 99.5 {
        return trimmed(value, digits(value));
    }
    let whole = format!("{value:.0}");
    let groups = whole.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_ticks_are_what_people_write() {
        let values = [
            (Unit::Ratio, 1.0, "1.00×"),
            (Unit::Ratio, 1.0449, "1.04×"),
            (Unit::Ratio, 9.996, "10.0×"),
            (Unit::Ratio, 15.32, "15.3×"),
            (Unit::Count, 0.0, "0"),
            (Unit::Count, 7.0, "7"),
            (Unit::Count, 1.25, "1.25"),
            (Unit::Count, 999.6, "1,000"),
            (Unit::Count, 135000.0, "135,000"),
            (Unit::Count, 1234567.0, "1,234,567"),
            (Unit::Bytes, 20.0, "20 B"),
            (Unit::Bytes, 1023.9, "1 KiB"),
            (Unit::Bytes, 1536.0, "1.5 KiB"),
            (Unit::Bytes, 16777216.0, "16 MiB"),
            (Unit::Nanoseconds, 0.05, "0.0500 ns"),
            (Unit::Nanoseconds, 642.0, "642 ns"),
            (Unit::Nanoseconds, 999.9, "1.00 µs"),
            (Unit::Nanoseconds, 9996.0, "10.0 µs"),
            (Unit::Nanoseconds, 8949.0, "8.95 µs"),
            (Unit::Nanoseconds, 4.2e10, "42.0 s"),
        ];
        for (unit, value, text) in values {
            assert_eq!(unit.value(value), text, "{unit:?} {value}");
        }
        let ticks = [
            (Unit::Ratio, 0.0, "0×"),
            (Unit::Ratio, 0.5, "0.5×"),
            (Unit::Ratio, 20.0, "20×"),
            (Unit::Count, 10000.0, "10,000"),
            (Unit::Nanoseconds, 1e5, "100 µs"),
        ];
        for (unit, value, text) in ticks {
            assert_eq!(unit.tick(value), text, "{unit:?} {value}");
        }
    }
}
