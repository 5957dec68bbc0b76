//! The processes: chats and a NATS server. Each ends with its owner.

use std::{
    env,
    net::TcpListener,
    process::{ExitStatus, Stdio},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::watch,
};

use crate::within;

/// What a program has printed so far.
type Log = watch::Receiver<String>;

/// A NATS server that can be ended and started again on its port.
pub(crate) struct Nats {
    pub(crate) port: u16,
    child: Option<Child>,
}

impl Nats {
    pub(crate) async fn start() -> Self {
        let mut nats = Self::away();
        nats.restart().await;
        nats
    }

    /// A port where there is none yet.
    pub(crate) fn away() -> Self {
        Self { port: free_port(), child: None }
    }

    pub(crate) async fn restart(&mut self) {
        let mut command = Command::new("nats-server");
        command.args(["-a", "127.0.0.1", "-p", &self.port.to_string()]);
        let mut child = spawn(&mut command);
        let log = collect(child.stderr.take().unwrap());
        until_printed(&log, "Server is ready").await;
        self.child = Some(child);
    }

    pub(crate) async fn kill(&mut self) {
        self.child.take().unwrap().kill().await.unwrap();
    }

    /// Stops it in whatever it does, as a machine that is out of memory would.
    pub(crate) async fn freeze(&self) {
        signal(self.child.as_ref().unwrap(), "STOP").await;
    }

    pub(crate) async fn thaw(&self) {
        signal(self.child.as_ref().unwrap(), "CONT").await;
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

/// A process of the example.
pub(crate) struct Chat {
    pub(crate) address: String,
    child: Child,
    errors: Log,
}

impl Chat {
    /// One that joins its room with those at this server.
    pub(crate) async fn start(nats: &Nats) -> Self {
        Self::start_with(&["--nats", &nats.url()]).await
    }

    /// The same with other options.
    pub(crate) async fn start_with(options: &[&str]) -> Self {
        let program = env::var_os("CHAT_BIN").expect("CHAT_BIN: run these with tests/chat/run");
        let mut command = Command::new(program);
        command.arg("127.0.0.1:0").args(options);
        let mut child = spawn(&mut command);
        let log = collect(child.stdout.take().unwrap());
        let errors = collect(child.stderr.take().unwrap());
        until_printed(&log, "\n").await;
        let first = log.borrow().lines().next().unwrap().to_owned();
        // "chat: http://127.0.0.1:8080/", or that of another with the same room.
        let address = first.split_once("http://").map(|(_, rest)| rest.trim_end_matches('/'));
        let address = address.unwrap_or_else(|| panic!("{first}")).to_owned();
        Self { address, child, errors }
    }

    /// Ends it without a word to anybody.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Ends it as Ctrl-C does.
    pub(crate) async fn interrupt(mut self) -> ExitStatus {
        signal(&self.child, "INT").await;
        within("the end of the chat", self.child.wait()).await.unwrap()
    }

    /// Waits for words on standard error.
    pub(crate) async fn until_logged(&self, words: &str) {
        until_printed(&self.errors, words).await;
    }
}

fn spawn(command: &mut Command) -> Child {
    command.kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}; see tests/chat/run"))
}

/// Reads all the time: a program that can't print its log stops.
fn collect(pipe: impl AsyncRead + Unpin + Send + 'static) -> Log {
    let (sender, log) = watch::channel(String::new());
    tokio::spawn(async move {
        let mut lines = BufReader::new(pipe).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            sender.send_modify(|log| *log += &(line + "\n"));
        }
    });
    log
}

async fn until_printed(log: &Log, words: &str) {
    let mut log = log.clone();
    let outcome = within(words, log.wait_for(|log| log.contains(words))).await.map(drop);
    outcome.unwrap_or_else(|_| panic!("{words:?} was not printed, but this:\n{}", *log.borrow()));
}

async fn signal(child: &Child, name: &str) {
    let id = child.id().unwrap().to_string();
    let status = Command::new("kill").args(["-s", name, &id]).status().await.unwrap();
    assert!(status.success());
}

/// One below those that systems choose for outgoing connections: nobody takes it while the server is away.
fn free_port() -> u16 {
    let ports = std::iter::repeat_with(|| rand::random_range(10_000..30_000));
    let mut free = ports.take(100).filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.next().expect("a free port")
}
