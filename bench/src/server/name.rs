//! The servers by their names.

use std::{io, str::FromStr};

use crate::{arguments::Arguments, setting::Setting};

/// A server by its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Server {
    /// The floor: a loop on the socket, with zlib-rs, that checks nothing.
    Bare,
    /// The same with a pair of zlib states per connection, whatever is agreed on.
    BarePair,
    /// The floor of a plain echo: writes the bytes that it has read.
    Raw,
    /// The same, a whole message at once.
    RawWhole,
    /// The floor of memory: a task and a socket.
    Rest,
    Bowline,
    /// With `send` in place of `feed`.
    BowlineSend,
    /// `Stream` forwarded to `Sink`, here and in what follows.
    BowlineForward,
    /// Its codecs on `Framed`.
    BowlineFramed,
    BowlineFramedForward,
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
    Tungstenite,
    /// With the buffers that its docs recommend for many connections.
    TungsteniteSmall,
    TungsteniteForward,
    FastWebSockets,
    TokioWebSockets,
    TokioWebSocketsForward,
    Soketto,
    WebSocketCodec,
    WebSocketCodecForward,
    Yawc,
    /// With small buffers, for many connections.
    YawcSmall,
    /// With the buffers of its own benchmark.
    YawcTuned,
    YawcForward,
    YawcTunedForward,
    Sockudo,
    SockudoForward,
}

impl Server {
    const NAMES: [(Self, &str); 31] = [
        (Self::Bare, "bare"),
        (Self::BarePair, "bare-pair"),
        (Self::Raw, "raw"),
        (Self::RawWhole, "raw-whole"),
        (Self::Rest, "rest"),
        (Self::Bowline, "bowline"),
        (Self::BowlineSend, "bowline-send"),
        (Self::BowlineForward, "bowline-forward"),
        (Self::BowlineFramed, "bowline-framed"),
        (Self::BowlineFramedForward, "bowline-framed-forward"),
        (Self::Accept, "accept"),
        (Self::Halves, "halves"),
        (Self::Tasks, "halves-in-two-tasks"),
        (Self::Axum, "axum"),
        (Self::AxumWs, "axum-ws"),
        (Self::Tungstenite, "tokio-tungstenite"),
        (Self::TungsteniteSmall, "tokio-tungstenite-small"),
        (Self::TungsteniteForward, "tokio-tungstenite-forward"),
        (Self::FastWebSockets, "fastwebsockets"),
        (Self::TokioWebSockets, "tokio-websockets"),
        (Self::TokioWebSocketsForward, "tokio-websockets-forward"),
        (Self::Soketto, "soketto"),
        (Self::WebSocketCodec, "websocket-codec"),
        (Self::WebSocketCodecForward, "websocket-codec-forward"),
        (Self::Yawc, "yawc"),
        (Self::YawcSmall, "yawc-small"),
        (Self::YawcTuned, "yawc-tuned"),
        (Self::YawcForward, "yawc-forward"),
        (Self::YawcTunedForward, "yawc-tuned-forward"),
        (Self::Sockudo, "sockudo-ws"),
        (Self::SockudoForward, "sockudo-ws-forward"),
    ];

    pub(crate) fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(server, _)| *server == self).map_or("", |(_, name)| name)
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
        let found = Self::NAMES.iter().find(|(_, known)| *known == name).map(|(server, _)| *server);
        found.ok_or_else(|| io::Error::other(format!("{name}: no server")))
    }
}
