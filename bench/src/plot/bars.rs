//! Horizontal bars in groups.

use std::io;

use crate::spread::Spread;

use super::{
    Emphasis, Unit, Words,
    canvas::{Canvas, MARGIN, Path, WIDTH},
    columns::{Columns, GAP, NAME, SMALL, WIDEST_NAME},
    shapes, text,
};

/// From one bar to the next, and how thick one is.
const PITCH: f64 = 19.0;
const THICKNESS: f64 = 12.0;

/// From the middle of a line of text to its baseline.
const BASELINE: f64 = 4.0;

/// Names, their values and bars for these, all on one scale.
pub(crate) struct Bars {
    pub(crate) words: Words,
    pub(crate) unit: Unit,
    pub(crate) extent: Extent,
    /// A line through all groups.
    pub(crate) floor: Option<Mark>,
    pub(crate) groups: Vec<Group>,
}

/// How values become lengths.
#[derive(Clone, Copy)]
pub(crate) enum Extent {
    /// From zero. A bar that is longer than `longest` is cut there.
    Linear { longest: f64 },
    /// Dots instead of bars, because a length from nowhere says nothing.
    Logarithmic,
}

/// A value with a name.
pub(crate) struct Mark {
    pub(crate) name: String,
    pub(crate) value: f64,
}

/// What was measured together.
pub(crate) struct Group {
    /// May be empty.
    pub(crate) title: String,
    /// A dashed line.
    pub(crate) goal: Option<f64>,
    pub(crate) bars: Vec<Bar>,
}

/// One of them.
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) emphasis: Emphasis,
    /// Or why there is none.
    pub(crate) value: Result<Spread, String>,
    /// What else there is to know, at the right. May be empty.
    pub(crate) note: String,
}

impl Bars {
    /// The chart as SVG.
    ///
    /// # Errors
    ///
    /// Of what can't be drawn: no value at all, one that is no positive number, or a goal that would be cut.
    pub(crate) fn to_svg(&self) -> io::Result<String> {
        self.check()?;
        let columns = Columns::of(self);
        let mut canvas = Canvas::new(&self.words);
        canvas.bottom += 24.0;
        self.draw_axis(&mut canvas, &columns);
        for group in &self.groups {
            self.draw_group(&mut canvas, &columns, group);
        }
        if self.groups.len() > 1 {
            canvas.bottom += 14.0;
            self.draw_axis(&mut canvas, &columns);
        }
        canvas.bottom += 8.0;
        Ok(canvas.finish(&self.words, &self.description()))
    }

    fn check(&self) -> io::Result<()> {
        let longest = match self.extent {
            Extent::Linear { longest } => check(longest, "the longest bar").map(|()| longest)?,
            Extent::Logarithmic => f64::INFINITY,
        };
        let floor = self.floor.iter().map(|floor| (floor.name.as_str(), floor.value));
        let goals = self.groups.iter().filter_map(|group| Some(("the goal", group.goal?)));
        for (name, value) in floor.chain(goals) {
            check(value, name)?;
            if value > longest {
                let why = format!("{name} is {value} in a chart, {longest} at most allowed");
                return Err(io::Error::other(why));
            }
        }
        for (name, spread) in self.measured() {
            for value in [spread.least, spread.median, spread.most] {
                check(value, name)?;
            }
        }
        match self.measured().next() {
            Some(_) => Ok(()),
            None => Err(io::Error::other("a chart without a value, one needed")),
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Bar> {
        self.groups.iter().flat_map(|group| &group.bars)
    }

    pub(super) fn measured(&self) -> impl Iterator<Item = (&str, Spread)> {
        self.all().filter_map(|bar| Some((bar.name.as_str(), *bar.value.as_ref().ok()?)))
    }

    /// The labels of ticks, and the name of the floor instead of those that it would cover.
    fn draw_axis(&self, canvas: &mut Canvas, columns: &Columns) {
        let y = canvas.bottom;
        let mut covered = [f64::NEG_INFINITY; 2];
        if let Some(Mark { name, value }) = &self.floor {
            let name = format!("{name} = {}", self.unit.tick(*value));
            let (x, half) = (columns.scale.at(*value), text::bold_width(&name, SMALL) / 2.0);
            covered = [x - half, x + half];
            canvas.text("small strong middle", [x, y], &name);
        }
        for tick in &columns.ticks {
            let (label, x) = (self.unit.tick(*tick), columns.scale.at(*tick));
            let half = text::width(&label, SMALL) / 2.0 + 6.0;
            if x + half < covered[0] || x - half > covered[1] {
                canvas.text("small muted middle", [x, y], &label);
            }
        }
    }

    fn draw_group(&self, canvas: &mut Canvas, columns: &Columns, group: &Group) {
        self.draw_heading(canvas, columns, group);
        let top = canvas.bottom + 6.0;
        let bottom = top + PITCH * group.bars.len() as f64;
        // Except where words stand for a bar.
        let runs = group.runs();
        let across = |value: f64| {
            let (x, mut path) = (columns.scale.at(value), Path::default());
            for [from, to] in &runs {
                path.draw(&[*from, *to].map(|row| [x, top + PITCH * row as f64]));
            }
            path
        };
        for tick in &columns.ticks {
            canvas.path("grid", &across(*tick));
        }
        let draw_marks = |canvas: &mut Canvas| {
            if let Some(floor) = &self.floor {
                canvas.path("floor", &across(floor.value));
            }
            if let Some(goal) = group.goal {
                canvas.path("goal", &across(goal));
            }
        };
        let draw_bars = |canvas: &mut Canvas| {
            for (number, bar) in group.bars.iter().enumerate() {
                self.draw_bar(canvas, columns, bar, top + PITCH * (number as f64 + 0.5));
            }
        };
        match self.extent {
            // A bar hides the lines under it, and a line the dots.
            Extent::Linear { .. } => {
                draw_bars(canvas);
                draw_marks(canvas);
            }
            Extent::Logarithmic => {
                draw_marks(canvas);
                draw_bars(canvas);
            }
        }
        canvas.bottom = bottom;
    }

    /// The group's title, and the goal's label in the same line, or in the next where it would overlap.
    fn draw_heading(&self, canvas: &mut Canvas, columns: &Columns, group: &Group) {
        let mut taken = MARGIN;
        canvas.bottom += 12.0;
        if !group.title.is_empty() {
            canvas.bottom += 14.0;
            canvas.text("heading", [MARGIN, canvas.bottom], &group.title);
            taken += text::bold_width(&group.title, 13.0) + GAP;
        }
        let Some(goal) = group.goal else { return };
        let (label, x) = (format!("goal {}", self.unit.tick(goal)), columns.scale.at(goal));
        let half = text::width(&label, SMALL) / 2.0;
        let x = x.min(WIDTH - MARGIN - half);
        if group.title.is_empty() || x - half < taken {
            canvas.bottom += 14.0;
        }
        canvas.text("small middle", [x, canvas.bottom], &label);
    }

    fn draw_bar(&self, canvas: &mut Canvas, columns: &Columns, bar: &Bar, middle: f64) {
        let baseline = middle + BASELINE;
        let strong = if bar.emphasis == Emphasis::Ours { " strong" } else { "" };
        let name = text::shorten(&bar.name, NAME, WIDEST_NAME);
        canvas.text(&format!("name{strong}"), [MARGIN, baseline], &name);
        if !bar.note.is_empty() {
            canvas.text("small muted right", [WIDTH - MARGIN, baseline], &bar.note);
        }
        match &bar.value {
            Ok(spread) => {
                let place = [columns.left - GAP, baseline];
                let value = self.unit.value(spread.median);
                canvas.text(&format!("value right{strong}"), place, &value);
                self.draw_value(canvas, columns, (bar.emphasis, *spread), middle);
            }
            Err(why) => {
                let why = text::shorten(why, SMALL, columns.right - columns.left);
                canvas.text("small muted", [columns.left, baseline], &why);
            }
        }
    }

    fn draw_value(
        &self,
        canvas: &mut Canvas,
        Columns { left, right, scale, .. }: &Columns,
        (emphasis, spread): (Emphasis, Spread),
        middle: f64,
    ) {
        let x = scale.at(spread.median);
        let of = |shape: &str| match emphasis {
            Emphasis::Floor => format!("{shape} floor"),
            Emphasis::Ours => format!("{shape} ours"),
            Emphasis::Other => shape.to_owned(),
        };
        match self.extent {
            Extent::Linear { longest } if spread.median > longest => {
                canvas.path(&of("bar"), &shapes::cut_bar([*left, *right], middle, THICKNESS));
                return;
            }
            Extent::Linear { .. } => {
                canvas.path(&of("bar"), &shapes::bar([*left, x], middle, THICKNESS));
            }
            Extent::Logarithmic => {
                canvas.path("grid", &Path::through(&[[*left, middle], [x, middle]]));
            }
        }
        if spread.most > spread.least {
            let range = [scale.at(spread.least), scale.at(spread.most)];
            canvas.path("whisker", &shapes::whisker(range, middle, *right));
        }
        if matches!(self.extent, Extent::Logarithmic) {
            canvas.path(&of("dot"), &Path::circle([x, middle], 4.5));
        }
    }

    /// All that is drawn, in words.
    fn description(&self) -> String {
        let bar = |bar: &Bar| match &bar.value {
            Ok(spread) => {
                let [median, least, most] =
                    [spread.median, spread.least, spread.most].map(|value| self.unit.value(value));
                format!("{} {median} ({least} to {most})", bar.name)
            }
            Err(why) => format!("{}: {why}", bar.name),
        };
        let group = |group: &Group| {
            let goal = group.goal.map(|goal| format!(", goal {}", self.unit.tick(goal)));
            let bars: Vec<String> = group.bars.iter().map(bar).collect();
            format!("{}{}: {}.", group.title, goal.unwrap_or_default(), bars.join(", "))
        };
        let groups: Vec<String> = self.groups.iter().map(group).collect();
        format!("{} {}", self.words.subtitle, groups.join(" "))
    }
}

impl Group {
    /// Rows that have a value, from the first to the one after the last of each run of them.
    fn runs(&self) -> Vec<[usize; 2]> {
        let mut runs: Vec<[usize; 2]> = Vec::new();
        for (row, bar) in self.bars.iter().enumerate() {
            match runs.last_mut() {
                _ if bar.value.is_err() => {}
                Some([_, end]) if *end == row => *end += 1,
                _ => runs.push([row, row + 1]),
            }
        }
        runs
    }
}

fn check(value: f64, name: &str) -> io::Result<()> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(io::Error::other(format!("{name} is {value} in a chart, a positive number needed")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::well_formed::assert_well_formed;

    fn bar(name: &str, emphasis: Emphasis, median: f64) -> Bar {
        let value = Ok(Spread { median, least: 0.95 * median, most: 1.1 * median });
        Bar { name: name.to_owned(), emphasis, value, note: String::new() }
    }

    fn sample(extent: Extent) -> Bars {
        let mut failed = bar("gone & forgotten", Emphasis::Other, 1.0);
        failed.value = Err("failed: <connection reset>".to_owned());
        Bars {
            words: Words {
                title: "Echo".to_owned(),
                subtitle: "Times the floor".to_owned(),
                caption: "Medians".to_owned(),
            },
            unit: Unit::Ratio,
            extent,
            floor: Some(Mark { name: "raw".to_owned(), value: 1.0 }),
            groups: vec![Group {
                title: "20 B".to_owned(),
                goal: Some(1.1),
                bars: vec![
                    bar("raw", Emphasis::Floor, 1.0),
                    bar("bowline", Emphasis::Ours, 1.04),
                    bar("slow", Emphasis::Other, 15.0),
                    failed,
                ],
            }],
        }
    }

    #[test]
    fn is_well_formed_and_says_everything_in_words() {
        for extent in [Extent::Linear { longest: 3.0 }, Extent::Logarithmic] {
            let svg = sample(extent).to_svg().unwrap();
            assert_well_formed(&svg);
            let said = "20 B, goal 1.1×: raw 1.00× (0.95× to 1.10×), bowline 1.04× (0.99× to 1.14×), \
                        slow 15.0× (14.2× to 16.5×), gone &amp; forgotten: failed: &lt;connection reset&gt;.";
            assert!(svg.contains(said), "{svg}");
        }
    }

    #[test]
    fn a_bar_that_is_too_long_is_cut_and_keeps_its_value() {
        let svg = sample(Extent::Linear { longest: 3.0 }).to_svg().unwrap();
        let cut = |line: &&str| line.contains("class=\"bar") && line.matches('M').count() == 2;
        assert_eq!(svg.lines().filter(cut).count(), 1);
        assert!(svg.contains(">15.0×<"), "{svg}");
        let whole = sample(Extent::Linear { longest: 20.0 }).to_svg().unwrap();
        assert_eq!(whole.lines().filter(cut).count(), 0);
    }

    #[test]
    fn what_can_not_be_drawn_is_an_error() {
        let mut empty = sample(Extent::Logarithmic);
        empty.groups.clear();
        assert_eq!(empty.to_svg().unwrap_err().to_string(), "a chart without a value, one needed");
        let beyond = sample(Extent::Linear { longest: 1.05 }).to_svg().unwrap_err().to_string();
        assert_eq!(beyond, "the goal is 1.1 in a chart, 1.05 at most allowed");
        for (value, text) in [(0.0, "0"), (-1.0, "-1"), (f64::NAN, "NaN"), (f64::INFINITY, "inf")] {
            let mut bars = sample(Extent::Logarithmic);
            bars.groups[0].bars[1].value = Ok(Spread { median: value, least: value, most: value });
            let error = bars.to_svg().unwrap_err().to_string();
            assert_eq!(error, format!("bowline is {text} in a chart, a positive number needed"));
        }
    }
}
