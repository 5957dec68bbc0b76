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

/// Connections that are open before it is looked at: what a server makes once, and the pages of its code, are not theirs.
const WARM: usize = 1000;

/// What `count` connections, with the first exchanges on each, have added to a server that has some already, divided by
/// `count`.
pub(crate) fn per_connection(
    server: Server,
    setting: Setting,
    traffic: Traffic,
    count: usize,
) -> io::Result<f64> {
    let process = Process::start(&["serve", server.name(), setting.word()])?;
    // Dropped at the end: the connections are open until memory is read.
    let _warm = Load::open(process.address(), setting, traffic.clone(), WARM)?;
    thread::sleep(REST);
    let before = process.resident_bytes()?;
    let _load = Load::open(process.address(), setting, traffic, count)?;
    thread::sleep(REST);
    let after = process.resident_bytes()?;
    Ok(after.saturating_sub(before) as f64 / count as f64)
}
