//! Connections that share a thread's decompressors, and connections that go from thread to thread: each
//! message refers to those before it on its own connection (RFC 7692 section 7.1.1), and to no other's.

#[path = "support/codec.rs"]
mod codec;
#[path = "support/deflate.rs"]
mod deflate;

use std::{sync::mpsc, thread};

use bowline::{Deflate, Message, MessageCodec, Role};
use bytes::BytesMut;
use codec::{BINARY, FIN, ROLES, TEXT, frame};
use deflate::{Deflater, RSV1, agreeing_on, codecs, encoded, noise};
use tokio_util::codec::Decoder;

/// More than a thread keeps decompressors.
const MANY: usize = 40;

/// One direction of a connection: what is sent, on its way, and received.
struct Connection {
    sender: Sender,
    receiver: MessageCodec,
    /// Bytes that the receiver has not been given yet.
    wire: Vec<u8>,
    buffer: BytesMut,
    number: usize,
    sent: Vec<Message>,
    received: Vec<Message>,
}

enum Sender {
    Codec(MessageCodec),
    /// Another implementation, whose messages refer back as far as 32 KiB.
    Peer(Deflater),
}

/// Which connections: the parameters, and who compresses.
#[derive(Clone, Copy)]
enum Fleet {
    /// Windows of 15 bits and context both ways, each sender another implementation.
    Widest,
    /// Window bits, contexts and senders of all kinds in turn.
    Mixed,
}

impl Connection {
    fn new(fleet: Fleet, number: usize) -> Self {
        let parameters = match (fleet, number % 5) {
            (Fleet::Widest, _) | (Fleet::Mixed, 0 | 1) => "",
            (_, 2) => "server_max_window_bits=9; client_max_window_bits=9",
            (_, 3) => "server_max_window_bits=12; client_max_window_bits=14",
            _ => "server_no_context_takeover; client_no_context_takeover",
        };
        let (server, client) = agreeing_on(parameters);
        let (near, far) = match ROLES[number % 2] {
            Role::Client => (client, server),
            Role::Server => (server, client),
        };
        let sender = match (fleet, number % 5) {
            (Fleet::Widest, _) | (Fleet::Mixed, 1) => Sender::Peer(Deflater::new()),
            _ => Sender::Codec(near.into()),
        };
        Self {
            sender,
            receiver: far.into(),
            wire: Vec::new(),
            buffer: BytesMut::new(),
            number,
            sent: Vec::new(),
            received: Vec::new(),
        }
    }

    /// Puts one more message on its way. It has text of its connection's own that came before, and some
    /// that is new; so another connection's window, or a stale one, makes other text of it.
    fn say(&mut self) {
        let turn = self.sent.len();
        let own = hex(&noise(self.number as u64 + 1, 200));
        let fresh = hex(&noise((self.number * 1000 + turn + 7) as u64, 100));
        let last = self.sent.last().and_then(Message::as_text).unwrap_or_default();
        let last = last[last.len().saturating_sub(200)..].to_owned();
        let message = Message::text(format!("{own}{last}{fresh}"));
        self.wire.extend(match &mut self.sender {
            Sender::Codec(codec) => encoded(codec, message.clone()),
            Sender::Peer(peer) => {
                let payload = peer.payload(message.as_text().expect("text").as_bytes());
                frame(self.receiver.role(), FIN | RSV1 | TEXT, &payload)
            }
        });
        self.sent.push(message);
    }

    /// Lets so many bytes arrive, or what there is.
    fn arrive(&mut self, bytes: usize) {
        let bytes = bytes.min(self.wire.len());
        self.buffer.extend(self.wire.drain(..bytes));
        while let Some(message) = self.receiver.decode(&mut self.buffer).expect("valid") {
            self.received.push(message);
        }
    }

    #[track_caller]
    fn check(&mut self) {
        self.arrive(usize::MAX);
        assert!(self.received == self.sent, "connection {}", self.number);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Numbers that look random, and are the same each time.
fn numbers(seed: u64, len: usize) -> impl Iterator<Item = usize> {
    let bytes = noise(seed, 2 * len);
    (0..len).map(move |i| usize::from(u16::from_be_bytes([bytes[2 * i], bytes[2 * i + 1]])))
}

fn fleet(fleet: Fleet, len: usize) -> Vec<Connection> {
    (0..len).map(|number| Connection::new(fleet, number)).collect()
}

/// How many connections there are, few and just at what a thread keeps, and more.
const SIZES: [usize; 5] = [2, 5, 32, 33, MANY];

#[test]
fn section_7_1_1_connections_take_turns_by_the_message() {
    for kind in [Fleet::Widest, Fleet::Mixed] {
        for size in SIZES {
            let mut connections = fleet(kind, size);
            for number in numbers(size as u64, 6 * size) {
                let connection = &mut connections[number % size];
                connection.say();
                connection.arrive(usize::MAX);
            }
            connections.iter_mut().for_each(Connection::check);
        }
    }
}

#[test]
fn section_7_1_1_connections_take_turns_inside_messages() {
    for kind in [Fleet::Widest, Fleet::Mixed] {
        for size in SIZES {
            let mut connections = fleet(kind, size);
            for number in numbers(100 + size as u64, 16 * size) {
                let connection = &mut connections[number % size];
                if connection.wire.len() < 100 {
                    connection.say();
                }
                connection.arrive(number / size % 300);
            }
            connections.iter_mut().for_each(Connection::check);
        }
    }
}

/// All are inside a message at once, so that more decompressors are out than a thread takes back.
#[test]
fn section_7_1_1_all_connections_are_inside_a_message_at_once() {
    for kind in [Fleet::Widest, Fleet::Mixed] {
        let mut connections = fleet(kind, MANY);
        for _ in 0..4 {
            for connection in &mut connections {
                connection.say();
                connection.arrive(150);
            }
            connections.iter_mut().rev().for_each(Connection::check);
        }
    }
}

/// A message that is given up leaves nothing in the window of whoever comes next.
#[test]
fn section_7_1_1_connections_that_end_inside_a_message_leave_nothing_behind() {
    let mut lasting = fleet(Fleet::Widest, 4);
    for round in 0..20 {
        let mut passing = Connection::new(Fleet::Widest, 50 + round);
        passing.say();
        passing.check();
        passing.say();
        passing.arrive(150);
        drop(passing);
        let connection = &mut lasting[round % 4];
        connection.say();
        connection.check();
    }
}

/// The next thread's turn: so many bytes of what is on its way.
type Turn = (Connection, usize);

/// Threads that each take a turn with a connection and hand it back.
fn workers(count: usize) -> Vec<(mpsc::Sender<Turn>, mpsc::Receiver<Connection>)> {
    let spawn = |_| {
        let (give, turns) = mpsc::channel::<Turn>();
        let (done, take) = mpsc::channel();
        thread::spawn(move || {
            for (mut connection, bytes) in turns {
                if connection.wire.is_empty() {
                    connection.say();
                }
                connection.arrive(bytes);
                if done.send(connection).is_err() {
                    return;
                }
            }
        });
        (give, take)
    };
    (0..count).map(spawn).collect()
}

/// Between messages and inside them. A thread that a connection comes back to still has the window of an
/// earlier message.
#[test]
fn section_7_1_1_connections_go_from_thread_to_thread() {
    let workers = workers(3);
    for kind in [Fleet::Widest, Fleet::Mixed] {
        for (connection, bytes) in [(0, usize::MAX), (1, usize::MAX), (2, 150), (3, 150), (4, 77)] {
            let mut connection = Connection::new(kind, connection);
            for number in numbers(200, 30) {
                let (give, take) = &workers[number % 3];
                give.send((connection, bytes)).expect("the thread");
                connection = take.recv().expect("the thread: it has found something wrong");
            }
            connection.check();
            assert!(connection.sent.len() > 3);
        }
    }
}

/// A thread that ends takes its decompressors with it, and no connection.
#[test]
fn section_7_1_1_connections_outlive_their_threads() {
    for kind in [Fleet::Widest, Fleet::Mixed] {
        for mut connection in fleet(kind, 5) {
            for _ in 0..6 {
                let on_a_thread = thread::spawn(move || {
                    connection.say();
                    connection.arrive(connection.wire.len() / 2);
                    connection
                });
                connection = on_a_thread.join().expect("the thread");
                connection.arrive(usize::MAX);
            }
            connection.check();
        }
    }
}

/// The compressors that a thread lends are of few kinds, and are lent to connections of more: each gets what it
/// would on a thread of its own.
#[test]
fn section_7_1_2_connections_of_many_kinds_share_compressors() {
    let agreed = |bits| {
        let wishes = Deflate::low_memory().with_server_max_window_bits(bits).with_level(bits % 3);
        codecs(wishes, wishes)
    };
    let text = hex(&noise(1, 200)) + &hex(&noise(2, 800)) + &hex(&noise(1, 200));
    let alone = |bits| encoded(&mut agreed(bits).0, text.as_str());
    let alone: Vec<_> = (8..=15)
        .map(|bits| thread::scope(|scope| scope.spawn(|| alone(bits)).join()).expect("the thread"))
        .collect();
    let mut kinds: Vec<_> = (8..=15).map(agreed).collect();
    for number in numbers(300, 60) {
        let (server, client) = &mut kinds[number % 8];
        let wire = encoded(server, text.as_str());
        assert!(wire == alone[number % 8], "{} bits", 8 + number % 8);
        assert_eq!(deflate::decoded(client, &wire).expect("valid"), [Message::text(&*text)]);
    }
}

/// The thread's decompressor could: it has a window of 32 KiB, and this connection was its last user.
#[test]
fn section_7_1_2_no_message_refers_farther_back_than_agreed() {
    // At 15 bits no data can refer farther back.
    for bits in 8..=14 {
        // zlib has no window of 256 bytes, and may have used one of 512.
        let window = 1 << bits.max(9);
        for (distance, is_within) in [(window - 10, true), (window + 10, false)] {
            let (server, _) = agreeing_on(&format!("client_max_window_bits={bits}"));
            let mut server = MessageCodec::from(server);
            let mut peer = Deflater::new();
            let mut say = |message: &[u8]| {
                let wire = frame(Role::Server, FIN | RSV1 | BINARY, &peer.payload(message));
                deflate::decoded(&mut server, &wire)
            };
            // What comes again at this distance, and what lies between.
            let again = noise(1, 8);
            assert!(say(&again).is_ok() && say(&noise(2, distance - 8)).is_ok());
            let refers_back = say(&again);
            assert!(refers_back.is_ok() == is_within, "{bits} bits, {distance}: {refers_back:?}");
        }
    }
}
