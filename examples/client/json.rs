//! JSON with a line for each value. What the server wrote stays as it was: no number is rounded, no name sorted away,
//! as would be in a value that is parsed and written again.

use std::str::Chars;

use serde_json::{Error, Value};

const INDENT: usize = 2;

/// The text on lines of its own; why it is no JSON.
pub(crate) fn pretty(text: &str) -> Result<String, Error> {
    serde_json::from_str::<Value>(text)?;
    let (mut pretty, mut depth, mut chars) = (String::new(), 0, text.chars());
    while let Some(char) = chars.next() {
        match char {
            '"' => string(&mut pretty, &mut chars),
            '{' | '[' => {
                pretty.push(char);
                let rest = chars.as_str().trim_start();
                if let Some(after) = rest.strip_prefix(['}', ']']) {
                    pretty.push_str(&rest[..1]);
                    chars = after.chars();
                } else {
                    depth += 1;
                    line(&mut pretty, depth);
                }
            }
            '}' | ']' => {
                depth -= 1;
                line(&mut pretty, depth);
                pretty.push(char);
            }
            ',' => {
                pretty.push(char);
                line(&mut pretty, depth);
            }
            ':' => pretty.push_str(": "),
            ' ' | '\t' | '\r' | '\n' => {}
            _ => pretty.push(char),
        }
    }
    Ok(pretty)
}

/// The rest of a string, whose first quote has been read.
fn string(pretty: &mut String, chars: &mut Chars<'_>) {
    pretty.push('"');
    while let Some(char) = chars.next() {
        pretty.push(char);
        match char {
            '"' => return,
            '\\' => pretty.extend(chars.next()),
            _ => {}
        }
    }
}

fn line(pretty: &mut String, depth: usize) {
    pretty.push('\n');
    pretty.extend(std::iter::repeat_n(' ', depth * INDENT));
}
