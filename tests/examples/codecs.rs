//! The line service that gained WebSocket.

use super::*;

async fn codecs() -> Service {
    Service::start("codecs", "codecs: ").await
}

type LineClient = Framed<TcpStream, LinesCodec>;
type Socket = WebSocket<bowline::client::Stream>;

async fn connect_lines(service: &Service) -> LineClient {
    let tcp = within(TcpStream::connect(&service.address)).await.unwrap();
    tcp.set_nodelay(true).unwrap();
    Framed::new(tcp, LinesCodec::new())
}

async fn ask_line(lines: &mut LineClient, line: &str) -> String {
    within(lines.send(line)).await.unwrap();
    within(lines.next()).await.unwrap().unwrap()
}

async fn connect(service: &Service) -> Socket {
    let client = Client::new(format!("ws://{}/", service.address)).unwrap();
    within(client.connect()).await.unwrap().0
}

async fn ask(ws: &mut Socket, message: impl Into<Message>) -> Message {
    within(ws.send(message)).await.unwrap();
    within(ws.next()).await.unwrap().unwrap()
}

#[tokio::test]
async fn codecs_serves_lines_and_websockets_from_one_store() {
    let service = codecs().await;
    let (mut lines, mut ws) = (connect_lines(&service).await, connect(&service).await);
    assert_eq!(ask_line(&mut lines, "SET knot bowline").await, "OK");
    assert_eq!(ask(&mut ws, "GET knot").await, Message::text("bowline"));
    assert_eq!(ask(&mut ws, "SET two words and more").await, Message::text("OK"));
    assert_eq!(ask_line(&mut lines, "GET two").await, "words and more");
    assert_eq!(ask_line(&mut lines, "KEYS").await, "knot two");
    assert_eq!(ask_line(&mut lines, "DEL knot").await, "OK");
    assert_eq!(ask(&mut ws, "GET knot").await, Message::text("NONE"));
    assert_eq!(ask(&mut ws, "DEL knot").await, Message::text("NONE"));
    let split = ask(&mut ws, "SET a b\nSET c d").await;
    assert_eq!(split, Message::text("ERR no line breaks in a line"));
    assert_eq!(ask(&mut ws, "KEYS").await, Message::text("two"));
    // It begins as HTTP does, but for the slash.
    assert_eq!(ask_line(&mut connect_lines(&service).await, "GET two").await, "words and more");
}

#[tokio::test]
async fn codecs_answers_pings_closes_and_breaches() {
    let service = codecs().await;
    let mut ws = connect(&service).await;
    assert_eq!(ask(&mut ws, Message::ping("there?")).await, Message::pong("there?"));
    let answer = within(ws.close(3000, "bye")).await.unwrap();
    assert_eq!(answer, Some(CloseFrame::new(3000, "bye")));

    let binary = ask(&mut connect(&service).await, vec![1]).await;
    assert_eq!(binary, Message::close(CloseCode::UNSUPPORTED, "text only"));
    let large = ask(&mut connect(&service).await, "x".repeat(4097)).await;
    assert_eq!(large, Message::close(CloseCode::SIZE, ""));

    let request = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    // The frame comes with the head, as one that no client may send: unmasked.
    let answer = exchange(&service, &[request.as_bytes(), b"\x81\x04KEYS"].concat()).await;
    assert!(answer.starts_with(b"HTTP/1.1 101 "));
    assert!(answer.ends_with(b"\r\n\r\n\x88\x02\x03\xea"), "{}", answer.escape_ascii());
}

/// What the service has to say to these bytes until it closes.
async fn exchange(service: &Service, bytes: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    within(async {
        let mut tcp = TcpStream::connect(&service.address).await?;
        tcp.set_nodelay(true)?;
        // In single bytes, so that the service can't tell at once what they are.
        for byte in bytes {
            tcp.write_all(&[*byte]).await?;
        }
        tcp.read_to_end(&mut answer).await
    })
    .await
    .unwrap();
    answer
}

#[tokio::test]
async fn codecs_answers_http_and_ends_connections_that_begin_with_a_mistake() {
    let service = codecs().await;
    let page = exchange(&service, b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(page.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", page.escape_ascii());
    assert!(page.ends_with(b"\r\n\r\nSET key value, GET key, DEL key, KEYS\n"));

    let refused = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n";
    let refused = exchange(&service, refused).await;
    assert!(refused.starts_with(b"HTTP/1.1 400 Bad Request\r\n"), "{}", refused.escape_ascii());

    let post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nSET evil 1\n";
    let mistake = exchange(&service, post).await;
    assert_eq!(mistake.escape_ascii().to_string(), "ERR no key begins with a slash\\n");
    assert_eq!(ask_line(&mut connect_lines(&service).await, "KEYS").await, "");
    let long = [b"SET a ", &[b'x'; 5000][..], b"\n"].concat();
    assert_eq!(exchange(&service, &long).await, b"ERR that line is too long\n");

    let run = run("client", &[&format!("ws://{}/", service.address)], "SET a 1\nGET a\n").await;
    run.assert_status(0);
    assert_eq!(run.stdout, "OK\n1\n");
}
