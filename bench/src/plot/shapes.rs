//! The shapes of data.

use super::canvas::Path;

/// How far a cut leans.
const LEAN: f64 = 4.0;

/// From the left edge of a bar that is cut to the cut, as a share of its length.
const CUT: f64 = 0.93;

/// A bar whose left and right edges are here, around the height `middle`.
pub(super) fn bar([left, right]: [f64; 2], middle: f64, thickness: f64) -> Path {
    let (top, bottom) = (middle - thickness / 2.0, middle + thickness / 2.0);
    Path::around(&[[left, top], [right, top], [right, bottom], [left, bottom]])
}

/// The same with a slanting gap near its end, which says that it is longer than drawn.
pub(super) fn cut_bar([left, right]: [f64; 2], middle: f64, thickness: f64) -> Path {
    let (top, bottom) = (middle - thickness / 2.0, middle + thickness / 2.0);
    let (near, far) = (left + CUT * (right - left), left + CUT * (right - left) + LEAN);
    let mut path = Path::around(&[[left, top], [near + LEAN, top], [near, bottom], [left, bottom]]);
    path.draw(&[[far + LEAN, top], [right, top], [right, bottom], [far, bottom]]);
    path
}

/// A line from least to most, with an end on each side that is not outside the chart.
pub(super) fn whisker([least, most]: [f64; 2], middle: f64, right: f64) -> Path {
    const CAP: f64 = 3.0;
    let mut path = Path::through(&[[least, middle], [most, middle]]);
    path.draw(&[[least, middle - CAP], [least, middle + CAP]]);
    if most < right {
        path.draw(&[[most, middle - CAP], [most, middle + CAP]]);
    }
    path
}

/// How lines are told from each other without colours: one of these and a marker for each.
const DASHES: [&str; 4] = ["", "7 3", "2 2", "8 3 2 3"];

pub(super) fn dashes(number: usize) -> &'static str {
    DASHES[number % DASHES.len()]
}

/// How many shapes of markers there are.
pub(super) const MARKERS: usize = 7;

/// At each point of a line.
pub(super) fn marker(number: usize, [x, y]: [f64; 2]) -> Path {
    let around = |offsets: &[[f64; 2]]| {
        let corners: Vec<_> = offsets.iter().map(|[right, down]| [x + right, y + down]).collect();
        Path::around(&corners)
    };
    match number % MARKERS {
        0 => around(&[[-3.0, -3.0], [3.0, -3.0], [3.0, 3.0], [-3.0, 3.0]]),
        1 => around(&[[0.0, -4.0], [3.7, 3.0], [-3.7, 3.0]]),
        2 => around(&[[0.0, -4.3], [4.3, 0.0], [0.0, 4.3], [-4.3, 0.0]]),
        3 => around(&[[0.0, 4.0], [3.7, -3.0], [-3.7, -3.0]]),
        4 => {
            let mut cross = Path::through(&[[x - 3.2, y - 3.2], [x + 3.2, y + 3.2]]);
            cross.draw(&[[x - 3.2, y + 3.2], [x + 3.2, y - 3.2]]);
            cross
        }
        5 => Path::circle([x, y], 3.2),
        _ => {
            let mut plus = Path::through(&[[x - 4.2, y], [x + 4.2, y]]);
            plus.draw(&[[x, y - 4.2], [x, y + 4.2]]);
            plus
        }
    }
}
