//! While the NATS server is away, and when it is back.

use std::time::Duration;

use tokio::{
    net::TcpListener,
    sync::oneshot,
    time::{self, MissedTickBehavior},
};

use crate::{
    guest::{Guest, until_all_see},
    process::{Chat, Nats},
    record::Record,
    within,
};

#[tokio::test]
#[ignore = "needs nats-server: tests/chat/run"]
async fn rooms_part_and_are_joined_again() {
    let mut nats = Nats::start().await;
    let (here, there) = (Chat::start(&nats).await, Chat::start(&nats).await);
    let mut ada = Guest::join(&here, "Ada").await;
    let mut bob = Guest::join(&there, "Bob").await;
    until_all_see(&[&ada, &bob], &["Ada", "Bob"]).await;

    nats.kill().await;
    ada.until_link("local").await;
    bob.until_link("local").await;
    assert_eq!(ada.record().people, ["Ada"]);
    assert_eq!(bob.record().people, ["Bob"]);
    // Talk goes on here, and whoever comes hears that it is local.
    let cleo = Guest::join(&here, "Cleo").await;
    assert_eq!(cleo.record().link.as_deref(), Some("local"));
    ada.say("among us").await;
    cleo.until_heard("Ada", "among us").await;

    nats.restart().await;
    let everybody = ["Ada", "Bob", "Cleo"];
    until_all_see(&[&ada, &bob, &cleo], &everybody).await;
    ada.until_link("joined").await;
    bob.until_link("joined").await;
    ada.say("to all").await;
    bob.until_heard("Ada", "to all").await;
    bob.say("to all, too").await;
    for guest in [&ada, &cleo] {
        guest.until_heard("Bob", "to all, too").await;
    }
    // Nothing late, nothing twice.
    assert_eq!(bob.record().said_by("Ada"), ["to all"]);
    assert_eq!(cleo.record().said_by("Ada"), ["among us", "to all"]);
}

/// It takes bytes for as long as there is room for them, and delivers them when it can run again.
#[tokio::test]
#[ignore = "needs nats-server: tests/chat/run"]
async fn a_server_that_stood_still_delivers_nothing_late() {
    let nats = Nats::start().await;
    let (here, there) = (Chat::start(&nats).await, Chat::start(&nats).await);
    let mut ada = Guest::join(&here, "Ada").await;
    let mut bob = Guest::join(&there, "Bob").await;
    until_all_see(&[&ada, &bob], &["Ada", "Bob"]).await;

    nats.freeze().await;
    ada.say("into the void").await;
    bob.say("into the void").await;
    ada.until_link("local").await;
    bob.until_link("local").await;
    ada.say("among us").await;
    ada.until_heard("Ada", "among us").await;

    nats.thaw().await;
    until_all_see(&[&ada, &bob], &["Ada", "Bob"]).await;
    ada.say("to all").await;
    bob.until_heard("Ada", "to all").await;
    bob.say("to all").await;
    ada.until_heard("Bob", "to all").await;
    assert_eq!(bob.record().said_by("Ada"), ["to all"]);
    assert_eq!(ada.record().said_by("Bob"), ["to all"]);
}

/// Says one number after another, until told to stop; returns how many.
async fn count_aloud(mut guest: Guest, mut stop: oneshot::Receiver<()>) -> (Guest, usize) {
    let mut pace = time::interval(Duration::from_millis(5));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut count = 0;
    while stop.try_recv().is_err() {
        pace.tick().await;
        guest.say_and_hear(&format!("number {count}")).await;
        count += 1;
    }
    (guest, count)
}

fn number(text: &str) -> usize {
    text.strip_prefix("number ").and_then(|number| number.parse().ok()).unwrap()
}

/// The listener has heard the speaker's numbers in order, none twice, and none that was said locally.
fn check_heard(speaker: &Record, name: &str, listener: &Record) {
    let heard = listener.said_by(name);
    assert!(heard.is_sorted_by(|one, next| number(one) < number(next)), "{name}: {heard:?}");
    for local in speaker.said_locally_by(name) {
        assert!(!heard.contains(&local), "{name} said {local} locally");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats-server: tests/chat/run"]
async fn numbers_stay_in_order_while_the_server_comes_and_goes() {
    let mut nats = Nats::start().await;
    let (here, there) = (Chat::start(&nats).await, Chat::start(&nats).await);
    // Two who count, and two who only listen.
    let (ada, bob) = (Guest::join(&here, "Ada").await, Guest::join(&there, "Bob").await);
    let (cleo, dan) = (Guest::join(&here, "Cleo").await, Guest::join(&there, "Dan").await);
    let everybody = ["Ada", "Bob", "Cleo", "Dan"];
    until_all_see(&[&ada, &bob, &cleo, &dan], &everybody).await;
    let (stop_ada, ada_stops) = oneshot::channel();
    let (stop_bob, bob_stops) = oneshot::channel();
    let ada = tokio::spawn(count_aloud(ada, ada_stops));
    let bob = tokio::spawn(count_aloud(bob, bob_stops));
    let mut counts = (0, 0);
    for round in 0..5 {
        // Talk crosses both ways, more than before.
        let more = format!("talk across in round {round}");
        cleo.until(&more, |record| record.count("Bob") > counts.0 + 10).await;
        dan.until(&more, |record| record.count("Ada") > counts.1 + 10).await;
        nats.kill().await;
        cleo.until_link("local").await;
        dan.until_link("local").await;
        let here = cleo.record().count("Ada");
        cleo.until("talk here", |record| record.count("Ada") > here + 10).await;
        nats.restart().await;
        until_all_see(&[&cleo, &dan], &everybody).await;
        counts = (cleo.record().count("Bob"), dan.record().count("Ada"));
    }
    stop_ada.send(()).unwrap();
    stop_bob.send(()).unwrap();
    let (mut ada, ada_count) = ada.await.unwrap();
    let (mut bob, bob_count) = bob.await.unwrap();
    // The last of each; nothing of theirs comes behind it.
    ada.say(&format!("number {ada_count}")).await;
    bob.say(&format!("number {bob_count}")).await;
    for guest in [&ada, &bob, &cleo, &dan] {
        guest.until_heard("Ada", &format!("number {ada_count}")).await;
        guest.until_heard("Bob", &format!("number {bob_count}")).await;
    }
    let all = |count| (0..=count).map(|number| format!("number {number}")).collect::<Vec<_>>();
    for (speaker, count, near, far) in
        [(&ada, ada_count, &cleo, &dan), (&bob, bob_count, &dan, &cleo)]
    {
        // In their own room everything is heard, whatever becomes of the server.
        assert_eq!(near.record().said_by(&speaker.name), all(count));
        assert!(!speaker.record().said_locally_by(&speaker.name).is_empty());
        check_heard(&speaker.record(), &speaker.name, &far.record());
    }
}

#[tokio::test]
#[ignore = "needs nats-server: tests/chat/run"]
async fn two_of_one_name_who_met_too_late_both_stay() {
    let mut nats = Nats::away();
    let (here, there) = (Chat::start(&nats).await, Chat::start(&nats).await);
    let mut first = Guest::join(&here, "Ada").await;
    let mut second = Guest::join(&there, "ADA").await;
    nats.restart().await;
    first.until_people(&["Ada", "ADA 2"]).await;
    second.until_people(&["ADA", "Ada 2"]).await;
    first.say("I am the first").await;
    second.until_heard("Ada 2", "I am the first").await;
    second.say("And I").await;
    first.until_heard("ADA 2", "And I").await;
    drop(second);
    first.until_people(&["Ada"]).await;
}

#[tokio::test]
#[ignore = "needs nats-server: tests/chat/run"]
async fn a_server_that_comes_later_is_found() {
    let mut nats = Nats::away();
    let (here, there) = (Chat::start(&nats).await, Chat::start(&nats).await);
    here.until_logged("Connection refused").await;
    let (ada, bob) = (Guest::join(&here, "Ada").await, Guest::join(&there, "Bob").await);
    assert_eq!(ada.record().link.as_deref(), Some("local"));
    nats.restart().await;
    until_all_see(&[&ada, &bob], &["Ada", "Bob"]).await;
    ada.until_link("joined").await;
    here.until_logged("one room with the others").await;
}

#[tokio::test]
#[ignore = "needs nats-server: tests/chat/run"]
async fn a_chat_with_a_wrong_url_says_so_and_works() {
    // One that answers with something else, and one that says nothing: another chat, and nobody.
    let other = Chat::start_with(&[]).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent_url = format!("nats://{}", silent.local_addr().unwrap());
    let other_url = format!("nats://{}", other.address);
    for (url, complaint) in [
        ("http://127.0.0.1:4222", "this is no nats://host:port"),
        ("nonsense.invalid", "alone until"),
        (&silent_url, "the server does not answer"),
        (&other_url, "alone until"),
    ] {
        let chat = Chat::start_with(&["--nats", url]).await;
        let mut ada = Guest::join(&chat, "Ada").await;
        assert_eq!(ada.record().link.as_deref(), Some("local"), "{url}");
        chat.until_logged(complaint).await;
        ada.say("alone").await;
        ada.until_heard("Ada", "alone").await;
    }
    // It keeps trying.
    let _chat = Chat::start_with(&["--nats", &silent_url]).await;
    for _ in 0..3 {
        within("another attempt", silent.accept()).await.unwrap();
    }
}
