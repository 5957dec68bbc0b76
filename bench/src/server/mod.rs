//! The servers, each in a process of its own: one thread, on one core.

mod axum;
mod bare;
mod bowline;
pub(crate) mod broadcast;
pub(crate) mod flood;
mod handshake;
mod name;
mod raw;
mod sockudo;
mod yawc;

use std::{future::Future, io, net::Ipv4Addr};

use tokio::net::{TcpListener, TcpStream};

use crate::{machine, setting::Setting};
pub(crate) use name::Server;

/// Runs an echo server until it is ended from outside.
pub(crate) fn serve(server: Server, setting: Setting) -> io::Result<()> {
    run(async |listener| match server {
        Server::Bare => accept(listener, |tcp| bare::shared(tcp, setting)).await,
        Server::Raw => accept(listener, raw::echo).await,
        Server::RawWhole => accept(listener, raw::echo_whole).await,
        Server::Rest => accept(listener, raw::echo_at_rest).await,
        Server::BarePair => accept(listener, |tcp| bare::paired(tcp, setting)).await,
        Server::Bowline => {
            let server = bowline::server(setting);
            accept(listener, move |tcp| bowline::echo(tcp, server.clone())).await
        }
        Server::Accept => accept(listener, bowline::echo_as_in_readme).await,
        Server::Axum => axum::serve(listener).await,
        Server::AxumWs => axum::serve_own(listener).await,
        Server::Halves => {
            let server = bowline::server(setting);
            accept(listener, move |tcp| bowline::echo_by_halves(tcp, server.clone())).await
        }
        Server::Tasks => {
            let server = bowline::server(setting);
            accept(listener, move |tcp| bowline::echo_by_tasks(tcp, server.clone())).await
        }
        Server::Sockudo => accept(listener, |tcp| sockudo::echo(tcp, setting)).await,
        Server::Yawc => {
            let options = yawc::options(setting);
            accept(listener, move |tcp| yawc::echo(tcp, options.clone(), setting)).await
        }
    })
}

/// Runs a server until it is ended from outside. Prints its port first.
fn run(serve: impl AsyncFnOnce(TcpListener) -> io::Result<()>) -> io::Result<()> {
    machine::end_with_parent()?;
    machine::raise_file_limit()?;
    machine::pin(machine::SERVER_CORE)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("{}", listener.local_addr()?.port());
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
