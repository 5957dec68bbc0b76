//! The tests at the feet of the chat example's files: the room, what processes tell each other, and its words.
//!
//! Cargo builds an example either as a program or as its tests; the program is what other tests run.

#![allow(
    dead_code,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program without its main"
)]

#[path = "../examples/chat/broker.rs"]
mod broker;
#[path = "../examples/chat/dispatch.rs"]
mod dispatch;
#[path = "../examples/chat/federation.rs"]
mod federation;
#[path = "../examples/chat/guest.rs"]
mod guest;
#[path = "../examples/chat/line.rs"]
mod line;
#[path = "../examples/chat/options.rs"]
mod options;
#[path = "../examples/chat/page.rs"]
mod page;
#[path = "../examples/chat/protocol.rs"]
mod protocol;
#[path = "../examples/chat/room.rs"]
mod room;
#[path = "../examples/chat/routes.rs"]
mod routes;
#[path = "../examples/tls/server.rs"]
mod tls;
#[path = "../examples/chat/uplink.rs"]
mod uplink;
