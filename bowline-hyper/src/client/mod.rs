//! WebSockets as streams of an HTTP/2 connection (RFC 8441): the client's end.

mod http2;
mod open;

pub use http2::Http2;
pub use open::connect_h2;
