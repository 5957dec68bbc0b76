//! Transports that a tower service makes.

#[path = "support/authority.rs"]
mod authority;
#[path = "support/sites.rs"]
mod sites;

use std::{
    error, fmt,
    future::{Ready, pending, ready},
    io,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use authority::Authority;
use bowline::{Client, ConnectError, Error, Message, client::Proxy};
use http::Uri;
use tokio::{
    io::{DuplexStream, duplex},
    time::Instant,
};
use tower::{Service, service_fn};

const SECOND: Duration = Duration::from_secs(1);

fn client(uri: &str) -> Client {
    Client::new(uri).expect("a URI")
}

/// A transport whose other end echoes.
fn echoing() -> DuplexStream {
    let (near, mut far) = duplex(1 << 16);
    tokio::spawn(async move {
        let head = sites::read_head(&mut far).await.expect("a request");
        sites::echo(&head, far).await.expect("no error");
    });
    near
}

/// The same under TLS, as this host.
fn echoing_securely(authority: &Authority, host: &str) -> DuplexStream {
    let (near, far) = duplex(1 << 16);
    let acceptor = authority.acceptor(host);
    tokio::spawn(async move {
        let mut tls = acceptor.accept(far).await.expect("TLS");
        let head = sites::read_head(&mut tls).await.expect("a request");
        let _ = sites::echo(&head, tls).await;
    });
    near
}

async fn talk(client: Client) {
    let (mut ws, _) = client.connect().await.expect("connected");
    assert!(ws.get_ref().tcp().is_none() && ws.get_ref().unix().is_none());
    ws.send("hello").await.expect("open");
    let echo = ws.next().await.expect("a message").expect("no error");
    assert_eq!(echo, Message::text("hello"));
    ws.close(1000, "").await.expect("closed");
}

#[tokio::test]
async fn a_service_is_called_with_the_uri() {
    for uri in ["ws://example.com/chat?room=1", "ws://user:secret@[::1]:81/"] {
        let called = Arc::new(Mutex::new(Vec::new()));
        let kept = called.clone();
        let service = service_fn(move |uri: Uri| {
            kept.lock().expect("no panic").push(uri.to_string());
            async { io::Result::Ok(echoing()) }
        });
        talk(client(uri).connector(service.clone())).await;
        talk(client(uri).secure_connector(service)).await;
        let expected = uri.replace("user:secret@", "");
        assert_eq!(*called.lock().expect("no panic"), [expected.clone(), expected]);
    }
}

#[tokio::test]
async fn tls_is_put_on_what_a_connector_gives() {
    let authority = Arc::new(Authority::new("tests"));
    let issuer = authority.clone();
    let service = service_fn(move |uri: Uri| {
        let transport = echoing_securely(&issuer, uri.host().expect("a host"));
        async { io::Result::Ok(transport) }
    });
    let secured = client("wss://example.com/").tls(authority.trusting()).connector(service);
    let (ws, _) = secured.clone().connect().await.expect("connected");
    assert!(ws.get_ref().tls().is_some());
    talk(secured).await;
    // Where nobody is trusted who has signed for it, there is no connection.
    let issuer = authority.clone();
    let service = service_fn(move |_| {
        let transport = echoing_securely(&issuer, "other.example");
        async { io::Result::Ok(transport) }
    });
    let other = client("wss://example.com/").tls(authority.trusting()).connector(service);
    let refused = other.connect().await.map(drop);
    let Err(Error::Connect(error)) = refused else { panic!("{refused:?}") };
    assert!(matches!(*error, ConnectError::Tls(_)), "{error:?}");
}

#[tokio::test]
async fn a_secure_connector_brings_its_own_tls() {
    let plain = service_fn(|_| async { io::Result::Ok(echoing()) });
    let proxy = Proxy::new("127.0.0.1:9").expect("a proxy");
    for uri in ["wss://example.com/", "ws://example.com/"] {
        talk(client(uri).proxy(proxy.clone()).secure_connector(plain)).await;
    }
}

/// A service that has to be asked a few times; a clone of it starts anew.
struct Shy {
    polls_to_go: usize,
}

impl Clone for Shy {
    fn clone(&self) -> Self {
        Self { polls_to_go: 3 }
    }
}

impl Service<Uri> for Shy {
    type Response = DuplexStream;
    type Error = io::Error;
    type Future = Ready<io::Result<DuplexStream>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.polls_to_go == 0 {
            return Poll::Ready(Ok(()));
        }
        self.polls_to_go -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        assert_eq!(self.polls_to_go, 0, "called before it was ready");
        ready(Ok(echoing()))
    }
}

#[tokio::test]
async fn a_service_is_called_when_it_is_ready() {
    let client = client("ws://example.com/").connector(Shy { polls_to_go: 3 });
    talk(client.clone()).await;
    talk(client).await;
}

/// A service that fails at being asked, or is never ready.
#[derive(Clone)]
struct Unready(Option<io::ErrorKind>);

impl Service<Uri> for Unready {
    type Response = DuplexStream;
    type Error = io::Error;
    type Future = Ready<io::Result<DuplexStream>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.map_or(Poll::Pending, |kind| Poll::Ready(Err(kind.into())))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        unreachable!("it is never ready")
    }
}

#[derive(Debug)]
struct Own(u8);

impl fmt::Display for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "own error {}", self.0)
    }
}

impl error::Error for Own {}

type Boxed = Box<dyn error::Error + Send + Sync>;

async fn io_error(client: Client) -> io::Error {
    match client.connect().await.map(drop) {
        Err(Error::Io(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_error_stays_itself() {
    let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
    let client = || client("ws://example.com/");
    let fails = service_fn(move |_| ready(Err::<DuplexStream, _>(refused())));
    let boxed = service_fn(move |_| ready(Err::<DuplexStream, Boxed>(refused().into())));
    let unready = Unready(Some(io::ErrorKind::ConnectionRefused));
    for client in [
        client().connector(fails),
        client().secure_connector(fails),
        client().connector(boxed),
        client().connector(unready),
    ] {
        let error = io_error(client).await;
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert!(error.get_ref().is_none(), "nothing is wrapped: {error:?}");
    }
    let error =
        io_error(client().connector(service_fn(|_| ready(Err::<DuplexStream, _>(Own(7)))))).await;
    let own = error.get_ref().and_then(|error| error.downcast_ref::<Own>());
    assert_eq!(own.map(|own| own.0), Some(7));
    assert_eq!(error.to_string(), "own error 7");
}

#[tokio::test(start_paused = true)]
async fn a_service_has_the_connect_time_out() {
    let never = service_fn(|_| pending::<io::Result<DuplexStream>>());
    let client = client("ws://example.com/").connect_timeout(Some(3 * SECOND));
    for client in [
        client.clone().connector(never),
        client.clone().secure_connector(never),
        client.connector(Unready(None)),
    ] {
        let start = Instant::now();
        let error = client.connect().await.map(drop).expect_err("never");
        assert_eq!(
            (error.to_string(), start.elapsed()),
            ("no connection within 3s".into(), 3 * SECOND)
        );
    }
}
