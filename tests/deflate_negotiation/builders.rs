//! `Server`, `Pending` and `Client` with and without compression, over a pipe.

use bowline::{Client, Config, Deflate, Error, Message, Pending, Server, UsageError, WebSocket};
use tokio::io::{AsyncReadExt, DuplexStream};

use crate::{DROPPED, KEEPING, NEW, deflate::extensions_in, io::within, names};

type Duplex = WebSocket<DuplexStream>;

fn client() -> Client {
    Client::new("ws://server.example.com/chat").expect("a URI").config(Config::new())
}

/// Opens a connection; gives the server's end, the client's and the extensions in the response.
async fn opened(
    server: &Server,
    client: Client,
    decide: fn(Pending<DuplexStream>) -> Pending<DuplexStream>,
) -> (Duplex, Duplex, String) {
    let (near, far) = tokio::io::duplex(64 << 10);
    let serve = async { decide(server.receive(near).await?).accept().await };
    let (near, far) = within(async { tokio::join!(serve, client.handshake(far)) }).await;
    let (far, response) = far.expect("accepted");
    let values: Vec<_> = response.headers().get_all("sec-websocket-extensions").iter().collect();
    let values: Vec<_> = values.iter().map(|value| value.to_str().expect("text")).collect();
    (near.expect("accepted"), far, values.join(", "))
}

fn as_it_is(pending: Pending<DuplexStream>) -> Pending<DuplexStream> {
    pending
}

async fn pass(from: &mut Duplex, to: &mut Duplex, text: &str) {
    within(from.send(text)).await.expect("sent");
    let message = within(to.next()).await.expect("a message").expect("valid");
    assert_eq!(message, Message::text(text));
}

#[tokio::test(start_paused = true)]
async fn section_5_both_ends_say_the_same_and_understand_each_other() {
    let dropping = KEEPING.with_client_context_takeover(DROPPED);
    let table: [(Option<Deflate>, Option<Deflate>, &str); 7] = [
        (None, None, ""),
        (Some(NEW), None, ""),
        (None, Some(NEW), ""),
        (Some(NEW), Some(NEW), "permessage-deflate; server_no_context_takeover"),
        (Some(KEEPING), Some(NEW), "permessage-deflate"),
        (Some(dropping), Some(NEW), "permessage-deflate; client_no_context_takeover"),
        (
            Some(KEEPING.with_client_max_window_bits(9)),
            Some(NEW.with_server_max_window_bits(8)),
            "permessage-deflate; server_max_window_bits=8; client_max_window_bits=9",
        ),
    ];
    for (server, wish, expected) in table {
        let mut serving = Server::new();
        if let Some(deflate) = server {
            serving = serving.deflate(deflate);
        }
        let mut asking = client();
        if let Some(deflate) = wish {
            asking = asking.deflate(deflate);
        }
        let (mut near, mut far, response) = opened(&serving, asking, as_it_is).await;
        assert_eq!(response, expected);
        assert_eq!((&*names(&near), &*names(&far)), (expected, expected));
        let text = "the same again, ".repeat(100);
        for _ in 0..3 {
            pass(&mut near, &mut far, &text).await;
            pass(&mut far, &mut near, &text).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn section_5_each_request_may_be_answered_in_its_own_way() {
    let (with, without) = (Server::new().deflate(KEEPING), Server::new());
    let off = |pending: Pending<_>| pending.deflate(None);
    let (near, far, response) = opened(&with, client().deflate(NEW), off).await;
    assert_eq!((names(&near), names(&far), response), Default::default());
    let other = |pending: Pending<_>| pending.deflate(NEW.with_client_max_window_bits(10));
    let expected = "permessage-deflate; server_no_context_takeover; client_max_window_bits=10";
    for server in [with, without] {
        let (near, far, response) = opened(&server, client().deflate(NEW), other).await;
        assert_eq!([names(&near), names(&far), response], [expected; 3]);
    }
    // The one set last holds.
    let server = Server::new().deflate(NEW.with_server_max_window_bits(8)).deflate(KEEPING);
    let asking = client().deflate(NEW).deflate(NEW.with_server_max_window_bits(9));
    let (near, far, response) = opened(&server, asking, as_it_is).await;
    let expected = "permessage-deflate; server_max_window_bits=9";
    assert_eq!([names(&near), names(&far), response], [expected; 3]);
}

#[tokio::test(start_paused = true)]
async fn section_5_a_client_names_no_extension_by_hand() {
    for asking in [client(), client().deflate(NEW)] {
        let (mut near, far) = tokio::io::duplex(64 << 10);
        let asking = asking.header("Sec-WebSocket-Extensions", "permessage-deflate");
        let error = within(asking.handshake(far)).await.map(|_| ()).expect_err("reserved");
        assert!(matches!(error, Error::Usage(UsageError::ReservedHeader)), "{error:?}");
        let mut sent = Vec::new();
        near.read_to_end(&mut sent).await.expect("an end");
        assert!(sent.is_empty(), "nothing goes out");
    }
}

#[tokio::test(start_paused = true)]
async fn section_5_a_server_names_no_extension_by_hand() {
    for server in [Server::new(), Server::new().deflate(NEW)] {
        let (near, far) = tokio::io::duplex(64 << 10);
        let serve = async {
            let pending = server.receive(near).await?;
            pending.header("Sec-WebSocket-Extensions", "permessage-deflate").accept().await
        };
        let asking = client().deflate(NEW).handshake(far);
        let (near, far) = within(async { tokio::join!(serve, asking) }).await;
        let error = near.map(|_| ()).expect_err("reserved");
        assert!(matches!(error, Error::Usage(UsageError::ReservedHeader)), "{error:?}");
        let refusal = far.map(|_| ()).expect_err("refused");
        assert_eq!(refusal.refusal().map(|response| response.status().as_u16()), Some(500));
    }
}

#[tokio::test(start_paused = true)]
async fn section_7_1_the_request_that_goes_out() {
    let table = [
        (client(), ""),
        (client().deflate(NEW), "permessage-deflate; client_max_window_bits"),
        (
            client().deflate(Deflate::low_memory()),
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=12; \
            client_no_context_takeover; client_max_window_bits",
        ),
    ];
    for (asking, offer) in table {
        let (mut near, far) = tokio::io::duplex(64 << 10);
        let read = async {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                assert_ne!(near.read_buf(&mut head).await.expect("a request"), 0);
            }
            drop(near);
            head
        };
        let (head, _) = within(async { tokio::join!(read, asking.handshake(far)) }).await;
        assert_eq!(extensions_in(&head), offer);
    }
}
