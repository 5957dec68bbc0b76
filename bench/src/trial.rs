//! One measurement of an echo, or of a client that sends: a process that is started for it, and the load.

use std::{io, thread, time::Duration};

use crate::{
    comparison::Sample,
    load::{Drain, Echoed, Load, Traffic},
    process::{Process, Times},
    server::Server,
    setting::Setting,
};

/// How long a server is left alone before its time is read, so that all of it is booked.
pub(crate) const SETTLE: Duration = Duration::from_millis(5);

/// What is measured.
pub(crate) struct Trial {
    pub(crate) server: Server,
    pub(crate) setting: Setting,
    pub(crate) connections: usize,
    /// How long the server is driven before.
    pub(crate) warm_up: Duration,
    pub(crate) time: Duration,
}

/// What came out.
pub(crate) struct Outcome {
    pub(crate) sample: Sample,
    /// Messages.
    pub(crate) per_second: f64,
    /// Of an exchange, from the start of its write until its last reply was in: half of them took no longer,
    /// and ninety-nine of a hundred.
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

impl Trial {
    /// A fresh process each time: where its memory happens to lie is part of the spread, not of the result.
    pub(crate) fn run(&self, traffic: Traffic) -> io::Result<Outcome> {
        self.echo(&["serve", self.server.name(), self.setting.word()], traffic)
    }

    /// The same over TLS.
    pub(crate) fn run_over_tls(&self, traffic: Traffic) -> io::Result<Outcome> {
        self.echo(&["serve-tls", self.server.name()], traffic)
    }

    fn echo(&self, server: &[&str], traffic: Traffic) -> io::Result<Outcome> {
        let process = Process::start(server)?;
        let mut load = Load::open(process.address(), self.setting, traffic, self.connections)?;
        let outcome = self.measure(&process, |time| load.echo(time))?;
        Ok(Outcome { sample: Sample { bytes: load.reply_bytes(), ..outcome.sample }, ..outcome })
    }

    /// The same of a client on one connection, that sends what the load only takes.
    pub(crate) fn run_sending(&self, message: Vec<u8>, in_flight: usize) -> io::Result<Outcome> {
        let bytes = message.len();
        let process = Process::start(&["send", self.server.name(), &bytes.to_string()])?;
        let mut drain = Drain::open(process.port(), message, in_flight)?;
        let outcome = self.measure(&process, |time| drain.take(time))?;
        Ok(Outcome { sample: Sample { bytes, ..outcome.sample }, ..outcome })
    }

    fn measure(
        &self,
        process: &Process,
        mut drive: impl FnMut(Duration) -> io::Result<Echoed>,
    ) -> io::Result<Outcome> {
        drive(self.warm_up)?;
        thread::sleep(SETTLE);
        let (before, own_before) = (process.times()?, Times::own()?);
        let mut echoed = drive(self.time)?;
        thread::sleep(SETTLE);
        let (spent, own) = (process.times()?.since(before), Times::own()?.since(own_before));
        echoed.exchanges.sort_unstable();
        let after = |share: usize| {
            let place = echoed.exchanges.len() * share / 100;
            echoed.exchanges.get(place).copied().map_or(Duration::ZERO, Duration::from_nanos)
        };
        Ok(Outcome {
            sample: Sample::new(spent, own, echoed.messages, echoed.elapsed.as_nanos()),
            per_second: echoed.messages as f64 / echoed.elapsed.as_secs_f64(),
            p50: after(50),
            p99: after(99),
        })
    }
}

impl AsRef<Sample> for Outcome {
    fn as_ref(&self) -> &Sample {
        &self.sample
    }
}
