//! The fields of a frame's header (RFC 6455 section 5.2), beside the bytes that they are in.

use std::io::{self, Write};

use bowline::{FrameHeader, ReservedBits};

use crate::layout::{field, row};

/// Shows the header's fields, of a header that breaks off those whose bytes are there.
pub(crate) fn show(
    out: &mut impl Write,
    at: usize,
    header: &FrameHeader,
    bytes: &[u8],
) -> io::Result<()> {
    let fin = match (header.is_final(), header.opcode().is_control()) {
        (true, true) => "1, control frames are whole",
        (true, false) => "1, the message ends here",
        (false, _) => "0, more fragments follow",
    };
    row(out, (at, &bytes[..1]), "FIN", fin)?;
    field(out, "RSV1-3", reserved(header.reserved()))?;
    let opcode = header.opcode();
    field(out, "opcode", format_args!("{:#x}, {opcode}", u8::from(opcode)))?;
    let [_, second, rest @ ..] = bytes else { return Ok(()) };

    let mask = if header.masking_key().is_some() { "1, by a client" } else { "0, by a server" };
    row(out, (at + 1, &[*second]), "MASK", mask)?;
    let (length, extended_len) = match second & 0x7f {
        126 => ("126: in the next 16 bits".to_owned(), 2),
        127 => ("127: in the next 64 bits".to_owned(), 8),
        length => (format!("{length}, in 7 bits"), 0),
    };
    field(out, "length", length)?;
    let (length, key) = rest.split_at(extended_len.min(rest.len()));
    if !length.is_empty() {
        let value = header.payload_len().to_string();
        let value = if length.len() < extended_len { "incomplete" } else { &value };
        row(out, (at + 2, length), "length", value)?;
    }
    if !key.is_empty() {
        let value = if key.len() < 4 { "incomplete" } else { "" };
        row(out, (at + 2 + extended_len, key), "masking key", value)?;
    }
    Ok(())
}

/// The three bits, and the names of those that are set.
fn reserved(bits: ReservedBits) -> String {
    let bit = |one| u8::from(bits.contains(one));
    let (first, second, third) =
        (bit(ReservedBits::RSV1), bit(ReservedBits::RSV2), bit(ReservedBits::RSV3));
    let names = if bits == ReservedBits::NONE { String::new() } else { format!(", {bits}") };
    format!("{first} {second} {third}{names}")
}
