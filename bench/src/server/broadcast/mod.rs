//! One message to all connections: the floors, and bowline in several ways.
//!
//! The first connection is the load's control: it says how many connections there will be, is answered
//! when all of them listen, and then asks for one message after the other, a byte each.

mod publisher;
mod tasks;

use std::{
    io,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ::bowline::hub::Hub;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::bowline;
use crate::setting::Setting;
use publisher::{Channel, Channels, Publisher};

/// Bytes of a message.
pub(crate) const MESSAGE_BYTES: usize = 200;

/// A way to bring one message to all.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fan {
    /// The floor: a task and a `tokio::sync::mpsc` per connection, on the raw socket.
    Mpsc,
    /// The same with one `tokio::sync::broadcast`.
    Broadcast,
    /// bowline's hub as it is meant: a task forwards, another reads.
    Hub,
    /// bowline's hub in one task, on the whole connection.
    HubWhole,
    /// bowline whole, in one task that sends and reads, woken by mpsc.
    Whole,
    /// The same, woken by broadcast.
    WholeBroadcast,
    /// bowline's halves in two tasks, the writer woken by mpsc.
    Halves,
    /// As `Whole`, with every connection compressing for itself: what sharing saves.
    Each,
}

impl Fan {
    const ALL: [Self; 8] = [
        Self::Mpsc,
        Self::Broadcast,
        Self::Hub,
        Self::HubWhole,
        Self::Whole,
        Self::WholeBroadcast,
        Self::Halves,
        Self::Each,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mpsc => "bare-mpsc",
            Self::Broadcast => "bare-broadcast",
            Self::Hub => "hub",
            Self::HubWhole => "hub-whole",
            Self::Whole => "whole-mpsc",
            Self::WholeBroadcast => "whole-broadcast",
            Self::Halves => "halves-mpsc",
            Self::Each => "each-compresses",
        }
    }
}

impl FromStr for Fan {
    type Err = io::Error;

    fn from_str(name: &str) -> io::Result<Self> {
        let found = Self::ALL.into_iter().find(|fan| fan.name() == name);
        found.ok_or_else(|| io::Error::other(format!("{name}: no way to broadcast")))
    }
}

/// Counts the connections whose opening handshake is over.
#[derive(Clone, Default)]
struct Audience(Arc<AtomicUsize>);

impl Audience {
    fn join(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    async fn wait_for(&self, count: usize) {
        while self.0.load(Ordering::Relaxed) < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Runs a server until it is ended from outside. Prints its port first.
pub(crate) fn serve(fan: Fan, setting: Setting) -> io::Result<()> {
    super::run(async |listener| {
        let server = || bowline::server(setting);
        match fan {
            Fan::Mpsc => conduct(listener, Channels::default(), with(setting, tasks::write)).await,
            Fan::Broadcast => {
                conduct(listener, Channel::default(), with(setting, tasks::write)).await
            }
            Fan::Hub => conduct(listener, Hub::new(), with(server(), tasks::forward)).await,
            Fan::HubWhole => conduct(listener, Hub::new(), with(server(), tasks::subscribe)).await,
            Fan::Whole => {
                conduct(listener, Channels::default(), with(server(), tasks::whole)).await
            }
            Fan::WholeBroadcast => {
                conduct(listener, Channel::default(), with(server(), tasks::whole)).await
            }
            Fan::Halves => {
                conduct(listener, Channels::default(), with(server(), tasks::halves)).await
            }
            Fan::Each => conduct(listener, Channels::default(), with(server(), tasks::each)).await,
        }
    })
}

/// A connection's task, with how it is opened.
fn with<O: Clone, S, F>(
    opening: O,
    task: impl Fn(TcpStream, O, S, Audience) -> F,
) -> impl Fn(TcpStream, S, Audience) -> F {
    move |tcp, source, audience| task(tcp, opening.clone(), source, audience)
}

/// Accepts the control and as many connections as it says, and publishes whenever it asks.
async fn conduct<P, F, E>(
    listener: TcpListener,
    mut publisher: P,
    task: impl Fn(TcpStream, P::Source, Audience) -> F,
) -> io::Result<()>
where
    P: Publisher,
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Send + 'static,
{
    let (mut control, _) = listener.accept().await?;
    control.set_nodelay(true)?;
    let count = control.read_u32().await? as usize;
    let audience = Audience::default();
    for _ in 0..count {
        let (tcp, _) = listener.accept().await?;
        tcp.set_nodelay(true)?;
        tokio::spawn(task(tcp, publisher.subscribe(), audience.clone()));
    }
    audience.wait_for(count).await;
    control.write_u8(0).await?;
    while control.read_u8().await.is_ok() {
        publisher.publish()?;
    }
    Ok(())
}
