//! Frames and masking.

use std::hint::black_box;

use bowline::{Frame, FrameCodec, MaskingKey, OpCode, Role};
use bytes::{Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use super::{
    Case, Part,
    corpus::{Content, peer_of, role_name, wire},
    operations_on, size,
};

const SIZES: [usize; 4] = [20, 1 << 10, 64 << 10, 1 << 20];
/// A header of at most 14 bytes goes with each payload.
const MAX_HEADER: usize = 14;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for role in [Role::Server, Role::Client] {
        for content in [Content::Ascii, Content::Mixed, Content::Binary] {
            cases.extend(SIZES.map(|bytes| decode(role, content, bytes)));
        }
    }
    for role in [Role::Server, Role::Client] {
        cases.extend(SIZES.map(|bytes| encode(role, bytes)));
    }
    cases.extend(SIZES.map(mask));
    cases
}

fn decode(role: Role, content: Content, bytes: usize) -> Case {
    let name = format!("frame/decode/{}/{}/{}", role_name(role), content.name(), size(bytes));
    let operations = operations_on(bytes);
    Case::new(name, operations, move || Decode {
        codec: FrameCodec::new(role),
        wire: wire(peer_of(role), &content.message(bytes), operations),
        buffer: BytesMut::new(),
        operations,
        bytes,
    })
    .with_bytes(bytes)
}

struct Decode {
    codec: FrameCodec,
    wire: Bytes,
    buffer: BytesMut,
    operations: usize,
    bytes: usize,
}

impl Part for Decode {
    fn prepare(&mut self) {
        self.buffer = BytesMut::from(&self.wire[..]);
    }

    fn run(&mut self) {
        for _ in 0..self.operations {
            let frame = self.codec.decode(&mut self.buffer).expect("valid").expect("whole");
            assert_eq!(black_box(frame).payload().len(), self.bytes);
        }
    }
}

fn encode(role: Role, bytes: usize) -> Case {
    let name = format!("frame/encode/{}/{}", role_name(role), size(bytes));
    let operations = operations_on(bytes);
    Case::new(name, operations, move || Encode {
        codec: FrameCodec::new(role),
        frame: Frame::new(OpCode::BINARY, Content::Binary.message(bytes).into_bytes()),
        buffer: BytesMut::with_capacity((bytes + MAX_HEADER) * operations),
        operations,
    })
    .with_bytes(bytes)
}

struct Encode {
    codec: FrameCodec,
    frame: Frame,
    buffer: BytesMut,
    operations: usize,
}

impl Part for Encode {
    fn prepare(&mut self) {
        self.buffer.clear();
    }

    fn run(&mut self) {
        for _ in 0..self.operations {
            self.codec.encode(self.frame.clone(), &mut self.buffer).expect("may be sent");
        }
        assert!(self.buffer.len() > self.frame.payload().len() * self.operations);
    }
}

fn mask(bytes: usize) -> Case {
    let operations = operations_on(bytes);
    Case::new(format!("mask/{}", size(bytes)), operations, move || Mask {
        payload: Content::Binary.message(bytes).into_bytes().to_vec(),
        operations,
    })
    .with_bytes(bytes)
}

struct Mask {
    payload: Vec<u8>,
    operations: usize,
}

impl Part for Mask {
    fn prepare(&mut self) {}

    fn run(&mut self) {
        for _ in 0..self.operations {
            MaskingKey::new([0x37, 0xfa, 0x21, 0x3d]).apply(black_box(&mut self.payload));
        }
    }
}
