//! WebSockets as streams of an HTTP/2 connection (RFC 8441): how they end, how they share, and how they wait.

#[path = "support/served.rs"]
mod served;
#[path = "support/streams.rs"]
mod streams;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bowline::{Config, Message, WebSocket};
use bowline_hyper::{Io, Options};
use bytes::Bytes;
use h2::{Reason, client::Builder};
use served::{PIPE, builder, echo, echoes, masked, serve_with, told, within};
use streams::{Stream, ask, ask_with, connect, over, request};
use tokio::io::duplex;

/// That a connection which lost a stream has others.
async fn check_echo(stream: &mut Stream, text: &[u8]) {
    stream.write(&masked(0x81, text)).await.expect("taken");
    let echoed = [&[0x81, text.len() as u8], text].concat();
    assert_eq!(stream.read(echoed.len()).await, echoed);
}

#[tokio::test(start_paused = true)]
async fn section_5_1_end_of_stream_is_the_end_of_the_transport() {
    let close = masked(0x88, b"\x03\xe8");
    // What is sent, what the handler sees, and what it answers.
    type Row<'a> = (&'a [u8], Result<(), &'a str>, &'a [u8]);
    let table: [Row<'_>; 6] = [
        (b"", Err("AbnormalClosure(BetweenFrames)"), b""),
        (&masked(0x81, b"Hello"), Err("AbnormalClosure(BetweenFrames)"), b"\x81\x05Hello"),
        (&masked(0x81, b"Hello")[..5], Err("AbnormalClosure(InsideHeader)"), b""),
        (&masked(0x81, b"Hello")[..8], Err("AbnormalClosure(InsidePayload)"), b""),
        (&masked(0x01, b"Hello"), Err("AbnormalClosure(InsideMessage)"), b""),
        (&close, Ok(()), b"\x88\x02\x03\xe8"),
    ];
    let (app, mut told) = told(Options::new(), echo);
    let mut streams = connect(app, &Builder::new()).await;
    let mut other = ask(&mut streams, request("/other")).await.expect("accepted");
    for (wire, outcome, answer) in table {
        let shown = wire.escape_ascii().to_string();
        let mut stream = ask(&mut streams, request("/")).await.expect("accepted");
        stream.write(wire).await.expect("taken");
        stream.send.send_data(Bytes::new(), true).expect("END_STREAM");
        assert_eq!(within(told.recv()).await, Some(outcome.map_err(str::to_owned)), "{shown}");
        assert_eq!(stream.rest().await.expect("END_STREAM"), answer, "{shown}");
        check_echo(&mut other, b"still there").await;
    }
    // END_STREAM with the request.
    let mut stream = ask_with(&mut streams, request("/"), true).await.expect("accepted");
    let expected = Err("AbnormalClosure(BetweenFrames)".to_owned());
    assert_eq!(within(told.recv()).await, Some(expected));
    assert_eq!(stream.rest().await.expect("END_STREAM"), b"");
    check_echo(&mut other, b"still there").await;
}

#[tokio::test(start_paused = true)]
async fn section_5_1_a_reset_is_a_reset() {
    let (app, mut told) = told(Options::new(), echo);
    let mut streams = connect(app, &Builder::new()).await;
    let mut other = ask(&mut streams, request("/other")).await.expect("accepted");
    for wire in [&b""[..], &masked(0x81, b"Hello"), &masked(0x81, b"Hello")[..8]] {
        // Of the first two hyper makes the end of the stream: no clean end either.
        for reason in [Reason::CANCEL, Reason::NO_ERROR, Reason::INTERNAL_ERROR] {
            let mut stream = ask(&mut streams, request("/")).await.expect("accepted");
            stream.write(wire).await.expect("taken");
            stream.send.send_reset(reason);
            let error = within(told.recv()).await.expect("an outcome").expect_err("a reset");
            let kind = if reason == Reason::INTERNAL_ERROR { "Io(" } else { "AbnormalClosure(" };
            assert!(error.starts_with(kind), "{error} by {reason:?}");
            check_echo(&mut other, b"still there").await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn section_5_1_frames_stay_masked() {
    let (app, mut told) = told(Options::new(), echo);
    let mut streams = connect(app, &Builder::new()).await;
    let table: [(&[u8], &str, u16); 5] = [
        (b"\x81\x05Hello", "Protocol(Unmasked", 1002),
        (&masked(0xc1, b"Hello"), "Protocol(", 1002),
        (&masked(0x83, b"Hello"), "Protocol(", 1002),
        (&masked(0x81, b"\xff"), "Protocol(InvalidUtf8", 1007),
        (b"\x82\xff\0\0\0\0\x10\0\0\0KEYS", "Limit(", 1009),
    ];
    for (wire, error, code) in table {
        let mut stream = ask(&mut streams, request("/")).await.expect("accepted");
        stream.write(wire).await.expect("taken");
        let seen = within(told.recv()).await.expect("an outcome").expect_err("a breach");
        assert!(seen.starts_with(error), "{seen}");
        let header = stream.read(4).await;
        assert_eq!((header[0], &header[2..]), (0x88, &code.to_be_bytes()[..]), "{seen}");
        stream.rest().await.expect("END_STREAM");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc_9113_section_8_5_frames_of_one_have_nothing_to_do_with_frames_of_the_other() {
    let mut streams = connect(echoes(), &Builder::new()).await;
    let wire = [masked(0x01, b"Hel"), masked(0x89, b"ping"), masked(0x80, b"lo")].concat();
    let echoed = b"\x8a\x04ping\x81\x05Hello";
    for size in [1, 2, 3, 7, wire.len()] {
        let mut stream = ask(&mut streams, request("/")).await.expect("accepted");
        for piece in wire.chunks(size) {
            stream.write(piece).await.expect("taken");
            tokio::task::yield_now().await;
        }
        assert_eq!(stream.read(echoed.len()).await, echoed, "by {size}");
    }
    // What is sent before the answer has come.
    let mut ready = within(streams.clone().ready()).await.expect("a connection");
    let (response, mut send) = ready.send_request(request("/"), false).expect("sent");
    let early = [wire, masked(0x88, b"\x03\xe8")].concat();
    send.send_data(early.into(), true).expect("sent");
    let mut receive = within(response).await.expect("a response").into_body();
    let mut rest = Vec::new();
    while let Some(data) = within(receive.data()).await {
        rest.extend_from_slice(&data.expect("data"));
    }
    assert_eq!(rest, [&echoed[..], b"\x88\x02\x03\xe8"].concat());
}

#[tokio::test(start_paused = true)]
async fn many_sockets_on_one_connection() {
    // h2 ends a connection on which many small frames wait, by the size of its window.
    let mut streams =
        connect(echoes(), Builder::new().initial_connection_window_size(1 << 20)).await;
    let mut open = Vec::new();
    for _ in 0..150 {
        open.push(ask(&mut streams, request("/")).await.expect("accepted"));
    }
    for round in 0..3 {
        for (i, stream) in open.iter_mut().enumerate() {
            stream.write(&masked(0x81, format!("{round}, {i}").as_bytes())).await.expect("taken");
        }
        for (i, stream) in open.iter_mut().enumerate().rev() {
            let text = format!("{round}, {i}");
            let echoed = [&[0x81, text.len() as u8], text.as_bytes()].concat();
            assert_eq!(stream.read(echoed.len()).await, echoed);
        }
        // Of those that are left, every third goes.
        let mut i = 0;
        open.retain_mut(|stream| {
            i += 1;
            if i % 3 == 0 {
                stream.send.send_reset(Reason::CANCEL);
            }
            i % 3 != 0
        });
    }
}

#[tokio::test(start_paused = true)]
async fn rfc_9113_section_5_2_a_mebibyte_through_small_windows() {
    let payload: Vec<u8> = (0..1_u32 << 20).map(|i| (i % 251) as u8).collect();
    for (window, len) in [(1, 1000), (1000, 100_000), (65_535, 1 << 20)] {
        let payload = &payload[..len];
        let (client, server) = duplex(PIPE);
        let mut builder = builder();
        builder.http2().initial_stream_window_size(window).adaptive_window(false);
        serve_with(builder, echoes(), server);
        let mut streams = over(client, Builder::new().initial_window_size(window)).await;
        let mut stream = ask(&mut streams, request("/")).await.expect("accepted");
        let wire = masked(0x82, payload);
        stream.write(&wire).await.expect("taken");
        let header = wire.len() - payload.len() - 4;
        let echoed = stream.read(header + payload.len()).await;
        assert!(echoed[header..] == *payload, "through a window of {window}");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc_9113_section_5_2_a_peer_that_takes_nothing_costs_little() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = sent.clone();
    let flood = move |mut ws: WebSocket<Io>| {
        let counted = counted.clone();
        async move {
            loop {
                ws.send(Message::binary(vec![7; 16 << 10])).await?;
                counted.fetch_add(16 << 10, Ordering::Relaxed);
            }
        }
    };
    let config = Config::new().with_send_timeout(Some(Duration::from_secs(7))).with_keepalive(None);
    let (app, mut told) = told(Options::new().config(config), flood);
    let mut streams = connect(app, Builder::new().initial_window_size(0)).await;
    let stream = ask(&mut streams, request("/")).await.expect("accepted");
    assert_eq!(within(told.recv()).await, Some(Err("SendTimeout".to_owned())));
    let most = sent.load(Ordering::Relaxed);
    assert!(most <= 128 << 10, "{most} bytes for a peer that takes nothing");
    // What hyper has taken it keeps, and with it the stream, until the peer takes it or the connection ends.
    drop(stream);
}
