//! Captures as text: hex in its many spellings, dumps, base64.

use std::io;

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The bytes that the text stands for.
///
/// What consists of hex digits is taken for hex: a stream's first byte is G, H, or has FIN or an
/// opcode alone, and none of them makes base64 that begins like that for long.
pub(crate) fn decode(text: &str) -> io::Result<Vec<u8>> {
    let hex = strip_dump(text)?.replace("\\x", " ");
    let tokens = hex
        .split(|char: char| char.is_ascii_whitespace() || matches!(char, ',' | ':'))
        .map(|token| token.strip_prefix("0x").unwrap_or(token));
    let bytes = match tokens.map(hex_bytes).collect::<Option<Vec<_>>>() {
        Some(bytes) => bytes.concat(),
        None => from_base64(text)?,
    };
    if bytes.is_empty() { Err(invalid("no bytes on standard input")) } else { Ok(bytes) }
}

/// The text without a dump's offsets and its column of characters.
///
/// ```text
/// 00000000: 8105 4865 6c6c 6f                        ..Hello
/// 00000000  81 05 48 65 6c 6c 6f                              |..Hello|
/// ```
fn strip_dump(text: &str) -> io::Result<String> {
    if text.lines().any(|line| line.trim() == "*") {
        return Err(invalid("a * stands for repeated lines: dump with hexdump -Cv, or xxd"));
    }
    let is_dump = text.lines().any(|line| line.ends_with('|') || after_colon(line).is_some());
    if !is_dump {
        return Ok(text.to_owned());
    }
    let mut hex = String::new();
    for line in text.lines() {
        let bytes = match after_colon(line) {
            Some(rest) => rest.trim_start().split("  ").next(),
            None => line.split('|').next().and_then(|line| Some(line.split_once("  ")?.1)),
        };
        hex.push_str(bytes.unwrap_or_default());
        hex.push('\n');
    }
    Ok(hex)
}

/// What stands behind an offset of at least four digits and a colon.
fn after_colon(line: &str) -> Option<&str> {
    let (offset, rest) = line.trim_start().split_once(": ")?;
    let digits = offset.strip_prefix("0x").unwrap_or(offset);
    let is_offset = digits.len() >= 4 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_offset.then_some(rest)
}

fn hex_bytes(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| match *pair {
            [high, low] => Some(16 * digit(high)? + digit(low)?),
            _ => None,
        })
        .collect()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn from_base64(text: &str) -> io::Result<Vec<u8>> {
    let is_hex = |char: char| char.is_ascii_hexdigit() || char.is_ascii_whitespace();
    if text.chars().all(is_hex) {
        return Err(invalid("an odd number of hex digits"));
    }
    let standard = text.split_ascii_whitespace().collect::<String>();
    // The alphabet for URLs differs in two characters.
    let standard = standard.replace('-', "+").replace('_', "/");
    BASE64.decode(standard).map_err(|error| invalid(&format!("neither hex nor base64: {error}")))
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}
