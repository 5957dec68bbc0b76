//! A client of HTTP/2 that asks for what it likes, stream by stream.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{collections::HashMap, future::poll_fn};

use axum::Router;
use bytes::Bytes;
use h2::{
    RecvStream, SendStream,
    client::{Builder, SendRequest},
    ext::Protocol,
};
use http::{Request, Response, Version};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream},
    task::yield_now,
};

use crate::served::{PIPE, served, within};

/// One connection.
pub(crate) type Streams = SendRequest<Bytes>;

/// A connection to this service, with these settings; its SETTINGS have come.
pub(crate) async fn connect(app: Router, builder: &Builder) -> Streams {
    over(served(app, PIPE), builder).await
}

/// The same over this transport.
pub(crate) async fn over<T>(io: T, builder: &Builder) -> Streams
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (send, connection) = builder.handshake(io).await.expect("a connection");
    // How it ends, each stream is told itself.
    tokio::spawn(connection);
    within(async {
        while !send.is_extended_connect_protocol_enabled() {
            yield_now().await;
        }
    })
    .await;
    send
}

/// The request of RFC 8441 section 5.1, for this path.
pub(crate) fn request(path: &str) -> Request<()> {
    let request = Request::connect(format!("https://server.example.com{path}"))
        .version(Version::HTTP_2)
        .extension(Protocol::from_static("websocket"))
        .header("sec-websocket-version", "13");
    request.body(()).expect("a request")
}

/// A stream, open both ways.
pub(crate) struct Stream {
    pub(crate) response: Response<()>,
    pub(crate) send: SendStream<Bytes>,
    pub(crate) receive: RecvStream,
    /// What was received and not asked for.
    behind: Vec<u8>,
}

/// Asks, and waits for the response's head.
pub(crate) async fn ask(streams: &mut Streams, request: Request<()>) -> Result<Stream, h2::Error> {
    ask_with(streams, request, false).await
}

/// The same, with END_STREAM where nothing is to be sent behind the head.
pub(crate) async fn ask_with(
    streams: &mut Streams,
    request: Request<()>,
    end_of_stream: bool,
) -> Result<Stream, h2::Error> {
    let mut ready = within(streams.clone().ready()).await?;
    let (response, send) = ready.send_request(request, end_of_stream)?;
    let (head, receive) = within(response).await?.into_parts();
    Ok(Stream { response: Response::from_parts(head, ()), send, receive, behind: Vec::new() })
}

impl Stream {
    /// Sends these bytes, as flow control allows.
    pub(crate) async fn write(&mut self, mut bytes: &[u8]) -> Result<(), h2::Error> {
        while !bytes.is_empty() {
            self.send.reserve_capacity(bytes.len());
            let capacity = within(poll_fn(|cx| self.send.poll_capacity(cx))).await;
            let (now, later) = bytes.split_at(capacity.expect("a stream")?.min(bytes.len()));
            self.send.send_data(Bytes::copy_from_slice(now), false)?;
            bytes = later;
        }
        Ok(())
    }

    /// Receives so many bytes.
    pub(crate) async fn read(&mut self, count: usize) -> Vec<u8> {
        while self.behind.len() < count {
            let data = within(self.receive.data()).await.expect("more").expect("data");
            self.receive.flow_control().release_capacity(data.len()).expect("received");
            self.behind.extend_from_slice(&data);
        }
        self.behind.drain(..count).collect()
    }

    /// What still comes, to END_STREAM or to a reset.
    pub(crate) async fn rest(&mut self) -> Result<Vec<u8>, h2::Error> {
        let mut rest = std::mem::take(&mut self.behind);
        while let Some(data) = within(self.receive.data()).await {
            let data = data?;
            self.receive.flow_control().release_capacity(data.len())?;
            rest.extend_from_slice(&data);
        }
        Ok(rest)
    }

    /// The same of a refusal's body.
    pub(crate) async fn body(&mut self) -> String {
        let rest = self.rest().await.expect("a body to its end");
        String::from_utf8(rest).expect("text")
    }
}

/// Sends the head of a request byte by byte, as no client would; gives the first frame on its stream, by its kind and
/// payload.
pub(crate) async fn raw(app: Router, fields: &[(&str, &str)]) -> (u8, Vec<u8>) {
    let mut block = Vec::new();
    for (name, value) in fields {
        // Literal, not indexed, not compressed (RFC 7541 section 6.2.2).
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).ok().filter(|len| *len < 127).expect("short"));
            block.extend(text.as_bytes());
        }
    }
    let mut io = served(app, PIPE);
    let wire = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(4, 0, 0, b""),
        // HEADERS with END_HEADERS.
        frame(1, 4, 1, &block),
    ]
    .concat();
    within(io.write_all(&wire)).await.expect("taken");
    loop {
        let (kind, stream, payload) = within(read_frame(&mut io)).await;
        if stream == 1 {
            return (kind, payload);
        }
    }
}

/// A frame (RFC 9113 section 4.1).
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).expect("short").to_be_bytes();
    [&[0, length[0], length[1], kind, flags, 0, 0, 0, stream], payload].concat()
}

async fn read_frame(io: &mut DuplexStream) -> (u8, u32, Vec<u8>) {
    let mut header = [0; 9];
    io.read_exact(&mut header).await.expect("a frame");
    let [a, b, c, kind, _, stream @ ..] = header;
    let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
    io.read_exact(&mut payload).await.expect("its payload");
    (kind, u32::from_be_bytes(stream), payload)
}

/// The headers of a response but the date, each of which is there once.
pub(crate) fn headers(response: &Response<()>) -> HashMap<&str, &str> {
    let lines = response.headers().iter().filter(|(name, _)| *name != "date");
    let headers: HashMap<_, _> =
        lines.map(|(name, value)| (name.as_str(), value.to_str().expect("text"))).collect();
    let has_date = response.headers().contains_key("date");
    assert_eq!(headers.len() + usize::from(has_date), response.headers().len(), "{response:?}");
    headers
}
