//! Proxies that are reached over TLS, and TLS through proxies.

#[path = "support/authority.rs"]
mod authority;
#[path = "support/sites.rs"]
mod sites;

use authority::Authority;
use bowline::{Client, ConnectError, Error, Message, client::Proxy};
use sites::{Answer, Site, values};

const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";
const SIZE: usize = 1 << 20;

fn client(uri: String, proxy: String, authority: &Authority) -> Client {
    let proxy = Proxy::new(proxy).expect("a proxy");
    Client::new(uri).expect("a URI").tls(authority.trusting()).proxy(proxy)
}

async fn connect_error(client: Client) -> ConnectError {
    match client.connect().await.map(drop) {
        Err(Error::Connect(error)) => *error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn ws_and_wss_go_through_http_and_https_proxies() {
    let authority = Authority::new("tests");
    let plain = Site::start(|_| Answer::WebSocket).await;
    let secure = Site::secure(authority.acceptor("127.0.0.1"), |_| Answer::WebSocket).await;
    for (scheme, site) in [("ws", &plain), ("wss", &secure)] {
        for is_private in [false, true] {
            let to = site.address;
            let tunnel = move |_: &str| Answer::Tunnel(ESTABLISHED.to_vec(), to);
            let (name, hop) = match is_private {
                true => ("https", Site::secure(authority.acceptor("127.0.0.1"), tunnel).await),
                false => ("http", Site::start(tunnel).await),
            };
            let proxy = format!("{name}://user:secret@{}", hop.address);
            let client = client(format!("{scheme}://{}/", site.address), proxy, &authority);
            let (mut ws, _) = client.connect().await.expect("connected");
            let stream = ws.get_ref();
            // The session with the server, not that with the proxy; and the socket below both.
            assert_eq!(stream.tls().is_some(), scheme == "wss", "{name}");
            let tcp = stream.tcp().expect("a socket");
            assert_eq!(tcp.peer_addr().expect("connected"), hop.address);
            for message in [Message::text("hello"), Message::binary(vec![7; SIZE])] {
                ws.send(message.clone()).await.expect("open");
                assert_eq!(ws.next().await.expect("a message").expect("no error"), message);
            }
            ws.close(1000, "bye").await.expect("closed");
            assert_eq!(hop.targets(), [site.address.to_string()]);
            assert_eq!(values(&hop.heads()[0], "proxy-authorization"), ["Basic dXNlcjpzZWNyZXQ="]);
        }
    }
}

/// Nobody is told anything, credentials above all, who can't prove to be the proxy.
#[tokio::test]
async fn a_proxy_that_is_not_trusted_is_unreachable() {
    let (authority, stranger) = (Authority::new("tests"), Authority::new("tests"));
    let table = [(&stranger, "127.0.0.1"), (&authority, "other.example")];
    for (signer, name) in table {
        let hop = Site::secure(signer.acceptor(name), |_| Answer::Bytes(Vec::new())).await;
        let proxy = format!("https://user:secret@{}", hop.address);
        let error = connect_error(client("ws://example.com/".into(), proxy, &authority)).await;
        assert!(error.to_string().starts_with("proxy: TLS: "), "{error}");
        let ConnectError::ProxyUnreachable(inner) = error else { panic!("{error:?}") };
        let Error::Connect(inner) = *inner else { panic!("{inner:?}") };
        assert!(matches!(*inner, ConnectError::Tls(_)), "{inner:?}");
        assert!(hop.heads().is_empty());
    }
}

/// That the proxy is trusted is not enough: the destination's certificate is its own affair.
#[tokio::test]
async fn a_destination_that_is_not_trusted_is_refused() {
    let (authority, stranger) = (Authority::new("tests"), Authority::new("tests"));
    let site = Site::secure(stranger.acceptor("127.0.0.1"), |_| Answer::WebSocket).await;
    let to = site.address;
    let tunnel = move |_: &str| Answer::Tunnel(ESTABLISHED.to_vec(), to);
    let hop = Site::secure(authority.acceptor("127.0.0.1"), tunnel).await;
    let uri = format!("wss://{}/", site.address);
    let error = connect_error(client(uri, format!("https://{}", hop.address), &authority)).await;
    assert!(matches!(error, ConnectError::Tls(_)), "{error:?}");
    assert!(site.heads().is_empty());
}

/// A proxy without TLS where it should be private, and the other way round.
#[tokio::test]
async fn a_proxy_of_the_other_scheme_is_an_error() {
    let authority = Authority::new("tests");
    let plain = Site::start(|_| Answer::Bytes(Vec::new())).await;
    let proxy = format!("https://{}", plain.address);
    let client_to = |proxy| client("ws://example.com/".into(), proxy, &authority);
    let limit = std::time::Duration::from_millis(500);
    let error = connect_error(client_to(proxy).connect_timeout(Some(limit))).await;
    assert!(matches!(error, ConnectError::TimedOut(_)), "it waits for a head: {error:?}");

    let secure = Site::secure(authority.acceptor("127.0.0.1"), |_| Answer::WebSocket).await;
    let error = connect_error(client_to(format!("http://{}", secure.address))).await;
    assert!(matches!(error, ConnectError::ProxyAnswer(_)), "{error:?}");
    for heads in [plain.heads(), secure.heads()] {
        assert!(heads.is_empty(), "{heads:?}");
    }
}
