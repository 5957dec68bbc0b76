//! The way to a server: who is asked for its addresses, which is taken, how long it may take, and Unix sockets.

#[path = "support/authority.rs"]
mod authority;
#[path = "support/sites.rs"]
mod sites;

use std::{
    future::pending,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use authority::Authority;
use bowline::{
    Client, Config, ConnectError, Error, WebSocket,
    client::{self, Proxy, Stream},
};
use http::{HeaderMap, HeaderValue, Request, Uri};
use sites::{Answer, Site, values};
use tokio::{
    net::{TcpListener, UnixListener},
    time::{Instant, timeout},
};

const SECOND: Duration = Duration::from_secs(1);

fn client(uri: impl AsRef<str>) -> Client {
    Client::new(uri).expect("a URI")
}

async fn open(client: Client) -> WebSocket<Stream> {
    client.connect().await.expect("connected").0
}

async fn error(client: Client) -> Error {
    client.connect().await.map(drop).expect_err("no WebSocket")
}

async fn connect_error(client: Client) -> ConnectError {
    match error(client).await {
        Error::Connect(error) => *error,
        other => panic!("{other:?}"),
    }
}

/// What a resolver was asked.
type Asked = Arc<Mutex<Vec<(String, u16)>>>;

/// A client whose resolver knows these addresses, and each question that it was asked.
fn resolved(uri: &str, addresses: &[SocketAddr]) -> (Client, Asked) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (kept, addresses) = (asked.clone(), addresses.to_vec());
    let client = client(uri).resolver(move |host, port| {
        kept.lock().expect("no panic").push((host, port));
        let addresses = addresses.clone();
        async move { Ok(addresses) }
    });
    (client, asked)
}

fn at(host: [u8; 4], port: u16) -> SocketAddr {
    (host, port).into()
}

// ---- resolvers ----

#[tokio::test]
async fn a_resolver_of_ones_own_is_asked_for_names() {
    let site = Site::start(|_| Answer::WebSocket).await;
    let table = [
        ("ws://example.com/", ("example.com", 80)),
        ("wss://example.com/", ("example.com", 443)),
        ("ws://Example.COM:8080/", ("Example.COM", 8080)),
        ("ws://localhost:1/", ("localhost", 1)),
    ];
    for (uri, (host, port)) in table {
        let (client, asked) = resolved(uri, &[site.address]);
        // Here is no TLS.
        let connected = client.connect_timeout(Some(SECOND / 5)).connect().await.map(drop);
        assert_eq!(connected.is_ok(), !uri.starts_with("wss"), "{uri}: {connected:?}");
        assert_eq!(*asked.lock().expect("no panic"), [(host.to_owned(), port)]);
    }
    let hosts: Vec<String> = site.heads()[..]
        .iter()
        .flat_map(|head| values(head, "host").into_iter().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    assert_eq!(hosts, ["example.com", "Example.COM:8080", "localhost:1"], "as the URI has it");
}

#[tokio::test]
async fn addresses_need_no_resolver() {
    let site = Site::start(|_| Answer::WebSocket).await;
    let (client, asked) = resolved(&site.uri("/"), &[]);
    open(client).await;
    if let Ok(listener) = TcpListener::bind("[::1]:0").await {
        let uri = format!("ws://{}/", listener.local_addr().expect("an address"));
        drop(listener);
        let (client, also_asked) = resolved(&uri, &[]);
        let Error::Io(error) = error(client).await else { panic!("nobody is there") };
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert!(also_asked.lock().expect("no panic").is_empty());
    }
    assert!(asked.lock().expect("no panic").is_empty());
}

#[tokio::test]
async fn a_name_without_an_address_is_named() {
    let table = [
        (Ok(Vec::new()), io::ErrorKind::NotFound, "the name has none"),
        (Err("out of order"), io::ErrorKind::ResourceBusy, "out of order"),
    ];
    for (answer, kind, message) in table {
        let client = client("ws://example.com/").resolver(move |_, _| {
            let answer = answer.clone();
            async move { answer.map_err(|message| io::Error::new(kind, message)) }
        });
        let error = connect_error(client).await;
        assert_eq!(error.to_string(), format!("no address for example.com: {message}"));
        let ConnectError::Resolve(host, error) = error else { panic!("{error:?}") };
        assert_eq!((&*host, error.kind()), ("example.com", kind));
    }
    // Reserved to have none (RFC 6761 section 6.4).
    let ConnectError::Resolve(host, _) = connect_error(client("ws://nobody.invalid/")).await else {
        panic!("it has one")
    };
    assert_eq!(&*host, "nobody.invalid");
}

/// Those that refuse make room at once for the next.
#[tokio::test]
async fn addresses_are_tried_in_order() {
    let second = TcpListener::bind("127.0.0.2:0").await.expect("a port");
    let port = second.local_addr().expect("an address").port();
    let third = TcpListener::bind(at([127, 0, 0, 3], port)).await.expect("the same port");
    let addresses = [1, 2, 3].map(|last| at([127, 0, 0, last], port));
    let serve = async |listener: &TcpListener| {
        let (mut tcp, _) = listener.accept().await.expect("a connection");
        let head = sites::read_head(&mut tcp).await.expect("a request");
        sites::echo(&head, tcp).await.expect("no error");
    };
    for (order, expected) in [([0, 1, 2], 2), ([0, 2, 1], 3), ([1, 0, 2], 2), ([2, 1, 0], 3)] {
        let (client, _) = resolved("ws://example.com/", &order.map(|i: usize| addresses[i]));
        let talk = async {
            let mut ws = open(client).await;
            let peer = ws.get_ref().tcp().expect("a socket").peer_addr().expect("connected");
            ws.close(1000, "").await.expect("closed");
            peer
        };
        let peer = if expected == 2 {
            tokio::join!(talk, serve(&second)).0
        } else {
            tokio::join!(talk, serve(&third)).0
        };
        assert_eq!(peer, at([127, 0, 0, expected], port), "{order:?}");
    }
}

#[tokio::test]
async fn nobody_at_any_address_is_told_of_each() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let addresses = [at([127, 0, 0, 1], port), at([127, 0, 0, 2], port)];
    let error = error(resolved("ws://example.com/", &addresses).0).await;
    let shown = error.to_string();
    let Error::Io(error) = error else { panic!("{error:?}") };
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    assert!(addresses.iter().all(|address| shown.contains(&address.to_string())), "{shown}");
}

// ---- time ----

#[tokio::test(start_paused = true)]
async fn the_way_there_has_ten_seconds() {
    let never = || client("ws://example.com/").resolver(|_, _| pending());
    let table = [
        (never(), 10 * SECOND),
        (never().connect_timeout(Some(3 * SECOND)), 3 * SECOND),
        (never().connect_timeout(Some(Duration::ZERO)), Duration::ZERO),
    ];
    for (client, limit) in table {
        let start = Instant::now();
        let error = connect_error(client).await;
        assert_eq!(start.elapsed(), limit);
        assert!(matches!(error, ConnectError::TimedOut(time) if time == limit), "{error:?}");
        assert_eq!(error.to_string(), format!("no connection within {limit:?}"));
        assert!(Error::from(error).is_disconnect());
    }
    for limit in [None, Some(Duration::MAX)] {
        let connect = never().connect_timeout(limit).connect();
        assert!(timeout(100_000 * SECOND, connect).await.is_err(), "{limit:?}");
    }
}

/// Once there is a connection the opening handshake's own time counts.
#[tokio::test]
async fn whoever_accepts_and_is_silent_is_the_handshakes_affair() {
    let site = Site::start(|_| Answer::Silence(Vec::new())).await;
    let config = Config::new().with_handshake_timeout(Some(SECOND / 5));
    let client = client(site.uri("/")).config(config).connect_timeout(Some(SECOND / 10));
    assert_eq!(format!("{:?}", error(client).await), "Handshake(TimedOut)");
}

/// TLS is a part of the way there.
#[tokio::test]
async fn whoever_accepts_and_is_silent_about_tls_is_not_reached() {
    let authority = Authority::new("tests");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let uri = format!("wss://{}/", listener.local_addr().expect("an address"));
    let client = client(uri).tls(authority.trusting()).connect_timeout(Some(SECOND / 10));
    let error = connect_error(client).await;
    assert!(matches!(error, ConnectError::TimedOut(limit) if limit == SECOND / 10), "{error:?}");
}

#[tokio::test]
async fn nagles_algorithm_is_off_unless_asked_for() {
    let site = Site::start(|_| Answer::WebSocket).await;
    for (client, nodelay) in
        [(client(site.uri("/")), true), (client(site.uri("/")).without_nodelay(), false)]
    {
        let ws = open(client).await;
        assert_eq!(ws.get_ref().tcp().expect("a socket").nodelay().expect("connected"), nodelay);
    }
}

// ---- Unix sockets ----

/// A path that nobody else has.
struct Path(std::path::PathBuf);

impl Path {
    fn new(name: &str) -> Self {
        let name = format!("bowline-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn a_unix_socket_leads_to_any_host() {
    let path = Path::new("plain");
    let listener = UnixListener::bind(&path.0).expect("a socket");
    let serve = async {
        let (mut unix, _) = listener.accept().await.expect("a connection");
        let head = sites::read_head(&mut unix).await.expect("a request");
        sites::echo(&head, unix).await.expect("no error");
        head
    };
    // Neither the resolver nor the proxy is asked.
    let client = client("ws://example.com:81/chat")
        .resolver(|_, _| async { panic!("there is nothing to resolve") })
        .proxy(Proxy::new("127.0.0.1:9").expect("a proxy"))
        .unix_socket(&path.0);
    let talk = async {
        let mut ws = open(client).await;
        assert!(ws.get_ref().unix().is_some() && ws.get_ref().tcp().is_none());
        ws.close(1000, "").await.expect("closed");
    };
    let (head, ()) = tokio::join!(serve, talk);
    assert!(head.starts_with("GET /chat HTTP/1.1\r\n"), "{head}");
    assert_eq!(values(&head, "host"), ["example.com:81"]);
}

#[tokio::test]
async fn a_unix_socket_may_have_tls_on_it() {
    let authority = Authority::new("tests");
    let path = Path::new("tls");
    let listener = UnixListener::bind(&path.0).expect("a socket");
    let acceptor = authority.acceptor("example.com");
    let serve = async {
        let (unix, _) = listener.accept().await.expect("a connection");
        let mut tls = acceptor.accept(unix).await.expect("TLS");
        let head = sites::read_head(&mut tls).await.expect("a request");
        // How TLS ends is not the matter here.
        let _ = sites::echo(&head, tls).await;
    };
    let client = client("wss://example.com/").tls(authority.trusting()).unix_socket(&path.0);
    let talk = async {
        let mut ws = open(client).await;
        assert!(ws.get_ref().unix().is_some() && ws.get_ref().tls().is_some());
        ws.close(1000, "").await.expect("closed");
    };
    tokio::join!(serve, talk);
}

#[tokio::test]
async fn a_unix_socket_that_is_not_there_is_an_error_of_the_transport() {
    let path = Path::new("nobody");
    let Error::Io(error) = error(client("ws://example.com/").unix_socket(&path.0)).await else {
        panic!("it is there")
    };
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

// ---- what to connect ----

#[tokio::test]
async fn every_source_connects() {
    let site = Site::start(|_| Answer::WebSocket).await;
    let text = site.uri("/chat");
    let uri: Uri = text.parse().expect("a URI");
    let request = Request::get(&text).header("x-a", "1").body(()).expect("a request");
    let mut closed = Vec::new();
    closed.push(client::connect(text.as_str()).await);
    closed.push(client::connect(&text).await);
    closed.push(client::connect(text.clone()).await);
    closed.push(client::connect(uri).await);
    closed.push(client::connect(request).await);
    closed.push(client::connect(client(&text).header("x-a", "1")).await);
    for (i, connected) in closed.into_iter().enumerate() {
        let (mut ws, response) = connected.unwrap_or_else(|error| panic!("{i}: {error}"));
        assert_eq!(response.status(), 101, "{i}");
        ws.close(1000, "").await.expect("closed");
    }
    assert_eq!(site.targets(), ["/chat"; 6]);
    let with_header = site.heads().iter().map(|head| values(head, "x-a").len()).collect::<Vec<_>>();
    assert_eq!(with_header, [0, 0, 0, 0, 1, 1]);
}

#[tokio::test]
async fn headers_with_the_same_name_are_all_sent() {
    let site = Site::start(|_| Answer::WebSocket).await;
    let mut headers = HeaderMap::new();
    for (name, value) in [("x-a", "1"), ("x-b", "2"), ("x-a", "3"), ("x-a", "1")] {
        headers.append(name, HeaderValue::from_static(value));
    }
    open(client(site.uri("/")).header("x-a", "0").headers(headers).header("x-a", "4")).await;
    let head = &site.heads()[0];
    assert_eq!(values(head, "x-a"), ["0", "1", "3", "1", "4"]);
    assert_eq!(values(head, "x-b"), ["2"]);
}
