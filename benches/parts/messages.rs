//! Messages in fragments.

use std::hint::black_box;

use bowline::{Message, MessageCodec, Role};
use bytes::{Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use super::{Case, Part, corpus::Content, operations_on};

const MESSAGE: usize = 16 << 10;
const FRAGMENT: usize = 1 << 10;

pub(super) fn cases() -> Vec<Case> {
    let operations = operations_on(MESSAGE);
    let case = Case::new("message/decode/server/mixed/16KiB-in-16", operations, move || {
        let message = Content::Mixed.message(MESSAGE);
        Fragments { wire: fragments(&message, operations), buffer: BytesMut::new(), operations }
    });
    vec![case.with_bytes(MESSAGE)]
}

/// So many times this message, in fragments of a client.
fn fragments(message: &Message, times: usize) -> Bytes {
    let mut codec = MessageCodec::new(Role::Client).with_outgoing_frame_size(Some(FRAGMENT));
    let mut wire = BytesMut::new();
    for _ in 0..times {
        codec.encode(message.clone(), &mut wire).expect("may be sent");
    }
    wire.freeze()
}

struct Fragments {
    wire: Bytes,
    buffer: BytesMut,
    operations: usize,
}

impl Part for Fragments {
    fn prepare(&mut self) {
        self.buffer = BytesMut::from(&self.wire[..]);
    }

    fn run(&mut self) {
        let mut codec = MessageCodec::new(Role::Server);
        for _ in 0..self.operations {
            let message = codec.decode(&mut self.buffer).expect("valid").expect("whole");
            assert_eq!(black_box(message).len(), MESSAGE);
        }
    }
}
