//! A message larger than memory, streamed over TCP from one process to another: 2 GiB in a release build. Each process
//! may have 32 MiB of memory at its peak, every byte arrives at its place, and pings are answered meanwhile.
//!
//! The test runs its own binary again, once for each end, with what to do in the environment.

#[path = "support/deflate.rs"]
mod deflate;

use std::{
    env, fs,
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Command, Stdio},
};

use bowline::{Config, Deflate, FrameHeader, Message, MessageKind, OpCode, Role, WebSocket};
use bytes::{Bytes, BytesMut};
use deflate::handshake;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Builder,
};
use tokio_util::codec::Framed;

/// What is sent; less in a debug build, which unmasks and inflates twenty times as slowly.
const LEN: u64 = if cfg!(debug_assertions) { 16 << 20 } else { 2 << 30 };
const PIECE: usize = 64 << 10;
/// What a process may have had in memory at its peak.
const MOST_KIB: u64 = 32 << 10;
/// After how many bytes the receiver pings.
const PING_EACH: u64 = LEN / 16;

const ROLE: &str = "BOWLINE_MEMORY_END";
const PORT: &str = "BOWLINE_MEMORY_PORT";

/// How the message goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Fragments,
    Compressed,
    /// In one frame, written by hand: bowline sends none whose end it doesn't know.
    OneFrame,
}

const WAYS: [Way; 3] = [Way::Fragments, Way::Compressed, Way::OneFrame];

/// The bytes at this place: text-like, so that they compress, but never the same again.
fn fill(piece: &mut [u8], place: u64) {
    for (n, word) in piece.chunks_exact_mut(16).enumerate() {
        let number = (place / 16 + n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        word[..4].copy_from_slice(&number.to_be_bytes()[..4]);
        word[4..].copy_from_slice(b" is the line");
    }
}

/// A sum in which every byte counts with its place.
#[derive(Default)]
struct Sum {
    sum: u64,
    len: u64,
    rest: Vec<u8>,
}

impl Sum {
    fn add(&mut self, mut bytes: &[u8]) {
        self.len += bytes.len() as u64;
        if !self.rest.is_empty() {
            let missing = (8 - self.rest.len()).min(bytes.len());
            self.rest.extend_from_slice(&bytes[..missing]);
            bytes = &bytes[missing..];
            if self.rest.len() < 8 {
                return;
            }
            let whole = std::mem::take(&mut self.rest);
            self.add_words(&whole);
        }
        let (words, rest) = bytes.split_at(bytes.len() / 8 * 8);
        self.add_words(words);
        self.rest.extend_from_slice(rest);
    }

    fn add_words(&mut self, words: &[u8]) {
        for word in words.as_chunks::<8>().0 {
            self.sum = (self.sum.rotate_left(5) ^ u64::from_le_bytes(*word))
                .wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    }

    fn told(&self) -> String {
        format!("{:x} of {}", self.sum, self.len)
    }
}

/// What is sent in all, without having it.
fn expected() -> String {
    let (mut sum, mut piece) = (Sum::default(), vec![0; PIECE]);
    for place in (0..LEN).step_by(PIECE) {
        fill(&mut piece, place);
        sum.add(&piece);
    }
    sum.told()
}

// ---- the two ends, each in a process of its own ----

fn websocket(tcp: TcpStream, role: Role, way: Way) -> WebSocket<TcpStream> {
    let deflate = (way == Way::Compressed).then(Deflate::new);
    let agreed = handshake(deflate, deflate);
    let codec = if role == Role::Server { agreed.server } else { agreed.client };
    let config = Config::new().with_max_streamed_size(None);
    WebSocket::from_framed(Framed::new(tcp, codec.into()), config)
}

/// Reads the message and sums it up, and pings meanwhile.
async fn receive(tcp: TcpStream, way: Way) -> String {
    let (mut reader, mut writer) = websocket(tcp, Role::Server, way).split();
    let mut message = reader.next_streamed().await.expect("one").expect("fine");
    assert_eq!(message.kind(), MessageKind::Binary);
    let (mut sum, mut next_ping) = (Sum::default(), 0);
    while let Some(piece) = message.next().await {
        sum.add(&piece.expect("fine"));
        if sum.len >= next_ping {
            writer.send(Message::ping("are you there")).await.expect("open");
            next_ping += PING_EACH;
        }
    }
    writer.send("got it").await.expect("open");
    while let Some(message) = reader.next().await {
        message.expect("fine");
    }
    sum.told()
}

/// Sends the message in fragments, with pings between them, and answers the other's; tells how many pings it has
/// received and how many of its own were answered before all was sent.
async fn send(tcp: TcpStream, way: Way) -> String {
    let (mut reader, mut writer) = websocket(tcp, Role::Client, way).split();
    let mut pinger = writer.clone();
    let sending = tokio::spawn(async move {
        let mut message = writer.start_message(MessageKind::Binary).await.expect("open");
        for place in (0..LEN).step_by(PIECE) {
            let mut piece = BytesMut::zeroed(PIECE);
            fill(&mut piece, place);
            message.feed(piece.freeze()).await.expect("open");
            if place % PING_EACH == 0 {
                pinger.send(Message::ping("and you")).await.expect("open");
            }
        }
        message.finish().await.expect("open");
    });
    let (mut pings, mut pongs) = (0, 0);
    while let Some(message) = reader.next().await {
        let message = message.expect("fine");
        let is_sending = u32::from(!sending.is_finished());
        match message {
            Message::Ping(_) => pings += is_sending,
            Message::Pong(_) => pongs += is_sending,
            Message::Text(_) => break,
            other => panic!("{other:?}"),
        }
    }
    sending.await.expect("sent");
    reader.close(1000, "").await.expect("closed");
    format!("{pings} {pongs}")
}

/// The same in one frame, by somebody who is no WebSocket: pings are left unanswered.
async fn send_one_frame(mut tcp: TcpStream) -> String {
    let mut header = BytesMut::new();
    let key = bowline::MaskingKey::new([0; 4]);
    FrameHeader::new(OpCode::BINARY, LEN).with_masking_key(Some(key)).encode(&mut header);
    let (mut reader, mut writer) = tcp.split();
    let sending = async {
        writer.write_all(&header).await.expect("open");
        let mut piece = vec![0; PIECE];
        for place in (0..LEN).step_by(PIECE) {
            fill(&mut piece, place);
            writer.write_all(&piece).await.expect("open");
        }
        writer.write_all(b"\x88\x82\0\0\0\0\x03\xe8").await.expect("open");
    };
    let mut got = Vec::new();
    let reading = async { reader.read_to_end(&mut got).await.expect("an end") };
    tokio::join!(sending, reading);
    assert!(got.ends_with(b"\x88\x02\x03\xe8"), "the reply: {:?}", Bytes::from(got));
    "0 0".to_owned()
}

/// The most memory that this process has had, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux's /proc");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
    line.trim().trim_end_matches(" kB").trim().parse().expect("a number")
}

/// One end, where this process is to be one: what it has to tell is a line of its output.
fn play(end: &str) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (kind, way) = end.split_once(' ').expect("an end and a way");
    let way = WAYS.into_iter().find(|known| format!("{known:?}") == way).expect("a way");
    let told = runtime.block_on(async {
        if kind == "receiver" {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            say(&format!("port {}", listener.local_addr().expect("an address").port()));
            return receive(listener.accept().await.expect("a connection").0, way).await;
        }
        let port: u16 = env::var(PORT).expect("a port").parse().expect("a port");
        let tcp = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
        match way {
            Way::OneFrame => send_one_frame(tcp).await,
            _ => send(tcp, way).await,
        }
    });
    say(&format!("told {told} peak {}", peak()));
}

#[allow(clippy::print_stdout, reason = "how the processes talk")]
fn say(line: &str) {
    println!("\nend: {line}");
}

// ---- the test itself ----

/// A process, and what it says.
struct Process {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Process {
    fn start(test: &str, end: &str, port: &str) -> Self {
        let mut child = Command::new(env::current_exe().expect("this binary"))
            .args([test, "--exact", "--nocapture", "--test-threads=1"])
            .env(ROLE, end)
            .env(PORT, port)
            .stdout(Stdio::piped())
            .spawn()
            .expect("this binary once more");
        let lines = BufReader::new(child.stdout.take().expect("its output"));
        Self { child, lines }
    }

    /// What it says behind this word.
    fn says(&mut self, word: &str) -> String {
        let start = format!("end: {word} ");
        for line in self.lines.by_ref().lines() {
            if let Some(said) = line.expect("text").strip_prefix(&start) {
                return said.to_owned();
            }
        }
        panic!("the other process has failed before it said its {word}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It is over, unless the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(test: &str, way: Way) {
    if let Ok(end) = env::var(ROLE) {
        return play(&end);
    }
    let mut receiver = Process::start(test, &format!("receiver {way:?}"), "");
    let port = receiver.says("port");
    let mut sender = Process::start(test, &format!("sender {way:?}"), &port);
    let wanted = expected();
    let (sent, sender_peak) = split_peak(&sender.says("told"));
    let (received, receiver_peak) = split_peak(&receiver.says("told"));
    assert_eq!(received, wanted, "{way:?}: not what was sent");
    assert!(
        sender_peak < MOST_KIB && receiver_peak < MOST_KIB,
        "{sender_peak} {receiver_peak} KiB"
    );
    let counts: Vec<u32> = sent.split(' ').map(|count| count.parse().expect("a number")).collect();
    if way != Way::OneFrame {
        // The last ones may cross the end of the message.
        assert!(counts.iter().all(|count| *count >= 8), "{way:?}: pings and answers {counts:?}");
    }
}

fn split_peak(told: &str) -> (String, u64) {
    let (told, peak) = told.split_once(" peak ").expect("a peak");
    (told.to_owned(), peak.parse().expect("a number"))
}

#[test]
fn a_message_larger_than_memory_goes_out_and_comes_in_in_fragments() {
    run("a_message_larger_than_memory_goes_out_and_comes_in_in_fragments", Way::Fragments);
}

#[test]
fn a_message_larger_than_memory_is_compressed_and_inflated_on_its_way() {
    run("a_message_larger_than_memory_is_compressed_and_inflated_on_its_way", Way::Compressed);
}

#[test]
fn a_frame_larger_than_memory_is_received_as_it_arrives() {
    run("a_frame_larger_than_memory_is_received_as_it_arrives", Way::OneFrame);
}
