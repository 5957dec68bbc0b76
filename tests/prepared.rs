//! `Prepared`: encoded once, queued by reference, compressed once for each size of window; on the wire what
//! `send` would have sent.

#[path = "support/deflate.rs"]
mod deflate;
#[path = "support/heap.rs"]
mod heap;
#[path = "support/io.rs"]
mod io;

use std::slice::from_ref;

use bowline::{
    Config, Deflate, Error, MaskingKey, Message, MessageCodec, Prepared, Role, UsageError,
    WebSocket,
};
use deflate::{
    Inflater, RSV1, agreeing_on, codecs, configured, full_context, inflated, noise, sent_frames,
};
use heap::cost;
use io::{KEY, ROLES, Script, drain, finish, frame, other, run, untimed, websocket};
use tokio_util::codec::Framed;

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;

const SIZES: [usize; 6] = [0, 125, 126, 65535, 65536, 1 << 20];

fn prepared(message: impl Into<Message>) -> Prepared {
    Prepared::new(message).expect("no Close")
}

/// How a prepared message is sent.
#[derive(Clone, Copy, Debug)]
enum Way {
    Whole,
    WholeFed,
    Half,
    HalfFed,
}

const WAYS: [Way; 4] = [Way::Whole, Way::WholeFed, Way::Half, Way::HalfFed];

/// What goes out when these are sent so on a transport that takes all.
fn written(mut ws: WebSocket<Script>, io: &Script, way: Way, messages: &[Prepared]) -> Vec<u8> {
    if matches!(way, Way::Whole | Way::WholeFed) {
        for message in messages {
            match way {
                Way::Whole => finish(ws.send_prepared(message)),
                _ => finish(ws.feed_prepared(message)),
            }
            .expect("open");
        }
        finish(ws.flush()).expect("open");
        return io.written();
    }
    let (_reader, mut writer) = ws.split();
    for message in messages {
        match way {
            Way::Half => finish(writer.send_prepared(message)),
            _ => finish(writer.feed_prepared(message)),
        }
        .expect("open");
    }
    finish(writer.flush()).expect("open");
    io.written()
}

/// Text, binary, ping and pong of every size of header.
fn messages() -> Vec<Message> {
    let data = SIZES
        .into_iter()
        .flat_map(|len| [Message::text("x".repeat(len)), Message::binary(noise(len as u64, len))]);
    let control = [0, 4, 125].map(|len| [Message::ping(vec![7; len]), Message::pong(vec![8; len])]);
    data.chain(control.into_iter().flatten()).collect()
}

// ---- without compression ----

#[test]
fn on_the_wire_it_is_what_send_sends() {
    for (message, role) in messages().into_iter().flat_map(|m| ROLES.map(|role| (m.clone(), role)))
    {
        let news = prepared(message.clone());
        assert_eq!(news.len(), message.len());
        assert_eq!(news.is_empty(), message.is_empty());
        let io = Script::of([]);
        finish(websocket(role, io.clone(), untimed()).send(message.clone())).expect("open");
        for way in WAYS {
            for vectored in [true, false] {
                let far = Script::of([]);
                let far = if vectored { far } else { far.not_vectored() };
                let ws = websocket(role, far.clone(), untimed());
                let sent = written(ws, &far, way, from_ref(&news));
                assert!(sent == io.written(), "{role:?}, {way:?}: {} bytes", message.len());
            }
        }
    }
}

/// As anything queued: behind what was fed before, and ahead of what is fed next.
#[test]
fn it_keeps_its_place_among_others() {
    for (role, len) in ROLES.into_iter().flat_map(|role| [0, 5, 5000].map(|len| (role, len))) {
        let io = Script::of([]).room(3);
        let mut ws = websocket(role, io.clone(), untimed());
        let news = prepared(vec![1; len]);
        let mut expected = Vec::new();
        for n in 0..5 {
            finish(ws.feed(vec![n; 10])).expect("room");
            finish(ws.feed_prepared(&news)).expect("room");
            finish(ws.feed_prepared(&news)).expect("room");
            expected.extend([vec![n; 10], vec![1; len], vec![1; len]]);
        }
        assert!(run(ws.flush()).is_pending());
        io.make_room(None);
        finish(ws.flush()).expect("open");
        let sent = sent_frames(&io.written());
        assert!(sent == expected.into_iter().map(|payload| (BINARY, payload)).collect::<Vec<_>>());
    }
}

/// Frames not begun give way to a pong, a shared one too.
#[test]
fn a_pong_overtakes_what_is_shared_and_not_begun() {
    let io = Script::of([]).room(3);
    let mut ws = websocket(Role::Server, io.clone(), untimed());
    let news = prepared(vec![1; 5000]);
    finish(ws.feed_prepared(&news)).expect("room");
    finish(ws.feed_prepared(&news)).expect("room");
    assert!(run(ws.flush()).is_pending());
    io.arrive_bytes(io::from_peer(Role::Server, &frame(0x89, b"?")));
    assert_eq!(drain(&mut ws), [Some(Ok(Message::ping("?")))]);
    io.make_room(None);
    finish(ws.flush()).expect("open");
    let whole = frame(BINARY, &[1; 5000]);
    assert!(io.written() == [&whole[..], b"\x8a\x01?", &whole].concat());
}

#[test]
fn many_connections_that_do_not_read_hold_one_copy() {
    const CONNECTIONS: usize = 500;
    let config = || untimed().with_high_water(8 << 20);
    let blocked = |_| WebSocket::new(Script::of([]).room(0), Role::Server, config());
    let mut guests: Vec<_> = (0..CONNECTIONS).map(blocked).collect();
    let (made, news) = cost(|| prepared(noise(1, 1 << 20)));
    assert!(made.kept < (2 << 20) + 10_000, "{made:?}");
    let (told, ()) = cost(|| {
        for guest in &mut guests {
            finish(guest.feed_prepared(&news)).expect("room");
            finish(guest.feed_prepared(&news.clone())).expect("room");
            assert!(run(guest.flush()).is_pending());
        }
    });
    assert!(told.kept < CONNECTIONS as isize * 1024, "{told:?}");
}

/// Behind the header, all that a server hands to its transport is the one copy.
#[test]
fn a_transport_is_handed_the_shared_bytes() {
    let news = prepared(noise(1, 5000));
    let addresses = [(); 2].map(|()| {
        let io = Script::of([]);
        let mut ws = websocket(Role::Server, io.clone(), untimed());
        finish(ws.send_prepared(&news)).expect("open");
        io.record().writes
    });
    assert_eq!(addresses[0], addresses[1]);
    assert_eq!(addresses[0].concat().iter().map(|slice| slice.1).sum::<usize>(), 5004);
}

#[test]
fn section_5_3_a_client_masks_each_with_a_fresh_key() {
    let news = prepared("Hello, Hello");
    let io = Script::of([]);
    let mut ws = WebSocket::new(io.clone(), Role::Client, untimed());
    for _ in 0..20 {
        finish(ws.send_prepared(&news)).expect("open");
    }
    let written = io.written();
    assert_eq!(sent_frames(&written), vec![(TEXT, b"Hello, Hello".to_vec()); 20]);
    let mut keys: Vec<_> = written.chunks(6 + 12).map(|frame| &frame[2..6]).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 20, "twenty keys");
    let peer = Script::new(written);
    let items = drain(&mut websocket(Role::Server, peer, untimed()));
    assert_eq!(items, vec![Some(Ok(Message::text("Hello, Hello"))); 20]);
}

#[test]
fn the_outgoing_frame_size_cuts_it() {
    for (role, size) in ROLES.into_iter().flat_map(|role| [1, 99, 100, 101].map(|s| (role, s))) {
        let news = prepared(noise(1, 100));
        let config = || untimed().with_outgoing_frame_size(Some(size));
        let io = Script::of([]);
        finish(websocket(role, io.clone(), config()).send(noise(1, 100))).expect("open");
        assert_eq!(sent_frames(&io.written()).len(), 100_usize.div_ceil(size));
        for way in WAYS {
            let far = Script::of([]);
            let ws = websocket(role, far.clone(), config());
            let sent = written(ws, &far, way, from_ref(&news));
            assert_eq!(sent, io.written(), "{role:?}, {way:?}, {size}");
        }
    }
}

// ---- refused ----

#[test]
fn what_is_said_to_one_peer_only_or_is_too_long_is_refused() {
    for (message, error) in [
        (Message::Close(None), UsageError::PreparedClose),
        (Message::close(1000, "bye"), UsageError::PreparedClose),
        (Message::ping(vec![0; 126]), UsageError::ControlTooLong(126)),
        (Message::pong(vec![0; 126]), UsageError::ControlTooLong(126)),
    ] {
        assert_eq!(Prepared::new(message).map(drop), Err(error));
    }
}

#[test]
fn section_5_5_1_after_close_it_is_refused() {
    let is_refused = |result: Result<(), Error>| {
        assert!(matches!(result, Err(Error::Usage(UsageError::SendAfterClose))), "{result:?}");
    };
    for role in ROLES {
        let news = prepared("too late");
        let io = Script::of([]);
        let mut ws = websocket(role, io.clone(), untimed());
        finish(ws.send(Message::Close(None))).expect("open");
        let closed = io.written();
        is_refused(finish(ws.send_prepared(&news)));
        is_refused(finish(ws.feed_prepared(&news)));
        let (_reader, mut writer) = ws.split();
        is_refused(finish(writer.send_prepared(&news)));
        is_refused(finish(writer.feed_prepared(&news)));
        let _ = finish(writer.flush());
        assert_eq!(io.written(), closed, "{role:?}");
    }
}

// ---- compressed ----

fn codec(role: Role, parameters: &str) -> MessageCodec {
    let (server, client) = agreeing_on(parameters);
    let codec = if role == Role::Server { server } else { client };
    codec.with_masking_keys(|| MaskingKey::new(KEY)).into()
}

fn on(codec: MessageCodec, io: &Script, config: Config) -> WebSocket<Script> {
    WebSocket::from_framed(Framed::new(io.clone(), codec), config)
}

fn agreed(role: Role, parameters: &str, io: &Script) -> WebSocket<Script> {
    on(codec(role, parameters), io, untimed())
}

/// Every window and context that a side can have agreed on.
fn agreements(side: &str) -> Vec<String> {
    // Fifteen bits are what there is where nothing is said.
    let windows = (8..15).map(|bits| format!("; {side}_max_window_bits={bits}"));
    let context = format!("; {side}_no_context_takeover");
    let all = windows.chain([String::new()]).flat_map(|w| [w.clone(), format!("{context}{w}")]);
    all.map(|parameters| parameters.trim_start_matches("; ").to_owned()).collect()
}

/// What is worth referring back to, near and far: prose between stretches of noise.
fn story(seed: u64) -> Vec<u8> {
    let prose = b"The bowline makes a fixed loop at the end of a rope. ";
    let chapter = |n: u64| [&prose[..], prose, &noise(n % 3, 200 << (n % 7))].concat();
    (seed..seed + 9).flat_map(chapter).collect()
}

#[test]
fn section_7_1_prepared_messages_between_others_inflate_at_any_peer() {
    let shared: Vec<_> = (0..3).map(|n| (story(n), prepared(story(n)))).collect();
    for role in ROLES {
        let side = if role == Role::Server { "server" } else { "client" };
        for parameters in agreements(side) {
            let io = Script::of([]);
            let mut ws = agreed(role, &parameters, &io);
            let mut expected = Vec::new();
            for n in 0..12 {
                let (story, news) = &shared[n / 2 % 3];
                match n % 4 {
                    0 => finish(ws.feed(story.clone())),
                    1 => finish(ws.feed_uncompressed(story.clone())),
                    _ => finish(ws.feed_prepared(news)),
                }
                .expect("room");
                expected.push(story.clone());
            }
            finish(ws.flush()).expect("open");
            let frames = sent_frames(&io.written());
            let mut peer = Inflater::new();
            let naive = frames.iter().map(|(first, payload)| match first & RSV1 {
                0 => payload.clone(),
                _ => peer.message(payload),
            });
            assert!(naive.eq(expected.iter().cloned()), "{role:?}, {parameters}: naively");
            assert!(frames.iter().any(|(first, _)| first & RSV1 != 0), "{parameters}");
            let far = Script::new(io.written());
            let items = drain(&mut agreed(other(role), &parameters, &far));
            let expected = expected.into_iter().map(|story| Some(Ok(Message::binary(story))));
            assert!(items.into_iter().eq(expected), "{role:?}, {parameters}");
        }
    }
}

/// Two connections of one window are handed the same bytes, those of another their own.
#[test]
fn it_is_compressed_once_for_each_window() {
    let text = "The tide turns. ".repeat(3000);
    let news = prepared(text.clone());
    let mut forms = Vec::new();
    // Eight bits are compressed as nine.
    let agreements = agreements("server");
    for parameters in agreements[2..].chunks(2) {
        let writes = [0, 1].map(|n| {
            let io = Script::of([]);
            finish(agreed(Role::Server, &parameters[n], &io).send_prepared(&news)).expect("open");
            let [(first, payload)] = &sent_frames(&io.written())[..] else { panic!("one frame") };
            assert_eq!((*first, inflated(payload)), (TEXT | RSV1, text.clone().into_bytes()));
            io.record().writes
        });
        assert_eq!(writes[0], writes[1], "{parameters:?}");
        forms.extend(writes[0].clone());
    }
    forms.sort_unstable();
    forms.dedup();
    assert_eq!(forms.len(), 7, "seven windows, seven forms");
}

#[test]
fn what_others_have_compressed_costs_a_connection_nothing() {
    let news = prepared("The tide turns. ".repeat(3000));
    let ios: Vec<_> = (0..20).map(|_| Script::of([]).room(0)).collect();
    let mut guests: Vec<_> = ios.iter().map(|io| agreed(Role::Server, "", io)).collect();
    finish(guests[0].feed_prepared(&news)).expect("room");
    for guest in &mut guests[1..] {
        let (told, ()) = cost(|| finish(guest.feed_prepared(&news)).expect("room"));
        assert!(told.calls <= 3 && told.peak < 1024, "room in the queue, and no more: {told:?}");
    }
}

#[test]
fn below_the_threshold_or_not_shrinking_it_goes_plain() {
    let deflate = |threshold| full_context().with_threshold(threshold);
    for (payload, threshold, is_compressed) in [
        (vec![7; 99], 100, false),
        (vec![7; 100], 100, true),
        (noise(1, 100), 100, false),
        (noise(1, 100_000), 0, false),
        (vec![], 0, false),
        (vec![7], 0, false),
        (vec![7; 50], 0, true),
    ] {
        let agreed = |io: &Script| {
            let (server, _) = codecs(deflate(threshold), Deflate::new());
            on(server, io, untimed())
        };
        for way in WAYS {
            let io = Script::of([]);
            let news = prepared(payload.clone());
            let sent =
                written(agreed(&io), &io, way, &[news.clone(), prepared(Message::ping("?")), news]);
            let [(first, said), (0x89, ping), (again, _)] = &sent_frames(&sent)[..] else {
                panic!("three frames")
            };
            assert_eq!((*first & RSV1 != 0, first), (is_compressed, again), "{way:?}, {threshold}");
            assert_eq!(ping, b"?");
            assert!(is_compressed || *said == payload, "{way:?}: as it is");
        }
    }
}

/// One message is below the threshold of one connection and not of another, and neither minds.
#[test]
fn each_connection_keeps_its_own_terms() {
    let news = prepared("x".repeat(1000));
    for (deflate, size, expected) in [
        (configured(full_context(), "server_max_window_bits=9"), None, vec![TEXT | RSV1]),
        (full_context().with_threshold(2000), None, vec![TEXT]),
        (full_context().with_threshold(2000), Some(600), vec![0x01, 0x80]),
        (full_context(), Some(600), vec![TEXT | RSV1]),
        (full_context(), Some(5), vec![0x01 | RSV1, 0x00, 0x80]),
    ] {
        let io = Script::of([]);
        let (server, _) = codecs(deflate, full_context());
        let mut ws = on(server, &io, untimed().with_outgoing_frame_size(size));
        finish(ws.send_prepared(&news)).expect("open");
        let frames = sent_frames(&io.written());
        let firsts: Vec<_> = frames.iter().map(|(first, _)| *first).collect();
        assert_eq!(firsts, expected, "{size:?}: {frames:02x?}");
        let payload = frames.into_iter().flat_map(|(_, payload)| payload).collect::<Vec<_>>();
        let message = if firsts[0] & RSV1 == 0 { payload } else { inflated(&payload) };
        assert!(message == "x".repeat(1000).into_bytes());
    }
}
