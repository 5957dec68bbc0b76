//! A message of which some has come.

use bytes::{Bytes, BytesMut};

use super::Message;
use crate::vocabulary::MessageKind;

/// The message that has begun. A compressed one that is put together is in its decompressor's hands.
#[derive(Debug, Default)]
pub(super) enum Open {
    /// None, or one in a frame that stays in the buffer until it is whole.
    #[default]
    Nothing,
    /// In fragments that come one after the other; boxed, because most messages have one.
    Gathered(Box<Gathered>),
    /// Handed on as it arrives; boxed, because few are.
    Streamed(Box<Streamed>),
}

/// A message that is put together.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) kind: MessageKind,
    /// Its payload so far.
    pub(super) payload: BytesMut,
}

/// A message that is handed on as it arrives.
#[derive(Debug, Default)]
pub(super) struct Streamed {
    /// The most that it may have; `None` for anything.
    pub(super) max_size: Option<usize>,
    /// What had been put together of it when it began to be handed on.
    pub(super) gathered: Bytes,
    /// Compressed payload that has yet to be inflated.
    pub(super) compressed: Bytes,
}

/// What has been skipped of the rest of a message.
pub(super) enum Skipped {
    /// Everything.
    All,
    /// What has arrived.
    Part,
    /// Everything up to this control message.
    Up(Message),
}
