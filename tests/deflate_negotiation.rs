//! What the opening handshake makes of permessage-deflate (RFC 7692 sections 5 and 7.1), in both roles: as
//! tables of header lines, for every pair of configurations, and through `Server` and `Client`.

#[path = "support/codec.rs"]
mod codec;
#[path = "support/deflate.rs"]
mod deflate;
#[path = "support/heads.rs"]
mod heads;
#[path = "support/io.rs"]
mod io;

#[path = "deflate_negotiation/builders.rs"]
mod builders;
#[path = "deflate_negotiation/client.rs"]
mod client;
#[path = "deflate_negotiation/pairs.rs"]
mod pairs;
#[path = "deflate_negotiation/server.rs"]
mod server;

use bowline::{ContextTakeover, Deflate, FrameCodec, MessageCodec, WebSocket};
use tokio_util::codec::Framed;

const KEPT: ContextTakeover = ContextTakeover::Kept;
const DROPPED: ContextTakeover = ContextTakeover::Dropped;

/// A server drops its context, a client leaves that to the server.
const NEW: Deflate = Deflate::new();
/// A server that keeps its context.
const KEEPING: Deflate = NEW.with_server_context_takeover(KEPT);

/// The extensions agreed on behind a handshake, joined by commas.
fn agreed(codec: FrameCodec) -> String {
    let framed = Framed::new(tokio::io::empty(), MessageCodec::from(codec));
    names(&WebSocket::from_framed(framed, io::untimed()))
}

/// The extensions of a connection, joined by commas.
fn names<T>(ws: &WebSocket<T>) -> String
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    ws.extensions().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
