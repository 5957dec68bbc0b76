//! A client and a server at the two ends of a path, and how long things take them.

use std::{fmt::Display, time::Duration};

use bowline::{
    Client, Config, Error, Keepalive, Message, WebSocket, client::Stream, server::Server,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use crate::path::Path;

/// What each deadline is set to here, and both of keepalive's.
pub(crate) const SECOND: Duration = Duration::from_secs(1);
/// How late something may be on a machine with much else to do.
pub(crate) const MARGIN: Duration = Duration::from_secs(1);
/// For what takes no time to speak of.
const PATIENCE: Duration = Duration::from_secs(10);

/// No deadline but the opening handshake's.
pub(crate) fn untimed() -> Config {
    Config::new().with_keepalive(None).with_send_timeout(None).with_close_timeout(None)
}

/// A ping after a second or two, and an end after another.
pub(crate) fn keeping_alive() -> Config {
    untimed().with_keepalive(Some(Keepalive::new(SECOND, SECOND)))
}

/// Two ends that have heard of each other.
pub(crate) struct Ends {
    pub(crate) client: WebSocket<Stream>,
    pub(crate) server: WebSocket<TcpStream>,
    /// Before the last byte from either.
    pub(crate) start: Instant,
}

impl Ends {
    pub(crate) async fn open(path: &Path, client: Config, server: Config) -> Self {
        let listener = path.listen();
        let address = listener.local_addr().expect("an address");
        let connecting = async {
            let client = Client::new(format!("ws://{address}/")).expect("a URI").config(client);
            client.connect().await.expect("a connection").0
        };
        let accepting = async {
            let (tcp, _) = listener.accept().await.expect("a connection");
            tcp.set_nodelay(true).expect("a socket");
            let pending = Server::new().config(server).receive(tcp).await.expect("a request");
            pending.accept().await.expect("a connection")
        };
        let opening = async { tokio::join!(connecting, accepting) };
        let (client, server) = step("the opening handshake", opening).await;
        let mut ends = Self { client, server, start: Instant::now() };
        ends.talk().await;
        ends
    }

    /// Something each way, until nothing is under way any more. TCP's last acknowledgement is up to 40 ms late, and
    /// whose words were never acknowledged says nothing new before they are.
    pub(crate) async fn talk(&mut self) {
        pass(&mut self.client, &mut self.server).await;
        pass(&mut self.server, &mut self.client).await;
        sleep(Duration::from_millis(100)).await;
    }
}

async fn pass(
    from: &mut WebSocket<impl AsyncRead + AsyncWrite + Unpin>,
    to: &mut WebSocket<impl AsyncRead + AsyncWrite + Unpin>,
) {
    step("sending", from.send("hello")).await.expect("a living connection");
    let message = step("a message", to.next()).await.expect("a message").expect("a message");
    assert_eq!(message, Message::from("hello"));
}

/// Waits for a future, but not for ever.
pub(crate) async fn step<T>(what: impl Display, future: impl Future<Output = T>) -> T {
    let result = timeout(PATIENCE, future).await;
    result.unwrap_or_else(|_| panic!("{what}: still waiting after {PATIENCE:?}"))
}

/// Reads on to the error that ends the connection, past the pings that came before it.
pub(crate) async fn error_of(mut ws: WebSocket<impl AsyncRead + AsyncWrite + Unpin>) -> Error {
    loop {
        let next = step("the end", ws.next()).await.expect("an error before the end");
        match next {
            Ok(message) => assert!(!message.is_data(), "{message:?}"),
            Err(error) => return error,
        }
    }
}

/// Nobody would say that this took too long, or not as long as it had to.
pub(crate) fn assert_takes(what: impl Display, took: Duration, least: Duration, most: Duration) {
    let most = most + MARGIN;
    assert!(least <= took && took <= most, "{what}: took {took:?}, not {least:?} to {most:?}");
}
