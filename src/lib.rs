#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod client;
#[cfg(feature = "deflate")]
mod deflate;
#[cfg(not(feature = "deflate"))]
#[path = "deflate/absent.rs"]
mod deflate;
mod frame;
pub mod handshake;
#[cfg(feature = "hub")]
pub mod hub;
mod message;
pub mod server;
mod session;
mod vocabulary;
mod websocket;

pub use client::Client;
pub use frame::{Delivery, Frame, FrameCodec, FrameEvent, FrameHeader, FrameReader};
pub use handshake::{Agreed, Answer, HandshakeCodec, Offer, Proposal, Request};
pub use message::{Message, MessageCodec, Prepared};
pub use server::{Pending, Server};
pub use vocabulary::{
    CloseCode, CloseFrame, Config, ConnectError, EndOfStream, Error, Extension, HandshakeError,
    InvalidUtf8, Keepalive, LimitError, Limits, MaskingKey, MessageKind, OpCode, ProtocolError,
    RedirectError, ReservedBits, Result, Role, SocksError, SocksReply, UsageError, Utf8Bytes,
};
#[cfg(feature = "deflate")]
pub use vocabulary::{ContextTakeover, Deflate};
pub use websocket::{
    ByteStream, Drain, Drained, Hold, IncomingMessage, Loan, OutgoingMessage, Reader, Reserved,
    ReuniteError, RoundTrip, WebSocket, Writer,
};
