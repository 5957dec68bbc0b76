//! SVG text, piece by piece.

use std::fmt::{self, Write};

use super::{Words, palette, text};

/// Of every chart, in pixels: a little less than GitHub's column.
pub(super) const WIDTH: f64 = 760.0;

/// Left free around everything.
pub(super) const MARGIN: f64 = 8.0;

/// Of what is said around a chart.
const WORDS: f64 = 12.0;
const LEADING: f64 = 17.0;

/// What has been drawn.
pub(super) struct Canvas {
    body: String,
    /// Down to where, so far.
    pub(super) bottom: f64,
}

impl Canvas {
    /// With the chart's title and subtitle at its top.
    pub(super) fn new(words: &Words) -> Self {
        let mut canvas = Self { body: String::new(), bottom: 24.0 };
        canvas.text("title", [MARGIN, canvas.bottom], &words.title);
        canvas.paragraph(&words.subtitle);
        canvas
    }

    /// With the caption at its bottom, and the whole of it told to those who can't see it.
    pub(super) fn finish(mut self, words: &Words, description: &str) -> String {
        self.paragraph(&words.caption);
        let height = (self.bottom + MARGIN).ceil();
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
             height=\"{height}\" role=\"img\" aria-labelledby=\"title description\">\n\
             <title id=\"title\">{}</title>\n<desc id=\"description\">{}</desc>\n<style>{}</style>\n{}</svg>\n",
            Escaped(&words.title),
            Escaped(description),
            Escaped(&palette::style_sheet()),
            self.body
        )
    }

    fn paragraph(&mut self, words: &str) {
        for line in text::wrap(words, WORDS, WIDTH - 2.0 * MARGIN) {
            self.bottom += LEADING;
            self.text("muted", [MARGIN, self.bottom], &line);
        }
    }

    /// A line of text, which begins at a place, or ends or is centred there if its class says so.
    pub(super) fn text(&mut self, class: &str, [x, y]: [f64; 2], text: &str) {
        let (x, y) = (Number(x), Number(y));
        let line = format!(
            "<text class=\"{}\" x=\"{x}\" y=\"{y}\">{}</text>\n",
            Escaped(class),
            Escaped(text)
        );
        self.body += &line;
    }

    pub(super) fn path(&mut self, class: &str, path: &Path) {
        let line = format!("<path class=\"{}\" d=\"{}\"/>\n", Escaped(class), path.0);
        self.body += &line;
    }

    /// A line with dashes and gaps of so many pixels, or none of them.
    pub(super) fn dashed(&mut self, class: &str, path: &Path, dashes: &str) {
        if dashes.is_empty() {
            return self.path(class, path);
        }
        let (class, dashes) = (Escaped(class), Escaped(dashes));
        let line =
            format!("<path class=\"{class}\" stroke-dasharray=\"{dashes}\" d=\"{}\"/>\n", path.0);
        self.body += &line;
    }
}

/// What a pen draws.
#[derive(Default)]
pub(super) struct Path(String);

impl Path {
    /// From one point to the next.
    pub(super) fn through(points: &[[f64; 2]]) -> Self {
        let mut path = Self::default();
        path.draw(points);
        path
    }

    /// The same and back to the first.
    pub(super) fn around(points: &[[f64; 2]]) -> Self {
        let mut path = Self::through(points);
        path.0.push('Z');
        path
    }

    pub(super) fn circle([x, y]: [f64; 2], radius: f64) -> Self {
        let (left, y, radius, across) =
            (Number(x - radius), Number(y), Number(radius), Number(2.0 * radius));
        Self(format!(
            "M{left} {y}a{radius} {radius} 0 1 0 {across} 0a{radius} {radius} 0 1 0 -{across} 0Z"
        ))
    }

    /// Through more points, with the pen lifted before the first.
    pub(super) fn draw(&mut self, points: &[[f64; 2]]) {
        for (number, [x, y]) in points.iter().enumerate() {
            let command = if number == 0 { 'M' } else { 'L' };
            // Of a string, which takes all.
            let _ = write!(self.0, "{command}{} {}", Number(*x), Number(*y));
        }
    }
}

/// Rounded to a hundredth of a pixel, without zeros at the end.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounded = (100.0 * self.0).round() / 100.0;
        // Zero has a sign otherwise.
        write!(f, "{}", rounded + 0.0)
    }
}

/// For an element's content and for an attribute in double quotes.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\t' | '\n' => f.write_char(' ')?,
                // XML 1.0 has no way to write these.
                '\0'..'\x20' | '\u{fffe}' | '\u{ffff}' => f.write_char('\u{fffd}')?,
                _ => f.write_char(character)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::well_formed::assert_well_formed;

    #[test]
    fn escapes_what_is_markup_and_replaces_what_xml_lacks() {
        let cases = [
            ("a < b && \"c\" > d", "a &lt; b &amp;&amp; &quot;c&quot; &gt; d"),
            ("it's µs × 2", "it's µs × 2"),
            ("a\nb\tc", "a b c"),
            ("\0\u{1b}[0m\u{ffff}", "\u{fffd}\u{fffd}[0m\u{fffd}"),
        ];
        for (text, escaped) in cases {
            assert_eq!(Escaped(text).to_string(), escaped);
        }
    }

    #[test]
    fn numbers_are_short() {
        for (number, text) in [(1.0, "1"), (0.125, "0.13"), (-0.001, "0"), (333.333, "333.33")] {
            assert_eq!(Number(number).to_string(), text);
        }
    }

    #[test]
    fn is_well_formed_whatever_the_words_are() {
        let words = Words {
            title: "<script>&\"'".to_owned(),
            subtitle: "]]> <!-- \u{0}".to_owned(),
            caption: "a caption that is long enough for two lines ".repeat(4),
        };
        let mut canvas = Canvas::new(&words);
        canvas.text("muted right", [1.0, 2.0], "</text>");
        canvas.path("grid", &Path::circle([10.0, 10.0], 3.5));
        canvas.dashed("line", &Path::around(&[[0.0, 0.0], [1.0, 1.5]]), "4 2");
        let svg = canvas.finish(&words, "a & b");
        assert_well_formed(&svg);
        for part in
            ["role=\"img\"", "<title id=\"title\">&lt;script&gt;", "M0 0L1 1.5Z", "a &amp; b"]
        {
            assert!(svg.contains(part), "{part} in {svg}");
        }
    }
}
