use super::{Message, Prepared};
use crate::vocabulary::{Compression, MessageKind};

/// A message to be sent, in one of the ways in which it may be.
#[derive(Debug)]
pub(crate) enum Parcel {
    /// As this connection encodes it.
    Message(Message, Compression),
    /// As it was encoded for many.
    Prepared(Prepared),
}

impl Parcel {
    /// A message that stays as it is.
    #[cfg(feature = "deflate")]
    pub(crate) fn uncompressed(message: Message) -> Self {
        Self::Message(message, Compression::Never)
    }

    /// `None` for a control message.
    #[inline]
    pub(crate) fn kind(&self) -> Option<MessageKind> {
        match self {
            Self::Message(message, _) => message.kind(),
            Self::Prepared(message) => message.kind(),
        }
    }
}

impl<M: Into<Message>> From<M> for Parcel {
    #[inline]
    fn from(message: M) -> Self {
        Self::Message(message.into(), Compression::AsAgreed)
    }
}
