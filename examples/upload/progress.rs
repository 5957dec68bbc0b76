//! How far it has come: a bar on a terminal, elsewhere a line for each 10 percent.

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

/// How often a bar is drawn.
const FRAME: Duration = Duration::from_millis(100);
const WIDTH: u64 = 30;
/// Lines for a file of unknown size: one for so many bytes.
const STEP: u64 = 100_000_000;

pub(crate) struct Progress {
    style: Style,
    done: u64,
    /// Where it is known.
    size: Option<u64>,
    begin: Instant,
}

enum Style {
    /// When it was last drawn.
    Bar(Option<Instant>),
    /// With how much the next is due.
    Lines(u64),
    /// A server's.
    Nothing,
}

impl Progress {
    pub(crate) fn new(size: Option<u64>) -> Self {
        let style =
            if io::stderr().is_terminal() { Style::Bar(None) } else { Style::Lines(step(size)) };
        Self { style, done: 0, size, begin: Instant::now() }
    }

    pub(crate) fn hidden() -> Self {
        Self { style: Style::Nothing, done: 0, size: None, begin: Instant::now() }
    }

    /// So many more bytes are through.
    pub(crate) fn advance(&mut self, bytes: usize) {
        self.done += bytes as u64;
        let now = Instant::now();
        match &mut self.style {
            Style::Bar(drawn) if drawn.is_none_or(|drawn| now - drawn >= FRAME) => {
                *drawn = Some(now);
                self.draw("\r", "\x1b[K");
            }
            Style::Lines(due) if self.done >= *due && Some(self.done) != self.size => {
                let step = step(self.size);
                *due = (self.done / step + 1) * step;
                self.draw("", "\n");
            }
            _ => {}
        }
    }

    /// Draws it as it was at the end.
    pub(crate) fn finish(mut self) {
        match self.style {
            Style::Bar(_) => self.draw("\r", "\x1b[K\n"),
            Style::Lines(_) => self.draw("", "\n"),
            Style::Nothing => {}
        }
        self.style = Style::Nothing;
    }

    fn draw(&self, before: &str, after: &str) {
        let speed = self.done as f64 / self.begin.elapsed().as_secs_f64().max(0.001);
        let line = match self.size {
            Some(size) => {
                let percent = (self.done * 100).checked_div(size).unwrap_or(100);
                let left = size.saturating_sub(self.done) as f64 / speed.max(1.0);
                let time = match self.done {
                    done if done < size => format!("{left:.0} s left"),
                    _ => format!("in {:.1} s", self.begin.elapsed().as_secs_f64()),
                };
                format!(
                    "{}{percent:>4}%  {} of {}  {}/s  {time}",
                    self.bar(percent),
                    units(self.done),
                    units(size),
                    units(speed as u64)
                )
            }
            None => format!("{}  {}/s", units(self.done), units(speed as u64)),
        };
        // Nobody is there to see it, then.
        let _ = write!(io::stderr(), "{before}{line}{after}");
    }

    fn bar(&self, percent: u64) -> String {
        if !matches!(self.style, Style::Bar(_)) {
            return String::new();
        }
        let full = (percent.min(100) * WIDTH / 100) as usize;
        format!("[{}{}]", "#".repeat(full), "-".repeat(WIDTH as usize - full))
    }
}

impl Drop for Progress {
    /// What is said next is why it was left unfinished, on a line of its own.
    fn drop(&mut self) {
        if let Style::Bar(Some(_)) = self.style {
            let _ = writeln!(io::stderr());
        }
    }
}

fn step(size: Option<u64>) -> u64 {
    size.map_or(STEP, |size| size.div_ceil(10).max(1))
}

fn units(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}
