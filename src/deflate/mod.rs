//! permessage-deflate (RFC 7692): what is agreed on, and messages made smaller and larger again.
//!
//! ```text
//! Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits      offer      -+
//! Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover  response   -+-> terms
//!
//! message --deflate--> ... 00 | 00 00 ff ff     the last four bytes are always these, and stay away
//!                      \__ __/
//!                         v
//!              payload of one frame or more, RSV1 set on the first
//! ```
//!
//! Decompressors, and compressors where no context is kept, are borrowed from the thread for the length of
//! one message.

mod compressor;
mod incoming;
mod inflater;
mod negotiation;
mod outgoing;
mod parameters;
mod pool;
mod shared;
mod space;

pub(crate) use incoming::Incoming;
pub(crate) use negotiation::{answer, judge, offer};
pub(crate) use outgoing::Outgoing;
pub(crate) use shared::Shared;

use crate::vocabulary::{DeflateTerms, Role};

/// How a codec holds one direction: most connections have none.
pub(crate) type Held<T> = Box<T>;

/// The extension's name (section 7).
pub(crate) const NAME: &str = "permessage-deflate";

/// Both directions of this end's connection.
pub(crate) fn directions(role: Role, terms: DeflateTerms) -> (Held<Incoming>, Held<Outgoing>) {
    let (own, peer) = match role {
        Role::Server => (terms.server, terms.client),
        Role::Client => (terms.client, terms.server),
    };
    (Box::new(Incoming::new(peer)), Box::new(Outgoing::new(terms.coding, own)))
}
