//! A server that is killed, a hundred times, and started again on its port: what it has acknowledged it has written down
//! once, and nothing twice.
#![cfg(unix)]

use std::{
    collections::HashSet,
    env, fs,
    fs::OpenOptions,
    io::{Read, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use bowline::{
    Client, Error, Message,
    client::{Backoff, Event},
    server,
};
use futures_util::{SinkExt, StreamExt};
use tokio::{net::TcpListener, sync::watch, time::timeout};

const KILLS: usize = 100;

/// How many messages are acknowledged before each kill.
const BETWEEN_KILLS: usize = 20;

const ADDRESS: &str = "BOWLINE_TEST_ADDRESS";
const RECORD: &str = "BOWLINE_TEST_RECORD";

async fn within<F: Future>(future: F) -> F::Output {
    timeout(Duration::from_secs(60), future).await.expect("waited in vain")
}

/// The process that is killed: this test, run by the other in a process of its own. It writes down each message, then
/// acknowledges it.
#[test]
#[ignore = "is run by the test below"]
fn the_server() {
    let address = env::var(ADDRESS).expect("an address");
    let record = env::var(RECORD).expect("a file");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let listener = TcpListener::bind(address).await.expect("the port");
        // Whoever has started it waits for that.
        std::io::stdout().write_all(b"!").expect("a pipe");
        std::io::stdout().flush().expect("a pipe");
        loop {
            let (tcp, _) = listener.accept().await.expect("a connection");
            let record = record.clone();
            tokio::spawn(async move {
                let mut file = OpenOptions::new().append(true).open(record).expect("a file");
                let mut ws = server::accept(tcp).await?;
                while let Some(message) = ws.next().await {
                    if let Message::Text(number) = message? {
                        file.write_all(format!("{number}\n").as_bytes())?;
                        ws.feed(number).await?;
                    }
                }
                Ok::<_, Error>(())
            });
        }
    });
}

/// The server's process, killed when dropped.
struct Server(Child);

impl Server {
    fn start(address: SocketAddr, record: &Path) -> Self {
        let mut command = Command::new(env::current_exe().expect("this test"));
        command.args(["--exact", "the_server", "--ignored", "--nocapture", "--quiet"]);
        command.env(ADDRESS, address.to_string()).env(RECORD, record);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("a process");
        let mut stdout = child.stdout.take().expect("a pipe");
        // The harness prints before.
        let mut byte = [0];
        while byte != *b"!" {
            stdout.read_exact(&mut byte).expect("a server");
        }
        child.stdout = Some(stdout);
        Self(child)
    }

    fn kill(&mut self) {
        // SIGKILL.
        self.0.kill().expect("alive");
        self.0.wait().expect("dead");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A file of this test's own, gone with it.
struct Record(PathBuf);

impl Record {
    fn new() -> Self {
        let path = env::temp_dir().join(format!("bowline-reconnect-{}", std::process::id()));
        fs::write(&path, "").expect("a file");
        Self(path)
    }

    fn numbers(&self) -> Vec<u64> {
        let text = fs::read_to_string(&self.0).expect("a file");
        text.lines().map(|line| line.parse().expect("a number")).collect()
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// What one client has seen.
#[derive(Debug, Default)]
struct Seen {
    acknowledged: Vec<u64>,
    connections: u64,
    kept: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_a_hundred_times_has_each_acknowledged_message_once() {
    let record = Record::new();
    // A port that is free, and stays this test's for all that anybody knows.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let mut process = Server::start(address, &record.0);

    let backoff =
        Backoff::new().with_initial(Duration::from_millis(4)).with_max(Duration::from_millis(8));
    let client = Client::new(format!("ws://{address}/")).expect("a URI");
    let (mut sink, mut stream) = client.reconnecting().backoff(backoff).websocket().split();
    let (count, mut counted) = watch::channel(0);
    let (stop, stopped) = watch::channel(false);

    let writer = tokio::spawn(async move {
        let mut number = 0_u64;
        while !*stopped.borrow() {
            within(sink.send(Message::text(number.to_string()))).await.expect("no end");
            number += 1;
            tokio::time::sleep(Duration::from_micros(100)).await;
        }
        within(sink.close()).await.expect("open");
        number
    });
    let reader = tokio::spawn(async move {
        let mut seen = Seen::default();
        while let Some(event) = within(stream.next()).await {
            match event.expect("no error") {
                Event::Message(Message::Text(number)) => {
                    seen.acknowledged.push(number.parse().expect("a number"));
                    count.send_replace(seen.acknowledged.len());
                }
                Event::Connected(connected) => seen.connections = connected.number(),
                Event::Disconnected(lost) => seen.kept += lost.unsent(),
                _ => {}
            }
        }
        seen
    });

    for kill in 0..=KILLS {
        let enough = *counted.borrow_and_update() + BETWEEN_KILLS;
        within(counted.wait_for(|count| *count >= enough)).await.expect("a reader");
        if kill < KILLS {
            process.kill();
            process = Server::start(address, &record.0);
        }
    }
    stop.send_replace(true);
    let sent = within(writer).await.expect("no panic");
    let seen = within(reader).await.expect("no panic");
    check(&seen, &record.numbers(), sent);
}

fn check(seen: &Seen, record: &[u64], sent: u64) {
    let recorded: HashSet<u64> = record.iter().copied().collect();
    assert_eq!(recorded.len(), record.len(), "nothing is there twice");
    assert!(record.is_sorted(), "and all is in order");
    assert!(seen.acknowledged.is_sorted_by(|a, b| a < b), "each is acknowledged once");
    let missing = seen.acknowledged.iter().find(|number| !recorded.contains(number));
    assert_eq!(missing, None, "what was acknowledged is there");
    assert!(seen.connections > KILLS as u64, "{} connections", seen.connections);
    assert!(record.iter().all(|number| *number < sent));
    // Each kill may cost what was on its way, and no more than was given meanwhile.
    assert!(record.len() as u64 <= sent && record.len() >= seen.acknowledged.len());
}
