//! Messages in pieces from several clones: one has the turn, the others wait in line, and whoever gives up
//! holds nobody up.

use bowline::{Message, MessageKind, Role, WebSocket, Writer};
use shuttle::future::{block_on, spawn};

use super::{connected, explore, item, once, pipe::End};

/// A message in three pieces, so that others come in between.
async fn in_pieces(writer: &mut Writer<End>, clone: u8) {
    let mut message = writer.start_message(MessageKind::Binary).await.expect("open");
    for n in 0..3 {
        message.feed(vec![clone, n]).await.expect("open");
        message.flush().await.expect("open");
    }
    message.finish().await.expect("open");
}

fn whole(clone: u8) -> Message {
    Message::binary(vec![clone, 0, clone, 1, clone, 2])
}

async fn next(theirs: &mut WebSocket<End>) -> Message {
    theirs.next().await.map(item).expect("a message").expect("no error")
}

/// Two clones with a message in pieces each, and one with plain ones.
fn turns() {
    let (ours, mut theirs) = connected(Role::Server, 5);
    let (reader, writer) = ours.split();
    drop(reader);
    let streaming = [0, 1].map(|clone| {
        let mut writer = writer.clone();
        spawn(async move { in_pieces(&mut writer, clone).await })
    });
    let mut plain = writer.clone();
    let sending = spawn(async move {
        plain.feed("first").await.expect("open");
        plain.feed("second").await.expect("open");
        plain.flush().await.expect("open");
    });
    drop(writer);
    block_on(async {
        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.push(next(&mut theirs).await);
        }
        for task in streaming {
            task.await.expect("a clone");
        }
        sending.await.expect("the plain one");
        let place = |message: &Message| seen.iter().position(|one| one == message);
        assert!(place(&whole(0)).is_some() && place(&whole(1)).is_some(), "{seen:?}");
        let (first, second) = (Message::text("first"), Message::text("second"));
        assert!(place(&first).is_some() && place(&first) < place(&second), "{seen:?}");
    });
}

#[test]
fn messages_in_pieces_take_turns_with_each_other_and_with_whole_ones() {
    explore(turns);
}

/// One in line for a turn gives up, at any time; another behind it gets the turn.
fn giving_up() {
    let (ours, mut theirs) = connected(Role::Server, 5);
    let (reader, writer) = ours.split();
    drop(reader);
    let mut first = writer.clone();
    let first = spawn(async move { in_pieces(&mut first, 0).await });
    let mut fickle = writer.clone();
    let fickle = spawn(async move {
        for _ in 0..2 {
            drop(once(fickle.start_message(MessageKind::Text)).await);
        }
    });
    let mut last = writer.clone();
    let last = spawn(async move { in_pieces(&mut last, 1).await });
    drop(writer);
    block_on(async {
        let seen = [next(&mut theirs).await, next(&mut theirs).await];
        assert!(seen == [whole(0), whole(1)] || seen == [whole(1), whole(0)], "{seen:?}");
        for task in [first, fickle, last] {
            task.await.expect("a clone");
        }
    });
}

#[test]
fn who_gives_up_in_line_holds_nobody_up() {
    explore(giving_up);
}

/// A message is left unfinished while others wait behind it: all are told, and the peer gets none of it whole.
fn unfinished() {
    let (ours, mut theirs) = connected(Role::Server, 5);
    let (mut reader, writer) = ours.split();
    let mut careless = writer.clone();
    let careless = spawn(async move {
        let mut message = careless.start_message(MessageKind::Binary).await.expect("open");
        message.feed(vec![9; 3]).await.expect("open");
        // Whether it is written or not, it has gone out.
        message.flush().await.expect("open");
    });
    let waiting = [0, 1].map(|n| {
        let mut writer = writer.clone();
        spawn(async move {
            match n {
                0 => writer.send("whole").await.is_ok(),
                _ => match writer.start_message(MessageKind::Text).await {
                    Ok(message) => message.finish().await.is_ok(),
                    Err(_) => false,
                },
            }
        })
    });
    drop(writer);
    let reading = spawn(async move {
        while let Some(message) = reader.next().await {
            assert!(matches!(message, Ok(Message::Close(_))), "{message:?}");
        }
    });
    block_on(async {
        let mut arrived = 0;
        let close = loop {
            match next(&mut theirs).await {
                Message::Close(frame) => break frame,
                Message::Text(_) => arrived += 1,
                message => panic!("{message:?}"),
            }
        };
        assert_eq!(close.map(|frame| frame.code.into()), Some(1011_u16));
        assert!(theirs.next().await.is_none());
        careless.await.expect("the careless one");
        let mut told = 0;
        for task in waiting {
            told += usize::from(task.await.expect("a clone"));
        }
        assert_eq!(told, arrived);
        reading.await.expect("the reader");
    });
}

#[test]
fn a_message_left_unfinished_is_told_to_all_that_wait_behind_it() {
    explore(unfinished);
}
