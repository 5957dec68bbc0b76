//! Clones of a writer that send at once, and that come and go.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bowline::{Message, WebSocket, Writer};
use shuttle::future::{block_on, spawn};

use super::{connected, explore, item, pipe::End};

const CLONES: u8 = 3;
const MESSAGES: u8 = 3;

/// Whose it is, and its number.
fn message(clone: u8, n: u8) -> Message {
    Message::binary(vec![clone, n, 7])
}

/// How a clone sends.
#[derive(Clone, Copy)]
enum Way {
    Send,
    Feed,
}

/// Sends what one clone has to send; counts what it was told is queued.
async fn send(mut writer: Writer<End>, clone: u8, way: Way, queued: Arc<AtomicUsize>) {
    for n in 0..MESSAGES {
        match way {
            Way::Send => writer.send(message(clone, n)).await,
            Way::Feed => writer.feed(message(clone, n)).await,
        }
        .expect("open");
        queued.fetch_add(1, Ordering::Relaxed);
    }
}

/// What all clones have sent: each message whole, and those of each clone in order.
async fn receive(theirs: &mut WebSocket<End>, queued: &AtomicUsize) {
    let mut counts = [0; CLONES as usize];
    for read in 0..usize::from(CLONES * MESSAGES) {
        // One in the queue, and parts of two in the pipe and on the way to it.
        let ahead = queued.load(Ordering::Relaxed).saturating_sub(read);
        assert!(ahead <= 3, "{ahead} messages are queued");
        let next = theirs.next().await.map(item);
        let Some(Ok(Message::Binary(bytes))) = next else { panic!("{next:?}") };
        let count = &mut counts[usize::from(bytes[0])];
        assert_eq!(Message::Binary(bytes.clone()), message(bytes[0], *count));
        *count += 1;
    }
}

fn contend(way: Way) {
    let (ours, mut theirs) = connected(bowline::Role::Server, 4);
    let queued = Arc::new(AtomicUsize::new(0));
    let (mut reader, writer) = ours.split();
    let clones: Vec<_> =
        (0..CLONES).map(|clone| spawn(send(writer.clone(), clone, way, queued.clone()))).collect();
    drop(writer);
    let reading = spawn(async move { (reader.next().await.map(item), reader) });
    block_on(async {
        receive(&mut theirs, &queued).await;
        for clone in clones {
            clone.await.expect("a clone");
        }
        theirs.send("end").await.expect("open");
        let (next, _reader) = reading.await.expect("the reader");
        assert_eq!(next, Some(Ok(Message::text("end"))));
    });
}

#[test]
fn clones_that_send_at_once_wait_for_each_other() {
    explore(|| contend(Way::Send));
}

#[test]
fn clones_that_feed_at_once_wait_for_each_other() {
    explore(|| contend(Way::Feed));
}

/// Nobody reads on our side, so the clones have each other alone to be woken by.
fn without_a_reader() {
    let (ours, mut theirs) = connected(bowline::Role::Server, 4);
    let queued = Arc::new(AtomicUsize::new(0));
    let (reader, writer) = ours.split();
    let clones: Vec<_> = (0..CLONES)
        .map(|clone| spawn(send(writer.clone(), clone, Way::Send, queued.clone())))
        .collect();
    drop(reader);
    block_on(async {
        receive(&mut theirs, &queued).await;
        for clone in clones {
            clone.await.expect("a clone");
        }
        drop(writer);
        // The transport goes with the last half.
        assert!(theirs.next().await.is_some_and(|end| end.is_err()));
    });
}

#[test]
fn clones_send_without_a_reader() {
    explore(without_a_reader);
}

/// Clones come and go, and take each other's places, while one waits for room.
fn come_and_go() {
    let (ours, mut theirs) = connected(bowline::Role::Server, 3);
    let (_reader, mut writer) = ours.split();
    let tasks = [0, 1].map(|clone| {
        let writer = writer.clone();
        spawn(async move {
            for n in 0..2 {
                let mut passing = writer.clone();
                passing.send(message(clone, n)).await.expect("open");
            }
        })
    });
    let last = spawn(async move {
        writer.send(message(2, 0)).await.expect("open");
        writer
    });
    block_on(async {
        let mut counts = [0; 3];
        for _ in 0..5 {
            let next = theirs.next().await.map(item);
            let Some(Ok(Message::Binary(bytes))) = next else { panic!("{next:?}") };
            assert_eq!(bytes[1], counts[usize::from(bytes[0])]);
            counts[usize::from(bytes[0])] += 1;
        }
        for task in tasks {
            task.await.expect("a clone");
        }
        last.await.expect("the last");
    });
}

#[test]
fn clones_that_come_and_go_take_no_place_that_is_taken() {
    explore(come_and_go);
}
