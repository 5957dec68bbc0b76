//! How far back what is sent refers, and what is received may (RFC 7692 section 7.1.2).

use bowline::{Deflate, HandshakeCodec, Message, MessageCodec, Role, handshake::Key};
use bytes::BytesMut;
use tokio_util::codec::{Decoder, Encoder};

use crate::{
    BAD_DATA,
    bits::{Bits, Block, FIXED},
    codec::{BINARY, FIN, Failure, ROLES, frame, other},
    deflate::{RSV1, configured, decoded, encoded, full_context, handshake, noise, sent_frames},
    end,
    naive::Naive,
    peer_drops, peer_window,
};

/// Noise that comes again after so many bytes: as far apart as windows are large, and a little less.
fn repetitions(bits: u8) -> Vec<Vec<u8>> {
    let window = 1usize << bits;
    let mut messages = Vec::new();
    let near = [window / 2, window.saturating_sub(262), window - 20, window, window + 20];
    for period in near.into_iter().chain([200, 250, 256, 300]) {
        messages.push(noise(period as u64, period).repeat(2));
    }
    messages
}

/// Sends messages, each of which the oracle must read with a window of so many bits; gives how far back
/// they refer.
#[track_caller]
fn farthest(codec: &mut MessageCodec, bits: u8, messages: &[Vec<u8>]) -> usize {
    let mut peer = Naive::new(1 << bits);
    for message in messages {
        let (first, payload) = sent_frames(&encoded(codec, message.clone())).remove(0);
        if first & RSV1 != 0 {
            let read = peer.message(&payload).expect("DEFLATE data in the window");
            assert!(read == *message, "{bits} bits");
        }
    }
    peer.farthest
}

#[test]
fn section_7_1_2_every_window_is_kept_to() {
    for role in ROLES {
        let own = |bits| peer_window(other(role), bits);
        for bits in 8..15 {
            let messages = repetitions(bits);
            let mut codec = MessageCodec::from(end(role, &own(bits)));
            let reach = farthest(&mut codec, bits, &messages);
            // And made use of: all but what zlib keeps back for looking ahead.
            assert!(reach > (1usize << bits.max(9)) / 3, "{bits} bits: {reach}");
            let drops = peer_drops(other(role));
            let both = format!("{drops}; {}", own(bits));
            let mut codec = MessageCodec::from(end(role, &both));
            for message in messages {
                farthest(&mut codec, bits, &[message]);
            }
        }
        let reach = farthest(&mut MessageCodec::from(end(role, "")), 15, &repetitions(15));
        assert!(reach > 30_000, "{reach}");
    }
}

#[test]
fn section_7_1_2_a_window_of_256_bytes_at_every_level() {
    // zlib has none: it runs with 512, and must not make use of them.
    let mut messages = repetitions(8);
    for period in (230..280).step_by(7) {
        messages.push(noise(period, period as usize).repeat(2));
    }
    messages.push(vec![0; 3000]);
    messages.push((0..2000u32).flat_map(|number| (number / 3).to_string().into_bytes()).collect());
    for level in 0..=9 {
        for memory_level in [1, 8] {
            let deflate = full_context().with_level(level).with_memory_level(memory_level);
            let deflate = configured(deflate, "server_max_window_bits=8; client_max_window_bits=8");
            let agreed = handshake(deflate, deflate);
            let codec = if level % 2 == 0 { agreed.server } else { agreed.client };
            let reach = farthest(&mut codec.into(), 8, &messages);
            assert!(reach <= 256, "level {level}, memory level {memory_level}: {reach}");
            assert!(level == 0 || reach > 100, "level {level}: {reach}");
        }
    }
}

#[test]
fn section_7_1_2_1_a_servers_own_window_that_nobody_asked_for() {
    let server = full_context().with_server_max_window_bits(10);
    let agreed = handshake(server, full_context());
    assert_eq!(agreed.response, "permessage-deflate");
    farthest(&mut agreed.server.into(), 10, &repetitions(10));
    // What it doesn't say it doesn't expect either: the client's messages may refer back 32 KiB.
    assert!(farthest(&mut agreed.client.into(), 15, &repetitions(15)) > 30_000);
}

/// A client that wishes for this, behind this response.
#[track_caller]
fn client(deflate: Deflate, response: &str) -> MessageCodec {
    let sample = || Key::new(*b"the sample nonce");
    let mut codec = HandshakeCodec::client().with_keys(sample).with_deflate(deflate);
    let request = http::Request::get("ws://server.example.com/chat").body(()).expect("a request");
    codec.encode(request, &mut BytesMut::new()).expect("encodable");
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
        Sec-WebSocket-Extensions: {response}\r\n\r\n"
    );
    codec.decode(&mut BytesMut::from(&*head)).expect("acceptable").expect("a whole response");
    MessageCodec::from(bowline::FrameCodec::from(codec))
}

#[test]
fn section_7_1_what_a_client_takes_upon_itself_or_is_told() {
    let messages = repetitions(10);
    let ten = full_context().with_client_max_window_bits(10);
    // Its own word holds where the server passes over it (7.1.2.2), and the server's where that is less.
    farthest(&mut client(ten, "permessage-deflate"), 10, &messages);
    farthest(&mut client(ten, "permessage-deflate; client_max_window_bits=9"), 9, &messages);
    let told = "permessage-deflate; client_max_window_bits=8";
    farthest(&mut client(full_context(), told), 8, &messages);
    // The server's window is another.
    let other = "permessage-deflate; server_max_window_bits=8";
    assert!(farthest(&mut client(full_context(), other), 15, &repetitions(15)) > 30_000);
    // The same for context: hinted at, and told unasked (7.1.1.2).
    let drops = configured(full_context(), "client_no_context_takeover");
    let told = "permessage-deflate; client_no_context_takeover";
    for mut codec in [client(drops, "permessage-deflate"), client(full_context(), told)] {
        let wires = [(); 2].map(|()| sent_frames(&encoded(&mut codec, "Hello, ".repeat(20))));
        assert_eq!(wires[0], wires[1]);
    }
    // Told unasked that the server keeps none (7.1.1.1).
    let mut codec = client(full_context(), "permessage-deflate; server_no_context_takeover");
    let hello = Bits::new().fixed(Block::Inner, b"abcdef").message();
    let again = Bits::new().block(Block::Inner, FIXED).repeat(6, 6).end().message();
    let wire = [&hello, &again].map(|payload| frame(Role::Client, FIN | RSV1 | BINARY, payload));
    assert_eq!(decoded(&mut codec, &wire[0]).expect("valid"), [Message::binary("abcdef")]);
    decoded(&mut codec, &wire[1]).expect_err("the window is empty");
}

#[test]
fn section_7_1_2_what_is_received_refers_no_farther_than_agreed() {
    for role in ROLES {
        for bits in 8..=15u8 {
            // zlib takes nine bits for eight, and a peer that runs it may do so.
            let window = 1u16 << bits.max(9);
            let parameters = if bits == 15 { String::new() } else { peer_window(role, bits) };
            let noise = noise(u64::from(bits), usize::from(window) + 100);
            let first = Bits::new().stored(Block::Inner, &noise).message();
            let codec = end(role, &parameters);
            let second = |distance| {
                let mut codec = MessageCodec::from(codec.clone());
                let bits = Bits::new().block(Block::Inner, FIXED);
                let payload = bits.repeat(5, distance).end().message();
                let wire = |payload| frame(role, FIN | RSV1 | BINARY, payload);
                decoded(&mut codec, &wire(&first)).expect("valid");
                decoded(&mut codec, &wire(&payload)).map_err(Failure::from)
            };
            for distance in [1, 100, 255, 256, window - 1, window] {
                let source = &noise[noise.len() - usize::from(distance)..];
                let expected = source.iter().cycle().take(5).copied().collect::<Vec<_>>();
                let read = second(distance);
                assert_eq!(read, Ok(vec![Message::binary(expected)]), "{distance} at {bits} bits");
            }
            // With fifteen there is no way to write more.
            for distance in [window + 1, window + 50] {
                if bits < 15 {
                    let failure = second(distance).err();
                    assert_eq!(failure, BAD_DATA, "{distance} at {bits} bits");
                }
            }
        }
    }
}
