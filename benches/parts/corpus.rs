//! Payloads, the same in every run, and frames of them as the other end would send them.

#[path = "../../bench/src/payload.rs"]
mod payload;

use bowline::{Message, MessageCodec, Role};
use bytes::{Bytes, BytesMut};
use tokio_util::codec::Encoder;

pub(super) use payload::json;

/// One to four bytes a character, half of them ASCII.
const MIXED: &str =
    "Grüße aus Köln, κόσμε! 東京で会いましょう 🚀🌍, and a few plain words in between; ";
const ASCII: &str =
    "As plain as most of what is sent: letters, digits (0123456789) and their marks. ";

/// What a payload is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Ascii,
    Mixed,
    Binary,
}

impl Content {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ascii => "ascii",
            Self::Mixed => "mixed",
            Self::Binary => "binary",
        }
    }

    /// A message of exactly so many bytes.
    pub(super) fn message(self, size: usize) -> Message {
        match self {
            Self::Ascii => Message::text(repeated(ASCII, size)),
            Self::Mixed => Message::text(repeated(MIXED, size)),
            Self::Binary => Message::binary((0..=u8::MAX).cycle().take(size).collect::<Vec<_>>()),
        }
    }
}

fn repeated(pattern: &str, size: usize) -> String {
    let mut text = String::with_capacity(size);
    for character in pattern.chars().cycle() {
        if text.len() + character.len_utf8() > size {
            break;
        }
        text.push(character);
    }
    // Where the next character had no room.
    text.extend(std::iter::repeat_n('.', size - text.len()));
    text
}

/// So many times this message, as an end of this role sends it.
pub(super) fn wire(sender: Role, message: &Message, times: usize) -> Bytes {
    let mut codec = MessageCodec::new(sender);
    let mut wire = BytesMut::new();
    for _ in 0..times {
        codec.encode(message.clone(), &mut wire).expect("a message that may be sent");
    }
    wire.freeze()
}

pub(super) fn peer_of(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

pub(super) fn role_name(role: Role) -> &'static str {
    match role {
        Role::Client => "client",
        Role::Server => "server",
    }
}
