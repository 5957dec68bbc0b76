//! Charts as SVG, for pages on GitHub: pure functions from plain data to text.
//!
//! Made to be embedded as an image. Then the only thing of the page that they can see is whether it is dark, so both
//! themes are inside, on a background that is transparent.

mod bars;
mod canvas;
mod columns;
mod labels;
mod lines;
mod palette;
mod scale;
mod shapes;
mod text;
mod ticks;
mod unit;
#[cfg(test)]
mod well_formed;

pub(crate) use bars::{Bar, Bars, Extent, Group, Mark};
pub(crate) use lines::{Axis, Lines, Series};
pub(crate) use unit::Unit;

/// What is said around a chart.
pub(crate) struct Words {
    pub(crate) title: String,
    /// What is drawn and its unit, under the title. May be empty.
    pub(crate) subtitle: String,
    /// Where, when and how it was measured, under the chart. May be empty.
    pub(crate) caption: String,
}

/// What a bar or a line is beside the others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Emphasis {
    /// What the others are compared to.
    Floor,
    /// What the page is about.
    Ours,
    Other,
}
