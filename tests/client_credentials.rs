//! Who is told who the client is: user information, headers, redirects to other origins; and no log.

#[path = "support/authority.rs"]
mod authority;
#[path = "support/sites.rs"]
mod sites;

use std::sync::{Arc, OnceLock};

use authority::Authority;
use bowline::{Client, Deflate, Error};
use http::HeaderValue;
use sites::{Answer, Site, values};

/// "user:secret" (RFC 7617).
const BASIC: &str = "Basic dXNlcjpzZWNyZXQ=";

fn client(uri: &str) -> Client {
    Client::new(uri).expect("a URI")
}

fn as_user(uri: &str) -> String {
    uri.replacen("://", "://user:secret@", 1)
}

async fn connect(client: Client) {
    let (mut ws, _) = client.connect().await.expect("connected");
    ws.close(1000, "").await.expect("closed");
}

/// Everything that can name the caller, and what can't.
fn loaded(uri: &str) -> Client {
    let mut token = HeaderValue::from_static("token");
    token.set_sensitive(true);
    client(uri)
        .header("cookie", "id=7")
        .header("proxy-authorization", "Basic cHJveHk=")
        .header("host", "virtual.example")
        .header("x-token", token)
        .header("origin", "https://page.example")
        .header("x-open", "1")
        .header("x-open", "2")
        .subprotocols(["chat", "other"])
        .deflate(Deflate::new())
        .redirects(5)
}

/// Those of the headers that are secrets, in a request's head.
fn secrets(head: &str) -> Vec<&str> {
    let names = ["authorization", "cookie", "proxy-authorization", "x-token"];
    names.into_iter().flat_map(|name| values(head, name)).collect()
}

#[track_caller]
fn has_the_rest(head: &str, host: &str) {
    assert_eq!(values(head, "host"), [host], "{head}");
    assert_eq!(values(head, "origin"), ["https://page.example"], "{head}");
    assert_eq!(values(head, "x-open"), ["1", "2"], "{head}");
    assert_eq!(values(head, "sec-websocket-protocol"), ["chat, other"], "{head}");
    let [extensions] = values(head, "sec-websocket-extensions")[..] else { panic!("{head}") };
    assert!(extensions.starts_with("permessage-deflate"), "{head}");
}

/// A server that sends `/` to this place, and opens the rest.
async fn gate(location: String) -> Site {
    Site::start(move |target| match target {
        "/" => Answer::redirect(307, &location),
        _ => Answer::WebSocket,
    })
    .await
}

// ---- without redirects ----

#[tokio::test]
async fn user_information_arrives_as_basic_authentication() {
    let site = Site::start(|_| Answer::WebSocket).await;
    connect(client(&as_user(&site.uri("/")))).await;
    connect(client(&site.uri("/"))).await;
    let heads = site.heads();
    assert_eq!(values(&heads[0], "authorization"), [BASIC]);
    assert_eq!(values(&heads[0], "host"), [site.address.to_string()]);
    assert!(values(&heads[1], "authorization").is_empty());
    assert!(!heads[0].contains("secret"), "nowhere else: {}", heads[0]);
}

#[tokio::test]
async fn an_authorization_header_wins_over_user_information() {
    let site = Site::start(|_| Answer::WebSocket).await;
    connect(client(&as_user(&site.uri("/"))).header("Authorization", "Bearer token")).await;
    assert_eq!(values(&site.heads()[0], "authorization"), ["Bearer token"]);
}

// ---- to another origin ----

#[tokio::test]
async fn another_origin_learns_no_secret() {
    let other = Site::start(|_| Answer::WebSocket).await;
    let site = gate(other.uri("/there")).await;
    connect(loaded(&site.uri("/")).header("authorization", "Bearer token")).await;
    connect(loaded(&as_user(&site.uri("/")))).await;
    for (head, authorization) in site.heads().iter().zip(["Bearer token", BASIC]) {
        assert_eq!(secrets(head), [authorization, "id=7", "Basic cHJveHk=", "token"]);
        has_the_rest(head, "virtual.example");
    }
    for head in &other.heads() {
        assert_eq!(secrets(head), [""; 0]);
        has_the_rest(head, &other.address.to_string());
    }
    assert_eq!(other.targets(), ["/there", "/there"]);
}

/// The same port by another name, and the same host with TLS, are other origins (RFC 6454 section 5).
#[tokio::test]
async fn an_origin_is_scheme_host_and_port() {
    let site = Site::start(|_| Answer::WebSocket).await;
    let port = site.address.port();
    let named = Site::start(move |target| match target {
        "/" => Answer::redirect(301, &format!("//other.example:{port}/there")),
        _ => Answer::WebSocket,
    })
    .await;
    let addresses = [named.address, site.address];
    let resolved = loaded(&format!("ws://one.example:{}/", named.address.port()))
        .header("authorization", "Bearer token")
        .resolver(move |_, port| async move {
            Ok(addresses.into_iter().filter(|address| address.port() == port).collect())
        });
    connect(resolved).await;
    assert_eq!(secrets(&site.heads()[0]), [""; 0]);
    has_the_rest(&site.heads()[0], &format!("other.example:{port}"));

    let authority = Authority::new("tests");
    let secure = Site::secure(authority.acceptor("127.0.0.1"), |_| Answer::WebSocket).await;
    let plain = gate(format!("wss://{}/there", secure.address)).await;
    connect(loaded(&as_user(&plain.uri("/"))).tls(authority.trusting())).await;
    assert_eq!(secrets(&plain.heads()[0])[0], BASIC);
    assert_eq!(secrets(&secure.heads()[0]), [""; 0]);
}

#[tokio::test]
async fn the_same_origin_learns_what_it_knew() {
    for location in ["/there", "//HOST/there", "http://HOST/there"] {
        let host = Arc::new(OnceLock::<String>::new());
        let name = host.clone();
        let site = Site::start(move |target| match target {
            "/" => Answer::redirect(302, &location.replace("HOST", name.get().expect("set"))),
            _ => Answer::WebSocket,
        })
        .await;
        host.set(site.address.to_string()).expect("once");
        connect(loaded(&as_user(&site.uri("/")))).await;
        let heads = site.heads();
        for head in &heads {
            assert_eq!(secrets(head), [BASIC, "id=7", "Basic cHJveHk=", "token"], "{location}");
            has_the_rest(head, "virtual.example");
        }
        assert_eq!(site.targets(), ["/", "/there"]);
    }
}

#[tokio::test]
async fn coming_back_does_not_bring_secrets_back() {
    let back = Arc::new(OnceLock::<String>::new());
    let to_back = back.clone();
    let other = Site::start(move |_| Answer::redirect(302, to_back.get().expect("set"))).await;
    let site = gate(other.uri("/")).await;
    back.set(site.uri("/back")).expect("once");
    connect(loaded(&as_user(&site.uri("/"))).header("authorization", "Bearer token")).await;
    let heads = site.heads();
    assert_eq!(site.targets(), ["/", "/back"]);
    assert_eq!(secrets(&heads[0]).len(), 4);
    assert_eq!(secrets(&heads[1]), [""; 0]);
    has_the_rest(&heads[1], &site.address.to_string());
}

/// What the server itself says to authenticate with.
#[tokio::test]
async fn user_information_of_a_location_is_for_where_it_leads() {
    let other = Site::start(|_| Answer::WebSocket).await;
    let site = gate(as_user(&other.uri("/there"))).await;
    let uri = site.uri("/").replacen("://", "://somebody:else@", 1);
    connect(client(&uri).redirects(1)).await;
    assert_eq!(secrets(&other.heads()[0]), [BASIC]);

    // An explicit header is left alone on the same origin.
    let same = Site::start(|target| match target {
        "/" => Answer::redirect(302, "/there"),
        _ => Answer::WebSocket,
    })
    .await;
    let bearer = client(&as_user(&same.uri("/"))).header("authorization", "Bearer token");
    connect(bearer.redirects(1)).await;
    assert_eq!(secrets(&same.heads()[1]), ["Bearer token"]);
}

// ---- in logs ----

/// In text and in base64.
#[track_caller]
fn hides_secrets(shown: &str) {
    for secret in ["secret", "hunter", "dXNlcjpzZWNyZXQ", "token42", "id=7", "cHJveHk"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

fn with_secrets(uri: &str) -> Client {
    let proxy = bowline::client::Proxy::new("http://user:hunter2@127.0.0.1:9").expect("a proxy");
    client(&as_user(uri))
        .header("authorization", "Bearer token42")
        .header("cookie", "id=7")
        .header("proxy-authorization", "Basic cHJveHk=")
        .proxy(proxy.except("127.0.0.1"))
}

#[tokio::test]
async fn neither_clients_nor_errors_show_secrets() {
    hides_secrets(&format!("{:?}", with_secrets("ws://example.com/")));
    hides_secrets(&format!("{:#?}", with_secrets("wss://example.com/")));

    let site = Site::start(|target| match target {
        "/moved" => Answer::redirect(302, "/moved"),
        "/garbage" => Answer::Bytes(b"what?\r\n\r\n".to_vec()),
        _ => Answer::response(403, "", "no"),
    })
    .await;
    let elsewhere = ["ws://127.0.0.1:1/", "ws://nobody.invalid/", "wss://127.0.0.1:1/"];
    let uris = ["/moved", "/garbage", "/"].map(|path| site.uri(path));
    for uri in uris.into_iter().chain(elsewhere.map(String::from)) {
        let error = with_secrets(&uri).redirects(2).connect().await.map(drop).expect_err("no way");
        hides_secrets(&format!("{error:?} {error}"));
        let error = std::io::Error::from(error);
        hides_secrets(&format!("{error:?} {error}"));
    }
    for uri in ["ws://user:secret@/", "http://user:secret@example.com/", "ws://us%3Aer:secret@a/"] {
        let error: Error = Client::new(uri).map(drop).expect_err("no URI");
        hides_secrets(&format!("{error:?} {error}"));
    }
}
