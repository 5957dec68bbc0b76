//! The end of the stream in each state, told apart (RFC 6455 section 7.1.5).

#[path = "support/codec.rs"]
mod codec;
#[path = "support/heads.rs"]
mod heads;

use bowline::{EndOfStream, Error, FrameCodec, HandshakeCodec, HandshakeError, Role};
use bytes::BytesMut;
use codec::{
    BINARY, CLOSE, CONTINUATION, FIN, Failure, PING, ROLES, TEXT, decode, frame, frames, header,
};
use heads::{REQUEST, RESPONSE, answered, head, serve};
use tokio_util::codec::Decoder;

/// What stands for the end of the stream that nobody need be told of.
const CLEAN: Option<EndOfStream> = None;

fn end(place: Option<EndOfStream>) -> Option<Failure> {
    place.map(Failure::End)
}

#[test]
fn section_7_1_5_in_each_state_between_and_inside_frames() {
    use EndOfStream::{BetweenFrames, InsideHeader, InsideMessage, InsidePayload};
    let half = |wire: Vec<u8>| wire[..wire.len() / 2].to_vec();
    for role in ROLES {
        let text = frame(role, FIN | TEXT, b"whole");
        let fragment = frame(role, TEXT, b"begun");
        let ping = frame(role, FIN | PING, b"");
        let close = frame(role, FIN | CLOSE, b"\x03\xe8");
        let table: [(&[&[u8]], Option<EndOfStream>); 20] = [
            (&[], Some(BetweenFrames)),
            (&[&text], Some(BetweenFrames)),
            (&[&ping], Some(BetweenFrames)),
            (&[&fragment, &frame(role, FIN | CONTINUATION, b"")], Some(BetweenFrames)),
            (&[b"\x82"], Some(InsideHeader)),
            (&[&half(header(role, FIN | BINARY, 300))], Some(InsideHeader)),
            (&[&text, b"\x82"], Some(InsideHeader)),
            (&[&fragment, b"\x80"], Some(InsideHeader)),
            (&[&header(role, FIN | BINARY, 1)], Some(InsidePayload)),
            (&[&header(role, FIN | BINARY, 1 << 20), b"begun"], Some(InsidePayload)),
            (&[&header(role, FIN | TEXT, 2), b"x"], Some(InsidePayload)),
            (&[&header(role, FIN | PING, 2), b"x"], Some(InsidePayload)),
            (&[&header(role, FIN | CLOSE, 2), b"\x03"], Some(InsidePayload)),
            (&[&fragment, &header(role, CONTINUATION, 9), b"x"], Some(InsidePayload)),
            (&[&fragment], Some(InsideMessage)),
            (&[&fragment, &frame(role, CONTINUATION, b"")], Some(InsideMessage)),
            (&[&fragment, &ping], Some(InsideMessage)),
            (&[&close], CLEAN),
            (&[&fragment, &close], CLEAN),
            (&[&close, b"\x82"], CLEAN),
        ];
        for (pieces, place) in table {
            let decoded = decode(role, &pieces.concat());
            assert_eq!((decoded.failure, decoded.end), (None, end(place)), "{pieces:x?}");
        }
    }
}

#[test]
fn section_7_1_5_at_every_byte() {
    let table: [(u8, &[u8]); 6] = [
        (FIN | TEXT, b"whole"),
        (TEXT, b"be"),
        (FIN | PING, b"p"),
        (CONTINUATION, &[b'x'; 130]),
        (FIN | CONTINUATION, b""),
        (FIN | CLOSE, b"\x03\xe8"),
    ];
    for role in ROLES {
        let wire = frames(role, &table);
        let mut start = 0;
        let mut is_open = false;
        for (first, payload) in table {
            let payload_start = start + header(role, first, payload.len() as u64).len();
            for cut in start..payload_start + payload.len() {
                let place = match cut {
                    _ if cut == start && is_open => EndOfStream::InsideMessage,
                    _ if cut == start => EndOfStream::BetweenFrames,
                    _ if cut < payload_start => EndOfStream::InsideHeader,
                    _ => EndOfStream::InsidePayload,
                };
                let decoded = decode(role, &wire[..cut]);
                assert_eq!(decoded.end, end(Some(place)), "{role:?}: cut at {cut}");
            }
            start = payload_start + payload.len();
            is_open = if first & 8 == 0 { first & FIN == 0 } else { is_open };
        }
        assert_eq!(decode(role, &wire).end, end(CLEAN));
    }
}

#[test]
fn section_7_1_5_after_an_error_the_end_is_not_another() {
    for role in ROLES {
        for wire in [&b"\x83"[..], b"\x83\0", b"\xff\xff\xff\xff", &frame(role, 0x81, b"\xff")] {
            let decoded = decode(role, wire);
            if decoded.failure.is_some() {
                assert_eq!(decoded.end, None, "{wire:x?}");
            }
        }
    }
}

#[test]
fn section_7_1_5_the_end_is_told_once() {
    for role in ROLES {
        let mut codec = FrameCodec::new(role);
        let mut buffer = BytesMut::new();
        let error = codec.decode_eof(&mut buffer).expect_err("no Close came");
        assert!(matches!(error, Error::AbnormalClosure(EndOfStream::BetweenFrames)));
        assert!(error.is_disconnect());
        assert_eq!(error.close_code(), None);
        assert!(matches!(codec.decode_eof(&mut buffer), Ok(None)));
        buffer.extend_from_slice(&frame(role, FIN | TEXT, b"risen"));
        assert!(matches!(codec.decode(&mut buffer), Ok(None)));
    }
}

fn handshake_end(place: EndOfStream) -> Option<Failure> {
    Some(Failure::Handshake(format!("EndOfStream({place:?})")))
}

#[test]
fn section_4_2_before_and_inside_and_after_a_request() {
    let wire = head(&REQUEST);
    assert_eq!(serve(b"").end, handshake_end(EndOfStream::BeforeHead));
    assert_eq!(serve(b"\r\n").end, handshake_end(EndOfStream::BeforeHead));
    for cut in 1..wire.len() {
        let outcome = serve(&wire[..cut]);
        assert_eq!(outcome.end, handshake_end(EndOfStream::InsideHead), "cut at {cut}");
        assert_eq!((outcome.items, outcome.failure), (vec![], None));
    }
    let outcome = serve(&wire);
    assert_eq!((outcome.items.len(), outcome.end), (1, None));
}

#[test]
fn section_4_1_before_and_inside_and_after_a_response() {
    let wire = head(&RESPONSE);
    assert_eq!(answered(&[], b"").end, handshake_end(EndOfStream::BeforeHead));
    let early = b"HTTP/1.1 100 Continue\r\n\r\n";
    assert_eq!(answered(&[], early).end, handshake_end(EndOfStream::BeforeHead));
    for cut in 1..wire.len() {
        let outcome = answered(&[], &wire[..cut]);
        assert_eq!(outcome.end, handshake_end(EndOfStream::InsideHead), "cut at {cut}");
        let outcome = answered(&[], &[early, &wire[..cut]].concat());
        assert_eq!(outcome.end, handshake_end(EndOfStream::InsideHead), "cut at {cut}");
    }
    let outcome = answered(&[], &wire);
    assert_eq!((outcome.items.len(), outcome.end), (1, None));
}

#[test]
fn section_4_1_inside_a_refusals_body() {
    for header in ["Content-Length: 9", "Transfer-Encoding: chunked", "X: until the end"] {
        let wire = [&head(&["HTTP/1.1 400 Bad", header])[..], b"3"].concat();
        let outcome = answered(&[], &wire);
        let Some(Failure::Handshake(refused)) = outcome.end else { panic!("{outcome:?}") };
        assert!(refused.starts_with("Refused("), "{refused}");
    }
}

#[test]
fn section_4_an_end_inside_the_handshake_is_a_disconnect() {
    for codec_end in [
        HandshakeCodec::server().decode_eof(&mut BytesMut::new()).map(|_| ()),
        HandshakeCodec::client().decode_eof(&mut BytesMut::new()).map(|_| ()),
        FrameCodec::new(Role::Server).decode_eof(&mut BytesMut::new()).map(|_| ()),
    ] {
        assert!(codec_end.expect_err("an end too early").is_disconnect());
    }
    assert!(!HandshakeError::InvalidKey.is_disconnect());
}
