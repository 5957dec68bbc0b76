//! The proxies: programs with a folder and a port of their own, which end with their owner.

use std::{
    env,
    ffi::OsString,
    fs,
    net::{SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use bowline::client::Proxy;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::{sleep, timeout},
};

/// For everything that waits; nothing here takes anywhere near as long.
const DEADLINE: Duration = Duration::from_secs(20);

/// A loopback address that no proxy leads to, where it can be told so.
pub(crate) const FORBIDDEN: &str = "127.0.0.9";

/// "user" and "secret", as Apache writes them down.
const PASSWORDS: &str = "user:$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/\n";

/// Waits for a future, but not past the deadline.
pub(crate) async fn step<T>(what: &str, future: impl Future<Output = T>) -> T {
    let result = timeout(DEADLINE, future).await;
    result.unwrap_or_else(|_| panic!("{what}: still waiting after {DEADLINE:?}"))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    Squid,
    Tinyproxy,
    Dante,
    Microsocks,
}

/// Whom the proxy serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guests {
    Anybody,
    /// "user" with "secret".
    User,
}

impl Program {
    pub(crate) fn is_socks(self) -> bool {
        matches!(self, Self::Dante | Self::Microsocks)
    }

    /// Dante would want users of the operating system.
    pub(crate) fn guests(self) -> &'static [Guests] {
        match self {
            Self::Dante => &[Guests::Anybody],
            _ => &[Guests::Anybody, Guests::User],
        }
    }

    fn variable(self) -> &'static str {
        match self {
            Self::Squid => "BOWLINE_SQUID",
            Self::Tinyproxy => "BOWLINE_TINYPROXY",
            Self::Dante => "BOWLINE_DANTED",
            Self::Microsocks => "BOWLINE_MICROSOCKS",
        }
    }

    fn path(self) -> OsString {
        let variable = self.variable();
        env::var_os(variable).unwrap_or_else(|| {
            panic!("{variable} is not set: these tests are run by tests/proxies/run")
        })
    }

    fn command(self, port: u16, guests: Guests, folder: &Path) -> Command {
        let mut command = Command::new(self.path());
        let configuration = folder.join("configuration");
        let write = |text| fs::write(&configuration, text).expect("a folder to write to");
        match self {
            Self::Squid => {
                write(squid(port, guests, folder));
                // A name of its own, because those of the same name share memory.
                command.args(["-N", "-n", &shared_name(port), "-f"]).arg(configuration);
            }
            Self::Tinyproxy => {
                write(tinyproxy(port, guests, folder));
                command.args(["-d", "-c"]).arg(configuration);
            }
            Self::Dante => {
                write(dante(port));
                command.arg("-f").arg(configuration).arg("-p").arg(folder.join("pid"));
            }
            Self::Microsocks => {
                command.args(["-i", "127.0.0.1", "-p", &port.to_string()]);
                if guests == Guests::User {
                    command.args(["-u", "user", "-P", "secret"]);
                }
            }
        }
        command
    }
}

fn squid(port: u16, guests: Guests, folder: &Path) -> String {
    let folder = folder.display();
    let passwords = format!("{folder}/passwords");
    fs::write(&passwords, PASSWORDS).expect("a folder to write to");
    let helper = env::var("BOWLINE_SQUID_AUTH").expect("as for squid itself");
    let access = match guests {
        Guests::Anybody => "http_access allow all".to_owned(),
        Guests::User => format!(
            "auth_param basic program {helper} {passwords}\n\
             auth_param basic realm proxies\n\
             acl users proxy_auth REQUIRED\n\
             http_access allow users\n\
             http_access deny all"
        ),
    };
    format!(
        "http_port 127.0.0.1:{port}\n\
         pid_filename none\n\
         visible_hostname localhost\n\
         cache deny all\n\
         access_log none\n\
         cache_log {folder}/log\n\
         coredump_dir {folder}\n\
         pinger_enable off\n\
         acl forbidden dst {FORBIDDEN}\n\
         http_access deny forbidden\n\
         {access}\n"
    )
}

fn tinyproxy(port: u16, guests: Guests, folder: &Path) -> String {
    let folder = folder.display();
    let filter = format!("{folder}/filter");
    fs::write(&filter, FORBIDDEN.replace('.', "\\.")).expect("a folder to write to");
    let access = match guests {
        Guests::Anybody => "",
        Guests::User => "BasicAuth user secret",
    };
    format!(
        "Listen 127.0.0.1\n\
         Port {port}\n\
         Timeout 60\n\
         LogFile \"{folder}/log\"\n\
         Filter \"{filter}\"\n\
         {access}\n"
    )
}

fn dante(port: u16) -> String {
    format!(
        "logoutput: stderr\n\
         internal: 127.0.0.1 port = {port}\n\
         external: 127.0.0.1\n\
         clientmethod: none\n\
         socksmethod: none\n\
         user.privileged: root\n\
         user.unprivileged: nobody\n\
         client pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}\n\
         socks block {{ from: 0.0.0.0/0 to: {FORBIDDEN}/32 }}\n\
         socks pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}\n"
    )
}

/// A proxy that runs until it is killed, or dropped.
pub(crate) struct Running {
    program: Program,
    guests: Guests,
    port: u16,
    folder: PathBuf,
    child: Child,
}

impl Running {
    pub(crate) async fn start(program: Program, guests: Guests) -> Self {
        // Before there is anything to tidy up.
        program.path();
        let folder = folder();
        let port = free_port();
        let mut command = program.command(port, guests, &folder);
        // A group of its own, because some of them are several processes.
        command.env("TMPDIR", &folder).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut running = Self { program, guests, port, folder, child };
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        step("the proxy's port", async {
            while TcpStream::connect(address).await.is_err() {
                let ended = running.child.try_wait().expect("a process");
                assert!(ended.is_none(), "{program:?} has ended: {ended:?}\n{}", running.log());
                sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        running
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// The way through it, with the right credentials where it wants some.
    pub(crate) fn proxy(&self) -> Proxy {
        match self.guests {
            Guests::Anybody => self.proxy_as(""),
            Guests::User => self.proxy_as("user:secret@"),
        }
    }

    /// The same with this user information.
    pub(crate) fn proxy_as(&self, user_info: &str) -> Proxy {
        let scheme = if self.program.is_socks() { "socks5h" } else { "http" };
        self.proxy_by(scheme, user_info)
    }

    pub(crate) fn proxy_by(&self, scheme: &str, user_info: &str) -> Proxy {
        let uri = format!("{scheme}://{user_info}127.0.0.1:{}", self.port);
        Proxy::new(uri).expect("a proxy")
    }

    /// Ends it without a word, all its processes.
    pub(crate) fn kill(&mut self) {
        let Some(id) = self.child.id() else { return };
        let killed = std::process::Command::new("kill")
            .args(["-s", "KILL", "--", &format!("-{id}")])
            .status();
        assert!(killed.expect("kill").success(), "{:?} could not be killed", self.program);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.kill();
        }
        let _ = fs::remove_dir_all(&self.folder);
        if self.program == Program::Squid {
            // What it removes itself where it isn't killed.
            for part in ["metadata", "queues", "readers"] {
                let name = shared_name(self.port);
                let _ = fs::remove_file(format!("/dev/shm/{name}-cf__{part}.shm"));
            }
        }
    }
}

/// What a Squid's shared memory is called after.
fn shared_name(port: u16) -> String {
    format!("bowline{port}")
}

/// For all users, because Squid changes to one of its own.
fn folder() -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = env::temp_dir().join(format!("bowline-proxies-{}-{count}", std::process::id()));
    fs::create_dir(&folder).expect("a folder");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).expect("our own");
    folder
}

/// A port that nobody has, for a program that can't choose one: none of those that the system gives away, because it
/// would do so before the program is there.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let first = std::process::id() as usize * 100;
    loop {
        let port = 20_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        let port = u16::try_from(port).expect("below 30,000");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
