//! Bytes as `xxd` shows them.
//!
//! ```text
//! 00000000: 0001 0203 0405 0607 0809 0a0b 0c0d 0e0f  ................
//! 00000010: 6669 6e                                  fin
//! ```

use std::fmt::Write;

const ROW: usize = 16;
/// Where it is cut.
const MAX: usize = 16 * ROW;

/// The rows, each with a line's end before it.
pub(crate) fn dump(bytes: &[u8], indent: usize) -> String {
    let mut dump = String::new();
    for (row, bytes) in bytes[..bytes.len().min(MAX)].chunks(ROW).enumerate() {
        let pairs: Vec<String> = bytes.chunks(2).map(pair).collect();
        let ascii: String = bytes.iter().map(|byte| visible(*byte)).collect();
        let (offset, pairs) = (row * ROW, pairs.join(" "));
        // Writing to a string doesn't fail.
        let _ = write!(dump, "\n{:indent$}{offset:08x}: {pairs:<39}  {ascii}", "");
    }
    if bytes.len() > MAX {
        let _ = write!(dump, "\n{:indent$}... {} bytes more", "", bytes.len() - MAX);
    }
    dump
}

fn pair(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn visible(byte: u8) -> char {
    if byte == b' ' || byte.is_ascii_graphic() { byte.into() } else { '.' }
}
