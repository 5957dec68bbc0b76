//! One row: the same echo, asked of several servers in turn.

use std::{io, thread, time::Duration};

use crate::{
    arguments::Arguments,
    comparison::{Line, Pace, Rounds, Sample, Table},
    load::{Load, Traffic},
    machine, payload,
    process::{Process, Times},
    server::Server,
    setting::Setting,
};

/// How long a server is driven before it is measured.
const WARM_UP: Duration = Duration::from_millis(300);

/// How long a server is left alone before its time is read, so that all of it is booked.
pub(crate) const SETTLE: Duration = Duration::from_millis(5);

/// Longer, and servers would ping the connections that wait.
const LONGEST_SECONDS: f64 = 20.0;

/// What is sent, and what is agreed on.
pub(crate) struct Row {
    pub(crate) title: String,
    pub(crate) message_bytes: usize,
    /// Frames of each message.
    pub(crate) fragments: usize,
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

    /// A fresh process each time: where its memory happens to lie is part of the spread, not of the result.
    fn measure(&self, server: Server, method: &Method) -> io::Result<Sample> {
        let process = Process::start(&["serve", server.name(), self.setting.word()])?;
        let message = payload::json(self.message_bytes);
        let (fragments, in_flight) = (self.fragments, self.in_flight);
        let traffic = Traffic { fragments, in_flight, ..Traffic::one(message) };
        let mut load = Load::open(process.port(), self.setting, traffic, self.connections)?;
        load.echo(WARM_UP)?;
        thread::sleep(SETTLE);
        let (before, own_before) = (process.times()?, Times::own()?);
        let echoed = load.echo(method.time)?;
        thread::sleep(SETTLE);
        let (spent, own) = (process.times()?.since(before), Times::own()?.since(own_before));
        let sample = Sample::new(spent, own, echoed.messages, echoed.elapsed.as_nanos());
        Ok(Sample { bytes: load.reply_bytes(), ..sample })
    }
}
