//! From values to pixels.

/// Maps a range of values to a range of pixels, which may run backwards: an SVG's zero is at its top.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    kind: Kind,
    /// As far as `kind` measures.
    values: [f64; 2],
    pixels: [f64; 2],
}

#[derive(Clone, Copy)]
enum Kind {
    Linear,
    Logarithmic,
}

impl Scale {
    /// From zero on.
    pub(super) fn linear(to: f64, pixels: [f64; 2]) -> Self {
        Self { kind: Kind::Linear, values: [0.0, to], pixels }
    }

    /// Between two positive values.
    pub(super) fn logarithmic(values: [f64; 2], pixels: [f64; 2]) -> Self {
        Self { kind: Kind::Logarithmic, values: values.map(f64::ln), pixels }
    }

    /// Where a value is. What is outside is at the nearest end.
    pub(super) fn at(&self, value: f64) -> f64 {
        let measured = match self.kind {
            Kind::Linear => value,
            Kind::Logarithmic => value.ln(),
        };
        let ([from, to], [first, last]) = (self.values, self.pixels);
        let share = if to > from { (measured - from) / (to - from) } else { 0.5 };
        first + share.clamp(0.0, 1.0) * (last - first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_from_zero_and_held_inside() {
        let scale = Scale::linear(4.0, [100.0, 500.0]);
        let places = [-1.0, 0.0, 1.0, 4.0, 15.0].map(|value| scale.at(value));
        assert_eq!(places, [100.0, 100.0, 200.0, 500.0, 500.0]);
    }

    #[test]
    fn logarithmic_in_equal_steps_upwards() {
        let scale = Scale::logarithmic([1.0, 1000.0], [330.0, 30.0]);
        for (value, place) in [(1.0, 330.0), (10.0, 230.0), (100.0, 130.0), (1000.0, 30.0)] {
            assert!((scale.at(value) - place).abs() < 1e-9, "{value} at {}", scale.at(value));
        }
    }

    #[test]
    fn a_range_of_one_value_is_in_the_middle() {
        assert_eq!(Scale::logarithmic([7.0, 7.0], [0.0, 10.0]).at(7.0), 5.0);
    }
}
