//! This program under valgrind.

use std::{
    fs, io,
    process::{Command, Output},
};

use crate::{PROCESSOR, RUN};

/// The function within which instructions are counted, as its symbol's name contains it.
const COUNTED: &str = "*counted_round*";

/// Where valgrind writes what it has counted, for `callgrind_annotate` too.
const FOLDER: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/instructions");

/// Valgrind counts `rep movsb` as an instruction a byte, and no processor takes it for so many: glibc is to copy with
/// vectors instead, whatever the length.
const TUNABLES: (&str, &str) = (
    "GLIBC_TUNABLES",
    "glibc.cpu.x86_rep_movsb_threshold=0x40000000:glibc.cpu.x86_rep_stosb_threshold=0x40000000",
);

/// How many instructions all counted rounds of this case take.
pub(crate) fn count(case: &str) -> io::Result<u64> {
    fs::create_dir_all(FOLDER)?;
    let path = format!("{FOLDER}/{}", case.replace('/', "-"));
    let options = [
        "--tool=callgrind".to_owned(),
        format!("--toggle-collect={COUNTED}"),
        format!("--callgrind-out-file={path}"),
    ];
    valgrind(&options, &[RUN, case])?;
    let profile = fs::read_to_string(&path)?;
    let total = profile.lines().find_map(|line| line.strip_prefix("totals: "));
    match total.map(str::parse) {
        Some(Ok(total)) if total > 0 => Ok(total),
        _ => Err(io::Error::other(format!(
            "{path}: {} instructions within {COUNTED}; are the symbols stripped?",
            total.unwrap_or("no")
        ))),
    }
}

/// The processor's features as a program under valgrind sees them, which are less than it has.
pub(crate) fn processor() -> io::Result<String> {
    let output = valgrind(&["--tool=none".to_owned()], &[PROCESSOR])?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn valgrind(options: &[String], arguments: &[&str]) -> io::Result<Output> {
    let output = Command::new("valgrind")
        .args(options)
        .arg(std::env::current_exe()?)
        .args(arguments)
        // The environment lies on the stack, and its length would move what is aligned there.
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env(TUNABLES.0, TUNABLES.1)
        .output()
        .map_err(|error| io::Error::other(format!("valgrind: {error}")))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(io::Error::other(format!("valgrind, {arguments:?}: {}\n{said}", output.status)))
}
