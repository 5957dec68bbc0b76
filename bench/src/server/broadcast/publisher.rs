//! Where a message for all is published, and where each connection gets it from.

use std::io;

use ::bowline::{
    Message, Prepared,
    hub::{Hub, Policy, Subscription},
};
use bytes::Bytes;
use tokio::sync::{broadcast, mpsc};

use super::MESSAGE_BYTES;
use crate::payload;

/// Messages that a channel holds.
const CHANNEL: usize = 16;

/// The topic of the hub.
const TOPIC: &str = "news";

/// Gives every connection its source, and all of them a message.
pub(super) trait Publisher {
    /// What a connection waits on.
    type Source;

    fn subscribe(&mut self) -> Self::Source;

    /// Encodes the message and publishes it. The load asks for the next one when all have this one, so that
    /// nothing is ever full.
    fn publish(&self) -> io::Result<()>;
}

/// A message in the form that a connection is given.
pub(super) trait Form: Clone + Send + Sync + 'static {
    fn encode() -> io::Result<Self>;
}

/// A channel each.
pub(super) struct Channels<M>(Vec<mpsc::Sender<M>>);

/// One channel for all.
pub(super) struct Channel<M>(broadcast::Sender<M>);

/// A connection's end of either.
pub(super) enum Source<M> {
    Mpsc(mpsc::Receiver<M>),
    Broadcast(broadcast::Receiver<M>),
}

impl<M> Default for Channels<M> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<M: Form> Default for Channel<M> {
    fn default() -> Self {
        Self(broadcast::Sender::new(CHANNEL))
    }
}

impl<M: Clone> Source<M> {
    /// Cancel-safe, as both channels are.
    pub(super) async fn next(&mut self) -> Option<M> {
        match self {
            Self::Mpsc(receiver) => receiver.recv().await,
            Self::Broadcast(receiver) => receiver.recv().await.ok(),
        }
    }
}

impl<M: Form> Publisher for Channels<M> {
    type Source = Source<M>;

    fn subscribe(&mut self) -> Source<M> {
        let (sender, receiver) = mpsc::channel(CHANNEL);
        self.0.push(sender);
        Source::Mpsc(receiver)
    }

    fn publish(&self) -> io::Result<()> {
        let message = M::encode()?;
        for sender in &self.0 {
            sender.try_send(message.clone()).map_err(|_| io::Error::other("a channel is full"))?;
        }
        Ok(())
    }
}

impl<M: Form> Publisher for Channel<M> {
    type Source = Source<M>;

    fn subscribe(&mut self) -> Source<M> {
        Source::Broadcast(self.0.subscribe())
    }

    fn publish(&self) -> io::Result<()> {
        let sent = self.0.send(M::encode()?);
        sent.map(drop).map_err(|_| io::Error::other("nobody listens"))
    }
}

impl Publisher for Hub {
    type Source = Subscription;

    fn subscribe(&mut self) -> Subscription {
        Hub::subscribe(self, TOPIC, Policy::default())
    }

    fn publish(&self) -> io::Result<()> {
        let report = Hub::publish(self, TOPIC, &Prepared::encode()?);
        if report.dropped + report.disconnected > 0 {
            return Err(io::Error::other(format!("some did not keep up: {report:?}")));
        }
        Ok(())
    }
}

/// A whole frame.
impl Form for Bytes {
    fn encode() -> io::Result<Self> {
        let payload = payload::json(MESSAGE_BYTES);
        let mut frame = vec![0x81, 126];
        frame.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        frame.extend_from_slice(&payload);
        Ok(frame.into())
    }
}

impl Form for Message {
    fn encode() -> io::Result<Self> {
        let text = String::from_utf8(payload::json(MESSAGE_BYTES)).map_err(io::Error::other)?;
        Ok(Message::text(text))
    }
}

impl Form for Prepared {
    fn encode() -> io::Result<Self> {
        Prepared::new(Message::encode()?).map_err(io::Error::other)
    }
}
