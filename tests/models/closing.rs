//! The end, from several sides at once: everybody is told, and nobody waits on.

use bowline::{Message, Role, Writer};
use shuttle::future::{block_on, spawn};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{ROLES, connected, explore, failure, item, pipe::End};

const CLOSED: &str = "Usage(SendAfterClose)";

/// Sends some messages, fewer where it is told that there is no sense in it: what it was told, if it was.
async fn send_until_told(mut writer: Writer<End>) -> (Option<String>, Writer<End>) {
    for _ in 0..3 {
        if let Err(error) = failure(writer.send("more").await) {
            return (Some(error), writer);
        }
    }
    (None, writer)
}

/// Whoever sends is told this, at the latest now.
async fn told((told, mut writer): (Option<String>, Writer<End>), error: &str) {
    let late = failure(writer.send("late").await).expect_err("over");
    assert_eq!((told.as_deref().unwrap_or(error), late.as_str()), (error, error));
}

/// The reader closes, a writer closes, the peer closes, and a clone sends until it is told.
fn from_all_sides(role: Role) {
    let (ours, mut theirs) = connected(role, 3);
    let (mut reader, mut writer) = ours.split();
    let clone = writer.clone();
    let reading = spawn(async move { (failure(reader.close(1000, "r").await), reader) });
    let closing = spawn(async move { (failure(writer.close(1001, "w").await), writer) });
    let sending = spawn(send_until_told(clone));
    let peer = spawn(async move { failure(theirs.close(1002, "p").await) });
    block_on(async {
        let (end, mut reader) = reading.await.expect("the reader");
        let code = end.expect("a normal end").map(|frame| u16::from(frame.code));
        assert!(code.is_none_or(|code| (1000..=1002).contains(&code)), "{code:?}");
        let (closed, writer) = closing.await.expect("the writer");
        assert_eq!(closed, Ok(()));
        told(sending.await.expect("the sender"), CLOSED).await;
        assert!(peer.await.expect("the peer").is_ok());
        assert_eq!(failure(writer.clone().send("late").await), Err(CLOSED.into()));
        assert!(reader.next().await.is_none());
    });
}

#[test]
fn section_7_1_2_both_ends_and_both_halves_close_at_once() {
    for role in ROLES {
        explore(move || from_all_sides(role));
    }
}

/// A writer closes beside a reader that only reads; a clone waits for room.
fn by_a_writer(role: Role) {
    let (ours, mut theirs) = connected(role, 3);
    let (mut reader, mut writer) = ours.split();
    let clone = writer.clone();
    let reading =
        spawn(async move { [reader.next().await, reader.next().await].map(|n| n.map(item)) });
    let sending = spawn(send_until_told(clone));
    let closing = spawn(async move { (failure(writer.close(1000, "w").await), writer) });
    block_on(async {
        loop {
            match theirs.next().await.map(item) {
                Some(Ok(Message::Text(text))) => assert_eq!(text.as_str(), "more"),
                next => break assert_eq!(next, Some(Ok(Message::close(1000, "w")))),
            }
        }
        assert!(theirs.next().await.is_none());
        drop(theirs);
        let end = reading.await.expect("the reader");
        assert_eq!(end, [Some(Ok(Message::close(1000, ""))), None]);
        told(sending.await.expect("the sender"), CLOSED).await;
        assert_eq!(closing.await.expect("the writer").0, Ok(()));
    });
}

#[test]
fn section_7_1_2_a_writer_closes_beside_a_reader_and_a_clone_that_wait() {
    for role in ROLES {
        explore(move || by_a_writer(role));
    }
}

/// The peer is gone without a word: whoever waits is told the reason.
fn gone() {
    let (ours, theirs) = connected(Role::Server, 3);
    let (mut reader, writer) = ours.split();
    let sending = [writer.clone(), writer].map(|writer| spawn(send_until_told(writer)));
    let reading = spawn(async move { (reader.next().await.map(item), reader) });
    let leaving = spawn(async move { drop(theirs) });
    block_on(async {
        leaving.await.expect("the peer");
        let (end, mut reader) = reading.await.expect("the reader");
        let end = end.expect("an end").expect_err("nobody has closed");
        assert!(reader.next().await.is_none());
        for sending in sending {
            let (mut first, writer) = sending.await.expect("a sender");
            // Who writes may find out before the reader has read all there was.
            first.take_if(|first| first == "Io(Kind(BrokenPipe))");
            told((first, writer), &end).await;
        }
    });
}

#[test]
fn everybody_is_told_of_a_peer_that_is_gone() {
    explore(gone);
}

/// The peer sends what breaks the rules: the reader has the error, and the writers learn of it.
fn breach() {
    let (ours, mut theirs) = connected(Role::Server, 3);
    let (mut reader, writer) = ours.split();
    let reading =
        spawn(async move { [reader.next().await, reader.next().await].map(|n| n.map(item)) });
    let sending = spawn(send_until_told(writer));
    block_on(async {
        let end = theirs.get_mut();
        // A frame that is not masked.
        end.write_all(b"\x81\x00").await.expect("open");
        let mut written = Vec::new();
        end.read_to_end(&mut written).await.expect("an end");
        drop(theirs);
        let [error, none] = reading.await.expect("the reader");
        let error = error.expect("an error").expect_err("a breach");
        assert!(error.starts_with("Protocol"), "{error}");
        assert_eq!(none, None);
        told(sending.await.expect("the sender"), &error).await;
        let close =
            written.windows(4).position(|bytes| bytes[0] == 0x88 && bytes[2..] == [3, 0xea]);
        assert!(close.is_some(), "{written:?}");
    });
}

#[test]
fn everybody_is_told_of_a_breach() {
    explore(breach);
}

/// The peer reads no more and is silent: only a write can tell, and it is a writer's. The reader is told by it.
fn deaf() {
    let (ours, theirs) = connected(Role::Server, 64);
    let (mut reader, writer) = ours.split();
    let reading = spawn(async move { reader.next().await.map(item) });
    let sending = spawn(send_until_told(writer));
    let peer = spawn(async move {
        theirs.get_ref().stop_reading();
        theirs
    });
    block_on(async {
        let _theirs = peer.await.expect("the peer");
        let error = "Io(Kind(BrokenPipe))";
        told(sending.await.expect("the sender"), error).await;
        assert_eq!(reading.await.expect("the reader"), Some(Err(error.into())));
    });
}

#[test]
fn a_reader_that_waits_is_told_of_a_write_that_failed() {
    explore(deaf);
}

/// The peer's Close has come, and the peer reads nothing before those who wait for room have been told.
fn told_before_there_is_room() {
    let (ours, mut theirs) = connected(Role::Server, 3);
    let (mut reader, mut writer) = ours.split();
    let reading = spawn(async move { (reader.next().await.map(item), reader.next().await) });
    let feeding = spawn(async move {
        loop {
            if let Err(error) = failure(writer.feed("more").await) {
                return error;
            }
        }
    });
    block_on(async {
        let end = theirs.get_mut();
        // A Close without a body, masked with zeros.
        end.write_all(b"\x88\x80\0\0\0\0").await.expect("open");
        assert_eq!(feeding.await.expect("the writer"), CLOSED);
        end.shutdown().await.expect("open");
        let mut written = Vec::new();
        end.read_to_end(&mut written).await.expect("an end");
        assert!(written.ends_with(b"\x88\x00"), "{written:?}");
        let (close, none) = reading.await.expect("the reader");
        assert_eq!(close, Some(Ok(Message::Close(None))));
        assert!(none.is_none());
    });
}

#[test]
fn section_7_1_3_who_waits_for_room_is_told_of_the_peers_close_at_once() {
    explore(told_before_there_is_room);
}
