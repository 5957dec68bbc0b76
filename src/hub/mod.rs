//! Publish and subscribe inside one process: a message is encoded once, and every subscriber of its topic
//! has a queue of its own.
//!
//! ```text
//!                            +-- queue -- Subscription -- forward -- Writer -- connection
//!  publish -- topic (order) -+-- queue -- Subscription
//!                            +-- queue -- Subscription
//! ```
//!
//! Publishing never waits: whoever doesn't keep up gives way as its [`Policy`] says, and all queues together
//! hold no more bytes than [`Hub::with_max_queued`] allows.

mod budget;
mod forward;
mod policy;
mod publishing;
mod queue;
mod report;
mod subscription;
mod topic;
mod topics;

use std::{fmt, sync::Arc};

pub use policy::Policy;
pub use report::Report;
pub use subscription::Subscription;

use crate::message::Prepared;
use budget::{Budget, MESSAGE_OVERHEAD};
use topics::Topics;

/// Topics that messages are published to, and those who have subscribed to them.
///
/// A handle: clones are the same hub. When the last is dropped, the subscriptions yield what they still have
/// queued and end.
///
/// ```
/// use bowline::{Error, Message, Prepared, WebSocket, hub::{Hub, Policy}};
/// use tokio::net::TcpStream;
///
/// /// One guest of a chat: a task reads, another writes.
/// async fn guest(ws: WebSocket<TcpStream>, hub: Hub) -> Result<(), Error> {
///     let (mut reader, mut writer) = ws.split();
///     let mut news = hub.subscribe("harbour", Policy::default());
///     // Ends with the connection, or with the hub; a guest too far behind is sent Close 1013.
///     tokio::spawn(async move { news.forward(&mut writer).await });
///     while let Some(message) = reader.next().await {
///         if let Message::Text(text) = message? {
///             hub.publish("harbour", &Prepared::new(text)?);
///         }
///     }
///     Ok(())
/// }
///
/// /// The same in one task, which sees each message before it goes out.
/// async fn guest_in_one_task(ws: WebSocket<TcpStream>, hub: Hub) -> Result<(), Error> {
///     let (mut reader, mut writer) = ws.split();
///     let mut news = hub.subscribe("harbour", Policy::drop_oldest(100));
///     loop {
///         tokio::select! {
///             message = reader.next() => {
///                 let Some(message) = message else { return Ok(()) };
///                 if let Message::Text(text) = message? {
///                     hub.publish("harbour", &Prepared::new(text)?);
///                 }
///             }
///             Some(message) = news.next() => writer.send_prepared(&message).await?,
///         }
///     }
/// }
/// ```
///
/// # Order
///
/// Every subscriber of a topic gets the messages of all publishers in the same order. Nothing is said about
/// the order between topics.
///
/// # Memory
///
/// A subscriber takes some 300 bytes, and 8 for each message in its queue; a topic some 200 while it has
/// subscribers, and nothing without. Messages are shared by all queues; see
/// [`with_max_queued`](Self::with_max_queued). What has been taken out of a queue, as by a connection that
/// has yet to write it, is no longer counted.
#[derive(Clone)]
pub struct Hub {
    handle: Arc<Handle>,
}

/// What the clones share; with it goes the hub.
struct Handle {
    topics: Arc<Topics>,
}

impl Hub {
    /// What a queued message takes beside its payload, in bytes, as it is counted towards
    /// [`with_max_queued`](Self::with_max_queued).
    pub const MESSAGE_OVERHEAD: usize = MESSAGE_OVERHEAD;

    /// A hub without topics.
    pub fn new() -> Self {
        let topics = Arc::new(Topics::new(Arc::new(Budget::default())));
        Self { handle: Arc::new(Handle { topics }) }
    }

    /// Sets how many bytes may be queued for all subscribers of all topics together; 64 MiB unless set. Set
    /// for a hub in use, it is so for all its handles from then on.
    ///
    /// A published message counts with its payload and [`MESSAGE_OVERHEAD`](Self::MESSAGE_OVERHEAD), once
    /// however many queues hold it, from the first queue that takes it to the last that lets go of it. Its
    /// compressed forms are not counted: at most its payload's length again for each size of window in use.
    ///
    /// A message that would go past this first makes those subscribers of its topic give way that are behind,
    /// which are those with anything queued, as though their queues were full. They do so round after round,
    /// until there is room or nothing left to let go of; then nobody gets the message. One that
    /// is larger than all of this is nobody's either, and nobody gives way for it.
    #[must_use]
    pub fn with_max_queued(self, bytes: usize) -> Self {
        self.budget().set_max(bytes);
        self
    }

    /// How many bytes may be queued, as [`with_max_queued`](Self::with_max_queued) counts them.
    pub fn max_queued(&self) -> usize {
        self.budget().max()
    }

    /// How many bytes are queued now, as [`with_max_queued`](Self::with_max_queued) counts them.
    pub fn queued(&self) -> usize {
        self.budget().queued()
    }

    /// Subscribes to what is published to this topic from now on. The policy says how much may wait, and what
    /// happens when more does. Dropping the subscription ends it.
    pub fn subscribe(&self, topic: &str, policy: Policy) -> Subscription {
        let (queue, topic) = self.handle.topics.join(topic, policy);
        Subscription::new(queue, topic, self.handle.topics.clone())
    }

    /// Queues a message for every subscriber of the topic, and says what became of it.
    ///
    /// Never waits for a subscriber. The work is one step for each, among them waking those that wait; the
    /// caller's thread does all of it.
    pub fn publish(&self, topic: &str, message: &Prepared) -> Report {
        self.handle.topics.publish(topic, message)
    }

    /// How many subscribers the topic has; one that was cut off is none any more.
    pub fn subscribers(&self, topic: &str) -> usize {
        self.handle.topics.subscribers(topic)
    }

    fn budget(&self) -> &Budget {
        self.handle.topics.budget()
    }
}

impl Default for Hub {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.topics.end();
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (queued, max_queued) = (self.queued(), self.max_queued());
        f.debug_struct("Hub")
            .field("queued", &queued)
            .field("max_queued", &max_queued)
            .finish_non_exhaustive()
    }
}
