//! Round numbers along an axis.

use super::unit::Unit;

/// So many are enough to read along.
const ENOUGH: usize = 4;

/// From zero to `to`, `most` of them at most and zero among them.
pub(super) fn linear(to: f64, most: usize) -> Vec<f64> {
    let mut exponent = to.log10().floor() as i32 - 2;
    loop {
        for digit in [1.0, 2.0, 5.0] {
            let steps = multiples(digit, exponent, [0.0, to]);
            if steps.len() <= most.max(2) {
                return steps;
            }
        }
        exponent += 1;
    }
}

/// Between two positive numbers, on a logarithmic axis: `most` at most, and as few as are enough.
pub(super) fn logarithmic(range: [f64; 2], unit: Unit, most: usize) -> Vec<f64> {
    let candidates = if unit.is_binary() { powers_of_two(range) } else { powers_of_ten(range) };
    let fitting = candidates.into_iter().filter(|ticks| ticks.len() <= most);
    // What comes first is coarser.
    let mut best = Vec::new();
    for ticks in fitting {
        if ticks.len() > best.len() {
            best = ticks;
        }
        if best.len() >= ENOUGH {
            break;
        }
    }
    best
}

/// By steps of 1,024, 16, 4 and 2.
fn powers_of_two(range: [f64; 2]) -> Vec<Vec<f64>> {
    let by = |step: usize| {
        let powers = (-20..50).step_by(step).map(|exponent: i32| 2f64.powi(exponent));
        powers.filter(|value| within(*value, range)).collect()
    };
    [10, 4, 2, 1].into_iter().map(by).collect()
}

/// By steps of 1,000 and 10, and at 1, 2 and 5; evenly as well, where the range is so small that these don't crowd
/// at its end.
fn powers_of_ten(range: [f64; 2]) -> Vec<Vec<f64>> {
    const SMALL: f64 = 5.0;
    let decades = |step: usize, digits: &[f64]| {
        let powers = (-12..15).step_by(step).map(power);
        let values = powers.flat_map(|power| digits.iter().map(move |digit| digit * power));
        values.filter(|value| within(*value, range)).collect()
    };
    let mut all = vec![decades(3, &[1.0]), decades(1, &[1.0]), decades(1, &[1.0, 2.0, 5.0])];
    if range[1] < SMALL * range[0] {
        let even = |digit| multiples(digit, range[1].log10().floor() as i32 - 1, range);
        all.extend([even(5.0), even(2.0), even(1.0)]);
    }
    all
}

/// The multiples of a digit times a power of ten.
fn multiples(digit: f64, exponent: i32, [from, to]: [f64; 2]) -> Vec<f64> {
    let step = digit * power(exponent);
    // Divided where it would be a fraction: 0.1 is no number of a computer's, and three of it are not 0.3.
    let at = |count: u32| {
        if exponent < 0 {
            f64::from(count) * digit / power(-exponent)
        } else {
            f64::from(count) * step
        }
    };
    let (first, last) = ((from / step).floor() as u32, (to / step).ceil() as u32);
    (first..=last).map(at).filter(|value| within(*value, [from, to])).collect()
}

fn power(exponent: i32) -> f64 {
    10f64.powi(exponent)
}

fn within(value: f64, [from, to]: [f64; 2]) -> bool {
    value >= from * (1.0 - 1e-9) && value <= to * (1.0 + 1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_ticks_are_round_and_begin_at_zero() {
        assert_eq!(linear(1.0, 6), [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
        assert_eq!(linear(2.4, 6), [0.0, 0.5, 1.0, 1.5, 2.0]);
        assert_eq!(linear(3.0, 8), [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]);
        assert_eq!(linear(12000.0, 7), [0.0, 2000.0, 4000.0, 6000.0, 8000.0, 10000.0, 12000.0]);
        assert_eq!(linear(0.07, 4), [0.0, 0.02, 0.04, 0.06]);
    }

    #[test]
    fn linear_ticks_are_never_too_many() {
        for most in 2..12 {
            for tenth in 1..5000 {
                let ticks = linear(f64::from(tenth) / 10.0, most);
                assert!(ticks.len() <= most && ticks[0] == 0.0, "{tenth} {most}: {ticks:?}");
            }
        }
    }

    #[test]
    fn logarithmic_ticks_are_as_coarse_as_will_do() {
        let kib = 1024.0;
        let cases = [
            (
                Unit::Bytes,
                [20.0, 16.0 * kib * kib],
                vec![256.0, 4.0 * kib, 64.0 * kib, kib * kib, 16.0 * kib * kib],
            ),
            (Unit::Bytes, [256.0, 4.0 * kib], vec![256.0, 512.0, kib, 2.0 * kib, 4.0 * kib]),
            (Unit::Count, [1.0, 9000.0], vec![1.0, 10.0, 100.0, 1000.0]),
            (Unit::Nanoseconds, [500.0, 4e7], vec![1e3, 1e4, 1e5, 1e6, 1e7]),
            (Unit::Nanoseconds, [300.0, 4000.0], vec![500.0, 1e3, 2e3]),
            (Unit::Ratio, [0.98, 1.52], vec![1.0, 1.1, 1.2, 1.3, 1.4, 1.5]),
            (Unit::Ratio, [0.9, 15.0], vec![1.0, 2.0, 5.0, 10.0]),
        ];
        for (unit, range, ticks) in cases {
            assert_eq!(logarithmic(range, unit, 8), ticks, "{unit:?} {range:?}");
        }
    }
}
