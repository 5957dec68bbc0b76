//! Cores and limits of the machine.

use std::{
    fs, io, thread,
    time::{Duration, Instant},
};

use nix::{
    sched::{CpuSet, sched_setaffinity},
    sys::{
        prctl::set_pdeathsig,
        resource::{Resource, getrlimit, setrlimit},
        signal::Signal,
    },
    unistd::Pid,
};

/// The core of every server.
pub(crate) const SERVER_CORE: usize = 0;

/// The core of the load.
pub(crate) const LOAD_CORE: usize = 1;

/// Keeps this process on one core.
pub(crate) fn pin(core: usize) -> io::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core)?;
    sched_setaffinity(Pid::from_raw(0), &cores)
        .map_err(|error| io::Error::other(format!("core {core} (two are needed): {error}")))
}

/// Allows as many open files as may be allowed without privileges.
pub(crate) fn raise_file_limit() -> io::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?)
}

/// Ends this process when the one that started it ends, however that happens.
pub(crate) fn end_with_parent() -> io::Result<()> {
    Ok(set_pdeathsig(Signal::SIGKILL)?)
}

/// How long both cores must have been idle to count as quiet.
const GLANCE: Duration = Duration::from_millis(200);

/// The share of that time that the idle loop must have had.
const IDLE: f64 = 0.95;

/// Waits until other programs leave both cores alone, but no longer than `patience`.
pub(crate) fn wait_until_quiet(patience: Duration) -> io::Result<()> {
    if patience.is_zero() {
        return Ok(());
    }
    let end = Instant::now() + patience;
    loop {
        let before = core_ticks()?;
        thread::sleep(GLANCE);
        let is_quiet = before.iter().zip(core_ticks()?).all(|(before, after)| {
            let (idle, all) = (after.0 - before.0, after.1 - before.1);
            idle as f64 >= IDLE * all as f64
        });
        if is_quiet || Instant::now() >= end {
            return Ok(());
        }
    }
}

/// The ticks of both cores: idle, and all (`/proc/stat`).
fn core_ticks() -> io::Result<Vec<(u64, u64)>> {
    let record = fs::read_to_string("/proc/stat")?;
    let wanted = [SERVER_CORE, LOAD_CORE].map(|core| format!("cpu{core} "));
    let lines = record.lines().filter(|line| wanted.iter().any(|name| line.starts_with(name)));
    let ticks = |line: &str| -> Vec<u64> {
        line.split_whitespace().skip(1).filter_map(|number| number.parse().ok()).collect()
    };
    // The fourth is idle.
    Ok(lines
        .map(ticks)
        .map(|ticks| (ticks.get(3).copied().unwrap_or(0), ticks.iter().sum()))
        .collect())
}
