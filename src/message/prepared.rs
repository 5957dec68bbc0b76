use std::{fmt, sync::Arc};

use bytes::{Bytes, BytesMut};

use super::Message;
use crate::{
    deflate::{Held, Outgoing, Shared},
    frame::{Frame, append_frame},
    vocabulary::{MessageKind, OpCode, ReservedBits, UsageError},
};

/// A message that is encoded once and sent to many.
///
/// A clone shares what was encoded. A server's connections queue it by reference: ten thousand of them hold
/// one copy. Where permessage-deflate is agreed on, the message is compressed once for each size of window in
/// use, when the first connection asks for it; a connection that keeps context begins anew behind it, as its
/// own compressor hasn't seen the message. A client's frames are masked with a key of their own, so there it
/// is sent as any message is.
///
/// ```
/// use bowline::Prepared;
///
/// # async fn tell(guests: &mut [bowline::WebSocket<tokio::net::TcpStream>]) -> Result<(), bowline::Error> {
/// let news = Prepared::new("the tide turns")?;
/// for guest in guests {
///     guest.feed_prepared(&news).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Prepared {
    inner: Arc<Inner>,
}

struct Inner {
    frame: Frame,
    /// As a server sends it.
    plain: Bytes,
    compressed: Shared,
}

/// What goes into an outbox.
#[derive(Debug)]
pub(crate) enum Encoded {
    /// A whole frame of a server, shared with others.
    Shared(Bytes),
    /// A frame to be cut and masked as any other.
    Frame(Frame),
}

impl Prepared {
    /// Encodes a message.
    ///
    /// # Errors
    ///
    /// [`UsageError`] for a Ping or Pong of more than 125 bytes, and for a Close, which is said to each
    /// connection on its own.
    pub fn new(message: impl Into<Message>) -> Result<Self, UsageError> {
        let frame = message.into().into_frame()?;
        frame.check(ReservedBits::NONE)?;
        if frame.opcode() == OpCode::CLOSE {
            return Err(UsageError::PreparedClose);
        }
        let plain = server_frame(&frame);
        // Of its own copy, so that the buffer is free which the message may be a slice of.
        let payload = plain.slice(plain.len() - frame.payload().len()..);
        let frame = Frame::new(frame.opcode(), payload);
        Ok(Self { inner: Arc::new(Inner { frame, plain, compressed: Shared::default() }) })
    }

    /// The payload's length in bytes, before it is compressed.
    pub fn len(&self) -> usize {
        self.inner.frame.payload().len()
    }

    /// Whether the payload is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether this is text or binary; `None` for a control message.
    pub fn kind(&self) -> Option<MessageKind> {
        MessageKind::of(self.inner.frame.opcode())
    }

    pub(super) fn frame(&self) -> &Frame {
        &self.inner.frame
    }

    /// The server's frame, compressed where this connection's agreement makes that worth it.
    pub(super) fn server_frame(&self, deflate: Option<&mut Held<Outgoing>>) -> Bytes {
        let Inner { frame, plain, compressed } = &*self.inner;
        let payload = match deflate {
            Some(deflate) if frame.opcode().is_data() => {
                let encode = |payload| {
                    server_frame(
                        &Frame::new(frame.opcode(), payload).with_reserved(ReservedBits::RSV1),
                    )
                };
                deflate.share(frame.payload(), compressed, encode)
            }
            _ => None,
        };
        payload.unwrap_or_else(|| plain.clone())
    }
}

fn server_frame(frame: &Frame) -> Bytes {
    let mut bytes = BytesMut::new();
    append_frame(&frame.header(None), frame.payload(), &mut bytes);
    bytes.freeze()
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let opcode = self.inner.frame.opcode();
        f.debug_struct("Prepared").field("opcode", &opcode).field("len", &self.len()).finish()
    }
}
