//! The deadlines of a connection in two halves, on a clock that the tests move: whoever of them is polled
//! judges, and all are told.

#[path = "support/io.rs"]
mod io;

use std::time::Duration;

use bowline::{Config, Error, Keepalive, Message, Reader, Role, Writer};
use io::{Item, ROLES, failure, from_peer, item, other, rest_of, untimed, websocket, wire, within};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

const SECOND: Duration = Duration::from_secs(1);
const CLOSED: &str = "Usage(SendAfterClose)";

type Halves = (Reader<DuplexStream>, Writer<DuplexStream>);

/// Halves, with room for one message in the queue, and the far end of their transport.
fn halves(role: Role, config: Config, room: usize) -> (Halves, DuplexStream) {
    let (near, far) = duplex(room);
    (websocket(role, near, config.with_high_water(1)).split(), far)
}

fn keepalive() -> Config {
    untimed().with_keepalive(Some(Keepalive::default()))
}

/// What a task of its own came to, and at which second of the test.
fn timed<F>(future: F) -> JoinHandle<(u64, F::Output)>
where
    F: Future<Output: Send> + Send + 'static,
{
    let start = Instant::now();
    tokio::spawn(async move {
        let output = future.await;
        (start.elapsed().as_secs(), output)
    })
}

/// Reads on to the end: its items.
async fn read_on(mut reader: Reader<DuplexStream>) -> Vec<Item> {
    let mut items = Vec::new();
    while let Some(next) = reader.next().await {
        items.push(item(next));
    }
    items
}

/// A message that no pipe here has room for.
async fn send_much(mut writer: Writer<DuplexStream>) -> Result<(), String> {
    failure(writer.send(vec![0; 1000]).await)
}

async fn feed(mut writer: Writer<DuplexStream>) -> Result<(), String> {
    failure(writer.feed("x").await)
}

// ---- keepalive ----

/// The writers are there, and nobody polls them until it is over.
#[tokio::test(start_paused = true)]
async fn a_reader_alone_gives_a_silent_peer_up() {
    for role in ROLES {
        let ((reader, writer), mut far) = halves(role, keepalive(), 1 << 16);
        let reading = timed(read_on(reader));
        let end = (60, vec![Err("KeepaliveTimeout".into())]);
        assert_eq!(within(reading).await.expect("the reader"), end, "{role:?}");
        let told = [feed(writer.clone()).await, send_much(writer).await];
        assert_eq!(told, [(); 2].map(|()| Err("KeepaliveTimeout".into())), "{role:?}");
        assert_eq!(rest_of(&mut far).await, wire(role, b"\x89\x00"), "{role:?}: a ping");
    }
}

/// Nobody reads on our side. The peer takes 64 bytes a second and says nothing: the ping goes out behind the
/// frame that is begun, and its clock starts there.
#[tokio::test(start_paused = true)]
async fn writers_that_wait_give_a_silent_peer_up() {
    for role in ROLES {
        let ((mut reader, writer), mut far) = halves(role, keepalive(), 64);
        let writing = [(); 2].map(|()| {
            let mut writer = writer.clone();
            timed(async move {
                loop {
                    if let Err(error) = failure(writer.send(vec![0; 1000]).await) {
                        return error;
                    }
                }
            })
        });
        let mut written = Vec::new();
        while writing.iter().any(|writing| !writing.is_finished()) {
            assert!(written.len() < 100 * 64, "{role:?}: never given up");
            sleep(SECOND).await;
            let mut bytes = [0; 64];
            let read = timeout(SECOND / 2, far.read(&mut bytes)).await;
            written.extend_from_slice(&bytes[..read.map_or(0, |read| read.expect("open"))]);
        }
        for writing in writing {
            let (second, error) = writing.await.expect("a writer");
            assert_eq!(error, "KeepaliveTimeout", "{role:?}");
            assert!((60..=80).contains(&second), "{role:?}: {second}");
        }
        let end = within(reader.next()).await.map(item);
        assert_eq!(end, Some(Err("KeepaliveTimeout".into())), "{role:?}");
        let frame = wire(role, &io::frame(0x82, &[0; 1000]));
        let mut rest = &written[..];
        while let Some(behind) = rest.strip_prefix(&frame[..]) {
            rest = behind;
        }
        assert!(rest.starts_with(&wire(role, b"\x89\x00")), "{role:?}: a ping between frames");
    }
}

/// The peer reads all and says nothing: the reader is told where it waits, a writer by its next send.
#[tokio::test(start_paused = true)]
async fn a_silent_peer_that_reads_ends_both_halves() {
    for role in ROLES {
        let ((reader, mut writer), mut far) = halves(role, keepalive(), 64);
        let mut late = writer.clone();
        let reading = timed(read_on(reader));
        let sending = timed(async move {
            loop {
                if let Err(error) = failure(writer.send("tick").await) {
                    return error;
                }
                sleep(SECOND).await;
            }
        });
        let peer = tokio::spawn(async move {
            while far.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
        });
        let error = String::from("KeepaliveTimeout");
        let end = within(reading).await.expect("the reader");
        assert_eq!(end, (60, vec![Err(error.clone())]), "{role:?}");
        let (second, told) = within(sending).await.expect("the writer");
        assert_eq!((told, (60..=61).contains(&second)), (error.clone(), true), "{role:?}");
        assert_eq!(failure(late.feed("late").await), Err(error), "{role:?}");
        drop(late);
        within(peer).await.expect("the peer");
    }
}

/// Whatever the peer sends: here messages, which nobody but the reader takes.
#[tokio::test(start_paused = true)]
async fn a_peer_that_sends_is_not_given_up() {
    for role in ROLES {
        let ((reader, writer), mut far) = halves(role, keepalive(), 1 << 16);
        let reading = tokio::spawn(read_on(reader));
        for _ in 0..20 {
            sleep(29 * SECOND).await;
            far.write_all(&from_peer(role, b"\x81\x01a")).await.expect("open");
            feed(writer.clone()).await.expect("open");
        }
        far.write_all(&from_peer(role, b"\x88\x00")).await.expect("open");
        let written = rest_of_closing(&mut far).await;
        let expected = [b"\x81\x01x".repeat(20), b"\x88\x00".to_vec()].concat();
        assert_eq!(written, wire(role, &expected), "no ping: {role:?}");
        let items = within(reading).await.expect("the reader");
        let last = items.len() - 1;
        assert_eq!((last, &items[last]), (20, &Ok(Message::Close(None))), "{role:?}");
    }
}

/// What the peer still gets, where it ends its own side too.
async fn rest_of_closing(far: &mut DuplexStream) -> Vec<u8> {
    far.shutdown().await.expect("open");
    rest_of(far).await
}

// ---- send_timeout ----

/// The reader waits for messages, one clone for its frame to be written, two for room.
#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_ends_all_of_them() {
    for role in ROLES {
        let config = untimed().with_send_timeout(Some(30 * SECOND));
        let ((reader, writer), _far) = halves(role, config, 64);
        let reading = timed(read_on(reader));
        let sending = timed(send_much(writer.clone()));
        let waiting = [(); 2].map(|()| timed(feed(writer.clone())));
        let error = String::from("SendTimeout");
        let told = (30, vec![Err(error.clone())]);
        assert_eq!(within(reading).await.expect("the reader"), told, "{role:?}");
        for waiting in waiting.into_iter().chain([sending]) {
            let told = within(waiting).await.expect("a writer");
            assert_eq!(told, (30, Err(error.clone())), "{role:?}");
        }
        assert_eq!(feed(writer).await, Err(error), "{role:?}");
    }
}

/// The same without anybody who reads on our side: one whose frame is to be written, or one who waits for room.
#[tokio::test(start_paused = true)]
async fn a_writer_without_a_reader_is_told_too() {
    for (role, is_feeding) in ROLES.into_iter().flat_map(|role| [(role, true), (role, false)]) {
        let config = untimed().with_send_timeout(Some(30 * SECOND));
        let ((reader, mut writer), _far) = halves(role, config, 64);
        drop(reader);
        let waiting = if is_feeding {
            writer.feed(vec![0; 1000]).await.expect("room");
            timed(feed(writer))
        } else {
            timed(send_much(writer))
        };
        let told = within(waiting).await.expect("a writer");
        assert_eq!(told, (30, Err("SendTimeout".into())), "{role:?}, {is_feeding}");
    }
}

/// Some bytes every 20 seconds: the clock begins anew with each, whoever was waiting.
#[tokio::test(start_paused = true)]
async fn progress_restarts_the_clock_of_sending() {
    for role in ROLES {
        let config = untimed().with_send_timeout(Some(30 * SECOND));
        let ((reader, writer), mut far) = halves(role, config, 64);
        let reading = timed(read_on(reader));
        let sending = timed(send_much(writer.clone()));
        for _ in 0..10 {
            sleep(20 * SECOND).await;
            within(far.read_exact(&mut [0; 64])).await.expect("open");
        }
        let error = String::from("SendTimeout");
        let told = (230, vec![Err(error.clone())]);
        assert_eq!(within(reading).await.expect("the reader"), told, "{role:?}");
        assert_eq!(within(sending).await.expect("a writer"), (230, Err(error)), "{role:?}");
    }
}

// ---- closing, the end of a life, messages at rest ----

/// The peer reads our Close and says nothing: five seconds, whichever half has closed.
#[tokio::test(start_paused = true)]
async fn section_7_1_1_a_peer_that_does_not_answer_close_is_waited_for_five_seconds() {
    for (role, by_reader) in ROLES.into_iter().flat_map(|role| [(role, true), (role, false)]) {
        let config = untimed().with_close_timeout(Some(5 * SECOND));
        let ((mut reader, mut writer), mut far) = halves(role, config, 1 << 16);
        let start = Instant::now();
        if by_reader {
            let end = within(reader.close(1000, "")).await;
            assert!(matches!(end, Err(Error::CloseTimeout)), "{role:?}: {end:?}");
        } else {
            let reading = timed(read_on(reader));
            // It waits by now, and has no deadline of its own.
            tokio::task::yield_now().await;
            writer.close(1000, "").await.expect("room");
            let told = (5, vec![Err("CloseTimeout".into())]);
            assert_eq!(within(reading).await.expect("the reader"), told, "{role:?}");
        }
        assert_eq!(start.elapsed().as_secs(), 5, "{role:?}, {by_reader}");
        assert_eq!(feed(writer).await, Err("CloseTimeout".into()), "{role:?}, {by_reader}");
        let written = timeout(SECOND, far.read(&mut [0; 64])).await;
        assert!(written.is_ok_and(|read| read.is_ok_and(|read| read > 0)), "{role:?}");
    }
}

/// The reader sees the peer's answer; writers, those that wait for room too, are told that it is closed.
#[tokio::test(start_paused = true)]
async fn both_halves_are_told_that_the_life_is_over() {
    for role in ROLES {
        let config = untimed().with_max_lifetime(Some(60 * SECOND));
        let ((reader, writer), far) = halves(role, config, 64);
        let reading = timed(read_on(reader));
        let sending = timed(send_much(writer.clone()));
        let waiting = timed(feed(writer.clone()));
        let peer = tokio::spawn(async move {
            // It reads nothing before the end: what waits is written then.
            sleep(61 * SECOND).await;
            let mut theirs = websocket(other(role), far, untimed());
            let mut items = Vec::new();
            while let Some(next) = theirs.next().await {
                items.push(item(next));
            }
            items
        });
        let told = within(waiting).await.expect("a writer");
        assert_eq!(told, (60, Err(CLOSED.into())), "{role:?}");
        let close = Message::close(1001, "");
        let seen = within(peer).await.expect("the peer");
        assert_eq!(seen, [Message::binary(vec![0; 1000]), close.clone()].map(Ok), "{role:?}");
        assert_eq!(within(reading).await.expect("the reader").1, [Ok(close)], "{role:?}");
        assert_eq!(within(sending).await.expect("a writer").1, Ok(()), "{role:?}");
        assert_eq!(feed(writer).await, Err(CLOSED.into()), "{role:?}");
    }
}

/// The message began and goes no further, while writers write.
#[tokio::test(start_paused = true)]
async fn a_message_at_rest_ends_both_halves_with_close_1008() {
    for role in ROLES {
        let config =
            untimed().with_message_timeout(Some(10 * SECOND)).with_close_timeout(Some(SECOND));
        let ((reader, mut writer), mut far) = halves(role, config, 1 << 16);
        let reading = timed(read_on(reader));
        far.write_all(&from_peer(role, b"\x01\x01a")).await.expect("open");
        let error = loop {
            if let Err(error) = writer.send("x").await {
                break error;
            }
            sleep(SECOND).await;
        };
        let close = [&[0x03, 0xf0], error.to_string().as_bytes()].concat();
        let error = format!("{error:?}");
        assert_eq!(error, "Limit(MessageTimeout)", "{role:?}");
        let (second, items) = within(reading).await.expect("the reader");
        assert_eq!(items, [Err(error)], "{role:?}");
        assert!((10..=21).contains(&second), "{role:?}: {second}");
        drop(writer);
        let written = rest_of(&mut far).await;
        assert!(written.ends_with(&wire(role, &io::frame(0x88, &close))), "{role:?}");
    }
}
