//! A path between the two namespaces, which can be made to lose what goes over it.
//!
//! ```text
//!     the tests' namespace                         the servers' namespace
//!     10.77.N.1  02:00:00:00:00:01  path ======== path  02:00:00:00:00:02  10.77.N.2
//! ```
//!
//! Each test has an N of its own. What an address is reached by is a permanent entry in the other end's neighbour
//! table. With an entry that nobody answers to, packets leave, and are dropped where they arrive: no error comes back,
//! as none comes out of a dead network. That takes nothing that a kernel may lack.

use std::{
    env, fs,
    net::{SocketAddr, TcpListener as StdListener},
    process::Command,
    sync::atomic::{AtomicU8, Ordering},
    thread,
};

use nix::sched::{CloneFlags, setns};
use tokio::net::TcpListener;

/// As `tests/network/run` gives them.
const INTERFACE: &str = "path";
const CLIENT: &str = "02:00:00:00:00:01";
const SERVER: &str = "02:00:00:00:00:02";
/// Nobody's.
const NOBODY: &str = "02:00:00:00:00:ff";

/// Which way packets are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    ToServer,
    ToClient,
    BothWays,
}

pub(crate) const LOSSES: [Loss; 3] = [Loss::ToServer, Loss::ToClient, Loss::BothWays];

/// Two addresses that reach each other, until they don't.
pub(crate) struct Path {
    number: u8,
    /// The name of the servers' namespace.
    namespace: String,
}

impl Path {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU8 = AtomicU8::new(1);
        let namespace = env::var("BOWLINE_NETWORK_SERVER").unwrap_or_else(|_| {
            panic!("BOWLINE_NETWORK_SERVER is not set: these tests are run by tests/network/run")
        });
        let path = Self { number: NUMBER.fetch_add(1, Ordering::Relaxed), namespace };
        for (end, address) in [(None, path.client()), (Some(&*path.namespace), path.server())] {
            ip(end, &["address", "add", &format!("{address}/24"), "dev", INTERFACE]);
        }
        path.heal();
        path
    }

    fn client(&self) -> String {
        format!("10.77.{}.1", self.number)
    }

    fn server(&self) -> String {
        format!("10.77.{}.2", self.number)
    }

    /// From now on, packets that go this way are lost.
    pub(crate) fn lose(&self, loss: Loss) {
        if loss != Loss::ToClient {
            self.reach_server_by(NOBODY);
        }
        if loss != Loss::ToServer {
            self.reach_client_by(NOBODY);
        }
    }

    /// From now on they arrive.
    pub(crate) fn heal(&self) {
        self.reach_server_by(SERVER);
        self.reach_client_by(CLIENT);
    }

    fn reach_server_by(&self, link: &str) {
        set_neighbour(None, &self.server(), link);
    }

    fn reach_client_by(&self, link: &str) {
        set_neighbour(Some(&self.namespace), &self.client(), link);
    }

    /// A listener at the other end. A socket stays in the namespace in which it was made, whoever uses it; and so
    /// does what it accepts.
    pub(crate) fn listen(&self) -> TcpListener {
        let namespace = fs::File::open(format!("/run/netns/{}", self.namespace))
            .unwrap_or_else(|error| panic!("the namespace {}: {error}", self.namespace));
        let address = format!("{}:0", self.server());
        let listening = thread::spawn(move || {
            // Of this thread alone.
            setns(namespace, CloneFlags::CLONE_NEWNET).expect("root may change its namespace");
            StdListener::bind(address).expect("a port of the servers' namespace")
        });
        let listener = listening.join().expect("a listener");
        listener.set_nonblocking(true).expect("a socket");
        TcpListener::from_std(listener).expect("a runtime")
    }

    /// A port where somebody would listen if packets got there.
    pub(crate) fn dead_address(&self) -> SocketAddr {
        self.lose(Loss::ToServer);
        format!("{}:80", self.server()).parse().expect("an address")
    }
}

fn set_neighbour(namespace: Option<&str>, address: &str, link: &str) {
    let entry = ["neighbour", "replace", address, "lladdr", link, "nud", "permanent"];
    ip(namespace, &[&entry[..], &["dev", INTERFACE]].concat());
}

/// Runs `ip`, in this namespace or in that.
fn ip(namespace: Option<&str>, arguments: &[&str]) {
    let mut command = Command::new("ip");
    if let Some(namespace) = namespace {
        command.args(["-n", namespace]);
    }
    command.args(arguments);
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {complaint}");
}
