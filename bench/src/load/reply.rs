//! What a server sends: frames, counted as they come, and put together where they are to be compared.

use std::{borrow::Cow, io};

/// Bits of a header's first and second byte.
const FIN: u8 = 0x80;
const MASK: u8 = 0x80;

/// Bytes of a masking key.
const KEY_LENGTH: usize = 4;

/// A reply: the first byte of its frame, with FIN set even if there were several, and its payload, unmasked.
pub(crate) struct Reply<'a> {
    pub(crate) first: u8,
    pub(crate) payload: Cow<'a, [u8]>,
}

/// How much of the replies is there, at the front of a buffer.
#[derive(Default)]
pub(super) struct Arrived {
    pub(super) filled: usize,
    /// Where the last whole frame ends.
    pub(super) end: usize,
    messages: usize,
    place: Place,
}

/// Where the next frame stands.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    BetweenMessages,
    WithinMessage,
}

impl Arrived {
    /// Counts the frames that have become whole.
    pub(super) fn count(&mut self, buffer: &[u8]) -> io::Result<()> {
        while let Some(frame) = first_frame(&buffer[self.end..self.filled]) {
            self.place = self.place.after(frame)?;
            self.end += frame.len();
            self.messages += usize::from(self.place == Place::BetweenMessages);
        }
        Ok(())
    }

    pub(super) fn is_all(&self, count: usize) -> io::Result<bool> {
        if self.messages > count || self.messages == count && self.filled > self.end {
            return Err(io::Error::other(format!("more than {count} replies")));
        }
        Ok(self.messages == count)
    }
}

impl Place {
    /// Where the frame after this one stands. Text or binary is expected, compressed or not.
    fn after(self, frame: &[u8]) -> io::Result<Self> {
        match (self, frame[0]) {
            (Self::BetweenMessages, 0x81 | 0x82 | 0xc1 | 0xc2) | (Self::WithinMessage, 0x80) => {
                Ok(Self::BetweenMessages)
            }
            (Self::BetweenMessages, 0x01 | 0x02) | (Self::WithinMessage, 0x00) => {
                Ok(Self::WithinMessage)
            }
            (_, first) => Err(io::Error::other(format!(
                "a frame of {} bytes that begins with 0x{first:02x}",
                frame.len()
            ))),
        }
    }
}

/// The replies in these bytes, which end with a whole one.
pub(crate) fn replies(mut bytes: &[u8]) -> impl Iterator<Item = Reply<'_>> {
    std::iter::from_fn(move || {
        let frame = first_frame(bytes)?;
        bytes = &bytes[frame.len()..];
        let mut reply = Reply { first: frame[0] | FIN, payload: payload(frame) };
        let mut is_last = frame[0] & FIN != 0;
        while !is_last {
            let frame = first_frame(bytes)?;
            bytes = &bytes[frame.len()..];
            reply.payload.to_mut().extend_from_slice(&payload(frame));
            is_last = frame[0] & FIN != 0;
        }
        Some(reply)
    })
}

/// Of a whole frame, unmasked: a server that sends back what it gets leaves it masked.
fn payload(frame: &[u8]) -> Cow<'_, [u8]> {
    let start = extent(frame).map_or(frame.len(), |(start, _)| start);
    let payload = &frame[start..];
    if frame[1] & MASK == 0 {
        return Cow::Borrowed(payload);
    }
    let key = frame[start - KEY_LENGTH..start].iter().cycle();
    Cow::Owned(payload.iter().zip(key).map(|(byte, mask)| byte ^ mask).collect())
}

fn first_frame(bytes: &[u8]) -> Option<&[u8]> {
    let (start, length) = extent(bytes)?;
    bytes.get(..start + length)
}

/// The lengths of the header at the front, once its length is complete, and of its payload.
pub(crate) fn extent(bytes: &[u8]) -> Option<(usize, usize)> {
    let second = bytes.get(1)?;
    let (start, length) = match second & !MASK {
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize),
        126 => (4, u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?).into()),
        length => (2, usize::from(length)),
    };
    Some((if second & MASK == 0 { start } else { start + KEY_LENGTH }, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What arrives in reads of so many bytes: how many messages, and whether a frame is open in between.
    fn counted(bytes: &[u8], step: usize) -> io::Result<Arrived> {
        let mut arrived = Arrived::default();
        for end in (step..bytes.len()).step_by(step).chain([bytes.len()]) {
            arrived.filled = end;
            arrived.count(bytes)?;
        }
        Ok(arrived)
    }

    #[test]
    fn messages_are_counted_whatever_their_frames_are() {
        let masked = [0x81, 0x82, 1, 2, 3, 4, b'h' ^ 1, b'i' ^ 2];
        let fragments = [0x01, 1, b'h', 0x00, 0, 0x80, 1, b'i'];
        let bytes = [&masked[..], &fragments, &[0x81, 2, b'h', b'i']].concat();
        for step in 1..=bytes.len() {
            let arrived = counted(&bytes, step).unwrap();
            assert_eq!((arrived.messages, arrived.end), (3, bytes.len()), "{step}");
            assert!(arrived.is_all(3).unwrap() && arrived.is_all(2).is_err());
        }
        let replies: Vec<_> = replies(&bytes).collect();
        assert_eq!(replies.len(), 3);
        for reply in replies {
            assert_eq!((reply.first, &*reply.payload), (0x81, &b"hi"[..]));
        }
    }

    #[test]
    fn a_frame_out_of_place_is_an_error() {
        let wrong: [&[u8]; 5] =
            [&[0x80, 0], &[0x00, 0], &[0x01, 0, 0x81, 0], &[0x01, 0, 0x01, 0], &[0x89, 0]];
        for bytes in wrong {
            assert!(counted(bytes, 1).is_err(), "{bytes:02x?}");
        }
    }

    #[test]
    fn a_message_that_is_not_whole_is_waited_for() {
        for bytes in [&[0x01, 1, b'h'][..], &[0x81, 2, b'h'], &[0x81, 0x80, 1, 2, 3]] {
            assert!(!counted(bytes, 1).unwrap().is_all(1).unwrap(), "{bytes:02x?}");
        }
    }
}
