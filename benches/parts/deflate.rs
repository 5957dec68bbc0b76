//! permessage-deflate: JSON of 1 KiB a message, level 6, windows of 32 KiB, from a server to a client.

use std::hint::black_box;

use bowline::{ContextTakeover, Deflate, Message, MessageCodec};
use bytes::{Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use super::{Case, Part, corpus::json, handshake::agreed};

const MESSAGE: usize = 1 << 10;
/// Different ones, so that context finds what resembles, and not the whole message.
const MESSAGES: usize = 32;

pub(super) fn cases() -> Vec<Case> {
    [ContextTakeover::Dropped, ContextTakeover::Kept]
        .into_iter()
        .flat_map(|context| {
            let kept = match context {
                ContextTakeover::Dropped => "dropped",
                ContextTakeover::Kept => "kept",
            };
            let deflate = format!("deflate/compress/context-{kept}/1KiB");
            let inflate = format!("deflate/inflate/context-{kept}/1KiB");
            [
                Case::new(deflate, MESSAGES, move || Compress(Line::new(context))),
                Case::new(inflate, MESSAGES, move || Inflate(Line::new(context))),
            ]
        })
        .map(|case| case.with_bytes(MESSAGE))
        .collect()
}

/// Two ends, and what is between them.
struct Line {
    sender: MessageCodec,
    receiver: MessageCodec,
    messages: Vec<Message>,
    wire: BytesMut,
}

impl Line {
    fn new(context: ContextTakeover) -> Self {
        let deflate = Deflate::new().with_server_context_takeover(context);
        let (receiver, sender) = agreed(deflate);
        let all = Bytes::from(json(MESSAGE * MESSAGES));
        let message = |index| Message::binary(all.slice(MESSAGE * index..MESSAGE * (index + 1)));
        Self {
            sender,
            receiver,
            messages: (0..MESSAGES).map(message).collect(),
            wire: BytesMut::new(),
        }
    }

    fn clear(&mut self) {
        self.wire = BytesMut::with_capacity(MESSAGE * MESSAGES);
    }

    fn compress(&mut self) {
        for message in &self.messages {
            self.sender.encode(message.clone(), &mut self.wire).expect("may be sent");
        }
        let compressed = self.wire.len();
        assert!(compressed < MESSAGE * MESSAGES / 2, "{compressed} bytes of {MESSAGES} messages");
    }
}

struct Compress(Line);

impl Part for Compress {
    fn prepare(&mut self) {
        self.0.clear();
    }

    fn run(&mut self) {
        self.0.compress();
    }
}

struct Inflate(Line);

impl Part for Inflate {
    fn prepare(&mut self) {
        self.0.clear();
        self.0.compress();
    }

    fn run(&mut self) {
        for expected in &self.0.messages {
            let message = self.0.receiver.decode(&mut self.0.wire).expect("valid").expect("whole");
            assert_eq!(black_box(message).len(), expected.len());
        }
    }
}
