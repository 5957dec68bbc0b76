//! Many connections closed at once, in order: what a server does before it stops.
//!
//! ```text
//!                     Roll: who is there, who is to be told
//!  Drain (clones) ---->  ^  ^
//!  Reserved ------------/   |  places with a waker each, and the round that was called last
//!  Connection -- Member ----/
//! ```
//!
//! A connection is closed by its owner's own poll: being told is a waker and a number that has changed.

mod member;
mod places;
mod roll;

use std::{fmt, future::poll_fn, sync::Arc, time::Duration};

use tokio::time::timeout;

use super::WebSocket;
use crate::vocabulary::{CloseCode, CloseFrame, Error, Utf8Bytes};
pub(super) use member::{Member, Order};
pub(super) use roll::Roll;
use roll::Waiting;

/// The connections of a server, or of any part of one, to be closed in order before it stops. Clones are the same one.
///
/// ```
/// use std::time::Duration;
///
/// use bowline::{CloseCode, Drain, Error, server};
/// use tokio::net::TcpListener;
///
/// # async fn serve(listener: TcpListener, stop: impl Future<Output = ()>) -> Result<(), Error> {
/// let drain = Drain::new();
/// let mut stop = std::pin::pin!(stop);
/// loop {
///     let (tcp, _) = tokio::select! {
///         accepted = listener.accept() => accepted?,
///         () = &mut stop => break,
///     };
///     let reserved = drain.reserve();
///     tokio::spawn(async move {
///         let mut ws = server::accept(tcp).await?;
///         reserved.track(&mut ws);
///         while let Some(message) = ws.next().await {
///             let message = message?;
///             if message.is_data() {
///                 // Fails once our Close is queued; `next` goes on to the end, and tells of any other.
///                 let _ = ws.feed(message).await;
///             }
///         }
///         Ok::<(), Error>(())
///     });
/// }
/// let drained = drain.close_all(CloseCode::RESTART, "", Duration::from_secs(20)).await?;
/// println!("{} closed, {} lost, {} cut", drained.closed, drained.lost, drained.cut);
/// # Ok(())
/// # }
/// ```
///
/// Being in it doesn't change what a connection does. It leaves when it has ended, or is dropped or taken apart.
///
/// # Cost
///
/// About 70 bytes for each connection, 20 of them kept for the next when it leaves; coming, going and being told take
/// constant time. A poll of a tracked connection reads one number more; no lock is taken but where its task has changed.
#[derive(Clone, Default)]
pub struct Drain {
    roll: Arc<Roll>,
}

/// What became of the connections of a [`Drain`] since they were first told to close.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Both Closes have passed, whoever began. Those that closed by themselves meanwhile are in here.
    pub closed: usize,
    /// Ended in another way: failed, gone without a Close, dropped by their owner before both had passed.
    pub lost: usize,
    /// Still there when the time was up.
    pub cut: usize,
}

/// A place in a [`Drain`] for a connection whose opening handshake is under way, so that
/// [`close_all`](Drain::close_all) waits for it. Dropped, it gives the place back and counts for nothing.
#[must_use = "dropping it gives the place back"]
pub struct Reserved {
    drain: Drain,
}

impl Drain {
    /// A drain without connections.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on the connection is one of these, whoever owns it and whatever half of it. Where
    /// [`close_all`](Self::close_all) was called already its Close is queued at once, and goes out when it is polled.
    ///
    /// A connection is in one drain, the one that tracked it last; it counts for nothing in the one before. One that
    /// has ended is in none.
    pub fn track<T>(&self, ws: &mut WebSocket<T>) {
        ws.connection.join_drain(&self.roll);
    }

    /// Keeps a place for a connection that is about to be.
    pub fn reserve(&self) -> Reserved {
        self.roll.reserve();
        Reserved { drain: self.clone() }
    }

    /// Has [`close_all`](Self::close_all) wait for something beside connections, as for what a handler does after its
    /// connection has ended, until this is dropped. It counts for nothing.
    pub fn hold(&self) -> Hold {
        self.roll.hold();
        Hold { drain: self.clone() }
    }

    /// How many connections are in it, places kept by [`reserve`](Self::reserve) with them.
    pub fn len(&self) -> usize {
        self.roll.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Closes all connections: each that is open sends a Close with this code and reason, behind what is queued there.
    /// Those that are tracked later do the same. Then waits until there is none left, or until the time is up.
    ///
    /// It is their owners' own polls that do it: whoever waits for a connection is woken. What the peer sends before its
    /// Close is received as ever; sends fail with
    /// [`UsageError::SendAfterClose`](crate::UsageError::SendAfterClose), and a message that is going out in pieces is cut
    /// off, as with any Close. A peer that doesn't answer has the connection's own `close_timeout`.
    ///
    /// Connections that are left when the time is up are cut: the next poll ends them, with [`Error::CloseTimeout`]
    /// where the peer's Close hasn't come, and whoever waits for them is woken. They are out of the drain. A place that was
    /// reserved and is still unfilled counts for nothing; what fills it later is closed, and nobody waits for it.
    ///
    /// Called again, by anybody, it waits for what is left: the Close remains the first call's, and the numbers are of
    /// everything since then.
    ///
    /// Cancel-safe: when dropped, what was told to close does, and nothing is cut; called again it goes on, with a time
    /// of its own.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] where the code may not be sent or the reason has over 123 bytes; then nothing is done.
    pub async fn close_all(
        &self,
        code: impl Into<CloseCode>,
        reason: impl Into<Utf8Bytes>,
        within: Duration,
    ) -> Result<Drained, Error> {
        let frame = CloseFrame::new(code, reason);
        frame.check()?;
        self.roll.call(frame);
        let mut waiting = Waiting::new(&self.roll);
        if timeout(within, poll_fn(|cx| waiting.poll(cx))).await.is_err() {
            self.roll.cut();
        }
        Ok(self.roll.drained())
    }
}

impl Reserved {
    /// Gives the place to this connection, as [`Drain::track`] does.
    pub fn track<T>(self, ws: &mut WebSocket<T>) {
        // Before the place is given back, so that the drain isn't empty in between.
        self.drain.track(ws);
    }
}

/// What [`Drain::close_all`] waits for, beside connections: see [`Drain::hold`].
#[derive(Debug)]
#[must_use = "dropping it lets go"]
pub struct Hold {
    drain: Drain,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.drain.roll.let_go();
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.drain.roll.release();
    }
}

impl fmt::Debug for Drain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Reserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reserved").field("drain", &self.drain).finish()
    }
}
