//! The load of a broadcast: connections that only receive.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::runtime::{Builder, Runtime};

use super::{Client, checker::Checker, stay_awake};
use crate::{address::Address, agreement::Agreement, setting::Setting};

/// Connections that listen, and the control that has messages published.
pub(crate) struct Audience {
    runtime: Runtime,
    control: TcpStream,
    message: Vec<u8>,
    agreement: Option<Agreement>,
    clients: Vec<Client>,
}

/// How many messages have arrived on all connections, and how many connections have failed.
#[derive(Default)]
struct Tally {
    arrived: AtomicUsize,
    failed: AtomicUsize,
}

/// Which of a connection's messages is there to be checked.
#[derive(Clone, Copy)]
enum Heard {
    First,
    /// One after others that nobody looked at.
    Later,
}

impl Audience {
    /// Opens `count` connections, one after the other, and has the first message published, which is
    /// compared byte by byte on each.
    ///
    /// # Errors
    ///
    /// Where the server agrees on something else than `setting`, or sends something else than the message.
    pub(crate) fn open(
        port: u16,
        setting: Setting,
        message: Vec<u8>,
        count: usize,
    ) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let mut control = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        control.set_nodelay(true)?;
        control.write_all(&(count as u32).to_be_bytes())?;
        let address = Address::plain(port);
        let open = |index| runtime.block_on(Client::open(&address, index, setting));
        let clients = (0..count).map(open).collect::<io::Result<Vec<_>>>()?;
        control.read_exact(&mut [0])?;
        let agreement = clients.first().and_then(|client| client.connection.agreement);
        let mut audience = Self { runtime, control, message, agreement, clients };
        audience.listen(1)?;
        audience.check(Heard::First)?;
        Ok(audience)
    }

    /// Has messages published, each when all connections have the one before. When it returns nothing is
    /// under way, and the last one on each connection was the message.
    pub(crate) fn hear(&mut self, messages: usize) -> io::Result<()> {
        self.listen(messages)?;
        self.check(Heard::Later)
    }

    /// Bytes of the last message's payload.
    pub(crate) fn payload_bytes(&self) -> usize {
        let last = self.clients.last().and_then(|client| client.replies().last());
        last.map_or(0, |reply| reply.payload.len())
    }

    fn listen(&mut self, messages: usize) -> io::Result<()> {
        let tally = Arc::new(Tally::default());
        let count = self.clients.len();
        self.runtime.block_on(async {
            let awake = tokio::spawn(stay_awake());
            let start = |client: Client| tokio::spawn(client.listen(messages, Arc::clone(&tally)));
            let tasks: Vec<_> = self.clients.drain(..).map(start).collect();
            for message in 1..=messages {
                self.control.write_all(&[0])?;
                while !tally.is_complete(message * count) {
                    tokio::task::yield_now().await;
                }
            }
            for task in tasks {
                self.clients.push(task.await.map_err(io::Error::other)??);
            }
            awake.abort();
            Ok(())
        })
    }

    fn check(&self, heard: Heard) -> io::Result<()> {
        let mut checker = Checker::new(&self.message, self.agreement.as_ref());
        for client in &self.clients {
            checker.restart();
            for reply in client.replies() {
                match heard {
                    Heard::First => checker.next(&reply)?,
                    Heard::Later => checker.later(&reply)?,
                }
            }
        }
        Ok(())
    }
}

impl Tally {
    /// Whether that many have arrived, or will not.
    fn is_complete(&self, count: usize) -> bool {
        self.arrived.load(Ordering::Relaxed) >= count || self.failed.load(Ordering::Relaxed) > 0
    }
}

impl Client {
    async fn listen(mut self, messages: usize, tally: Arc<Tally>) -> io::Result<Self> {
        for _ in 0..messages {
            match self.connection.receive(1, &mut self.buffer).await {
                Ok(end) => self.replies_end = end,
                Err(error) => {
                    tally.failed.fetch_add(1, Ordering::Relaxed);
                    return Err(error);
                }
            }
            tally.arrived.fetch_add(1, Ordering::Relaxed);
        }
        Ok(self)
    }
}
