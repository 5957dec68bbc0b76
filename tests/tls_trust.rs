//! Whom a client trusts: servers over TLS with certificates of made authorities.

#[path = "support/authority.rs"]
mod authority;
#[path = "support/tls.rs"]
mod tls;

use std::{net::SocketAddr, sync::Arc};

use authority::{Authority, Identity, Validity};
use bowline::{
    Client, ConnectError, Error, Message, UsageError,
    client::tokio_rustls::{
        TlsAcceptor, TlsConnector,
        rustls::{
            CertificateError, ClientConfig, Error as TlsError, ProtocolVersion, ServerConfig,
            version::{TLS12, TLS13},
        },
    },
};
use tls::{
    Tap, assert_no_request, client, echo, listen, serve, serving, trusting, trusting_with, within,
};
use tokio::net::TcpListener;

/// The rustls error in it, and what a person reads.
#[track_caller]
fn tls_error<T>(result: Result<T, Error>) -> (TlsError, String) {
    let Err(error) = result else { panic!("connected") };
    assert!(!error.is_disconnect(), "nothing to be quiet about: {error}");
    let text = error.to_string();
    let Error::Connect(connect) = error else { panic!("{error:?}") };
    let ConnectError::Tls(io) = *connect else { panic!("{connect:?}") };
    let inner = io.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
    (inner.unwrap_or_else(|| panic!("{io:?}")).clone(), text)
}

/// Connects to a server of this identity under this name; both ends' outcome, and the client's bytes.
async fn refuse(config: ServerConfig, client: impl FnOnce(u16) -> Client) -> (TlsError, String) {
    let (listener, port) = listen().await;
    let accept = async {
        let (tcp, _) = listener.accept().await.expect("a connection");
        let (io, read) = Tap::new(tcp);
        let accepted = TlsAcceptor::from(Arc::new(config)).accept(io).await;
        assert!(accepted.is_err(), "the client went on");
        let wire = read.lock().expect("unpoisoned");
        wire.clone()
    };
    let (wire, connected) = within(async { tokio::join!(accept, client(port).connect()) }).await;
    assert_no_request(&wire);
    tls_error(connected)
}

#[tokio::test]
async fn a_good_certificate_by_name_and_by_address() {
    let authority = Authority::new("tests");
    let identity = authority.issue(&["localhost", "127.0.0.1", "::1"]);
    for (bound, host) in
        [("127.0.0.1", "localhost"), ("127.0.0.1", "127.0.0.1"), ("[::1]", "[::1]")]
    {
        let Ok(listener) = TcpListener::bind(format!("{bound}:0")).await else {
            assert_eq!(bound, "[::1]", "a machine without IPv6");
            continue;
        };
        let port = listener.local_addr().expect("an address").port();
        let client = client(host, port, trusting(authority.roots()));
        let (server, mut ws) = tls::pair(serving(&identity), client, listener).await;
        let echoing = tokio::spawn(echo(server));
        ws.send("private").await.expect("open");
        assert_eq!(ws.next().await.expect("open").expect("open"), Message::text("private"));
        ws.close(1000, "").await.expect("closed");
        within(echoing).await.expect("the server").expect("a good end");
    }
}

#[tokio::test]
async fn a_certificate_is_for_now_and_for_the_host() {
    let authority = Authority::new("tests");
    let valid = |validity| authority.issue_for(&["localhost"], validity);
    let table = [
        (valid(Validity::Past), "localhost", "expired"),
        (valid(Validity::Future), "localhost", "not valid yet"),
        (authority.issue(&["example.com"]), "localhost", "not valid for name \"localhost\""),
        (authority.issue(&["example.com"]), "127.0.0.1", "not valid for name \"127.0.0.1\""),
        (authority.issue(&["127.0.0.2"]), "127.0.0.1", "not valid for name \"127.0.0.1\""),
    ];
    for (identity, host, gist) in table {
        for version in [&TLS12, &TLS13] {
            let config = trusting_with(authority.roots(), version);
            let client = |port| client(host, port, config);
            let (error, text) = refuse(serving(&identity), client).await;
            assert!(matches!(error, TlsError::InvalidCertificate(_)), "{error:?}");
            let lower = text.to_lowercase();
            assert!(lower.starts_with("tls: ") && lower.contains(gist), "{text}");
        }
    }
}

#[tokio::test]
async fn an_authority_has_to_be_known() {
    let (known, other) = (Authority::new("known"), Authority::new("other"));
    let itself = Identity::self_signed(&["localhost"]);
    for identity in [&other.issue(&["localhost"]), &itself] {
        let config = trusting(known.roots());
        let client = |port| client("localhost", port, config);
        let (error, text) = refuse(serving(identity), client).await;
        assert_eq!(error, TlsError::InvalidCertificate(CertificateError::UnknownIssuer));
        assert_eq!(text, "TLS: invalid peer certificate: UnknownIssuer");
    }
    // One that vouches for itself is good for whoever trusts it.
    let (port, server) = serve(serving(&itself), echo).await;
    let client = client("localhost", port, trusting(itself.roots()));
    let (mut ws, _) = within(client.connect()).await.expect("connected");
    ws.close(1000, "").await.expect("closed");
    within(server).await.expect("the server").expect("a good end");
}

/// What this build trusts is the operating system's to say, which has never heard of this one.
#[tokio::test]
async fn unless_set_the_operating_system_says_whom_to_trust() {
    let identity = Authority::new("made").issue(&["localhost"]);
    let client = |port| Client::new(format!("wss://localhost:{port}/")).expect("a URI");
    let (error, text) = refuse(serving(&identity), client).await;
    assert_eq!(error, TlsError::InvalidCertificate(CertificateError::UnknownIssuer));
    assert!(text.contains("UnknownIssuer"), "{text}");
}

#[tokio::test]
async fn the_session_can_be_looked_at() {
    let authority = Authority::new("tests");
    let identity = authority.issue(&["localhost"]);
    for (version, expected) in
        [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)]
    {
        let (port, server) = serve(serving(&identity), echo).await;
        let client = client("localhost", port, trusting_with(authority.roots(), version));
        let (mut ws, _) = within(client.connect()).await.expect("connected");
        let tls = ws.get_ref().tls().expect("TLS");
        assert_eq!(tls.peer_certificates(), Some(&identity.chain[..]));
        assert_eq!(tls.protocol_version(), Some(expected));
        assert_eq!(tls.alpn_protocol(), None, "the configuration is taken as it is");
        let tcp = ws.get_ref().tcp().expect("a socket");
        assert!(tcp.nodelay().expect("a socket"));
        assert_eq!(tcp.peer_addr().expect("an address").port(), port);
        assert!(ws.get_ref().unix().is_none());
        assert_eq!(format!("{:?}", ws.get_ref()).matches("Tls").count(), 1);
        ws.close(1000, "").await.expect("closed");
        within(server).await.expect("the server").expect("a good end");
    }
}

/// Who is connected to and who is trusted are two questions: the name in the URI is the one that counts.
#[tokio::test]
async fn a_name_is_as_the_uri_has_it() {
    let authority = Authority::new("tests");
    for (names, host, is_good) in [
        (&["chat.example.com"][..], "chat.example.com", true),
        (&["chat.example.com"], "CHAT.example.com", true),
        (&["chat.example.com"], "chat.example.com.", true),
        (&["*.example.com"], "chat.example.com", true),
        (&["*.example.com"], "my_chat.example.com", true),
        (&["*.example.com"], "example.com", false),
        (&["*.example.com"], "a.chat.example.com", false),
    ] {
        let identity = authority.issue(names);
        let config = trusting(authority.roots());
        let at = |port| {
            let local = SocketAddr::from(([127, 0, 0, 1], port));
            client(host, port, config).resolver(move |_, _| async move { Ok(vec![local]) })
        };
        if is_good {
            let (port, server) = serve(serving(&identity), echo).await;
            let (mut ws, _) = within(at(port).connect()).await.expect(host);
            ws.close(1000, "").await.expect("closed");
            within(server).await.expect("the server").expect("a good end");
        } else {
            let (_, text) = refuse(serving(&identity), at).await;
            assert!(text.contains(&format!("not valid for name {host:?}")), "{text}");
        }
    }
}

/// A connector has settings of its own; of a configuration it is made.
#[tokio::test]
async fn tls_is_a_connector_or_a_configuration() {
    let authority = Authority::new("tests");
    let identity = authority.issue(&["localhost"]);
    let config: Arc<ClientConfig> = Arc::new(trusting(authority.roots()));
    let with: [fn(Client, Arc<ClientConfig>) -> Client; 2] = [
        |client, config| client.tls(config),
        |client, config| client.tls(TlsConnector::from(config)),
    ];
    for set in with {
        let (port, server) = serve(serving(&identity), echo).await;
        let client = Client::new(format!("wss://localhost:{port}/")).expect("a URI");
        let client = set(client, config.clone());
        assert!(format!("{client:?}").contains("Tls(own)"), "{client:?}");
        let (mut ws, _) = within(client.connect()).await.expect("connected");
        ws.close(1000, "").await.expect("closed");
        within(server).await.expect("the server").expect("a good end");
    }
}

/// What no certificate can be for is no host for `wss`, and nobody is asked for its address.
#[tokio::test]
async fn a_host_that_no_certificate_can_name_is_refused() {
    let long = "a".repeat(64);
    for host in ["a..b", "-a", "a-.example", "1.2.3", "a~b", &long] {
        let client = Client::new(format!("wss://{host}/")).expect("a URI");
        let client = client.resolver(async |_, _| panic!("asked for an address"));
        let refused = within(client.connect()).await.map(drop);
        let is_usage = matches!(refused, Err(Error::Usage(UsageError::InvalidUri)));
        assert!(is_usage, "{host}: {refused:?}");
    }
}
