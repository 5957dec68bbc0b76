//! A line protocol that gains WebSocket on its own port, by the codecs alone:
//! `cargo run --release --example codecs -- 127.0.0.1:9002`.
//!
//! A key-value store, a line in and a line out: `SET key value`, `GET key`, `DEL key`, `KEYS`. It ran
//! on `LinesCodec`; now a connection's first bytes tell whether it goes on with that or with
//! `HandshakeCodec`, `FrameCodec` and `MessageCodec`, each taking over the buffers of the one before.
//! Over WebSocket each text message is a line.
//!
//! Codecs answer nothing: pings, Close and the connection's end are dealt with here, and keepalive is
//! not. `WebSocket::from_framed(messages, Config::default())` would do all that.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::{
    collections::BTreeMap,
    env, io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bowline::{
    Answer, CloseCode, Error, FrameCodec, HandshakeCodec, Limits, Message, MessageCodec, Request,
    handshake,
};
use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt};
use http::Response;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_util::codec::{Decoder, Framed, LinesCodec, LinesCodecError};

/// The longest line, and the largest message, in bytes.
const MAX_LINE: usize = 4 << 10;
/// For the opening handshake, and again for the end of a connection.
const PATIENCE: Duration = Duration::from_secs(10);
const COMMANDS: &str = "SET key value, GET key, DEL key, KEYS";

type Store = Mutex<BTreeMap<String, String>>;
type Lines = Framed<TcpStream, LinesCodec>;
type Http = Framed<TcpStream, HandshakeCodec<handshake::Server>>;
type Messages = Framed<TcpStream, MessageCodec>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9002".into());
    let listener = TcpListener::bind(address).await?;
    println!("codecs: {}", listener.local_addr()?);

    let store = Arc::new(Store::default());
    loop {
        let (tcp, peer) = listener.accept().await?;
        let store = store.clone();
        tokio::spawn(async move {
            let error = serve(tcp, &store).await.err();
            if let Some(error) = error.filter(|error| !error.is_disconnect()) {
                println!("{peer}: {error}");
            }
        });
    }
}

/// Which protocol the first bytes of a connection are of.
enum Protocol {
    Lines,
    Http,
}

/// Decodes to the protocol and takes no byte, so that the next codec finds them all. Unlike
/// `TcpStream::peek` it waits for the bytes that it still needs, and it works on any transport.
struct Sniffer;

impl Decoder for Sniffer {
    type Item = Protocol;
    type Error = io::Error;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Protocol>, io::Error> {
        // The slash makes the difference to our own GET: no key begins with one.
        const HTTP: &[u8] = b"GET /";
        Ok(match src {
            _ if src.starts_with(HTTP) => Some(Protocol::Http),
            _ if HTTP.starts_with(src) => None,
            _ => Some(Protocol::Lines),
        })
    }
}

async fn serve(tcp: TcpStream, store: &Store) -> Result<(), Error> {
    tcp.set_nodelay(true)?;
    let mut first = Sniffer.framed(tcp);
    match first.next().await.transpose()? {
        Some(Protocol::Lines) => {
            let lines = first.map_codec(|_| LinesCodec::new_with_max_length(MAX_LINE));
            match serve_lines(lines, store).await {
                Err(LinesCodecError::Io(error)) => Err(error.into()),
                _ => Ok(()),
            }
        }
        Some(Protocol::Http) => {
            let opening = open(first.map_codec(|_| HandshakeCodec::server()));
            match timeout(PATIENCE, opening).await.map_err(io::Error::from)?? {
                Some(messages) => serve_messages(messages, store).await,
                None => Ok(()),
            }
        }
        None => Ok(()),
    }
}

/// The service as it was.
async fn serve_lines(mut lines: Lines, store: &Store) -> Result<(), LinesCodecError> {
    while let Some(line) = lines.next().await {
        let answer = match line {
            Err(LinesCodecError::MaxLineLengthExceeded) => Err("that line is too long"),
            line => answer(store, &line?),
        };
        // The first mistake ends it: a page can have a browser POST lines here, behind an HTTP head.
        let is_mistake = answer.is_err();
        lines.send(as_line(answer)).await?;
        if is_mistake {
            break;
        }
    }
    Ok(finish(lines.into_inner()).await?)
}

/// The opening handshake; `None` where it was no WebSocket that was asked for, and it is answered.
async fn open(mut http: Http) -> Result<Option<Messages>, Error> {
    let answer = match http.next().await {
        // Any page may ask for this; `is_same_origin` in chat/routes.rs keeps other sites' out.
        Some(Ok(Request::WebSocket(offer))) => {
            http.send(offer.accept()).await?;
            let frames = http.map_codec(FrameCodec::from);
            let limits = Limits::new().with_max_message_size(MAX_LINE);
            let messages = frames.map_codec(|codec| MessageCodec::from(codec).with_limits(limits));
            return Ok(Some(messages));
        }
        Some(Ok(Request::Http(_))) => Answer::from(Response::new(format!("{COMMANDS}\n"))),
        Some(Err(Error::Handshake(error))) => Answer::from(error.response()),
        Some(Err(error)) => return Err(error),
        None => return Ok(None),
    };
    http.send(answer).await?;
    finish(http.into_inner()).await?;
    Ok(None)
}

/// The service over WebSocket.
async fn serve_messages(mut messages: Messages, store: &Store) -> Result<(), Error> {
    while let Some(message) = messages.next().await {
        let answer = match message {
            Ok(Message::Text(line)) => Message::text(as_line(answer(store, &line))),
            Ok(Message::Binary(_)) => Message::close(CloseCode::UNSUPPORTED, "text only"),
            Ok(Message::Ping(payload)) => Message::Pong(payload),
            Ok(Message::Pong(_)) => continue,
            Ok(Message::Close(frame)) => Message::Close(frame),
            // A breach is answered with its code; where there is none, nobody is left to answer.
            Err(error) => Message::close(error.close_code().ok_or(error)?, ""),
        };
        let is_close = matches!(answer, Message::Close(_));
        messages.send(answer).await?;
        if is_close {
            break;
        }
    }
    Ok(finish(messages.into_inner()).await?)
}

/// Ends the connection in the order that lets our last bytes arrive: a socket that is closed with
/// unread input sends a reset, which destroys them.
async fn finish(mut tcp: TcpStream) -> io::Result<()> {
    tcp.shutdown().await?;
    let mut rest = tcp.take(1 << 20);
    let _ = timeout(PATIENCE, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await;
    Ok(())
}

fn answer(store: &Store, line: &str) -> Result<String, &'static str> {
    let mut map = store.lock().unwrap_or_else(PoisonError::into_inner);
    let mut words = line.trim().splitn(3, ' ');
    match (words.next().unwrap_or_default(), words.next(), words.next()) {
        // A message may have some, and the next reader of the value may be reading lines.
        _ if line.trim().contains(['\r', '\n']) => Err("no line breaks in a line"),
        (_, Some(key), _) if key.starts_with('/') => Err("no key begins with a slash"),
        ("SET", Some(key), Some(value)) => {
            map.insert(key.into(), value.into());
            Ok("OK".into())
        }
        ("GET", Some(key), None) => Ok(map.get(key).cloned().unwrap_or_else(|| "NONE".into())),
        ("DEL", Some(key), None) => Ok(map.remove(key).map_or("NONE", |_| "OK").into()),
        ("KEYS", None, None) => Ok(Vec::from_iter(map.keys().map(String::as_str)).join(" ")),
        _ => Err(COMMANDS),
    }
}

fn as_line(answer: Result<String, &str>) -> String {
    answer.unwrap_or_else(|mistake| format!("ERR {mistake}"))
}
