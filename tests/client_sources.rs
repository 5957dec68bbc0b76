//! What a client can be made of.

use std::time::Duration;

use bowline::{Client, Error, UsageError};
use http::{Method, Request, Uri};
use tokio::{
    io::{AsyncReadExt, duplex},
    time::timeout,
};

/// The request's lines as they go out, the key's left out.
async fn sent<C>(source: C) -> Result<Vec<String>, Error>
where
    C: TryInto<Client>,
    Error: From<C::Error>,
{
    let client = source.try_into()?;
    let (near, mut far) = duplex(4 << 10);
    // Nobody answers: the request is all that there is to see.
    let handshake = timeout(Duration::from_secs(1), client.handshake(near));
    let reading = async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(far.read_u8().await.expect("a request"));
        }
        String::from_utf8(head).expect("text")
    };
    tokio::select! {
        biased;
        head = reading => {
            let lines = head.lines().filter(|line| !line.is_empty() && !line.contains("-Key: "));
            Ok(lines.map(str::to_owned).collect())
        }
        outcome = handshake => match outcome.expect("an error at once, or a request") {
            Ok(_) => panic!("nobody has answered"),
            Err(error) => Err(error),
        },
    }
}

const LINES: [&str; 5] = [
    "GET /chat?room=1 HTTP/1.1",
    "Host: example.com",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
];

#[tokio::test(start_paused = true)]
async fn a_uri_in_each_form() {
    const URI: &str = "ws://example.com/chat?room=1";
    assert_eq!(sent(URI).await.unwrap(), LINES);
    assert_eq!(sent(URI.to_owned()).await.unwrap(), LINES);
    assert_eq!(sent(Uri::from_static(URI)).await.unwrap(), LINES);
    assert_eq!(sent(Client::new(URI).unwrap()).await.unwrap(), LINES);
    assert_eq!(sent(Request::get(URI).body(()).unwrap()).await.unwrap(), LINES);
}

#[tokio::test(start_paused = true)]
async fn a_request_with_its_headers_in_order() {
    let request = Request::get("ws://example.com/chat?room=1")
        .header("cookie", "a=1")
        .header("x-b", "1")
        .header("x-b", "2")
        .header("sec-websocket-protocol", "v2, v1")
        .body(())
        .unwrap();
    let own = ["cookie: a=1", "x-b: 1", "x-b: 2", "Sec-WebSocket-Protocol: v2, v1"];
    assert_eq!(sent(request).await.unwrap(), [&LINES[..], &own].concat());
}

#[tokio::test(start_paused = true)]
async fn what_is_no_opening_request() {
    let uri = "ws://example.com/";
    let table = [
        (Request::get("http://example.com/"), UsageError::InvalidUri),
        (Request::get("/chat"), UsageError::InvalidUri),
        (Request::builder().method(Method::POST).uri(uri), UsageError::InvalidMethod),
        (Request::get(uri).header("sec-websocket-key", "x"), UsageError::ReservedHeader),
        (Request::get(uri).header("upgrade", "websocket"), UsageError::ReservedHeader),
        (Request::get(uri).header("sec-websocket-extensions", "x"), UsageError::ReservedHeader),
        (
            Request::get(uri).header("sec-websocket-protocol", "a, a"),
            UsageError::InvalidSubprotocol,
        ),
    ];
    for (builder, expected) in table {
        let request = builder.body(()).unwrap();
        let shown = format!("{request:?}");
        match sent(request).await {
            Err(Error::Usage(error)) => assert_eq!(error, expected, "{shown}"),
            other => panic!("{other:?} of {shown}"),
        }
    }
}
