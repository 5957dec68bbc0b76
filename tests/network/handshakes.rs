//! Opening handshakes with nobody there, or nobody any more.

use bowline::{Client, Config, ConnectError, Error, HandshakeError, server::Server};
use tokio::{net::TcpStream, time::Instant};

use crate::{
    ends::{SECOND, assert_takes, step},
    path::{LOSSES, Loss, Path},
};

fn hasty() -> Config {
    Config::new().with_handshake_timeout(Some(SECOND))
}

#[tokio::test]
#[ignore = "needs two network namespaces: tests/network/run"]
async fn a_client_gives_up_on_an_address_that_does_not_answer() {
    let path = Path::new();
    let client = Client::new(format!("ws://{}/", path.dead_address())).expect("a URI");
    let start = Instant::now();
    let connected = step("dialling", client.connect_timeout(Some(SECOND)).connect()).await;
    assert_takes("dialling", start.elapsed(), SECOND, SECOND);
    let Err(Error::Connect(error)) = connected else { panic!("{connected:?}") };
    assert!(matches!(*error, ConnectError::TimedOut(SECOND)), "{error:?}");
}

#[tokio::test]
#[ignore = "needs two network namespaces: tests/network/run"]
async fn a_client_gives_up_on_a_response_that_does_not_come() {
    for loss in LOSSES {
        let path = Path::new();
        let listener = path.listen();
        let address = listener.local_addr().expect("an address");
        let (tcp, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (server, _) = accepted.expect("a connection");
        path.lose(loss);
        // Where the request arrives, it is answered.
        let answering = tokio::spawn(bowline::server::accept(server));
        let client = Client::new(format!("ws://{address}/")).expect("a URI").config(hasty());
        let start = Instant::now();
        let opened = step("opening", client.handshake(tcp.expect("a connection"))).await;
        assert_takes(format!("{loss:?}"), start.elapsed(), SECOND, SECOND);
        let Err(Error::Handshake(error)) = opened else { panic!("{loss:?}: {opened:?}") };
        assert!(matches!(*error, HandshakeError::TimedOut), "{loss:?}: {error:?}");
        answering.abort();
    }
}

#[tokio::test]
#[ignore = "needs two network namespaces: tests/network/run"]
async fn a_server_gives_up_on_a_request_that_does_not_come() {
    let path = Path::new();
    let listener = path.listen();
    let address = listener.local_addr().expect("an address");
    let (tcp, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    path.lose(Loss::ToServer);
    let client = Client::new(format!("ws://{address}/")).expect("a URI");
    let asking = tokio::spawn(client.handshake(tcp.expect("a connection")));
    let (tcp, _) = accepted.expect("a connection");
    let start = Instant::now();
    let received = step("a request", Server::new().config(hasty()).receive(tcp)).await;
    assert_takes("receiving", start.elapsed(), SECOND, SECOND);
    let Err(Error::Handshake(error)) = received else { panic!("a request of nobody's") };
    assert!(matches!(*error, HandshakeError::TimedOut), "{error:?}");
    asking.abort();
}
