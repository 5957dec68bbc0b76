//! A connection as a stream of bytes: what goes in comes out in the same order, both ways at once, whole or split, for
//! copies, readers by line and futures dropped on the way.

#[path = "support/deflate.rs"]
mod deflate;
#[path = "support/io.rs"]
mod io;
#[path = "support/streamed.rs"]
mod streamed;

use std::{pin::pin, task::Poll, time::Duration};

use bowline::{ByteStream, Config, Deflate, Message, WebSocket};
use deflate::{handshake, noise, sent_frames};
use futures_util::SinkExt;
use io::{Pace, ROLES, Read, Script, finish, from_peer, poll_times, run, untimed, websocket, wire};
use streamed::few_agreements;
use tokio::{
    io::{
        AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream,
        copy_bidirectional, duplex, split,
    },
    time::timeout,
};
use tokio_util::codec::Framed;

const MIB: usize = 1 << 20;

type Stream = ByteStream<DuplexStream>;

/// Both ends over a pipe of this size.
fn pair(agreement: Option<&Deflate>, size: usize) -> (Stream, Stream) {
    let agreed = handshake(agreement.copied(), agreement.copied());
    let (near, far) = duplex(size);
    let whole = |io, codec: bowline::FrameCodec| {
        WebSocket::from_framed(Framed::new(io, codec.into()), Config::default()).into_byte_stream()
    };
    (whole(near, agreed.server), whole(far, agreed.client))
}

async fn in_time<O>(future: impl Future<Output = O>) -> O {
    timeout(Duration::from_secs(60), future).await.expect("somebody waits for ever")
}

/// Writes in chunks of sizes that look random.
async fn write_in_chunks(io: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) {
    let (mut rest, mut sizes) = (bytes, noise(bytes.len() as u64, 10_000).into_iter().cycle());
    while !rest.is_empty() {
        let size = 1 << (sizes.next().expect("endless") % 18);
        let (chunk, behind) = rest.split_at(rest.len().min(size + usize::from(rest[0])));
        io.write_all(chunk).await.expect("open");
        if size > 1 << 15 {
            io.flush().await.expect("open");
        }
        rest = behind;
    }
}

async fn read_in_chunks(io: &mut (impl AsyncRead + Unpin), len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len);
    let mut sizes = noise(1, 10_000).into_iter().cycle();
    while bytes.len() < len {
        let room = 1 << (sizes.next().expect("endless") % 16);
        let mut buffer = vec![0; room];
        let read = io.read(&mut buffer).await.expect("open");
        assert!(read > 0, "an end after {} of {len}", bytes.len());
        bytes.extend_from_slice(&buffer[..read]);
    }
    bytes
}

/// A tunnel in the middle: plain on both sides, WebSocket between.
#[tokio::test]
async fn what_goes_into_a_tunnel_comes_out_of_it() {
    const LEN: usize = 400_000;
    for agreement in few_agreements() {
        let (mut near, mut far) = pair(agreement.as_ref(), 40_000);
        let (mut left, mut left_end) = duplex(30_000);
        let (mut right, mut right_end) = duplex(30_000);
        let tunnels = async {
            let tunnels = tokio::join!(
                copy_bidirectional(&mut near, &mut left_end),
                copy_bidirectional(&mut far, &mut right_end),
            );
            // Which end the Close comes from is a matter of time; bytes are lost in neither case.
            let _ = tunnels;
        };
        let (there, back) = (noise(1, LEN), noise(2, LEN));
        let talk = async {
            let (mut left_reader, mut left_writer) = split(&mut left);
            let (mut right_reader, mut right_writer) = split(&mut right);
            let ((), (), got_there, got_back) = tokio::join!(
                write_in_chunks(&mut left_writer, &there),
                write_in_chunks(&mut right_writer, &back),
                read_in_chunks(&mut right_reader, LEN),
                read_in_chunks(&mut left_reader, LEN),
            );
            assert!(got_there == there && got_back == back);
            left_writer.shutdown().await.expect("open");
            right_writer.shutdown().await.expect("open");
            assert_eq!(right_reader.read(&mut [0; 9]).await.expect("the end"), 0);
            assert_eq!(left_reader.read(&mut [0; 9]).await.expect("the end"), 0);
        };
        in_time(async { tokio::join!(tunnels, talk) }).await;
    }
}

/// Each direction ends on its own, and the whole exactly then.
#[tokio::test]
async fn a_tunnel_with_half_close_carries_each_end_across() {
    for agreement in few_agreements() {
        let (near, far) = pair(agreement.as_ref(), 40_000);
        let (mut near, mut far) = (near.with_half_close(), far.with_half_close());
        let (mut left, mut left_end) = duplex(30_000);
        let (mut right, mut right_end) = duplex(30_000);
        let tunnels = async {
            let (near, far) = tokio::join!(
                copy_bidirectional(&mut near, &mut left_end),
                copy_bidirectional(&mut far, &mut right_end),
            );
            assert_eq!((near.expect("ends"), far.expect("ends")), ((5, 300_000), (300_000, 5)));
        };
        let asks = async {
            left.write_all(&noise(3, 300_000)).await.expect("open");
            left.shutdown().await.expect("open");
            let mut answer = String::new();
            left.read_to_string(&mut answer).await.expect("an end");
            assert_eq!(answer, "heard");
        };
        let answers = async {
            let mut question = Vec::new();
            right.read_to_end(&mut question).await.expect("an end");
            assert!(question == noise(3, 300_000));
            right.write_all(b"heard").await.expect("open");
            right.shutdown().await.expect("open");
        };
        in_time(async { tokio::join!(tunnels, asks, answers) }).await;
        let closed = tokio::join!(near.close(1000, ""), far.close(1000, ""));
        assert!(closed.0.is_ok() && closed.1.is_ok(), "{closed:?}");
    }
}

/// Two tasks on each end, all on one pipe that holds less than is under way.
#[test]
fn two_ends_that_write_a_megabyte_each_get_through_in_split_tasks() {
    for (workers, agreement) in [1, 4].into_iter().zip(few_agreements()) {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(workers).enable_all().build().expect("a runtime");
        runtime.block_on(in_time(async {
            let (near, far) = pair(agreement.as_ref(), 64 << 10);
            let tasks = [near, far].map(|stream| {
                let (mut reader, mut writer) = split(stream);
                let writing = tokio::spawn(async move {
                    write_in_chunks(&mut writer, &noise(7, MIB)).await;
                    writer.flush().await.expect("open");
                    writer
                });
                let reading = tokio::spawn(async move {
                    assert!(read_in_chunks(&mut reader, MIB).await == noise(7, MIB));
                    reader
                });
                (reading, writing)
            });
            for (reading, writing) in tasks {
                let halves = tokio::join!(reading, writing);
                drop((halves.0.expect("read"), halves.1.expect("written")));
            }
        }));
    }
}

/// In one task each, both at once: each writes while it reads.
#[tokio::test]
async fn two_ends_that_copy_at_once_never_wait_for_each_other() {
    let (mut near, mut far) = pair(None, 64 << 10);
    let busy = async |stream: &mut Stream| {
        let (mut reader, mut writer) = split(stream);
        let written = async {
            writer.write_all(&noise(9, MIB)).await.expect("open");
            writer.flush().await.expect("open");
        };
        let ((), read) = tokio::join!(written, read_in_chunks(&mut reader, MIB));
        assert!(read == noise(9, MIB));
    };
    in_time(async { tokio::join!(busy(&mut near), busy(&mut far)) }).await;
}

/// Each write is a message of at most 64 KiB.
#[test]
fn each_write_is_a_binary_message() {
    for role in ROLES {
        let io = Script::of([]);
        let mut stream = websocket(role, io.clone(), untimed()).into_byte_stream();
        assert_eq!(finish(stream.write(b"")).expect("open"), 0);
        assert_eq!(finish(stream.write(b"ab")).expect("open"), 2);
        assert_eq!(finish(stream.write(b"c")).expect("open"), 1);
        assert_eq!(io.written(), b"", "{role:?}: buffered until it is flushed");
        finish(stream.flush()).expect("open");
        assert_eq!(io.written(), wire(role, b"\x82\x02ab\x82\x01c"), "{role:?}");
        let large = vec![7; 200_000];
        assert_eq!(finish(stream.write(&large)).expect("open"), 64 << 10);
        finish(stream.flush()).expect("open");
        let (first, payload) = sent_frames(&io.written()).pop().expect("one");
        assert_eq!((first, payload.len()), (0x82, 64 << 10), "{role:?}");
        finish(stream.write_all(&large)).expect("open");
        finish(stream.flush()).expect("open");
        let lens: Vec<_> = sent_frames(&io.written()).iter().map(|f| f.1.len()).collect();
        assert_eq!(lens[3..], [65536, 65536, 65536, 200_000 - 3 * 65536], "{role:?}");
    }
}

/// Wherever messages begin and end, in fragments, with others in between, empty ones too.
const ARRIVING: &[u8] = b"\x82\x03ab\n\x82\x00\x02\x00\x00\x02cd\x89\x01?\x80\x01\n\x8a\x00\x82\x02ef\x02\x00\x80\x00\x82\x01g";

#[test]
fn what_arrives_is_read_wherever_messages_end() {
    for (role, pace) in ROLES.into_iter().flat_map(|r| [(r, Pace::Swift), (r, Pace::Halting)]) {
        let new = || {
            let arriving = [ARRIVING, b"\x88\x02\x03\xe8"].concat();
            let io = Script::new(from_peer(role, &arriving)).pace(pace);
            io.arrive(Read::End);
            (websocket(role, io.clone(), untimed()).into_byte_stream(), io)
        };
        let (mut stream, io) = new();
        let mut bytes = Vec::new();
        finish(stream.read_to_end(&mut bytes)).expect("an end");
        assert_eq!(bytes, b"ab\ncd\nefg", "{role:?}");
        finish(stream.shutdown()).expect("the reply goes out");
        assert_eq!(io.written(), wire(role, b"\x8a\x01?\x88\x02\x03\xe8"), "{role:?}");
        let (stream, _) = new();
        let mut lines = stream.lines();
        for line in [Some("ab"), Some("cd"), Some("efg"), None] {
            assert_eq!(finish(lines.next_line()).expect("text").as_deref(), line, "{role:?}");
        }
        // Byte by byte, into nothing, and with futures dropped at every poll.
        for polls in [1, 2, 5] {
            let (mut stream, _) = new();
            let mut bytes = Vec::new();
            for _ in 0..10_000 {
                assert_eq!(finish(stream.read(&mut [])).expect("nothing"), 0);
                let mut byte = [0];
                match poll_times(pin!(stream.read(&mut byte)), polls) {
                    Poll::Ready(Ok(0)) => break,
                    Poll::Ready(Ok(_)) => bytes.push(byte[0]),
                    Poll::Ready(Err(error)) => panic!("{error}"),
                    Poll::Pending => {}
                }
            }
            assert_eq!(bytes, b"ab\ncd\nefg", "{role:?} {polls}");
        }
    }
}

/// A write that is dropped while it waits has written nothing.
#[test]
fn a_dropped_write_has_written_all_or_nothing() {
    for role in ROLES {
        let mut seen = [0; 2];
        for polls in 1..80 {
            let io = Script::of([]).pace(Pace::Halting);
            let config = untimed().with_high_water(1);
            let mut stream = websocket(role, io.clone(), config).into_byte_stream();
            finish(stream.write_all(b"first")).expect("open");
            let is_done = poll_times(pin!(stream.write(b"second")), polls).is_ready();
            finish(stream.write_all(b"third")).expect("open");
            finish(stream.flush()).expect("open");
            let expected: &[u8] = match is_done {
                true => b"\x82\x05first\x82\x06second\x82\x05third",
                false => b"\x82\x05first\x82\x05third",
            };
            assert_eq!(io.written(), wire(role, expected), "{role:?} {polls}");
            seen[usize::from(is_done)] += 1;
        }
        assert!(seen.iter().all(|count| *count > 3), "{seen:?}");
    }
}

/// The rest of a message that was read in pieces belongs to nobody.
#[test]
fn what_was_left_of_a_message_is_not_in_the_stream() {
    for role in ROLES {
        for first in [b"\x81\x04left", b"\x82\x04left"] {
            let arriving = [&first[..], b"\x82\x02ab\x88\x00"].concat();
            let io = Script::new(from_peer(role, &arriving)).pace(Pace::Halting);
            io.arrive(Read::End);
            let mut ws = websocket(role, io, untimed());
            let mut message = finish(ws.next_streamed()).expect("one").expect("fine");
            assert_eq!(finish(message.next()).expect("some").expect("fine"), &b"l"[..]);
            drop(message);
            let mut bytes = Vec::new();
            finish(ws.into_byte_stream().read_to_end(&mut bytes)).expect("an end");
            assert_eq!(bytes, b"ab", "{role:?}");
        }
    }
}

/// Whichever way a connection was used before, and is after.
#[test]
fn messages_before_and_after_are_no_part_of_the_stream() {
    for role in ROLES {
        let io = Script::new(from_peer(role, b"\x81\x01a\x82\x01b\x02\x01c")).pace(Pace::Halting);
        let mut ws = websocket(role, io.clone(), untimed());
        assert_eq!(finish(ws.next()).expect("one").expect("fine"), Message::text("a"));
        // Begun for `next`, and taken over.
        assert!(poll_times(pin!(ws.next()), 3).is_pending());
        let mut stream = ws.into_byte_stream();
        let mut bytes = [0; 2];
        finish(stream.read_exact(&mut bytes)).expect("open");
        assert_eq!(&bytes, b"bc");
        finish(stream.write_all(b"x")).expect("open");
        let mut ws = stream.into_inner();
        io.arrive_bytes(from_peer(role, b"\x80\x06unread\x81\x01d"));
        assert_eq!(finish(ws.next()).expect("one").expect("fine"), Message::text("d"), "{role:?}");
        finish(SinkExt::flush(&mut ws)).expect("open");
        assert_eq!(io.written(), wire(role, b"\x82\x01x"), "{role:?}");
        assert!(run(ws.next()).is_pending());
    }
}
