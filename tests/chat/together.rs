//! While the NATS server is there.

use serde_json::{Value, json};

use crate::{
    guest::{Guest, until_all_see},
    intruder::Intruder,
    process::{Chat, Nats},
};

#[tokio::test]
#[ignore = "needs nats-server: tests/chat/run"]
async fn what_is_said_is_heard_once_and_in_order_everywhere() {
    let nats = Nats::start().await;
    let chats = [Chat::start(&nats).await, Chat::start(&nats).await, Chat::start(&nats).await];
    let mut guests = Vec::new();
    for (chat, name) in chats.iter().zip(["Ada", "Bob", "Cleo"]) {
        guests.push(Guest::join(chat, name).await);
    }
    until_all_see(&guests.iter().collect::<Vec<_>>(), &["Ada", "Bob", "Cleo"]).await;
    for number in 0..50 {
        for guest in &mut guests {
            guest.say_and_hear(&format!("number {number}")).await;
        }
    }
    let expected: Vec<String> = (0..50).map(|number| format!("number {number}")).collect();
    for guest in &guests {
        for name in ["Ada", "Bob", "Cleo"] {
            guest.until_heard(name, "number 49").await;
        }
        for name in ["Ada", "Bob", "Cleo"] {
            assert_eq!(guest.record().said_by(name), expected, "{name} to {}", guest.name);
        }
    }
    // The time is the speaker's: a page that comes back to another process knows what it has shown.
    let times = |guest: &Guest| -> Vec<Value> {
        let messages = guest.record().messages;
        let ada = messages.iter().filter(|message| message["name"] == "Ada");
        ada.map(|message| message["at"].clone()).filter(|at| !at.is_null()).collect()
    };
    assert_eq!(times(&guests[0]), times(&guests[2]));
}

#[tokio::test]
#[ignore = "needs nats-server: tests/chat/run"]
async fn who_comes_and_goes_is_seen_everywhere() {
    let nats = Nats::start().await;
    let (here, there) = (Chat::start(&nats).await, Chat::start(&nats).await);
    let ada = Guest::join(&here, "Ada").await;
    ada.until_link("joined").await;
    let bob = Guest::join(&there, "Bob").await;
    until_all_see(&[&ada, &bob], &["Ada", "Bob"]).await;
    // Whoever comes now is told of all at once.
    let cleo = Guest::join(&there, "Cleo").await;
    let welcome = cleo.record().messages[0].clone();
    assert_eq!(welcome["people"], json!(["Ada", "Bob", "Cleo"]));
    assert_eq!(welcome["link"], "joined");
    ada.until_people(&["Ada", "Bob", "Cleo"]).await;
    drop(bob);
    until_all_see(&[&ada, &cleo], &["Ada", "Cleo"]).await;
    let events = |name: &str| {
        let messages = ada.record().messages;
        let events = messages.iter().filter(|message| message["name"] == name);
        events.map(|event| event["type"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(events("Bob"), ["joined", "left"]);
    assert_eq!(events("Cleo"), ["joined"]);
}

#[tokio::test]
#[ignore = "needs nats-server: tests/chat/run"]
async fn a_name_that_somebody_has_elsewhere_is_taken() {
    let nats = Nats::start().await;
    let (here, there) = (Chat::start(&nats).await, Chat::start(&nats).await);
    let ada = Guest::join(&here, "Ada").await;
    let bob = Guest::join(&there, "Bob").await;
    bob.until_people(&["Ada", "Bob"]).await;
    let mut other = Guest::connect(&there).await;
    other.ask("ada").await;
    other.until("the refusal", |record| record.refusals == 1).await;
    let refusal = other.record().messages[0].clone();
    assert_eq!(refusal["suggestion"], "ada 2");
    // Free again once she has gone.
    drop(ada);
    bob.until_people(&["Bob"]).await;
    other.ask("ada").await;
    bob.until_people(&["ada", "Bob"]).await;
}

#[tokio::test]
#[ignore = "needs nats-server: tests/chat/run"]
async fn a_chat_that_is_killed_takes_its_people_along() {
    let nats = Nats::start().await;
    let (here, there) = (Chat::start(&nats).await, Chat::start(&nats).await);
    let mut ada = Guest::join(&here, "Ada").await;
    let (_bob, _cleo) = (Guest::join(&there, "Bob").await, Guest::join(&there, "Cleo").await);
    ada.until_people(&["Ada", "Bob", "Cleo"]).await;
    there.kill().await;
    ada.until_people(&["Ada"]).await;
    // Both at once, and the link is the same as before.
    let last = ada.record().messages.pop().unwrap();
    assert_eq!(last["type"], "changed");
    assert_eq!(last["left"], json!(["Bob", "Cleo"]));
    assert_eq!(ada.record().link.as_deref(), Some("joined"));
    ada.say("alone").await;
    ada.until_heard("Ada", "alone").await;
}

#[tokio::test]
#[ignore = "needs nats-server: tests/chat/run"]
async fn a_chat_that_is_interrupted_says_who_has_left() {
    let nats = Nats::start().await;
    let (here, there) = (Chat::start(&nats).await, Chat::start(&nats).await);
    let ada = Guest::join(&here, "Ada").await;
    let bob = Guest::join(&there, "Bob").await;
    until_all_see(&[&ada, &bob], &["Ada", "Bob"]).await;
    assert!(there.interrupt().await.success());
    ada.until_people(&["Ada"]).await;
    let last = ada.record().messages.pop().unwrap();
    assert_eq!((last["type"].as_str(), last["name"].as_str()), (Some("left"), Some("Bob")));
}

#[tokio::test]
#[ignore = "needs nats-server: tests/chat/run"]
async fn garbage_at_the_server_is_ignored() {
    let nats = Nats::start().await;
    let (here, there) = (Chat::start(&nats).await, Chat::start(&nats).await);
    let mut ada = Guest::join(&here, "Ada").await;
    let bob = Guest::join(&there, "Bob").await;
    until_all_see(&[&ada, &bob], &["Ada", "Bob"]).await;

    let mut listener = Intruder::connect(&nats).await;
    listener.subscribe().await;
    let overheard: Value = serde_json::from_slice(&listener.next().await).unwrap();
    let process = overheard["from"].as_str().unwrap();
    let said = json!({ "v": 1, "from": "x", "link": 1, "seq": 1, "type": "said", "name": "Ada", "text": "forged", "at": 1 });
    let strange = json!({ "v": 2, "from": "x", "link": 1, "seq": 1, "type": "here", "people": ["Eve"], "heard": {} });
    let deaf = json!({ "v": 1, "from": "x", "link": 1, "seq": 1, "type": "here", "people": ["Eve"], "heard": {} });
    // An older message of a process that is there.
    let old = json!({ "v": 1, "from": process, "link": 0, "seq": 0, "type": "here", "people": [], "heard": {} });
    let mut intruder = Intruder::connect(&nats).await;
    for payload in [
        b"".to_vec(),
        b"\xff\x00\r\nPING\r\n".to_vec(),
        b"{".to_vec(),
        vec![b'['; 100_000],
        vec![b'x'; 1_000_000],
        said.to_string().into_bytes(),
        strange.to_string().into_bytes(),
        deaf.to_string().into_bytes(),
        old.to_string().into_bytes(),
    ] {
        intruder.publish(&payload).await;
    }
    here.until_logged("chat: nats: a message was ignored: ").await;
    there.until_logged("chat: nats: a message was ignored: ").await;
    ada.say("still here").await;
    for guest in [&ada, &bob] {
        guest.until_heard("Ada", "still here").await;
        let record = guest.record();
        assert_eq!(record.said(), [("Ada".into(), "still here".into())]);
        assert_eq!(record.people, ["Ada", "Bob"]);
        let links = record.messages.iter().filter(|message| message["state"] == "local").count();
        assert_eq!(links, 0, "the link was never given up");
    }
}

#[tokio::test]
#[ignore = "needs the example: tests/chat/run"]
async fn a_chat_of_its_own_says_nothing_of_links() {
    let chat = Chat::start_with(&[]).await;
    let mut ada = Guest::join(&chat, "Ada").await;
    ada.say("alone").await;
    ada.until_heard("Ada", "alone").await;
    let messages = ada.record().messages;
    assert_eq!(
        messages[0],
        json!({ "type": "welcome", "name": "Ada", "people": ["Ada"], "history": [] })
    );
    assert_eq!(messages[1], json!({ "type": "joined", "name": "Ada", "people": ["Ada"] }));
    assert_eq!(messages.len(), 3);
}
