//! The way through a SOCKS5 proxy (RFC 1928, RFC 1929), against proxies of the test's own.

#[path = "support/authority.rs"]
mod authority;
#[path = "support/sites.rs"]
mod sites;

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use authority::Authority;
use bowline::{Client, ConnectError, Error, Message, client::Proxy};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};

/// Far beyond what anything here takes that need not wait for it.
const AMPLE: Duration = Duration::from_secs(20);

/// For those that wait in vain.
const SHORT: Duration = Duration::from_millis(500);

/// What the client is to say, and what it is told then.
type Step = (Vec<u8>, Vec<u8>);

/// The same as literals.
type Bytes<'a> = (&'a [u8], &'a [u8]);

/// What becomes of the connection when all has been said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Echo,
    HangUp,
    Hang,
}

const NO_METHOD: Bytes<'static> = (b"\x05\x01\x00", b"\x05\x00");
const WITH_PASSWORD: Bytes<'static> = (b"\x05\x01\x02", b"\x05\x02");
const TO_EXAMPLE: &[u8] = b"\x05\x01\x00\x03\x0bexample.com\x00\x50";
const GRANTED: &[u8] = b"\x05\x00\x00\x01\0\0\0\0\0\0";

fn steps(steps: &[Bytes<'_>]) -> Vec<Step> {
    steps.iter().map(|(expected, said)| (expected.to_vec(), said.to_vec())).collect()
}

/// A proxy for one connection, which follows the script to the byte.
async fn socks(script: Vec<Step>, then: Then) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let task = tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.expect("a connection");
        for (expected, said) in script {
            let mut heard = vec![0; expected.len()];
            tcp.read_exact(&mut heard).await.expect("what is expected");
            assert_eq!(heard.escape_ascii().to_string(), expected.escape_ascii().to_string());
            let early = timeout(SHORT / 50, tcp.read_u8()).await;
            assert!(early.is_err(), "more than that: {early:?}");
            tcp.write_all(&said).await.expect("open");
        }
        finish(tcp, then).await;
    });
    (address, task)
}

async fn finish(mut tcp: TcpStream, then: Then) {
    match then {
        Then::Echo => {
            let head = sites::read_head(&mut tcp).await.expect("a request");
            sites::echo(&head, tcp).await.expect("no error");
        }
        Then::HangUp => {}
        Then::Hang => drop(tcp.read_to_end(&mut Vec::new()).await),
    }
}

fn through(uri: &str, proxy: String) -> Client {
    let proxy = Proxy::new(proxy).expect("a proxy");
    Client::new(uri).expect("a URI").proxy(proxy).connect_timeout(Some(AMPLE))
}

async fn talk(client: Client) {
    let (mut ws, _) = client.connect().await.expect("connected");
    ws.send("hello").await.expect("open");
    let echo = ws.next().await.expect("a message").expect("no error");
    assert_eq!(echo, Message::text("hello"));
    ws.close(1000, "").await.expect("closed");
}

async fn connect_error(client: Client) -> ConnectError {
    match client.connect().await.map(drop) {
        Err(Error::Connect(error)) => *error,
        other => panic!("{other:?}"),
    }
}

// ---- byte for byte ----

#[tokio::test]
async fn section_3_and_1929_2_credentials_are_sent_when_there_are_some() {
    let user: &[u8] = b"\x01\x04user\x06secret";
    let odd: &[u8] = b"\x01\x03\xc3\xbc:\x02@/";
    let table: [(&str, Vec<Bytes<'_>>); 5] = [
        ("", vec![NO_METHOD]),
        ("user:secret@", vec![WITH_PASSWORD, (user, b"\x01\x00")]),
        ("user@", vec![WITH_PASSWORD, (b"\x01\x04user\x00", b"\x01\x00")]),
        ("%C3%BC%3A:%40%2F@", vec![WITH_PASSWORD, (odd, b"\x01\x00")]),
        (":secret@", vec![WITH_PASSWORD, (b"\x01\x00\x06secret", b"\x01\x00")]),
    ];
    for (user_info, mut script) in table {
        script.push((TO_EXAMPLE, GRANTED));
        let (address, served) = socks(steps(&script), Then::Echo).await;
        talk(through("ws://example.com/", format!("socks5h://{user_info}{address}"))).await;
        served.await.expect("to the byte");
    }
}

#[tokio::test]
async fn section_4_names_and_addresses_are_requested_as_what_they_are() {
    let v6 = b"\x05\x01\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\x23\x29";
    let v4 = b"\x05\x01\x00\x01\xc0\x00\x02\x07\x00\x50";
    let found_v4 = ([192, 0, 2, 7], 80);
    let found_v6 = ("2001:db8::7".parse::<std::net::Ipv6Addr>().expect("an address"), 9001);
    let table: [(&str, &str, SocketAddr, &[u8]); 7] = [
        ("ws://example.com/", "socks5h", found_v4.into(), TO_EXAMPLE),
        ("ws://example.com/", "socks5", found_v4.into(), v4),
        ("ws://example.com:9001/", "socks5", found_v6.into(), v6),
        ("ws://192.0.2.7/", "socks5h", found_v6.into(), v4),
        ("ws://192.0.2.7/", "socks5", found_v6.into(), v4),
        ("ws://[2001:db8::7]:9001/", "socks5h", found_v4.into(), v6),
        ("ws://[2001:db8::7]:9001/", "socks5", found_v4.into(), v6),
    ];
    for (uri, scheme, found, request) in table {
        let (address, served) = socks(steps(&[NO_METHOD, (request, GRANTED)]), Then::Echo).await;
        let client = through(uri, format!("{scheme}://{address}"));
        let client = client.resolver(move |host, _| async move {
            // This side alone, where there is a name to resolve, and the first address alone.
            assert_eq!((&*host, scheme), ("example.com", "socks5"));
            Ok(vec![found, ([192, 0, 2, 99], 1).into()])
        });
        talk(client).await;
        served.await.expect("to the byte");
    }
}

#[tokio::test]
async fn section_6_a_bound_address_of_any_kind_means_nothing() {
    let answers: [&[u8]; 3] = [
        GRANTED,
        b"\x05\x00\x00\x03\x09somewhere\x12\x34",
        b"\x05\x00\x00\x04\0\x01\x02\x03\0\x01\x02\x03\0\x01\x02\x03\0\x01\x02\x03\x12\x34",
    ];
    for answer in answers {
        let (address, served) = socks(steps(&[NO_METHOD, (TO_EXAMPLE, answer)]), Then::Echo).await;
        talk(through("ws://example.com/", format!("socks5h://{address}"))).await;
        served.await.expect("to the byte");
    }
}

#[tokio::test]
async fn wss_goes_through_a_tunnel() {
    let authority = Authority::new("tests");
    let acceptor = authority.acceptor("example.com");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let served = tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.expect("a connection");
        let mut heard = [0; 3];
        tcp.read_exact(&mut heard).await.expect("a greeting");
        tcp.write_all(b"\x05\x00").await.expect("open");
        let mut heard = [0; TO_EXAMPLE.len()];
        tcp.read_exact(&mut heard).await.expect("a request");
        assert_eq!(heard[heard.len() - 2..], 443_u16.to_be_bytes());
        tcp.write_all(GRANTED).await.expect("open");
        let mut tls = acceptor.accept(tcp).await.expect("TLS");
        let head = sites::read_head(&mut tls).await.expect("a request");
        let _ = sites::echo(&head, tls).await;
    });
    let client = through("wss://example.com/", format!("socks5h://{address}"));
    talk(client.tls(authority.trusting())).await;
    served.await.expect("no error");
}

/// They are no part of the proxy's answer, and not lost: here they are no HTTP.
#[tokio::test]
async fn bytes_behind_the_answer_are_the_destinations() {
    let answer = [GRANTED, b"220 smtp.example\r\n\r\n"].concat();
    let script = steps(&[NO_METHOD, (TO_EXAMPLE, &answer)]);
    let (address, _served) = socks(script, Then::Hang).await;
    let client = through("ws://example.com/", format!("socks5h://{address}"));
    let error = client.connect().await.map(drop).expect_err("no WebSocket");
    assert_eq!(format!("{error:?}"), "Handshake(MalformedHead)");
}

// ---- refusals ----

/// What is said of this answer.
async fn refused(user_info: &str, script: &[Bytes<'_>]) -> String {
    let (address, served) = socks(steps(script), Then::Hang).await;
    let proxy = format!("socks5h://{user_info}{address}");
    let error = connect_error(through("ws://example.com/", proxy)).await;
    assert!(matches!(error, ConnectError::Socks(_)), "{error:?}");
    let shown = error.to_string();
    assert!(!format!("{error:?}{shown}").contains("secret"), "{error:?}");
    assert!(!Error::from(error).is_disconnect());
    served.await.expect("to the byte");
    shown
}

#[tokio::test]
async fn section_6_each_refusal_says_why() {
    let table = [
        (1, "general server failure"),
        (2, "connection not allowed"),
        (3, "network unreachable"),
        (4, "host unreachable"),
        (5, "connection refused"),
        (6, "ttl expired"),
        (7, "command not supported"),
        (8, "address type not supported"),
        (9, "the answer is not SOCKS5"),
        (255, "the answer is not SOCKS5"),
    ];
    for (code, expected) in table {
        let answer = [5, code, 0, 1, 0, 0, 0, 0, 0, 0];
        let shown = refused("", &[NO_METHOD, (TO_EXAMPLE, &answer)]).await;
        assert_eq!(shown, format!("the proxy: {expected}"), "{code}");
    }
}

#[tokio::test]
async fn section_3_and_1929_2_refused_credentials_say_so() {
    let (user, user_info): (&[u8], _) = (b"\x01\x04user\x06secret", "user:secret@");
    let wanted = "the proxy: user and password are wanted, none were given";
    let unknown = "the proxy: user and password were given, none are taken";
    let garbage = "the proxy: the answer is not SOCKS5";
    type Row<'a> = (&'a str, Vec<Bytes<'a>>, &'a str);
    let table: [Row<'_>; 10] = [
        ("", vec![(b"\x05\x01\x00", b"\x05\xff")], wanted),
        ("", vec![(b"\x05\x01\x00", b"\x05\x02")], wanted),
        (user_info, vec![(b"\x05\x01\x02", b"\x05\xff")], unknown),
        (user_info, vec![(b"\x05\x01\x02", b"\x05\x00")], unknown),
        (
            user_info,
            vec![WITH_PASSWORD, (user, b"\x01\x01")],
            "the proxy: credentials not accepted",
        ),
        (user_info, vec![WITH_PASSWORD, (user, b"\x05\x00")], garbage),
        ("", vec![(b"\x05\x01\x00", b"HTTP/1.1 400 Bad Request\r\n\r\n")], garbage),
        ("", vec![(b"\x05\x01\x00", b"\x04\x00")], garbage),
        ("", vec![(b"\x05\x01\x00", b"\x05\x01")], garbage),
        ("", vec![NO_METHOD, (TO_EXAMPLE, b"\x05\x00\x00\x09\0\0\0\0\0\0")], garbage),
    ];
    for (user_info, script, expected) in table {
        assert_eq!(refused(user_info, &script).await, expected);
    }
}

#[tokio::test]
async fn what_is_too_long_for_the_protocol_is_refused() {
    let (address, served) = socks(steps(&[WITH_PASSWORD]), Then::Hang).await;
    let proxy = format!("socks5h://user:{}@{address}", "x".repeat(300));
    let error = connect_error(through("ws://example.com/", proxy)).await;
    let expected = "the proxy: user, password and host together are too long for SOCKS5";
    assert_eq!(error.to_string(), expected);
    served.await.expect("to the byte");
}

#[tokio::test]
async fn a_name_that_has_no_address_on_this_side_is_named() {
    let (address, _served) = socks(Vec::new(), Then::Hang).await;
    let client = through("ws://example.com/", format!("socks5://{address}"));
    let client = client.resolver(|_, _| async { Ok(Vec::new()) });
    let error = connect_error(client).await;
    assert_eq!(error.to_string(), "no address for example.com: the name has none");
}

#[tokio::test]
async fn hanging_and_hanging_up_end_in_each_state() {
    let user: &[u8] = b"\x01\x04user\x06secret";
    let stages: [&[Bytes<'_>]; 6] = [
        &[(b"\x05\x01\x02", b"")],
        &[(b"\x05\x01\x02", b"\x05")],
        &[WITH_PASSWORD, (user, b"")],
        &[WITH_PASSWORD, (user, b"\x01")],
        &[WITH_PASSWORD, (user, b"\x01\x00"), (TO_EXAMPLE, b"")],
        &[WITH_PASSWORD, (user, b"\x01\x00"), (TO_EXAMPLE, &GRANTED[..9])],
    ];
    for (stage, then) in
        stages.into_iter().flat_map(|stage| [(stage, Then::HangUp), (stage, Then::Hang)])
    {
        let (address, served) = socks(steps(stage), then).await;
        let start = Instant::now();
        let proxy = format!("socks5h://user:secret@{address}");
        let limit = if then == Then::Hang { SHORT } else { AMPLE };
        let client = through("ws://example.com/", proxy).connect_timeout(Some(limit));
        let error = connect_error(client).await;
        assert!(start.elapsed() < AMPLE);
        match (then, &error) {
            (Then::Hang, ConnectError::TimedOut(SHORT)) => {}
            (Then::HangUp, ConnectError::Socks(inner)) => {
                let inner = inner.downcast_ref::<io::Error>().expect("an I/O error");
                assert_eq!(inner.kind(), io::ErrorKind::UnexpectedEof);
                assert_eq!(
                    error.to_string(),
                    "the proxy: end of stream inside the SOCKS handshake"
                );
            }
            other => panic!("{other:?}"),
        }
        assert!(Error::from(error).is_disconnect());
        served.await.expect("to the byte");
    }
}
