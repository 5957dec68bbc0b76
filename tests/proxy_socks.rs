//! The way through a SOCKS5 proxy (RFC 1928, RFC 1929), against proxies of the test's own, byte for byte.

#[path = "support/authority.rs"]
mod authority;
#[path = "support/sites.rs"]
mod sites;
#[path = "support/socks.rs"]
mod socks;

use std::{net::SocketAddr, time::Duration};

use authority::Authority;
use bowline::{ConnectError, SocksError};
use socks::{
    Bytes, GRANTED, METHODS, NO_METHOD, TO_EXAMPLE, Then, USER, WITH_PASSWORD, connect_error,
    finish, socks, steps, talk, through,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

#[tokio::test]
async fn section_3_and_1929_2_credentials_are_sent_when_there_are_some() {
    let odd: &[u8] = b"\x01\x03\xc3\xbc:\x02@/";
    let table: [(&str, Vec<Bytes<'_>>); 6] = [
        ("", vec![NO_METHOD]),
        ("user:secret@", vec![WITH_PASSWORD, (USER, b"\x01\x00")]),
        // An open proxy has no use for them.
        ("user:secret@", vec![(METHODS, b"\x05\x00")]),
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

/// Lengths are a byte: what fits is sent, whatever all of it comes to together, and what doesn't is not even begun.
#[tokio::test]
async fn section_4_and_1929_2_user_password_and_host_have_up_to_255_bytes() {
    let long = |letter: u8, length| String::from_utf8(vec![letter; length]).expect("ASCII");
    let (user, password, host) = (long(b'u', 255), long(b'p', 255), long(b'h', 255));
    let credentials = [b"\x01\xff", user.as_bytes(), b"\xff", password.as_bytes()].concat();
    let request = [b"\x05\x01\x00\x03\xff", host.as_bytes(), b"\x00\x50"].concat();
    let script = [WITH_PASSWORD, (&credentials, b"\x01\x00"), (&request, GRANTED)];
    let (address, served) = socks(steps(&script), Then::Echo).await;
    let proxy = format!("socks5h://{user}:{password}@{address}");
    talk(through(&format!("ws://{host}/"), proxy)).await;
    served.await.expect("to the byte");

    let table = [
        (256, 1, 1, SocksError::UserTooLong(256), "user of 256 bytes, 255 allowed"),
        (1, 300, 1, SocksError::PasswordTooLong(300), "password of 300 bytes, 255 allowed"),
        (1, 1, 256, SocksError::HostTooLong(256), "host of 256 bytes, 255 allowed"),
    ];
    for (user, password, host, expected, shown) in table {
        let (user, password, host) = (long(b'u', user), long(b'p', password), long(b'h', host));
        let (address, served) = socks(Vec::new(), Then::Silence).await;
        let proxy = format!("socks5h://{user}:{password}@{address}");
        let error = connect_error(through(&format!("ws://{host}/"), proxy)).await;
        assert!(matches!(error, ConnectError::Socks(error) if error == expected), "{error:?}");
        assert_eq!(error.to_string(), format!("the proxy: {shown}"));
        assert!(!error.is_transient());
        served.await.expect("not a byte");
    }
}

/// Each byte in a segment of its own.
#[tokio::test]
async fn answers_may_come_byte_by_byte() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let served = tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.expect("a connection");
        tcp.set_nodelay(true).expect("a socket");
        for (heard, said) in [WITH_PASSWORD, (USER, b"\x01\x00"), (TO_EXAMPLE, GRANTED)] {
            tcp.read_exact(&mut vec![0; heard.len()]).await.expect("what is expected");
            for byte in said {
                tcp.write_u8(*byte).await.expect("open");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        finish(tcp, Then::Echo).await;
    });
    talk(through("ws://example.com/", format!("socks5h://user:secret@{address}"))).await;
    served.await.expect("no error");
}
