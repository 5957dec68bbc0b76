//! One row: the same echo, asked of several servers in turn.

use std::{io, time::Duration};

use crate::{
    arguments::Arguments,
    comparison::{Line, Pace, Rounds, Sample, Table},
    load::Traffic,
    machine, payload,
    server::Server,
    setting::Setting,
    trial::Trial,
};

/// How long a server is driven before it is measured.
const WARM_UP: Duration = Duration::from_millis(300);

/// Longer, and servers would ping the connections that wait.
const LONGEST_SECONDS: f64 = 20.0;

/// What is sent, and what is agreed on.
pub(crate) struct Row {
    pub(crate) title: String,
    pub(crate) message_bytes: usize,
    pub(crate) connections: usize,
    /// How many messages a connection sends at once, before it waits for their replies.
    pub(crate) in_flight: usize,
    pub(crate) setting: Setting,
    /// The first is the one that the others are compared to.
    pub(crate) servers: Vec<Server>,
}

/// How it is measured.
pub(crate) struct Method {
    pub(crate) pace: Pace,
    pub(crate) time: Duration,
    pub(crate) connections: usize,
}

impl Method {
    /// What a comparison of echoes understands, beside its rows.
    const OPTIONS: [&str; 7] =
        ["rounds", "seconds", "connections", "servers", "rows", "patience", "attempts"];

    /// The method that is asked for, with this long a round and so many of them unless it says otherwise; and
    /// this process made ready for it.
    pub(crate) fn of(arguments: &Arguments, seconds: f64, rounds: usize) -> io::Result<Self> {
        arguments.allow(&Self::OPTIONS)?;
        let seconds: f64 = arguments.number("seconds", seconds)?;
        let method = Self {
            pace: Pace::of(arguments, rounds)?,
            time: Duration::from_secs_f64(seconds.clamp(0.1, LONGEST_SECONDS)),
            connections: arguments.number("connections", 16)?,
        };
        machine::raise_file_limit()?;
        machine::pin(machine::LOAD_CORE)?;
        Ok(method)
    }
}

impl Row {
    /// Measures every server once a round, and prints the table.
    pub(crate) fn print(&self, method: &Method) -> Rounds {
        let line =
            |server: &Server| Line { name: server.name(), remark: server.remark(self.setting) };
        let table = Table {
            title: self.title.clone(),
            heads: ["server", "reply"],
            lines: self.servers.iter().map(line).collect(),
            floors: 1,
        };
        let measure = |line: usize| self.measure(self.servers[line], method);
        let rounds = table.measure(&method.pace, measure);
        table.print(&rounds);
        rounds
    }

    fn measure(&self, server: Server, method: &Method) -> io::Result<Sample> {
        let trial = Trial {
            server,
            setting: self.setting,
            connections: self.connections,
            warm_up: WARM_UP,
            time: method.time,
        };
        let traffic = Traffic {
            in_flight: self.in_flight,
            ..Traffic::one(payload::json(self.message_bytes))
        };
        Ok(trial.run(traffic)?.sample)
    }
}
