//! What a server sees of a request, and accepting it (RFC 6455 section 4.2).

#[path = "support/io.rs"]
mod io;

use bowline::{
    Client, Config, EndOfStream, Error, HandshakeError, Message, Pending, Role, Server, UsageError,
    server,
};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use io::{
    Fault, Op, Pace, Read, Script, drain, failure, finish, from_peer, item, run, untimed, wire,
};

/// A request that keeps every rule, and more headers than it needs.
const REQUEST: &[u8] = b"GET /chat/room%201?name=J%C3%B6rg&x HTTP/1.1\r\n\
    Host: server.example.com:8080\r\n\
    Upgrade: WebSocket\r\n\
    Connection: keep-alive, Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Origin: http://example.com\r\n\
    Cookie: id=7; theme=dark\r\n\
    Cookie: empty=; a=b=c\r\n\
    Sec-WebSocket-Protocol: chat.v2, chat.v1\r\n\
    Sec-WebSocket-Protocol: superchat\r\n\
    X-Trace: 1\r\n\
    X-Trace: 2\r\n\r\n";

const ACCEPTED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

fn receive(io: &Script) -> Pending<Script> {
    let server = Server::new().config(untimed());
    finish(server.receive(io.clone())).expect("a request")
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).expect("text")
}

#[test]
fn section_4_2_1_a_request_shows_all_that_it_has() {
    for pace in [Pace::Swift, Pace::Halting] {
        let pending = receive(&Script::new(REQUEST).pace(pace));
        assert!(pending.is_websocket());
        assert_eq!(pending.method(), Method::GET);
        assert_eq!(pending.path(), "/chat/room%201");
        assert_eq!(pending.query(), Some("name=J%C3%B6rg&x"));
        assert_eq!(pending.origin(), Some("http://example.com"));
        let cookies: Vec<_> = pending.cookies().collect();
        assert_eq!(cookies, [("id", "7"), ("theme", "dark"), ("empty", ""), ("a", "b=c")]);
        let protocols: Vec<_> = pending.requested_protocols().collect();
        assert_eq!(protocols, ["chat.v2", "chat.v1", "superchat"], "in the client's order");
        let headers = pending.headers();
        assert_eq!(headers["host"], "server.example.com:8080");
        assert!(headers.get_all("x-trace").iter().eq(["1", "2"]));
        assert_eq!(pending.request().uri(), "/chat/room%201?name=J%C3%B6rg&x");
        assert!(pending.get_ref().written().is_empty(), "nothing is answered yet");
    }
}

#[test]
fn what_a_request_lacks_is_none() {
    let request = b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let pending = receive(&Script::new(request));
    assert_eq!((pending.path(), pending.query(), pending.origin()), ("/", None, None));
    assert_eq!(pending.cookies().count() + pending.requested_protocols().count(), 0);
    let io = Script::new(b"GET /page?q HTTP/1.1\r\nHost: h\r\n\r\n");
    let pending = receive(&io);
    assert!(!pending.is_websocket());
    assert_eq!((pending.path(), pending.query()), ("/page", Some("q")));
    assert_eq!(pending.requested_protocols().count(), 0);
}

#[test]
fn section_4_2_2_accepting_answers_101_with_what_was_chosen() {
    let io = Script::new(REQUEST);
    let pending = receive(&io).subprotocol("chat.v1").header("X-Room", "7");
    let pending =
        pending.header(HeaderName::from_static("set-cookie"), HeaderValue::from_static("a=b"));
    let ws = finish(pending.accept()).expect("open");
    let head = format!(
        "{ACCEPTED}Sec-WebSocket-Protocol: chat.v1\r\nx-room: 7\r\nset-cookie: a=b\r\n\r\n"
    );
    assert_eq!(text(&io.written()), head);
    assert_eq!((ws.role(), ws.subprotocol()), (Role::Server, Some("chat.v1")));
    assert!(ws.extensions().is_empty());
    assert_eq!(io.record().flushes, 1);
}

#[test]
fn accepting_without_a_choice_names_no_subprotocol() {
    let io = Script::new(REQUEST);
    let ws = finish(receive(&io).accept()).expect("open");
    assert_eq!(text(&io.written()), format!("{ACCEPTED}\r\n"));
    assert_eq!(ws.subprotocol(), None);
}

/// What a caller asks for and the protocol doesn't allow: the client gets 500, the caller the reason.
#[test]
fn section_4_2_2_an_impossible_acceptance_is_answered_with_500() {
    type Change = fn(Pending<Script>) -> Pending<Script>;
    let table: [(Change, UsageError); 8] = [
        (|pending| pending.subprotocol("chat.v3"), UsageError::SubprotocolNotOffered),
        (|pending| pending.subprotocol("CHAT.V1"), UsageError::SubprotocolNotOffered),
        (|pending| pending.subprotocol(""), UsageError::SubprotocolNotOffered),
        (|pending| pending.header("bad name", "x"), UsageError::InvalidHeader),
        (|pending| pending.header("x-bad", "a\r\nb: c"), UsageError::InvalidHeader),
        (|pending| pending.header("Upgrade", "h2c"), UsageError::ReservedHeader),
        (|pending| pending.header("Sec-WebSocket-Protocol", "chat.v1"), UsageError::ReservedHeader),
        (
            |pending| pending.header("Sec-WebSocket-Extensions", "permessage-deflate"),
            UsageError::ReservedHeader,
        ),
    ];
    for (change, expected) in table {
        let io = Script::new(REQUEST);
        io.arrive(Read::End);
        let error = finish(change(receive(&io)).accept()).map(drop).expect_err("impossible");
        assert!(
            matches!(error, Error::Usage(error) if error == expected),
            "{error:?}, {expected:?}"
        );
        let written = io.written();
        assert!(text(&written).starts_with("HTTP/1.1 500 "), "{:?}", text(&written));
        assert!(
            text(&written).contains("Connection: close\r\n") && !text(&written).contains("101")
        );
        assert!(io.is_dropped());
    }
}

#[test]
fn accepting_what_is_no_websocket_answers_426() {
    let io = Script::new(b"GET /page HTTP/1.1\r\nHost: h\r\n\r\n");
    io.arrive(Read::End);
    let error = finish(receive(&io).accept()).map(drop).expect_err("no WebSocket");
    let Error::Handshake(error) = error else { panic!("{error:?}") };
    assert!(matches!(*error, HandshakeError::NotWebSocket));
    let written = io.written();
    let head = text(&written).to_lowercase();
    assert!(head.starts_with("http/1.1 426 "), "{head}");
    assert!(
        head.contains("\r\nupgrade: websocket\r\n") && head.contains("sec-websocket-version: 13")
    );
    assert!(head.contains("connection: upgrade, close\r\n"), "{head}");
}

/// A client may send frames behind its request without waiting: they are kept for the WebSocket.
#[test]
fn section_4_2_2_frames_behind_the_request_are_delivered() {
    let frames = from_peer(Role::Server, b"\x81\x02ab\x89\x01?\x01\x01c");
    for (pace, cut) in [(Pace::Swift, 0), (Pace::Halting, 0), (Pace::Swift, 3), (Pace::Swift, 9)] {
        let io = Script::new([REQUEST, &frames[..frames.len() - cut]].concat()).pace(pace);
        let mut ws = finish(receive(&io).accept()).expect("open");
        io.arrive_bytes(
            [&frames[frames.len() - cut..], &from_peer(Role::Server, b"\x80\x01d")].concat(),
        );
        let received: Vec<_> = drain(&mut ws).into_iter().flatten().collect();
        let expected = [Message::text("ab"), Message::ping("?"), Message::text("cd")];
        assert_eq!(received, expected.map(Ok), "{pace:?}, {cut}");
        assert!(io.written().ends_with(&wire(Role::Server, b"\x8a\x01?")));
    }
}

#[test]
fn accept_takes_any_path_in_one_step() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime").block_on(async {
        let io = Script::new([REQUEST, &from_peer(Role::Server, b"\x81\x01a")].concat());
        let mut ws = server::accept(io.clone()).await.expect("open");
        assert_eq!(ws.next().await.map(item), Some(Ok(Message::text("a"))));
        assert_eq!(ws.subprotocol(), None);
    });
}

#[test]
fn one_server_serves_many_connections() {
    let server = Server::new().config(untimed());
    for server in [server.clone(), server] {
        for _ in 0..2 {
            let io = Script::new(REQUEST);
            assert!(finish(server.receive(io)).is_ok());
        }
    }
}

/// A client that goes away is told nothing, and is no breach.
#[test]
fn the_end_of_the_stream_in_a_request_is_a_disconnect() {
    let table: [(&[u8], EndOfStream); 4] = [
        (b"", EndOfStream::BeforeHead),
        (b"G", EndOfStream::InsideHead),
        (&REQUEST[..100], EndOfStream::InsideHead),
        (&REQUEST[..REQUEST.len() - 1], EndOfStream::InsideHead),
    ];
    for (bytes, place) in table {
        let io = Script::new(bytes);
        io.arrive(Read::End);
        let error =
            finish(Server::new().config(untimed()).receive(io.clone())).expect_err("an end");
        assert!(error.is_disconnect());
        let Error::Handshake(error) = error else { panic!("{error:?}") };
        assert!(matches!(*error, HandshakeError::EndOfStream(seen) if seen == place), "{error:?}");
        assert_eq!(io.written(), b"");
        assert!(io.is_dropped());
    }
}

/// Each read, write and flush of an acceptance fails once, and so it does.
#[test]
fn a_transport_that_fails_fails_the_handshake() {
    for (op, fault) in [(Op::Read, Fault::Error), (Op::Read, Fault::End), (Op::Write, Fault::Error)]
        .into_iter()
        .chain([(Op::Write, Fault::End), (Op::Flush, Fault::Error)])
    {
        for n in 0.. {
            let io = Script::new(REQUEST).pace(Pace::Halting).fail(op, n, fault);
            let server = Server::new().config(untimed());
            let accepted = run(async { server.receive(io.clone()).await?.accept().await });
            let std::task::Poll::Ready(accepted) = accepted else { panic!("asleep: {op:?} {n}") };
            let Err(error) = accepted else {
                assert_eq!(io.record().done[op as usize], n, "only an undisturbed one succeeds");
                break;
            };
            assert!(
                error.is_disconnect()
                    || failure(Err::<(), _>(error)).is_err_and(|e| e.contains("WriteZero"))
            );
            assert!(io.is_dropped(), "{op:?} {n}");
        }
    }
}

/// Both ends of this crate, over a pipe of a few bytes.
#[tokio::test(start_paused = true)]
async fn server_and_client_agree() {
    let (near, far) = tokio::io::duplex(7);
    let client =
        Client::new("ws://h/chat?q=1").expect("a URI").subprotocols(["a", "b"]).header("x", "y");
    let accept = async {
        let pending = Server::new().config(Config::new()).receive(near).await?;
        assert_eq!((pending.path(), pending.query()), ("/chat", Some("q=1")));
        assert_eq!(pending.headers()["x"], "y");
        assert!(pending.requested_protocols().eq(["a", "b"]));
        pending.subprotocol("b").header("z", "1").accept().await
    };
    let (accepted, connected) = tokio::join!(accept, client.handshake(far));
    let (ours, (theirs, response)) = (accepted.expect("open"), connected.expect("open"));
    assert_eq!((ours.subprotocol(), theirs.subprotocol()), (Some("b"), Some("b")));
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(response.headers()["z"], "1");
}
