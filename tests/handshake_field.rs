//! What browsers have sent, byte for byte: see `tests/vectors/`.

#[path = "support/codec.rs"]
mod codec;
#[path = "support/heads.rs"]
mod heads;

use bowline::{FrameCodec, HandshakeCodec, Message, MessageCodec, Request, Role};
use bytes::BytesMut;
use codec::decode;
use heads::{Head, offered, serve};
use tokio_util::codec::{Decoder, Encoder};

const REQUEST: &[u8] = include_bytes!("vectors/chrome_63_request.http");
const RESPONSE: &[u8] = include_bytes!("vectors/chrome_63_response.http");
const HELLO_WORLD: &[u8] = include_bytes!("vectors/chrome_63_hello_world.frame");

#[test]
fn section_4_2_1_chrome_63_asks() {
    let outcome = serve(REQUEST);
    let [Head::WebSocket { line, headers, terms }] = &outcome.items[..] else {
        panic!("{outcome:?}")
    };
    assert_eq!((&line[..], headers.len()), ("GET / HTTP/1.1", 13));
    assert_eq!(terms[..], ["permessage-deflate; client_max_window_bits"]);
    let (_, offer) = offered(REQUEST);
    assert_eq!(offer.origin(), Some("http://127.0.0.1:9915"));
    assert_eq!(offer.cookies().map(|(name, _)| name).collect::<Vec<_>>(), ["csrftoken"]);
    assert_eq!(offer.requested_protocols().count(), 0);
    assert_eq!(offer.request().headers()["host"], "127.0.0.1:9913");
}

#[test]
fn section_4_2_2_chrome_63_is_answered_with_one_empty_line() {
    let (mut codec, offer) = offered(REQUEST);
    let mut wire = BytesMut::new();
    codec.encode(offer.accept(), &mut wire).unwrap();
    assert_eq!(wire, RESPONSE);
    let end = wire.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    assert_eq!(end, Some(wire.len() - 4), "an empty line more would be taken for a frame");
}

#[test]
fn section_5_3_chrome_63_says_hello() {
    let decoded = decode(Role::Server, HELLO_WORLD);
    assert_eq!(
        (decoded.failure, &decoded.messages[..]),
        (None, &[Message::text("Hello world")][..])
    );
}

#[test]
fn section_4_2_2_chrome_63_from_the_request_to_the_frame_in_one_buffer() {
    for split in 0..=REQUEST.len() + HELLO_WORLD.len() {
        let wire = [REQUEST, HELLO_WORLD].concat();
        let (first, second) = wire.split_at(split);
        let mut buffer = BytesMut::from(first);
        let mut http = HandshakeCodec::server();
        let mut request = http.decode(&mut buffer).unwrap();
        buffer.extend_from_slice(second);
        if request.is_none() {
            request = http.decode(&mut buffer).unwrap();
        }
        let Some(Request::WebSocket(offer)) = request else { panic!("{request:?}") };
        let mut answer = BytesMut::new();
        http.encode(offer.accept(), &mut answer).unwrap();
        assert_eq!(answer, RESPONSE);
        let mut messages = MessageCodec::from(FrameCodec::from(http));
        let message = messages.decode(&mut buffer).unwrap();
        assert_eq!(message, Some(Message::text("Hello world")), "split at {split}");
    }
}
