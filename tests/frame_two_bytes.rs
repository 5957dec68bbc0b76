//! All 65,536 pairs of bytes that a frame can begin with (RFC 6455 section 5.2), for both roles, with no
//! message, a text and a binary message open, against an oracle that knows only the RFC.

#[path = "support/codec.rs"]
mod codec;

use bowline::{Delivery, Error, Frame, FrameCodec, FrameReader, MessageCodec, ProtocolError, Role};
use bytes::BytesMut;
use codec::{
    BINARY, CLOSE, CONTINUATION, Events, FIN, PING, PONG, TEXT, frame, header, opcode,
    reserved_bits,
};
use tokio_util::codec::Decoder;

/// Which message is open when the two bytes arrive.
const OPEN: [Option<u8>; 3] = [None, Some(TEXT), Some(BINARY)];

/// The rule that the two bytes break. Where they break several, the one that comes first here is told:
/// what the frame is, before whose it is, before where it stands.
fn oracle(role: Role, open: Option<u8>, first: u8, second: u8) -> Option<ProtocolError> {
    let is_final = first & 0b1000_0000 != 0;
    let is_masked = second & 0b1000_0000 != 0;
    let len = second & 0b0111_1111;
    let code = opcode(first);
    if ![CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG].contains(&u8::from(code)) {
        return Some(ProtocolError::ReservedOpCode(code));
    }
    if first & 0b0111_0000 != 0 {
        return Some(ProtocolError::ReservedBits(reserved_bits(first)));
    }
    if role == Role::Server && !is_masked {
        return Some(ProtocolError::UnmaskedFrame);
    }
    if role == Role::Client && is_masked {
        return Some(ProtocolError::MaskedFrame);
    }
    match (u8::from(code), open) {
        (CLOSE | PING | PONG, _) if !is_final => Some(ProtocolError::FragmentedControl(code)),
        (CLOSE | PING | PONG, _) if len > 125 => Some(ProtocolError::ControlTooLong(len)),
        (CLOSE, _) if len == 1 => Some(ProtocolError::TruncatedCloseCode),
        (CONTINUATION, None) => Some(ProtocolError::UnexpectedContinuation),
        (TEXT | BINARY, Some(_)) => Some(ProtocolError::InterleavedMessage(code)),
        _ => None,
    }
}

/// The decoder with a first fragment behind it, where a message is to be open.
fn opened<C: Decoder<Error = Error>>(mut codec: C, role: Role, open: Option<u8>) -> C {
    if let Some(code) = open {
        let mut buffer = BytesMut::from(&frame(role, code, b"begun")[..]);
        while codec.decode(&mut buffer).expect("valid").is_some() {}
        assert!(buffer.is_empty());
    }
    codec
}

/// What the decoder says to the pieces; nothing may be left of what it refuses.
fn verdict<C: Decoder<Error = Error>>(
    mut codec: C,
    buffer: &mut BytesMut,
    pieces: &[&[u8]],
) -> Option<ProtocolError> {
    buffer.clear();
    let mut failure = None;
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match codec.decode(buffer) {
                Ok(None) => break,
                Ok(Some(_)) => assert_eq!(failure, None, "an item after the failure"),
                Err(Error::Protocol(error)) if failure.is_none() => failure = Some(error),
                Err(other) => panic!("{other:?} after {failure:?}"),
            }
        }
    }
    assert!(failure.is_none() || buffer.is_empty(), "bytes kept after the failure");
    failure
}

fn check_every_pair(role: Role, open: Option<u8>) {
    let frames = opened(FrameCodec::new(role), role, open);
    let messages = || opened(MessageCodec::new(role), role, open);
    let whole = opened(Events::new(FrameReader::new(role), Delivery::Whole), role, open);
    let chunks = opened(Events::new(FrameReader::new(role), Delivery::Chunks), role, open);
    let mut buffer = BytesMut::with_capacity(64);
    for first in 0..=0xff {
        for second in 0..=0xff {
            let expected = oracle(role, open, first, second);
            let at_once: &[&[u8]] = &[&[first, second]];
            let seen = [
                verdict(frames.clone(), &mut buffer, at_once),
                verdict(frames.clone(), &mut buffer, &[&[first], &[second]]),
                verdict(messages(), &mut buffer, at_once),
                verdict(whole.clone(), &mut buffer, at_once),
                verdict(chunks.clone(), &mut buffer, at_once),
            ];
            assert!(
                seen.iter().all(|seen| *seen == expected),
                "{first:02x} {second:02x}, {role:?}, open {open:?}: {seen:?}, not {expected:?}"
            );
        }
    }
}

#[test]
fn section_5_2_every_pair_of_bytes_to_a_server() {
    for open in OPEN {
        check_every_pair(Role::Server, open);
    }
}

#[test]
fn section_5_2_every_pair_of_bytes_to_a_client() {
    for open in OPEN {
        check_every_pair(Role::Client, open);
    }
}

/// The shortest payload that the seven bits of length can stand for, of the kind that the opcode wants.
fn payload(code: u8, short_len: u8) -> Vec<u8> {
    let len = match short_len {
        127 => 65536,
        len => usize::from(len),
    };
    let start: &[u8] = if code == CLOSE { b"\x03\xe8" } else { b"" };
    start.iter().copied().chain(std::iter::repeat(b'a')).take(len).collect()
}

fn check_completed(role: Role, open: Option<u8>, first: u8, second: u8) {
    let code = first & 0x0f;
    let payload = payload(code, second & 0x7f);
    let wire = frame(role, first, &payload);
    assert_eq!(wire[..2], [first, second]);
    assert_eq!(wire.len(), header(role, first, payload.len() as u64).len() + payload.len());

    let mut codec = opened(FrameCodec::new(role), role, open);
    let decoded = codec.decode(&mut BytesMut::from(&wire[..])).expect("valid");
    let expected = Frame::new(opcode(first), payload.clone());
    let expected = if first & FIN == 0 { expected.not_final() } else { expected };
    assert_eq!(decoded, Some(expected), "{first:02x} {second:02x}, {role:?}, open {open:?}");

    let mut codec = opened(MessageCodec::new(role), role, open);
    let decoded = codec.decode(&mut BytesMut::from(&wire[..])).expect("valid");
    let ends = first & FIN != 0;
    assert_eq!(decoded.is_some(), ends, "{first:02x} {second:02x}, {role:?}, open {open:?}");
    if let Some(message) = decoded {
        let begun = if code == CONTINUATION { "begun".len() } else { 0 };
        assert_eq!(message.len(), begun + payload.len());
    }
}

#[test]
fn section_5_2_every_pair_that_breaks_no_rule_completes_to_a_frame() {
    let mut completed = 0;
    for role in codec::ROLES {
        for open in OPEN {
            for first in 0..=0xff {
                for second in 0..=0xff {
                    if oracle(role, open, first, second).is_none() {
                        check_completed(role, open, first, second);
                        completed += 1;
                    }
                }
            }
        }
    }
    // Each role and state allows FIN or not on two data opcodes or on a continuation, with any length,
    // and three control opcodes with 126 lengths, less a Close of one byte.
    assert_eq!(completed, 2 * ((4 + 2 + 2) * 128 + 3 * (3 * 126 - 1)));
}
