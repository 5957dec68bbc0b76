//! The load: clients that speak the wire themselves.

mod audience;
mod checker;
mod connection;
mod drain;
mod pinger;
mod reply;
mod script;

use std::{
    io,
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::runtime::{Builder, Runtime};

use crate::{address::Address, agreement::Agreement, setting::Setting};
pub(crate) use audience::Audience;
use checker::Checker;
use connection::Connection;
pub(crate) use drain::Drain;
pub(crate) use pinger::Pinger;
use reply::{Reply, replies};
use script::Script;
pub(crate) use script::frame;

/// Exchanges at the start of each connection, unless the traffic says otherwise.
const CHECKED: usize = 3;

/// Clients of one source address: fewer than there are ports.
const PER_ADDRESS: usize = 20_000;

/// What every connection sends, over and over.
#[derive(Clone)]
pub(crate) struct Traffic {
    pub(crate) message: Vec<u8>,
    /// Frames of each message.
    pub(crate) fragments: usize,
    /// How many messages are sent at once, before their replies are waited for.
    pub(crate) in_flight: usize,
    /// Exchanges at the start of each connection, whose replies are all compared byte by byte.
    pub(crate) checked: usize,
}

/// What has come back.
pub(crate) struct Echoed {
    pub(crate) messages: u64,
    pub(crate) elapsed: Duration,
    /// How long each exchange took, in nanoseconds: from the start of its write until its last reply was in.
    pub(crate) exchanges: Vec<u64>,
}

/// Connections that have exchanged their first messages, and the runtime that drives them.
pub(crate) struct Load {
    runtime: Runtime,
    traffic: Traffic,
    agreement: Option<Agreement>,
    script: Arc<Script>,
    clients: Vec<Client>,
}

/// One connection, with its last reply.
struct Client {
    connection: Connection,
    sent: usize,
    in_flight: usize,
    /// Frames on their way out, where there are several.
    burst: Vec<u8>,
    buffer: Vec<u8>,
    replies_end: usize,
}

impl Traffic {
    /// One message in flight, in one frame.
    pub(crate) fn one(message: Vec<u8>) -> Self {
        Self { message, fragments: 1, in_flight: 1, checked: CHECKED }
    }
}

impl Load {
    /// Opens `count` connections, one after the other, and exchanges the first messages on each.
    ///
    /// # Errors
    ///
    /// Where the server agrees on something else than `setting`, or a reply is not the message.
    pub(crate) fn open(
        address: &Address,
        setting: Setting,
        traffic: Traffic,
        count: usize,
    ) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime
            .block_on(async {
                let awake = tokio::spawn(stay_awake());
                let first = Client::open(address, 0, setting).await?.sending(&traffic);
                let agreement = first.connection.agreement;
                let script = Script::new(&traffic.message, traffic.fragments, agreement.as_ref())?;
                let mut checker = Checker::new(&traffic.message, agreement.as_ref());
                let mut clients = vec![first];
                for index in 0..count {
                    if index > 0 {
                        clients
                            .push(Client::open(address, index, setting).await?.sending(&traffic));
                    }
                    checker.restart();
                    let client = &mut clients[index];
                    for _ in 0..traffic.checked {
                        client.exchange(&script).await?;
                        for reply in client.replies() {
                            checker.next(&reply)?;
                        }
                    }
                }
                awake.abort();
                Ok((agreement, Arc::new(script), clients))
            })
            .map(|(agreement, script, clients)| Self {
                runtime,
                traffic,
                agreement,
                script,
                clients,
            })
    }

    /// Keeps messages in flight on each connection for `time`. When it returns nothing is under way, and the
    /// last reply on each connection was the message.
    pub(crate) fn echo(&mut self, time: Duration) -> io::Result<Echoed> {
        let start = Instant::now();
        let deadline = start + time;
        let mut checker = Checker::new(&self.traffic.message, self.agreement.as_ref());
        self.runtime.block_on(async {
            let awake = tokio::spawn(stay_awake());
            let run = |client: Client| tokio::spawn(client.run(Arc::clone(&self.script), deadline));
            let tasks: Vec<_> = self.clients.drain(..).map(run).collect();
            let mut exchanges = Vec::new();
            for task in tasks {
                let (client, times) = task.await.map_err(io::Error::other)??;
                exchanges.extend(times);
                self.clients.push(client);
            }
            let elapsed = start.elapsed();
            awake.abort();
            for client in &self.clients {
                if let Some(reply) = client.replies().last() {
                    checker.later(&reply)?;
                }
            }
            let messages = exchanges.len() as u64 * self.traffic.in_flight as u64;
            Ok(Echoed { messages, elapsed, exchanges })
        })
    }

    /// Bytes of the last reply's payload.
    pub(crate) fn reply_bytes(&self) -> usize {
        let last = self.clients.last().and_then(|client| client.replies().last());
        last.map_or(0, |reply| reply.payload.len())
    }
}

/// Looks for replies all the time. If the load slept whenever a server is slower than it, that server would
/// pay for waking it with each reply, and be slower still.
async fn stay_awake() {
    loop {
        tokio::task::yield_now().await;
    }
}

impl Client {
    async fn open(address: &Address, index: usize, setting: Setting) -> io::Result<Self> {
        // 127.0.0.1 itself is left to the kernel, which then takes into account where to.
        let source = match index / PER_ADDRESS {
            0 => None,
            number => Some(Ipv4Addr::new(127, 0, 1, number as u8)),
        };
        let connection = Connection::open(address, source, setting.offer()).await?;
        Agreement::check(connection.agreement.as_ref(), setting)?;
        Ok(Self {
            connection,
            sent: 0,
            in_flight: 1,
            burst: Vec::new(),
            buffer: vec![0; 1024],
            replies_end: 0,
        })
    }

    fn sending(mut self, traffic: &Traffic) -> Self {
        self.in_flight = traffic.in_flight;
        self
    }

    async fn exchange(&mut self, script: &Script) -> io::Result<()> {
        let frames = if self.in_flight == 1 {
            script.frame(self.sent)
        } else {
            self.burst.clear();
            for index in 0..self.in_flight {
                self.burst.extend_from_slice(script.frame(self.sent + index));
            }
            &self.burst
        };
        self.sent += self.in_flight;
        let received = self.connection.exchange(frames, self.in_flight, &mut self.buffer);
        self.replies_end = received.await?;
        Ok(())
    }

    /// Gives how long each exchange took.
    async fn run(mut self, script: Arc<Script>, deadline: Instant) -> io::Result<(Self, Vec<u64>)> {
        let mut times = Vec::new();
        let mut start = Instant::now();
        while start < deadline {
            self.exchange(&script).await?;
            let end = Instant::now();
            times.push((end - start).as_nanos() as u64);
            start = end;
        }
        Ok((self, times))
    }

    /// The replies to what was sent last.
    fn replies(&self) -> impl Iterator<Item = Reply<'_>> {
        replies(&self.buffer[..self.replies_end])
    }
}
