//! What counts depend on beside the code.

use std::{io, process::Command};

use crate::callgrind;

/// What compiles, copies and counts: name and value, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Machine(pub(crate) Vec<(String, String)>);

impl Machine {
    /// This one.
    pub(crate) fn read() -> io::Result<Self> {
        let lines = [
            ("rustc", first_line("rustc", &["-V"])?),
            ("valgrind", first_line("valgrind", &["--version"])?),
            ("libc", first_line("getconf", &["GNU_LIBC_VERSION"])?),
            ("processor", callgrind::processor()?),
        ];
        Ok(Self(lines.map(|(name, value)| (name.to_owned(), value)).into()))
    }

    /// What the other has otherwise: name, here, there.
    pub(crate) fn differences<'a>(&'a self, other: &'a Self) -> Vec<(&'a str, &'a str, &'a str)> {
        let there = |name| other.0.iter().find(|(there, _)| there == name);
        let pair = |(name, here): &'a (String, String)| {
            let there = there(name).map_or("nothing", |(_, value)| value);
            (here != there).then_some((name.as_str(), here.as_str(), there))
        };
        self.0.iter().filter_map(pair).collect()
    }
}

fn first_line(program: &str, arguments: &[&str]) -> io::Result<String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| io::Error::other(format!("{program}: {error}")))?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.lines().next() {
        Some(line) if output.status.success() => Ok(line.to_owned()),
        _ => Err(io::Error::other(format!("{program} {arguments:?}: {}", output.status))),
    }
}

/// The architecture, and those of its features by which code is chosen while it runs.
pub(crate) fn processor() -> String {
    let mut processor = vec![std::env::consts::ARCH];
    processor.extend(features());
    processor.join(" ")
}

#[cfg(target_arch = "x86_64")]
fn features() -> impl Iterator<Item = &'static str> {
    let features = [
        ("sse4.2", is_x86_feature_detected!("sse4.2")),
        ("pclmulqdq", is_x86_feature_detected!("pclmulqdq")),
        ("avx", is_x86_feature_detected!("avx")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("bmi1", is_x86_feature_detected!("bmi1")),
        ("bmi2", is_x86_feature_detected!("bmi2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("sha", is_x86_feature_detected!("sha")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
    ];
    features.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name)
}

/// Not told apart elsewhere.
#[cfg(not(target_arch = "x86_64"))]
fn features() -> impl Iterator<Item = &'static str> {
    std::iter::empty()
}
