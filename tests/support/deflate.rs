//! Codecs that have agreed on permessage-deflate (RFC 7692) by a handshake in memory, and messages
//! compressed and inflated by another implementation than the crate's.
#![allow(dead_code, reason = "each test binary uses its own part")]

use bowline::{
    ContextTakeover, Deflate, Error, FrameCodec, FrameHeader, HandshakeCodec, MaskingKey, Message,
    MessageCodec, Request,
};
use bytes::BytesMut;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use tokio_util::codec::{Decoder, Encoder};

/// The bit of a frame's first byte that says: this message is compressed (section 6).
pub(crate) const RSV1: u8 = 0x40;

/// What a flush ends with, and a payload leaves out (section 7.2.1).
pub(crate) const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// Both ends behind a handshake, and what they said in it.
pub(crate) struct Agreed {
    pub(crate) server: FrameCodec,
    pub(crate) client: FrameCodec,
    /// The values of `Sec-WebSocket-Extensions` that went to the server, joined by commas.
    pub(crate) offer: String,
    /// Those that came back; empty where it declined.
    pub(crate) response: String,
}

/// Lets a client and a server shake hands in memory.
#[track_caller]
pub(crate) fn handshake(
    server: impl Into<Option<Deflate>>,
    client: impl Into<Option<Deflate>>,
) -> Agreed {
    let mut far = HandshakeCodec::client();
    if let Some(client) = client.into() {
        far = far.with_deflate(client);
    }
    let mut near = HandshakeCodec::server();
    let mut wire = BytesMut::new();
    let request = http::Request::get("ws://server.example.com/chat").body(()).expect("a request");
    far.encode(request, &mut wire).expect("encodable");
    let offer = extensions_in(&wire);
    let mut asked = match near.decode(&mut wire) {
        Ok(Some(Request::WebSocket(offer))) => offer,
        other => panic!("{other:?}"),
    };
    if let Some(server) = server.into() {
        asked = asked.deflate(server);
    }
    near.encode(asked.accept(), &mut wire).expect("encodable");
    let response = extensions_in(&wire);
    far.decode(&mut wire).expect("acceptable").expect("a whole response");
    Agreed { server: near.into(), client: far.into(), offer, response }
}

/// The values of `Sec-WebSocket-Extensions` in a head, joined by commas.
pub(crate) fn extensions_in(head: &[u8]) -> String {
    let text = std::str::from_utf8(head).expect("text");
    let values = text.split("\r\n").filter_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("sec-websocket-extensions").then_some(value)
    });
    values.collect::<Vec<_>>().join(", ")
}

/// The server's and the client's frame codec, agreed on compression. They can be cloned.
#[track_caller]
pub(crate) fn frame_codecs(server: Deflate, client: Deflate) -> (FrameCodec, FrameCodec) {
    let agreed = handshake(server, client);
    assert!(agreed.response.starts_with("permessage-deflate"), "declined: {}", agreed.offer);
    (agreed.server, agreed.client)
}

/// The server's and the client's codec, agreed on compression.
#[track_caller]
pub(crate) fn codecs(server: Deflate, client: Deflate) -> (MessageCodec, MessageCodec) {
    let (server, client) = frame_codecs(server, client);
    (server.into(), client.into())
}

/// The server's and the client's frame codec, agreed on just these parameters, as `server_max_window_bits=10`
/// or `client_no_context_takeover; client_max_window_bits=9`; none is full context both ways.
#[track_caller]
pub(crate) fn agreeing_on(parameters: &str) -> (FrameCodec, FrameCodec) {
    let agreed = handshake(full_context(), configured(full_context(), parameters));
    let mut expected: Vec<_> = [NAME].into_iter().chain(split(parameters)).collect();
    let mut response: Vec<_> = agreed.response.split("; ").collect();
    expected.sort_unstable();
    response.sort_unstable();
    assert_eq!(response, expected);
    (agreed.server, agreed.client)
}

const NAME: &str = "permessage-deflate";

/// Windows of 32 KiB, and context kept both ways; every message is compressed.
pub(crate) fn full_context() -> Deflate {
    Deflate::new()
        .with_server_context_takeover(ContextTakeover::Kept)
        .with_client_context_takeover(ContextTakeover::Kept)
        .with_threshold(0)
}

/// The configuration that wishes for these parameters too.
#[track_caller]
pub(crate) fn configured(deflate: Deflate, parameters: &str) -> Deflate {
    split(parameters).fold(deflate, |deflate, parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let bits = || value.parse().expect("window bits");
        match name {
            "server_no_context_takeover" => {
                deflate.with_server_context_takeover(ContextTakeover::Dropped)
            }
            "client_no_context_takeover" => {
                deflate.with_client_context_takeover(ContextTakeover::Dropped)
            }
            "server_max_window_bits" => deflate.with_server_max_window_bits(bits()),
            "client_max_window_bits" => deflate.with_client_max_window_bits(bits()),
            other => panic!("no parameter: {other}"),
        }
    })
}

fn split(parameters: &str) -> impl Iterator<Item = &str> {
    parameters.split("; ").filter(|parameter| !parameter.is_empty())
}

/// The bytes of one message.
#[track_caller]
pub(crate) fn encoded(codec: &mut MessageCodec, message: impl Into<Message>) -> Vec<u8> {
    let mut wire = BytesMut::new();
    codec.encode(message.into(), &mut wire).expect("encodable");
    wire.to_vec()
}

/// All messages in these bytes.
pub(crate) fn decoded(codec: &mut MessageCodec, wire: &[u8]) -> Result<Vec<Message>, Error> {
    let mut buffer = BytesMut::from(wire);
    std::iter::from_fn(|| codec.decode(&mut buffer).transpose()).collect()
}

/// Compresses one message after another, with the context of those before, as a peer does.
pub(crate) struct Deflater(Compress);

impl Deflater {
    pub(crate) fn new() -> Self {
        Self(Compress::new(Compression::default(), false))
    }

    /// The payload of a compressed message (section 7.2.1).
    pub(crate) fn payload(&mut self, message: &[u8]) -> Vec<u8> {
        let mut payload = self.flushed(message);
        if message.is_empty() {
            // Nothing to flush: "0x00" (section 7.2.3.6).
            return vec![0x00];
        }
        payload.truncate(payload.len() - TAIL.len());
        payload
    }

    /// The message, and behind it an empty stored block.
    pub(crate) fn flushed(&mut self, message: &[u8]) -> Vec<u8> {
        self.run(message, FlushCompress::Sync)
    }

    /// The message in a stream that ends: BFINAL is set on its last block.
    pub(crate) fn ended(message: &[u8]) -> Vec<u8> {
        Self::new().run(message, FlushCompress::Finish)
    }

    fn run(&mut self, message: &[u8], flush: FlushCompress) -> Vec<u8> {
        let mut output = Vec::new();
        let start = self.0.total_in();
        loop {
            output.reserve(64 << 10);
            let rest = &message[(self.0.total_in() - start) as usize..];
            self.0.compress_vec(rest, &mut output, flush).expect("compressible");
            if output.len() < output.capacity() {
                return output;
            }
        }
    }
}

/// The payload of a message compressed for itself.
pub(crate) fn deflated(message: impl AsRef<[u8]>) -> Vec<u8> {
    Deflater::new().payload(message.as_ref())
}

/// Inflates one message after another, with the context of those before, as a peer does.
pub(crate) struct Inflater(Decompress);

impl Inflater {
    pub(crate) fn new() -> Self {
        Self(Decompress::new(false))
    }

    /// The message of a compressed payload (section 7.2.2).
    #[track_caller]
    pub(crate) fn message(&mut self, payload: &[u8]) -> Vec<u8> {
        let input = [payload, &TAIL].concat();
        let (mut rest, mut output) = (&input[..], Vec::new());
        loop {
            output.reserve(64 << 10);
            let (len, start) = (output.len(), self.0.total_in());
            let status = self.0.decompress_vec(rest, &mut output, FlushDecompress::Sync);
            assert_ne!(status.expect("DEFLATE data"), Status::StreamEnd, "BFINAL");
            rest = &rest[(self.0.total_in() - start) as usize..];
            if output.len() == len && self.0.total_in() == start {
                assert!(rest.is_empty(), "{} bytes left over", rest.len());
                return output;
            }
        }
    }
}

/// The message of a payload compressed for itself.
#[track_caller]
pub(crate) fn inflated(payload: &[u8]) -> Vec<u8> {
    Inflater::new().message(payload)
}

/// Bytes that no compressor makes smaller; the same for the same seed.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    // xorshift64*
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let words = std::iter::repeat_with(|| {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_be_bytes()
    });
    words.flatten().take(len).collect()
}

/// The frames of bytes that an end has sent, unmasked: the first byte and the payload of each.
#[track_caller]
pub(crate) fn sent_frames(mut wire: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let Some(first) = wire.first() {
        let (header, len) = FrameHeader::parse(wire).expect("a whole header");
        let (payload, rest) = wire[len..].split_at(header.payload_len() as usize);
        let key = header.masking_key().map_or([0; 4], MaskingKey::bytes);
        let unmasked = payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
        frames.push((*first, unmasked.collect()));
        wire = rest;
    }
    frames
}
