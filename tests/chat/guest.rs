//! One person in a chat.

use bowline::{Client, Message, Writer, client::Stream};
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinHandle};

use crate::{process::Chat, record::Record, within};

/// A connection that is read all the time; dropping it drops the connection.
pub(crate) struct Guest {
    pub(crate) name: String,
    writer: Writer<Stream>,
    record: watch::Receiver<Record>,
    reader: JoinHandle<()>,
}

impl Guest {
    /// Connects, and says nothing yet.
    pub(crate) async fn connect(chat: &Chat) -> Self {
        let client = Client::new(format!("ws://{}/ws", chat.address)).unwrap();
        let (ws, _) = within("a connection", client.connect()).await.unwrap();
        let (mut reader, writer) = ws.split();
        let (sender, record) = watch::channel(Record::default());
        let reader = tokio::spawn(async move {
            while let Some(Ok(message)) = reader.next().await {
                if let Message::Text(text) = message {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    sender.send_modify(|record| record.take(message));
                }
            }
        });
        Self { name: String::new(), writer, record, reader }
    }

    /// Somebody in the room.
    pub(crate) async fn join(chat: &Chat, name: &str) -> Self {
        let mut guest = Self::connect(chat).await;
        guest.ask(name).await;
        guest.until("the welcome", |record| !record.messages.is_empty()).await;
        let first = guest.record().messages[0].clone();
        assert_eq!(first["type"], "welcome", "{first}");
        guest
    }

    /// Asks to be let in by this name.
    pub(crate) async fn ask(&mut self, name: &str) {
        name.clone_into(&mut self.name);
        self.send(json!({ "type": "join", "name": name })).await;
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.send(json!({ "type": "say", "text": text })).await;
    }

    /// Says something, and waits until it has come back: who says too much at once leaves slow readers
    /// behind, and has them dropped.
    pub(crate) async fn say_and_hear(&mut self, text: &str) {
        let count = self.record.borrow().count(&self.name);
        self.say(text).await;
        self.until(text, |record| record.count(&self.name) > count).await;
    }

    async fn send(&mut self, message: Value) {
        within("sending", self.writer.send(message.to_string())).await.unwrap();
    }

    /// Waits until what this person has been told comes to this.
    pub(crate) async fn until(&self, what: &str, condition: impl Fn(&Record) -> bool) {
        let mut record = self.record.clone();
        let what = format!("{} and {what}", self.name);
        let outcome = within(&what, record.wait_for(|record| condition(record))).await.map(drop);
        outcome.unwrap_or_else(|_| panic!("{what}: the connection is over"));
    }

    pub(crate) async fn until_people(&self, people: &[&str]) {
        self.until(&format!("people {people:?}"), |record| record.people == people).await;
    }

    pub(crate) async fn until_heard(&self, name: &str, text: &str) {
        self.until(&format!("{name}: {text}"), |record| record.has_heard(name, text)).await;
    }

    pub(crate) async fn until_link(&self, state: &str) {
        self.until(state, |record| record.link.as_deref() == Some(state)).await;
    }

    pub(crate) fn record(&self) -> Record {
        self.record.borrow().clone()
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// Waits until all of these see exactly these people.
pub(crate) async fn until_all_see(guests: &[&Guest], people: &[&str]) {
    for guest in guests {
        guest.until_people(people).await;
    }
}
