//! zlib-rs, for whole messages (RFC 7692, section 7.2).

use std::io;

use zlib_rs::{Deflate, DeflateFlush, Inflate, InflateFlush, Status};

/// The end of every sync flush, which a message leaves out.
pub(crate) const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// Bits of the largest window.
pub(crate) const WINDOW_BITS: u8 = 15;

/// The level of every row.
pub(crate) const LEVEL: i32 = 6;

/// A compressor for one direction of a connection.
pub(crate) fn deflater(window_bits: u8) -> Deflate {
    Deflate::new(LEVEL, false, window_bits)
}

/// A decompressor for one direction of a connection.
pub(crate) fn inflater() -> Inflate {
    Inflate::new(false, WINDOW_BITS)
}

/// Inflates a payload with [`TAIL`] behind it to the front of `output`, which grows where it is too small.
/// Gives the length of what came out.
pub(crate) fn inflate(
    state: &mut Inflate,
    input: &[u8],
    output: &mut Vec<u8>,
) -> io::Result<usize> {
    let (read, written) = (state.total_in(), state.total_out());
    loop {
        let taken = (state.total_in() - read) as usize;
        let filled = (state.total_out() - written) as usize;
        let status = state
            .decompress(&input[taken..], &mut output[filled..], InflateFlush::SyncFlush)
            .map_err(|error| io::Error::other(error.as_str()))?;
        let filled = (state.total_out() - written) as usize;
        if filled < output.len() || status == Status::StreamEnd {
            return Ok(filled);
        }
        output.resize(2 * output.len(), 0);
    }
}

/// Deflates a message into `output`, which grows where it is too small, from `start` on.
/// Gives the end of the payload, without its tail.
pub(crate) fn deflate(
    state: &mut Deflate,
    message: &[u8],
    output: &mut Vec<u8>,
    start: usize,
) -> io::Result<usize> {
    let (read, written) = (state.total_in(), state.total_out());
    loop {
        let taken = (state.total_in() - read) as usize;
        let end = start + (state.total_out() - written) as usize;
        state
            .compress(&message[taken..], &mut output[end..], DeflateFlush::SyncFlush)
            .map_err(|error| io::Error::other(error.as_str()))?;
        let end = start + (state.total_out() - written) as usize;
        // Room left over: the flush is complete.
        if end < output.len() {
            return Ok(end - TAIL.len());
        }
        output.resize(2 * output.len(), 0);
    }
}
