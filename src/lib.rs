//! WIP

pub mod handshake;
mod frame;
mod message;
mod vocabulary;

pub use frame::{Delivery, Frame, FrameCodec, FrameEvent, FrameHeader, FrameReader};
pub use handshake::{Answer, HandshakeCodec, Offer, Request};
pub use message::{Message, MessageCodec};
pub use vocabulary::*;
