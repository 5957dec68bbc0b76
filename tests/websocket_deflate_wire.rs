//! A connection that has agreed on permessage-deflate, and a peer that is nothing but bytes: what goes out
//! inflates there in its context, and what breaks a rule is answered with its close code (RFC 7692 sections 6
//! and 7.2).

#[path = "support/deflate.rs"]
mod deflate;
#[path = "support/io.rs"]
mod io;

use bowline::{Config, Error, MaskingKey, Message, MessageCodec, Role, UsageError, WebSocket};
use bytes::{Bytes, BytesMut};
use deflate::{Deflater, Inflater, RSV1, agreeing_on, deflated, noise, sent_frames};
use futures_util::{FutureExt, SinkExt};
use io::{
    Item, KEY, ROLES, Script, drain, finish, frame, from_peer, item, run, untimed, websocket, wire,
};
use tokio_util::codec::{Decoder, Framed};

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;

fn codec(role: Role, parameters: &str) -> MessageCodec {
    let (server, client) = agreeing_on(parameters);
    let codec = if role == Role::Server { server } else { client };
    codec.with_masking_keys(|| MaskingKey::new(KEY)).into()
}

/// The end of this role, agreed on these parameters.
fn agreed(role: Role, parameters: &str, io: &Script, config: Config) -> WebSocket<Script> {
    WebSocket::from_framed(Framed::new(io.clone(), codec(role, parameters)), config)
}

/// The same with all context kept, and no timer.
fn in_context(role: Role, io: &Script) -> WebSocket<Script> {
    agreed(role, "", io, untimed())
}

/// What a peer reads: the first byte of each frame, and the payload, inflated in context where RSV1 is set.
fn read_naively(written: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut peer = Inflater::new();
    let frames = sent_frames(written).into_iter().map(|(first, payload)| match first & RSV1 {
        0 => (first, payload),
        _ => (first, peer.message(&payload)),
    });
    frames.collect()
}

fn next(ws: &mut WebSocket<Script>) -> Option<Item> {
    finish(ws.next()).map(item)
}

const PROSE: &str = "The bowline makes a fixed loop at the end of a rope. ";

// ---- out ----

#[test]
fn section_6_1_a_message_sent_uncompressed_has_no_rsv1_and_changes_no_context() {
    for role in ROLES {
        let io = Script::new("");
        let mut ws = in_context(role, &io);
        finish(ws.send(PROSE)).expect("open");
        finish(ws.send_uncompressed(PROSE)).expect("open");
        finish(ws.feed(PROSE)).expect("open");
        finish(ws.feed_uncompressed(Bytes::from(PROSE))).expect("open");
        finish(ws.feed_uncompressed("")).expect("open");
        finish(ws.feed("")).expect("open");
        finish(ws.send(Bytes::from(PROSE))).expect("open");
        let expected = [
            (TEXT | RSV1, PROSE),
            (TEXT, PROSE),
            (TEXT | RSV1, PROSE),
            (BINARY, PROSE),
            (TEXT, ""),
            (TEXT | RSV1, ""),
            (BINARY | RSV1, PROSE),
        ];
        let expected = expected.map(|(first, text)| (first, text.as_bytes().to_vec()));
        assert_eq!(read_naively(&io.written()), expected, "{role:?}");
        // In its context a repeat is a reference and little more.
        let frames = sent_frames(&io.written());
        assert!(frames[2].1.len() < 10 && frames[6].1.len() < 10, "{role:?}: {frames:02x?}");
    }
}

/// "A message that stays uncompressed" is that message, and no later one: not behind a control message, nor
/// behind one that is refused or that never got its turn.
#[test]
fn section_6_1_a_message_behind_an_uncompressed_one_is_compressed() {
    for role in ROLES {
        let io = Script::new("");
        let mut ws = in_context(role, &io);
        finish(ws.send_uncompressed(Message::ping("?"))).expect("open");
        finish(ws.send(PROSE)).expect("open");
        assert!(finish(ws.send_uncompressed(Message::ping(vec![0; 126]))).is_err());
        finish(ws.send(PROSE)).expect("open");
        let firsts: Vec<_> = sent_frames(&io.written()).iter().map(|(first, _)| *first).collect();
        assert_eq!(firsts, [0x89, TEXT | RSV1, TEXT | RSV1], "{role:?}");

        let io = Script::new("").room(0);
        let mut ws = agreed(role, "", &io, untimed().with_high_water(1));
        finish(ws.feed("first")).expect("room");
        assert!(ws.feed_uncompressed(PROSE).now_or_never().is_none());
        io.make_room(None);
        finish(ws.send(PROSE)).expect("open");
        let firsts: Vec<_> = sent_frames(&io.written()).iter().map(|(first, _)| *first).collect();
        assert_eq!(firsts, [TEXT | RSV1, TEXT | RSV1], "{role:?}");
    }
}

#[test]
fn section_7_2_1_a_refused_message_leaves_the_context_as_it_was() {
    for role in ROLES {
        let io = Script::new("");
        let mut ws = in_context(role, &io);
        finish(ws.send(PROSE)).expect("open");
        for refused in [
            Message::ping(PROSE.repeat(3)),
            Message::pong(vec![0; 126]),
            Message::close(1005, PROSE),
            Message::close(1000, "r".repeat(124)),
        ] {
            let error = finish(ws.send(refused)).expect_err("not to be sent");
            assert!(matches!(error, Error::Usage(_)), "{error:?}");
            finish(ws.send(PROSE)).expect("open");
        }
        finish(ws.send(Message::close(1000, "bye"))).expect("open");
        for message in [Message::text(PROSE), Message::binary(noise(1, 500))] {
            let error = finish(ws.send(message)).expect_err("closed");
            assert!(matches!(error, Error::Usage(UsageError::SendAfterClose)), "{error:?}");
        }
        let mut expected = vec![(TEXT | RSV1, PROSE.as_bytes().to_vec()); 5];
        expected.push((0x88, b"\x03\xe8bye".to_vec()));
        assert_eq!(read_naively(&io.written()), expected, "{role:?}");
    }
}

/// It is compressed when it is queued, in the order in which it goes out.
#[test]
fn section_7_2_1_messages_wait_at_high_water_and_inflate_in_order() {
    for role in ROLES {
        let io = Script::new("").room(0);
        let mut ws = agreed(role, "", &io, untimed().with_high_water(2000));
        let numbered = |n: u8| [noise(1, 900), vec![n; 100]].concat();
        let fed = (0..200).take_while(|n| run(ws.feed(numbered(*n))).is_ready()).count();
        // The mark is for what goes out: far more than two messages, of which all but one are repeats.
        assert!((10..200).contains(&fed), "{role:?}: {fed}");
        for _ in 0..10 {
            assert!(run(ws.feed(numbered(fed as u8))).is_pending());
        }
        io.make_room(Some(100));
        assert!(run(ws.flush()).is_pending());
        io.make_room(None);
        finish(ws.send(numbered(fed as u8))).expect("open");
        let expected: Vec<_> = (0..=fed as u8).map(|n| (BINARY | RSV1, numbered(n))).collect();
        assert!(read_naively(&io.written()) == expected, "{role:?}");
    }
}

// ---- in ----

/// The pong goes out at once, inside the message.
#[test]
fn section_6_1_pings_come_between_the_fragments_of_a_compressed_message() {
    for role in ROLES {
        let mut peer = Deflater::new();
        for round in 0..3 {
            let payload = peer.payload(PROSE.as_bytes());
            let io = Script::new("");
            let mut ws = in_context(role, &io);
            // The context of the rounds before.
            let mut earlier = Deflater::new();
            for _ in 0..round {
                let payload = earlier.payload(PROSE.as_bytes());
                io.arrive_bytes(from_peer(role, &frame(TEXT | RSV1, &payload)));
                assert_eq!(next(&mut ws), Some(Ok(Message::text(PROSE))));
            }
            let mut pings = Vec::new();
            for (i, byte) in payload.iter().enumerate() {
                let first = if i == 0 { TEXT & 0x0f | RSV1 } else { 0x00 };
                io.arrive_bytes(from_peer(role, &frame(first, &[*byte])));
                io.arrive_bytes(from_peer(role, &frame(0x89, &[i as u8])));
                assert_eq!(next(&mut ws), Some(Ok(Message::ping(vec![i as u8]))), "{role:?}");
                assert!(run(ws.next()).is_pending());
                pings.extend(wire(role, &frame(0x8a, &[i as u8])));
                assert_eq!(io.written(), pings, "{role:?}");
            }
            io.arrive_bytes(from_peer(role, &frame(0x80, b"")));
            assert_eq!(next(&mut ws), Some(Ok(Message::text(PROSE))), "{role:?}");
        }
    }
}

/// What breaks a rule of compression, what it is called, and the close code.
fn breaches() -> Vec<(Vec<u8>, &'static str, u16)> {
    let compressed = |first: u8, payload: &[u8]| frame(first | RSV1, payload);
    let bomb = |len: usize| compressed(BINARY, &deflated(vec![0; len]));
    let halves = |second: u8| {
        let payload = deflated(PROSE);
        let (head, tail) = payload.split_at(payload.len() / 2);
        [frame(0x01 | RSV1, head), frame(second, tail)].concat()
    };
    let reserved = "Protocol(ReservedBits(";
    vec![
        (compressed(BINARY, b"\x07\xff"), "Protocol(InvalidDeflate)", 1007),
        (compressed(BINARY, b"garbage"), "Protocol(InvalidDeflate)", 1007),
        (compressed(TEXT, b""), "Protocol(InvalidDeflate)", 1007),
        (compressed(TEXT, &deflated(PROSE)[..20]), "Protocol(InvalidDeflate)", 1007),
        (compressed(TEXT, &deflated(b"\xff")), "Protocol(InvalidUtf8)", 1007),
        (compressed(TEXT, &deflated(b"\xe7\xb5")), "Protocol(TruncatedUtf8)", 1007),
        (bomb(1501), "Limit(MessageTooLarge { size: 1501, limit: 1500 })", 1009),
        (bomb(100_000), "Limit(MessageTooLarge { size: 1501, limit: 1500 })", 1009),
        (halves(0x80 | RSV1), reserved, 1002),
        (halves(RSV1), reserved, 1002),
        (frame(0x89 | RSV1, b""), reserved, 1002),
        (frame(0x8a | RSV1, b""), reserved, 1002),
        (frame(0x88 | RSV1, b"\x03\xe8"), reserved, 1002),
        (frame(TEXT | RSV1 | 0x20, &deflated(PROSE)), reserved, 1002),
        (frame(TEXT | 0x10, PROSE.as_bytes()), reserved, 1002),
    ]
}

#[test]
fn section_7_2_2_a_breach_is_answered_with_its_code_and_is_the_last_item() {
    let config = untimed().with_max_message_size(1500);
    for (role, parameters) in ROLES.into_iter().flat_map(|role| {
        ["", "server_no_context_takeover; client_no_context_takeover"].map(|said| (role, said))
    }) {
        for (bytes, error, code) in breaches() {
            let io = Script::new(from_peer(role, &frame(TEXT | RSV1, &deflated(PROSE))));
            let mut ws = agreed(role, parameters, &io, config.clone());
            assert_eq!(next(&mut ws), Some(Ok(Message::text(PROSE))), "{role:?}");
            // What we have fed goes out before our Close, in context.
            finish(ws.feed(PROSE)).expect("open");
            io.arrive_bytes(from_peer(role, &bytes));
            assert!(run(ws.next()).is_pending(), "the error waits for the drain: {error}");
            let frames = read_naively(&io.written());
            let [(text, said), (0x88, close)] = &frames[..] else {
                panic!("{role:?}, {error}: {frames:02x?}")
            };
            assert_eq!((*text, &said[..]), (TEXT | RSV1, PROSE.as_bytes()), "{role:?}, {error}");
            assert_eq!(close[..2], code.to_be_bytes(), "{role:?}, {error}");
            assert!(finish(ws.send("more")).is_err());
            io.arrive(io::Read::End);
            let Some(Err(seen)) = next(&mut ws) else { panic!("{error} expected") };
            assert!(seen.starts_with(error), "{role:?}: {seen}, {error} expected");
            assert_eq!(drain(&mut ws), [None]);
        }
    }
}

/// Of the message limit, to the byte; what has come on the wire may be more, as of what can't be compressed.
#[test]
fn section_7_2_2_the_largest_message_is_judged_by_what_it_inflates_to() {
    let config = untimed().with_max_message_size(1500);
    for role in ROLES {
        for message in [vec![0; 1500], noise(1, 1500)] {
            let payload = deflated(&message);
            let io = Script::new(from_peer(role, &frame(BINARY | RSV1, &payload)));
            let mut ws = agreed(role, "", &io, config.clone());
            assert_eq!(next(&mut ws), Some(Ok(Message::binary(message))), "{role:?}");
        }
    }
}

/// Without the extension the bit is one that nothing gives a meaning.
#[test]
fn section_6_rsv1_without_an_agreement_is_a_breach() {
    for role in ROLES {
        let io = Script::new(from_peer(role, &frame(TEXT | RSV1, &deflated(PROSE))));
        let mut ws = websocket(role, io.clone(), untimed());
        assert!(run(ws.next()).is_pending());
        let frames = sent_frames(&io.written());
        assert_eq!((frames[0].0, &frames[0].1[..2]), (0x88, &[0x03, 0xea][..]), "{role:?}");
    }
}

// ---- from codec to connection, and back ----

/// Takes the connection apart and puts it together again.
fn rebuilt(ws: WebSocket<Script>) -> WebSocket<Script> {
    WebSocket::from_framed(ws.into_framed(), untimed())
}

#[test]
fn section_7_1_1_both_contexts_outlast_a_change_of_hands() {
    for role in ROLES {
        for len in 0..40 {
            let mut peer = Deflater::new();
            let io = Script::new("");
            let mut ws = in_context(role, &io);
            let messages = [PROSE, "rope ", PROSE, "", PROSE];
            let arriving = messages
                .map(|text| from_peer(role, &frame(TEXT | RSV1, &peer.payload(text.as_bytes()))));
            for (text, mut arriving) in messages.into_iter().zip(arriving) {
                // Between two messages, inside a header, and inside the payload.
                let rest = arriving.split_off(len.min(arriving.len() - 1));
                io.arrive_bytes(arriving);
                assert!(run(ws.next()).is_pending());
                finish(ws.feed(text)).expect("open");
                ws = rebuilt(ws);
                io.arrive_bytes(rest);
                assert_eq!(next(&mut ws), Some(Ok(Message::text(text))), "{role:?}, {len}");
            }
            finish(ws.flush()).expect("open");
            let expected = messages.map(|text| (TEXT | RSV1, text.as_bytes().to_vec()));
            assert_eq!(read_naively(&io.written()), expected, "{role:?}, {len}");
        }
    }
}

/// The same through a `Framed` that is used in between.
#[test]
fn section_7_1_1_a_framed_codec_goes_on_in_both_contexts() {
    for role in ROLES {
        let mut peer = Deflater::new();
        let io = Script::new("");
        let mut ws = in_context(role, &io);
        for _ in 0..3 {
            let payload = peer.payload(PROSE.as_bytes());
            let arriving = from_peer(role, &frame(TEXT | RSV1, &payload));
            let (head, tail) = arriving.split_at(arriving.len() / 2);
            io.arrive_bytes(head);
            assert!(run(ws.next()).is_pending());
            finish(ws.feed("fed")).expect("open");
            let mut framed = ws.into_framed();
            finish(framed.send(Message::text(PROSE))).expect("open");
            io.arrive_bytes(tail);
            let message = finish(futures_util::StreamExt::next(&mut framed)).map(item);
            assert_eq!(message, Some(Ok(Message::text(PROSE))), "{role:?}");
            ws = WebSocket::from_framed(framed, untimed());
        }
        let expected = [(TEXT | RSV1, b"fed".to_vec()), (TEXT | RSV1, PROSE.as_bytes().to_vec())];
        assert_eq!(read_naively(&io.written()), [&expected[..]; 3].concat(), "{role:?}");
    }
}

/// A frame codec that becomes a message codec anywhere in a compressed message's first frame.
#[test]
fn section_7_2_2_a_message_codec_goes_on_inside_a_compressed_frame() {
    for role in ROLES {
        let payload = deflated(PROSE);
        let (head, tail) = payload.split_at(30);
        let first = from_peer(role, &frame(0x01 | RSV1, head));
        let last = from_peer(role, &frame(0x80, tail));
        for len in 0..first.len() {
            let (server, client) = agreeing_on("");
            let mut codec = if role == Role::Server { server } else { client };
            let mut buffer = BytesMut::from(&first[..len]);
            assert_eq!(codec.decode(&mut buffer).expect("valid"), None);
            let mut codec = MessageCodec::from(codec);
            buffer.extend_from_slice(&first[len..]);
            buffer.extend_from_slice(&last);
            let message = codec.decode(&mut buffer).expect("valid");
            assert_eq!(message, Some(Message::text(PROSE)), "{role:?}, {len} bytes");
        }
    }
}
