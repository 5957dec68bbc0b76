//! The frames that a connection sends, encoded before anything is measured.
//!
//! ```text
//! +---------------+---------------------+-----------------+----------------------+
//! | FIN RSV1 0x1  | MASK length (1,3,9) | masking key (4) | deflated, masked ... |
//! +---------------+---------------------+-----------------+----------------------+
//! ```

use std::io;

use crate::{
    agreement::{Agreement, Context},
    zlib,
};

/// What a compressor that keeps context is fed before its output is taken to go round: many windows.
const TRIED_BYTES: usize = 4 * 1024 * 1024;

const MASKING_KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// One text message as a client sends it again and again.
pub(crate) struct Script {
    /// The first frames of a connection.
    opening: Vec<Vec<u8>>,
    /// The frames that follow them, over and over.
    cycle: Vec<Vec<u8>>,
}

impl Script {
    /// The message in so many fragments, or compressed in one frame where that was agreed.
    ///
    /// Where context is kept, a frame depends on those before it, even if the message is always the same.
    /// So the message is compressed by one and the same context until the frames go round in a cycle.
    /// They can be sent without end, because all that they refer to is this message before itself.
    ///
    /// # Errors
    ///
    /// Where the frames don't go round.
    pub(crate) fn new(
        message: &[u8],
        fragments: usize,
        agreement: Option<&Agreement>,
    ) -> io::Result<Self> {
        let Some(agreement) = agreement else {
            return Ok(Self { opening: Vec::new(), cycle: vec![frames(message, fragments)] });
        };
        let mut state = zlib::deflater(agreement.client_window_bits);
        let mut output = vec![0; message.len() + 1024];
        let mut compress = || -> io::Result<Vec<u8>> {
            let end = zlib::deflate(&mut state, message, &mut output, 0)?;
            Ok(frame(0xc1, &output[..end]))
        };
        if agreement.client == Context::Dropped {
            return Ok(Self { opening: Vec::new(), cycle: vec![compress()?] });
        }
        let count = TRIED_BYTES / message.len();
        let mut opening = (0..count).map(|_| compress()).collect::<io::Result<Vec<_>>>()?;
        let mut cycle = opening.split_off(count / 2);
        let period = period(&cycle);
        cycle.truncate(period.ok_or_else(|| {
            io::Error::other(format!("{count} frames of the same message don't go round"))
        })?);
        Ok(Self { opening, cycle })
    }

    /// The frames of a connection's message number `index`.
    pub(crate) fn frame(&self, index: usize) -> &[u8] {
        match index.checked_sub(self.opening.len()) {
            None => &self.opening[index],
            Some(index) => &self.cycle[index % self.cycle.len()],
        }
    }
}

/// After how many frames they repeat, seen at least twice.
fn period(frames: &[Vec<u8>]) -> Option<usize> {
    (1..=frames.len() / 3).find(|period| frames[*period..] == frames[..frames.len() - period])
}

/// A client's text in so many frames, of the same size but for the last. Where a character lies across two of
/// them it is so.
fn frames(message: &[u8], fragments: usize) -> Vec<u8> {
    let mut chunks = message.chunks(message.len().div_ceil(fragments)).enumerate().peekable();
    let mut frames = Vec::new();
    while let Some((index, chunk)) = chunks.next() {
        let opcode = if index == 0 { 0x01 } else { 0x00 };
        let fin = if chunks.peek().is_none() { 0x80 } else { 0x00 };
        frames.extend(frame(fin | opcode, chunk));
    }
    frames
}

/// A client's frame.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length @ 126..65_536 => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&MASKING_KEY);
    frame.extend(payload.iter().zip(MASKING_KEY.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

#[cfg(test)]
mod tests {
    use super::super::reply::replies;
    use super::*;
    use crate::split_payload;

    #[test]
    fn fragments_make_the_message_and_split_a_character() {
        let message = split_payload::json_to_split(16 << 10, 16);
        let script = Script::new(&message, 16, None).unwrap();
        let sent: Vec<_> = replies(script.frame(0)).collect();
        assert_eq!(sent.len(), 1);
        assert_eq!((sent[0].first, &*sent[0].payload), (0x81, &message[..]));
        let text = String::from_utf8(message).unwrap();
        assert!((1..16).any(|index| !text.is_char_boundary(index << 10)));
    }
}
