//! The server's side: who asks for what, and what is published on its way to them.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use bowline::{
    CloseCode, Config, Error, Server,
    hub::{Hub, Policy},
};
use http::StatusCode;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream, lookup_host},
    task::JoinSet,
    time,
};

use crate::ticker::TOPIC;

/// The most that a subscriber may have waiting.
const MAX_CAPACITY: usize = 10_000;
/// What the connection and the kernel keep for a subscriber, beside its queue. Small, so that whoever doesn't
/// read is seen within the second; the kernel's own are megabytes.
const BUFFER: u32 = 16 << 10;

pub(crate) async fn bind(address: &str) -> io::Result<TcpListener> {
    let nowhere = || io::Error::new(io::ErrorKind::NotFound, "no such address");
    let address = lookup_host(address).await?.next().ok_or_else(nowhere)?;
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    // The sockets that come of it have the same.
    socket.set_send_buffer_size(BUFFER)?;
    socket.bind(address)?;
    socket.listen(1024)
}

/// A service has time-outs for those who don't read. Here they are what is to be seen: they sleep as long as
/// they like, and find out at the end.
fn config() -> Config {
    Config::new()
        .with_high_water(BUFFER as usize)
        .with_send_timeout(None)
        .with_close_timeout(None)
        .with_keepalive(None)
}

/// Accepts whoever comes, until it is dropped; then their connections are gone with it.
pub(crate) struct Service {
    listener: TcpListener,
    server: Arc<Server>,
    connections: JoinSet<()>,
}

impl Service {
    pub(crate) fn new(listener: TcpListener) -> Self {
        let server = Arc::new(Server::new().config(config()));
        Self { listener, server, connections: JoinSet::new() }
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Cancel-safe.
    pub(crate) async fn accept(&mut self, hub: &Hub) {
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((tcp, peer)) => {
                        let (server, hub) = (self.server.clone(), hub.clone());
                        self.connections.spawn(async move {
                            match serve(tcp, &server, hub).await {
                                Err(error) if !error.is_disconnect() => {
                                    eprintln!("broadcast: {peer}: {error}");
                                }
                                _ => {}
                            }
                        });
                    }
                    Err(error) => {
                        // Out of file descriptors, most likely: trying again at once would spin.
                        eprintln!("broadcast: accept: {error}");
                        time::sleep(Duration::from_millis(100)).await;
                    }
                },
                // A JoinSet keeps what has finished until somebody asks.
                Some(_) = self.connections.join_next() => {}
            }
        }
    }

    /// Waits until all connections have ended.
    pub(crate) async fn finish(mut self) {
        while self.connections.join_next().await.is_some() {}
    }
}

/// One connection, until either end or the hub is gone.
async fn serve(tcp: TcpStream, server: &Server, hub: Hub) -> Result<(), Error> {
    tcp.set_nodelay(true)?;
    let pending = server.receive(tcp).await?;
    let Some(policy) = policy(pending.path()) else {
        return pending.reject(StatusCode::NOT_FOUND).await;
    };
    // Before the answer, so that a client that has it misses nothing.
    let mut news = hub.subscribe(TOPIC, policy);
    // Whoever holds the hub keeps its subscriptions from ending.
    drop(hub);
    let (mut reader, mut writer) = pending.accept().await?.split();
    let forward = async {
        news.forward(&mut writer).await?;
        // Unless something else has closed it.
        writer.close(CloseCode::AWAY, "the ticker has stopped").await
    };
    let read = async {
        // Nothing is expected; but it is the reader that sees a Close, and answers pings.
        while let Some(message) = reader.next().await {
            message?;
        }
        Ok(())
    };
    tokio::try_join!(forward, read).map(drop)
}

/// `/oldest/64`, `/newest/64`, `/disconnect/64`; `/` is the library's own default.
fn policy(path: &str) -> Option<Policy> {
    let Some((name, capacity)) = path[1..].split_once('/') else {
        return (path == "/").then(Policy::default);
    };
    let capacity =
        capacity.parse().ok().filter(|capacity| (1..=MAX_CAPACITY).contains(capacity))?;
    match name {
        "oldest" => Some(Policy::drop_oldest(capacity)),
        "newest" => Some(Policy::drop_newest(capacity)),
        "disconnect" => Some(Policy::disconnect(capacity, CloseCode::AGAIN, "too far behind")),
        _ => None,
    }
}
