use crate::{
    frame::FrameCodec,
    message::MessageCodec,
    vocabulary::{Agreement, Extension, Role, Transport},
};

/// What both ends have agreed on, where somebody else has spoken the HTTP: a framework, or an HTTP/2 connection.
///
/// [`Offer::agree`](super::Offer::agree) makes a server's, [`Proposal::judge`](super::Proposal::judge) a client's.
/// [`WebSocket::agreed`](crate::WebSocket::agreed) goes on from it, as do the codecs.
#[derive(Debug)]
pub struct Agreed {
    role: Role,
    agreement: Agreement,
    transport: Transport,
}

impl Agreed {
    pub(super) fn new(role: Role, agreement: Agreement, transport: Transport) -> Self {
        Self { role, agreement, transport }
    }

    /// What the connection runs on.
    pub(crate) fn transport(&self) -> Transport {
        self.transport
    }

    /// Which end this is.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The subprotocol, if one was chosen.
    pub fn subprotocol(&self) -> Option<&str> {
        Agreement::subprotocol_of(Some(&self.agreement))
    }

    /// The extensions.
    pub fn extensions(&self) -> &[Extension] {
        Agreement::extensions_of(Some(&self.agreement))
    }
}

impl From<Agreed> for FrameCodec {
    /// The frame codec of this end.
    fn from(agreed: Agreed) -> Self {
        Self::new(agreed.role).with_agreement(agreed.agreement.boxed())
    }
}

impl From<Agreed> for MessageCodec {
    /// The message codec of this end.
    fn from(agreed: Agreed) -> Self {
        FrameCodec::from(agreed).into()
    }
}
