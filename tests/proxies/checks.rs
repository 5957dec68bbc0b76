//! What has to be so through each proxy.

use std::time::Duration;

use bowline::{
    Client, CloseCode, ConnectError, Error, Message, WebSocket,
    client::{Proxy, Stream},
    server,
};
use tokio::net::TcpListener;

use crate::{
    authority::Authority,
    program::{FORBIDDEN, Guests, Program, Running, free_port, step},
    sites::{Answer, Site},
};

fn client(uri: &str, proxy: Proxy) -> Client {
    Client::new(uri).expect("a URI").proxy(proxy)
}

async fn open(client: Client) -> WebSocket<Stream> {
    let opened = step("the way there", client.connect()).await;
    opened.unwrap_or_else(|error| panic!("{error}")).0
}

async fn connect_error(client: Client) -> ConnectError {
    match step("a refusal", client.connect()).await.map(drop) {
        Err(Error::Connect(error)) => *error,
        other => panic!("{other:?}"),
    }
}

async fn echoes(ws: &mut WebSocket<Stream>) {
    let messages = [Message::text("hello"), Message::binary(vec![7; 1 << 20]), Message::text("")];
    for message in messages {
        ws.send(message.clone()).await.expect("open");
        let echo = step("an echo", ws.next()).await.expect("a message").expect("no error");
        assert!(echo == message, "another message");
    }
}

async fn ends(mut ws: WebSocket<Stream>) {
    step("the end", ws.close(1000, "bye")).await.expect("closed");
}

pub(crate) async fn carries_ws(program: Program) {
    let site = Site::start(|_| Answer::WebSocket).await;
    for guests in program.guests() {
        let proxy = Running::start(program, *guests).await;
        let mut ws = open(client(&site.uri("/chat"), proxy.proxy())).await;
        echoes(&mut ws).await;
        ends(ws).await;
    }
    assert_eq!(site.targets(), vec!["/chat"; program.guests().len()]);
    assert!(site.heads().iter().all(|head| !head.to_lowercase().contains("proxy-")));
}

pub(crate) async fn carries_wss(program: Program) {
    let authority = Authority::new("tests");
    let site = Site::secure(authority.acceptor("localhost"), |_| Answer::WebSocket).await;
    let uri = format!("wss://localhost:{}/", site.address.port());
    for guests in program.guests() {
        let proxy = Running::start(program, *guests).await;
        let mut ws = open(client(&uri, proxy.proxy()).tls(authority.trusting())).await;
        assert!(ws.get_ref().tls().is_some());
        echoes(&mut ws).await;
        ends(ws).await;
    }
}

/// Either end's Close arrives with its code and reason, and behind it the end.
pub(crate) async fn carries_closes(program: Program) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let uri = format!("ws://{}/", listener.local_addr().expect("an address"));
    let serve = async |code: Option<u16>| {
        let (tcp, _) = listener.accept().await.expect("a connection");
        let mut ws = server::accept(tcp).await.expect("open");
        match code {
            Some(code) => drop(ws.close(code, "server").await.expect("closed")),
            None => {
                let close = step("a Close", ws.next()).await;
                let Some(Ok(Message::Close(Some(frame)))) = close else { panic!("{close:?}") };
                assert_eq!((frame.code, &*frame.reason), (CloseCode::from(4001), "client"));
                assert!(ws.next().await.is_none());
            }
        }
    };
    let proxy = Running::start(program, Guests::Anybody).await;
    let by_the_client = async {
        let mut ws = open(client(&uri, proxy.proxy())).await;
        step("the end", ws.close(4001, "client")).await.expect("closed");
    };
    tokio::join!(serve(None), by_the_client);
    let by_the_server = async {
        let mut ws = open(client(&uri, proxy.proxy())).await;
        let close = step("a Close", ws.next()).await;
        let Some(Ok(Message::Close(Some(frame)))) = close else { panic!("{close:?}") };
        assert_eq!((frame.code, &*frame.reason), (CloseCode::from(4002), "server"));
        assert!(step("the end", ws.next()).await.is_none());
    };
    tokio::join!(serve(Some(4002)), by_the_server);
}

/// A proxy that is open to anybody is so to those who have credentials.
pub(crate) async fn has_no_use_for_credentials(program: Program) {
    let site = Site::start(|_| Answer::WebSocket).await;
    let proxy = Running::start(program, Guests::Anybody).await;
    let mut ws = open(client(&site.uri("/"), proxy.proxy_as("user:secret@"))).await;
    echoes(&mut ws).await;
    ends(ws).await;
}

pub(crate) async fn wants_the_right_credentials(program: Program) {
    let site = Site::start(|_| Answer::WebSocket).await;
    let proxy = Running::start(program, Guests::User).await;
    for user_info in ["", "user:wrong@", "other:secret@"] {
        let error = connect_error(client(&site.uri("/"), proxy.proxy_as(user_info))).await;
        match (program.is_socks(), &error) {
            (true, ConnectError::Socks(_)) => {
                let expected = match user_info {
                    "" => "the proxy: user and password are wanted, none were given",
                    _ => "the proxy: credentials not accepted",
                };
                assert_eq!(error.to_string(), expected);
            }
            (false, ConnectError::ProxyRefused(response)) => {
                // tinyproxy 1.11 says 401 to those that are wrong.
                let status = response.status().as_u16();
                assert!(
                    status == 407 || program == Program::Tinyproxy && status == 401,
                    "{status}"
                );
                assert!(!response.body().is_empty());
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(site.heads().is_empty());
}

pub(crate) async fn forbids_a_destination(program: Program) {
    let proxy = Running::start(program, Guests::Anybody).await;
    let error = connect_error(client(&format!("ws://{FORBIDDEN}/"), proxy.proxy())).await;
    match &error {
        ConnectError::ProxyRefused(response) => {
            assert_eq!(response.status(), 403);
            assert!(!response.body().is_empty());
        }
        ConnectError::Socks(_) => {
            assert_eq!(error.to_string(), "the proxy: connection not allowed");
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn finds_nobody_there(program: Program) {
    let proxy = Running::start(program, Guests::Anybody).await;
    let uri = format!("ws://127.0.0.1:{}/", free_port());
    let error = connect_error(client(&uri, proxy.proxy())).await;
    match &error {
        ConnectError::ProxyRefused(response) => assert!(response.status().is_server_error()),
        ConnectError::Socks(_) => assert_eq!(error.to_string(), "the proxy: connection refused"),
        other => panic!("{other:?}"),
    }
}

/// Names resolved on this side, and at the proxy.
pub(crate) async fn resolves_on_either_side(program: Program) {
    let site = Site::start(|_| Answer::WebSocket).await;
    let proxy = Running::start(program, Guests::Anybody).await;
    let address = site.address;
    let here =
        client(&format!("ws://example.invalid:{}/", address.port()), proxy.proxy_by("socks5", ""));
    let mut ws = open(here.resolver(move |_, _| async move { Ok(vec![address]) })).await;
    echoes(&mut ws).await;
    ends(ws).await;

    let there =
        |host| client(&format!("ws://{host}:{}/", address.port()), proxy.proxy_by("socks5h", ""));
    let unasked = |client: Client| client.resolver(|_, _| async { panic!("asked on this side") });
    ends(open(unasked(there("localhost"))).await).await;
    let error = connect_error(unasked(there("example.invalid"))).await;
    assert!(matches!(error, ConnectError::Socks(_)), "{error:?}");
}

pub(crate) async fn is_killed(program: Program) {
    let authority = Authority::new("tests");
    let plain = Site::start(|_| Answer::WebSocket).await;
    let secure = Site::secure(authority.acceptor("127.0.0.1"), |_| Answer::WebSocket).await;
    for uri in [plain.uri("/"), format!("wss://{}/", secure.address)] {
        let mut proxy = Running::start(program, Guests::Anybody).await;
        let mut ws = open(client(&uri, proxy.proxy()).tls(authority.trusting())).await;
        echoes(&mut ws).await;
        proxy.kill();
        let end = step("the end", ws.next()).await;
        let Some(Err(error)) = end else { panic!("{end:?}") };
        assert!(error.is_disconnect(), "{error:?}");
        // And nobody is there for the next, once its last process has gone.
        step("its end", async {
            while !matches!(
                client(&plain.uri("/"), proxy.proxy()).connect().await,
                Err(Error::Connect(error)) if matches!(*error, ConnectError::ProxyUnreachable(_))
            ) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
    }
}
