//! Where the columns of a chart with bars are: names, values, bars, notes.

use super::{
    Bars, Extent,
    canvas::{MARGIN, WIDTH},
    scale::Scale,
    text, ticks,
};

/// Between one column and the next.
pub(super) const GAP: f64 = 10.0;

/// The sizes of names and of what is small.
pub(super) const NAME: f64 = 12.0;
pub(super) const SMALL: f64 = 11.0;

pub(super) const WIDEST_NAME: f64 = 240.0;

/// How many ticks there are at most.
const TICKS: usize = 8;

/// The column of bars, which takes what the others leave.
pub(super) struct Columns {
    /// Where bars begin, and where the longest ends.
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) scale: Scale,
    pub(super) ticks: Vec<f64>,
}

impl Columns {
    pub(super) fn of(bars: &Bars) -> Self {
        let names = bars.all().map(|bar| text::bold_width(&bar.name, NAME));
        let values = bars.measured().map(|(_, spread)| {
            let value = bars.unit.value(spread.median);
            text::bold_width(&value, NAME)
        });
        let notes = bars.all().map(|bar| text::width(&bar.note, SMALL));
        let [names, values, notes] = [widest(names), widest(values), widest(notes)];
        let left = MARGIN + names.min(WIDEST_NAME) + GAP + values + GAP;
        // Half a tick's label is right of the axis at least.
        let right = WIDTH - MARGIN - (notes + GAP).max(24.0);
        let [least, greatest] = range(bars);
        let (scale, ticks) = match bars.extent {
            Extent::Linear { longest } => {
                let end = greatest.min(longest);
                (Scale::linear(end, [left, right]), ticks::linear(end, TICKS))
            }
            Extent::Logarithmic => {
                let range = [least / 1.1, greatest * 1.05];
                let ticks = ticks::logarithmic(range, bars.unit, TICKS);
                (Scale::logarithmic(range, [left, right]), ticks)
            }
        };
        Self { left, right, scale, ticks }
    }
}

/// Least and greatest of all that has a place.
fn range(bars: &Bars) -> [f64; 2] {
    let floor = bars.floor.iter().map(|floor| floor.value);
    let goals = bars.groups.iter().filter_map(|group| group.goal);
    let spreads = bars.measured().flat_map(|(_, spread)| [spread.least, spread.most]);
    let all = floor.chain(goals).chain(spreads);
    all.fold([f64::INFINITY, 0.0], |[least, most], value| [least.min(value), most.max(value)])
}

fn widest(widths: impl Iterator<Item = f64>) -> f64 {
    widths.fold(0.0, f64::max)
}
