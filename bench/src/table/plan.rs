//! What is compared with what, and what is to come out.

use std::io;

use crate::{arguments::Arguments, load::Traffic, payload, server::Server, split_payload};

/// The idle connections that the goal is about.
pub(super) const IDLE: usize = 9_000;

/// As few connections as keep the fastest server awake with one message in flight on each: with a single one it falls
/// asleep after each message, and waking costs several times what a small message does.
pub(super) const AWAKE: usize = 4;

/// A part of the page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    /// CPU, throughput and latency of the rows that have goals.
    Echo,
    /// CPU of a client that sends.
    Sending,
    /// As Echo, over TLS.
    Tls,
    /// CPU by the size of a message.
    Sizes,
    /// CPU by the number of connections.
    Connections,
    /// Memory per idle connection.
    Idle,
}

/// Servers that do the same.
pub(super) struct Case {
    pub(super) part: Part,
    pub(super) title: String,
    pub(super) message_bytes: usize,
    /// Frames of each message.
    fragments: usize,
    pub(super) in_flight: usize,
    pub(super) connections: usize,
    /// The floor among them.
    pub(super) servers: Vec<Server>,
    pub(super) floor: Server,
    /// The most for bowline: in times the floor, or in bytes per connection where memory is measured.
    pub(super) goal: Option<f64>,
}

/// All loops, each in all its settings.
const LOOPS: [Server; 20] = [
    Server::Bowline,
    Server::BowlineSend,
    Server::BowlineForward,
    Server::BowlineFramed,
    Server::BowlineFramedForward,
    Server::Tungstenite,
    Server::TungsteniteSmall,
    Server::TungsteniteForward,
    Server::FastWebSockets,
    Server::TokioWebSockets,
    Server::TokioWebSocketsForward,
    Server::Soketto,
    Server::WebSocketCodec,
    Server::WebSocketCodecForward,
    Server::Yawc,
    Server::YawcSmall,
    Server::YawcTuned,
    Server::YawcTunedForward,
    Server::Sockudo,
    Server::SockudoForward,
];

/// Settings for many connections at rest.
const FRUGAL: [Server; 2] = [Server::Yawc, Server::YawcSmall];

/// Whose clients send: the simple loops, with the settings for large messages.
const SENDERS: [Server; 9] = [
    Server::Raw,
    Server::Bowline,
    Server::Tungstenite,
    Server::FastWebSockets,
    Server::TokioWebSockets,
    Server::Soketto,
    Server::WebSocketCodec,
    Server::YawcTuned,
    Server::Sockudo,
];

const OVER_TLS: [Server; 7] = [
    Server::Raw,
    Server::Bowline,
    Server::BowlineSend,
    Server::Tungstenite,
    Server::TungsteniteForward,
    Server::TokioWebSockets,
    Server::TokioWebSocketsForward,
];

/// The simple loops, with the settings for large messages.
const SIZES: [Server; 10] = [
    Server::Raw,
    Server::RawWhole,
    Server::Bowline,
    Server::Tungstenite,
    Server::FastWebSockets,
    Server::TokioWebSockets,
    Server::Soketto,
    Server::WebSocketCodec,
    Server::YawcTuned,
    Server::Sockudo,
];

/// The simple loops, with the settings for many connections.
const CONNECTIONS: [Server; 9] = [
    Server::Rest,
    Server::Bowline,
    Server::TungsteniteSmall,
    Server::FastWebSockets,
    Server::TokioWebSockets,
    Server::Soketto,
    Server::WebSocketCodec,
    Server::Yawc,
    Server::Sockudo,
];

/// Behind the floors, all loops but some.
fn loops_beside(floors: &[Server], left_out: &[Server]) -> Vec<Server> {
    let loops = LOOPS.into_iter().filter(|server| !left_out.contains(server));
    floors.iter().copied().chain(loops).collect()
}

/// Everything, with so many idle connections.
pub(super) fn cases(idle: usize) -> Vec<Case> {
    let mut cases = vec![
        Case { goal: Some(1.05), ..Case::echo("20 B, one in flight", 20, [16, 1]) },
        Case { goal: Some(1.15), ..Case::echo("20 B, 16 in flight", 20, [16, 16]) },
        Case { goal: Some(1.2), ..Case::echo("1 KiB text, 16 in flight", 1 << 10, [16, 16]) },
        Case { goal: Some(1.3), ..Case::echo("64 KiB text", 64 << 10, [4, 1]) },
        Case {
            floor: Server::RawWhole,
            goal: Some(1.15),
            servers: loops_beside(&[Server::Raw, Server::RawWhole], &FRUGAL),
            ..Case::echo("1 MiB text", 1 << 20, [1, 1])
        },
        Case {
            fragments: 16,
            goal: Some(1.2),
            ..Case::echo("16 KiB in 16 fragments", 16 << 10, [4, 4])
        },
    ];
    cases.push(Case {
        part: Part::Sending,
        servers: SENDERS.to_vec(),
        goal: Some(1.25),
        ..Case::echo("1 MiB binary, sent by a client", 1 << 20, [1, 4])
    });
    cases.extend([
        Case { goal: Some(1.15), ..Case::tls("20 B, 16 in flight, over TLS", 20, [16, 16]) },
        Case {
            goal: Some(1.2),
            ..Case::tls("1 KiB text, 16 in flight, over TLS", 1 << 10, [16, 16])
        },
        Case { goal: Some(1.3), ..Case::tls("64 KiB text, over TLS", 64 << 10, [4, 1]) },
    ]);
    cases.extend(
        [20, 128].into_iter().chain((5..=12).map(|power| 1 << (2 * power))).map(Case::size),
    );
    cases.extend([1, 10, 100, 1_000, 9_000].map(Case::count));
    cases.push(Case {
        part: Part::Idle,
        servers: loops_beside(&[Server::Rest], &[Server::YawcTunedForward]),
        floor: Server::Rest,
        goal: Some(1500.0),
        ..Case::echo("idle", 20, [idle, 1])
    });
    cases
}

impl Part {
    pub(super) const ALL: [Self; 6] =
        [Self::Echo, Self::Sending, Self::Tls, Self::Sizes, Self::Connections, Self::Idle];

    /// Its word on the command line and in the results.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Sending => "sending",
            Self::Tls => "tls",
            Self::Sizes => "sizes",
            Self::Connections => "connections",
            Self::Idle => "idle",
        }
    }

    /// Whether its rows have goals that are about CPU.
    pub(super) fn has_goals(self) -> bool {
        matches!(self, Self::Echo | Self::Sending | Self::Tls)
    }

    /// Whether messages come back, so that an exchange takes a time.
    pub(super) fn is_echo(self) -> bool {
        self != Self::Sending
    }

    pub(super) fn by_word(word: &str) -> io::Result<Self> {
        let found = Self::ALL.into_iter().find(|part| part.word() == word);
        found.ok_or_else(|| io::Error::other(format!("{word}: no part")))
    }
}

impl Case {
    fn echo(title: &str, message_bytes: usize, [connections, in_flight]: [usize; 2]) -> Self {
        Self {
            part: Part::Echo,
            title: title.to_owned(),
            message_bytes,
            fragments: 1,
            in_flight,
            connections,
            servers: loops_beside(&[Server::Raw], &FRUGAL),
            floor: Server::Raw,
            goal: None,
        }
    }

    fn tls(title: &str, message_bytes: usize, connections_and_in_flight: [usize; 2]) -> Self {
        Self {
            part: Part::Tls,
            servers: OVER_TLS.to_vec(),
            ..Self::echo(title, message_bytes, connections_and_in_flight)
        }
    }

    fn size(message_bytes: usize) -> Self {
        let title = match message_bytes {
            0..0x400 => format!("{message_bytes} B"),
            0x400..0x10_0000 => format!("{} KiB", message_bytes >> 10),
            _ => format!("{} MiB", message_bytes >> 20),
        };
        let servers = SIZES.to_vec();
        Self { part: Part::Sizes, servers, ..Self::echo(&title, message_bytes, [AWAKE, 1]) }
    }

    fn count(connections: usize) -> Self {
        Self {
            part: Part::Connections,
            servers: CONNECTIONS.to_vec(),
            floor: Server::Rest,
            ..Self::echo(&connections.to_string(), 20, [connections, 1])
        }
    }

    /// What a connection sends.
    pub(super) fn traffic(&self) -> Traffic {
        let message = match self.fragments {
            1 => payload::json(self.message_bytes),
            many => split_payload::json_to_split(self.message_bytes, many),
        };
        let (fragments, in_flight) = (self.fragments, self.in_flight);
        Traffic { message, fragments, in_flight, checked: 1 }
    }

    /// Leaves out what the options do not name, but not the floor. Whether anything is left.
    pub(super) fn choose(&mut self, arguments: &Arguments) -> io::Result<bool> {
        if let Some(parts) = arguments.text("parts") {
            let parts = parts.split(',').map(Part::by_word).collect::<io::Result<Vec<_>>>()?;
            if !parts.contains(&self.part) {
                return Ok(false);
            }
        }
        if arguments.text("rows").is_some_and(|text| !self.title.contains(text)) {
            return Ok(false);
        }
        self.servers
            .retain(|server| *server == self.floor || Server::is_chosen(arguments, *server));
        Ok(true)
    }
}
