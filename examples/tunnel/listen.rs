//! Many connections at once, until Ctrl-C.

use std::{fmt, io, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    signal,
    sync::watch,
    task::JoinSet,
    time,
};

use crate::carry::{Cut, Traffic};

/// How long open connections get for their closing handshakes after Ctrl-C.
const GRACE: Duration = Duration::from_secs(5);

/// One of the two programs that this is: what it does with a connection.
pub(crate) trait Tunnel: Send + Sync + 'static {
    /// What is printed when it listens.
    fn describe(&self, address: impl fmt::Display) -> String;

    /// One connection, from the first byte to the last.
    fn carry(
        &self,
        tcp: TcpStream,
        stopping: Stopping,
    ) -> impl Future<Output = Result<Traffic, Cut>> + Send;
}

/// Tells a connection that the program is being stopped.
#[derive(Clone)]
pub(crate) struct Stopping(watch::Receiver<()>);

impl Stopping {
    pub(crate) async fn wait(&mut self) {
        // Nothing is ever sent: that the sender is gone is the news.
        while self.0.changed().await.is_ok() {}
    }
}

pub(crate) async fn run(address: &str, tunnel: impl Tunnel) -> io::Result<()> {
    let failed = |error: io::Error| io::Error::new(error.kind(), format!("{address}: {error}"));
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    println!("tunnel: {}", tunnel.describe(listener.local_addr()?));

    let tunnel = Arc::new(tunnel);
    let (stop, stopping) = watch::channel(());
    let mut connections = JoinSet::new();
    let interrupt = signal::ctrl_c();
    tokio::pin!(interrupt);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((tcp, peer)) => {
                    let (tunnel, stopping) = (tunnel.clone(), Stopping(stopping.clone()));
                    connections.spawn(async move {
                        match tunnel.carry(tcp, stopping).await {
                            Ok(traffic) => println!("tunnel: {peer}: {traffic}"),
                            Err(cut) => eprintln!("tunnel: {peer}: {cut}"),
                        }
                    });
                }
                Err(error) => {
                    // Out of file descriptors, most likely: trying again at once would spin.
                    eprintln!("tunnel: accept: {error}");
                    time::sleep(Duration::from_millis(100)).await;
                }
            },
            // A JoinSet keeps what has finished until somebody asks.
            Some(_) = connections.join_next() => {}
            result = &mut interrupt => break result?,
        }
    }

    drop(listener);
    drop(stop);
    // Whoever is not done in time is dropped with the set.
    let _ = time::timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
    Ok(())
}
