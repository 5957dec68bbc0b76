//! Example programs as processes: built by `cargo test`, run with ports, pipes and signals of their own.

#![allow(dead_code, reason = "not every test needs all of it")]

use std::{
    env, fs,
    future::Future,
    path::Path,
    process::{Output, Stdio},
    sync::LazyLock,
    time::{Duration, SystemTime},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

/// For each thing that is waited for; nothing here waits for time to pass.
const PATIENCE: Duration = Duration::from_secs(60);

#[track_caller]
pub(crate) fn within<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        let result = timeout(PATIENCE, future).await;
        result.unwrap_or_else(|_| panic!("{caller}: waited in vain"))
    }
}

/// The example, which `cargo test` has built beside this test.
pub(crate) fn example(name: &str) -> Command {
    let this = env::current_exe().unwrap();
    let target = this.ancestors().nth(2).unwrap();
    let path = target.join("examples").join(name).with_extension(env::consts::EXE_EXTENSION);
    assert!(is_fresh(&path), "{} is to be built first: `cargo build --examples`", path.display());
    let mut command = Command::new(path);
    command.kill_on_drop(true).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Whether the program is there, and no older than its sources were when the tests began. With `--test`
/// cargo builds no examples, and those of yesterday would be tested instead.
fn is_fresh(program: &Path) -> bool {
    static BEGIN: LazyLock<SystemTime> = LazyLock::new(SystemTime::now);
    let begin = *BEGIN;
    let modified = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let sources = fs::read_to_string(program.with_extension("d")).unwrap_or_default();
    let changes = sources.split_whitespace().skip(1).filter_map(|path| modified(Path::new(path)));
    let newest = changes.filter(|change| *change <= begin).max();
    newest.is_some() && newest <= modified(program)
}

/// Runs an example to its end with this on its standard input.
pub(crate) async fn run(name: &str, arguments: &[&str], stdin: impl AsRef<[u8]>) -> Run {
    run_command(example(name).args(arguments), stdin).await
}

/// The same of any command.
pub(crate) async fn run_command(command: &mut Command, stdin: impl AsRef<[u8]>) -> Run {
    let mut child = command.spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let write = async move {
        // The program may end without reading all of it.
        let _ = pipe.write_all(stdin.as_ref()).await;
    };
    let ((), output) = within(async { tokio::join!(write, child.wait_with_output()) }).await;
    Run::from(output.unwrap())
}

/// What a program did.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Run {
    #[track_caller]
    pub(crate) fn assert_status(&self, status: i32) {
        assert_eq!(self.status, Some(status), "{}\n{}", self.stdout, self.stderr);
    }

    #[track_caller]
    pub(crate) fn assert_prints(&self, expected: &str) {
        assert!(self.stdout.contains(expected), "{expected:?} in\n{}{}", self.stdout, self.stderr);
    }

    #[track_caller]
    pub(crate) fn assert_complains(&self, expected: &str) {
        assert!(self.stderr.contains(expected), "{expected:?} in\n{}", self.stderr);
    }
}

/// An example that serves, killed when dropped.
pub(crate) struct Service {
    pub(crate) child: Child,
    /// Held, because a program that can't print its log stops.
    pub(crate) log: Lines<BufReader<ChildStdout>>,
    pub(crate) address: String,
}

impl Service {
    /// Starts one on a port of its own, which its first line names behind this prefix.
    pub(crate) async fn start(name: &str, prefix: &str) -> Self {
        Self::start_with(name, &[], prefix).await
    }

    /// The same with more arguments than the address.
    pub(crate) async fn start_with(name: &str, arguments: &[&str], prefix: &str) -> Self {
        Self::launch(example(name).arg("127.0.0.1:0").args(arguments), prefix).await
    }

    /// Starts a program whose first line begins with this prefix; the rest of the line's first word is the
    /// address.
    pub(crate) async fn launch(command: &mut Command, prefix: &str) -> Self {
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = within(log.next_line()).await.unwrap().unwrap();
        let rest = line.strip_prefix(prefix).unwrap_or_else(|| panic!("{line}"));
        let address = rest.split(' ').next().unwrap().to_owned();
        Self { child, log, address }
    }

    /// What Ctrl-C does.
    #[cfg(unix)]
    pub(crate) async fn interrupt(&self) {
        self.signal("INT").await;
    }

    #[cfg(unix)]
    pub(crate) async fn signal(&self, name: &str) {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().await.unwrap().success());
    }
}
