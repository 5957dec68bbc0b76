//! Lines on logarithmic axes.

use std::io;

use super::{
    Emphasis, Unit, Words,
    canvas::{Canvas, MARGIN, Path, WIDTH},
    labels, palette,
    scale::Scale,
    shapes, text, ticks,
};

/// Of the axes.
const HEIGHT: f64 = 380.0;

/// From one label of a line to the next.
const PITCH: f64 = 16.0;

/// From the middle of a line of text to its baseline.
const BASELINE: f64 = 4.0;

/// From the end of the axis to the labels, and how much of that a line leads there.
const GAP: f64 = 30.0;
const LEAD: f64 = 24.0;

const NAME: f64 = 12.0;
const SMALL: f64 = 11.0;

/// Several lines, each with its name at its end.
pub(crate) struct Lines {
    pub(crate) words: Words,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) series: Vec<Series>,
}

/// What is along one side.
pub(crate) struct Axis {
    pub(crate) label: String,
    pub(crate) unit: Unit,
}

/// A line.
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) emphasis: Emphasis,
    /// From left to right.
    pub(crate) points: Vec<[f64; 2]>,
}

/// Where axes are.
struct Layout {
    top: f64,
    bottom: f64,
    left: f64,
    right: f64,
    x: Scale,
    y: Scale,
    y_ticks: Vec<f64>,
}

/// How a series is drawn.
struct Look {
    class: String,
    dashes: &'static str,
    marker: Marker,
}

enum Marker {
    None,
    Dot,
    Shape(usize),
}

impl Lines {
    /// The chart as SVG.
    ///
    /// # Errors
    ///
    /// Of what can't be drawn: a series without points, one that goes back, or a number that is not positive.
    pub(crate) fn to_svg(&self) -> io::Result<String> {
        self.check()?;
        let mut canvas = Canvas::new(&self.words);
        let layout = self.layout(canvas.bottom + 34.0);
        self.draw_axes(&mut canvas, &layout);
        let looks = self.looks();
        // What counts is drawn last, over the others.
        let ours = |(series, _): &(&Series, &Look)| series.emphasis == Emphasis::Ours;
        let mut lines: Vec<_> = self.series.iter().zip(&looks).collect();
        lines.sort_by_key(ours);
        for (series, look) in lines {
            draw_line(&mut canvas, &layout, series, look);
        }
        self.draw_names(&mut canvas, &layout, &looks);
        canvas.bottom = layout.bottom + 44.0;
        Ok(canvas.finish(&self.words, &self.description()))
    }

    fn check(&self) -> io::Result<()> {
        if self.series.is_empty() {
            return Err(io::Error::other("a chart without a line, one needed"));
        }
        for Series { name, points, .. } in &self.series {
            if points.is_empty() {
                return Err(io::Error::other(format!(
                    "{name} without a point in a chart, one needed"
                )));
            }
            let unplaced =
                points.iter().flatten().find(|number| !(number.is_finite() && **number > 0.0));
            if let Some(number) = unplaced {
                let why = format!("{name} has {number} in a chart, a positive number needed");
                return Err(io::Error::other(why));
            }
            if let Some(pair) = points.windows(2).find(|pair| pair[1][0] <= pair[0][0]) {
                let [from, to] = [pair[0][0], pair[1][0]];
                let why = format!(
                    "{name} goes from {from} to {to} in a chart, from left to right needed"
                );
                return Err(io::Error::other(why));
            }
        }
        Ok(())
    }

    /// Least and most of all points, along `x` (0) or `y` (1).
    fn range(&self, axis: usize) -> [f64; 2] {
        let numbers = self.series.iter().flat_map(|series| &series.points).map(|point| point[axis]);
        numbers.fold([f64::INFINITY, 0.0], |[least, most], number| {
            [least.min(number), most.max(number)]
        })
    }

    fn layout(&self, top: f64) -> Layout {
        let height = HEIGHT.max(PITCH * self.series.len() as f64);
        let bottom = top + height;
        let [least, most] = self.range(1);
        let y_range = [least / 1.1, most * 1.1];
        let y_ticks = ticks::logarithmic(y_range, self.y.unit, 8);
        let widths = y_ticks.iter().map(|tick| text::width(&self.y.unit.tick(*tick), SMALL));
        let left = MARGIN + widths.fold(0.0, f64::max) + 10.0;
        let names = self.series.iter().map(|series| text::bold_width(&series.name, NAME));
        let right = WIDTH - MARGIN - names.fold(0.0, f64::max).min(240.0) - GAP;
        Layout {
            top,
            bottom,
            left,
            right,
            // The first points are not on the axis.
            x: Scale::logarithmic(self.range(0), [left + 8.0, right]),
            y: Scale::logarithmic(y_range, [bottom, top]),
            y_ticks,
        }
    }

    fn draw_axes(&self, canvas: &mut Canvas, layout: &Layout) {
        let Layout { top, bottom, left, right, y, y_ticks, .. } = layout;
        canvas.text("small muted", [MARGIN, top - 14.0], &self.y.label);
        for tick in y_ticks {
            let height = y.at(*tick);
            canvas.path("grid", &Path::through(&[[*left, height], [*right, height]]));
            let label = self.y.unit.tick(*tick);
            canvas.text("small muted right", [left - 8.0, height + BASELINE], &label);
        }
        canvas.path("axis", &Path::through(&[[*left, *bottom], [*right, *bottom]]));
        self.draw_places(canvas, layout);
        canvas.text("small muted middle", [(left + right) / 2.0, bottom + 34.0], &self.x.label);
    }

    /// A tick wherever something was measured, with its label if there is room: for the last in any case.
    fn draw_places(&self, canvas: &mut Canvas, layout: &Layout) {
        let points = self.series.iter().flat_map(|series| &series.points);
        let mut values: Vec<f64> = points.map(|[x, _]| *x).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        let half = |label: &str| text::width(label, SMALL) / 2.0 + 4.0;
        let end = values
            .last()
            .map_or(layout.right, |last| layout.x.at(*last) - half(&self.x.unit.tick(*last)));
        let mut free = f64::NEG_INFINITY;
        for (number, value) in values.iter().enumerate() {
            let (place, label) = (layout.x.at(*value), self.x.unit.tick(*value));
            let tick = [[place, layout.bottom], [place, layout.bottom + 4.0]];
            canvas.path("axis", &Path::through(&tick));
            let is_last = number + 1 == values.len();
            let half = half(&label);
            if is_last || (place - half >= free && place + half <= end) {
                canvas.text("small muted middle", [place, layout.bottom + 17.0], &label);
                free = place + half;
            }
        }
    }

    /// Ours alone is thick, and the floor alone has no marker.
    fn looks(&self) -> Vec<Look> {
        let (mut own, mut others) = (0.., 0..);
        let look = |series: &Series| match series.emphasis {
            Emphasis::Floor => {
                Look { class: "floor".to_owned(), dashes: "1 3", marker: Marker::None }
            }
            Emphasis::Ours => Look {
                class: "ours".to_owned(),
                dashes: shapes::dashes(own.next().unwrap_or_default()),
                marker: Marker::Dot,
            },
            Emphasis::Other => {
                let number = others.next().unwrap_or_default();
                Look {
                    class: palette::series(number),
                    dashes: shapes::dashes(number),
                    marker: Marker::Shape(number),
                }
            }
        };
        self.series.iter().map(look).collect()
    }

    /// At the lines' ends, or as near as there is room.
    fn draw_names(&self, canvas: &mut Canvas, layout: &Layout, looks: &[Look]) {
        let ends: Vec<[f64; 2]> = self
            .series
            .iter()
            .filter_map(|series| Some(layout.place(series.points.last()?)))
            .collect();
        let heights: Vec<f64> = ends.iter().map(|end| end[1]).collect();
        let places = labels::apart(&heights, PITCH, [layout.top, layout.bottom]);
        let labelled = self.series.iter().zip(looks).zip(ends.iter().zip(places));
        for ((series, look), (end, place)) in labelled {
            let x = layout.right + LEAD;
            // Level with the line's end as far as the chart reaches, then to the label.
            let lead = [[end[0] + 6.0, end[1]], [layout.right + 8.0, end[1]], [x, place]];
            canvas.path(&format!("leader {}", look.class), &Path::through(&lead));
            let strong = if series.emphasis == Emphasis::Ours { " strong" } else { "" };
            let class = format!("{}{strong}", look.class);
            canvas.text(&class, [layout.right + GAP, place + BASELINE], &series.name);
        }
    }

    /// All that is drawn, in words.
    fn description(&self) -> String {
        let series = |series: &Series| {
            let point = |[x, y]: &[f64; 2]| {
                format!("{} at {}", self.y.unit.value(*y), self.x.unit.value(*x))
            };
            let points: Vec<String> = series.points.iter().map(point).collect();
            format!("{}: {}.", series.name, points.join(", "))
        };
        let series: Vec<String> = self.series.iter().map(series).collect();
        format!("{}, by {}. {}", self.y.label, self.x.label, series.join(" "))
    }
}

impl Layout {
    fn place(&self, [x, y]: &[f64; 2]) -> [f64; 2] {
        [self.x.at(*x), self.y.at(*y)]
    }
}

fn draw_line(canvas: &mut Canvas, layout: &Layout, series: &Series, look: &Look) {
    let places: Vec<_> = series.points.iter().map(|point| layout.place(point)).collect();
    canvas.dashed(&format!("line {}", look.class), &Path::through(&places), look.dashes);
    for place in places {
        match look.marker {
            Marker::None => {}
            Marker::Dot => canvas.path(&format!("dot {}", look.class), &Path::circle(place, 4.5)),
            Marker::Shape(number) => {
                canvas.path(&format!("marker {}", look.class), &shapes::marker(number, place));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::well_formed::assert_well_formed;

    fn series(name: &str, emphasis: Emphasis, factor: f64) -> Series {
        let points =
            [20.0, 1024.0, 65536.0, 16777216.0].map(|bytes| [bytes, factor * (900.0 + bytes)]);
        Series { name: name.to_owned(), emphasis, points: points.to_vec() }
    }

    fn sample() -> Lines {
        Lines {
            words: Words {
                title: "Echo".to_owned(),
                subtitle: String::new(),
                caption: String::new(),
            },
            x: Axis { label: "message".to_owned(), unit: Unit::Bytes },
            y: Axis { label: "server CPU per message".to_owned(), unit: Unit::Nanoseconds },
            series: vec![
                series("raw", Emphasis::Floor, 1.0),
                series("bowline", Emphasis::Ours, 1.04),
                series("one & two", Emphasis::Other, 1.05),
                series("three", Emphasis::Other, 1.06),
            ],
        }
    }

    #[test]
    fn is_well_formed_and_says_everything_in_words() {
        let svg = sample().to_svg().unwrap();
        assert_well_formed(&svg);
        let said = "one &amp; two: 966 ns at 20 B, 2.02 µs at 1 KiB, 69.8 µs at 64 KiB, 17.6 ms at 16 MiB.";
        assert!(svg.contains(said), "{svg}");
    }

    #[test]
    fn names_of_lines_that_end_together_are_apart() {
        let svg = sample().to_svg().unwrap();
        let height = |name: &str| -> f64 {
            let line = svg.lines().find(|line| line.ends_with(&format!(">{name}</text>"))).unwrap();
            let (_, height) = line.split_once("y=\"").unwrap();
            height.split_once('"').unwrap().0.parse().unwrap()
        };
        let heights = ["three", "one &amp; two", "bowline", "raw"].map(height);
        assert!(heights.windows(2).all(|pair| pair[1] - pair[0] >= PITCH - 0.01), "{heights:?}");
    }

    #[test]
    fn lines_differ_in_more_than_colour() {
        let mut lines = sample();
        let other = |number| series(&format!("other {number}"), Emphasis::Other, 1.0);
        lines.series = (0..9).map(other).collect();
        let looks: Vec<String> = lines
            .looks()
            .iter()
            .map(|look| match look.marker {
                Marker::Shape(number) => format!("{}, {}", look.dashes, number % shapes::MARKERS),
                Marker::None | Marker::Dot => panic!("no shape of its own"),
            })
            .collect();
        for (number, look) in looks.iter().enumerate() {
            assert!(!looks[..number].contains(look), "{looks:?}");
        }
    }

    #[test]
    fn what_can_not_be_drawn_is_an_error() {
        let cases: [(&[[f64; 2]], &str); 3] = [
            (&[], "raw without a point in a chart, one needed"),
            (&[[1.0, 2.0], [3.0, 0.0]], "raw has 0 in a chart, a positive number needed"),
            (
                &[[2.0, 1.0], [1.0, 1.0]],
                "raw goes from 2 to 1 in a chart, from left to right needed",
            ),
        ];
        for (points, why) in cases {
            let mut lines = sample();
            lines.series[0].points = points.to_vec();
            assert_eq!(lines.to_svg().unwrap_err().to_string(), why);
        }
        let none = Lines { series: Vec::new(), ..sample() };
        assert_eq!(none.to_svg().unwrap_err().to_string(), "a chart without a line, one needed");
    }
}
