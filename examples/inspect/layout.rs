//! How it looks: columns for bytes and fields, and text that is safe to print.

use std::{
    fmt::Display,
    io::{self, Write},
};

use bowline::Role;

/// Bytes on one row.
pub(crate) const ROW: usize = 8;
/// Where text stands that belongs to no column, and how wide and long it gets.
const INDENT: usize = 10;
const WIDTH: usize = 70;
const MAX_LINES: usize = 6;

pub(crate) fn titles(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "offset    bytes                    field        value")
}

/// A row that begins with bytes and their place in the capture.
pub(crate) fn row(
    out: &mut impl Write,
    (offset, bytes): (usize, &[u8]),
    field: &str,
    value: impl Display,
) -> io::Result<()> {
    let row = format!("{offset:>8}  {:<23}  {field:<11}  {value}", hex(bytes));
    writeln!(out, "{}", row.trim_end())
}

/// One more field of the bytes above.
pub(crate) fn field(out: &mut impl Write, field: &str, value: impl Display) -> io::Result<()> {
    writeln!(out, "{:33}  {field:<11}  {value}", "")
}

/// Text over as many lines as it needs, and not too many.
pub(crate) fn text(out: &mut impl Write, text: &str) -> io::Result<()> {
    let chars: Vec<char> = text.chars().collect();
    for line in chars.chunks(WIDTH).take(MAX_LINES) {
        writeln!(out, "{:INDENT$}{}", "", line.iter().collect::<String>())?;
    }
    if chars.len() > MAX_LINES * WIDTH {
        writeln!(out, "{:INDENT$}... {} characters in all", "", chars.len())?;
    }
    Ok(())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(" ")
}

/// Text with what is no text, and what a terminal would obey, as escapes.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            if char.is_control() {
                text.extend(char.escape_default());
            } else {
                text.push(char);
            }
        }
        text.push_str(&chunk.invalid().escape_ascii().to_string());
    }
    text
}

/// A number of things.
pub(crate) fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

pub(crate) fn name(role: Role) -> &'static str {
    match role {
        Role::Client => "client",
        Role::Server => "server",
    }
}
