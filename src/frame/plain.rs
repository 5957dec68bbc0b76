//! The short way into a frame: nearly all break no rule, and are not marked by an extension.

use std::ops::Range;

use super::{
    frame_type::MAX_CONTROL_PAYLOAD,
    header::{FIN, LENGTH_16, LENGTH_64, MASK},
};
use crate::vocabulary::{MaskingKey, OpCode, ReservedBits, Role};

/// A frame that is all there, with every bit of its header as the rules for this role want it: a message or a fragment, a
/// Ping or a Pong.
pub(super) struct PlainFrame {
    pub(super) opcode: OpCode,
    pub(super) is_final: bool,
    pub(super) masking_key: Option<MaskingKey>,
    /// Where in the buffer its payload is.
    pub(super) payload: Range<usize>,
}

impl PlainFrame {
    /// The frame at the front. `None` for everything else, whether it breaks a rule, which one, or has yet to arrive: that
    /// is for [`FrameHeader`](super::FrameHeader) and [`rules`](super::rules) to tell.
    #[inline(always)]
    pub(super) fn parse(bytes: &[u8], role: Role) -> Option<Self> {
        let &[first, second, ..] = bytes else { return None };
        let opcode = OpCode::of_first_byte(first);
        if !has_short_way(opcode) || ReservedBits::of_first_byte(first) != ReservedBits::NONE {
            return None;
        }
        let mask = match role {
            Role::Server => MASK,
            Role::Client => 0,
        };
        let (len, start) = match second ^ mask {
            short @ ..LENGTH_16 => (usize::from(short), 2),
            LENGTH_16 => (medium_length(bytes)?, 4),
            LENGTH_64 => (long_length(bytes)?, 10),
            _ => return None,
        };
        let (masking_key, start) = match role {
            Role::Server => {
                let key = bytes.get(start..)?.first_chunk()?;
                (Some(MaskingKey::new(*key)), start + key.len())
            }
            Role::Client => (None, start),
        };
        let payload = start..start.checked_add(len)?;
        let is_final = first & FIN != 0;
        if opcode.is_control() && !(is_final && len <= MAX_CONTROL_PAYLOAD) {
            return None;
        }
        let frame = Self { opcode, is_final, masking_key, payload };
        (frame.payload.end <= bytes.len()).then_some(frame)
    }
}

/// A Close is not among them: it ends the reading.
#[inline]
fn has_short_way(opcode: OpCode) -> bool {
    matches!(
        opcode,
        OpCode::CONTINUATION | OpCode::TEXT | OpCode::BINARY | OpCode::PING | OpCode::PONG
    )
}

/// A length of 16 bits that needs them.
#[inline]
fn medium_length(bytes: &[u8]) -> Option<usize> {
    let length = u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?);
    Some(usize::from(length)).filter(|length| *length >= usize::from(LENGTH_16))
}

/// A length of 64 bits that needs them.
fn long_length(bytes: &[u8]) -> Option<usize> {
    let length = u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?);
    usize::try_from(length).ok().filter(|_| length > 0xffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{FrameHeader, rules};

    /// What the header and the rules for it say.
    fn judged(
        bytes: &[u8],
        role: Role,
    ) -> Option<(OpCode, bool, Option<MaskingKey>, Range<usize>)> {
        let (header, start) = FrameHeader::parse(bytes)?;
        rules::check_start([bytes[0], bytes[1]], role, ReservedBits::NONE).ok()?;
        rules::check_length(&header, start).ok()?;
        let end = start.checked_add(usize::try_from(header.payload_len()).ok()?)?;
        let is_plain = header.opcode() != OpCode::CLOSE && end <= bytes.len();
        let parts = (header.opcode(), header.is_final(), header.masking_key(), start..end);
        is_plain.then_some(parts)
    }

    #[test]
    fn is_what_the_rules_admit_with_every_two_bytes_and_every_form_of_length() {
        let lengths: [&[u8]; 9] = [
            &[],
            &[0, 0],
            &[0, 125],
            &[0, 126],
            &[0xff, 0xff],
            &[0, 0, 0, 0, 0, 0, 0xff, 0xff],
            &[0, 0, 0, 0, 0, 1, 0, 0],
            &[0, 0, 0, 0, 0x80, 0, 0, 0],
            &[0xff; 8],
        ];
        let mut plain = 0;
        for length in lengths {
            let mut frame = [&[0, 0], length, &vec![7; 70_000]].concat();
            for start in (0..=u16::MAX).map(u16::to_be_bytes) {
                frame[..2].copy_from_slice(&start);
                for role in [Role::Client, Role::Server] {
                    let found = PlainFrame::parse(&frame, role);
                    let found = found.map(|frame| {
                        (frame.opcode, frame.is_final, frame.masking_key, frame.payload)
                    });
                    plain += usize::from(found.is_some());
                    assert_eq!(found, judged(&frame, role), "{start:x?} {length:x?}");
                }
            }
        }
        assert!(plain > 0);
    }

    #[test]
    fn is_nothing_until_the_last_byte_has_arrived() {
        for (len, length) in
            [(0, &[][..]), (125, &[]), (126, &[0, 126]), (70_000, &[0, 0, 0, 0, 0, 1, 0x11, 0x70])]
        {
            let short = match length.len() {
                2 => LENGTH_16,
                8 => LENGTH_64,
                _ => len as u8,
            };
            for (role, mask, key) in
                [(Role::Client, 0, &[][..]), (Role::Server, MASK, &[1, 2, 3, 4])]
            {
                let frame = [&[0x82, mask | short], length, key, &vec![7; len]].concat();
                for end in (0..frame.len()).step_by(1 + len / 300) {
                    assert!(
                        PlainFrame::parse(&frame[..end], role).is_none(),
                        "{end} of {}",
                        frame.len()
                    );
                }
                let whole = PlainFrame::parse(&frame, role);
                assert_eq!(whole.map(|frame| frame.payload.len()), Some(len));
            }
        }
    }
}
