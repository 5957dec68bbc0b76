//! `FrameReader` event by event (RFC 6455 section 5): when headers and payloads are handed out.

#[path = "support/codec.rs"]
mod codec;

use bowline::{Delivery, Error, FrameEvent, FrameHeader, FrameReader, MaskingKey, OpCode, Role};
use bytes::BytesMut;
use codec::{BINARY, CLOSE, CONTINUATION, FIN, KEY, PING, ROLES, TEXT, frame, header, opcode};

/// A reader and its buffer, fed piece by piece.
struct Fed {
    reader: FrameReader,
    buffer: BytesMut,
    delivery: Delivery,
}

impl Fed {
    fn new(role: Role, delivery: Delivery) -> Self {
        Self { reader: FrameReader::new(role), buffer: BytesMut::new(), delivery }
    }

    /// What comes of the next bytes, one short line an event.
    #[track_caller]
    fn feed(&mut self, bytes: &[u8]) -> Vec<String> {
        self.buffer.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(event) = self.reader.read(&mut self.buffer, self.delivery).expect("valid") {
            events.push(match event {
                FrameEvent::Header(header) => format!("header {}", header.payload_len()),
                FrameEvent::Payload(bytes) => format!("payload {}", bytes.escape_ascii()),
                FrameEvent::End(header) => format!("end {}", header.payload_len()),
            });
        }
        events
    }
}

#[test]
fn section_5_2_whole_payloads_come_once_they_are_complete() {
    for role in ROLES {
        let mut fed = Fed::new(role, Delivery::Whole);
        let wire = frame(role, FIN | TEXT, b"Hello");
        let head = wire.len() - 5;
        assert_eq!(fed.feed(&wire[..1]), [""; 0]);
        assert_eq!(fed.feed(&wire[1..head]), ["header 5"]);
        assert_eq!(fed.feed(&wire[head..head + 4]), [""; 0]);
        assert_eq!(fed.feed(&wire[head + 4..]), ["payload Hello", "end 5"]);
        assert!(fed.buffer.is_empty());
    }
}

#[test]
fn section_5_2_chunks_come_as_they_arrive() {
    for role in ROLES {
        let mut fed = Fed::new(role, Delivery::Chunks);
        let wire = frame(role, FIN | TEXT, b"Hello world");
        let head = wire.len() - 11;
        assert_eq!(fed.feed(&wire[..head + 1]), ["header 11", "payload H"]);
        assert_eq!(fed.feed(&wire[head + 1..head + 8]), ["payload ello wo"]);
        assert_eq!(fed.feed(b""), [""; 0]);
        assert_eq!(fed.feed(&wire[head + 8..]), ["payload rld", "end 11"]);
    }
}

#[test]
fn section_5_5_control_frames_come_whole_in_either_delivery() {
    for role in ROLES {
        for delivery in [Delivery::Whole, Delivery::Chunks] {
            let mut fed = Fed::new(role, delivery);
            fed.feed(&frame(role, TEXT, b"x"));
            let wire = frame(role, FIN | PING, b"ping");
            let (head, last) = wire.split_at(wire.len() - 1);
            assert_eq!(fed.feed(head), ["header 4"]);
            assert_eq!(fed.feed(last), ["payload ping", "end 4"]);
        }
    }
}

#[test]
fn section_5_4_empty_frames_have_no_payload() {
    for role in ROLES {
        for delivery in [Delivery::Whole, Delivery::Chunks] {
            let mut fed = Fed::new(role, delivery);
            for first in [TEXT, CONTINUATION, FIN | PING, FIN | CONTINUATION, FIN | CLOSE] {
                assert_eq!(fed.feed(&frame(role, first, b"")), ["header 0", "end 0"]);
            }
        }
    }
}

#[test]
fn section_5_2_delivery_may_change_inside_a_frame() {
    for role in ROLES {
        for cut in 0..=10 {
            let wire = frame(role, FIN | BINARY, b"0123456789");
            let head = wire.len() - 10;
            for (first, second) in
                [(Delivery::Chunks, Delivery::Whole), (Delivery::Whole, Delivery::Chunks)]
            {
                let mut fed = Fed::new(role, first);
                let mut events = fed.feed(&wire[..head + cut]);
                fed.delivery = second;
                events.extend(fed.feed(&wire[head + cut..]));
                let payload: String =
                    events.iter().filter_map(|event| event.strip_prefix("payload ")).collect();
                assert_eq!(payload, "0123456789", "{role:?}: {first:?} until {cut}");
                assert_eq!(events.last().map(String::as_str), Some("end 10"));
            }
        }
    }
}

#[test]
fn section_5_2_headers_are_told_as_they_stand() {
    for role in ROLES {
        let key = (role == Role::Server).then(|| MaskingKey::new(KEY));
        for first in [FIN | TEXT, TEXT, FIN | BINARY, FIN | PING] {
            let mut reader = FrameReader::new(role);
            assert_eq!((reader.role(), reader.header()), (role, None));
            let mut buffer = BytesMut::from(&frame(role, first, b"abc")[..]);
            let event = reader.read(&mut buffer, Delivery::Whole).unwrap();
            let expected = FrameHeader::new(opcode(first), 3).with_masking_key(key);
            let expected = if first & FIN == 0 { expected.not_final() } else { expected };
            assert_eq!(event, Some(FrameEvent::Header(expected)));
            assert_eq!(reader.header(), Some(&expected));
            let event = reader.read(&mut buffer, Delivery::Whole).unwrap();
            assert_eq!(event, Some(FrameEvent::Payload("abc".into())), "unmasked");
            let event = reader.read(&mut buffer, Delivery::Whole).unwrap();
            assert_eq!(event, Some(FrameEvent::End(expected)));
            assert_eq!(reader.header(), None);
        }
    }
}

#[test]
fn section_5_2_how_much_is_missing() {
    for role in ROLES {
        for delivery in [Delivery::Whole, Delivery::Chunks] {
            let mut fed = Fed::new(role, delivery);
            assert_eq!(fed.reader.missing(0), None);
            let head = header(role, FIN | BINARY, 1000);
            fed.feed(&head[..2]);
            assert_eq!(fed.reader.missing(fed.buffer.len()), None);
            fed.feed(&head[2..]);
            for arrived in 1..1000 {
                assert_eq!(fed.reader.missing(fed.buffer.len()), Some(1001 - arrived));
                fed.feed(b"x");
            }
            assert_eq!(fed.reader.missing(fed.buffer.len()), Some(1));
            fed.feed(b"x\x82");
            assert_eq!((fed.reader.missing(fed.buffer.len()), fed.buffer.len()), (None, 1));
        }
    }
}

#[test]
fn section_5_5_1_a_close_and_an_error_end_the_reading() {
    for role in ROLES {
        let mut fed = Fed::new(role, Delivery::Whole);
        assert!(!fed.reader.is_ended());
        fed.feed(&frame(role, FIN | CLOSE, b""));
        assert!(fed.reader.is_ended());

        let mut reader = FrameReader::new(role);
        let mut buffer = BytesMut::from(&b"\x83\x80"[..]);
        let error = reader.read(&mut buffer, Delivery::Whole).expect_err("no opcode");
        assert!(matches!(error, Error::Protocol(_)));
        assert!(reader.is_ended() && buffer.is_empty());
        assert_eq!((reader.header(), reader.missing(0)), (None, None));
    }
}

#[test]
fn section_5_2_a_buffer_that_shrank_between_two_calls_is_no_panic() {
    for role in ROLES {
        for delivery in [Delivery::Whole, Delivery::Chunks] {
            for first in [FIN | TEXT, FIN | PING] {
                let wire = frame(role, first, b"Hello");
                for cut in 0..wire.len() {
                    let mut fed = Fed::new(role, delivery);
                    fed.feed(&wire[..cut]);
                    // As who empties `Framed::read_buffer_mut`.
                    fed.buffer.clear();
                    let _: Result<_, Error> = fed.reader.read(&mut fed.buffer, delivery);
                }
            }
        }
    }
}

#[test]
fn section_5_4_a_payload_is_a_slice_of_the_buffer() {
    for role in ROLES {
        let mut reader = FrameReader::new(role);
        let wire = frame(role, FIN | BINARY, &[7; 1000]);
        let mut buffer = BytesMut::from(&wire[..]);
        let payload_at = buffer.as_ptr() as usize + wire.len() - 1000;
        reader.read(&mut buffer, Delivery::Whole).unwrap();
        let event = reader.read(&mut buffer, Delivery::Whole).unwrap();
        let Some(FrameEvent::Payload(payload)) = event else { panic!("{event:?}") };
        assert_eq!(payload.as_ptr() as usize, payload_at, "not a copy");
        assert_eq!(OpCode::BINARY, opcode(wire[0]));
    }
}
