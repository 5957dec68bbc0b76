//! One message to all connections: the floors, and bowline in several ways.
//!
//! The first connection is the load's control: it says how many connections there will be, is answered
//! when all of them listen, and then asks for one message after the other, a byte each.

use std::{
    io,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ::bowline::{Error, Message, Prepared};
use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{broadcast, mpsc},
};

use super::{bowline, handshake};
use crate::{payload, setting::Setting};

/// Bytes of a message.
pub(crate) const MESSAGE_BYTES: usize = 200;

/// Messages that a channel holds.
const CHANNEL: usize = 16;

/// A way to bring one message to all.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fan {
    /// The floor: a task and a `tokio::sync::mpsc` per connection, on the raw socket.
    Mpsc,
    /// The same with one `tokio::sync::broadcast`.
    Broadcast,
    /// bowline whole, in one task that sends and reads, woken by mpsc.
    Whole,
    /// The same, woken by broadcast.
    WholeBroadcast,
    /// bowline's halves in two tasks, the writer woken by mpsc.
    Halves,
    /// As `Whole`, with every connection compressing for itself: what sharing saves.
    Each,
}

/// Where a floor's frames or bowline's messages come from.
enum Source<M> {
    Mpsc(mpsc::Receiver<M>),
    Broadcast(broadcast::Receiver<M>),
}

/// Where they are published.
enum Publisher<M> {
    Mpsc(Vec<mpsc::Sender<M>>),
    Broadcast(broadcast::Sender<M>),
}

impl Fan {
    pub(crate) const ALL: [Self; 6] =
        [Self::Mpsc, Self::Broadcast, Self::Whole, Self::WholeBroadcast, Self::Halves, Self::Each];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mpsc => "bare-mpsc",
            Self::Broadcast => "bare-broadcast",
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

impl<M: Clone> Source<M> {
    /// Cancel-safe, as both channels are.
    async fn next(&mut self) -> Option<M> {
        match self {
            Self::Mpsc(receiver) => receiver.recv().await,
            Self::Broadcast(receiver) => receiver.recv().await.ok(),
        }
    }
}

impl<M: Clone + Send + Sync + 'static> Publisher<M> {
    fn new(fan: Fan) -> Self {
        match fan {
            Fan::Broadcast | Fan::WholeBroadcast => {
                Self::Broadcast(broadcast::Sender::new(CHANNEL))
            }
            _ => Self::Mpsc(Vec::new()),
        }
    }

    fn subscribe(&mut self) -> Source<M> {
        match self {
            Self::Mpsc(senders) => {
                let (sender, receiver) = mpsc::channel(CHANNEL);
                senders.push(sender);
                Source::Mpsc(receiver)
            }
            Self::Broadcast(sender) => Source::Broadcast(sender.subscribe()),
        }
    }

    /// The load asks for the next one when all have this one, so that no channel is ever full.
    fn publish(&self, message: M) -> io::Result<()> {
        match self {
            Self::Mpsc(senders) => {
                for sender in senders {
                    sender.try_send(message.clone()).map_err(io::Error::other)?;
                }
            }
            Self::Broadcast(sender) => {
                sender.send(message).map_err(|_| io::Error::other("nobody listens"))?;
            }
        }
        Ok(())
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
        let server = bowline::server(setting);
        match fan {
            Fan::Mpsc | Fan::Broadcast => {
                let serve = move |tcp, source, audience| write(tcp, setting, source, audience);
                conduct(listener, fan, frame, serve).await
            }
            Fan::Whole | Fan::WholeBroadcast => {
                let serve =
                    move |tcp, source, audience| whole(tcp, server.clone(), source, audience);
                conduct(listener, fan, prepared, serve).await
            }
            Fan::Halves => {
                let serve =
                    move |tcp, source, audience| halves(tcp, server.clone(), source, audience);
                conduct(listener, fan, prepared, serve).await
            }
            Fan::Each => {
                let serve =
                    move |tcp, source, audience| each(tcp, server.clone(), source, audience);
                conduct(listener, fan, text, serve).await
            }
        }
    })
}

/// Accepts the control and as many connections as it says, and publishes whenever it asks.
async fn conduct<M, F, E>(
    listener: TcpListener,
    fan: Fan,
    message: impl Fn() -> io::Result<M>,
    serve: impl Fn(TcpStream, Source<M>, Audience) -> F,
) -> io::Result<()>
where
    M: Clone + Send + Sync + 'static,
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Send + 'static,
{
    let (mut control, _) = listener.accept().await?;
    control.set_nodelay(true)?;
    let count = control.read_u32().await? as usize;
    let (mut publisher, audience) = (Publisher::new(fan), Audience::default());
    for _ in 0..count {
        let (tcp, _) = listener.accept().await?;
        tcp.set_nodelay(true)?;
        tokio::spawn(serve(tcp, publisher.subscribe(), audience.clone()));
    }
    audience.wait_for(count).await;
    control.write_u8(0).await?;
    while control.read_u8().await.is_ok() {
        publisher.publish(message()?)?;
    }
    Ok(())
}

fn frame() -> io::Result<Bytes> {
    let payload = payload::json(MESSAGE_BYTES);
    let mut frame = vec![0x81, 126];
    frame.extend_from_slice(&(payload.len() as u16).to_be_bytes());
    frame.extend_from_slice(&payload);
    Ok(frame.into())
}

fn text() -> io::Result<Message> {
    let text = String::from_utf8(payload::json(MESSAGE_BYTES)).map_err(io::Error::other)?;
    Ok(Message::text(text))
}

fn prepared() -> io::Result<Prepared> {
    Prepared::new(text()?).map_err(io::Error::other)
}

/// The floor.
async fn write(
    mut tcp: TcpStream,
    setting: Setting,
    mut source: Source<Bytes>,
    audience: Audience,
) -> io::Result<()> {
    handshake::answer(&mut tcp, setting).await?;
    audience.join();
    while let Some(frame) = source.next().await {
        tcp.write_all(&frame).await?;
    }
    Ok(())
}

async fn whole(
    tcp: TcpStream,
    server: ::bowline::Server,
    mut source: Source<Prepared>,
    audience: Audience,
) -> Result<(), Error> {
    let mut ws = server.receive(tcp).await?.accept().await?;
    audience.join();
    loop {
        tokio::select! {
            Some(message) = source.next() => ws.send_prepared(&message).await?,
            message = ws.next() => match message {
                Some(message) => drop(message?),
                None => return Ok(()),
            },
        }
    }
}

async fn halves(
    tcp: TcpStream,
    server: ::bowline::Server,
    mut source: Source<Prepared>,
    audience: Audience,
) -> Result<(), Error> {
    let ws = server.receive(tcp).await?.accept().await?;
    let (mut reader, mut writer) = ws.split();
    tokio::spawn(async move {
        while let Some(message) = source.next().await {
            writer.send_prepared(&message).await?;
        }
        Ok::<(), Error>(())
    });
    audience.join();
    while let Some(message) = reader.next().await {
        drop(message?);
    }
    Ok(())
}

async fn each(
    tcp: TcpStream,
    server: ::bowline::Server,
    mut source: Source<Message>,
    audience: Audience,
) -> Result<(), Error> {
    let mut ws = server.receive(tcp).await?.accept().await?;
    audience.join();
    loop {
        tokio::select! {
            Some(message) = source.next() => ws.send(message).await?,
            message = ws.next() => match message {
                Some(message) => drop(message?),
                None => return Ok(()),
            },
        }
    }
}
