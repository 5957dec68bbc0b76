//! Clones that ping at once, while another task reads, and that stop waiting.

use bowline::Role;
use shuttle::future::{block_on, spawn};

use super::{connected, explore, failure, once};

const CLONES: usize = 3;

/// Each ping is answered, whoever polls when, and whoever reads wakes whoever waits.
fn answered() {
    let (ours, mut theirs) = connected(Role::Client, 8);
    let (mut reader, writer) = ours.split();
    let peer = spawn(async move { while let Some(Ok(_)) = theirs.next().await {} });
    let reading = spawn(async move { while let Some(Ok(_)) = reader.next().await {} });
    let clones: Vec<_> = (0..CLONES)
        .map(|i| {
            let mut writer = writer.clone();
            spawn(async move {
                if i == 0 {
                    // One that nobody waits for any more.
                    once(writer.ping()).await;
                }
                let answer = writer.ping().await;
                assert!(answer.is_ok(), "{answer:?}");
            })
        })
        .collect();
    block_on(async {
        for clone in clones {
            clone.await.expect("a clone");
        }
        let mut writer = writer;
        writer.close(1000, "").await.expect("open");
        reading.await.expect("the reader");
        peer.await.expect("the peer");
    });
}

#[test]
fn whoever_pings_is_answered_and_woken() {
    explore(answered);
}

/// The peer never answers, and ends: whoever waits is told.
fn unanswered() {
    let (ours, theirs) = connected(Role::Client, 64);
    let (mut reader, mut writer) = ours.split();
    let waiting = spawn(async move { failure(writer.ping().await) });
    let reading = spawn(async move { while let Some(Ok(_)) = reader.next().await {} });
    let peer = spawn(async move { drop(theirs) });
    block_on(async {
        peer.await.expect("the peer");
        reading.await.expect("the reader");
        let told = waiting.await.expect("a clone");
        assert!(told.is_err(), "{told:?}");
    });
}

#[test]
fn whoever_waits_when_the_connection_ends_is_told() {
    explore(unanswered);
}
