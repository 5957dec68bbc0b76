/// What a WebSocket runs on, as far as its end is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// A connection of its own: closed with unread input, it is reset, and what was sent may be destroyed.
    Connection,
    /// A stream of a connection that goes on, as of HTTP/2: what was sent before it is reset has been sent.
    Stream,
}
