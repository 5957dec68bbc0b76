//! Colours and style, in both themes.

/// Nobody has to fetch a font.
const FONT: &str = "system-ui,-apple-system,'Segoe UI','Noto Sans',Helvetica,Arial,sans-serif";

/// How many series have a colour of their own.
pub(super) const SERIES: usize = 7;

/// The colours of one theme, which are GitHub's own or near them.
struct Palette {
    ink: &'static str,
    muted: &'static str,
    /// Quiet: what is behind everything.
    grid: &'static str,
    ours: &'static str,
    bar: &'static str,
    series: [&'static str; SERIES],
}

const LIGHT: Palette = Palette {
    ink: "#1f2328",
    muted: "#59636e",
    grid: "#d8dee4",
    ours: "#0969da",
    bar: "#8c959f",
    series: ["#bc4c00", "#1a7f37", "#8250df", "#bf3989", "#7d5c00", "#0b7285", "#a40e26"],
};

const DARK: Palette = Palette {
    ink: "#f0f6fc",
    muted: "#9198a1",
    grid: "#2d333b",
    ours: "#4493f8",
    bar: "#6e7681",
    series: ["#f0883e", "#3fb950", "#bc8cff", "#f778ba", "#d4a72c", "#39c5cf", "#ff7b72"],
};

/// A series' class.
pub(super) fn series(number: usize) -> String {
    format!("series-{}", number % SERIES)
}

/// The style sheet: what is the same in both themes, and the colours of each.
pub(super) fn style_sheet() -> String {
    format!(
        "text{{font-family:{FONT};font-size:12px;font-variant-numeric:tabular-nums;stroke:none}}\
         .title{{font-size:16px;font-weight:600}}\
         .heading{{font-size:13px;font-weight:600}}\
         .small{{font-size:11px}}\
         .strong{{font-weight:600}}\
         .right{{text-anchor:end}}\
         .middle{{text-anchor:middle}}\
         path{{fill:none}}\
         .line{{stroke-width:1.6;stroke-linejoin:round}}\
         .line.ours{{stroke-width:3}}\
         .floor{{stroke-width:1.2}}\
         .goal{{stroke-width:1.4;stroke-dasharray:4 3}}\
         .leader{{stroke-width:.8;opacity:.7}}\
         {}@media(prefers-color-scheme:dark){{{}}}",
        LIGHT.rules(),
        DARK.rules()
    )
}

impl Palette {
    fn rules(&self) -> String {
        let Self { ink, muted, grid, ours, bar, series } = self;
        let mut rules = format!(
            "text{{fill:{ink}}}text.muted{{fill:{muted}}}text.ours{{fill:{ours}}}\
             path{{stroke:{muted}}}.grid{{stroke:{grid}}}\
             path.floor,.goal,.whisker{{stroke:{ink}}}path.ours{{stroke:{ours}}}\
             .bar,.dot{{fill:{bar};stroke:none}}path.bar.floor{{fill:none;stroke:{muted}}}.dot.floor{{fill:{ink};stroke:none}}\
             .bar.ours,.dot.ours{{fill:{ours};stroke:none}}"
        );
        for (number, colour) in series.iter().enumerate() {
            let class = self::series(number);
            rules += &format!(
                "path.{class}{{stroke:{colour}}}text.{class},.marker.{class}{{fill:{colour}}}"
            );
        }
        rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By WCAG 2.2.
    fn contrast(one: &str, other: &str) -> f64 {
        let [one, other] = [one, other].map(|colour| luminance(colour) + 0.05);
        one.max(other) / one.min(other)
    }

    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    #[test]
    fn black_on_white_has_the_greatest_contrast() {
        assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 1e-9);
    }

    #[test]
    fn every_text_and_line_can_be_seen_in_both_themes() {
        for (palette, page) in [(LIGHT, "#ffffff"), (DARK, "#0d1117")] {
            // The names of series are in their colours.
            let texts =
                [palette.ink, palette.muted, palette.ours].into_iter().chain(palette.series);
            for colour in texts {
                assert!(contrast(colour, page) >= 4.5, "{colour}: {:.2}", contrast(colour, page));
            }
            assert!(contrast(palette.bar, page) >= 3.0, "{}", contrast(palette.bar, page));
            // Whiskers and the floor's line are drawn over bars.
            for bar in [palette.bar, palette.ours] {
                assert!(
                    contrast(palette.ink, bar) >= 2.5,
                    "{bar}: {:.2}",
                    contrast(palette.ink, bar)
                );
            }
        }
    }
}
