//! [`ReconnectingWebSocket`]: one stream and sink over many connections.

mod course;
mod event;
mod inbox;
mod outgoing;
mod receiving;
mod sending;
mod state;

use std::{fmt, future::poll_fn};

use http::Response;

pub use event::{Connected, Disconnected, Event};
pub use outgoing::Unsent;
pub use state::Greeting;

use super::redialer::Redialer;
use crate::{
    client::Stream,
    message::Message,
    vocabulary::{CloseCode, CloseFrame, Error, UsageError, Utf8Bytes},
    websocket::{Party, RoundTrip, Wakers, WebSocket},
};
use inbox::Inbox;
use outgoing::Outgoing;
use state::{Hook, State};

/// A WebSocket that connects again when it is disconnected: a fused `Stream` of [`Event`]s and a `Sink` of
/// [`Message`]s, which outlive the connections. Made by [`Reconnecting::websocket`](super::Reconnecting::websocket).
///
/// ```no_run
/// use bowline::{Client, Error, client::Event};
///
/// # async fn listen() -> Result<(), Error> {
/// let mut ws = Client::new("ws://127.0.0.1:8080/news")?
///     .reconnecting()
///     .websocket()
///     .on_connect(|ws, _| Box::pin(ws.send("subscribe")));
/// while let Some(event) = ws.next().await {
///     match event? {
///         Event::Connected(connected) => println!("connection {}", connected.number()),
///         Event::Disconnected(lost) => println!("{}, {:?}", lost.reason(), lost.delay()),
///         Event::Message(message) => println!("{message:?}"),
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// # What ends it
///
/// An error that no further attempt would change, a limit of [`Backoff`](super::Backoff), the peer's Close with a code
/// that says that it is over, and our own. An error is yielded once, as the last item; of a Close
/// [`Event::Disconnected`] tells, without a delay. [`Reconnecting::retry_if`](super::Reconnecting::retry_if) draws the
/// line elsewhere.
///
/// # Sending
///
/// A message goes out at most once. What the transport has not taken whole when a connection breaks is kept for the
/// next one, in order, or dropped: [`Unsent`]. What it has taken may have arrived or not, and is never sent again.
/// A transport that buffers, as TLS does, has taken what was written to it.
///
/// With [`Unsent::Keep`] `send` and `flush` wait until there is a connection that has taken everything; give them a
/// time-out where that is too long.
///
/// # Polled from two tasks
///
/// The halves of `futures`' `StreamExt::split` may live in different tasks. Every poll of either connects, waits
/// and sends; while nobody polls, nothing goes on. Reading is what answers pings and sees a Close: who only sends
/// finds out about the end of a connection when writing fails.
///
/// # Cost
///
/// Messages that wait take [`max_unsent_size`](Self::max_unsent_size) and one message more. Of events that nobody has
/// taken there are the newest [`Event::Connected`] and the newest [`Event::Disconnected`], in order. And up to 1 MiB
/// and one message that were still to be read from a connection when a sender found it broken.
pub struct ReconnectingWebSocket {
    redialer: Redialer,
    state: State,
    /// `None` while it runs, too.
    on_connect: Option<Hook>,
    outgoing: Outgoing,
    inbox: Inbox,
    /// How many connections there have been.
    connections: u64,
    wakers: Wakers,
    /// Counts what the other task is to see.
    changes: u64,
    /// What senders are told after the end.
    ended_by: Option<Error>,
}

/// What a message that waits is counted as, in bytes: its payload, and its place.
fn cost(message: &Message) -> usize {
    message.len() + 64
}

impl ReconnectingWebSocket {
    pub(super) fn new(redialer: Redialer) -> Self {
        Self {
            redialer,
            state: State::Idle,
            on_connect: None,
            outgoing: Outgoing::new(),
            inbox: Inbox::default(),
            connections: 0,
            wakers: Wakers::default(),
            changes: 0,
            ended_by: None,
        }
    }

    /// Runs on each new connection before anything else is sent on it, as to log in or to subscribe anew. Where it
    /// fails, so has the attempt: whether there is another is a question of its error.
    ///
    /// What it reads is its own. It is dropped where the WebSocket is closed meanwhile, and not hurried otherwise.
    #[must_use]
    pub fn on_connect<F>(mut self, hook: F) -> Self
    where
        F: for<'a> FnMut(&'a mut WebSocket<Stream>, &'a Response<()>) -> Greeting<'a>
            + Send
            + 'static,
    {
        self.on_connect = Some(Box::new(hook));
        self
    }

    /// What becomes of messages that were not sent when a connection broke; [`Unsent::Keep`] unless set.
    #[must_use]
    pub fn unsent(mut self, unsent: Unsent) -> Self {
        self.outgoing.unsent = unsent;
        self
    }

    /// How many bytes of messages may wait, for a connection or on it; 1 MiB unless set. Each counts for its payload
    /// and 64 bytes. Past it sending waits; one message always has room.
    #[must_use]
    pub fn max_unsent_size(mut self, bytes: usize) -> Self {
        self.outgoing.max_bytes = bytes;
        self
    }

    /// The connection that there is.
    pub fn connection(&self) -> Option<&WebSocket<Stream>> {
        self.state.websocket()
    }

    /// Sends a ping that answers on the connection that there is, as [`WebSocket::ping`]: [`next`](Self::next) has to be
    /// polled meanwhile. The last answer's time is [`WebSocket::round_trip`] of [`connection`](Self::connection).
    ///
    /// Without a connection it fails at once with [`UsageError::NotConnected`]; when the connection is over, with what
    /// ended it.
    pub fn ping(&mut self) -> RoundTrip {
        let round_trip = match &mut self.state {
            State::Open(line) => line.ws.ping(),
            _ => RoundTrip::failed(UsageError::NotConnected.into()),
        };
        // Whoever reads in another task writes it.
        self.wakers.wake_others(Party::WRITER);
        round_trip
    }

    /// How many messages no transport has taken yet.
    pub fn unsent_len(&self) -> usize {
        self.outgoing.len()
    }

    /// Takes the messages back that wait for a connection. After the end these are all that were accepted and not
    /// sent; meanwhile those that are queued on a connection are not among them.
    pub fn take_unsent(&mut self) -> Vec<Message> {
        self.outgoing.take()
    }

    /// What happens next; `None` after the end.
    ///
    /// Cancel-safe: an event is either returned or still there, and whatever is under way goes on with the next call.
    ///
    /// # Errors
    ///
    /// What ended it, once, as the last item. A Close is none.
    pub async fn next(&mut self) -> Option<Result<Event, Error>> {
        poll_fn(|cx| self.poll_as(Party::READER, cx, Self::poll_event)).await
    }

    /// Queues a message, and waits until a transport has taken all that is queued: with [`Unsent::Keep`] across
    /// connections.
    ///
    /// Cancel-safe: when dropped, the message is wholly queued or not at all.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] for what can't be sent, and after the end; with [`Unsent::Drop`]
    /// [`UsageError::NotConnected`](crate::UsageError::NotConnected) where there is no connection, or where there was
    /// one and something was dropped with it. What ended it for good.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.feed(message).await?;
        self.flush().await
    }

    /// Queues a message, waiting while too much waits already: on a connection 64 KiB, without one
    /// [`max_unsent_size`](Self::max_unsent_size). It is written by the next [`flush`](Self::flush), or when
    /// [`next`](Self::next) finds nothing more to read.
    ///
    /// A Ping or Pong without a connection goes nowhere. A Close closes for good.
    ///
    /// Cancel-safe: when dropped, the message is not queued.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn feed(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        let message = message.into();
        // A Close needs no room, and no connection.
        if !matches!(message, Message::Close(_)) {
            poll_fn(|cx| self.poll_as(Party::WRITER, cx, Self::poll_room)).await?;
        }
        self.queue(message)
    }

    /// Waits until a transport has taken all that is queued, as [`send`](Self::send) does.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// As `send`.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_as(Party::WRITER, cx, Self::poll_written)).await
    }

    /// Closes for good. Where there is a connection, what is queued goes out on it, and the closing handshake is
    /// carried out as by [`WebSocket::close`]: reading, discarding, and giving the peer's Close. An attempt that is
    /// under way is given up. What is queued has `close_timeout` to go out, and the closing handshake as long. What was not sent can be taken back ([`take_unsent`](Self::take_unsent)).
    ///
    /// Cancel-safe: called again it goes on. From the first poll on nothing is sent and nobody connected to any more.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] where the code may not be sent or the reason has over 123 bytes; [`Error::CloseTimeout`]; what
    /// else ended it before its time.
    pub async fn close(
        &mut self,
        code: impl Into<CloseCode>,
        reason: impl Into<Utf8Bytes>,
    ) -> Result<Option<CloseFrame>, Error> {
        let frame = CloseFrame::new(code, reason);
        frame.check()?;
        self.leave(Some(frame));
        poll_fn(|cx| self.poll_as(Party::WRITER, cx, Self::poll_closed)).await
    }
}

impl fmt::Debug for ReconnectingWebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReconnectingWebSocket")
            .field("redialer", &self.redialer)
            .field("connection", &self.connection())
            .field("outgoing", &self.outgoing)
            .finish_non_exhaustive()
    }
}
