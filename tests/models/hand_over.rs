//! Who is woken, and by whom: a reader that waits beside writers that wait, on one transport.

use bowline::{Message, Role};
use shuttle::future::{block_on, spawn};

use super::{ROLES, connected, explore, item, once};

/// A reader waits, a writer waits for room in a full pipe, and the peer reads, then sends. Whoever polled
/// last has left the waker; both have to be woken.
fn beside_each_other(role: Role) {
    let (ours, mut theirs) = connected(role, 3);
    let (mut reader, mut writer) = ours.split();
    let reading = spawn(async move { (reader.next().await.map(item), reader) });
    let writing = spawn(async move {
        for text in ["one", "two"] {
            writer.send(text).await.expect("open");
        }
        writer
    });
    block_on(async {
        for text in ["one", "two"] {
            assert_eq!(theirs.next().await.map(item), Some(Ok(Message::text(text))));
        }
        theirs.send("three").await.expect("open");
        let (next, _reader) = reading.await.expect("the reader");
        assert_eq!(next, Some(Ok(Message::text("three"))));
        writing.await.expect("the writer");
    });
}

#[test]
fn a_reader_and_a_writer_that_wait_are_both_woken() {
    for role in ROLES {
        explore(move || beside_each_other(role));
    }
}

/// Nobody flushes: the reader does, whether it was waiting already or comes later.
fn fed(room: usize) {
    let (ours, mut theirs) = connected(Role::Server, room);
    let (mut reader, mut writer) = ours.split();
    let reading = spawn(async move { (reader.next().await.map(item), reader) });
    let writing = spawn(async move {
        writer.feed("one").await.expect("open");
        writer.feed("two").await.expect("open");
        writer
    });
    block_on(async {
        for text in ["one", "two"] {
            assert_eq!(theirs.next().await.map(item), Some(Ok(Message::text(text))));
        }
        theirs.send("three").await.expect("open");
        let (next, _reader) = reading.await.expect("the reader");
        assert_eq!(next, Some(Ok(Message::text("three"))));
        writing.await.expect("the writer");
    });
}

#[test]
fn what_is_fed_is_written_by_a_reader_that_waits() {
    explore(|| fed(64));
    explore(|| fed(3));
}

/// The reader is polled in one task and goes on in another, and a writer waits meanwhile.
fn moved() {
    let (ours, mut theirs) = connected(Role::Server, 3);
    let (mut reader, mut writer) = ours.split();
    let first = spawn(async move { (once(reader.next()).await.flatten().map(item), reader) });
    let writing = spawn(async move {
        let sent = once(writer.send("one")).await.is_some();
        (sent, writer)
    });
    let moving = spawn(async move {
        let (next, mut reader) = first.await.expect("the first task");
        match next {
            Some(next) => (next, reader),
            None => (reader.next().await.map(item).expect("open"), reader),
        }
    });
    let writing = spawn(async move {
        let (_, mut writer) = writing.await.expect("the first task");
        // The first message was queued, whether or not it was written.
        writer.send("two").await.expect("open");
        writer
    });
    block_on(async {
        theirs.feed("three").await.expect("open");
        for text in ["one", "two"] {
            assert_eq!(theirs.next().await.map(item), Some(Ok(Message::text(text))));
        }
        theirs.flush().await.expect("open");
        let (next, _reader) = moving.await.expect("the second task");
        assert_eq!(next, Ok(Message::text("three")));
        writing.await.expect("the writer");
    });
}

#[test]
fn halves_that_move_to_another_task_are_woken_there() {
    explore(moved);
}

/// Both ends send more than the pipes hold, and both read: neither waits for the other.
fn into_each_other() {
    let (ours, theirs) = connected(Role::Server, 3);
    let tasks = [ours, theirs].map(|ws| {
        let (mut reader, mut writer) = ws.split();
        let reading = spawn(async move {
            for text in ["one", "two"] {
                assert_eq!(reader.next().await.map(item), Some(Ok(Message::text(text))));
            }
            reader
        });
        let writing = spawn(async move {
            for text in ["one", "two"] {
                writer.send(text).await.expect("open");
            }
            writer
        });
        (reading, writing)
    });
    block_on(async {
        // Nobody is dropped before all are through.
        let mut halves = Vec::new();
        for (reading, writing) in tasks {
            halves.push((reading.await.expect("a reader"), writing.await.expect("a writer")));
        }
    });
}

#[test]
fn two_ends_that_send_into_each_other_get_through() {
    explore(into_each_other);
}

/// The pong is written by whoever comes first, and the reader has the ping, while a writer waits.
fn pinged() {
    let (ours, mut theirs) = connected(Role::Client, 3);
    let (mut reader, mut writer) = ours.split();
    let reading = spawn(async move {
        let next = [reader.next().await, reader.next().await];
        (next.map(|next| next.map(item)), reader)
    });
    let writing = spawn(async move {
        writer.send("one").await.expect("open");
        writer
    });
    block_on(async {
        theirs.send(Message::ping("?")).await.expect("open");
        let mut next = [theirs.next().await.map(item), theirs.next().await.map(item)];
        next.sort_by_key(|next| *next == Some(Ok(Message::text("one"))));
        assert_eq!(next, [Some(Ok(Message::pong("?"))), Some(Ok(Message::text("one")))]);
        theirs.send("two").await.expect("open");
        let (next, _reader) = reading.await.expect("the reader");
        assert_eq!(next, [Message::ping("?"), Message::text("two")].map(|next| Some(Ok(next))));
        writing.await.expect("the writer");
    });
}

#[test]
fn a_ping_is_answered_beside_a_writer_that_waits() {
    explore(pinged);
}
