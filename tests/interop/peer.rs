//! The peers: programs of other implementations, one process for each test.

use std::{
    env,
    ffi::OsString,
    fmt::Display,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use bowline::{Client, Config, WebSocket, client::Stream};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use crate::cases::Close;

/// For everything that waits; nothing here takes anywhere near as long.
const DEADLINE: Duration = Duration::from_secs(10);

/// Waits for a future, but not past the deadline.
pub(crate) async fn step<T>(what: impl Display, future: impl Future<Output = T>) -> T {
    let result = timeout(DEADLINE, future).await;
    result.unwrap_or_else(|_| panic!("{what}: still waiting after {DEADLINE:?}"))
}

/// Bowline's configuration at either end. Without a close timeout: a connection that needed it to come to
/// its end would go unnoticed.
pub(crate) fn config() -> Config {
    Config::new().with_close_timeout(None)
}

/// Another implementation of WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// ws on Node.js.
    Ws,
    /// websockets on Python.
    Websockets,
    /// aiohttp on Python.
    Aiohttp,
}

impl Peer {
    /// As in the names of its files, and in the header by which its server names itself.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ws => "ws",
            Self::Websockets => "websockets",
            Self::Aiohttp => "aiohttp",
        }
    }

    /// Whether it can send fragments.
    pub(crate) fn can_fragment(self) -> bool {
        self != Self::Aiohttp
    }

    /// Whether its answer to a Close repeats the code, as RFC 6455 section 5.5.1 says it typically does.
    pub(crate) fn echoes_close_codes(self) -> bool {
        self != Self::Aiohttp
    }

    fn command(self, end: &str) -> Command {
        let name = format!("{}_{end}", self.name());
        match self {
            Self::Ws => node(&format!("{name}.mjs")),
            Self::Websockets | Self::Aiohttp => python(&format!("{name}.py")),
        }
    }
}

fn node(program: &str) -> Command {
    let mut command = Command::new(required("BOWLINE_INTEROP_NODE"));
    command.env("NODE_PATH", required("BOWLINE_INTEROP_NODE_MODULES"));
    command.arg(directory().join(program));
    command
}

/// One of the programs in Python here.
pub(crate) fn python(program: &str) -> Command {
    let mut command = Command::new(required("BOWLINE_INTEROP_PYTHON"));
    // -B: no caches in the source tree.
    command.arg("-B").arg(directory().join(program));
    command
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop")
}

fn required(variable: &str) -> OsString {
    env::var_os(variable).unwrap_or_else(|| {
        panic!("{variable} is not set: these tests are run by tests/interop/run")
    })
}

/// A peer's process; it ends with its owner.
pub(crate) struct Process {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts the peer's "client" or "server", or another of its programs.
    pub(crate) fn start(peer: Peer, end: &str, port: Option<u16>) -> Self {
        let mut command = peer.command(end);
        command.args(port.map(|port| port.to_string()));
        Self::spawn(command)
    }

    pub(crate) fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdin = child.stdin.take().expect("stdin is piped");
        let stdout = child.stdout.take().expect("stdout is piped");
        Self { child, stdin, lines: BufReader::new(stdout).lines() }
    }

    /// Gives it a line to read.
    pub(crate) async fn tell(&mut self, line: &str) {
        self.stdin.write_all(format!("{line}\n").as_bytes()).await.expect("a peer that reads");
    }

    /// The next line that it prints; `None` at the end.
    pub(crate) async fn line(&mut self, what: impl Display) -> Option<String> {
        step(what, self.lines.next_line()).await.expect("a line in UTF-8")
    }

    /// The port that a server prints first.
    pub(crate) async fn port(&mut self) -> u16 {
        let line = self.line("the peer's port").await;
        line.and_then(|line| line.parse().ok()).expect("the peer's port")
    }

    /// How it ends, on its own, with nothing more to read.
    pub(crate) async fn end(self) -> ExitStatus {
        let Self { mut child, stdin, .. } = self;
        drop(stdin);
        step("the peer's end", child.wait()).await.expect("the peer's exit status")
    }
}

/// A peer that runs as the server.
pub(crate) struct PeerServer {
    pub(crate) peer: Peer,
    pub(crate) port: u16,
    process: Process,
}

impl PeerServer {
    pub(crate) async fn start(peer: Peer) -> Self {
        Self::start_program(peer, "server").await
    }

    /// The same of another program of the peer's.
    pub(crate) async fn start_program(peer: Peer, program: &str) -> Self {
        let mut process = Process::start(peer, program, None);
        let port = process.port().await;
        Self { peer, port, process }
    }

    /// A client for one of its paths.
    pub(crate) fn client(&self, path: &str) -> Client {
        let uri = format!("ws://127.0.0.1:{}/{path}", self.port);
        Client::new(uri).expect("a valid URI").config(config())
    }

    /// A connection to one of its paths. The servers would agree to permessage-deflate.
    pub(crate) async fn open(&self, path: &str) -> WebSocket<Stream> {
        let opened = step(path, self.client(path).connect()).await;
        let (ws, _) = opened.unwrap_or_else(|error| panic!("/{path}: {error}"));
        assert_eq!(ws.extensions(), [], "/{path}");
        ws
    }

    /// How the next of its connections ended, as the peer saw it.
    pub(crate) async fn closed(&mut self) -> Close {
        let line = self.process.line("the peer's view of the end").await.expect("a running peer");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }
}
