//! Compressed messages (RFC 7692 sections 6 and 7.2) in both directions and both roles, against another
//! implementation of DEFLATE and against data written bit by bit.

#[path = "support/deflate/bits.rs"]
mod bits;
#[path = "support/codec.rs"]
mod codec;
#[path = "support/deflate.rs"]
mod deflate;

#[path = "deflate_messages/blocks.rs"]
mod blocks;
#[path = "deflate_messages/contexts.rs"]
mod contexts;
#[path = "deflate_messages/encoding.rs"]
mod encoding;
#[path = "deflate_messages/examples.rs"]
mod examples;
#[path = "deflate_messages/frames.rs"]
mod frames;
#[path = "deflate_messages/naive.rs"]
mod naive;
#[path = "deflate_messages/refusals.rs"]
mod refusals;
#[path = "deflate_messages/text.rs"]
mod text;
#[path = "deflate_messages/windows.rs"]
mod windows;

use bowline::{FrameCodec, Message, MessageCodec, ProtocolError, Role};
use codec::{CONTINUATION, FIN, Failure, Outcome, TEXT, every_way, frame};
use deflate::{RSV1, agreeing_on};

/// A compressed message in one frame; its first frame of more; its last.
const WHOLE: u8 = FIN | RSV1 | TEXT;
const FIRST: u8 = RSV1 | TEXT;
const LAST: u8 = FIN | CONTINUATION;

const BAD_DATA: Option<Failure> = Some(Failure::Protocol(ProtocolError::InvalidDeflate));

/// The end of this role, agreed on these parameters.
#[track_caller]
fn end(role: Role, parameters: &str) -> FrameCodec {
    let (server, client) = agreeing_on(parameters);
    match role {
        Role::Server => server,
        Role::Client => client,
    }
}

/// How the peer of this role says that it keeps no context.
fn peer_drops(role: Role) -> &'static str {
    match role {
        Role::Server => "client_no_context_takeover",
        Role::Client => "server_no_context_takeover",
    }
}

/// How the peer of this role says how large its window is.
fn peer_window(role: Role, bits: u8) -> String {
    match role {
        Role::Server => format!("client_max_window_bits={bits}"),
        Role::Client => format!("server_max_window_bits={bits}"),
    }
}

/// What an end of this role makes of the bytes, in every way that they could arrive.
#[track_caller]
fn received(role: Role, parameters: &str, wire: &[u8]) -> Outcome<Message> {
    let codec = end(role, parameters);
    every_way(|| MessageCodec::from(codec.clone()), wire)
}

/// What it makes of compressed text messages of these payloads, each in one frame.
#[track_caller]
fn inflated(role: Role, parameters: &str, payloads: &[&[u8]]) -> Outcome<Message> {
    let wire: Vec<_> = payloads.iter().flat_map(|payload| frame(role, WHOLE, payload)).collect();
    received(role, parameters, &wire)
}

/// The items, where nothing has failed.
#[track_caller]
fn items(outcome: Outcome<Message>) -> Vec<Message> {
    assert_eq!(outcome.failure, None, "after {:?}", outcome.items.len());
    outcome.items
}

fn texts(texts: &[&str]) -> Vec<Message> {
    texts.iter().map(|text| Message::text(*text)).collect()
}
