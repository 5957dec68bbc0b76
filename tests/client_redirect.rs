//! Redirects over real sockets (RFC 9110 section 15.4): which are followed, how often and where to.

#[path = "support/authority.rs"]
mod authority;
#[path = "support/sites.rs"]
mod sites;

use std::{
    io,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use authority::Authority;
use bowline::{
    Client, Config, ConnectError, Error, HandshakeError, Message, RedirectError, WebSocket,
    client::Stream,
};
use bytes::Bytes;
use http::Response;
use sites::{Answer, Site};

/// `/N` leads to `/N-1`, and `/0` is the WebSocket.
async fn stairs() -> Site {
    Site::start(|target| match target[1..].parse::<u32>() {
        Ok(0) => Answer::WebSocket,
        Ok(n) => Answer::redirect(302, &format!("/{}", n - 1)),
        Err(_) => Answer::response(404, "", "no such step"),
    })
    .await
}

fn client(uri: &str) -> Client {
    Client::new(uri).expect("a URI")
}

async fn is_open(mut ws: WebSocket<Stream>) {
    ws.send("hello").await.expect("open");
    let echo = ws.next().await.expect("a message").expect("no error");
    assert_eq!(echo, Message::text("hello"));
    ws.close(1000, "").await.expect("closed");
}

async fn error(client: Client) -> Error {
    match client.connect().await {
        Ok((_, response)) => panic!("{response:?}"),
        Err(error) => error,
    }
}

/// The redirect that was not followed, and why not.
async fn stopped(client: Client) -> (RedirectError, Response<Bytes>) {
    match error(client).await {
        Error::Connect(error) => match *error {
            ConnectError::Redirect(why, response) => (why, *response),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

// ---- how often ----

#[tokio::test]
async fn a_redirect_is_the_answer_unless_it_is_to_be_followed() {
    let site = stairs().await;
    for client in [client(&site.uri("/1")), client(&site.uri("/1")).redirects(0)] {
        let error = error(client).await;
        let response = error.refusal().expect("a response");
        assert_eq!((response.status().as_u16(), &response.body()[..]), (302, &b"moved"[..]));
        assert_eq!(response.headers()["location"], "/0");
        let Error::Handshake(error) = error else { panic!("{error:?}") };
        assert!(matches!(*error, HandshakeError::Refused(_)), "{error:?}");
    }
    assert_eq!(site.targets(), ["/1", "/1"]);
}

#[tokio::test]
async fn as_many_as_allowed_are_followed_and_not_one_more() {
    for limit in [1, 2, 5] {
        for steps in 0..=limit {
            let site = stairs().await;
            let client = client(&site.uri(&format!("/{steps}"))).redirects(limit);
            let (ws, response) = client.connect().await.expect("connected");
            assert_eq!(response.status(), 101);
            is_open(ws).await;
            assert_eq!(site.targets().len(), steps + 1);
        }
        let site = stairs().await;
        let (why, response) =
            stopped(client(&site.uri(&format!("/{}", limit + 1))).redirects(limit)).await;
        assert_eq!(why, RedirectError::TooMany(limit));
        assert_eq!((response.status().as_u16(), &response.body()[..]), (302, &b"moved"[..]));
        assert_eq!(response.headers()["location"], "/0", "the last of them");
        assert_eq!(site.targets().len(), limit + 1);
    }
}

#[tokio::test]
async fn a_loop_comes_to_its_end() {
    let site = Site::start(|_| Answer::redirect(307, "")).await;
    let (why, _) = stopped(client(&site.uri("/same?x")).redirects(10)).await;
    assert_eq!(why, RedirectError::TooMany(10));
    assert_eq!(site.targets(), vec!["/same?x"; 11]);

    let back = Arc::new(OnceLock::<String>::new());
    let to_a = back.clone();
    let b = Site::start(move |_| Answer::redirect(301, to_a.get().expect("set below"))).await;
    let to_b = b.uri("/b");
    let a = Site::start(move |_| Answer::redirect(308, &to_b)).await;
    back.set(a.uri("/a")).expect("once");
    let error = error(client(&a.uri("/")).redirects(4)).await;
    assert_eq!(error.to_string(), "308 Permanent Redirect: more redirects than the 4 allowed");
    assert_eq!(error.refusal().expect("a response").headers()["location"], b.uri("/b"));
    assert_eq!((a.targets(), b.targets().len()), (["/", "/a", "/a"].map(String::from).to_vec(), 2));
}

// ---- which ----

#[tokio::test]
async fn section_15_4_each_status_that_redirects_is_followed() {
    let site = Site::start(|target| match target[1..].parse() {
        Ok(status) => Answer::redirect(status, "/open"),
        Err(_) => Answer::WebSocket,
    })
    .await;
    for status in [301, 302, 303, 307, 308] {
        let connect = client(&site.uri(&format!("/{status}"))).redirects(1).connect();
        is_open(connect.await.unwrap_or_else(|error| panic!("{status}: {error}")).0).await;
    }
    // GET each time, whatever came before.
    assert!(site.heads().iter().all(|head| head.starts_with("GET /")));
    for status in [200, 201, 300, 304, 305, 306, 309, 400, 503] {
        let error = error(client(&site.uri(&format!("/{status}"))).redirects(5)).await;
        let Error::Handshake(error) = error else { panic!("{status}: {error:?}") };
        let HandshakeError::Refused(response) = *error else { panic!("{status}: {error:?}") };
        assert_eq!(
            (response.status().as_u16(), response.headers()["location"].to_str().ok()),
            (status, Some("/open"))
        );
    }
    assert_eq!(site.targets().iter().filter(|target| *target == "/open").count(), 5);
}

#[tokio::test]
async fn section_10_2_2_a_location_leads_to_a_websocket_or_nowhere() {
    let table = [
        "",
        "Location: ftp://example.com/\r\n",
        "Location: mailto:somebody@example.com\r\n",
        "Location: http://\r\n",
        "Location: ws:///chat\r\n",
        "Location: ws://example.com:99999/\r\n",
        "Location: ws://us%zer@example.com/\r\n",
        "Location: /with space\r\n",
        "Location: /\u{fc}\r\n",
        "Location: javascript:alert(1)\r\n",
    ];
    for headers in table {
        let site = Site::start(move |_| Answer::response(302, headers, "moved")).await;
        let (why, response) = stopped(client(&site.uri("/")).redirects(5)).await;
        assert_eq!(why, RedirectError::InvalidLocation, "{headers:?}");
        assert_eq!((response.status().as_u16(), &response.body()[..]), (302, &b"moved"[..]));
        assert_eq!(site.targets().len(), 1, "{headers:?}");
    }
}

#[tokio::test]
async fn section_10_2_2_a_location_is_a_reference() {
    let table = [
        ("/there?q=1", "/there?q=1"),
        ("there", "/a/there"),
        ("../there#part", "/there"),
        ("?q=2", "/a/b?q=2"),
        ("//HOST/there", "/there"),
        ("ws://HOST/there", "/there"),
        ("http://HOST/there", "/there"),
        ("HTTP://HOST", "/"),
    ];
    for (location, expected) in table {
        let host = Arc::new(OnceLock::<String>::new());
        let name = host.clone();
        let site = Site::start(move |target| match target {
            "/a/b?first" => {
                let host = name.get().expect("set below");
                Answer::redirect(302, &location.replace("HOST", host))
            }
            _ => Answer::WebSocket,
        })
        .await;
        host.set(site.address.to_string()).expect("once");
        let connect = client(&site.uri("/a/b?first")).redirects(1).connect();
        is_open(connect.await.unwrap_or_else(|error| panic!("{location}: {error}")).0).await;
        assert_eq!(site.targets(), ["/a/b?first", expected], "{location}");
    }
}

// ---- how safe ----

#[tokio::test]
async fn what_was_private_stays_so() {
    let authority = Authority::new("tests");
    let plain = stairs().await;
    for scheme in ["ws", "http"] {
        let location = format!("{scheme}://{}/0", plain.address);
        let acceptor = authority.acceptor("127.0.0.1");
        let site = Site::secure(acceptor, move |_| Answer::redirect(302, &location)).await;
        let uri = format!("wss://{}/", site.address);
        let (why, response) = stopped(client(&uri).tls(authority.trusting()).redirects(5)).await;
        assert_eq!((why, response.status().as_u16()), (RedirectError::Downgrade, 302));
        assert_eq!(&response.body()[..], b"moved");
    }
    assert_eq!(plain.targets(), [""; 0], "nobody was asked in the open");
}

#[tokio::test]
async fn what_was_open_may_become_private() {
    let authority = Authority::new("tests");
    let secure = Site::secure(authority.acceptor("127.0.0.1"), |_| Answer::WebSocket).await;
    for scheme in ["wss", "https"] {
        let location = format!("{scheme}://{}/there", secure.address);
        let site = Site::start(move |_| Answer::redirect(302, &location)).await;
        let client = client(&site.uri("/")).tls(authority.trusting()).redirects(1);
        let (ws, _) = client.connect().await.expect("connected");
        assert!(ws.get_ref().tls().is_some());
        is_open(ws).await;
    }
    assert_eq!(secure.targets(), ["/there", "/there"]);
}

/// Nobody waits for the body of a redirect beyond what a refusal's may take.
#[tokio::test]
async fn a_redirects_body_is_bounded_in_bytes_and_in_time() {
    let head =
        |length| format!("HTTP/1.1 302 X\r\nLocation: /0\r\nContent-Length: {length}\r\n\r\n");
    let huge = head(u64::MAX).into_bytes();
    let site = Site::start(move |target| match target {
        "/huge" => Answer::Endless(huge.clone(), vec![b'x'; 1 << 16], Duration::ZERO),
        "/slow" => Answer::Silence(head(5).into_bytes()),
        _ => Answer::WebSocket,
    })
    .await;
    let limit = Duration::from_millis(300);
    for path in ["/huge", "/slow"] {
        let config = Config::new().with_handshake_timeout(Some(limit));
        let start = Instant::now();
        let client = client(&site.uri(path)).config(config).redirects(1);
        let (ws, _) = client.connect().await.unwrap_or_else(|error| panic!("{path}: {error}"));
        is_open(ws).await;
        let waited = start.elapsed() >= limit;
        assert_eq!(waited, path == "/slow", "{:?}", start.elapsed());
    }
}

/// Each of three takes most of the time that there is for one.
#[tokio::test]
async fn each_redirect_has_the_connect_time_out_for_itself() {
    let site = stairs().await;
    let address = site.address;
    let client = |pause| {
        let uri = format!("ws://example.com:{}/3", address.port());
        client(&uri).redirects(3).connect_timeout(Some(Duration::from_millis(400))).resolver(
            move |_, _| async move {
                tokio::time::sleep(Duration::from_millis(pause)).await;
                io::Result::Ok(vec![address])
            },
        )
    };
    let start = Instant::now();
    is_open(client(200).connect().await.expect("connected").0).await;
    assert!(start.elapsed() >= Duration::from_millis(4 * 200));
    let error = error(client(2_000)).await;
    assert_eq!(error.to_string(), "no connection within 400ms");
}
