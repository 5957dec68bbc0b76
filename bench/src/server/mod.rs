//! The servers, each in a process of its own: one thread, on one core.

mod axum;
mod bare;
mod bowline;
pub(crate) mod broadcast;
mod fastwebsockets;
pub(crate) mod flood;
mod forward;
mod framed;
mod handshake;
mod name;
mod raw;
pub(crate) mod sending;
mod sockudo;
mod soketto;
pub(crate) mod tls;
mod tokio_websockets;
mod tungstenite;
mod websocket_codec;
mod yawc;

use std::{future::Future, io, net::Ipv4Addr};

use tokio::{
    net::{TcpListener, TcpStream},
    task::unconstrained,
};

use crate::{machine, setting::Setting};
pub(crate) use name::Server;

/// What every server takes at least, raised or lowered where its default is another.
const MAX_MESSAGE_BYTES: usize = 64 << 20;

/// Runs an echo server until it is ended from outside.
pub(crate) fn serve(server: Server, setting: Setting) -> io::Result<()> {
    run(async |listener| match server {
        Server::Bare => accept(listener, |tcp| bare::shared(tcp, setting)).await,
        Server::BarePair => accept(listener, |tcp| bare::paired(tcp, setting)).await,
        Server::Raw => accept(listener, raw::echo).await,
        Server::RawWhole => accept(listener, raw::echo_whole).await,
        Server::Rest => accept(listener, raw::echo_at_rest).await,
        Server::Axum => axum::serve(listener).await,
        Server::AxumWs => axum::serve_own(listener).await,
        Server::Accept => accept(listener, bowline::echo_as_in_readme).await,
        Server::BowlineFramed => accept(listener, framed::echo).await,
        Server::BowlineFramedForward => accept(listener, framed::echo_by_forward).await,
        Server::Bowline
        | Server::BowlineSend
        | Server::BowlineForward
        | Server::Halves
        | Server::Tasks => serve_bowline(listener, server, setting).await,
        _ => serve_peer(listener, server, setting).await,
    })
}

async fn serve_bowline(listener: TcpListener, server: Server, setting: Setting) -> io::Result<()> {
    let made = bowline::server(setting);
    match server {
        Server::Halves => accept(listener, |tcp| bowline::echo_by_halves(tcp, made)).await,
        Server::Tasks => accept(listener, |tcp| bowline::echo_by_tasks(tcp, made)).await,
        Server::BowlineSend => accept(listener, |tcp| bowline::echo_by_send(tcp, made)).await,
        Server::BowlineForward => accept(listener, |tcp| bowline::echo_by_forward(tcp, made)).await,
        _ => accept(listener, |tcp| bowline::echo(tcp, made)).await,
    }
}

/// tokio-websockets and fastwebsockets without Tokio's budget for a task's turn, as in their examples.
async fn serve_peer(listener: TcpListener, server: Server, setting: Setting) -> io::Result<()> {
    let yawc = |options: ::yawc::Options| move |tcp| yawc::echo(tcp, options.clone(), setting);
    match server {
        Server::Tungstenite => {
            accept(listener, |tcp| tungstenite::echo(tcp, tungstenite::config())).await
        }
        Server::TungsteniteSmall => {
            accept(listener, |tcp| tungstenite::echo(tcp, tungstenite::small())).await
        }
        Server::TungsteniteForward => accept(listener, tungstenite::echo_by_forward).await,
        Server::FastWebSockets => {
            accept(listener, |tcp| unconstrained(fastwebsockets::echo(tcp))).await
        }
        Server::TokioWebSockets => {
            accept(listener, |tcp| unconstrained(tokio_websockets::echo(tcp))).await
        }
        Server::TokioWebSocketsForward => {
            accept(listener, |tcp| unconstrained(tokio_websockets::echo_by_forward(tcp))).await
        }
        Server::Soketto => accept(listener, soketto::echo).await,
        Server::WebSocketCodec => accept(listener, websocket_codec::echo).await,
        Server::WebSocketCodecForward => accept(listener, websocket_codec::echo_by_forward).await,
        Server::Yawc => accept(listener, yawc(yawc::options(setting))).await,
        Server::YawcSmall => accept(listener, yawc(yawc::small())).await,
        Server::YawcTuned => accept(listener, yawc(yawc::tuned())).await,
        Server::YawcForward => {
            let options = yawc::options(setting);
            accept(listener, |tcp| yawc::echo_by_forward(tcp, options.clone())).await
        }
        Server::YawcTunedForward => {
            let options = yawc::tuned();
            accept(listener, |tcp| yawc::echo_by_forward(tcp, options.clone())).await
        }
        Server::Sockudo => accept(listener, |tcp| sockudo::echo(tcp, setting)).await,
        Server::SockudoForward => accept(listener, sockudo::echo_by_forward).await,
        other => Err(io::Error::other(format!("{}: not served here", other.name()))),
    }
}

/// Runs a server until it is ended from outside. Prints its port first.
fn run(serve: impl AsyncFnOnce(TcpListener) -> io::Result<()>) -> io::Result<()> {
    run_saying("", serve)
}

/// The same with this behind the port.
fn run_saying(
    said: &str,
    serve: impl AsyncFnOnce(TcpListener) -> io::Result<()>,
) -> io::Result<()> {
    machine::end_with_parent()?;
    machine::raise_file_limit()?;
    machine::pin(machine::SERVER_CORE)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("{} {said}", listener.local_addr()?.port());
        serve(listener).await
    })
}

/// How a connection ends is not reported: the load sees it, and ends every connection without a Close.
async fn accept<F, E>(listener: TcpListener, echo: impl Fn(TcpStream) -> F) -> io::Result<()>
where
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Send + 'static,
{
    loop {
        let (tcp, _) = listener.accept().await?;
        tcp.set_nodelay(true)?;
        tokio::spawn(echo(tcp));
    }
}
