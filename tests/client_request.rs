//! What a client takes, refuses and sends (RFC 6455 sections 3 and 4.1).

#[path = "support/io.rs"]
mod io;

use bowline::{Client, Error, UsageError, client};
use io::{Pace, Script, finish, run, untimed};

#[track_caller]
fn usage<T>(result: Result<T, Error>) -> UsageError {
    match result.map(drop) {
        Err(Error::Usage(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn section_3_uris_that_are_refused() {
    let uris = [
        "",
        "/chat",
        "example.com/chat",
        "ws:example.com",
        "//example.com/",
        "http://example.com/",
        "wsx://example.com/",
        "ws://",
        "ws:///chat",
        "ws://:80/",
        // "Fragment identifiers are meaningless in the context of WebSocket URIs and MUST NOT be used".
        "ws://example.com/#part",
        "ws://example.com/#",
        "ws://us%er@example.com/",
        "ws://a%3ab@example.com/",
        "ws://user@/",
        "ws://example.com:99999/",
        "ws://example.com:-1/",
        "ws://example.com:port/",
        "ws://example.com:80:80/",
        "ws://[::1/",
        "ws://::1/",
        "ws://[::1]x/",
        "ws://[]/",
        "ws://[example.com]/",
        "ws://example.com/a b",
        "ws://exam ple.com/",
        "ws://example.com/\u{e9}",
        "ws://\u{e9}xample.com/",
        "ws://example.com/\r\nX: y",
        " ws://example.com/",
    ];
    for uri in uris {
        let refused = Client::new(uri);
        assert!(
            matches!(refused, Err(Error::Usage(UsageError::InvalidUri))),
            "{uri:?}: {refused:?}"
        );
    }
}

/// Each with the target and the host that are sent for it: "the port if it isn't the default port".
#[test]
fn section_3_uris_that_are_taken() {
    let uris = [
        ("ws://example.com", "/", "example.com"),
        ("ws://example.com/", "/", "example.com"),
        ("ws://example.com?q", "/?q", "example.com"),
        ("ws://example.com/a/b?q=%20&r=/?", "/a/b?q=%20&r=/?", "example.com"),
        ("ws://example.com:80/", "/", "example.com"),
        ("ws://example.com:/", "/", "example.com"),
        ("ws://example.com:443/", "/", "example.com:443"),
        ("ws://example.com:8080/", "/", "example.com:8080"),
        ("ws://127.0.0.1:8080/", "/", "127.0.0.1:8080"),
        ("ws://[::1]/", "/", "[::1]"),
        ("ws://[2001:db8::1]:8080/", "/", "[2001:db8::1]:8080"),
        // "schemes are case-insensitive" (RFC 3986 section 3.1).
        ("WS://example.com/", "/", "example.com"),
        ("wss://example.com:443/", "/", "example.com"),
        ("wss://example.com:80/", "/", "example.com:80"),
        ("WSS://example.com:443/", "/", "example.com"),
    ];
    for (uri, target, host) in uris {
        let head = requested(Client::new(uri).unwrap_or_else(|error| panic!("{uri}: {error}")));
        let lines: Vec<&str> = head.split("\r\n").collect();
        assert_eq!(lines[0], format!("GET {target} HTTP/1.1"), "{uri}");
        assert_eq!(lines[1], format!("Host: {host}"), "{uri}");
    }
}

/// The request that this client sends over a transport of its caller.
fn requested(client: Client) -> String {
    let io = Script::new(b"").pace(Pace::Halting);
    assert!(run(client.config(untimed()).handshake(io.clone())).is_pending());
    let head = String::from_utf8(io.written()).expect("text");
    assert_eq!(head.find("\r\n\r\n"), Some(head.len() - 4), "one empty line, at the end: {head:?}");
    head
}

fn client() -> Client {
    Client::new("ws://example.com/chat").expect("a URI")
}

#[test]
fn section_4_1_the_request_has_every_header_once_and_a_key_of_its_own() {
    let client = client().header("Cookie", "id=7").header("X-Trace", "1").header("X-Trace", "2");
    let client = client.subprotocols(["chat.v2"]).subprotocols(vec![String::from("chat.v1")]);
    let heads = [requested(client.clone()), requested(client)];
    let keys = heads.each_ref().map(|head| {
        let mut lines: Vec<&str> = head.trim_end().split("\r\n").collect();
        let is_key = |line: &&str| line.starts_with("Sec-WebSocket-Key: ");
        let key = lines.remove(lines.iter().position(is_key).expect("a key"));
        let expected = [
            "GET /chat HTTP/1.1",
            "Host: example.com",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "cookie: id=7",
            "x-trace: 1",
            "x-trace: 2",
            "Sec-WebSocket-Protocol: chat.v2, chat.v1",
        ];
        assert_eq!(lines, expected);
        assert_eq!(key.len(), "Sec-WebSocket-Key: ".len() + 24, "16 bytes in base64: {key}");
        key
    });
    assert_ne!(keys[0], keys[1], "\"The nonce MUST be selected randomly for each connection\"");
}

#[test]
fn the_host_may_be_another_than_the_uris() {
    let head = requested(client().header("Host", "virtual.example.com"));
    assert!(head.contains("Host: virtual.example.com\r\n"));
    assert_eq!(head.to_lowercase().matches("host:").count(), 1, "{head}");
}

/// Nothing of a request is sent that the caller could not have meant.
#[test]
fn headers_and_subprotocols_that_are_refused() {
    let table: [(Client, UsageError); 17] = [
        (client().header("bad name", "x"), UsageError::InvalidHeader),
        (client().header("", "x"), UsageError::InvalidHeader),
        (client().header("x", "a\nb"), UsageError::InvalidHeader),
        (client().header("x", "a\r\nHost: evil"), UsageError::InvalidHeader),
        (client().header("upgrade", "h2c"), UsageError::ReservedHeader),
        (client().header("Connection", "close"), UsageError::ReservedHeader),
        (client().header("Content-Length", "5"), UsageError::ReservedHeader),
        (client().header("Transfer-Encoding", "chunked"), UsageError::ReservedHeader),
        (client().header("Sec-WebSocket-Key", "x"), UsageError::ReservedHeader),
        (client().header("Sec-WebSocket-Version", "8"), UsageError::ReservedHeader),
        (client().header("Sec-WebSocket-Accept", "x"), UsageError::ReservedHeader),
        (client().header("Sec-WebSocket-Extensions", "x"), UsageError::ReservedHeader),
        (client().subprotocols([""]), UsageError::InvalidSubprotocol),
        (client().subprotocols(["a b"]), UsageError::InvalidSubprotocol),
        (client().subprotocols(["a,b"]), UsageError::InvalidSubprotocol),
        (client().subprotocols(["a", "b", "a"]), UsageError::InvalidSubprotocol),
        // The first mistake is the one that is told.
        (client().header("x", "\0").header("upgrade", "x"), UsageError::InvalidHeader),
    ];
    for (client, expected) in table {
        let io = Script::new(b"");
        let what = format!("{client:?}");
        let refused = usage(finish(client.config(untimed()).handshake(io.clone())));
        assert_eq!(refused, expected, "{what}");
        assert_eq!(io.written(), b"", "{what}");
        assert!(io.is_dropped());
    }
    // "The elements that comprise this value ... MUST all be unique strings", over both ways to say it.
    let twice = client().subprotocols(["a"]).header("Sec-WebSocket-Protocol", "a");
    let io = Script::new(b"");
    let refused = usage(finish(twice.config(untimed()).handshake(io.clone())));
    assert_eq!((refused, io.written()), (UsageError::InvalidSubprotocol, vec![]));
}

/// Before anything is dialled: there is no such host, and no runtime either. (Without TLS in the build `wss` is refused as
/// early: `lean/`.)
#[test]
fn what_cannot_be_asked_for_is_refused_before_dialling() {
    assert_eq!(
        usage(finish(client::connect("http://no.such.host.invalid/"))),
        UsageError::InvalidUri
    );
    let client = Client::new("ws://no.such.host.invalid/").expect("a URI");
    assert_eq!(usage(finish(client.header("a b", "c").connect())), UsageError::InvalidHeader);
}
