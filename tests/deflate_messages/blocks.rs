//! DEFLATE data in other forms than compressors send it, and data that is none (RFC 7692 section 7.2.2).

use bowline::{Message, MessageCodec};

use crate::{
    BAD_DATA, FIRST, LAST,
    bits::{Bits, Block, DYNAMIC, FIXED, STORED},
    codec::{BINARY, FIN, Failure, ROLES, TEXT, frame, frames},
    deflate::{Deflater, RSV1, decoded, deflated, noise},
    end, inflated, items, peer_drops, received, texts,
};

/// Text long enough for a dynamic code.
fn long_text() -> String {
    (0..150u32).map(|number| format!("{:x} ", number.wrapping_mul(0x9e37_79b9))).collect()
}

#[test]
fn section_7_2_3_4_a_last_block_and_more_blocks_behind_it() {
    let long = long_text();
    let last: [(&str, Bits); 4] = [
        ("Hello, ", Bits::new().fixed(Block::Last, b"Hello, ")),
        ("Hello, ", Bits::new().stored(Block::Last, b"Hello, ")),
        ("", Bits::new().fixed(Block::Last, b"")),
        (&long, Bits::new().then(&Deflater::ended(long.as_bytes()))),
    ];
    let dynamic = deflated(&long);
    for (head, bits) in &last {
        let bits = || bits.clone().aligned();
        let table: [(&str, Vec<u8>); 9] = [
            ("", bits().message()),
            // A last block of no bytes, all but its lengths.
            ("", bits().block(Block::Last, STORED).bytes()),
            // The RFC has a byte 00 here; zlib takes it without.
            ("", bits().bytes()),
            ("fixed", bits().fixed(Block::Inner, b"fixed").message()),
            ("fixed", bits().fixed(Block::Last, b"fixed").aligned().message()),
            ("stored", bits().stored(Block::Inner, b"stored").message()),
            ("stored", bits().stored(Block::Last, b"stored").message()),
            (&long, bits().then(&dynamic).bytes()),
            ("ab", bits().fixed(Block::Last, b"a").aligned().fixed(Block::Last, b"b").bytes()),
        ];
        for role in ROLES {
            for parameters in ["", peer_drops(role)] {
                for (tail, payload) in &table {
                    let message = items(inflated(role, parameters, &[payload]));
                    assert_eq!(message, texts(&[&format!("{head}{tail}")]), "{payload:x?}");
                }
            }
        }
    }
}

#[test]
fn section_7_2_3_4_a_last_block_keeps_the_window() {
    // Six bytes from before the last block, in the same message and in the next one.
    let first = Bits::new().fixed(Block::Inner, b"_abcdef_");
    let again = |bits: Bits, distance| bits.block(Block::Inner, FIXED).repeat(6, distance).end();
    let ended = first.clone().fixed(Block::Last, b"12").aligned();
    let same = again(ended.clone(), 9).message();
    let later = again(ended.clone().fixed(Block::Last, b"34").aligned(), 11).message();
    for role in ROLES {
        let expected = texts(&["_abcdef_12abcdef"]);
        assert_eq!(items(inflated(role, "", &[&same])), expected);
        assert_eq!(items(inflated(role, peer_drops(role), &[&same])), expected);
        assert_eq!(items(inflated(role, "", &[&later])), texts(&["_abcdef_1234abcdef"]));
        let expected = texts(&["_abcdef_12", "abcdef"]);
        let next = again(Bits::new(), 9).message();
        // The last block may also be the empty one at the end, whose lengths stay away.
        let empty = first.clone().fixed(Block::Inner, b"12").block(Block::Last, STORED).bytes();
        for payload in [ended.clone().message(), ended.clone().bytes(), empty] {
            assert_eq!(items(inflated(role, "", &[&payload, &next])), expected, "{payload:x?}");
            let outcome = inflated(role, peer_drops(role), &[&payload, &next]);
            assert_eq!((outcome.items.len(), outcome.failure), (1, BAD_DATA));
        }
        // From the message before one that has a last block at its start.
        let before = first.clone().message();
        let behind_it = again(Bits::new().fixed(Block::Last, b"12").aligned(), 9).message();
        let expected = texts(&["_abcdef_", "12abcdef"]);
        assert_eq!(items(inflated(role, "", &[&before, &behind_it])), expected);
    }
}

#[test]
fn section_7_2_3_4_a_whole_window_before_a_last_block() {
    // The last block ends 32 KiB behind the bytes that are repeated, most of them of the message before.
    let noise = noise(1, 32 << 10);
    for role in ROLES {
        for split in [0, 1, 5, 100, 20_000, 32_760, 32_768] {
            let (before, within) = noise.split_at(split);
            let first = Bits::new().stored(Block::Inner, before).message();
            let second = Bits::new().stored(Block::Last, within).block(Block::Inner, FIXED);
            let second = second.repeat(10, 32_768).end().message();
            let wire = [(FIN | RSV1 | BINARY, &first[..]), (FIN | RSV1 | BINARY, &second)];
            let mut codec = MessageCodec::from(end(role, ""));
            let messages = decoded(&mut codec, &frames(role, &wire)).expect("valid");
            let expected = [within, &noise[..10]].concat();
            assert_eq!(messages, [Message::binary(before.to_vec()), Message::binary(expected)]);
        }
    }
}

#[test]
fn section_7_2_2_data_that_is_none() {
    let hello = || Bits::new().fixed(Block::Inner, b"Hello");
    let ended = || Bits::new().fixed(Block::Last, b"Hello");
    let fixed = || Bits::new().block(Block::Inner, FIXED).literals(b"abc");
    let table = [
        ("block type 3", Bits::new().block(Block::Inner, 3).message()),
        ("block type 3 behind a block", hello().block(Block::Inner, 3).message()),
        ("a length that is not its complement", b"\x00\x05\x00\xfa\xfeHello\x00".to_vec()),
        ("length code 286", fixed().code(0xc6, 8).code(0, 5).end().message()),
        ("length code 287", fixed().code(0xc7, 8).code(0, 5).end().message()),
        ("distance code 30", fixed().code(1, 7).code(30, 5).end().message()),
        ("distance code 31", fixed().code(1, 7).code(31, 5).end().message()),
        ("a distance before the message", fixed().repeat(3, 4).end().message()),
        ("a distance before all", Bits::new().block(Block::Inner, FIXED).repeat(3, 1).message()),
        ("a distance of a window", fixed().repeat(3, 32_768).end().message()),
        (
            "287 literal codes",
            Bits::new()
                .block(Block::Inner, DYNAMIC)
                .number(30, 5)
                .number(0, 9)
                .then(&[0; 9])
                .bytes(),
        ),
        (
            "31 distance codes",
            Bits::new()
                .block(Block::Inner, DYNAMIC)
                .number(0, 5)
                .number(30, 5)
                .then(&[0; 9])
                .bytes(),
        ),
        ("a code without codes", Bits::new().block(Block::Inner, DYNAMIC).then(&[0; 40]).bytes()),
        ("too many short codes", Bits::new().block(Block::Inner, DYNAMIC).then(&[0x24; 9]).bytes()),
        ("a last block, then garbage", ended().then(&[0xff]).bytes()),
        ("a last block, then block type 3", ended().then(&[0x06, 0x00]).bytes()),
        ("a last block, then text", ended().then(b"Hello, garbage").bytes()),
        ("text", b"Hello, world".to_vec()),
        ("zlib's header", [&[0x78, 0x9c][..], &deflated("Hello")].concat()),
        ("gzip's header", [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &deflated("Hello")].concat()),
        // All four bytes of a flush are there, and get appended once more.
        ("a flush with its mark", Deflater::new().flushed(b"Hello")),
        ("more behind an empty message", b"\x00\x00".to_vec()),
    ];
    for role in ROLES {
        for parameters in ["", peer_drops(role)] {
            for (what, payload) in &table {
                let wire = frame(role, FIN | RSV1 | BINARY, payload);
                let outcome = received(role, parameters, &wire);
                assert_eq!((outcome.failure, &*outcome.rest), (BAD_DATA, &[][..]), "{what}");
                assert_eq!((outcome.items, outcome.end), (vec![], None), "{what}");
            }
        }
    }
}

#[test]
fn section_7_2_2_data_that_ends_inside_a_block() {
    let noisy: String = noise(7, 300).iter().map(|byte| char::from(byte & 0x7f)).collect();
    let payloads = [
        deflated("Hello"),
        deflated(long_text()),
        deflated(noisy),
        Bits::new().stored(Block::Inner, b"Hello, world").message(),
        Bits::new().stored(Block::Inner, &[0; 40]).message(),
        Bits::new().fixed(Block::Inner, &[0; 40]).message(),
        Bits::new().fixed(Block::Last, b"Hello, world").bytes(),
        Bits::new().stored(Block::Last, b"Hello, world").bytes(),
        Deflater::ended(long_text().as_bytes()),
    ];
    for role in ROLES {
        let codec = end(role, "");
        for payload in &payloads {
            // Every byte of a header, and of what is short; of the rest many.
            let cuts = (1..payload.len()).filter(|cut| *cut < 150 || cut % 61 == 0);
            for cut in cuts.chain([payload.len() - 2, payload.len() - 1]) {
                // That much is an empty message: a stored block, whose lengths get appended.
                if [0x00, 0x01].contains(&payload[0]) && cut == 1 {
                    continue;
                }
                let wire = frame(role, FIN | RSV1 | BINARY, &payload[..cut]);
                let read = decoded(&mut MessageCodec::from(codec.clone()), &wire);
                let failure = read.map_err(Failure::from).err();
                assert_eq!(failure, BAD_DATA, "the first {cut} bytes of {payload:x?}");
            }
        }
    }
}

#[test]
fn section_7_2_2_data_that_ends_inside_a_dynamic_blocks_header() {
    // 286 and 30 lengths are announced, each 0 or 8 in one bit. What is appended to the payload, 0 and 1
    // in turns, goes on with them, and is neither wrong nor enough.
    let header = Bits::new().block(Block::Inner, DYNAMIC);
    let header = header.number(29, 5).number(29, 5).number(15, 4);
    const ORDER: [u16; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    let header = ORDER
        .iter()
        .fold(header, |header, symbol| header.number(u16::from([0, 8].contains(symbol)), 3));
    for role in ROLES {
        for payload in [header.clone().bytes(), header.clone().number(0x55, 16).bytes()] {
            for parameters in ["", peer_drops(role)] {
                let outcome = inflated(role, parameters, &[&payload]);
                assert_eq!((outcome.items, outcome.failure), (vec![], BAD_DATA), "{payload:x?}");
            }
        }
    }
}

#[test]
fn section_7_2_2_data_that_what_is_appended_completes() {
    // Half a dynamic block's header. The zeros that are appended are the rest of it, and 9, 12 or 15 of the
    // ones behind them the end of the block: only the bits that are left then tell.
    let table: [(&[u8], usize, &[u8]); 3] = [
        (b"\x04\xf3\x01\xa4\x2c\x41\x10\x04\x41\x44\x56\xcf\xde\xfb", 30, b"\x80\x0f"),
        (b"\x04\xf4\x01\xa4\x6d\xdb\xb2\x04\x41\x44\x56\x8f\xb9\xf6\xb9\xef\x03", 29, b"\xc0\x07"),
        (
            b"\x04\xf5\x01\xa4\x6d\xdb\xb6\x6d\xcb\x46\xca\xa5\xb6\x3e\xe6\xda\xe7\xbe\x0f",
            29,
            b"\xe0\x03",
        ),
    ];
    let hello = Bits::new().fixed(Block::Inner, b"Hello").message();
    for role in ROLES {
        for (head, zeros, end) in table {
            let payload = [head, &vec![0; zeros], end].concat();
            let outcome = inflated(role, "", &[&hello, &payload, &hello]);
            assert_eq!((outcome.items.len(), outcome.failure), (1, BAD_DATA), "{payload:x?}");
        }
    }
}

#[test]
fn section_7_2_2_an_empty_payload_is_no_message() {
    for role in ROLES {
        let tables: [&[(u8, &[u8])]; 3] = [
            &[(FIN | RSV1 | TEXT, b"")],
            &[(FIRST, b""), (LAST, b"")],
            &[(FIRST, b""), (0, b""), (FIN | 9, b""), (LAST, b"")],
        ];
        for table in tables {
            let outcome = received(role, "", &frames(role, table));
            assert_eq!(outcome.failure, BAD_DATA, "{table:?}");
        }
    }
}

#[test]
fn rfc_1951_section_3_2_4_stored_blocks_of_any_length() {
    let long = noise(3, 40_000);
    for role in ROLES {
        let blocks: [&[u8]; 6] = [b"", b"a", &[0x00, 0x00, 0xff, 0xff], b"", &long, b"end"];
        let bits = blocks.iter().fold(Bits::new(), |bits, block| bits.stored(Block::Inner, block));
        let wire =
            frame(role, FIN | RSV1 | BINARY, &bits.clone().block(Block::Inner, STORED).bytes());
        assert_eq!(items(received(role, "", &wire)), [Message::binary(blocks.concat())]);
        // Without the empty block at the end there is nothing that the appended bytes complete.
        let outcome = received(role, "", &frame(role, FIN | RSV1 | BINARY, &bits.bytes()));
        assert_eq!(outcome.failure, BAD_DATA);
    }
}
