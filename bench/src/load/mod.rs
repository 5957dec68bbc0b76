//! The load: clients that speak the wire themselves, one message in flight on each connection.

mod checker;
mod connection;
mod script;

use std::{
    io,
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::runtime::{Builder, Runtime};

use crate::{agreement::Agreement, setting::Setting};
use checker::Checker;
use connection::{Connection, Reply};
use script::Script;

/// Messages at the start of each connection whose replies are compared byte by byte.
const CHECKED: usize = 3;

/// Clients of one source address: fewer than there are ports.
const PER_ADDRESS: usize = 20_000;

/// Connections that have exchanged their first messages, and the runtime that drives them.
pub(crate) struct Load {
    runtime: Runtime,
    message: Vec<u8>,
    agreement: Option<Agreement>,
    script: Arc<Script>,
    clients: Vec<Client>,
}

/// One connection, with its last reply.
struct Client {
    connection: Connection,
    sent: usize,
    reply: Vec<u8>,
    reply_length: usize,
}

impl Load {
    /// Opens `count` connections, one after the other, and exchanges the first messages on each.
    ///
    /// # Errors
    ///
    /// Where the server agrees on something else than `setting`, or a reply is not the message.
    pub(crate) fn open(
        port: u16,
        setting: Setting,
        message: Vec<u8>,
        count: usize,
    ) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let first = runtime.block_on(Client::open(port, 0, setting))?;
        let agreement = first.connection.agreement;
        let script = Arc::new(Script::new(&message, agreement.as_ref())?);
        let mut load = Self { runtime, message, agreement, script, clients: Vec::new() };
        load.clients.push(first);
        let mut checker = Checker::new(&load.message, load.agreement.as_ref());
        for index in 0..count {
            if index > 0 {
                load.clients.push(load.runtime.block_on(Client::open(port, index, setting))?);
            }
            checker.restart();
            for _ in 0..CHECKED {
                let client = &mut load.clients[index];
                load.runtime.block_on(client.exchange(&load.script))?;
                checker.next(&client.last_reply())?;
            }
        }
        Ok(load)
    }

    /// Keeps one message in flight on each connection for `time`; gives how many were echoed. When it
    /// returns nothing is under way, and the last reply on each connection was the message.
    pub(crate) fn echo(&mut self, time: Duration) -> io::Result<u64> {
        let deadline = Instant::now() + time;
        let mut echoed = 0;
        let mut checker = Checker::new(&self.message, self.agreement.as_ref());
        self.runtime.block_on(async {
            let awake = tokio::spawn(stay_awake());
            let start =
                |client: Client| tokio::spawn(client.run(Arc::clone(&self.script), deadline));
            let tasks: Vec<_> = self.clients.drain(..).map(start).collect();
            for task in tasks {
                let (client, count) = task.await.map_err(io::Error::other)??;
                checker.later(&client.last_reply())?;
                echoed += count;
                self.clients.push(client);
            }
            awake.abort();
            Ok(echoed)
        })
    }

    /// Bytes of the last reply's payload.
    pub(crate) fn reply_bytes(&self) -> usize {
        self.clients.last().map_or(0, |client| client.last_reply().payload.len())
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
    async fn open(port: u16, index: usize, setting: Setting) -> io::Result<Self> {
        // 127.0.0.1 itself is left to the kernel, which then takes into account where to.
        let source = match index / PER_ADDRESS {
            0 => None,
            address => Some(Ipv4Addr::new(127, 0, 1, address as u8)),
        };
        let connection = Connection::open(port, source, setting.offer()).await?;
        Agreement::check(connection.agreement.as_ref(), setting)?;
        Ok(Self { connection, sent: 0, reply: vec![0; 1024], reply_length: 0 })
    }

    async fn exchange(&mut self, script: &Script) -> io::Result<()> {
        let frame = script.frame(self.sent);
        self.sent += 1;
        self.reply_length = self.connection.exchange(frame, &mut self.reply).await?;
        Ok(())
    }

    async fn run(mut self, script: Arc<Script>, deadline: Instant) -> io::Result<(Self, u64)> {
        let mut count = 0;
        while Instant::now() < deadline {
            self.exchange(&script).await?;
            count += 1;
        }
        Ok((self, count))
    }

    fn last_reply(&self) -> Reply<'_> {
        Reply::of(&self.reply[..self.reply_length])
    }
}
