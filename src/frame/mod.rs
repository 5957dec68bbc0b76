//! Frames (RFC 6455 section 5): [`FrameReader`], the one parser, and [`FrameCodec`] on top of it.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-------+-+-------------+-------------------------------+
//! |F|R|R|R| opcode|M| Payload len |    Extended payload length    |
//! |I|S|S|S|  (4)  |A|     (7)     |             (16/64)           |
//! |N|V|V|V|       |S|             |   (if payload len==126/127)   |
//! | |1|2|3|       |K|             |                               |
//! +-+-+-+-+-------+-+-------------+ - - - - - - - - - - - - - - - +
//! |     Extended payload length continued, if payload len == 127  |
//! + - - - - - - - - - - - - - - - +-------------------------------+
//! |                               | Masking-key, if MASK set to 1 |
//! +-------------------------------+-------------------------------+
//! | Masking-key (continued)       |          Payload Data         |
//! +-------------------------------- - - - - - - - - - - - - - - - +
//! ```

mod codec;
mod frame_type;
mod header;
mod measure;
mod open_message;
mod plain;
mod reader;
mod rules;
mod sender;

pub use codec::FrameCodec;
pub use frame_type::Frame;
pub use header::FrameHeader;
pub(crate) use measure::Measure;
pub(crate) use reader::TextCheck;
pub use reader::{Delivery, FrameEvent, FrameReader};
pub(crate) use sender::{FrameSender, append_frame, fragments};
