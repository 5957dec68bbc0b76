//! What a SOCKS5 proxy that refuses, breaks off or speaks something else makes of a client (RFC 1928, RFC 1929).

#[path = "support/sites.rs"]
mod sites;
#[path = "support/socks.rs"]
mod socks;

use std::time::Instant;

use bowline::{ConnectError, Error, HandshakeError, SocksError, SocksReply};
use socks::{
    AMPLE, Bytes, GRANTED, METHODS, NO_METHOD, SHORT, TO_EXAMPLE, Then, USER, WITH_PASSWORD,
    connect_error, socks, steps, through,
};
use tokio::{io::AsyncReadExt, net::TcpListener};

/// As behind an HTTP proxy's answer: a server of WebSockets speaks only when it is spoken to.
#[tokio::test]
async fn bytes_behind_the_answer_are_an_error() {
    let answer = [GRANTED, b"220 smtp.example\r\n\r\n"].concat();
    let script = steps(&[NO_METHOD, (TO_EXAMPLE, &answer)]);
    let (address, served) = socks(script, Then::Silence).await;
    let error = connect_error(through("ws://example.com/", format!("socks5h://{address}"))).await;
    let ConnectError::ProxyAnswer(inner) = &error else { panic!("{error:?}") };
    assert!(matches!(**inner, HandshakeError::UnexpectedResponse), "{error:?}");
    assert!(!error.is_transient());
    assert!(!Error::from(error).is_disconnect());
    served.await.expect("nothing more");
}

/// What is said of this answer, and in which words.
async fn refused(user_info: &str, script: &[Bytes<'_>]) -> (SocksError, String) {
    let (address, served) = socks(steps(script), Then::Silence).await;
    let proxy = format!("socks5h://{user_info}{address}");
    let error = connect_error(through("ws://example.com/", proxy)).await;
    let ConnectError::Socks(inner) = error else { panic!("{error:?}") };
    let shown = error.to_string();
    assert!(!format!("{error:?}{shown}").contains("secret"), "{error:?}");
    assert_eq!(error.is_transient(), inner.is_transient());
    assert!(!Error::from(error).is_disconnect());
    served.await.expect("to the byte");
    (inner, shown)
}

#[tokio::test]
async fn section_6_each_refusal_says_why() {
    let table = [
        (SocksReply::GENERAL_FAILURE, 1, "general server failure", true),
        (SocksReply::NOT_ALLOWED, 2, "connection not allowed", false),
        (SocksReply::NETWORK_UNREACHABLE, 3, "network unreachable", true),
        (SocksReply::HOST_UNREACHABLE, 4, "host unreachable", true),
        (SocksReply::CONNECTION_REFUSED, 5, "connection refused", true),
        (SocksReply::TTL_EXPIRED, 6, "ttl expired", true),
        (SocksReply::COMMAND_NOT_SUPPORTED, 7, "command not supported", false),
        (SocksReply::ADDRESS_TYPE_NOT_SUPPORTED, 8, "address type not supported", false),
        (SocksReply::new(9), 9, "refused with reply 9", false),
        (SocksReply::new(255), 255, "refused with reply 255", false),
    ];
    for (reply, code, expected, is_transient) in table {
        assert_eq!(reply, code);
        // All of it, and no more than says so.
        let answer = [5, code, 0, 1, 0, 0, 0, 0, 0, 0];
        for answer in [&answer[..], &answer[..2]] {
            let (error, shown) = refused("", &[NO_METHOD, (TO_EXAMPLE, answer)]).await;
            assert_eq!(error, SocksError::Refused(reply));
            assert_eq!(shown, format!("the proxy: {expected}"));
            assert_eq!(error.is_transient(), is_transient, "{shown}");
        }
    }
}

#[tokio::test]
async fn section_3_and_1929_2_refused_credentials_say_so() {
    use SocksError::{CredentialsNotTaken, CredentialsRefused, CredentialsWanted};
    let wanted = "user and password are wanted, none were given";
    let not_taken = "user and password were given, another method is wanted";
    let refusal = "credentials not accepted";
    let user_info = "user:secret@";
    type Row<'a> = (&'a str, Vec<Bytes<'a>>, SocksError, &'a str);
    let table: [Row<'_>; 5] = [
        ("", vec![(NO_METHOD.0, b"\x05\xff")], CredentialsWanted, wanted),
        ("", vec![(NO_METHOD.0, b"\x05\x02")], CredentialsWanted, wanted),
        (user_info, vec![(METHODS, b"\x05\xff")], CredentialsNotTaken, not_taken),
        (user_info, vec![WITH_PASSWORD, (USER, b"\x01\x01")], CredentialsRefused, refusal),
        (user_info, vec![WITH_PASSWORD, (USER, b"\x01\xff")], CredentialsRefused, refusal),
    ];
    for (user_info, script, expected, words) in table {
        let (error, shown) = refused(user_info, &script).await;
        assert_eq!((error, &*shown), (expected, &*format!("the proxy: {words}")));
        assert!(!error.is_transient());
    }
}

#[tokio::test]
async fn answers_that_are_not_socks_5_are_named() {
    use SocksError::{AddressType, NotSocks5, UnofferedMethod};
    let html: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\r\n";
    let http = "the answer is not SOCKS5, it begins with 0x48";
    let four = "the answer is not SOCKS5, it begins with 0x04";
    let five = "the answer is not SOCKS5, it begins with 0x05";
    let one = "method 1 chosen, it was not offered";
    let nine = "address type 9 in the answer, 1, 3 or 4 expected";
    let user_info = "user:secret@";
    let ninth: &[u8] = b"\x05\x00\x00\x09\0\0\0\0\0\0";
    type Row<'a> = (&'a str, Vec<Bytes<'a>>, SocksError, &'a str);
    let table: [Row<'_>; 10] = [
        ("", vec![(NO_METHOD.0, html)], NotSocks5(b'H'), http),
        ("", vec![(NO_METHOD.0, b"\x04\x00")], NotSocks5(4), four),
        ("", vec![(NO_METHOD.0, b"\x04")], NotSocks5(4), four),
        ("", vec![(NO_METHOD.0, b"\x05\x01")], UnofferedMethod(1), one),
        (user_info, vec![(METHODS, b"\x05\x01")], UnofferedMethod(1), one),
        (user_info, vec![WITH_PASSWORD, (USER, b"\x05\x00")], NotSocks5(5), five),
        (user_info, vec![WITH_PASSWORD, (USER, html)], NotSocks5(b'H'), http),
        ("", vec![NO_METHOD, (TO_EXAMPLE, html)], NotSocks5(b'H'), http),
        ("", vec![NO_METHOD, (TO_EXAMPLE, b"\x04\x00")], NotSocks5(4), four),
        ("", vec![NO_METHOD, (TO_EXAMPLE, ninth)], AddressType(9), nine),
    ];
    for (user_info, script, expected, words) in table {
        let (error, shown) = refused(user_info, &script).await;
        assert_eq!((error, &*shown), (expected, &*format!("the proxy: {words}")));
        assert!(!error.is_transient());
    }
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
    let stages: [&[Bytes<'_>]; 6] = [
        &[(METHODS, b"")],
        &[(METHODS, b"\x05")],
        &[WITH_PASSWORD, (USER, b"")],
        &[WITH_PASSWORD, (USER, b"\x01")],
        &[WITH_PASSWORD, (USER, b"\x01\x00"), (TO_EXAMPLE, b"")],
        &[WITH_PASSWORD, (USER, b"\x01\x00"), (TO_EXAMPLE, &GRANTED[..9])],
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
            (Then::HangUp, ConnectError::Socks(SocksError::EndOfStream)) => {
                assert_eq!(
                    error.to_string(),
                    "the proxy: end of stream inside the SOCKS handshake"
                );
            }
            other => panic!("{other:?}"),
        }
        assert!(error.is_transient());
        assert!(Error::from(error).is_disconnect());
        served.await.expect("to the byte");
    }
}

/// A transport that fails says how, as behind CONNECT.
#[tokio::test]
async fn a_reset_is_the_proxys() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let client = through("ws://example.com/", format!("socks5h://{address}"));
    let connecting = tokio::spawn(connect_error(client));
    let (mut tcp, _) = listener.accept().await.expect("a connection");
    tcp.read_exact(&mut [0; 3]).await.expect("a greeting");
    tcp.set_zero_linger().expect("a socket");
    drop(tcp);
    let error = connecting.await.expect("an error");
    let ConnectError::ProxyUnreachable(inner) = &error else { panic!("{error:?}") };
    let Error::Io(inner) = &**inner else { panic!("{error:?}") };
    assert_eq!(inner.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(error.is_transient());
    assert!(Error::from(error).is_disconnect());
}
