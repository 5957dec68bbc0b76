//! Writers that never stop, and a reader that answers pings meanwhile.
//!
//! The first connection is the load's control: a byte asks how many messages were sent and received, two
//! numbers of eight bytes answer, and the flood begins with the first byte. The second one is flooded.

use std::{
    io::{self, Read as _, Write as _},
    os::fd::AsFd as _,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use ::bowline::{Error, Message, WebSocket, Writer};
use bytes::Bytes;
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{setsockopt, sockopt},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{bowline, handshake};
use crate::setting::Setting;

/// Bytes of a message.
pub(crate) const MESSAGE_BYTES: usize = 16 << 10;

/// Clones of the writer.
const WRITERS: usize = 8;

/// What floods.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flood {
    /// The floor: a loop on the socket that writes a frame, then looks for a ping.
    Bare,
    /// Clones of a writer, each in its own task, and the reader in another.
    Writers,
    /// The same, with each writer giving way to other tasks after every message.
    Yielding,
}

#[derive(Default)]
struct Counts {
    sent: AtomicU64,
    received: AtomicU64,
}

impl Flood {
    pub(crate) const ALL: [Self; 3] = [Self::Bare, Self::Writers, Self::Yielding];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Writers => "writers",
            Self::Yielding => "writers-yielding",
        }
    }
}

impl FromStr for Flood {
    type Err = io::Error;

    fn from_str(name: &str) -> io::Result<Self> {
        let found = Self::ALL.into_iter().find(|flood| flood.name() == name);
        found.ok_or_else(|| io::Error::other(format!("{name}: no flood")))
    }
}

impl Counts {
    async fn tell(&self, control: &mut TcpStream) -> io::Result<()> {
        control.write_u64(self.sent.load(Ordering::Relaxed)).await?;
        control.write_u64(self.received.load(Ordering::Relaxed)).await
    }
}

/// Runs a server until it is ended from outside, with this size of the socket's send buffer, or the kernel's
/// own choice for 0. Prints its port first.
pub(crate) fn serve(flood: Flood, send_buffer: u32) -> io::Result<()> {
    super::run(async |listener| {
        let (control, _) = listener.accept().await?;
        control.set_nodelay(true)?;
        let (mut tcp, _) = listener.accept().await?;
        tcp.set_nodelay(true)?;
        if send_buffer > 0 {
            set_send_buffer(&tcp, send_buffer)?;
        }
        match flood {
            Flood::Bare => {
                handshake::answer(&mut tcp, Setting::Off).await?;
                let counts = begin(control).await?;
                write(tcp.into_std()?, &counts)
            }
            Flood::Writers | Flood::Yielding => {
                let opened = bowline::server(Setting::Off).receive(tcp).await;
                let ws = opened.map_err(io::Error::other)?.accept().await;
                let counts = begin(control).await?;
                write_by_many(ws.map_err(io::Error::other)?, flood, counts)
                    .await
                    .map_err(io::Error::other)
            }
        }
    })
}

/// Waits until the load asks for the first time: it has read the whole answer of the handshake then.
async fn begin(mut control: TcpStream) -> io::Result<Arc<Counts>> {
    let counts = Arc::new(Counts::default());
    control.read_u8().await?;
    // At once: the floor leaves the runtime no time.
    counts.tell(&mut control).await?;
    let teller = Arc::clone(&counts);
    tokio::spawn(async move {
        while control.read_u8().await.is_ok() && teller.tell(&mut control).await.is_ok() {}
    });
    Ok(counts)
}

fn set_send_buffer(tcp: &TcpStream, bytes: u32) -> io::Result<()> {
    Ok(setsockopt(tcp, sockopt::SndBuf, &(bytes as usize))?)
}

async fn write_by_many(
    ws: WebSocket<TcpStream>,
    flood: Flood,
    counts: Arc<Counts>,
) -> Result<(), Error> {
    let (mut reader, writer) = ws.split();
    let message = Bytes::from(vec![0x5a; MESSAGE_BYTES]);
    for _ in 0..WRITERS {
        tokio::spawn(send(writer.clone(), message.clone(), flood, Arc::clone(&counts)));
    }
    while let Some(message) = reader.next().await {
        if matches!(message?, Message::Text(_) | Message::Binary(_)) {
            counts.received.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}

async fn send(
    mut writer: Writer<TcpStream>,
    message: Bytes,
    flood: Flood,
    counts: Arc<Counts>,
) -> Result<(), Error> {
    loop {
        writer.send(message.clone()).await?;
        counts.sent.fetch_add(1, Ordering::Relaxed);
        if flood == Flood::Yielding {
            tokio::task::yield_now().await;
        }
    }
}

/// The floor reads whole pings of eight bytes only, which is what the load sends it, and answers before the
/// next frame. It waits for the socket itself: a runtime looks for what has come in only now and then.
fn write(mut tcp: std::net::TcpStream, counts: &Counts) -> io::Result<()> {
    let mut frame = vec![0x82, 126];
    frame.extend_from_slice(&(MESSAGE_BYTES as u16).to_be_bytes());
    frame.resize(frame.len() + MESSAGE_BYTES, 0x5a);
    let (mut ping, mut filled) = ([0; PING], 0);
    let (mut output, mut written) = (frame.clone(), 0);
    loop {
        match tcp.read(&mut ping[filled..]) {
            Ok(0) => return Ok(()),
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        match tcp.write(&output[written..]) {
            Ok(length) => written += length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait(&tcp)?,
            Err(error) => return Err(error),
        }
        if written == output.len() {
            output.clear();
            written = 0;
            if filled == PING {
                output.extend_from_slice(&pong(&ping));
                filled = 0;
            }
            output.extend_from_slice(&frame);
            counts.sent.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A ping as the load sends it.
const PING: usize = 2 + 4 + 8;

fn pong(ping: &[u8; PING]) -> [u8; 10] {
    let mut pong = [0x8a, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    for (index, byte) in pong[2..].iter_mut().enumerate() {
        *byte = ping[6 + index] ^ ping[2 + index % 4];
    }
    pong
}

fn wait(tcp: &std::net::TcpStream) -> io::Result<()> {
    let mut wanted = [PollFd::new(tcp.as_fd(), PollFlags::POLLIN | PollFlags::POLLOUT)];
    poll(&mut wanted, PollTimeout::NONE)?;
    Ok(())
}
