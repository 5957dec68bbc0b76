//! A server's answers over real sockets, to clients that go on sending: a socket closed with unread input
//! would reset the connection, and the answer would be lost with it.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    thread,
};

use bowline::{Error, Server};
use http::{Response, StatusCode};

/// So much behind each request, unasked for.
const MORE: usize = 200 << 10;

/// A request with these lines behind the first, each with its line end.
fn request(first: &str, lines: &[&str]) -> Vec<u8> {
    [&[first], lines, &[""]]
        .concat()
        .iter()
        .flat_map(|line| format!("{line}\r\n").into_bytes())
        .collect()
}

const HOST: &str = "Host: server.example.com";
const UPGRADE: &str = "Upgrade: websocket";
const CONNECTION: &str = "Connection: Upgrade";
const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
const VERSION: &str = "Sec-WebSocket-Version: 13";

/// Requests that break a rule, and the status of the answer.
fn breaches() -> Vec<(Vec<u8>, u16)> {
    let get = "GET /chat HTTP/1.1";
    let all = [HOST, UPGRADE, CONNECTION, KEY, VERSION];
    let without = |gone: &str| all.into_iter().filter(|line| *line != gone).collect::<Vec<_>>();
    let with = |more: &'static str| [&all[..], &[more]].concat();
    let instead = |gone: &str, other| [without(gone), vec![other]].concat();
    let long = format!("X-Long: {}", "x".repeat(20_000));
    let many: Vec<String> = (0..101).map(|n| format!("X-{n}: 1")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    vec![
        (request("POST /chat HTTP/1.1", &all), 405),
        (request("GET /chat HTTP/1.0", &all), 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), 505),
        (request(get, &without(HOST)), 400),
        (request(get, &with("Host: other.example.com")), 400),
        (request(get, &without(UPGRADE)), 400),
        (request(get, &without(CONNECTION)), 400),
        (request(get, &instead(CONNECTION, "Connection: keep-alive")), 400),
        (request(get, &without(KEY)), 400),
        (request(get, &with(KEY)), 400),
        (request(get, &instead(KEY, "Sec-WebSocket-Key: c2hvcnQ=")), 400),
        (request(get, &without(VERSION)), 426),
        (request(get, &instead(VERSION, "Sec-WebSocket-Version: 8")), 426),
        (request(get, &instead(VERSION, "Sec-WebSocket-Version: 99")), 426),
        (request(get, &with("Content-Length: 204800")), 400),
        (request(get, &with("Transfer-Encoding: chunked")), 400),
        (request(get, &with("Sec-WebSocket-Protocol: a, b c")), 400),
        (request(get, &with("Sec-WebSocket-Extensions: a; b=\"")), 400),
        (request(get, &with(&long.clone().leak()[..])), 431),
        (request(get, &many), 431),
        (b"GET /chat HTTP/1.1\nHost: h\n\n".to_vec(), 400),
        (b"nonsense\r\n\r\n".to_vec(), 400),
    ]
}

/// Sends all of it, and reads only then, to the end.
fn ask(listener: &TcpListener, request: Vec<u8>) -> thread::JoinHandle<Vec<u8>> {
    let mut client = TcpStream::connect(listener.local_addr().expect("an address")).expect("open");
    thread::spawn(move || {
        client.write_all(&request).expect("the server reads on");
        client.write_all(&vec![b'x'; MORE]).expect("the server reads on");
        client.shutdown(Shutdown::Write).expect("open");
        let mut response = Vec::new();
        client.read_to_end(&mut response).expect("an end and no reset");
        response
    })
}

fn accept(listener: &TcpListener) -> tokio::net::TcpStream {
    let (socket, _) = listener.accept().expect("a connection");
    socket.set_nonblocking(true).expect("a socket");
    tokio::net::TcpStream::from_std(socket).expect("a runtime")
}

/// The status of a response that is there to its last byte, and says that it is the last.
#[track_caller]
fn status(response: &[u8]) -> u16 {
    let text = str::from_utf8(response).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a whole head");
    let head = head.to_lowercase();
    let value = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
    assert_eq!(value("content-length: "), Some(body.len().to_string().as_str()), "{text}");
    assert!(value("connection: ").is_some_and(|value| value.contains("close")), "{text}");
    head.strip_prefix("http/1.1 ").expect("a status line")[..3].parse().expect("a status")
}

#[tokio::test]
async fn section_4_2_1_breaches_are_answered_and_the_answer_arrives() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    for (request, expected) in breaches() {
        let line = String::from_utf8_lossy(&request[..request.len().min(200)]).into_owned();
        let client = ask(&listener, request);
        let refused = Server::new().receive(accept(&listener)).await.map(drop);
        let Err(Error::Handshake(error)) = refused else { panic!("{line}: {refused:?}") };
        assert_eq!(error.status(), expected, "{line}: {error}");
        assert!(!error.is_disconnect());
        let response = client.join().expect("the client");
        assert_eq!(status(&response), expected, "{line}");
        assert!(response.ends_with(format!("\r\n\r\n{error}\n").as_bytes()), "the reason is there");
    }
}

#[tokio::test]
async fn answers_to_good_requests_arrive_too() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let websocket = request("GET /chat HTTP/1.1", &[HOST, UPGRADE, CONNECTION, KEY, VERSION]);
    let client = ask(&listener, websocket.clone());
    let pending = Server::new().receive(accept(&listener)).await.expect("a request");
    pending.reject(StatusCode::FORBIDDEN).await.expect("answered");
    assert_eq!(status(&client.join().expect("the client")), 403);

    let client = ask(&listener, request("POST / HTTP/1.1", &[HOST, "Content-Length: 204800"]));
    let pending = Server::new().receive(accept(&listener)).await.expect("a request");
    let page = "x".repeat(1 << 20);
    pending.respond(Response::new(page)).await.expect("answered");
    let response = client.join().expect("the client");
    assert_eq!((status(&response), response.len() > 1 << 20), (200, true));

    let client = ask(&listener, request("GET / HTTP/1.1", &[HOST]));
    let pending = Server::new().receive(accept(&listener)).await.expect("a request");
    assert!(matches!(pending.accept().await.map(drop), Err(Error::Handshake(_))));
    assert_eq!(status(&client.join().expect("the client")), 426);

    let client = ask(&listener, websocket);
    let pending = Server::new().receive(accept(&listener)).await.expect("a request");
    let accepted = pending.subprotocol("unasked for").accept().await.map(drop);
    assert!(matches!(accepted, Err(Error::Usage(_))));
    assert_eq!(status(&client.join().expect("the client")), 500);
}

/// The address of the peer is the transport's to tell.
#[tokio::test]
async fn the_transport_is_there_before_and_after() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut client = TcpStream::connect(listener.local_addr().expect("an address")).expect("open");
    let websocket = request("GET /chat HTTP/1.1", &[HOST, UPGRADE, CONNECTION, KEY, VERSION]);
    client.write_all(&websocket).expect("open");
    let pending = Server::new().receive(accept(&listener)).await.expect("a request");
    let address = client.local_addr().expect("an address");
    assert_eq!(pending.get_ref().peer_addr().expect("an address"), address);
    let mut ws = pending.accept().await.expect("open");
    assert_eq!(ws.get_ref().peer_addr().expect("an address"), address);
    ws.get_mut().set_nodelay(true).expect("a socket");
    let tcp = ws.into_inner();
    assert!(tcp.nodelay().expect("a socket"));
}
