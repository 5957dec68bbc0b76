//! What one end compresses the other inflates (RFC 7692 section 7.2), whatever the messages, the parameters,
//! the fragments and the pieces in which they arrive; with another implementation at either end too.

#[path = "support/codec.rs"]
mod codec;
#[path = "support/deflate.rs"]
mod deflate;

use bowline::{ContextTakeover, Deflate, Message, MessageCodec, Role};
use bytes::BytesMut;
use codec::{BINARY, CONTINUATION, FIN, PING, ROLES, TEXT, frame, other};
use deflate::{Deflater, Inflater, RSV1, encoded, handshake, noise, sent_frames};
use proptest::{collection::vec, option, prelude::*, sample::Index};
use tokio_util::codec::Decoder;

use ContextTakeover::{Dropped, Kept};

/// What both ends are configured to, and so agree on.
#[derive(Clone, Copy, Debug)]
struct Terms {
    server: (ContextTakeover, u8),
    client: (ContextTakeover, u8),
    level: u8,
    memory_level: u8,
    threshold: usize,
}

impl Terms {
    fn wishes(self) -> Deflate {
        Deflate::new()
            .with_server_context_takeover(self.server.0)
            .with_server_max_window_bits(self.server.1)
            .with_client_context_takeover(self.client.0)
            .with_client_max_window_bits(self.client.1)
            .with_level(self.level)
            .with_memory_level(self.memory_level)
            .with_threshold(self.threshold)
    }

    /// Whether an end of this role keeps the context of what it sends.
    fn context(self, sender: Role) -> ContextTakeover {
        match sender {
            Role::Server => self.server.0,
            Role::Client => self.client.0,
        }
    }

    /// Whether an end of this role may leave a message as it is for want of gain: where it stands for
    /// itself, or fills the window by itself.
    fn may_stay(self, sender: Role, message: &Message) -> bool {
        let bits = match sender {
            Role::Server => self.server.1,
            Role::Client => self.client.1,
        };
        self.context(sender) == Dropped || message.len() >= 1 << bits.max(9)
    }

    /// A sender of this role, and a receiver of what it sends.
    fn codecs(self, sender: Role) -> (MessageCodec, MessageCodec) {
        let agreed = handshake(self.wishes(), self.wishes());
        let has = |parameter: &str| agreed.response.split("; ").any(|said| said == parameter);
        for (name, (context, bits)) in [("server", self.server), ("client", self.client)] {
            let no_context_takeover = format!("{name}_no_context_takeover");
            assert_eq!(has(&no_context_takeover), context == Dropped, "{}", agreed.response);
            let max_window_bits = format!("{name}_max_window_bits={bits}");
            assert_eq!(has(&max_window_bits), bits < 15, "{}", agreed.response);
        }
        match sender {
            Role::Server => (agreed.server.into(), agreed.client.into()),
            Role::Client => (agreed.client.into(), agreed.server.into()),
        }
    }
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Client), Just(Role::Server)]
}

fn direction() -> impl Strategy<Value = (ContextTakeover, u8)> {
    (prop_oneof![Just(Kept), Just(Dropped)], 8..=15u8)
}

fn terms() -> impl Strategy<Value = Terms> {
    let threshold = prop_oneof![Just(0), 1..=200usize];
    (direction(), direction(), 0..=9u8, 1..=9u8, threshold).prop_map(
        |(server, client, level, memory_level, threshold)| Terms {
            server,
            client,
            level,
            memory_level,
            threshold,
        },
    )
}

/// The same, as a peer with windows of 15 bits alone may agree to.
fn widest_terms() -> impl Strategy<Value = Terms> {
    terms().prop_map(|terms| Terms {
        server: (terms.server.0, 15),
        client: (terms.client.0, 15),
        ..terms
    })
}

/// Messages by how they relate to those before.
#[derive(Clone, Debug)]
enum Kind {
    Words(Vec<u8>),
    Unicode(String),
    Noise(u64, usize),
    Run(u8, usize),
    /// An earlier one again; a longer distance back than small windows reach.
    Again(Index),
    Empty,
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        4 => vec(any::<u8>(), 0..200).prop_map(Kind::Words),
        2 => any::<String>().prop_map(Kind::Unicode),
        2 => (any::<u64>(), 0..1500usize).prop_map(|(seed, len)| Kind::Noise(seed, len)),
        1 => (any::<u8>(), 0..5000usize).prop_map(|(byte, len)| Kind::Run(byte, len)),
        4 => any::<Index>().prop_map(Kind::Again),
        1 => Just(Kind::Empty),
    ]
}

const WORDS: [&str; 8] = ["", "bow", "line", "the", "rope ", "runs\n", "round ", "Kraken "];

fn messages_of(kinds: &[Kind]) -> Vec<Message> {
    let mut messages: Vec<Message> = Vec::new();
    for kind in kinds {
        messages.push(match kind {
            Kind::Words(words) => {
                Message::text(words.iter().map(|i| WORDS[usize::from(*i) % 8]).collect::<String>())
            }
            Kind::Unicode(text) => Message::text(text.as_str()),
            Kind::Noise(seed, len) => Message::binary(noise(*seed, *len)),
            Kind::Run(byte, len) => Message::binary(vec![*byte; *len]),
            Kind::Again(_) if messages.is_empty() => Message::text(""),
            Kind::Again(index) => messages[index.index(messages.len())].clone(),
            Kind::Empty => Message::binary(""),
        });
    }
    messages
}

/// A peer that is another implementation, one direction of it.
struct Peer<T> {
    make: fn() -> T,
    state: T,
    context: ContextTakeover,
}

impl<T> Peer<T> {
    fn new(make: fn() -> T, context: ContextTakeover) -> Self {
        Self { make, state: make(), context }
    }

    /// The state for the next message: with the context of those before only where that is kept.
    fn next(&mut self) -> &mut T {
        if self.context == Dropped {
            self.state = (self.make)();
        }
        &mut self.state
    }
}

/// What a message on the wire says, inflated where it says that it is compressed.
fn read_naively(peer: &mut Peer<Inflater>, wire: &[u8]) -> (bool, Vec<u8>) {
    let frames = sent_frames(wire);
    let payload: Vec<u8> = frames.iter().flat_map(|(_, payload)| payload.clone()).collect();
    let (first, rest) = frames.split_first().expect("a frame");
    // "an endpoint MUST set the RSV1 bit" on the first fragment alone (section 6.1).
    assert!(rest.iter().all(|(first, _)| first & (RSV1 | 0x0f) == CONTINUATION));
    let is_compressed = first.0 & RSV1 != 0;
    (is_compressed, if is_compressed { peer.next().message(&payload) } else { payload })
}

/// The bytes of a message for a receiver of this role, its payload cut at these places, with pings between.
fn cut_up(receiver: Role, first: u8, payload: &[u8], places: &[Index]) -> Vec<u8> {
    let mut cuts: Vec<_> = places.iter().map(|place| place.index(payload.len() + 1)).collect();
    cuts.extend([0, payload.len()]);
    cuts.sort_unstable();
    let last = cuts.len() - 2;
    let mut wire = Vec::new();
    for (i, ends) in cuts.windows(2).enumerate() {
        let fin = if i == last { FIN } else { 0 };
        let code = if i == 0 { first } else { CONTINUATION };
        wire.extend(frame(receiver, code | fin, &payload[ends[0]..ends[1]]));
        if i != last {
            wire.extend(frame(receiver, FIN | PING, &[i as u8]));
        }
    }
    wire
}

/// The data messages in these bytes, fed in pieces of these sizes, the last of which goes on to the end.
fn decode(codec: &mut MessageCodec, mut wire: &[u8], sizes: &[usize]) -> Vec<Message> {
    let mut buffer = BytesMut::new();
    let mut messages = Vec::new();
    for size in sizes.iter().chain([&usize::MAX]) {
        let (piece, rest) = wire.split_at(wire.len().min(*size));
        wire = rest;
        buffer.extend_from_slice(piece);
        while let Some(message) = codec.decode(&mut buffer).expect("valid") {
            messages.push(message);
        }
    }
    assert!(buffer.is_empty());
    messages.retain(Message::is_data);
    messages
}

/// How a peer sends a message.
#[derive(Clone, Debug)]
enum Sent {
    Compressed(Vec<Index>),
    AsItIs(Vec<Index>),
}

fn sent() -> impl Strategy<Value = Sent> {
    prop_oneof![
        4 => vec(any::<Index>(), 0..5).prop_map(Sent::Compressed),
        1 => vec(any::<Index>(), 0..5).prop_map(Sent::AsItIs),
    ]
}

/// What another implementation sends to a receiver of this role.
fn written_naively(
    receiver: Role,
    context: ContextTakeover,
    messages: &[Message],
    ways: &[Sent],
) -> Vec<u8> {
    let mut peer = Peer::new(Deflater::new, context);
    let mut wire = Vec::new();
    for (message, way) in messages.iter().zip(ways.iter().cycle()) {
        let code = if message.as_text().is_some() { TEXT } else { BINARY };
        let bytes = message.clone().into_bytes();
        wire.extend(match way {
            Sent::Compressed(places) => {
                cut_up(receiver, code | RSV1, &peer.next().payload(&bytes), places)
            }
            Sent::AsItIs(places) => cut_up(receiver, code, &bytes, places),
        });
    }
    wire
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..<_>::default() })]

    #[test]
    fn section_7_2_1_what_is_sent_inflates_elsewhere(
        role in role(),
        terms in terms(),
        kinds in vec(kind(), 0..12),
        frame_size in option::of(1usize..300),
        sizes in vec(1usize..500, 0..40),
    ) {
        let messages = messages_of(&kinds);
        let (sender, mut receiver) = terms.codecs(role);
        let mut sender = sender.with_outgoing_frame_size(frame_size);
        let mut peer = Peer::new(Inflater::new, terms.context(role));
        let mut wire = Vec::new();
        for message in &messages {
            let bytes = encoded(&mut sender, message.clone());
            let (is_compressed, read) = read_naively(&mut peer, &bytes);
            prop_assert_eq!(&read, &message.clone().into_bytes());
            let is_long = message.len() >= terms.threshold;
            prop_assert!(is_compressed == is_long || (is_long && terms.may_stay(role, message)));
            wire.extend(bytes);
        }
        prop_assert_eq!(decode(&mut receiver, &wire, &sizes), messages);
    }

    #[test]
    fn section_7_2_2_what_another_compresses_is_inflated(
        role in role(),
        terms in widest_terms(),
        kinds in vec(kind(), 0..12),
        ways in vec(sent(), 1..12),
        sizes in vec(1usize..500, 0..40),
    ) {
        let messages = messages_of(&kinds);
        let wire = written_naively(role, terms.context(other(role)), &messages, &ways);
        for sizes in [&[][..], &sizes, &vec![1; wire.len()]] {
            let (_, mut receiver) = terms.codecs(other(role));
            prop_assert_eq!(&decode(&mut receiver, &wire, sizes), &messages);
        }
    }

    #[test]
    fn section_7_2_2_bytes_changed_come_to_the_same_in_every_way(
        role in role(),
        kinds in vec(kind(), 1..4),
        changed in vec((any::<Index>(), any::<u8>()), 1..4),
        sizes in vec(1usize..100, 0..40),
    ) {
        let messages = messages_of(&kinds);
        let payloads = messages.iter().map(|message| message.clone().into_bytes()).collect::<Vec<_>>();
        let mut payload = deflate::deflated(payloads.concat());
        for (place, byte) in &changed {
            let place = place.index(payload.len());
            payload[place] = *byte;
        }
        let wire = frame(role, FIN | RSV1 | BINARY, &payload);
        let (server, client) = deflate::agreeing_on("");
        let codec = if role == Role::Server { server } else { client };
        let outcomes = [&[][..], &sizes, &vec![1; wire.len()]].map(|sizes| {
            outcome(codec.clone().into(), &wire, sizes)
        });
        prop_assert_eq!(&outcomes[0], &outcomes[1]);
        prop_assert_eq!(&outcomes[0], &outcomes[2]);
    }
}

/// The first message in these bytes, or the error; nothing where more is wanted.
fn outcome(
    mut codec: MessageCodec,
    mut wire: &[u8],
    sizes: &[usize],
) -> Result<Option<Message>, codec::Failure> {
    let mut buffer = BytesMut::new();
    for size in sizes.iter().chain([&usize::MAX]) {
        let (piece, rest) = wire.split_at(wire.len().min(*size));
        wire = rest;
        buffer.extend_from_slice(piece);
        if let Some(message) = codec.decode(&mut buffer).map_err(codec::Failure::from)? {
            return Ok(Some(message));
        }
    }
    Ok(None)
}

/// What every combination of parameters has to carry: repeats near and far, noise, nothing, and runs.
fn assorted() -> Vec<Message> {
    let prose = WORDS.concat().repeat(12);
    vec![
        Message::text(prose.as_str()),
        Message::binary(noise(1, 700)),
        Message::text(""),
        Message::text(prose.as_str()),
        Message::binary(noise(1, 700)),
        Message::binary(vec![0; 2000]),
    ]
}

fn check(terms: Terms) {
    let messages = assorted();
    for role in ROLES {
        let (mut sender, mut receiver) = terms.codecs(role);
        let mut peer = Peer::new(Inflater::new, terms.context(role));
        for message in &messages {
            let wire = encoded(&mut sender, message.clone());
            let (_, read) = read_naively(&mut peer, &wire);
            assert!(read == message.clone().into_bytes(), "{role:?}, {terms:?}");
            let received = decode(&mut receiver, &wire, &[3, 1]);
            assert!(received == [message.clone()], "{role:?}, {terms:?}");
        }
    }
}

const CONTEXTS: [(ContextTakeover, ContextTakeover); 4] =
    [(Kept, Kept), (Kept, Dropped), (Dropped, Kept), (Dropped, Dropped)];

#[test]
fn section_7_1_every_context_and_window() {
    for (server, client) in CONTEXTS {
        for (i, server_bits) in (8..=15).enumerate() {
            for (j, client_bits) in (8..=15).enumerate() {
                check(Terms {
                    server: (server, server_bits),
                    client: (client, client_bits),
                    level: ((i + 8 * j) % 10) as u8,
                    memory_level: ((i + 8 * j) % 9 + 1) as u8,
                    threshold: 0,
                });
            }
        }
    }
}

#[test]
fn section_7_2_1_every_level_and_memory_level() {
    for (level, memory_level) in
        (0..=9).flat_map(|level| (1..=9).map(move |memory| (level, memory)))
    {
        for bits in [8, 9, 15] {
            check(Terms {
                server: (Kept, bits),
                client: (Dropped, bits),
                level,
                memory_level,
                threshold: 0,
            });
        }
    }
}
