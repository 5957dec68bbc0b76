//! Echoes WebSocket messages on hyper 1 alone, over HTTP/1.1 and HTTP/2 on one port:
//! `cargo run --release -p bowline-hyper --example hyper_echo -- 127.0.0.1:9001 [--deflate] [--keepalive SECONDS]
//! [--tls CERT.pem KEY.pem] [--no-downcast]`.
//!
//! In plain text HTTP/2 is spoken with those who begin with it, over TLS with those who choose it (ALPN). A plain GET gets
//! a page. `--deflate` compresses for the clients that offer it, `--keepalive` pings after so long a silence, and
//! `--no-downcast` leaves the socket in hyper's hands, where it is a pointer away.
//!
//! Two paths do more: `/close/CODE/REASON` closes at once, and `/ping` pings, and says which pongs came.
//!
//! SIGTERM, or Ctrl-C, closes every WebSocket with 1001, and waits until they and all requests have ended.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod echo;
mod tls;

use std::{env, error::Error, net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};

use bowline::{Config, Deflate, Drain, Keepalive};
use bowline_hyper::Options;
use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use crate::echo::{Echo, Sockets};

/// How long connections have to end once the server stops, and a client has for TLS and a request's head.
const PATIENCE: Duration = Duration::from_secs(10);

const USAGE: &str = "usage: hyper_echo ADDRESS:PORT [--deflate] [--keepalive SECONDS] \
                     [--tls CERT.pem KEY.pem] [--no-downcast]";

#[tokio::main]
async fn main() -> ExitCode {
    let Some(arguments) = Arguments::parse(env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hyper_echo: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Arguments {
    address: String,
    tls: Option<(String, String)>,
    keepalive: Option<Duration>,
    deflate: Option<Deflate>,
    sockets: Sockets,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let mut arguments = Self {
            address: "127.0.0.1:9001".into(),
            tls: None,
            keepalive: None,
            deflate: None,
            sockets: Sockets::TakenOut,
        };
        while let Some(word) = words.next() {
            match word.as_str() {
                "--deflate" => arguments.deflate = Some(Deflate::new()),
                "--no-downcast" => arguments.sockets = Sockets::LeftToHyper,
                "--tls" => arguments.tls = Some((words.next()?, words.next()?)),
                "--keepalive" => {
                    let seconds = words.next()?.parse().ok()?;
                    arguments.keepalive = Some(Duration::try_from_secs_f64(seconds).ok()?);
                }
                _ if word.starts_with('-') => return None,
                _ => arguments.address = word,
            }
        }
        Some(arguments)
    }

    fn options(&self, drain: &Drain) -> Options {
        // Autobahn sends messages of 16 MiB in one frame and more.
        let config = Config::new().with_max_frame_size(64 << 20).with_max_message_size(64 << 20);
        let options = Options::new().config(config).protocols(["echo.v2", "echo.v1"]);
        let options = options.deflate(self.deflate).drain(drain);
        match self.keepalive {
            Some(interval) => options.keepalive(Keepalive::new(interval, PATIENCE)),
            None => options,
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let acceptor = match &arguments.tls {
        Some((certificate, key)) => Some(tls::acceptor(certificate, key)?),
        None => None,
    };
    let listener = TcpListener::bind(&arguments.address).await?;
    let scheme = if acceptor.is_some() { "wss" } else { "ws" };
    println!("listening on {scheme}://{}", listener.local_addr()?);

    let drain = Drain::new();
    let echo = Arc::new(Echo::new(arguments.options(&drain), arguments.sockets));
    // Every connection has a receiver: it is told to end by the one value, and has ended when the receiver is gone.
    let (stop, stopping) = watch::channel(());
    let mut signals = Signals::new()?;
    loop {
        let (tcp, peer) = tokio::select! {
            accepted = listener.accept() => accepted?,
            () = signals.next() => break,
        };
        let (echo, acceptor, stopping) = (echo.clone(), acceptor.clone(), stopping.clone());
        tokio::spawn(async move {
            if let Err(error) = connection(tcp, peer, acceptor, echo, stopping).await {
                eprintln!("{peer}: {error}");
            }
        });
    }

    drop((listener, stopping));
    stop.send_replace(());
    drain.close_all(1001, "going away", PATIENCE).await?;
    let _ = timeout(PATIENCE, stop.closed()).await;
    Ok(())
}

type Failure = Box<dyn Error + Send + Sync>;

async fn connection(
    tcp: TcpStream,
    peer: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    echo: Arc<Echo>,
    stopping: watch::Receiver<()>,
) -> Result<(), Failure> {
    tcp.set_nodelay(true)?;
    match acceptor {
        Some(acceptor) => {
            let tls = timeout(PATIENCE, acceptor.accept(tcp)).await??;
            serve(tls, peer, echo, stopping).await
        }
        None => serve(tcp, peer, echo, stopping).await,
    }
}

/// Serves one connection, over HTTP/1.1 or HTTP/2, until it ends or the server stops.
async fn serve<T>(
    socket: T,
    peer: SocketAddr,
    echo: Arc<Echo>,
    mut stopping: watch::Receiver<()>,
) -> Result<(), Failure>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    // Without this a client over HTTP/2 isn't told that it may open WebSockets, and doesn't.
    server.http2().timer(TokioTimer::new()).enable_connect_protocol();

    let service = service_fn(move |request| {
        let response = echo.clone().answer::<T, _>(request, peer);
        async move { Ok::<_, std::convert::Infallible>(response) }
    });
    let connection = server.serve_connection_with_upgrades(TokioIo::new(socket), service);
    tokio::pin!(connection);
    tokio::select! {
        result = connection.as_mut() => return result,
        _ = stopping.changed() => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}

/// Ctrl-C, and SIGTERM where there is one.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            terminate: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?,
        })
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
