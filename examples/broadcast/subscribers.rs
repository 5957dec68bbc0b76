//! The other ends, in the same process but over TCP: those that read, and three that sleep.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
};

use bowline::{Client, Error, Message, WebSocket, client::Stream};
use tokio::{net::TcpSocket, sync::watch, task::JoinSet};

use crate::ticker::{self, Totals};

/// Those that read have room for seconds: a busy machine makes none of them too slow.
const FAST: &str = "/disconnect/4096";
const SLOW: [&str; 3] = ["/oldest/64", "/newest/64", "/disconnect/64"];
/// What the kernel keeps for one that sleeps, about.
const BUFFER: u32 = 4 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    Fast,
    Slow,
}

/// What somebody has received, and how it ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) pace: Pace,
    pub(crate) path: &'static str,
    pub(crate) received: u64,
    /// The first and last number of all that came one behind the other.
    pub(crate) runs: Vec<(u64, u64)>,
    pub(crate) end: String,
}

/// All of them.
pub(crate) struct Crowd {
    subscribers: JoinSet<Outcome>,
    wake: watch::Sender<()>,
}

impl Crowd {
    /// Connects them; from here on none misses anything unawares.
    pub(crate) async fn connect(
        address: SocketAddr,
        fast: usize,
        totals: &Arc<Totals>,
    ) -> Result<Self, Error> {
        let (wake, asleep) = watch::channel(());
        let mut subscribers = JoinSet::new();
        for _ in 0..fast {
            let (ws, _) = Client::new(format!("ws://{address}{FAST}"))?.connect().await?;
            let totals = totals.clone();
            subscribers.spawn(async move { listen(ws, Pace::Fast, FAST, &totals).await });
        }
        for path in SLOW {
            let ws = connect_slow(address, path).await?;
            let (totals, mut asleep) = (totals.clone(), asleep.clone());
            subscribers.spawn(async move {
                // Until the sender is dropped.
                while asleep.changed().await.is_ok() {}
                listen(ws, Pace::Slow, path, &totals).await
            });
        }
        Ok(Self { subscribers, wake })
    }

    /// Wakes the sleepers, and waits until all have ended. Those that read come first, as one.
    pub(crate) async fn finish(self) -> Vec<Outcome> {
        drop(self.wake);
        let mut outcomes = self.subscribers.join_all().await;
        outcomes.sort_by_key(|outcome| {
            (outcome.pace == Pace::Slow, SLOW.iter().position(|path| *path == outcome.path))
        });
        outcomes
    }
}

/// With a small buffer, as what the kernel holds is as good as read.
async fn connect_slow(address: SocketAddr, path: &str) -> Result<WebSocket<Stream>, Error> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_recv_buffer_size(BUFFER)?;
    let tcp = socket.connect(address).await?;
    let (ws, _) = Client::new(format!("ws://{address}{path}"))?.handshake(tcp.into()).await?;
    Ok(ws)
}

/// Reads to the end.
async fn listen(
    mut ws: WebSocket<Stream>,
    pace: Pace,
    path: &'static str,
    totals: &Totals,
) -> Outcome {
    let end = "no Close".to_owned();
    let mut outcome = Outcome { pace, path, received: 0, runs: Vec::new(), end };
    while let Some(message) = ws.next().await {
        match message {
            Ok(Message::Text(text)) => {
                totals.delivered.fetch_add(1, Ordering::Relaxed);
                outcome.count(ticker::number(&text).unwrap_or_default());
            }
            Ok(Message::Close(Some(frame))) => outcome.end = frame.to_string(),
            Ok(_) => {}
            Err(error) => outcome.end = error.to_string(),
        }
    }
    outcome
}

impl Outcome {
    fn count(&mut self, number: u64) {
        self.received += 1;
        match self.runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => self.runs.push((number, number)),
        }
    }
}
