//! A server's other answers: rejections, plain HTTP, and what a client that dawdles gets.

#[path = "support/io.rs"]
mod io;

use std::time::Duration;

use bowline::{Config, Error, HandshakeError, Pending, Server, UsageError};
use bytes::Bytes;
use http::{Method, Response, StatusCode};
use io::{Fault, Op, Pace, Read, Script, failure, finish, run, untimed};
use tokio::{
    io::{AsyncWriteExt, DuplexStream},
    time::{Instant, sleep, timeout},
};

const REQUEST: &[u8] =
    b"GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

const SECOND: Duration = Duration::from_secs(1);

fn receive(io: &Script) -> Pending<Script> {
    finish(Server::new().config(untimed()).receive(io.clone())).expect("a request")
}

/// The status line, the sorted headers in lower case, and the body.
fn parsed(response: &[u8]) -> (String, Vec<String>, String) {
    let text = str::from_utf8(response).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let (line, headers) = head.split_once("\r\n").expect("headers");
    let mut headers: Vec<_> = headers.split("\r\n").map(str::to_lowercase).collect();
    headers.sort();
    (line.into(), headers, body.into())
}

#[test]
fn a_rejection_is_its_status_and_an_end() {
    let statuses = [
        (StatusCode::MOVED_PERMANENTLY, "301 Moved Permanently"),
        (StatusCode::BAD_REQUEST, "400 Bad Request"),
        (StatusCode::UNAUTHORIZED, "401 Unauthorized"),
        (StatusCode::FORBIDDEN, "403 Forbidden"),
        (StatusCode::NOT_FOUND, "404 Not Found"),
        (StatusCode::TOO_MANY_REQUESTS, "429 Too Many Requests"),
        (StatusCode::INTERNAL_SERVER_ERROR, "500 Internal Server Error"),
        (StatusCode::SERVICE_UNAVAILABLE, "503 Service Unavailable"),
        (StatusCode::OK, "200 OK"),
    ];
    for ((status, line), pace) in
        statuses.into_iter().flat_map(|status| [(status, Pace::Swift), (status, Pace::Halting)])
    {
        let io = Script::new(REQUEST).pace(pace);
        let pending = receive(&io);
        io.arrive(Read::End);
        finish(pending.reject(status)).expect("answered");
        let headers = ["connection: close", "content-length: 0"].map(String::from).to_vec();
        assert_eq!(parsed(&io.written()), (format!("HTTP/1.1 {line}"), headers, String::new()));
        assert_eq!(io.record().shut_down_after, Some(io.written().len()), "{status}");
        assert!(io.is_dropped());
    }
}

#[test]
fn an_interim_status_is_no_answer() {
    for status in [100, 101, 102, 103, 199] {
        let status = StatusCode::from_u16(status).expect("a status");
        let io = Script::new(REQUEST);
        let error = finish(receive(&io).reject(status)).expect_err("refused");
        assert!(matches!(error, Error::Usage(UsageError::InvalidStatus(seen)) if seen == status));
        assert_eq!(io.written(), b"");
        assert!(io.is_dropped());
    }
}

/// The body that follows a POST is not read for its content, and not taken for the end either.
#[test]
fn plain_http_is_answered_with_its_length_and_a_head_without_body() {
    let requests: [(&[u8], Method, &str); 5] = [
        (b"GET /page HTTP/1.1\r\nHost: h\r\n\r\n", Method::GET, "hello"),
        (b"HEAD /page HTTP/1.1\r\nHost: h\r\n\r\n", Method::HEAD, ""),
        (b"POST /page HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabc", Method::POST, "hello"),
        (b"DELETE /page HTTP/1.1\r\nHost: h\r\n\r\n", Method::DELETE, "hello"),
        (b"GET /page HTTP/1.0\r\n\r\n", Method::GET, "hello"),
    ];
    for (request, method, body) in requests {
        let io = Script::new(request);
        let pending = receive(&io);
        assert!(!pending.is_websocket());
        assert_eq!((pending.method(), pending.path()), (&method, "/page"));
        io.arrive_bytes(*b"de");
        io.arrive(Read::End);
        // What would contradict the length that is added is left out.
        let response = Response::builder()
            .header("content-type", "text/plain")
            .header("content-length", "7")
            .header("transfer-encoding", "chunked");
        finish(pending.respond(response.body("hello").expect("a response"))).expect("answered");
        let headers = ["connection: close", "content-length: 5", "content-type: text/plain"];
        let expected = ("HTTP/1.1 200 OK".into(), headers.map(String::from).to_vec(), body.into());
        assert_eq!(parsed(&io.written()), expected, "{method}");
    }
}

#[test]
fn a_body_may_be_anything_that_bytes_are_made_of() {
    let large = "x".repeat(300_000);
    let answers = [
        Response::new(Bytes::from_static(b"hello")),
        Response::new("hello".into()),
        Response::new(vec![b'h'].into()),
        Response::new(large.clone().into()),
    ];
    for answer in answers {
        let io = Script::new(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        io.arrive(Read::End);
        let body = answer.body().clone();
        finish(receive(&io).respond(answer)).expect("answered");
        let (_, headers, sent) = parsed(&io.written());
        assert!(headers.contains(&format!("content-length: {}", body.len())));
        assert!(sent.as_bytes() == body);
    }
}

/// "A server MUST NOT send a Content-Length header field in any response with a status code of ... 204".
#[test]
fn no_content_has_neither_body_nor_length() {
    for status in [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED] {
        let io = Script::new(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        io.arrive(Read::End);
        let mut answer = Response::new("hello");
        *answer.status_mut() = status;
        finish(receive(&io).respond(answer)).expect("answered");
        let (_, headers, body) = parsed(&io.written());
        assert_eq!((headers, body), (vec!["connection: close".into()], String::new()), "{status}");
    }
}

/// A WebSocket request may be answered with a page too, as one that says why not.
#[test]
fn a_websocket_request_may_be_answered_with_a_page() {
    let io = Script::new(REQUEST);
    let pending = receive(&io);
    io.arrive(Read::End);
    let answer = Response::builder().status(401).header("www-authenticate", "Basic");
    finish(pending.respond(answer.body("who are you?").expect("a response"))).expect("answered");
    let (line, headers, body) = parsed(&io.written());
    assert_eq!((line.as_str(), body.as_str()), ("HTTP/1.1 401 Unauthorized", "who are you?"));
    assert!(headers.contains(&"www-authenticate: basic".into()));
}

/// What fails while the answer is written is told; what fails behind it is no matter, unless it is odd.
#[test]
fn a_transport_that_fails_under_an_answer() {
    for (op, fault) in
        [(Op::Write, Fault::Error), (Op::Write, Fault::End), (Op::Flush, Fault::Error)]
    {
        let io = Script::new(REQUEST).fail(op, 0, fault);
        let rejected = finish(receive(&io).reject(StatusCode::FORBIDDEN));
        assert!(matches!(rejected, Err(Error::Io(_))), "{op:?}, {rejected:?}");
        assert!(io.is_dropped());
    }
    for (op, n) in [(Op::Read, 1), (Op::Shutdown, 0)] {
        let io = Script::new(REQUEST).fail(op, n, Fault::Error);
        let pending = receive(&io);
        io.arrive(Read::End);
        // The client hung up when it had read enough.
        assert!(finish(pending.reject(StatusCode::FORBIDDEN)).is_ok(), "{op:?}");
    }
}

/// A client that hangs up late is waited for, up to 1 MiB of what it still sends.
#[test]
fn the_drain_behind_an_answer_has_an_end() {
    let io = Script::new(REQUEST);
    let mut rejected = Box::pin(receive(&io).reject(StatusCode::FORBIDDEN));
    for _ in 0..15 {
        assert!(run(rejected.as_mut()).is_pending());
        io.arrive_bytes(vec![0; 1 << 16]);
    }
    assert!(run(rejected.as_mut()).is_pending(), "less than a mebibyte so far");
    io.arrive_bytes(vec![0; 1 << 17]);
    finish(rejected.as_mut()).expect("answered");
}

// ---- dawdling ----

fn pipe(room: usize) -> (DuplexStream, DuplexStream) {
    tokio::io::duplex(room)
}

#[track_caller]
fn assert_timed_out<T>(result: Result<T, Error>) {
    match result.map(drop) {
        Err(Error::Handshake(error)) => {
            assert!(
                matches!(*error, HandshakeError::TimedOut) && error.is_disconnect(),
                "{error:?}"
            );
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_has_ten_seconds_however_it_trickles() {
    for pause in [100 * SECOND, SECOND, SECOND / 4] {
        let (near, mut far) = pipe(1 << 16);
        let client = tokio::spawn(async move {
            for byte in REQUEST {
                if far.write_all(&[*byte]).await.is_err() {
                    break;
                }
                sleep(pause).await;
            }
            far
        });
        let start = Instant::now();
        assert_timed_out(Server::new().receive(near).await);
        assert_eq!(start.elapsed(), 10 * SECOND, "a byte every {pause:?}");
        client.await.expect("the client");
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_is_the_configurations_and_may_be_off() {
    let config = Config::new().with_handshake_timeout(Some(3 * SECOND));
    let (near, _far) = pipe(64);
    let start = Instant::now();
    assert_timed_out(Server::new().config(config).receive(near).await);
    assert_eq!(start.elapsed(), 3 * SECOND);

    let config = Config::new().with_handshake_timeout(None);
    let (near, _far) = pipe(64);
    let server = Server::new().config(config);
    assert!(timeout(1_000_000 * SECOND, server.receive(near)).await.is_err());
}

/// The caller's thinking doesn't count; writing the answer has a time of its own.
#[tokio::test(start_paused = true)]
async fn an_answer_has_ten_seconds_from_when_it_is_given() {
    let (near, mut far) = pipe(16);
    let client = tokio::spawn(async move {
        far.write_all(REQUEST).await.expect("open");
        far
    });
    let pending = Server::new().receive(near).await.expect("a request");
    sleep(1000 * SECOND).await;
    let start = Instant::now();
    assert_timed_out(pending.accept().await);
    assert_eq!(start.elapsed(), 10 * SECOND);
    client.await.expect("the client");

    let (near, mut far) = pipe(1 << 16);
    far.write_all(REQUEST).await.expect("open");
    let pending = Server::new().receive(near).await.expect("a request");
    sleep(1000 * SECOND).await;
    pending.accept().await.expect("open");
}

/// A client that keeps the connection after its answer is left after `close_timeout`, and that is no error.
#[tokio::test(start_paused = true)]
async fn whoever_does_not_hang_up_is_left_after_the_close_timeout() {
    let (near, mut far) = pipe(1 << 16);
    far.write_all(REQUEST).await.expect("open");
    let pending = Server::new().receive(near).await.expect("a request");
    let start = Instant::now();
    assert_eq!(failure(pending.reject(StatusCode::FORBIDDEN).await), Ok(()));
    assert_eq!(start.elapsed(), 5 * SECOND);
    let response = io::rest_of(&mut far).await;
    assert!(response.ends_with(b"\r\n\r\n"));
}
