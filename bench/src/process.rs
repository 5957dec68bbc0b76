//! A server's process, and what the kernel has on record about it.

use std::{
    fs,
    io::{self, BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::address::Address;

/// A running server; ended when dropped.
pub(crate) struct Process {
    child: Child,
    address: Address,
}

impl Process {
    /// Starts a server, which is this program with these arguments, and waits until it listens.
    pub(crate) fn start(arguments: &[&str]) -> io::Result<Self> {
        let child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut process = Self { child, address: Address::plain(0) };
        let mut line = String::new();
        if let Some(output) = process.child.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        process.address = Address::parse(&line).map_err(|error| {
            io::Error::other(format!("{} does not start: {error}", arguments.join(" ")))
        })?;
        Ok(process)
    }

    /// The port at 127.0.0.1 that it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.address.port
    }

    /// The same, with its certificate where it speaks TLS.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// What all its threads have run and waited until now.
    ///
    /// A thread that is on its core right now is booked at the next tick only: ask when it is idle.
    pub(crate) fn times(&self) -> io::Result<Times> {
        Times::of(&self.record("task"))
    }

    /// Its resident memory, in bytes.
    pub(crate) fn resident_bytes(&self) -> io::Result<u64> {
        let status = fs::read_to_string(self.record("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        Ok(1024 * first_number(line.unwrap_or_default())?)
    }

    fn record(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.child.id()))
    }
}

/// What the kernel's scheduler has booked (`schedstat`), in nanoseconds.
#[derive(Clone, Copy, Default)]
pub(crate) struct Times {
    /// On a core.
    pub(crate) running: u64,
    /// Ready, while something else had the core.
    pub(crate) waiting: u64,
}

impl Times {
    /// Of this process.
    pub(crate) fn own() -> io::Result<Self> {
        Self::of("/proc/self/task".as_ref())
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self { running: self.running - before.running, waiting: self.waiting - before.waiting }
    }

    fn of(tasks: &Path) -> io::Result<Self> {
        let mut sum = Self::default();
        for task in fs::read_dir(tasks)? {
            let line = fs::read_to_string(task?.path().join("schedstat"))?;
            let (running, waiting) = line.split_once(' ').unwrap_or_default();
            sum.running += first_number(running)?;
            sum.waiting += first_number(waiting)?;
        }
        Ok(sum)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only where the server has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn first_number(line: &str) -> io::Result<u64> {
    let number = line.split_whitespace().next().and_then(|word| word.parse().ok());
    number.ok_or_else(|| io::Error::other(format!("no number in the kernel's record: {line:?}")))
}
