//! A chat room in one binary: it serves the page at `/` and the WebSocket at `/ws`.
//!
//! ```text
//! cargo run --example chat [ADDR] [--nats URL] [--tls CERT.pem KEY.pem]    # 127.0.0.1:8080 unless told
//! ```
//!
//! With `--nats` it is one room with those of all other chats at that NATS server; with `--tls` page and WebSocket are
//! `https` and `wss`.
//!
//! Where to look: `guest.rs` has the loop of one connection, `room.rs` what the connections
//! share, `routes.rs` who gets in, `protocol.rs` the JSON, `page.html` the browser's side. For one room
//! over many processes: `federation.rs` what they tell each other and when, `dispatch.rs` in which words,
//! `broker.rs` one connection to the server after another, `line.rs` one of them.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program, and this is its log")]

mod broker;
mod dispatch;
mod federation;
mod guest;
mod line;
mod options;
mod page;
mod protocol;
mod room;
mod routes;
#[path = "../tls/server.rs"]
mod tls;
mod uplink;

use std::{env, error, net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};

use bowline::Error;
use futures_util::FutureExt;
use tokio::{
    net::{TcpListener, TcpStream},
    signal,
    sync::watch,
    task::JoinSet,
    time,
};
use tokio_rustls::TlsAcceptor;

use crate::{options::Options, room::Room};

/// How long open connections get for their closing handshakes after Ctrl-C.
const GRACE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> ExitCode {
    let Some(options) = Options::parse(env::args().skip(1)) else {
        eprintln!("usage: chat [ADDR] [--nats nats://HOST:PORT] [--tls CERT.pem KEY.pem]");
        return ExitCode::from(2);
    };
    match run(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chat: {}: {error}", options.address);
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<(), Box<dyn error::Error>> {
    let acceptor = match &options.tls {
        Some((certificate, key)) => Some(tls::acceptor(certificate, key)?),
        None => None,
    };
    let listener = TcpListener::bind(&options.address).await?;
    let scheme = if acceptor.is_some() { "https" } else { "http" };
    println!("chat: {scheme}://{}/", listener.local_addr()?);

    let (room, mut broker) = broker::open(options.nats.as_deref());
    // Nothing is ever sent here: dropping the sender is what tells everyone to stop.
    let (stop, stopping) = watch::channel(());
    let mut connections = JoinSet::new();

    let interrupt = signal::ctrl_c();
    tokio::pin!(interrupt);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((tcp, peer)) => {
                    let served = serve(tcp, acceptor.clone(), room.clone(), stopping.clone());
                    connections.spawn(connection(peer, served));
                }
                Err(error) => {
                    // Out of file descriptors, most likely: trying again at once would spin.
                    eprintln!("chat: accept: {error}");
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
    // The others have yet to hear that everybody here has left.
    room.hang_up();
    let _ = time::timeout(GRACE, broker.join_next()).await;
    Ok(())
}

/// One TCP connection from the first byte to the last.
async fn connection(peer: SocketAddr, served: impl Future<Output = Result<(), Error>>) {
    match served.await {
        Ok(()) => {}
        // People close laptops and walk into lifts: not worth a line.
        Err(error) if error.is_disconnect() => {}
        Err(error) => eprintln!("chat: {peer}: {error}"),
    }
}

async fn serve(
    tcp: TcpStream,
    acceptor: Option<TlsAcceptor>,
    room: Arc<Room>,
    mut stopping: watch::Receiver<()>,
) -> Result<(), Error> {
    // A chat sends small messages that somebody waits for; Nagle's algorithm would hold them back.
    tcp.set_nodelay(true)?;
    let receive = async { routes::receive(tls::accept(tcp, acceptor).await?).await };
    let ws = tokio::select! {
        ws = receive => ws?,
        // Browsers open connections ahead of need; one without a request has nothing to finish.
        _ = stopping.changed() => None,
    };
    match ws {
        Some(ws) => guest::talk(ws, &room, stopping.changed().map(drop)).await,
        None => Ok(()),
    }
}
