//! A client's connection: over TCP by every kind of host, and with every kind of answer (RFC 6455 section
//! 4.1).

#[path = "support/io.rs"]
mod io;

use std::time::Duration;

use bowline::{Client, Config, EndOfStream, Error, HandshakeError, Message, Role, client, server};
use bytes::Bytes;
use http::Response;
use io::{Fault, Op, Pace, Read, Script, failure, finish, from_peer, item, run, untimed};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

const SECOND: Duration = Duration::from_secs(1);

fn example() -> Client {
    Client::new("ws://example.com/chat").expect("a URI")
}

// ---- over TCP ----

/// Greets one client.
fn greet(listener: TcpListener) -> JoinHandle<()> {
    tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.expect("a connection");
        let mut ws = server::accept(tcp).await.expect("open");
        ws.send("welcome").await.expect("open");
        while let Some(next) = ws.next().await {
            next.expect("no error");
        }
    })
}

#[tokio::test]
async fn a_host_may_be_an_address_of_either_family_or_a_name() {
    for (bound, host) in
        [("127.0.0.1", "127.0.0.1"), ("[::1]", "[::1]"), ("127.0.0.1", "localhost")]
    {
        let Ok(listener) = TcpListener::bind(format!("{bound}:0")).await else {
            assert_eq!(bound, "[::1]", "a machine without IPv6");
            continue;
        };
        let port = listener.local_addr().expect("an address").port();
        let server = greet(listener);
        let (mut ws, response) =
            client::connect(format!("ws://{host}:{port}/")).await.expect("connected");
        assert_eq!((response.status().as_u16(), ws.role()), (101, Role::Client), "{host}");
        assert_eq!(ws.next().await.map(item), Some(Ok(Message::text("welcome"))));
        let tcp = ws.get_ref().tcp().expect("a socket");
        assert!(tcp.nodelay().expect("a socket"), "small messages don't wait for each other");
        assert_eq!(tcp.peer_addr().expect("an address").port(), port);
        ws.close(1000, "").await.expect("closed");
        server.await.expect("the server");
    }
}

/// `localhost` has several addresses where there is IPv6, and only one of them answers.
#[tokio::test]
async fn each_address_of_a_name_is_tried() {
    for bound in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(listener) = TcpListener::bind(bound).await else { continue };
        let port = listener.local_addr().expect("an address").port();
        let addresses = tokio::net::lookup_host(("localhost", port)).await.expect("a name");
        let address = listener.local_addr().expect("an address");
        if addresses.into_iter().all(|other| other != address) {
            continue;
        }
        let server = greet(listener);
        let (mut ws, _) =
            client::connect(format!("ws://localhost:{port}/")).await.expect("connected");
        ws.close(1000, "").await.expect("closed");
        server.await.expect("the server");
    }
}

#[tokio::test]
async fn nobody_there_is_an_error_of_the_transport() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let refused = client::connect(format!("ws://{address}/")).await.map(drop);
    let Err(Error::Io(error)) = refused else { panic!("{refused:?}") };
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

/// Dropped while it waits for the response, it hangs up.
#[tokio::test]
async fn a_dropped_connect_closes_the_socket() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let uri = format!("ws://{}/", listener.local_addr().expect("an address"));
    let connecting = tokio::spawn(client::connect(uri));
    let (mut tcp, _): (TcpStream, _) = listener.accept().await.expect("a connection");
    let mut first = [0; 3];
    tcp.read_exact(&mut first).await.expect("a request");
    assert_eq!(&first, b"GET");
    connecting.abort();
    let rest = io::rest_of(&mut tcp).await;
    assert!(rest.ends_with(b"\r\n\r\n"));
}

// ---- answers ----

/// The accept value for the request that was sent (RFC 6455 section 4.2.2), by a codec of the other end.
fn accept(request: &[u8]) -> Vec<u8> {
    let io = Script::new(request);
    let server = server::Server::new().config(untimed());
    finish(async { server.receive(io.clone()).await?.accept().await }).expect("a good request");
    io.written()
}

/// Frames in the same read as the response, or any other, are the WebSocket's.
#[test]
fn section_4_1_frames_behind_the_response_are_delivered() {
    let frames = from_peer(Role::Client, b"\x81\x02ab\x89\x01?\x01\x01c\x80\x01d");
    for (pace, cut) in [(Pace::Swift, 0), (Pace::Swift, 1), (Pace::Swift, 9), (Pace::Halting, 0)] {
        let io = Script::new(b"").pace(pace);
        let mut opening = Box::pin(example().config(untimed()).handshake(io.clone()));
        assert!(run(opening.as_mut()).is_pending());
        let request = io.written();
        let (now, later) = frames.split_at(frames.len() - cut);
        io.arrive_bytes([&accept(&request)[..], now].concat());
        let (mut ws, response) = finish(opening.as_mut()).expect("open");
        assert_eq!(response.headers()["upgrade"], "websocket");
        io.arrive_bytes(later);
        io.arrive(Read::End);
        let received: Vec<_> = io::drain(&mut ws).into_iter().flatten().collect();
        let expected = [Message::text("ab"), Message::ping("?"), Message::text("cd")];
        assert_eq!(received[..3], expected.map(Ok), "{pace:?}, {cut}");
        // The key of this one is random.
        let pong = &io.written()[request.len()..];
        assert_eq!((pong[0], pong[1], pong.len()), (0x8a, 0x81, 7));
        assert_eq!(pong[2] ^ pong[6], b'?');
    }
}

/// The refusal that this answer comes to; the stream ends behind it.
fn refused(answer: &[u8], pace: Pace) -> Response<Bytes> {
    let io = Script::new(answer).pace(pace);
    io.arrive(Read::End);
    match finish(example().config(untimed()).handshake(io.clone())).map(drop) {
        Err(Error::Handshake(error)) => match *error {
            HandshakeError::Refused(response) => *response,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn section_4_1_a_refusal_carries_its_head_and_its_body() {
    let table: [(&[u8], u16, &[u8]); 9] = [
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno, and more", 403, b"no"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404, b""),
        (b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n\r\nuntil the end", 401, b"until the end"),
        (b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 4\r\n\r\nmove", 302, b"move"),
        (
            b"HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
            500,
            b"abc0123456789",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, b"hello"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 503 Busy\r\n\r\n", 503, b""),
        // Cut short: what there is of it.
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nno", 403, b"no"),
    ];
    for ((answer, status, body), pace) in
        table.into_iter().flat_map(|row| [(row, Pace::Swift), (row, Pace::Halting)])
    {
        let response = refused(answer, pace);
        assert_eq!(response.status(), status, "{pace:?}");
        assert_eq!(response.body(), body, "{status}, {pace:?}");
        let has_header = match status {
            401 => response.headers()["www-authenticate"] == "Basic",
            302 => response.headers()["location"] == "/there",
            _ => true,
        };
        assert!(has_header, "{status}");
    }
}

#[test]
fn a_refusals_body_is_kept_up_to_64_kib() {
    let long = vec![b'x'; 200 << 10];
    let chunk = [b"32000\r\n", &long[..], b"\r\n0\r\n\r\n"].concat();
    let bodies: [(&str, &[u8]); 3] = [
        ("Content-Length: 204800", &long),
        ("Transfer-Encoding: chunked", &chunk),
        ("X-Until: the end", &long),
    ];
    for (header, body) in bodies {
        let head = format!("HTTP/1.1 403 Forbidden\r\n{header}\r\n\r\n");
        let response = refused(&[head.as_bytes(), body].concat(), Pace::Swift);
        assert_eq!(response.body().len(), 64 << 10, "{header}");
        assert!(response.body().iter().all(|byte| *byte == b'x'), "{header}");
    }
}

/// The server that refuses and resets has refused all the same.
#[test]
fn a_refusal_whose_body_breaks_off_is_a_refusal() {
    let io = Script::new(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nno");
    io.arrive(Read::Error(std::io::ErrorKind::ConnectionReset));
    let answer = finish(example().config(untimed()).handshake(io)).map(drop);
    let Err(Error::Handshake(error)) = answer else { panic!("{answer:?}") };
    let HandshakeError::Refused(response) = *error else { panic!("{error:?}") };
    assert_eq!((response.status().as_u16(), &response.body()[..]), (403, &b"no"[..]));
}

#[test]
fn the_end_of_the_stream_in_a_response_is_a_disconnect() {
    let table: [(&[u8], EndOfStream); 3] = [
        (b"", EndOfStream::BeforeHead),
        (b"H", EndOfStream::InsideHead),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n", EndOfStream::InsideHead),
    ];
    for (bytes, place) in table {
        let io = Script::new(bytes);
        io.arrive(Read::End);
        let error =
            finish(example().config(untimed()).handshake(io)).map(drop).expect_err("an end");
        assert!(error.is_disconnect());
        assert_eq!(failure(Err::<(), _>(error)), Err(format!("Handshake(EndOfStream({place:?}))")));
    }
}

/// Each read, write and flush fails once; only what nothing has disturbed gets through.
#[test]
fn a_transport_that_fails_fails_the_handshake() {
    let faults = [(Op::Write, Fault::Error), (Op::Write, Fault::End), (Op::Flush, Fault::Error)];
    for (op, fault) in faults.into_iter().chain([(Op::Read, Fault::Error), (Op::Read, Fault::End)])
    {
        for n in 0..400 {
            let io = Script::new(b"").pace(Pace::Halting).fail(op, n, fault);
            let mut opening = Box::pin(example().config(untimed()).handshake(io.clone()));
            let mut poll = run(opening.as_mut());
            if poll.is_pending() {
                io.arrive_bytes(accept(&io.written()));
                poll = run(opening.as_mut());
            }
            let std::task::Poll::Ready(result) = poll else { panic!("asleep: {op:?} {n}") };
            drop(opening);
            assert_eq!(result.is_ok(), io.record().done[op as usize] <= n, "{op:?} {n}, {fault:?}");
            drop(result);
            assert!(io.is_dropped(), "{op:?} {n}, {fault:?}");
        }
    }
}

// ---- dawdling ----

#[tokio::test(start_paused = true)]
async fn a_response_has_ten_seconds() {
    let table = [(Config::new(), 10), (Config::new().with_handshake_timeout(Some(3 * SECOND)), 3)];
    for (config, seconds) in table {
        for is_reading in [true, false] {
            let (near, mut far) = tokio::io::duplex(if is_reading { 1 << 16 } else { 16 });
            let start = Instant::now();
            let result = example().config(config.clone()).handshake(near).await;
            assert_eq!(failure(result.map(drop)), Err("Handshake(TimedOut)".into()));
            assert_eq!(start.elapsed(), seconds * SECOND, "reading: {is_reading}");
            let request = io::rest_of(&mut far).await;
            assert_eq!(request.len() > 16, is_reading);
        }
    }
    let (near, _far) = tokio::io::duplex(1 << 16);
    let config = Config::new().with_handshake_timeout(None);
    assert!(timeout(100_000 * SECOND, example().config(config).handshake(near)).await.is_err());
}

/// What has come of it by then is kept.
#[tokio::test(start_paused = true)]
async fn a_refusal_whose_body_dawdles_is_a_refusal() {
    let (near, mut far) = tokio::io::duplex(1 << 16);
    let server = tokio::spawn(async move {
        far.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\n")
            .await
            .expect("open");
        while far.write_all(b"x").await.is_ok() {
            sleep(SECOND).await;
        }
    });
    let start = Instant::now();
    let result = example().handshake(near).await.map(drop);
    assert_eq!(start.elapsed(), 10 * SECOND);
    let Err(Error::Handshake(error)) = result else { panic!("{result:?}") };
    let HandshakeError::Refused(response) = *error else { panic!("{error:?}") };
    assert_eq!(response.status(), 403);
    assert!((9..=11).contains(&response.body().len()), "{:?}", response.body());
    server.await.expect("the server");
}

/// Bytes that nobody asked for are no answer.
#[test]
fn an_answer_must_answer() {
    let answers: [(&[u8], &str); 8] = [
        (b"Hello", "EndOfStream(InsideHead)"),
        // Not a byte of HTTP, and of TLS an alert.
        (b"\x81\x05Hello", "MalformedHead"),
        (b"\r\n\x81", "MalformedHead"),
        (b"\x15\x03\x03\0\x02\x02\x32", "MalformedHead"),
        (b"\x81\x05Hello\r\n\r\n", "MalformedHead"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "MissingUpgrade"),
        (b"HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\n\n", "BareLineFeed"),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
            "AcceptMismatch",
        ),
    ];
    for (answer, expected) in answers {
        let io = Script::new(answer);
        io.arrive(Read::End);
        let result = finish(example().config(untimed()).handshake(io.clone()));
        let error = failure(result.map(drop)).expect_err("no answer");
        assert_eq!(error, format!("Handshake({expected})"));
        assert!(io.is_dropped());
        assert!(io.written().ends_with(b"\r\n\r\n"), "no frame behind the request");
    }
}
