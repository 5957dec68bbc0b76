//! The chat of `examples/chat` on axum: `cargo run -p bowline-hyper --example axum_chat [ADDR] [--nats URL]`.
//!
//! Page, protocol and room are those of the other example, file by file. What differs is here: routes are axum's, which
//! page may connect is the library's to judge, and Ctrl-C (or SIGTERM) closes every connection by a `Drain`, over HTTP/1.1 and
//! HTTP/2, while axum ends its own.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program, and this is its log")]

#[path = "../../examples/chat/broker.rs"]
mod broker;
#[path = "../../examples/chat/dispatch.rs"]
mod dispatch;
#[path = "../../examples/chat/federation.rs"]
mod federation;
#[path = "../../examples/chat/guest.rs"]
mod guest;
#[path = "../../examples/chat/line.rs"]
mod line;
#[path = "../../examples/chat/options.rs"]
mod options;
#[path = "../../examples/chat/page.rs"]
mod page;
#[path = "../../examples/chat/protocol.rs"]
mod protocol;
#[path = "../../examples/chat/room.rs"]
mod room;
#[path = "../../examples/chat/uplink.rs"]
mod uplink;

use std::{env, error::Error, future, io, process::ExitCode, sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    body::Body,
    extract::State,
    response::Response,
    routing::{any, get},
    serve::ListenerExt,
};
use bowline::{CloseCode, Config, Deflate, Drain};
use bowline_hyper::axum::WebSocketUpgrade;
use futures_util::FutureExt;
#[cfg(unix)]
use tokio::signal::unix::{SignalKind, signal};
use tokio::{net::TcpListener, time};

use crate::{options::Options, protocol::MAX_MESSAGE_SIZE, room::Room};

/// How long open connections get for their closing handshakes, and requests for their responses.
const GRACE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> ExitCode {
    // TLS is somebody else's, in front of it.
    let options = Options::parse(env::args().skip(1)).filter(|options| options.tls.is_none());
    let Some(options) = options else {
        eprintln!("usage: axum_chat [ADDR] [--nats nats://HOST:PORT]");
        return ExitCode::from(2);
    };
    match run(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("axum_chat: {}: {error}", options.address);
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let stop = stop_signal()?.shared();
    let listener = TcpListener::bind(&options.address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    // A chat sends small messages that somebody waits for; Nagle's algorithm would hold them back.
    let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));

    let (room, mut broker) = broker::open(options.nats.as_deref());
    let drain = Drain::new();
    let server = axum::serve(listener, app(room.clone(), &drain));
    let server = tokio::spawn(server.with_graceful_shutdown(stop.clone()).into_future());

    stop.await;
    // Meanwhile axum takes nobody new, and waits for the responses that are on their way.
    let report = drain.close_all(CloseCode::AWAY, "The server is shutting down", GRACE).await?;
    println!("{} closed, {} lost, {} cut off", report.closed, report.lost, report.cut);
    if time::timeout(GRACE, server).await.is_err() {
        eprintln!("axum_chat: a request was not done in time");
    }
    // The others have yet to hear that everybody here has left.
    room.hang_up();
    let _ = time::timeout(GRACE, broker.join_next()).await;
    Ok(())
}

fn app(room: Arc<Room>, drain: &Drain) -> Router {
    let config = Config::new().with_max_message_size(MAX_MESSAGE_SIZE);
    // Browsers offer compression. A guest's words and another's secret never share a context here: the server keeps none.
    let sockets = bowline_hyper::Options::new().config(config).deflate(Deflate::new()).drain(drain);
    Router::new()
        .route("/", get(async || page::page().map(Body::from)))
        .route("/ws", any(guest))
        .layer(Extension(sockets))
        .with_state(room)
}

async fn guest(upgrade: WebSocketUpgrade, State(room): State<Arc<Room>>) -> Response {
    upgrade.on_upgrade(|ws| async move {
        // Nobody has to be told to stop: the drain closes the connection, and waits for what is here.
        let outcome = guest::talk(ws, &room, future::pending()).await;
        // People close laptops and walk into lifts: not worth a line.
        if let Err(error) = &outcome
            && !error.is_disconnect()
        {
            eprintln!("axum_chat: {error}");
        }
        outcome
    })
}

/// Ctrl-C, and SIGTERM where there is one. They are waited for from now on, not from the first poll.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(tokio::signal::ctrl_c().map(drop))
}
