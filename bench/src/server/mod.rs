//! The servers, each in a process of its own: one thread, on one core.

mod axum;
mod bare;
mod bowline;
pub(crate) mod broadcast;
pub(crate) mod flood;
mod handshake;
mod sockudo;
mod yawc;

use std::{future::Future, io, net::Ipv4Addr, str::FromStr};

use tokio::net::{TcpListener, TcpStream};

use crate::{arguments::Arguments, machine, setting::Setting};

/// A server by its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    /// The floor: a loop on the socket, with zlib-rs, that checks nothing.
    Bare,
    /// The same with a pair of zlib states per connection, whatever is agreed on.
    BarePair,
    Bowline,
    /// As short as in its README: `server::accept`.
    Accept,
    /// Over its halves, in one task.
    Halves,
    /// Over its halves, in two tasks with a channel between them.
    Tasks,
    /// bowline-hyper behind axum's server.
    Axum,
    /// axum's own WebSocket.
    AxumWs,
    Sockudo,
    Yawc,
}

impl Server {
    const ALL: [Self; 10] = [
        Self::Bare,
        Self::BarePair,
        Self::Bowline,
        Self::Accept,
        Self::Halves,
        Self::Tasks,
        Self::Axum,
        Self::AxumWs,
        Self::Sockudo,
        Self::Yawc,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::BarePair => "bare-pair",
            Self::Bowline => "bowline",
            Self::Accept => "accept",
            Self::Halves => "halves",
            Self::Tasks => "halves-in-two-tasks",
            Self::Axum => "axum",
            Self::AxumWs => "axum-ws",
            Self::Sockudo => "sockudo-ws",
            Self::Yawc => "yawc",
        }
    }

    /// What one has to know about a server to read its line.
    pub(crate) fn remark(self, setting: Setting) -> &'static str {
        match (self, setting) {
            (Self::Bare, Setting::Dropped) => "one pair of states for the thread, nothing checked",
            (Self::Bare | Self::BarePair, _) => "a pair of states per connection, nothing checked",
            (Self::Sockudo, Setting::Dropped) => {
                "no pool on this path: a pair of states per connection"
            }
            (Self::Yawc, Setting::Dropped) => {
                "with its DeflatePool and UTF-8 checks, both off by default"
            }
            (Self::Yawc, Setting::Kept) => "with its UTF-8 checks, off by default",
            (Self::Accept, _) => "the floor: bowline's `server::accept`",
            (Self::Axum, _) => "`WebSocketUpgrade::on_upgrade` of bowline-hyper",
            (Self::AxumWs, _) => "its own `extract::ws`: each reply sent at once, no keepalive",
            _ => "",
        }
    }

    /// Whether the option `servers` names it, or is absent.
    pub(crate) fn is_chosen(arguments: &Arguments, server: Self) -> bool {
        let is_named = |names: &str| names.split(',').any(|name| name == server.name());
        arguments.text("servers").is_none_or(is_named)
    }

    /// Those of `servers` that the option `servers` names, and always the first one.
    pub(crate) fn chosen(arguments: &Arguments, servers: &[Self]) -> io::Result<Vec<Self>> {
        for name in arguments.text("servers").into_iter().flat_map(|names| names.split(',')) {
            name.parse::<Self>()?;
        }
        let mut chosen = servers.to_vec();
        chosen.retain(|server| *server == servers[0] || Self::is_chosen(arguments, *server));
        Ok(chosen)
    }
}

impl FromStr for Server {
    type Err = io::Error;

    fn from_str(name: &str) -> io::Result<Self> {
        let found = Self::ALL.into_iter().find(|server| server.name() == name);
        found.ok_or_else(|| io::Error::other(format!("{name}: no server")))
    }
}

/// Runs an echo server until it is ended from outside.
pub(crate) fn serve(server: Server, setting: Setting) -> io::Result<()> {
    run(async |listener| match server {
        Server::Bare => accept(listener, |tcp| bare::shared(tcp, setting)).await,
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
