//! The part of the NATS protocol that one subject needs, as a codec beside bowline's own.
//!
//! ```text
//! server   INFO {...}␍␊                            first, and again when something has changed
//!          MSG subject sid [reply] length␍␊payload␍␊
//!          PING␍␊  PONG␍␊  +OK␍␊  -ERR 'why'␍␊
//! client   CONNECT {...}␍␊
//!          SUB subject sid␍␊
//!          PUB subject length␍␊payload␍␊
//!          PING␍␊  PONG␍␊
//! ```
//!
//! A client crate would do. This is as much code as making one forget what it keeps for a broker that is
//! away, and the crates come to one instead of fifty more.

use std::{fmt, io, str};

use bytes::{Buf, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

/// A server's lines are far shorter, but for an INFO that lists a large cluster.
const MAX_LINE_LENGTH: usize = 64 * 1024;

/// What the server says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ServerOp {
    /// What the server is, in JSON.
    Info(Bytes),
    /// What somebody has published.
    Message(Bytes),
    /// The length of a message that was too long for us. It was not kept.
    TooLong(usize),
    Ping,
    Pong,
    Ok,
    /// It closes the connection after most of these.
    Error(String),
}

/// What we say.
#[derive(Debug)]
pub(crate) enum ClientOp<'a> {
    Connect { options: String },
    Subscribe { subject: &'a str },
    Publish { subject: &'a str, payload: &'a [u8] },
    Ping,
    Pong,
}

/// Decodes what a server says and encodes what a client does.
#[derive(Debug)]
pub(crate) struct NatsCodec {
    state: State,
    max_payload_length: usize,
}

/// Where in the stream the decoder is.
#[derive(Debug)]
enum State {
    Line,
    /// In a message whose payload has this length.
    Payload(usize),
    /// In one of this length that is not wanted; as many bytes of it are still to come.
    Skip {
        length: usize,
        left: usize,
    },
}

/// What a server of NATS would not say.
#[derive(Debug)]
pub(crate) enum NatsError {
    Io(io::Error),
    LongLine,
    UnknownOp(String),
    BadMessage,
}

impl NatsCodec {
    /// Messages with more than this many bytes of payload are passed over.
    pub(crate) fn new(max_payload_length: usize) -> Self {
        Self { state: State::Line, max_payload_length }
    }

    /// Takes one line, without its end.
    fn line(bytes: &mut BytesMut) -> Result<Option<Bytes>, NatsError> {
        match bytes.windows(2).position(|end| end == b"\r\n") {
            Some(length) if length <= MAX_LINE_LENGTH => {
                let line = bytes.split_to(length).freeze();
                bytes.advance(2);
                Ok(Some(line))
            }
            None if bytes.len() <= MAX_LINE_LENGTH + 1 => Ok(None),
            _ => Err(NatsError::LongLine),
        }
    }

    /// What a line says. `None` for the head of a message: its payload comes next.
    fn read(&mut self, line: &Bytes) -> Result<Option<ServerOp>, NatsError> {
        let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
        let rest = line.slice(end..);
        Ok(Some(match line[..end].to_ascii_uppercase().as_slice() {
            b"INFO" => ServerOp::Info(rest),
            b"PING" => ServerOp::Ping,
            b"PONG" => ServerOp::Pong,
            b"+OK" => ServerOp::Ok,
            b"-ERR" => ServerOp::Error(String::from_utf8_lossy(rest.trim_ascii()).into_owned()),
            b"MSG" => {
                let length = message_length(&rest).ok_or(NatsError::BadMessage)?;
                self.state = if length <= self.max_payload_length {
                    State::Payload(length)
                } else {
                    let left = length.checked_add(2).ok_or(NatsError::BadMessage)?;
                    State::Skip { length, left }
                };
                return Ok(None);
            }
            _ => return Err(NatsError::UnknownOp(shown(line))),
        }))
    }
}

/// The length is the last of the words "subject sid [reply] length".
fn message_length(words: &[u8]) -> Option<usize> {
    let words: Vec<&str> = str::from_utf8(words).ok()?.split_ascii_whitespace().collect();
    match words.as_slice() {
        [_, _, length] | [_, _, _, length] => length.parse().ok(),
        _ => None,
    }
}

/// The beginning of a line, fit for a log.
fn shown(line: &[u8]) -> String {
    line[..line.len().min(40)].escape_ascii().to_string()
}

impl Decoder for NatsCodec {
    type Item = ServerOp;
    type Error = NatsError;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<ServerOp>, NatsError> {
        loop {
            match &mut self.state {
                State::Line => {
                    let Some(line) = Self::line(bytes)? else { return Ok(None) };
                    if let Some(op) = self.read(&line)? {
                        return Ok(Some(op));
                    }
                }
                State::Payload(length) => {
                    let length = *length;
                    if bytes.len() < length + 2 {
                        return Ok(None);
                    }
                    if bytes[length..length + 2] != *b"\r\n" {
                        return Err(NatsError::BadMessage);
                    }
                    let payload = bytes.split_to(length).freeze();
                    bytes.advance(2);
                    self.state = State::Line;
                    return Ok(Some(ServerOp::Message(payload)));
                }
                State::Skip { length, left } => {
                    let count = bytes.len().min(*left);
                    bytes.advance(count);
                    *left -= count;
                    if *left > 0 {
                        return Ok(None);
                    }
                    let length = *length;
                    self.state = State::Line;
                    return Ok(Some(ServerOp::TooLong(length)));
                }
            }
        }
    }
}

impl Encoder<ClientOp<'_>> for NatsCodec {
    type Error = NatsError;

    fn encode(&mut self, op: ClientOp<'_>, bytes: &mut BytesMut) -> Result<(), NatsError> {
        match op {
            ClientOp::Connect { options } => {
                bytes.extend_from_slice(format!("CONNECT {options}\r\n").as_bytes());
            }
            ClientOp::Subscribe { subject } => {
                bytes.extend_from_slice(format!("SUB {subject} 1\r\n").as_bytes());
            }
            ClientOp::Publish { subject, payload } => {
                let head = format!("PUB {subject} {}\r\n", payload.len());
                bytes.extend_from_slice(head.as_bytes());
                bytes.extend_from_slice(payload);
                bytes.extend_from_slice(b"\r\n");
            }
            ClientOp::Ping => bytes.extend_from_slice(b"PING\r\n"),
            ClientOp::Pong => bytes.extend_from_slice(b"PONG\r\n"),
        }
        Ok(())
    }
}

impl From<io::Error> for NatsError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for NatsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::LongLine => write!(f, "a line of more than {MAX_LINE_LENGTH} bytes"),
            Self::UnknownOp(line) => write!(f, "\"{line}\" is not of NATS"),
            Self::BadMessage => f.write_str("a message without its length, or with another one"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode_all(pieces: impl IntoIterator<Item = Vec<u8>>) -> (Vec<ServerOp>, Option<String>) {
        let mut codec = NatsCodec::new(8);
        let mut bytes = BytesMut::new();
        let mut ops = Vec::new();
        for piece in pieces {
            bytes.extend_from_slice(&piece);
            loop {
                match codec.decode(&mut bytes) {
                    Ok(Some(op)) => ops.push(op),
                    Ok(None) => break,
                    Err(error) => return (ops, Some(error.to_string())),
                }
            }
        }
        (ops, None)
    }

    fn message(text: &'static str) -> ServerOp {
        ServerOp::Message(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn a_stream_in_any_pieces() {
        let stream = b"INFO {\"a\":1}\r\n+OK\r\nping\r\nPONG\r\nMSG s 1 5\r\nhe\r\no\r\n\
            MSG s 1 reply 0\r\n\r\nMSG s 1 9\r\n123456789\r\nMSG s\t1  8\r\n12345678\r\n\
            -ERR 'Authorization Violation'\r\n";
        let expected = [
            ServerOp::Info(Bytes::from_static(b" {\"a\":1}")),
            ServerOp::Ok,
            ServerOp::Ping,
            ServerOp::Pong,
            message("he\r\no"),
            message(""),
            ServerOp::TooLong(9),
            message("12345678"),
            ServerOp::Error("'Authorization Violation'".into()),
        ];
        for length in 1..=stream.len() {
            let (ops, error) = decode_all(stream.chunks(length).map(<[u8]>::to_vec));
            assert_eq!(error, None);
            assert_eq!(ops, expected, "in pieces of {length}");
        }
    }

    #[test]
    fn what_is_not_of_nats() {
        for (stream, error) in [
            ("HTTP/1.1 400 Bad Request\r\n", "\"HTTP/1.1 400 Bad Request\" is not of NATS"),
            ("\x01\x02\r\n", "\"\\x01\\x02\" is not of NATS"),
            ("\r\n", "\"\" is not of NATS"),
            ("MSG s 1\r\n", "a message without its length, or with another one"),
            ("MSG s 1 -1\r\n", "a message without its length, or with another one"),
            (
                "MSG s 1 18446744073709551615\r\n",
                "a message without its length, or with another one",
            ),
            ("MSG s 1 2\r\n123\r\n", "a message without its length, or with another one"),
        ] {
            assert_eq!(decode_all([stream.into()]), (Vec::new(), Some(error.into())), "{stream:?}");
        }
        let (_, error) = decode_all([vec![b'x'; MAX_LINE_LENGTH + 2]]);
        assert_eq!(error.as_deref(), Some("a line of more than 65536 bytes"));
    }

    #[test]
    fn what_is_sent() {
        let mut bytes = BytesMut::new();
        let mut codec = NatsCodec::new(8);
        for op in [
            ClientOp::Connect { options: "{}".into() },
            ClientOp::Subscribe { subject: "s" },
            ClientOp::Ping,
            ClientOp::Publish { subject: "s", payload: "é\r\n".as_bytes() },
            ClientOp::Pong,
        ] {
            codec.encode(op, &mut bytes).expect("encoding cannot fail");
        }
        let expected = "CONNECT {}\r\nSUB s 1\r\nPING\r\nPUB s 4\r\né\r\n\r\nPONG\r\n";
        assert_eq!(bytes, expected);
    }
}
