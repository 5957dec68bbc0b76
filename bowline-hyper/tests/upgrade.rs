//! Where the socket is after the upgrade, with what had been read of it, by who serves: hyper by itself, hyper-util's `auto`,
//! axum's `serve`; and what becomes of upgrades that fail.

#[path = "support/served.rs"]
mod served;

use std::{convert::Infallible, net::SocketAddr, path::PathBuf};

use axum::{Router, middleware::map_response, response::Response, routing::any, serve};
use bowline::{Client, Error, HandshakeError, Message, WebSocket};
use bowline_hyper::{Http2, Io, Options, Upgrade, axum::WebSocketUpgrade, test, upgrade};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use served::{
    PIPE, echo, echoes, masked, read_answer, read_head, rest_of, serve_on, served, told, within,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, DuplexStream, duplex},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::oneshot,
};

const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Says first whether there is a socket of this type, then is an echo.
async fn tell_and_echo<T>(upgrade: Upgrade) -> Result<(), Error>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut ws: WebSocket<Io<T>> = upgrade.accept_as().await?;
    let kind = if ws.get_ref().socket().is_some() { "socket" } else { "upgraded" };
    ws.feed(kind).await?;
    echo(ws).await
}

/// The same at every path.
fn telling<T>() -> Router
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    Router::new().fallback(any(async |upgrade: WebSocketUpgrade| -> Response {
        let upgrade = upgrade.into_upgrade().expect("of the same host");
        let response = upgrade.response();
        tokio::spawn(tell_and_echo::<T>(upgrade));
        response
    }))
}

/// A request with frames behind it in the same write, and one that comes later.
async fn check(mut io: impl AsyncRead + AsyncWrite + Unpin, kind: &str) {
    let frames = [masked(0x01, b"Hel"), masked(0x80, b"lo"), masked(0x82, &[7; 3000])].concat();
    io.write_all(&[REQUEST, &frames].concat()).await.expect("taken");
    let answer = within(read_head(&mut io)).await.expect("an answer");
    assert_eq!(answer.status, 101);
    let later = [masked(0x81, b"later"), masked(0x88, b"\x03\xe8")].concat();
    io.write_all(&later).await.expect("taken");
    let told = [&[0x81, kind.len() as u8], kind.as_bytes()].concat();
    let echoed = [&b"\x81\x05Hello\x82\x7e\x0b\xb8"[..], &[7; 3000], b"\x81\x05later"].concat();
    let rest = rest_of(&mut io).await;
    let expected = [told, echoed, b"\x88\x02\x03\xe8".to_vec()].concat();
    assert!(rest == expected, "{kind}: {}", rest.escape_ascii());
}

/// A listener and one accepted connection.
async fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let client = TcpStream::connect(listener.local_addr().expect("it")).await.expect("open");
    (client, listener.accept().await.expect("one").0)
}

#[tokio::test]
async fn the_socket_of_tcp_by_axum_s_serve() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    tokio::spawn(serve(listener, telling::<TcpStream>()).into_future());
    check(TcpStream::connect(at).await.expect("open"), "socket").await;
}

#[tokio::test]
async fn the_socket_of_tcp_by_auto() {
    let (client, server) = tcp().await;
    serve_on(telling::<TcpStream>(), server);
    check(client, "socket").await;
    // Asked for as something else it is a connection all the same.
    let (client, server) = tcp().await;
    serve_on(telling::<UnixStream>(), server);
    check(client, "upgraded").await;
}

/// hyper without axum, hyper-util and tower.
async fn hyper_s_own<T, S>(server: S)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(async |mut request: Request<Incoming>| {
        let response = match upgrade(&mut request, &Options::new()) {
            Ok(upgrade) => {
                let response = upgrade.response();
                tokio::spawn(tell_and_echo::<T>(upgrade));
                response
            }
            Err(rejection) => rejection.into(),
        };
        Ok::<http::Response<Full<Bytes>>, Infallible>(response)
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(server), service);
    let _ = connection.with_upgrades().await;
}

#[tokio::test]
async fn the_socket_by_hyper_alone() {
    let (client, server) = tcp().await;
    tokio::spawn(hyper_s_own::<TcpStream, _>(server));
    check(client, "socket").await;
    let (client, server) = duplex(PIPE);
    tokio::spawn(hyper_s_own::<DuplexStream, _>(server));
    check(client, "socket").await;
    let (client, server) = duplex(PIPE);
    tokio::spawn(hyper_s_own::<TcpStream, _>(server));
    check(client, "upgraded").await;
}

#[tokio::test]
async fn the_socket_of_a_pipe_by_auto() {
    check(served(telling::<DuplexStream>(), PIPE), "socket").await;
    check(served(telling::<TcpStream>(), PIPE), "upgraded").await;
}

/// A path that nobody else has.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let name = format!("bowline-{}-{name}.sock", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn the_socket_of_unix_by_axum_s_serve() {
    let place = Place::new("serve");
    let listener = UnixListener::bind(&place.0).expect("a socket");
    tokio::spawn(serve(listener, telling::<UnixStream>()).into_future());
    check(UnixStream::connect(&place.0).await.expect("open"), "socket").await;
    let (client, server) = UnixStream::pair().expect("a pair");
    serve_on(telling::<TcpStream>(), server);
    check(client, "upgraded").await;
}

#[tokio::test]
async fn no_socket_of_http2() {
    let (client, server) = tcp().await;
    serve_on(telling::<TcpStream>(), server);
    let mut http2 = Http2::handshake(client).await.expect("a connection");
    let (mut ws, _) = within(http2.connect("ws://localhost/")).await.expect("a WebSocket");
    assert_eq!(within(ws.next()).await.expect("one").expect("good"), Message::text("upgraded"));
    assert!(ws.get_ref().socket().is_none());
}

/// axum's `serve`, told to stop; gives its address, and its end.
async fn stoppable() -> (SocketAddr, oneshot::Sender<()>, impl Future<Output = ()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel();
    let server = serve(listener, echoes()).with_graceful_shutdown(async move {
        let _ = stopped.await;
    });
    let server = tokio::spawn(server.into_future());
    (at, stop, async move { server.await.expect("no panic").expect("a clean end") })
}

async fn check_echo<T: AsyncRead + AsyncWrite + Unpin>(ws: &mut WebSocket<T>) {
    within(ws.send("hello")).await.expect("sent");
    assert_eq!(within(ws.next()).await.expect("one").expect("good"), Message::text("hello"));
}

#[tokio::test]
async fn a_server_that_stops_does_not_wait_for_sockets_of_http1() {
    let (at, stop, end) = stoppable().await;
    let client = || Client::new(format!("ws://{at}/")).expect("a URI");
    let (mut ws, _) = within(client().connect()).await.expect("a WebSocket");
    check_echo(&mut ws).await;
    stop.send(()).expect("it runs");
    within(end).await;
    check_echo(&mut ws).await;
    within(ws.close(1000, "")).await.expect("closed");
    assert!(within(client().connect()).await.is_err(), "nobody listens");
}

#[tokio::test]
async fn a_server_that_stops_waits_for_streams_of_http2() {
    let (at, stop, end) = stoppable().await;
    let tcp = TcpStream::connect(at).await.expect("open");
    let mut http2 = Http2::handshake(tcp).await.expect("a connection");
    let (mut ws, _) = within(http2.connect(format!("ws://{at}/"))).await.expect("a WebSocket");
    check_echo(&mut ws).await;
    stop.send(()).expect("it runs");
    check_echo(&mut ws).await;
    within(ws.close(1000, "")).await.expect("closed");
    drop((ws, http2));
    within(end).await;
}

/// A middleware that refuses what was accepted.
fn busy(app: Router, connection: &'static str) -> Router {
    app.layer(map_response(move |_: Response| async move {
        let response = http::Response::builder().status(503).header("connection", connection);
        response.body(axum::body::Body::from("busy")).expect("one")
    }))
}

#[tokio::test(start_paused = true)]
async fn rfc_8441_section_5_a_response_that_another_takes_the_place_of() {
    let (app, mut told) = told(Options::new(), async |_| unreachable!("no connection"));
    let refused = within(test::connect_h2(busy(app, "keep-alive"), "ws://localhost/")).await.err();
    let error = refused.expect("a refusal");
    let refusal = error.refusal().expect("a response");
    assert_eq!((refusal.status().as_u16(), &refusal.body()[..]), (503, &b"busy"[..]));
    let failed = within(told.recv()).await.expect("told").expect_err("a failure");
    assert!(failed.starts_with("not upgraded: Io("), "{failed}");
    assert!(told.try_recv().is_err(), "once");
}

/// Over HTTP/1.1 hyper doesn't look at the response: it gives the connection away once it is through with it. So the
/// handler has one at the very end, and the client whatever is written.
#[tokio::test(start_paused = true)]
async fn section_4_2_2_hyper_gives_away_what_was_refused() {
    for connection in ["close", "keep-alive"] {
        let (app, mut told) = told(Options::new(), async |mut ws| ws.send("secret").await);
        let mut io = served(busy(app, connection), PIPE);
        io.write_all(REQUEST).await.expect("taken");
        let answer = within(read_answer(&mut io)).await.expect("an answer");
        assert_eq!((answer.status, answer.body()), (503, "busy"));
        if connection == "keep-alive" {
            assert!(told.try_recv().is_err(), "while there may be more requests");
            io.shutdown().await.expect("an end");
        }
        assert_eq!(within(told.recv()).await, Some(Ok(())));
        assert_eq!(rest_of(&mut io).await, b"\x81\x06secret\x88\x02\x03\xe8");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_before_it_is_answered() {
    let (app, mut told) = told(Options::new(), async |_| unreachable!("no connection"));
    let (go, gone) = tokio::sync::watch::channel(false);
    let app = app.layer(map_response(move |response: Response| {
        let mut gone = gone.clone();
        async move {
            gone.wait_for(|is_gone| *is_gone).await.expect("told");
            response
        }
    }));
    let mut io = served(app, PIPE);
    io.write_all(REQUEST).await.expect("taken");
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    drop(io);
    go.send_replace(true);
    let failed = within(told.recv()).await.expect("told").expect_err("a failure");
    assert!(failed.starts_with("not upgraded: Io("), "{failed}");
}

/// The response is made, and never sent.
#[tokio::test(start_paused = true)]
async fn section_4_2_2_a_response_that_is_late() {
    let (app, mut told) = told(Options::new(), async |_| unreachable!("no connection"));
    let app = app.layer(map_response(async |response: Response| {
        std::future::pending::<()>().await;
        response
    }));
    let client = || Client::new("ws://localhost/").expect("a URI");
    for (error, carrier) in [
        (within(test::connect(app.clone(), client())).await.err(), "HTTP/1.1"),
        (within(test::connect_h2(app.clone(), client())).await.err(), "HTTP/2"),
    ] {
        let Some(Error::Handshake(error)) = error else { panic!("{error:?} over {carrier}") };
        assert!(matches!(*error, HandshakeError::TimedOut), "{error:?} over {carrier}");
        let failed = within(told.recv()).await.expect("told").expect_err("a failure");
        assert!(failed.starts_with("not upgraded: "), "{failed} over {carrier}");
    }
}
