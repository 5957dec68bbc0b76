//! The halves put together again while a clone is used and dropped elsewhere.

use bowline::{Message, Reader, ReuniteError, Role, WebSocket, Writer};
use shuttle::future::{block_on, spawn};

use super::{connected, everything, explore, item, once, pipe::End};

/// The whole, or what was handed back.
type Reunited = Result<WebSocket<End>, (Reader<End>, Writer<End>)>;

/// Either the whole or both halves: never one of them, never with somebody else on it. What the clone has fed
/// is there in both cases.
fn while_a_clone_leaves() {
    let (ours, theirs) = connected(Role::Server, 64);
    let (reader, writer) = ours.split();
    let mut clone = writer.clone();
    let leaving = spawn(async move {
        clone.feed("one").await.expect("open");
        drop(clone);
    });
    let reuniting = spawn(async move {
        let reunited: Reunited =
            reader.reunite(writer).map_err(|ReuniteError(reader, writer)| (reader, writer));
        reunited
    });
    block_on(async {
        let mut ws = match reuniting.await.expect("whole or not") {
            Ok(ws) => ws,
            Err((reader, mut writer)) => {
                writer.feed("two").await.expect("open");
                leaving.await.expect("the clone");
                reader.reunite(writer).expect("nobody else is left")
            }
        };
        ws.send("three").await.expect("open");
        drop(ws);
        let seen = everything(theirs).await;
        assert_eq!(seen.iter().filter(|message| **message == Message::text("one")).count(), 1);
        assert_eq!(seen.last(), Some(&Message::text("three")));
    });
}

#[test]
fn halves_are_whole_again_or_both_handed_back() {
    explore(while_a_clone_leaves);
}

/// Wakers of the halves that are left with the transport wake nobody in vain, and the whole is woken.
fn wakers_of_the_whole() {
    let (ours, mut theirs) = connected(Role::Server, 3);
    let (mut reader, mut writer) = ours.split();
    let whole = spawn(async move {
        once(reader.next()).await;
        once(writer.send("one")).await;
        let mut ws = reader.reunite(writer).expect("nobody else");
        ws.send("two").await.expect("open");
        (ws.next().await.map(item), ws)
    });
    block_on(async {
        for text in ["one", "two"] {
            assert_eq!(theirs.next().await.map(item), Some(Ok(Message::text(text))));
        }
        theirs.send("three").await.expect("open");
        let (next, _ws) = whole.await.expect("the whole");
        assert_eq!(next, Some(Ok(Message::text("three"))));
    });
}

#[test]
fn the_whole_is_woken_where_its_halves_have_waited() {
    explore(wakers_of_the_whole);
}
