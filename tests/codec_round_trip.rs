//! What one end encodes the other decodes (RFC 6455 section 5), however it is fragmented and however it
//! arrives; and bytes that nobody would send, on which nothing may panic.

#[path = "support/codec.rs"]
mod codec;
#[path = "support/heads.rs"]
mod heads;

use bowline::{
    Delivery, Error, Frame, FrameCodec, FrameReader, Message, MessageCodec, OpCode, Role,
};
use bytes::BytesMut;
use codec::{BINARY, CONTINUATION, Events, FIN, PING, TEXT, every_way, frame, other};
use heads::{REQUEST, RESPONSE, answered, head, serve};
use proptest::{collection::vec, option, prelude::*};
use tokio_util::codec::{Decoder, Encoder};

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Client), Just(Role::Server)]
}

fn payload(max: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..=max)
}

/// Of every length that a header writes differently, though seldom of the largest.
fn message() -> impl Strategy<Value = Message> {
    let long = (0x1_0000usize..0x1_0100, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]);
    prop_oneof![
        8 => any::<String>().prop_map(Message::text),
        8 => payload(400).prop_map(Message::binary),
        1 => long.prop_map(Message::binary),
        4 => payload(125).prop_map(Message::ping),
        4 => payload(125).prop_map(Message::pong),
    ]
}

fn close() -> impl Strategy<Value = Message> {
    let code = prop_oneof![1000u16..=1003, 1007u16..=1014, 3000u16..=4999];
    prop_oneof![
        Just(Message::Close(None)),
        (code, "\\PC{0,30}").prop_map(|(code, reason)| Message::close(code, reason)),
    ]
}

/// Decodes the bytes in pieces of these sizes, the last of which goes on to the end.
fn decode_in_pieces<C: Decoder<Error = Error>>(
    mut codec: C,
    mut wire: &[u8],
    sizes: &[usize],
) -> Vec<C::Item> {
    let mut buffer = BytesMut::new();
    let mut items = Vec::new();
    for size in sizes.iter().chain([&usize::MAX]) {
        let (piece, rest) = wire.split_at(wire.len().min(*size));
        wire = rest;
        buffer.extend_from_slice(piece);
        while let Some(item) = codec.decode(&mut buffer).expect("valid") {
            items.push(item);
        }
    }
    assert!(buffer.is_empty());
    items
}

/// A message's payload cut into fragments at these places, with a ping behind each but the last.
fn cut_up(code: u8, payload: &[u8], places: &[prop::sample::Index]) -> Vec<(u8, Vec<u8>)> {
    let mut cuts: Vec<_> = places.iter().map(|place| place.index(payload.len() + 1)).collect();
    cuts.extend([0, payload.len()]);
    cuts.sort_unstable();
    let mut table = Vec::new();
    for (i, ends) in cuts.windows(2).enumerate() {
        let code = if i == 0 { code } else { CONTINUATION };
        table.push((code, payload[ends[0]..ends[1]].to_vec()));
        table.push((FIN | PING, vec![i as u8]));
    }
    table.pop();
    if let Some((first, _)) = table.last_mut() {
        *first |= FIN;
    }
    table
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..<_>::default() })]

    #[test]
    fn section_5_messages_through_both_codecs(
        role in role(),
        mut messages in vec(message(), 0..8),
        last in option::of(close()),
        frame_size in option::of(1usize..300),
        sizes in vec(1usize..500, 0..40),
    ) {
        messages.extend(last);
        let mut encoder = MessageCodec::new(role).with_outgoing_frame_size(frame_size);
        let mut wire = BytesMut::new();
        for message in &messages {
            encoder.encode(message.clone(), &mut wire).expect("encodable");
        }
        let decoded = decode_in_pieces(MessageCodec::new(other(role)), &wire, &sizes);
        prop_assert_eq!(decoded, messages);
    }

    #[test]
    fn section_5_4_frames_through_both_codecs(
        role in role(),
        bytes in payload(600),
        text in any::<String>(),
        places in vec(any::<prop::sample::Index>(), 0..10),
        sizes in vec(1usize..100, 0..40),
    ) {
        let table = [cut_up(BINARY, &bytes, &places), cut_up(TEXT, text.as_bytes(), &places)];
        let frames: Vec<Frame> = table.concat().into_iter().map(|(first, payload)| {
            let frame = Frame::new(codec::opcode(first), payload);
            if first & FIN == 0 { frame.not_final() } else { frame }
        }).collect();
        let mut encoder = FrameCodec::new(role);
        let mut wire = BytesMut::new();
        for frame in &frames {
            encoder.encode(frame.clone(), &mut wire).expect("encodable");
        }
        let decoded = decode_in_pieces(FrameCodec::new(other(role)), &wire, &sizes);
        prop_assert_eq!(&decoded, &frames);
        let messages = decode_in_pieces(MessageCodec::new(other(role)), &wire, &sizes);
        let data: Vec<_> = messages.into_iter().filter(Message::is_data).collect();
        prop_assert_eq!(data, [Message::binary(bytes), Message::text(text)]);
    }

    #[test]
    fn section_5_arbitrary_bytes_come_to_the_same_in_every_way(
        role in role(),
        bytes in payload(60),
    ) {
        codec::decode(role, &bytes);
    }

    #[test]
    fn section_5_a_byte_changed_comes_to_the_same_in_every_way(
        role in role(),
        text in "\\PC{0,12}",
        places in vec(any::<prop::sample::Index>(), 0..3),
        changed in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let table = cut_up(TEXT, text.as_bytes(), &places);
        let frames = table.iter().map(|(first, payload)| frame(role, *first, payload));
        let mut wire = frames.collect::<Vec<_>>().concat();
        let place = changed.index(wire.len());
        wire[place] = byte;
        codec::decode(role, &wire);
    }

    #[test]
    fn section_4_a_byte_changed_in_a_head_comes_to_the_same_in_every_way(
        changed in any::<prop::sample::Index>(),
        byte in prop_oneof![any::<u8>(), prop::sample::select(&b"\r\n\0 :,\t;=\""[..])],
    ) {
        let mut wire = head(&REQUEST);
        let place = changed.index(wire.len());
        wire[place] = byte;
        serve(&wire);
        let mut wire = head(&RESPONSE);
        let place = changed.index(wire.len());
        wire[place] = byte;
        answered(&[], &wire);
    }

    #[test]
    fn section_9_1_arbitrary_values_come_to_the_same_in_every_way(
        value in "[a-c,;=\" \\\\\t!/]{0,24}",
        name in prop::sample::select(vec![
            "Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol", "Connection", "Upgrade", "Host",
            "Sec-WebSocket-Key", "Sec-WebSocket-Accept", "Sec-WebSocket-Version", "Cookie",
        ]),
    ) {
        let line = format!("{name}: {value}");
        serve(&heads::altered(&REQUEST, name, &[&line]));
        serve(&head(&[&REQUEST[..], &[&line]].concat()));
        answered(&[], &heads::altered(&RESPONSE, name, &[&line]));
    }
}

#[test]
fn section_5_the_largest_frames_round_trip() {
    for role in codec::ROLES {
        for len in [65_535, 65_536, 1 << 20] {
            let message = Message::binary((0..len).map(|i| (i % 255) as u8).collect::<Vec<_>>());
            let mut wire = BytesMut::new();
            MessageCodec::new(role).encode(message.clone(), &mut wire).unwrap();
            let decoded =
                decode_in_pieces(MessageCodec::new(other(role)), &wire, &[1, 2, 3, 9, 9999]);
            assert!(decoded == [message], "{role:?}: {len} bytes");
        }
    }
}

#[test]
fn section_5_2_payloads_of_64_kib_come_in_chunks_as_they_come_whole() {
    for role in codec::ROLES {
        let payload: Vec<u8> = (0..65_600).map(|i| (i % 249) as u8).collect();
        let wire = frame(role, FIN | BINARY, &payload);
        for delivery in [Delivery::Whole, Delivery::Chunks] {
            let events = every_way(|| Events::new(FrameReader::new(role), delivery), &wire);
            assert_eq!((events.items.len(), events.failure), (3, None));
        }
        let frames = decode_in_pieces(FrameCodec::new(role), &wire, &[]);
        assert!(frames == [Frame::new(OpCode::BINARY, payload)]);
    }
}
