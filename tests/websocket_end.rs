//! How a connection ends (RFC 6455 section 7.1): the end of the stream in every place, how much is
//! drained, and how long is waited.

#[path = "support/io.rs"]
mod io;

use std::time::Duration;

use bowline::{CloseFrame, Config, EndOfStream, Error, Message, Role};
use futures_util::SinkExt;
use io::{
    ROLES, Read, Script, drain, drain_to_end, failure, finish, frame, from_peer, item, run,
    untimed, websocket, wire,
};
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, timeout},
};

const CLOSE: &[u8] = b"\x88\x02\x03\xe8";

/// Bytes after which the stream ends, and the place that the error names; a client's mask counted for
/// the server, whose peer sends it.
fn places(role: Role) -> Vec<(Vec<u8>, EndOfStream)> {
    let masked = |frames: &[u8]| from_peer(role, frames);
    let cut = |frames: &[u8], bytes: usize| {
        let mut wire = masked(frames);
        wire.truncate(wire.len() - bytes);
        wire
    };
    let mask = masked(b"\x81\x00").len() - 2;
    let mut places = vec![
        (vec![], EndOfStream::BetweenFrames),
        (masked(b"\x81\x02ab"), EndOfStream::BetweenFrames),
        (masked(b"\x89\x02ab"), EndOfStream::BetweenFrames),
        (masked(b"\x01\x01a\x80\x01b"), EndOfStream::BetweenFrames),
        (masked(b"\x01\x01a"), EndOfStream::InsideMessage),
        (masked(b"\x01\x00"), EndOfStream::InsideMessage),
        (masked(b"\x02\x01a\x00\x01b"), EndOfStream::InsideMessage),
        (masked(b"\x02\x01a\x89\x00"), EndOfStream::InsideMessage),
        (cut(b"\x82\x02ab", 1), EndOfStream::InsidePayload),
        (cut(b"\x82\x02ab", 2), EndOfStream::InsidePayload),
        (cut(b"\x02\x01a\x80\x02bc", 1), EndOfStream::InsidePayload),
        (cut(&frame(0x82, &[0; 70_000]), 1), EndOfStream::InsidePayload),
        (cut(&frame(0x82, &[0; 70_000]), 69_999), EndOfStream::InsidePayload),
        // A Close of which the reason is missing is none.
        (cut(b"\x88\x05\x03\xe8bye", 3), EndOfStream::InsidePayload),
        (cut(b"\x82\x00", 1 + mask), EndOfStream::InsideHeader),
        (cut(&frame(0x82, &[0; 200]), 201 + mask), EndOfStream::InsideHeader),
        (cut(&frame(0x82, &[0; 70_000]), 70_001 + mask), EndOfStream::InsideHeader),
        (cut(b"\x01\x01a\x80\x00", 1 + mask), EndOfStream::InsideHeader),
    ];
    if role == Role::Server {
        places.push((cut(b"\x82\x00", 1), EndOfStream::InsideHeader));
    }
    places
}

#[test]
fn section_7_1_5_an_end_without_close_is_abnormal_and_names_its_place() {
    for (role, (bytes, place)) in
        ROLES.into_iter().flat_map(|role| places(role).into_iter().map(move |place| (role, place)))
    {
        let io = Script::new(bytes.clone());
        io.arrive(Read::End);
        let mut ws = websocket(role, io.clone(), untimed());
        let mut items = drain_to_end(&mut ws);
        let start = &bytes[..bytes.len().min(12)];
        let last = items.pop();
        assert_eq!(
            last,
            Some(Err(format!("AbnormalClosure({place:?})"))),
            "{role:?}, {start:02x?}"
        );
        assert!(items.iter().all(Result::is_ok));
        let pings = items.iter().filter(|item| matches!(item, Ok(Message::Ping(_)))).count();
        assert_eq!(
            io.record().writes.len(),
            pings,
            "nothing but the pongs: {role:?}, {start:02x?}"
        );
    }
}

#[test]
fn the_end_after_our_close_is_clean_between_frames_alone() {
    for (role, (bytes, place)) in
        ROLES.into_iter().flat_map(|role| places(role).into_iter().map(move |place| (role, place)))
    {
        let io = Script::new(bytes);
        io.arrive(Read::End);
        let mut ws = websocket(role, io.clone(), untimed());
        let closed = failure(finish(ws.close(1000, "")));
        let expected = match place {
            EndOfStream::BetweenFrames => Ok(None),
            place => Err(format!("AbnormalClosure({place:?})")),
        };
        assert_eq!(closed, expected, "{role:?}");
        assert_eq!(io.written(), wire(role, CLOSE));
        assert_eq!(drain(&mut ws), [None]);
    }
}

#[test]
fn an_end_without_close_is_a_disconnect_and_no_breach() {
    let error = Error::AbnormalClosure(EndOfStream::InsidePayload);
    assert!(error.is_disconnect());
    assert_eq!(error.close_code(), None);
    assert_eq!(error.to_string(), "end of stream inside a frame payload, Close expected");
}

/// What the peer sends behind its Close, or behind a breach, is discarded up to 1 MiB.
#[test]
fn the_drain_takes_a_mebibyte_and_no_more() {
    let beginnings: [(&[u8], Option<&str>); 2] =
        [(CLOSE, None), (b"\x83\x00", Some("Protocol(ReservedOpCode(reserved opcode 0x3))"))];
    for (role, (beginning, error)) in
        ROLES.into_iter().flat_map(|role| beginnings.map(|beginning| (role, beginning)))
    {
        let io = Script::new(from_peer(role, beginning));
        let mut ws = websocket(role, io.clone(), untimed());
        let _ = run(ws.next());
        for _ in 0..16 {
            io.arrive_bytes(vec![0; 1 << 16]);
            assert!(run(ws.next()).is_pending(), "{role:?}: within a mebibyte");
        }
        io.arrive_bytes([0]);
        let last = finish(ws.next()).map(item);
        assert_eq!(last, error.map(|error| Err(error.into())), "{role:?}");
        assert_eq!(drain(&mut ws), [None]);
    }
}

/// `close` reads and discards what the peer still has to say, within the same bound.
#[test]
fn close_discards_a_mebibyte_and_no_more() {
    let message = frame(0x82, &[7; 1 << 16]);
    for (role, messages) in ROLES.into_iter().flat_map(|role| [(role, 15), (role, 20)]) {
        let io = Script::new(b"");
        let mut ws = websocket(role, io.clone(), untimed());
        for _ in 0..messages {
            io.arrive_bytes(from_peer(role, &message));
        }
        let closed = run(ws.close(1000, ""));
        assert_eq!(closed.is_pending(), messages == 15, "{role:?}, {messages}");
        assert_eq!(io.written(), wire(role, CLOSE));
    }
}

/// "the client SHOULD wait for the server to close the connection but MAY close the connection at any
/// time": after five seconds either end does.
#[tokio::test(start_paused = true)]
async fn section_5_5_1_a_silent_peer_is_waited_for_no_longer_than_the_close_timeout() {
    let timeouts = [None, Some(Duration::from_millis(300)), Some(Duration::from_secs(70))];
    for (role, close_timeout) in ROLES.into_iter().flat_map(|role| timeouts.map(|t| (role, t))) {
        let config = match close_timeout {
            Some(_) => Config::new().with_close_timeout(close_timeout),
            None => Config::new(),
        };
        let expected = close_timeout.unwrap_or(Duration::from_secs(5));
        let (near, _far) = tokio::io::duplex(1024);
        let mut ws = websocket(role, near, config);
        let start = Instant::now();
        let closed = failure(ws.close(1000, "").await);
        assert_eq!(closed, Err("CloseTimeout".into()), "{role:?}");
        assert_eq!(start.elapsed().as_millis(), expected.as_millis(), "{role:?}");
        assert!(ws.next().await.is_none());
    }
}

/// The time runs from our Close, however it was sent, and what still arrives doesn't stretch it.
#[tokio::test(start_paused = true)]
async fn data_after_our_close_does_not_stretch_the_close_timeout() {
    for role in ROLES {
        let (near, mut far) = tokio::io::duplex(1024);
        let mut ws = websocket(role, near, Config::new());
        let start = Instant::now();
        SinkExt::close(&mut ws).await.expect("sent");
        let talker = tokio::spawn(async move {
            let frame = from_peer(role, b"\x81\x02ab");
            while far.write_all(&frame).await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        let mut messages = 0;
        let error = loop {
            match ws.next().await {
                Some(Ok(message)) => messages += usize::from(message == Message::text("ab")),
                other => break other,
            }
        };
        assert!(matches!(error, Some(Err(Error::CloseTimeout))), "{role:?}: {error:?}");
        assert!((5..=6).contains(&messages), "{role:?}: {messages}");
        assert_eq!(start.elapsed().as_secs(), 5, "{role:?}");
        drop(ws);
        talker.await.expect("the peer");
    }
}

/// With both Closes there, the connection is over: the peer's not hanging up is no error.
#[tokio::test(start_paused = true)]
async fn a_peer_that_closes_and_stays_is_left_after_the_close_timeout() {
    for (role, is_ours) in ROLES.into_iter().flat_map(|role| [(role, true), (role, false)]) {
        let (near, mut far) = tokio::io::duplex(1024);
        let mut ws = websocket(role, near, Config::new());
        far.write_all(&from_peer(role, CLOSE)).await.expect("open");
        let start = Instant::now();
        if is_ours {
            let closed = ws.close(1000, "").await.expect("closed");
            assert_eq!(closed, Some(CloseFrame::new(1000, "")));
        } else {
            let first = ws.next().await.map(item);
            assert_eq!(first, Some(Ok(Message::close(1000, ""))));
            assert!(ws.next().await.is_none(), "{role:?}");
        }
        assert_eq!(start.elapsed().as_secs(), 5, "{role:?}, our close: {is_ours}");
        // Our side is shut down by then, whoever was to do it first.
        let written = io::rest_of(&mut far).await;
        assert_eq!(written, wire(role, CLOSE));
    }
}

/// The time runs from the first of the two Closes, whosever it is.
#[tokio::test(start_paused = true)]
async fn the_peers_close_does_not_stretch_the_close_timeout() {
    for role in ROLES {
        let (near, mut far) = tokio::io::duplex(1024);
        let mut ws = websocket(role, near, Config::new());
        let start = Instant::now();
        assert!(timeout(Duration::from_secs(4), ws.close(1000, "")).await.is_err());
        far.write_all(&from_peer(role, CLOSE)).await.expect("open");
        let closed = ws.close(1000, "").await.expect("closed");
        assert_eq!(closed, Some(CloseFrame::new(1000, "")));
        assert_eq!(start.elapsed().as_secs(), 5, "{role:?}");
    }
}

/// A peer that neither reads nor hangs up: our Close cannot go out, and still there is an end.
#[tokio::test(start_paused = true)]
async fn a_close_that_cannot_be_written_ends_with_the_close_timeout_too() {
    for role in ROLES {
        let (near, _far) = tokio::io::duplex(16);
        let mut ws = websocket(role, near, Config::new());
        let start = Instant::now();
        ws.feed(vec![0; 100]).await.expect("room");
        let closed = failure(ws.close(1000, "").await);
        assert_eq!(closed, Err("CloseTimeout".into()), "{role:?}");
        assert_eq!(start.elapsed().as_secs(), 5, "{role:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_cannot_be_written_ends_with_the_close_timeout_too() {
    for role in ROLES {
        let (near, mut far) = tokio::io::duplex(16);
        let mut ws = websocket(role, near, Config::new());
        ws.feed(vec![0; 100]).await.expect("room");
        far.write_all(&from_peer(role, CLOSE)).await.expect("open");
        let start = Instant::now();
        assert_eq!(ws.next().await.map(item), Some(Ok(Message::close(1000, ""))));
        assert!(ws.next().await.is_none(), "{role:?}");
        assert_eq!(start.elapsed().as_secs(), 5, "{role:?}");
    }
}

/// Without the time-out there is none: only the end of the stream ends the wait.
#[tokio::test(start_paused = true)]
async fn without_close_timeout_the_peer_is_waited_for() {
    for role in ROLES {
        let (near, mut far) = tokio::io::duplex(1024);
        let mut ws = websocket(role, near, untimed());
        assert!(timeout(Duration::from_secs(100_000), ws.close(1000, "")).await.is_err());
        far.write_all(&from_peer(role, CLOSE)).await.expect("open");
        assert!(timeout(Duration::from_secs(100_000), ws.close(1000, "")).await.is_err());
        drop(far);
        timeout(Duration::from_secs(1), ws.close(1000, "")).await.expect("an end").expect("closed");
    }
}
