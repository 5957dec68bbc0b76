//! The opening handshake, at either end, up to the codec for what follows.

use std::hint::black_box;

use bowline::{
    Deflate, FrameCodec, HandshakeCodec, MessageCodec, Request,
    handshake::{Client, Key, Server},
};
use bytes::{Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use super::{Case, Part};

const OPERATIONS: usize = 32;

/// What a browser sends.
const BROWSER: &[u8] = b"GET /harbour/berths?lane=3 HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Connection: Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/140.0.0.0 Safari/537.36\r\n\
    Upgrade: websocket\r\n\
    Origin: https://www.example.com\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\
    Cookie: session=0c2cc4bb3b0a4b5c8f3a; theme=dark\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("handshake/server", OPERATIONS, || AtServer {
            requests: Vec::new(),
            response: BytesMut::new(),
        }),
        Case::new("handshake/client", OPERATIONS, AtClient::new),
    ]
}

struct AtServer {
    requests: Vec<BytesMut>,
    response: BytesMut,
}

impl Part for AtServer {
    fn prepare(&mut self) {
        self.requests = vec![BytesMut::from(BROWSER); OPERATIONS];
        self.response = BytesMut::with_capacity(OPERATIONS << 10);
    }

    fn run(&mut self) {
        for request in &mut self.requests {
            let mut codec = HandshakeCodec::server();
            answer(&mut codec, request, &mut self.response, Deflate::new());
            black_box(MessageCodec::from(FrameCodec::from(codec)));
        }
    }
}

/// Accepts the request that waits in this buffer, with compression where it is offered.
fn answer(
    codec: &mut HandshakeCodec<Server>,
    request: &mut BytesMut,
    response: &mut BytesMut,
    wish: Deflate,
) {
    let Some(Request::WebSocket(offer)) = codec.decode(request).expect("valid") else {
        panic!("a request for a WebSocket");
    };
    codec.encode(offer.deflate(wish).accept(), response).expect("may be sent");
}

struct AtClient {
    request: http::Request<()>,
    /// The server's answer to it.
    response: Bytes,
    sent: BytesMut,
    responses: Vec<BytesMut>,
}

impl AtClient {
    fn new() -> Self {
        let request = request();
        let (mut sent, mut response) = (BytesMut::new(), BytesMut::new());
        client().encode(request.clone(), &mut sent).expect("may be sent");
        answer(&mut HandshakeCodec::server(), &mut sent, &mut response, Deflate::new());
        Self { request, response: response.freeze(), sent, responses: Vec::new() }
    }
}

fn request() -> http::Request<()> {
    let uri = "ws://server.example.com/harbour/berths?lane=3";
    http::Request::get(uri).body(()).expect("a request")
}

/// The same key each time, which the same response answers.
fn client() -> HandshakeCodec<Client> {
    HandshakeCodec::client()
        .with_keys(|| Key::new(*b"the sample nonce"))
        .with_deflate(Deflate::new())
}

impl Part for AtClient {
    fn prepare(&mut self) {
        self.sent = BytesMut::with_capacity(OPERATIONS << 10);
        self.responses = vec![BytesMut::from(&self.response[..]); OPERATIONS];
    }

    fn run(&mut self) {
        for response in &mut self.responses {
            let mut codec = client();
            codec.encode(self.request.clone(), &mut self.sent).expect("may be sent");
            codec.decode(response).expect("valid").expect("whole");
            black_box(MessageCodec::from(FrameCodec::from(codec)));
        }
    }
}

/// Both ends of a handshake that agrees on compression, the client's first.
pub(super) fn agreed(wish: Deflate) -> (MessageCodec, MessageCodec) {
    let mut client = HandshakeCodec::client().with_deflate(wish);
    let mut server = HandshakeCodec::server();
    let (mut sent, mut response) = (BytesMut::new(), BytesMut::new());
    client.encode(request(), &mut sent).expect("may be sent");
    answer(&mut server, &mut sent, &mut response, wish);
    client.decode(&mut response).expect("valid").expect("whole");
    (FrameCodec::from(client).into(), FrameCodec::from(server).into())
}
