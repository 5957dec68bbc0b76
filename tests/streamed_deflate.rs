//! Compressed messages received in pieces (RFC 7692 section 7.2.2): blocks that say they are the last, and how far back
//! data may refer, inside a message and in the next one. What comes is what comes of the same bytes read whole.

#[path = "support/deflate/bits.rs"]
mod bits;
#[path = "support/deflate.rs"]
mod deflate;
#[path = "support/io.rs"]
mod io;
#[path = "support/streamed.rs"]
mod streamed;

use bits::{Bits, Block, FIXED, STORED};
use bowline::{ContextTakeover, Deflate, Message, Role};
use deflate::noise;
use io::{Read, Script, finish, frame, from_peer, item, untimed};
use streamed::{End, Shape, agreement, body, ends, fragments};

/// Every window with context, and none.
fn windows() -> Vec<Deflate> {
    let kept = [8, 9, 12, 15].map(|bits| agreement(ContextTakeover::Kept, bits));
    kept.into_iter().chain([agreement(ContextTakeover::Dropped, 15)]).collect()
}

/// How each message is read.
#[derive(Clone, Copy, Debug)]
enum Way {
    Whole,
    Streamed,
    /// In pieces of which one is taken; the rest is skipped.
    Left,
}

/// What becomes of messages: the payload of each, and the error behind them.
fn received(
    end: (Role, Shape),
    agreement: &Deflate,
    io: Script,
    ways: &[Way],
) -> (Vec<Option<Vec<u8>>>, Option<String>) {
    let mut receiver = End::over(io, end, Some(agreement), untimed().with_max_streamed_size(None));
    let mut got = Vec::new();
    for way in ways.iter().cycle() {
        if let Way::Whole = way {
            match finish(receiver.next()).map(item) {
                Some(Ok(Message::Binary(bytes))) => got.push(Some(bytes.to_vec())),
                Some(Ok(other)) => panic!("{other:?}"),
                Some(Err(error)) => return (got, Some(error)),
                None => return (got, None),
            }
            continue;
        }
        let mut message = match finish(receiver.next_streamed()) {
            Some(Ok(message)) => message,
            Some(Err(error)) => return (got, Some(format!("{error:?}"))),
            None => return (got, None),
        };
        if let Way::Left = way {
            match finish(message.next()) {
                Some(Err(error)) => return (got, Some(format!("{error:?}"))),
                _ => got.push(None),
            }
            continue;
        }
        match finish(body(&mut message)) {
            (bytes, None) => got.push(Some(bytes)),
            (_, error) => return (got, error),
        }
    }
    unreachable!("they end")
}

/// Reads the messages in every way, whole and in bytes; all must come to what comes of them whole.
#[track_caller]
fn check(payloads: &[Vec<u8>], agreement: &Deflate) -> (Vec<Option<Vec<u8>>>, Option<String>) {
    let whole_end = (Role::Client, Shape::Whole);
    let wire = |role, sizes: &[usize]| {
        let frames = payloads.iter().map(|payload| fragments(0xc2, payload, sizes).concat());
        from_peer(role, &[frames.collect::<Vec<_>>().concat(), frame(0x88, b"")].concat())
    };
    let ended = |bytes: &[u8], size: usize| {
        let io = Script::of(bytes.chunks(size).map(|chunk| Read::Bytes(chunk.to_vec())));
        io.arrive(Read::End);
        io
    };
    let of_whole = |wire: &[u8]| {
        // A Close is no item here.
        let io = ended(&wire[..wire.len() - 2], usize::MAX);
        let (got, error) = received(whole_end, agreement, io, &[Way::Whole]);
        (got, error.filter(|error| !error.contains("BetweenFrames")))
    };
    let expected = of_whole(&wire(Role::Client, &[]));
    for end in ends() {
        for ways in [&[Way::Streamed][..], &[Way::Left, Way::Streamed]] {
            // Of what is long, each byte on its own takes too long.
            let is_long = payloads.iter().any(|payload| payload.len() > 1000);
            let (few, some) = if is_long { (5000, 30_000) } else { (1, 3) };
            for (sizes, size) in [(&[][..], usize::MAX), (&[], some), (&[1, 0, 4], few)] {
                let (got, error) = received(end, agreement, ended(&wire(end.0, sizes), size), ways);
                let place = format!("{end:?} {agreement:?} {ways:?} {sizes:?} in {size}s");
                let is_same = got.iter().zip(&expected.0).all(|(a, b)| a.is_none() || a == b);
                let len = expected.0.len();
                assert!(is_same, "{place}");
                // One of which only the beginning was taken may break behind it.
                assert!(got.len() == len || error.is_some() && got.len() == len + 1, "{place}");
                assert_eq!(error, expected.1, "{place}");
            }
        }
    }
    expected
}

/// "Copy from so far back", as a message of its own.
fn copied(len: u16, distance: u16) -> Bits {
    Bits::new().block(Block::Inner, FIXED).repeat(len, distance).end()
}

#[test]
fn section_7_2_3_4_a_message_goes_on_behind_a_last_block() {
    let first = || Bits::new().fixed(Block::Last, b"0123456789").aligned();
    let again = |bits: Bits| bits.block(Block::Inner, FIXED).repeat(4, 10).end();
    for agreement in windows() {
        for (payload, text) in [
            (first().bytes(), &b"0123456789"[..]),
            (first().message(), b"0123456789"),
            (again(first()).message(), b"01234567890123"),
            (again(first().fixed(Block::Last, b"").aligned()).message(), b"01234567890123"),
            (first().stored(Block::Last, b"abc").bytes(), b"0123456789abc"),
            (first().block(Block::Last, STORED).bytes(), b"0123456789"),
        ] {
            // And the next message begins with the window that it has left, or with none.
            let next = copied(3, 5).message();
            let (got, error) = check(&[payload.clone(), next], &agreement);
            assert_eq!(got[0].as_deref(), Some(text), "{agreement:?}");
            let is_kept = format!("{agreement:?}").contains("Kept");
            let expected = text[text.len() - 5..][..3].to_vec();
            if is_kept {
                assert_eq!((got.get(1), error), (Some(&Some(expected)), None), "{agreement:?}");
            } else {
                assert_eq!((got.len(), error.as_deref()), (1, Some("Protocol(InvalidDeflate)")));
            }
        }
    }
}

/// Whatever was handed out of a message is still there to be referred to, as far back as agreed on.
#[test]
fn section_7_2_2_data_refers_as_far_back_as_was_agreed_on() {
    let data = noise(1, 70_000);
    let stored = |data: &[u8], last| {
        data.chunks(20_000).fold(Bits::new(), |bits, chunk| bits.stored(last, chunk))
    };
    for (bits, agreement) in [8, 9, 12, 15, 15].into_iter().zip(windows()) {
        let is_kept = format!("{agreement:?}").contains("Kept");
        let window = 1u16 << if bits == 8 { 9 } else { bits };
        for (last, distance) in [Block::Inner, Block::Last].into_iter().zip([window, window - 1]) {
            for distance in [1, distance] {
                let place = data.len() - usize::from(distance);
                let expected = [&data[..], &data[place..][..1]].concat();
                // Inside one message.
                let inside = stored(&data, last).block(Block::Inner, FIXED);
                let inside = inside.repeat(3, distance).end().message();
                let (got, error) = check(&[inside], &agreement);
                assert_eq!(error, None, "{agreement:?} {last:?} {distance}");
                assert!(got[0].as_ref().expect("whole").starts_with(&expected));
                // From the next one.
                let payloads = [stored(&data, last).message(), copied(3, distance).message()];
                let (got, error) = check(&payloads, &agreement);
                assert_eq!(error.is_none(), is_kept, "{agreement:?} {last:?} {distance}");
                assert_eq!(got.len(), if is_kept { 2 } else { 1 });
            }
        }
        if is_kept && window < 1 << 15 {
            let too_far = [stored(&data, Block::Inner).message(), copied(3, window + 1).message()];
            let (got, error) = check(&too_far, &agreement);
            assert_eq!((got.len(), error.as_deref()), (1, Some("Protocol(InvalidDeflate)")));
        }
    }
}

#[test]
fn section_7_2_2_a_message_that_ends_inside_a_block_is_refused() {
    for agreement in windows() {
        for payload in [
            Bits::new().block(Block::Inner, FIXED).literals(b"abc").bytes(),
            Bits::new().stored(Block::Inner, b"abcdef").bytes()[..8].to_vec(),
            Bits::new().fixed(Block::Last, b"abc").then(&[0x07]).bytes(),
            vec![],
        ] {
            let (got, error) = check(&[payload], &agreement);
            assert_eq!((got.len(), error.as_deref()), (0, Some("Protocol(InvalidDeflate)")));
        }
    }
}

/// A flood of last blocks asks for work with two bytes each.
#[test]
fn a_flood_of_last_blocks_is_refused() {
    for agreement in windows() {
        let flood = (0..2000).fold(Bits::new(), |bits, _| bits.fixed(Block::Last, b"").aligned());
        let (got, error) = check(&[flood.message()], &agreement);
        assert_eq!(got.len(), 0);
        assert_eq!(error.as_deref(), Some("Limit(TooManyLastBlocks { blocks: 1025 })"));
    }
}
