//! How wide text is, about: nobody knows which font a reader has.

/// About as wide as a line of so many pixels is in DejaVu Sans, the widest of the usual fonts.
pub(super) fn width(text: &str, size: f64) -> f64 {
    size * text.chars().map(share).sum::<f64>()
}

/// The same in bold.
pub(super) fn bold_width(text: &str, size: f64) -> f64 {
    1.12 * width(text, size)
}

/// A character's width in the font's size.
fn share(character: char) -> f64 {
    match character {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | ' ' => 0.33,
        'f' | 'r' | 't' | '-' | '(' | ')' | '[' | ']' | '/' | 'I' | '!' => 0.41,
        'c' | 's' | 'z' | 'k' | 'v' | 'x' | 'y' => 0.58,
        'm' | 'M' | 'W' | '%' | '@' | '…' => 0.98,
        'w' | '×' | '=' | '<' | '>' | '+' => 0.83,
        'A'..='Z' => 0.72,
        _ => 0.64,
    }
}

/// Lines of whole words, none wider than `most` unless a single word is.
pub(super) fn wrap(text: &str, size: f64, most: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line, size) + width(word, size) + 0.33 * size <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The text, or as much of it as is no wider than `most`, with an ellipsis.
pub(super) fn shorten(text: &str, size: f64, most: f64) -> String {
    if width(text, size) <= most {
        return text.to_owned();
    }
    let mut short = String::new();
    for character in text.chars() {
        short.push(character);
        if width(&short, size) + width("…", size) > most {
            short.pop();
            break;
        }
    }
    short + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_at_words_and_loses_none() {
        let text = "medians of nine rounds, each on a fresh process; whiskers are least and most";
        let lines = wrap(text, 12.0, 200.0);
        assert!(lines.len() > 2);
        assert!(lines.iter().all(|line| width(line, 12.0) <= 200.0));
        assert_eq!(lines.join(" "), text);
        assert!(wrap("", 12.0, 200.0).is_empty());
        assert_eq!(wrap("unbreakable", 12.0, 5.0), ["unbreakable"]);
    }

    #[test]
    fn shortens_only_what_is_too_wide() {
        assert_eq!(shorten("connection reset", 12.0, 200.0), "connection reset");
        let short = shorten("connection reset by peer", 12.0, 80.0);
        assert!(short.ends_with('…') && width(&short, 12.0) <= 80.0, "{short}");
    }
}
