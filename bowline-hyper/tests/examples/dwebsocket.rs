//! Each view of the example: one test for each row of the table in the docs.

use super::*;

#[tokio::test]
async fn accept_websocket_takes_both() {
    let service = start("dwebsocket").await;
    assert_eq!(get(&service, "/accept").await, (200, "a page".into()));
    assert_eq!(text(&mut connect(&service, "/accept").await).await, "a WebSocket");
    assert_eq!(text(&mut connect_h2(&service, "/accept").await).await, "a WebSocket");
}

#[tokio::test]
async fn require_websocket_refuses_the_rest() {
    let service = start("dwebsocket").await;
    assert_eq!(get(&service, "/require").await.0, 426);
    assert_eq!(text(&mut connect(&service, "/require").await).await, "a WebSocket");
}

#[tokio::test]
async fn is_websocket_tells_one_from_the_other() {
    let service = start("dwebsocket").await;
    assert_eq!(get(&service, "/is-websocket").await, (200, "False".into()));
    assert_eq!(text(&mut connect(&service, "/is-websocket").await).await, "True");
    assert_eq!(text(&mut connect_h2(&service, "/is-websocket").await).await, "True");
}

#[tokio::test]
async fn accept_all_takes_websockets_at_any_path() {
    let service = start("dwebsocket").await;
    assert_eq!(get(&service, "/all/of/it").await, (200, "no WebSocket".into()));
    assert_eq!(text(&mut connect(&service, "/all/of/it").await).await, "/of/it");
    assert_eq!(text(&mut connect(&service, "/all/").await).await, "/");
}

#[tokio::test]
async fn wait_has_a_time_out_and_loses_nothing_by_it() {
    let service = start("dwebsocket").await;
    let mut ws = connect(&service, "/wait").await;
    assert_eq!(text(&mut ws).await, "nothing yet");
    for number in 0..10 {
        within(ws.send(number.to_string())).await.unwrap();
    }
    let mut heard = Vec::new();
    while heard.len() < 10 {
        let text = text(&mut ws).await;
        if text != "nothing yet" {
            heard.push(text.parse::<usize>().unwrap());
        }
    }
    assert_eq!(heard, Vec::from_iter(0..10));
}

#[tokio::test]
async fn read_does_not_wait() {
    let service = start("dwebsocket").await;
    let mut ws = connect(&service, "/read").await;
    within(ws.send("one")).await.unwrap();
    assert_eq!(text(&mut ws).await, "one, then nothing");
    // In one write, and so in one read.
    within(ws.feed("two")).await.unwrap();
    within(ws.send("three")).await.unwrap();
    assert_eq!(text(&mut ws).await, "two, then three");
}

#[tokio::test]
async fn count_messages_and_has_messages() {
    let service = start("dwebsocket").await;
    let mut ws = connect(&service, "/count").await;
    assert_eq!(text(&mut ws).await, "0 waiting");
    for (count, message) in ["a", "b", "c"].into_iter().enumerate() {
        within(ws.send(message)).await.unwrap();
        let expected = format!("{} waiting", count + 1);
        while text(&mut ws).await != expected {}
    }
    for message in ["a", "b", "c", "0 waiting"] {
        assert_eq!(text(&mut ws).await, message);
    }
    within(ws.close(1000, "")).await.unwrap();
}

#[tokio::test]
async fn iteration_ends_with_the_connection() {
    let service = start("dwebsocket").await;
    let mut ws = connect(&service, "/iterate").await;
    for message in [Message::text("a"), Message::binary(vec![0]), Message::text("b")] {
        within(ws.send(message.clone())).await.unwrap();
        assert_eq!(within(ws.next()).await.unwrap().unwrap(), message);
    }
    let reply = within(ws.close(4321, "enough")).await.unwrap();
    assert_eq!(reply.unwrap().code, CloseCode::new(4321));
}

#[tokio::test]
async fn send_takes_text_and_bytes() {
    let service = start("dwebsocket").await;
    let mut ws = connect(&service, "/send").await;
    for message in [Message::text("text"), Message::binary(vec![0, 1])] {
        assert_eq!(within(ws.next()).await.unwrap().unwrap(), message);
    }
}

#[tokio::test]
async fn close_has_a_code_and_a_reason() {
    let service = start("dwebsocket").await;
    let mut ws = connect(&service, "/close").await;
    assert_eq!(close(&mut ws).await, CloseFrame::new(4000, "that was all"));
}

#[tokio::test]
async fn is_closed_can_be_asked() {
    let mut service = start("dwebsocket").await;
    let mut ws = connect(&service, "/closed").await;
    within(ws.close(1000, "")).await.unwrap();
    let line = within(service.log.next_line()).await.unwrap().unwrap();
    assert_eq!(line, "is_closed: false, then true");
}

#[tokio::test]
async fn the_end_of_a_view_closes() {
    let service = start("dwebsocket").await;
    for (path, code) in [("/return", 1000), ("/error", 1011), ("/panic", 1011)] {
        let expected = CloseFrame::new(code, "");
        assert_eq!(close(&mut connect(&service, path).await).await, expected, "{path}");
        let mut ws = connect_h2(&service, path).await;
        assert_eq!(close(&mut ws).await, expected, "{path} over HTTP/2");
    }
}

#[tokio::test]
async fn frames_come_as_they_are() {
    let service = start("dwebsocket").await;
    let mut tcp = TcpStream::connect(&service.address).await.unwrap();
    let head = format!(
        "GET /frames HTTP/1.1\r\nhost: {}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        service.address
    );
    // Text "ab" without FIN, Ping "x", continuation "c"; all masked with zeros.
    let frames = b"\x01\x82\0\0\0\0ab\x89\x81\0\0\0\0x\x80\x81\0\0\0\0c";
    // With the head: what is read behind it is not lost.
    let all = [head.as_bytes(), frames, b"\x88\x82\0\0\0\0\x03\xe8"].concat();
    within(tcp.write_all(&all)).await.unwrap();
    let mut answer = Vec::new();
    within(tcp.read_to_end(&mut answer)).await.unwrap();
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
    let lines = [
        "text, final: false, 2 bytes",
        "ping, final: true, 1 bytes",
        "continuation, final: true, 1 bytes",
    ];
    let mut expected = Vec::new();
    for line in lines {
        expected.extend([0x81, line.len() as u8]);
        expected.extend(line.as_bytes());
    }
    expected.extend(b"\x88\x02\x03\xe8");
    assert_eq!(String::from_utf8_lossy(&answer[end..]), String::from_utf8_lossy(&expected));
}

#[tokio::test]
async fn a_subprotocol_is_chosen() {
    let service = start("dwebsocket").await;
    for (requested, chosen) in [
        (&["chat.v1", "chat.v2"][..], Some("chat.v2")),
        (&["chat.v1"], Some("chat.v1")),
        (&["other"], None),
        (&[], None),
    ] {
        let client = client(&service, "/subprotocol").subprotocols(requested.iter().copied());
        let outcome = within(client.connect()).await;
        let (mut ws, _) = outcome.unwrap();
        assert_eq!(ws.subprotocol(), chosen, "{requested:?}");
        assert_eq!(text(&mut ws).await, format!("{chosen:?}"));
    }
}
