//! Connections that agree on permessage-deflate in their opening handshake (RFC 7692), both ends of them,
//! over pipes and sockets.

#[path = "support/deflate.rs"]
mod deflate;
#[path = "support/io.rs"]
mod io;

use std::{future::Future, time::Duration};

use bowline::{Client, Config, ContextTakeover, Deflate, Error, Message, Server, WebSocket};
use bytes::Bytes;
use deflate::{configured, full_context, noise};
use futures_util::StreamExt;
use io::{item, within};
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, duplex},
    net::{TcpListener, TcpStream},
    time::timeout,
};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// A waker that is lost stops the test, and the clock tells.
async fn in_time<F: Future>(work: F) -> F::Output {
    timeout(Duration::from_secs(60), work).await.expect("somebody was never woken")
}

/// Both ends on this transport, the server first.
async fn open<T>(far: T, near: T, deflate: Deflate) -> (WebSocket<T>, WebSocket<T>)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let server = async {
        let pending = Server::new().deflate(deflate).receive(far).await?;
        pending.choose_subprotocol(["chat"]).accept().await
    };
    let client = async {
        let client = Client::new("ws://server.example.com/chat")?;
        client.subprotocols(["superchat", "chat"]).deflate(deflate).handshake(near).await
    };
    let opened: Result<_, Error> = tokio::try_join!(server, client);
    let (server, (client, _)) = opened.expect("both agree");
    (server, client)
}

async fn on_a_pipe(
    size: usize,
    deflate: Deflate,
) -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (far, near) = duplex(size);
    open(far, near, deflate).await
}

async fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
    (far.expect("a connection").0, near.expect("a connection"))
}

/// Sends data back until the peer closes.
async fn echo<T: AsyncRead + AsyncWrite + Unpin>(mut ws: WebSocket<T>) {
    while let Some(message) = ws.next().await {
        let message = message.expect("open");
        if message.is_data() {
            ws.feed(message).await.expect("open");
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    digits.map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])).collect()
}

/// Messages of about these sizes that refer back to each other, and some that cannot.
fn messages(sizes: &[usize]) -> Vec<Message> {
    let messages = sizes.iter().flat_map(|&size| -> [Message; 4] {
        let words = "The end of a rope. Größe: 結. ".chars().cycle();
        let text: String = words.take(size).collect();
        let hex = hex(&noise(size as u64, size / 2));
        let noise = noise(7, size);
        [text.clone().into(), noise.into(), hex.into(), text.into()]
    });
    messages.collect()
}

/// Each comes back as it went, one at a time and then all in one go.
async fn check_echo<T>(server: WebSocket<T>, mut client: WebSocket<T>, messages: Vec<Message>)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let server = tokio::spawn(echo(server));
    for message in &messages {
        client.send(message.clone()).await.expect("open");
        let back = client.next().await.expect("open").expect("open");
        assert!(back == *message, "{} bytes", message.len());
    }
    let (mut stream, mut sink) = client.split();
    let all = messages.clone();
    let writer = tokio::spawn(async move {
        for message in all {
            sink.feed(message).await.expect("open");
        }
        sink.flush().await.expect("open");
        sink
    });
    for message in &messages {
        let back = stream.next().await.expect("open").expect("open");
        assert!(back == *message, "{} bytes", message.len());
    }
    let sink = writer.await.expect("the writer");
    let mut client = stream.reunite(sink).expect("two halves");
    client.close(1000, "").await.expect("closed");
    server.await.expect("the server");
}

const PARAMETERS: [&str; 8] = [
    "",
    "server_no_context_takeover",
    "client_no_context_takeover",
    "server_no_context_takeover; client_no_context_takeover",
    "server_max_window_bits=8; client_max_window_bits=8",
    "server_max_window_bits=9; client_max_window_bits=14",
    "server_no_context_takeover; server_max_window_bits=12; client_max_window_bits=10",
    "server_max_window_bits=14; client_no_context_takeover; client_max_window_bits=8",
];

#[tokio::test]
async fn section_7_1_messages_come_back_whatever_was_agreed_on() {
    for parameters in PARAMETERS {
        for frame_size in [None, Some(100)] {
            let config = Config::new().with_outgoing_frame_size(frame_size);
            let deflate = configured(full_context(), parameters);
            let (server, client) = on_a_pipe(4 * KIB, deflate).await;
            // The frame size is nothing that a handshake knows of.
            let server = WebSocket::from_framed(server.into_framed(), config.clone());
            let client = WebSocket::from_framed(client.into_framed(), config);
            in_time(check_echo(server, client, messages(&[0, 1, 127, 128, 1000, 3000]))).await;
        }
    }
}

#[tokio::test]
async fn section_7_1_large_messages_come_back_over_pipes_and_sockets() {
    let sizes = [0, 1, 125, 126, 127, 4 * KIB + 1, 64 * KIB + 1];
    for deflate in [full_context(), Deflate::new(), Deflate::low_memory()] {
        let (far, near) = tcp().await;
        let (server, client) = open(far, near, deflate).await;
        in_time(check_echo(server, client, messages(&sizes))).await;
    }
    // Of the largest only what is soon compressed, and what is not.
    let largest = [Message::text("a".repeat(MIB)), Message::binary(noise(7, MIB))];
    let (server, client) = on_a_pipe(64 * KIB, full_context()).await;
    in_time(check_echo(server, client, largest.to_vec())).await;
    let (far, near) = tcp().await;
    let (server, client) = open(far, near, Deflate::low_memory()).await;
    in_time(check_echo(server, client, largest.to_vec())).await;
}

#[tokio::test]
async fn section_1_9_a_subprotocol_and_compression_are_agreed_on_together() {
    for parameters in PARAMETERS {
        let (server, client) = on_a_pipe(KIB, configured(full_context(), parameters)).await;
        for ws in [&server, &client] {
            assert_eq!(ws.subprotocol(), Some("chat"), "{parameters}");
            let [extension] = ws.extensions() else { panic!("{:?}", ws.extensions()) };
            assert_eq!(extension.name(), "permessage-deflate");
            let said = extension.parameters().map(|(name, value)| match value {
                Some(value) => format!("{name}={value}"),
                None => name.to_owned(),
            });
            assert_eq!(said.collect::<Vec<_>>().join("; "), parameters);
        }
    }
}

/// What only one end wants is not agreed on, and messages go as they are.
#[tokio::test]
async fn section_5_one_end_alone_does_not_compress() {
    for (server_wants, client_wants) in [(true, false), (false, true), (false, false)] {
        let (far, near) = duplex(64 * KIB);
        let mut server = Server::new();
        let mut client = Client::new("ws://server.example.com/chat").expect("a URI");
        if server_wants {
            server = server.deflate(full_context());
        }
        if client_wants {
            client = client.deflate(full_context());
        }
        let server = async { server.receive(far).await?.accept().await };
        let opened: Result<_, Error> = tokio::try_join!(server, client.handshake(near));
        let (server, (client, _)) = opened.expect("both agree");
        assert!(server.extensions().is_empty() && client.extensions().is_empty());
        in_time(check_echo(server, client, messages(&[0, 1000]))).await;
    }
}

/// Many messages in context, sent as fast as the pipe takes them to a reader that takes its time.
#[tokio::test]
async fn section_7_2_a_slow_reader_gets_all_in_order() {
    for parameters in PARAMETERS {
        let (mut server, mut client) = on_a_pipe(512, configured(full_context(), parameters)).await;
        let numbered = |n: u64| hex(&noise(n % 7, 300));
        let writer = tokio::spawn(async move {
            for n in 0..100 {
                server.feed(numbered(n)).await.expect("open");
            }
            server.close(1000, "").await.expect("closed")
        });
        for n in 0..100 {
            for _ in 0..n % 5 {
                tokio::task::yield_now().await;
            }
            let message = in_time(client.next()).await.expect("open").expect("open");
            assert!(message.as_text() == Some(&numbered(n)), "{parameters}: message {n}");
        }
        let end = in_time(client.next()).await.map(item);
        assert_eq!(end, Some(Ok(Message::close(1000, ""))));
        drop(client);
        writer.await.expect("the writer");
    }
}

/// The halves of a connection in tasks of their own at both ends, all four at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn section_7_1_1_halves_in_four_tasks_keep_both_contexts() {
    fn numbered(n: u32) -> Bytes {
        let mut payload = noise(u64::from(n % 5), 600);
        payload.extend(n.to_be_bytes());
        payload.into()
    }
    async fn busy<T: AsyncRead + AsyncWrite + Unpin + Send + 'static>(ws: WebSocket<T>) {
        let (mut stream, mut sink) = ws.split();
        let writer = tokio::spawn(async move {
            for n in 0..150 {
                sink.send(Message::Binary(numbered(n))).await.expect("open");
            }
            sink
        });
        for n in 0..150 {
            let message = stream.next().await.expect("open").expect("open");
            assert!(message == Message::Binary(numbered(n)), "message {n}");
        }
        drop(writer.await.expect("the writer"));
    }
    for parameters in ["", "server_no_context_takeover; client_max_window_bits=9"] {
        let (far, near) = tcp().await;
        let (server, client) = open(far, near, configured(full_context(), parameters)).await;
        let both = [tokio::spawn(busy(server)), tokio::spawn(busy(client))];
        for end in both {
            in_time(end).await.expect("the end");
        }
    }
}

/// A relay inflates with one connection's context and compresses with another's.
#[tokio::test]
async fn section_7_1_1_a_stream_is_forwarded_from_one_context_to_another() {
    let (mut sender, relay_in) = on_a_pipe(4 * KIB, full_context()).await;
    let narrow = configured(full_context(), "server_max_window_bits=9");
    let (relay_out, mut receiver) = on_a_pipe(4 * KIB, narrow).await;
    let relay = tokio::spawn(async move {
        let data = relay_in
            .take_while(|message| std::future::ready(message.as_ref().is_ok_and(Message::is_data)));
        data.forward(relay_out).await
    });
    let expected = messages(&[0, 10, 500, 20_000]);
    let all = expected.clone();
    let writer = tokio::spawn(async move {
        for message in all {
            sender.send(message).await.expect("open");
        }
        sender.close(1000, "").await
    });
    for message in expected {
        let received = in_time(receiver.next()).await.expect("open").expect("open");
        assert!(received == message, "{} bytes", message.len());
    }
    let end = in_time(receiver.next()).await.map(item);
    assert_eq!(end, Some(Ok(Message::close(1000, ""))));
    in_time(relay).await.expect("the relay").expect("forwarded");
    // The relay has dropped the first connection without an answer to its Close.
    let _ = within(writer).await;
}

/// Both wish differently: each direction comes to the narrower of the two.
#[tokio::test]
async fn section_7_1_both_ends_wishes_are_kept() {
    let dropped = Deflate::new()
        .with_server_context_takeover(ContextTakeover::Dropped)
        .with_client_max_window_bits(10);
    let (far, near) = duplex(4 * KIB);
    let server = async {
        let server = Server::new().deflate(full_context().with_server_max_window_bits(11));
        server.receive(far).await?.accept().await
    };
    let client = Client::new("ws://server.example.com/chat").expect("a URI").deflate(dropped);
    let opened: Result<_, Error> = tokio::try_join!(server, client.handshake(near));
    let (server, (client, response)) = opened.expect("both agree");
    let said = response.headers()["sec-websocket-extensions"].to_str().expect("text");
    assert!(said.contains("server_no_context_takeover"), "{said}");
    assert!(said.contains("client_max_window_bits=10"), "{said}");
    in_time(check_echo(server, client, messages(&[0, 100, 3000]))).await;
}
