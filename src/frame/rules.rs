//! The rules that a header alone can break (RFC 6455 sections 5.1, 5.2 and 5.5).

use super::{FrameHeader, frame_type::MAX_CONTROL_PAYLOAD};
use crate::vocabulary::{OpCode, ProtocolError, ReservedBits, Role};

/// Judges a header's first two bytes, whatever else of it has arrived.
pub(super) fn check_start(
    [first, second]: [u8; 2],
    role: Role,
    allowed: ReservedBits,
) -> Result<(), ProtocolError> {
    let opcode = OpCode::of_first_byte(first);
    if opcode.is_reserved() {
        return Err(ProtocolError::ReservedOpCode(opcode));
    }
    // RSV1 "on the first fragment of a message" alone (RFC 7692 section 6).
    let allowed = if opcode.is_data() { allowed } else { ReservedBits::NONE };
    let reserved = ReservedBits::of_first_byte(first).without(allowed);
    if reserved != ReservedBits::NONE {
        return Err(ProtocolError::ReservedBits(reserved));
    }
    check_mask(second & 0x80 != 0, role)?;
    if opcode.is_control() { check_control(opcode, first & 0x80, second & 0x7f) } else { Ok(()) }
}

/// "a server MUST close the connection upon receiving a frame that is not masked", and a client "if it detects a masked
/// frame" (section 5.1).
fn check_mask(is_masked: bool, role: Role) -> Result<(), ProtocolError> {
    match role {
        Role::Server if !is_masked => Err(ProtocolError::UnmaskedFrame),
        Role::Client if is_masked => Err(ProtocolError::MaskedFrame),
        _ => Ok(()),
    }
}

/// "All control frames MUST have a payload length of 125 bytes or less and MUST NOT be fragmented"
/// (section 5.5).
fn check_control(opcode: OpCode, fin: u8, short_len: u8) -> Result<(), ProtocolError> {
    if fin == 0 {
        return Err(ProtocolError::FragmentedControl(opcode));
    }
    if usize::from(short_len) > MAX_CONTROL_PAYLOAD {
        return Err(ProtocolError::ControlTooLong(short_len));
    }
    // "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned integer"
    // (section 5.5.1).
    if opcode == OpCode::CLOSE && short_len == 1 {
        return Err(ProtocolError::TruncatedCloseCode);
    }
    Ok(())
}

/// "the most significant bit MUST be 0" and "the minimal number of bytes MUST be used" (section 5.2).
pub(super) fn check_length(header: &FrameHeader, encoded_len: usize) -> Result<(), ProtocolError> {
    let length = header.payload_len();
    if length >> 63 != 0 {
        return Err(ProtocolError::LengthTooLarge(length));
    }
    if encoded_len != header.encoded_len() {
        return Err(ProtocolError::LengthNotMinimal(length));
    }
    Ok(())
}
