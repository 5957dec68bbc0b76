//! Messages that are received ahead: what dwebsocket had in each WebSocket, and here only those have that want it.

use bowline::{Error, Message, Reader};
use bowline_hyper::Io;
use tokio::sync::mpsc;

/// Messages that may wait. With so many the reader pauses, and behind it the client.
const CAPACITY: usize = 64;

/// The messages that a task of its own has received. It ends with the connection, and with this.
pub(crate) struct Inbox {
    messages: mpsc::Receiver<Result<Message, Error>>,
}

impl Inbox {
    pub(crate) fn new(mut reader: Reader<Io>) -> Self {
        let (sender, messages) = mpsc::channel(CAPACITY);
        tokio::spawn(async move {
            loop {
                let message = tokio::select! {
                    message = reader.next() => message,
                    () = sender.closed() => break,
                };
                let Some(message) = message else { break };
                let is_data = message.as_ref().map_or(true, Message::is_data);
                if is_data && sender.send(message).await.is_err() {
                    break;
                }
            }
        });
        Self { messages }
    }

    /// `websocket.wait()`; without waiting (`websocket.read()`) it would be `try_recv`.
    pub(crate) async fn wait(&mut self) -> Option<Result<Message, Error>> {
        self.messages.recv().await
    }

    /// `websocket.count_messages()`
    pub(crate) fn count_messages(&self) -> usize {
        self.messages.len()
    }

    /// `websocket.has_messages()`
    pub(crate) fn has_messages(&self) -> bool {
        !self.messages.is_empty()
    }
}
