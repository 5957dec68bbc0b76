//! TLS on other ways to a server than TCP, and another's TLS in place of the client's.

#[path = "support/authority.rs"]
mod authority;
#[path = "support/tls.rs"]
mod tls;

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use authority::Authority;
use bowline::{
    Client, ConnectError, Error, Message, WebSocket,
    client::{
        Stream,
        tokio_rustls::{
            TlsAcceptor, TlsConnector,
            client::TlsStream,
            rustls::{ClientConfig, Error as TlsError, ServerConfig},
        },
    },
    server,
};
use http::Uri;
use tls::{client, echo, listen, serve, serving, trusting, within};
use tokio::net::TcpStream;
use tower_service::Service;

/// Says hello, and ends well.
async fn talk(mut ws: WebSocket<Stream>) {
    ws.send("hello").await.expect("open");
    let back = within(ws.next()).await.expect("open").expect("no error");
    assert_eq!(back, Message::text("hello"));
    ws.close(1000, "").await.expect("closed");
}

type Calling<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

/// A service of one function, which notes the URIs that it is called with.
#[derive(Clone)]
struct Connect<F> {
    connect: F,
    called: Arc<Mutex<Vec<String>>>,
}

impl<F> Connect<F> {
    fn new(connect: F) -> Self {
        Self { connect, called: Arc::default() }
    }

    fn called(&self) -> Vec<String> {
        self.called.lock().expect("unpoisoned").clone()
    }
}

impl<F, T> Service<Uri> for Connect<F>
where
    F: Fn() -> Calling<T>,
{
    type Response = T;
    type Error = io::Error;
    type Future = Calling<T>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        self.called.lock().expect("unpoisoned").push(uri.to_string());
        (self.connect)()
    }
}

fn to(port: u16) -> impl Fn() -> Calling<TcpStream> + Clone + Send + 'static {
    move || Box::pin(TcpStream::connect(("127.0.0.1", port)))
}

/// The same with TLS of its own.
fn by_tls(
    port: u16,
    config: ClientConfig,
) -> impl Fn() -> Calling<TlsStream<TcpStream>> + Clone + Send + 'static {
    let connector = TlsConnector::from(Arc::new(config));
    move || {
        let connector = connector.clone();
        Box::pin(async move {
            let tcp = TcpStream::connect(("127.0.0.1", port)).await?;
            connector.connect("localhost".try_into().expect("a name"), tcp).await
        })
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_with_wss() {
    use tokio::net::UnixListener;

    let authority = Authority::new("tests");
    let path = std::env::temp_dir().join(format!("bowline-tls-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).expect("a socket");
    let config: Arc<ServerConfig> = Arc::new(serving(&authority.issue(&["chat.example.com"])));
    for (host, is_good) in [("chat.example.com", true), ("other.example.com", false)] {
        let serving = async {
            let (unix, _) = listener.accept().await.expect("a connection");
            let tls = TlsAcceptor::from(config.clone()).accept(unix).await;
            assert_eq!(tls.is_ok(), is_good, "{host}");
            if let Ok(tls) = tls {
                echo(server::accept(tls).await.expect("a WebSocket")).await.expect("a good end");
            }
        };
        let client = client(host, 443, trusting(authority.roots())).unix_socket(&path);
        let connecting = async {
            match client.connect().await {
                Ok((ws, _)) => {
                    let io = ws.get_ref();
                    assert!(io.unix().is_some() && io.tls().is_some() && io.tcp().is_none());
                    talk(ws).await;
                }
                Err(error) => {
                    assert!(!is_good, "{error}");
                    assert!(error.to_string().contains("not valid for name"), "{error}");
                }
            }
        };
        within(async { tokio::join!(serving, connecting) }).await;
    }
    std::fs::remove_file(&path).expect("a socket");
}

/// What the service gives is a bare transport, and `wss` is TLS on it.
#[tokio::test]
async fn a_connector_is_secured() {
    let authority = Authority::new("tests");
    let (port, server) = serve(serving(&authority.issue(&["localhost"])), echo).await;
    let service = Connect::new(to(port));
    let client = client("localhost", 1234, trusting(authority.roots())).connector(service.clone());
    let (ws, _) = within(client.connect()).await.expect("connected");
    assert_eq!(service.called(), ["wss://localhost:1234/"]);
    assert!(ws.get_ref().tls().is_some());
    talk(ws).await;
    within(server).await.expect("the server").expect("a good end");
}

/// What a secure one gives is as private as its service has made it, and is not made so twice.
#[tokio::test]
async fn a_secure_connector_has_tls_of_its_own() {
    let authority = Authority::new("tests");
    let (port, server) = serve(serving(&authority.issue(&["localhost"])), echo).await;
    let service = Connect::new(by_tls(port, trusting(authority.roots())));
    let client = Client::new("wss://chat.example.com/room").expect("a URI");
    let client = client.secure_connector(service.clone());
    let (ws, _) = within(client.connect()).await.expect("connected");
    assert_eq!(service.called(), ["wss://chat.example.com/room"]);
    assert!(ws.get_ref().tls().is_none(), "it is the service's");
    talk(ws).await;
    within(server).await.expect("the server").expect("a good end");
}

/// Its errors are the transport's, with what they are inside.
#[tokio::test]
async fn a_secure_connector_that_fails_is_an_error_of_the_transport() {
    let (known, other) = (Authority::new("known"), Authority::new("other"));
    let (listener, port) = listen().await;
    let config = Arc::new(serving(&other.issue(&["localhost"])));
    let serving = async {
        let (tcp, _) = listener.accept().await.expect("a connection");
        assert!(TlsAcceptor::from(config).accept(tcp).await.is_err());
    };
    let service = Connect::new(by_tls(port, trusting(known.roots())));
    let client = Client::new("wss://localhost/").expect("a URI").secure_connector(service);
    let ((), connected) = within(async { tokio::join!(serving, client.connect()) }).await;
    let Err(Error::Io(error)) = connected.map(drop) else { panic!("no I/O error") };
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    assert!(matches!(inner, Some(TlsError::InvalidCertificate(_))), "{error:?}");
}

/// A redirect to `wss` is secured as the first request would have been.
#[tokio::test]
async fn a_redirect_leads_to_tls() {
    let authority = Authority::new("tests");
    let (port, server) = serve(serving(&authority.issue(&["localhost"])), echo).await;
    let (listener, first) = listen().await;
    let redirecting = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.expect("a connection");
        let pending = server::Server::new().receive(tcp).await.expect("a request");
        let response = http::Response::builder().status(307);
        let response = response.header("location", format!("https://localhost:{port}/"));
        pending.respond(response.body("").expect("a response")).await
    });
    let client = Client::new(format!("ws://localhost:{first}/")).expect("a URI").redirects(1);
    let client = client.tls(Arc::new(trusting(authority.roots())));
    let (ws, _) = within(client.connect()).await.expect("connected");
    assert!(ws.get_ref().tls().is_some());
    talk(ws).await;
    within(redirecting).await.expect("the first server").expect("answered");
    within(server).await.expect("the server").expect("a good end");
}

/// And one from it is not followed to where it would be no more.
#[tokio::test]
async fn a_redirect_away_from_tls_is_not_followed() {
    let authority = Authority::new("tests");
    let (listener, port) = listen().await;
    let acceptor = TlsAcceptor::from(Arc::new(serving(&authority.issue(&["localhost"]))));
    let redirecting = async {
        let (tcp, _) = listener.accept().await.expect("a connection");
        let tls = acceptor.accept(tcp).await.expect("TLS");
        let pending = server::Server::new().receive(tls).await.expect("a request");
        let response = http::Response::builder().status(307);
        let response = response.header("location", format!("ws://localhost:{port}/"));
        pending.respond(response.body("").expect("a response")).await.expect("answered");
    };
    let client = client("localhost", port, trusting(authority.roots())).redirects(5);
    let ((), connected) = within(async { tokio::join!(redirecting, client.connect()) }).await;
    let Err(Error::Connect(error)) = connected.map(drop) else { panic!("connected") };
    assert!(matches!(*error, ConnectError::Redirect(..)), "{error:?}");
    assert_eq!(
        error.to_string(),
        "307 Temporary Redirect: redirected from wss to ws, which is not secure"
    );
}
