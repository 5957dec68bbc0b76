//! Random messages, cut and interleaved at random, through random transports: whatever goes in on one end
//! comes out on the other, in order, and both ends close cleanly.

#[path = "support/io.rs"]
mod io;

use bowline::{Config, Message, Role, WebSocket};
use io::{
    Item, ROLES, Read, Script, drain, finish, frame, from_peer, item, untimed, websocket, wire,
};
use proptest::{collection::vec, prelude::*, sample::Index};
use tokio::{io::DuplexStream, runtime::Builder, sync::oneshot};

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Lengths around each change of the header, and up to some thousands.
fn length() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 0..20usize, 2 => 120..130usize, 1 => 4000..4200usize, 1 => 0..9000usize]
}

fn data() -> impl Strategy<Value = Message> {
    let payload = |(length, seed): (usize, u8)| -> Vec<u8> {
        (0..length).map(|n| (n as u8).wrapping_mul(31) ^ seed).collect()
    };
    prop_oneof![
        (length(), any::<u8>()).prop_map(move |seed| Message::binary(payload(seed))),
        (length(), any::<char>())
            .prop_map(|(length, c)| { Message::text(c.to_string().repeat(length / c.len_utf8())) }),
    ]
}

fn control() -> impl Strategy<Value = Message> {
    prop_oneof![
        vec(any::<u8>(), 0..126).prop_map(Message::ping),
        vec(any::<u8>(), 0..126).prop_map(Message::pong),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![4 => data(), 1 => control()]
}

// ---- a scripted peer ----

/// A message as frames cut at these places, with control messages put in between.
fn fragmented(message: &Message, cuts: &[Index], between: &[Message]) -> Vec<Vec<u8>> {
    let payload = message.clone().into_bytes();
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(payload.len() + 1)).collect();
    places.extend([0, payload.len()]);
    places.sort_unstable();
    let opcode = if message.as_text().is_some() { 0x01 } else { 0x02 };
    let last = places.len() - 2;
    let mut frames = Vec::new();
    for (n, ends) in places.windows(2).enumerate() {
        let fin = if n == last { 0x80 } else { 0 };
        let first = fin | if n == 0 { opcode } else { 0 };
        frames.push(frame(first, &payload[ends[0]..ends[1]]));
        if let Some(control) = between.get(n).filter(|_| n < last) {
            frames.push(control_frame(control));
        }
    }
    frames
}

fn control_frame(message: &Message) -> Vec<u8> {
    match message {
        Message::Ping(payload) => frame(0x89, payload),
        Message::Pong(payload) => frame(0x8a, payload),
        other => panic!("{other:?}"),
    }
}

/// A data message with its cuts and what comes between its fragments.
type Cut = (Message, Vec<Index>, Vec<Message>);

/// What the wire looks like, and what must come of it.
fn scripted(messages: &[Cut]) -> (Vec<u8>, Vec<Item>) {
    let (mut wire, mut expected) = (Vec::new(), Vec::new());
    for (message, cuts, between) in messages {
        let frames = fragmented(message, cuts, between);
        let controls = frames.len() - (cuts.len() + 1);
        expected.extend(between.iter().take(controls).cloned().map(Ok));
        expected.push(Ok(message.clone()));
        wire.extend(frames.concat());
    }
    expected.push(Ok(Message::close(1000, "")));
    wire.extend(b"\x88\x02\x03\xe8");
    (wire, expected)
}

/// The bytes in reads that end at these places, some of them after a pause.
fn reads(bytes: &[u8], cuts: &[(Index, bool)]) -> Vec<Read> {
    let mut places: Vec<_> =
        cuts.iter().map(|(cut, pauses)| (cut.index(bytes.len() + 1), *pauses)).collect();
    places.push((bytes.len(), false));
    places.sort_unstable();
    let (mut reads, mut start) = (Vec::new(), 0);
    for (end, pauses) in places {
        if end > start {
            reads.push(Read::Bytes(bytes[start..end].to_vec()));
            start = end;
        }
        if pauses {
            reads.push(Read::Pending);
        }
    }
    reads.push(Read::End);
    reads
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn section_5_4_any_fragmentation_in_any_reads_is_put_together(
        messages in vec((data(), vec(any::<Index>(), 0..5), vec(control(), 0..5)), 0..8),
        cuts in vec((any::<Index>(), any::<bool>()), 0..40),
    ) {
        let (bytes, expected) = scripted(&messages);
        for role in ROLES {
            let io = Script::of(reads(&from_peer(role, &bytes), &cuts));
            let mut ws = websocket(role, io.clone(), untimed());
            let mut items = drain(&mut ws);
            prop_assert_eq!(items.pop(), Some(None));
            let items: Vec<_> = items.into_iter().flatten().collect();
            prop_assert_eq!(&items, &expected);
            // Every ping is answered while the transport takes the answers, and Close comes last.
            let pings = expected.iter().filter_map(|item| match item {
                Ok(Message::Ping(payload)) => Some(frame(0x8a, payload)),
                _ => None,
            });
            let answers = pings.chain([b"\x88\x02\x03\xe8".to_vec()]).collect::<Vec<_>>().concat();
            prop_assert_eq!(io.written(), wire(role, &answers));
        }
    }

    /// What is sent is what the frames say, however little the transport takes at a time.
    #[test]
    fn section_5_2_any_messages_through_any_partial_writes_are_their_frames(
        messages in vec(message(), 0..12),
        pieces in vec(1..5000usize, 1..20),
        is_vectored in any::<bool>(),
        high_water in 0..10_000usize,
    ) {
        let expected: Vec<u8> = messages.iter().flat_map(|message| match message {
            Message::Text(text) => frame(0x81, text.as_bytes()),
            Message::Binary(bytes) => frame(0x82, bytes),
            control => control_frame(control),
        }).collect();
        for role in ROLES {
            let io = Script::of([]).room(0);
            let io = if is_vectored { io } else { io.not_vectored() };
            let mut ws = websocket(role, io.clone(), untimed().with_high_water(high_water));
            let mut sending = Box::pin(async {
                for message in messages.clone() {
                    ws.feed(message).await?;
                }
                ws.flush().await
            });
            let mut pieces = pieces.iter().cycle();
            while io::run(sending.as_mut()).is_pending() {
                io.make_room(pieces.next().copied());
            }
            prop_assert!(io.written() == wire(role, &expected), "{:?}", role);
        }
    }
}

// ---- two ends ----

/// One end of a conversation: what it says, and how.
#[derive(Clone, Debug)]
struct Talk {
    messages: Vec<Message>,
    /// Whether each is sent at once, or fed.
    is_sent: Vec<bool>,
    frame_size: Option<usize>,
    high_water: usize,
}

fn talk() -> impl Strategy<Value = Talk> {
    let frame_size = prop_oneof![Just(None), (1..300usize).prop_map(Some)];
    (vec((message(), any::<bool>()), 0..20), frame_size, 0..5000usize).prop_map(
        |(messages, frame_size, high_water)| {
            let (messages, is_sent) = messages.into_iter().unzip();
            Talk { messages, is_sent, frame_size, high_water }
        },
    )
}

/// The pongs that nobody sent by hand answer pings, and how many of them come depends on the other's haste.
fn is_certain(message: &Message) -> bool {
    !matches!(message, Message::Pong(_))
}

/// Says all of it while it listens, then closes if that is its part; what it heard.
async fn converse(role: Role, io: DuplexStream, talk: Talk, closer: Role) -> Vec<Item> {
    let config =
        Config::new().with_outgoing_frame_size(talk.frame_size).with_high_water(talk.high_water);
    let (mut stream, mut sink) = WebSocket::new(io, role, config).split();
    let (tell, told) = oneshot::channel();
    let speak = async {
        for (message, is_sent) in talk.messages.into_iter().zip(talk.is_sent) {
            let said = if is_sent { sink.send(message).await } else { sink.feed(message).await };
            said.expect("open");
        }
        // Both have said everything when both have said this.
        sink.send(Message::text("over")).await.expect("open");
        if role == closer {
            told.await.expect("the peer's last word");
            sink.send(Message::close(4000, "over")).await.expect("open");
        }
    };
    // It listens to the very end: what is still to be said needs a peer that reads, and so does the peer's pong.
    let listen = async {
        let (mut heard, mut tell) = (Vec::new(), Some(tell));
        while let Some(next) = stream.next().await {
            if matches!(&next, Ok(message) if message.as_text() == Some("over")) {
                // Only who closes wants to know.
                let _ = tell.take().map(|tell| tell.send(()));
            }
            heard.push(item(next));
        }
        heard
    };
    let ((), heard) = tokio::join!(speak, listen);
    heard
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn two_ends_hear_what_the_other_says_and_close_cleanly(
        client in talk(),
        server in talk(),
        room in prop_oneof![1..10usize, 10..3000usize],
        closer in prop_oneof![Just(Role::Client), Just(Role::Server)],
    ) {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let (near, far) = tokio::io::duplex(room);
        let (client_heard, server_heard) = runtime.expect("a runtime").block_on(async {
            let start = tokio::time::Instant::now();
            let heard = tokio::join!(
                converse(Role::Client, near, client.clone(), closer),
                converse(Role::Server, far, server.clone(), closer),
            );
            // Nobody has waited for a deadline.
            assert_eq!(start.elapsed().as_secs(), 0);
            heard
        });
        let ends = [(Role::Client, client_heard, server), (Role::Server, server_heard, client)];
        for (role, heard, other) in ends {
            let certain = |item: &Item| item.as_ref().map_or(true, is_certain);
            let heard: Vec<_> = heard.into_iter().filter(certain).collect();
            let said = other.messages.into_iter().filter(is_certain);
            // Whoever closed hears its code again, without the reason.
            let reason = if role == closer { "" } else { "over" };
            let end = [Message::text("over"), Message::close(4000, reason)];
            let expected: Vec<Item> = said.chain(end).map(Ok).collect();
            prop_assert_eq!(heard, expected, "{:?}", role);
        }
    }
}

#[test]
fn the_model_itself_cuts_and_interleaves() {
    let cut: Cut = (Message::text("abc"), vec![], vec![Message::ping("?")]);
    assert_eq!(scripted(&[cut]).0, b"\x81\x03abc\x88\x02\x03\xe8");
    let io = Script::of(reads(&from_peer(Role::Client, b"\x81\x01a"), &[]));
    let mut ws = websocket(Role::Client, io, untimed());
    assert_eq!(finish(ws.next()).map(item), Some(Ok(Message::text("a"))));
}
