//! The examples of RFC 7692 section 7.2.3, byte by byte.

use bowline::{Message, Role};
use bytes::BytesMut;
use tokio_util::codec::Decoder;

use crate::{
    FIRST, LAST, WHOLE, agreeing_on,
    codec::{BINARY, FIN, PING, ROLES, frame, frames, other},
    deflate::{RSV1, encoded, sent_frames},
    end, inflated, items, peer_drops, received, texts,
};

const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

#[test]
fn section_7_2_3_the_bytes_of_the_examples() {
    // 7.2.3.1 as the RFC writes it: from a server, without a mask.
    let mut wire = BytesMut::from(&b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"[..]);
    let mut client = bowline::MessageCodec::from(end(Role::Client, ""));
    assert_eq!(client.decode(&mut wire).expect("valid"), Some(Message::text("Hello")));
    let mut wire = BytesMut::from(&b"\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00"[..]);
    assert_eq!(client.decode(&mut wire).expect("valid"), Some(Message::text("Hello")));
}

#[test]
fn section_7_2_3_the_payloads_of_the_examples() {
    let table: [(&[&[u8]], &[&str]); 9] = [
        // 7.2.3.1: "A Message Compressed Using One Compressed DEFLATE Block"
        (&[&HELLO], &["Hello"]),
        // 7.2.3.2: "Sharing LZ77 Sliding Window"
        (&[&HELLO, &HELLO], &["Hello", "Hello"]),
        (&[&HELLO, &[0xf2, 0x00, 0x11, 0x00, 0x00]], &["Hello", "Hello"]),
        // 7.2.3.3: "Using a DEFLATE Block with No Compression"
        (&[b"\x00\x05\x00\xfa\xffHello\x00"], &["Hello"]),
        // 7.2.3.4: "Using a DEFLATE Block with BFINAL Set to 1"
        (&[b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"], &["Hello"]),
        (&[b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", b"\xf2\x00\x11\x00\x00"], &["Hello", "Hello"]),
        // 7.2.3.5: "Two DEFLATE Blocks in One Message"
        (&[b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"], &["Hello"]),
        // 7.2.3.6: "Generating an Empty Fragment Manually"
        (&[&[0x00]], &[""]),
        (&[&HELLO, &[0x00], &[0xf2, 0x00, 0x11, 0x00, 0x00]], &["Hello", "", "Hello"]),
    ];
    for role in ROLES {
        for (payloads, expected) in table {
            assert_eq!(items(inflated(role, "", payloads)), texts(expected), "{payloads:x?}");
        }
        // Where no context is kept, those messages that need none.
        for (payloads, expected) in [table[0], table[1], table[3], table[4], table[6], table[7]] {
            let outcome = inflated(role, peer_drops(role), payloads);
            assert_eq!(items(outcome), texts(expected), "{payloads:x?}");
        }
    }
}

#[test]
fn section_7_2_3_1_in_any_two_fragments_and_with_a_ping_between() {
    for role in ROLES {
        for cut in 0..=HELLO.len() {
            let (head, tail) = HELLO.split_at(cut);
            let wire = frames(role, &[(FIRST, head), (LAST, tail)]);
            assert_eq!(items(received(role, "", &wire)), texts(&["Hello"]), "cut at {cut}");
            let wire = frames(role, &[(FIRST, head), (FIN | PING, b"?"), (LAST, tail)]);
            let expected = [Message::ping("?"), Message::text("Hello")];
            assert_eq!(items(received(role, "", &wire)), expected, "cut at {cut}");
        }
    }
}

#[test]
fn section_7_2_3_1_in_fragments_of_one_byte_and_none() {
    for role in ROLES {
        let mut table: Vec<(u8, &[u8])> = vec![(RSV1 | BINARY, b"")];
        for byte in HELLO.chunks(1) {
            table.extend([(0, byte), (0, b"")]);
        }
        table.push((LAST, b""));
        let wire = frames(role, &table);
        assert_eq!(items(received(role, "", &wire)), [Message::binary("Hello")]);
    }
}

#[test]
fn section_7_2_3_what_goes_out() {
    for role in ROLES {
        let mut sender = bowline::MessageCodec::from(end(role, ""))
            .with_masking_keys(|| bowline::MaskingKey::new(crate::codec::KEY));
        let wire = encoded(&mut sender, "Hello");
        assert_eq!(wire, frame(other(role), WHOLE, &HELLO));
        // Here compressors differ: in fewer bytes, by the window.
        let again = &sent_frames(&encoded(&mut sender, "Hello"))[0];
        assert!(again.0 == WHOLE && again.1.len() < HELLO.len(), "{again:x?}");
        let wire = encoded(&mut sender, "");
        assert_eq!(wire, frame(other(role), WHOLE, &[0x00]));
        let wire = encoded(&mut sender, Message::binary(""));
        assert_eq!(wire, frame(other(role), FIN | RSV1 | BINARY, &[0x00]));
        assert!(sent_frames(&encoded(&mut sender, "Hello"))[0].1.len() < HELLO.len());
    }
    let (server, client) = agreeing_on("");
    assert_eq!((server.role(), client.role()), (Role::Server, Role::Client));
}
