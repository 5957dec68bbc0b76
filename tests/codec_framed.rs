//! The codecs in `Framed` over a pipe: the opening handshake from end to end, and the switch from
//! `HandshakeCodec` to `FrameCodec` to `MessageCodec` with bytes half arrived (RFC 6455 section 4).

#[path = "support/codec.rs"]
mod codec;
#[path = "support/heads.rs"]
mod heads;

use bowline::{
    EndOfStream, Error, Frame, FrameCodec, HandshakeCodec, Message, MessageCodec, OpCode,
    ProtocolError, Request, Role,
};
use codec::{BINARY, CONTINUATION, FIN, Failure, PING, ROLES, TEXT, frame, frames, header, other};
use futures_util::{SinkExt, StreamExt};
use heads::{REQUEST, RESPONSE, client, head};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_util::codec::{Decoder, Framed};

type Server = HandshakeCodec<bowline::handshake::Server>;

/// Reads the request and accepts it.
async fn accept(http: &mut Framed<DuplexStream, Server>) {
    match http.next().await {
        Some(Ok(Request::WebSocket(offer))) => http.send(offer.accept()).await.expect("accepted"),
        other => panic!("{other:?}"),
    }
}

fn failed<T: std::fmt::Debug>(item: Option<Result<T, Error>>) -> Failure {
    item.expect("an item").expect_err("an error").into()
}

#[tokio::test]
async fn section_1_3_a_handshake_and_messages_from_end_to_end() {
    // So small that every head and most frames arrive in pieces.
    let (near, far) = duplex(16);
    let server = tokio::spawn(async move {
        let mut http = HandshakeCodec::server().framed(near);
        accept(&mut http).await;
        let mut messages = http.map_codec(FrameCodec::from).map_codec(MessageCodec::from);
        while let Some(message) = messages.next().await {
            let message = message.expect("valid");
            let is_close = matches!(message, Message::Close(_));
            messages.send(message).await.expect("echoed");
            if is_close {
                break;
            }
        }
    });
    let mut http = HandshakeCodec::client().framed(far);
    let request = http::Request::get("ws://server.example.com/chat").body(()).unwrap();
    http.send(request).await.unwrap();
    let response = http.next().await.expect("a response").expect("accepted");
    assert_eq!(response.status(), 101);
    let mut messages = http.map_codec(FrameCodec::from).map_codec(MessageCodec::from);
    assert_eq!(messages.codec().role(), Role::Client);
    for message in [
        Message::text("κόσμε".repeat(100)),
        Message::binary(vec![0xff; 70_000]),
        Message::binary(""),
        Message::ping("?"),
        Message::close(1000, "done"),
    ] {
        messages.send(message.clone()).await.unwrap();
        assert_eq!(messages.next().await.unwrap().unwrap(), message);
    }
    assert!(messages.next().await.is_none(), "a clean end");
    server.await.unwrap();
}

#[tokio::test]
async fn section_4_2_2_frames_pipelined_behind_the_request() {
    let behind = frames(Role::Server, &[(FIN | TEXT, b"one"), (FIN | BINARY, b"two")]);
    let wire = [head(&REQUEST), behind].concat();
    // However much of it is there when the head is read, and when the codec is switched.
    for cut in head(&REQUEST).len() - 1..=wire.len() {
        let (near, mut far) = duplex(4096);
        let mut http = HandshakeCodec::server().framed(near);
        far.write_all(&wire[..cut]).await.unwrap();
        if cut < head(&REQUEST).len() {
            far.write_all(&wire[cut..]).await.unwrap();
            accept(&mut http).await;
        } else {
            accept(&mut http).await;
            far.write_all(&wire[cut..]).await.unwrap();
        }
        let mut frames = http.map_codec(FrameCodec::from);
        let first = frames.next().await.unwrap().unwrap();
        assert_eq!(first, Frame::new(OpCode::TEXT, "one"), "cut at {cut}");
        let mut messages = frames.map_codec(MessageCodec::from);
        let second = messages.next().await.unwrap().unwrap();
        assert_eq!(second, Message::binary("two"), "cut at {cut}");
        let mut response = vec![0; head(&RESPONSE).len()];
        far.read_exact(&mut response).await.unwrap();
        assert_eq!(response, head(&RESPONSE));
    }
}

#[tokio::test]
async fn section_4_1_frames_pipelined_behind_the_response() {
    let behind = frames(Role::Client, &[(FIN | TEXT, b"one"), (FIN | BINARY, b"two")]);
    let wire = [head(&RESPONSE), behind].concat();
    for cut in 0..=wire.len() {
        let (near, mut far) = duplex(4096);
        let mut http = client(&[]).framed(near);
        far.write_all(&wire[..cut]).await.unwrap();
        let read_ahead = cut >= head(&RESPONSE).len();
        if !read_ahead {
            far.write_all(&wire[cut..]).await.unwrap();
        }
        assert_eq!(http.next().await.unwrap().unwrap().status(), 101);
        if read_ahead {
            far.write_all(&wire[cut..]).await.unwrap();
        }
        let mut messages = http.map_codec(FrameCodec::from).map_codec(MessageCodec::from);
        assert_eq!(messages.next().await.unwrap().unwrap(), Message::text("one"), "cut at {cut}");
        assert_eq!(messages.next().await.unwrap().unwrap(), Message::binary("two"));
    }
}

#[tokio::test]
async fn section_4_2_2_an_answer_not_flushed_is_not_lost_in_the_switch() {
    let (near, mut far) = duplex(4096);
    far.write_all(&head(&REQUEST)).await.unwrap();
    let mut http = HandshakeCodec::server().framed(near);
    let Some(Ok(Request::WebSocket(offer))) = http.next().await else { panic!("no offer") };
    http.feed(offer.accept()).await.unwrap();
    let mut frames = http.map_codec(FrameCodec::from);
    frames.feed(Frame::new(OpCode::TEXT, "one")).await.unwrap();
    let mut messages = frames.map_codec(MessageCodec::from);
    messages.send(Message::text("two")).await.unwrap();
    drop(messages);
    let mut wire = Vec::new();
    far.read_to_end(&mut wire).await.unwrap();
    assert_eq!(wire, [&head(&RESPONSE)[..], b"\x81\x03one\x81\x03two"].concat());
}

#[tokio::test]
async fn section_4_2_2_a_breach_is_answered_through_the_same_codec() {
    let (near, mut far) = duplex(4096);
    far.write_all(&heads::altered(&REQUEST, "Connection", &[])).await.unwrap();
    let mut http = HandshakeCodec::server().framed(near);
    let Some(Err(Error::Handshake(error))) = http.next().await else { panic!("accepted") };
    assert!(http.next().await.is_none());
    http.send(error.response().into()).await.unwrap();
    drop(http);
    let mut wire = String::new();
    far.read_to_string(&mut wire).await.unwrap();
    assert!(wire.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{wire}");
    assert!(wire.contains("\r\nConnection: close\r\n"), "{wire}");
}

#[tokio::test]
async fn section_4_1_a_refusal_is_told_with_its_body() {
    let (near, mut far) = duplex(16);
    let writer = tokio::spawn(async move {
        let wire = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nX: y\r\n\r\nnoand more";
        far.write_all(wire).await.unwrap();
        far
    });
    let mut http = client(&[]).framed(near);
    let Failure::Handshake(refused) = failed(http.next().await) else { panic!("accepted") };
    assert!(refused.contains("status: 403") && refused.contains("body: b\"no\""), "{refused}");
    assert!(http.next().await.is_none());
    drop(writer.await);
}

#[tokio::test]
async fn section_7_1_7_after_an_error_framed_has_nothing_more() {
    for role in ROLES {
        let (near, mut far) = duplex(4096);
        let late = frame(role, FIN | TEXT, b"late").repeat(3);
        far.write_all(&[frame(role, FIN | TEXT, b"good"), b"\x83\0".to_vec()].concat())
            .await
            .unwrap();
        far.write_all(&late).await.unwrap();
        let mut messages = MessageCodec::new(role).framed(near);
        assert_eq!(messages.next().await.unwrap().unwrap(), Message::text("good"));
        let expected = ProtocolError::ReservedOpCode(codec::opcode(3));
        assert_eq!(failed(messages.next().await), Failure::Protocol(expected));
        assert!(messages.next().await.is_none());
        // `Framed` reads on when it is asked again.
        far.write_all(&late).await.unwrap();
        drop(far);
        assert!(messages.next().await.is_none());
        assert!(messages.read_buffer().is_empty());
    }
}

#[tokio::test]
async fn section_7_1_5_an_end_without_close_is_told_once() {
    for role in ROLES {
        let table = [
            (vec![], EndOfStream::BetweenFrames),
            (vec![0x82], EndOfStream::InsideHeader),
            (header(role, FIN | BINARY, 9), EndOfStream::InsidePayload),
            (frame(role, BINARY, b"half"), EndOfStream::InsideMessage),
        ];
        for (wire, place) in table {
            let (near, mut far) = duplex(4096);
            far.write_all(&wire).await.unwrap();
            drop(far);
            let mut messages = MessageCodec::new(role).framed(near);
            assert_eq!(failed(messages.next().await), Failure::End(place));
            assert!(messages.next().await.is_none());
            assert!(messages.next().await.is_none());
        }
        let (near, mut far) = duplex(4096);
        far.write_all(&frame(role, 0x88, b"")).await.unwrap();
        drop(far);
        let mut messages = MessageCodec::new(role).framed(near);
        assert_eq!(messages.next().await.unwrap().unwrap(), Message::Close(None));
        assert!(messages.next().await.is_none(), "a clean end");
    }
}

#[tokio::test]
async fn section_5_4_frames_and_control_frames_between_two_ends() {
    for role in ROLES {
        let (near, far) = duplex(64);
        let mut sender = FrameCodec::new(other(role)).framed(near);
        let mut receiver = MessageCodec::new(role).framed(far);
        let sent = [(TEXT, "a"), (FIN | PING, "p"), (CONTINUATION, ""), (FIN | CONTINUATION, "b")];
        for (first, payload) in sent {
            let frame = Frame::new(codec::opcode(first), payload);
            let frame = if first & FIN == 0 { frame.not_final() } else { frame };
            sender.send(frame).await.unwrap();
        }
        assert_eq!(receiver.next().await.unwrap().unwrap(), Message::ping("p"));
        assert_eq!(receiver.next().await.unwrap().unwrap(), Message::text("ab"));
    }
}
