//! Who takes part, and with what loop.

use std::io;

use crate::server::Server;

/// A server of the tables.
pub(super) struct Participant {
    pub(super) server: Server,
    pub(super) role: Role,
    /// The loop and its settings, in Markdown.
    pub(super) description: &'static str,
}

/// What a server is beside the others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Floor,
    Bowline,
    /// A crate by its name.
    Peer(&'static str),
}

const TUNGSTENITE: Role = Role::Peer("tokio-tungstenite");
const FAST_WEBSOCKETS: Role = Role::Peer("fastwebsockets");
const TOKIO_WEBSOCKETS: Role = Role::Peer("tokio-websockets");
const SOKETTO: Role = Role::Peer("soketto");
const WEBSOCKET_CODEC: Role = Role::Peer("websocket-codec");
const YAWC: Role = Role::Peer("yawc");
const SOCKUDO: Role = Role::Peer("sockudo-ws");

/// All of them, in the order of the tables.
pub(super) const PARTICIPANTS: [Participant; 23] = [
    floor(
        Server::Raw,
        "reads into 64 KiB and writes the same bytes back, still masked, without a look at them",
    ),
    floor(
        Server::RawWhole,
        "reads headers to know where a message ends, holds a whole one, and writes it in one go, still masked",
    ),
    floor(
        Server::Rest,
        "as `raw`, with one buffer for the whole thread: a connection at rest is a task and a socket",
    ),
    bowline(Server::Bowline, "`next` and `feed`: the loop of the README"),
    bowline(
        Server::BowlineSend,
        "`next` and `send`: each reply is written at once, as in the loops of the peers",
    ),
    bowline(Server::BowlineForward, FORWARD),
    bowline(
        Server::BowlineFramed,
        "`next` and `send` on `Framed` with `MessageCodec`, which answers nothing: the loop of the example `codecs`",
    ),
    bowline(Server::BowlineFramedForward, "`stream.forward(sink)` on that `Framed`"),
    peer(Server::Tungstenite, TUNGSTENITE, "`next` and `send`; its default buffers of 128 KiB"),
    peer(
        Server::TungsteniteSmall,
        TUNGSTENITE,
        "the same with buffers of 4 KiB, which its docs recommend for many connections",
    ),
    peer(
        Server::TungsteniteForward,
        TUNGSTENITE,
        "`stream.forward(sink)`: its echo example; default buffers",
    ),
    peer(
        Server::FastWebSockets,
        FAST_WEBSOCKETS,
        "`read_frame` and `write_frame` on `FragmentCollector`, vectored writes",
    ),
    peer(
        Server::TokioWebSockets,
        TOKIO_WEBSOCKETS,
        "`next` and `send`; set as its echo example: frames of any size, no limits",
    ),
    peer(
        Server::TokioWebSocketsForward,
        TOKIO_WEBSOCKETS,
        "`stream.forward(sink)`, set as before. It writes before each read all the same",
    ),
    peer(
        Server::Soketto,
        SOKETTO,
        "`receive_data`, `send_text` and `flush`, on buffers of 8 KiB as in its examples",
    ),
    peer(Server::WebSocketCodec, WEBSOCKET_CODEC, "`next` and `send` on `Framed`"),
    peer(
        Server::WebSocketCodecForward,
        WEBSOCKET_CODEC,
        "`stream.forward(sink)` on `Framed`. It answers no pings",
    ),
    peer(
        Server::Yawc,
        YAWC,
        "`next` and `send`, UTF-8 checked (off by default); its default buffers of 8 KiB",
    ),
    peer(Server::YawcSmall, YAWC, "the same with buffers of 1 KiB"),
    peer(
        Server::YawcTuned,
        YAWC,
        "the same with a read buffer of 128 KiB and a write boundary of 64 KiB, as in its own benchmark",
    ),
    peer(
        Server::YawcTunedForward,
        YAWC,
        "`stream.forward(sink)`, with the buffers of its own benchmark",
    ),
    peer(Server::Sockudo, SOCKUDO, "`next` and `send`: the loop of its examples"),
    peer(Server::SockudoForward, SOCKUDO, FORWARD),
];

const FORWARD: &str = "`stream.forward(sink)`";

const fn floor(server: Server, description: &'static str) -> Participant {
    Participant { server, role: Role::Floor, description }
}

const fn bowline(server: Server, description: &'static str) -> Participant {
    Participant { server, role: Role::Bowline, description }
}

const fn peer(server: Server, role: Role, description: &'static str) -> Participant {
    Participant { server, role, description }
}

/// The crates of the peers, each once.
pub(super) fn packages() -> Vec<&'static str> {
    let mut packages: Vec<_> =
        PARTICIPANTS.iter().filter_map(|participant| participant.role.package()).collect();
    packages.dedup();
    packages
}

impl Role {
    /// Of a server that takes part.
    pub(super) fn of(server: Server) -> io::Result<Self> {
        let found = PARTICIPANTS.iter().find(|participant| participant.server == server);
        found
            .map(|participant| participant.role)
            .ok_or_else(|| io::Error::other(format!("{} takes no part", server.name())))
    }

    pub(super) fn package(self) -> Option<&'static str> {
        match self {
            Self::Peer(package) => Some(package),
            Self::Floor | Self::Bowline => None,
        }
    }
}
