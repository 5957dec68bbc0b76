//! Futures that are dropped while they wait, in one task, and others that go on.

use bowline::{Message, Role};
use shuttle::future::{block_on, spawn};

use super::{connected, everything, explore, item, once};

/// A task is ended wherever it is, with its clone in it; the message that it was sending arrives wholly or not
/// at all, and the other clone's and the reader's go on.
fn aborted() {
    let (ours, mut theirs) = connected(Role::Server, 3);
    let (mut reader, mut writer) = ours.split();
    let mut clone = writer.clone();
    let doomed = spawn(async move { clone.send("doomed").await });
    let abort = doomed.abort_handle();
    let killer = spawn(async move { abort.abort() });
    let sending = spawn(async move {
        for text in ["one", "two"] {
            writer.send(text).await.expect("open");
        }
        writer
    });
    let reading = spawn(async move { (reader.next().await.map(item), reader) });
    let peer = spawn(async move {
        theirs.feed("three").await.expect("open");
        everything(theirs).await
    });
    block_on(async {
        killer.await.expect("the killer");
        let is_sent = doomed.await.is_ok();
        let writer = sending.await.expect("the sender");
        let (next, reader) = reading.await.expect("the reader");
        assert_eq!(next, Some(Ok(Message::text("three"))));
        drop((reader, writer));
        let mut seen = peer.await.expect("the peer");
        let doomed = seen.iter().filter(|message| **message == Message::text("doomed")).count();
        assert!(doomed <= 1 && (doomed == 1 || !is_sent), "{is_sent}, {seen:?}");
        seen.retain(|message| *message != Message::text("doomed"));
        assert_eq!(seen, ["one", "two"].map(Message::text));
    });
}

#[test]
fn a_task_that_is_ended_while_it_sends_holds_nobody_up() {
    explore(aborted);
}

/// A clone gives up each message that does not go at once, and goes on with the next; its place stays.
fn given_up() {
    let (ours, theirs) = connected(Role::Client, 3);
    let (reader, mut writer) = ours.split();
    let mut clone = writer.clone();
    let hasty = spawn(async move {
        let mut queued = 0;
        for _ in 0..3 {
            queued += usize::from(once(clone.feed("hasty")).await.is_some());
        }
        clone.send("hasty").await.expect("open");
        queued + 1
    });
    let patient = spawn(async move {
        for text in ["one", "two"] {
            writer.send(text).await.expect("open");
        }
        writer
    });
    let peer = spawn(everything(theirs));
    block_on(async {
        let queued = hasty.await.expect("the hasty one");
        drop((patient.await.expect("the patient one"), reader));
        let mut seen = peer.await.expect("the peer");
        let all = seen.len();
        seen.retain(|message| *message != Message::text("hasty"));
        assert_eq!((seen, all), (["one", "two"].map(Message::text).to_vec(), 2 + queued));
    });
}

#[test]
fn a_message_that_is_given_up_is_not_sent_and_takes_no_room() {
    explore(given_up);
}
