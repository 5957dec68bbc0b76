//! Resident memory per idle connection.

use std::{io, thread, time::Duration};

use crate::{
    load::{Load, Traffic},
    process::Process,
    server::Server,
    setting::Setting,
};

/// How long connections rest before memory is read.
const REST: Duration = Duration::from_secs(1);

/// What the first exchanges on each of `count` connections have added to a fresh server, divided by `count`.
pub(crate) fn per_connection(
    server: Server,
    setting: Setting,
    traffic: Traffic,
    count: usize,
) -> io::Result<f64> {
    let process = Process::start(&["serve", server.name(), setting.word()])?;
    let before = process.resident_bytes()?;
    // Dropped at the end: the connections are open until memory is read.
    let _load = Load::open(process.address(), setting, traffic, count)?;
    thread::sleep(REST);
    let after = process.resident_bytes()?;
    Ok(after.saturating_sub(before) as f64 / count as f64)
}
