//! What the frames add up to: messages, and what is in them.

use bowline::{CloseCode, FrameHeader, OpCode, ReservedBits};

use crate::layout::{count, hex, printable};

/// What a frame's payload is to be shown as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Binary,
    Compressed,
    Close,
}

/// The messages so far, and the one whose fragments are passing.
#[derive(Default)]
pub(crate) struct Messages {
    pub(crate) complete: usize,
    open: Option<Message>,
}

struct Message {
    opcode: OpCode,
    kind: Kind,
    fragments: usize,
    payload: Vec<u8>,
}

impl Messages {
    /// What the frame's payload is, which a continuation alone doesn't tell.
    pub(crate) fn kind(&self, header: &FrameHeader) -> Kind {
        match (header.opcode(), &self.open) {
            (OpCode::CLOSE, _) => Kind::Close,
            (OpCode::PING | OpCode::PONG, _) => Kind::Text,
            (OpCode::CONTINUATION, Some(message)) => message.kind,
            _ if header.reserved().contains(ReservedBits::RSV1) => Kind::Compressed,
            (OpCode::TEXT, _) => Kind::Text,
            _ => Kind::Binary,
        }
    }

    /// Adds a frame that keeps the rules, and says what has become of its message.
    pub(crate) fn add(&mut self, header: &FrameHeader, payload: &[u8]) -> Vec<String> {
        if header.opcode().is_control() {
            return match &self.open {
                Some(message) => vec![format!("between the fragments of {}", self.name(message))],
                None => Vec::new(),
            };
        }
        let kind = self.kind(header);
        let begun = Message { opcode: header.opcode(), kind, fragments: 0, payload: Vec::new() };
        let mut message = self.open.take().unwrap_or(begun);
        message.fragments += 1;
        message.payload.extend_from_slice(payload);

        let name = self.name(&message);
        let (fragments, len) = (message.fragments, message.payload.len());
        if !header.is_final() {
            self.open = Some(message);
            return vec![format!("fragment {fragments} of {name}, {} so far", count(len, "byte"))];
        }
        self.complete += 1;
        if fragments == 1 {
            return vec![format!("{name}, whole")];
        }
        let said = format!("fragment {fragments}, the last, of {name}: {}", count(len, "byte"));
        std::iter::once(said).chain(shown(kind, &message.payload)).collect()
    }

    /// Of the message that is open: how many fragments it has, and how many bytes.
    pub(crate) fn unfinished(&self) -> Option<String> {
        let message = self.open.as_ref()?;
        let fragments = count(message.fragments, "fragment");
        Some(format!("{}: {fragments}, and none with FIN", self.name(message)))
    }

    fn name(&self, message: &Message) -> String {
        format!("message {} ({})", self.complete + 1, message.opcode)
    }
}

/// The payload in a form to be read; `None` where hex is all there is to say.
pub(crate) fn shown(kind: Kind, payload: &[u8]) -> Option<String> {
    match (kind, payload) {
        (_, []) | (Kind::Binary, _) => None,
        (Kind::Text, _) => Some(format!("\"{}\"", printable(payload))),
        (Kind::Compressed, _) => Some("compressed (RFC 7692): not inflated here".into()),
        (Kind::Close, [high, low, reason @ ..]) => {
            let code = CloseCode::new(u16::from_be_bytes([*high, *low]));
            let reason = if reason.is_empty() {
                "no reason".to_owned()
            } else {
                format!("reason \"{}\"", printable(reason))
            };
            Some(format!("code {code}, {}; {reason}", meaning(code)))
        }
        (Kind::Close, _) => Some(hex(payload)),
    }
}

/// What a close code says (section 7.4.1, and the registry).
pub(crate) fn meaning(code: CloseCode) -> &'static str {
    code.meaning().unwrap_or(match u16::from(code) {
        3000..=3999 => "registered by a library or framework",
        4000..=4999 => "private use",
        _ => "no meaning",
    })
}
