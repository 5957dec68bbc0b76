//! The opening handshake (RFC 6455 section 4), where the capture begins with it.

use std::io::{self, Write};

use bowline::{Error, HandshakeCodec, HandshakeError, Request, Role};
use bytes::BytesMut;
use tokio_util::codec::{Decoder, Encoder};

use crate::{
    Verdict,
    layout::{name, printable},
};

/// What a capture begins with.
pub(crate) enum Head {
    /// No HTTP.
    None,
    /// A head of this length, with frames behind it.
    Opens { len: usize, from: Role, names_deflate: bool },
    /// A head behind which there are no frames.
    OpensNothing(Verdict),
}

/// What the codec makes of the head, and why.
enum Judgement {
    Opens(String),
    OpensNothing(String),
    Broken(String),
}

/// Shows the head, what its headers are for, and whether it opens a WebSocket.
pub(crate) fn explain(bytes: &[u8], out: &mut impl Write) -> io::Result<Head> {
    let from = match bytes {
        _ if bytes.starts_with(b"GET ") => Role::Client,
        _ if bytes.starts_with(b"HTTP/1.") => Role::Server,
        _ => return Ok(Head::None),
    };
    let end = bytes.windows(4).position(|bytes| bytes == b"\r\n\r\n").map(|end| end + 4);
    let len = end.unwrap_or(bytes.len());
    writeln!(out, "HTTP head of {len} bytes from the {}\n", name(from))?;
    let head = quoted_lines(&bytes[..len]);
    for line in &head {
        writeln!(out, "  {line}")?;
        if let Some(purpose) = purpose(line, from) {
            writeln!(out, "      {purpose}")?;
        }
    }
    let judgement = match from {
        Role::Client => judge_request(bytes),
        Role::Server => judge_response(bytes, &head),
    };
    Ok(match judgement {
        Judgement::Opens(why) => {
            writeln!(out, "\n{why}\n")?;
            let names_deflate = head.iter().any(|line| line.contains("permessage-deflate"));
            Head::Opens { len, from, names_deflate }
        }
        Judgement::OpensNothing(why) => {
            writeln!(out, "\n{why}")?;
            Head::OpensNothing(Verdict::Kept)
        }
        Judgement::Broken(why) => {
            writeln!(out, "\nBROKEN: {why}")?;
            Head::OpensNothing(Verdict::Broken)
        }
    })
}

fn quoted_lines(head: &[u8]) -> Vec<String> {
    let lines = head.trim_ascii_end().split(|byte| *byte == b'\n');
    lines.map(|line| printable(line.trim_ascii_end())).collect()
}

/// Has the codec read the request as a server, and accept it.
fn judge_request(bytes: &[u8]) -> Judgement {
    let mut codec = HandshakeCodec::server();
    match codec.decode(&mut bytes.into()) {
        Ok(Some(Request::WebSocket(offer))) => {
            let mut answer = BytesMut::new();
            match codec.encode(offer.accept(), &mut answer) {
                Ok(()) => Judgement::Opens(format!(
                    "A valid request for a WebSocket. The server would answer\n\n  {}",
                    quoted_lines(&answer).join("\n  ")
                )),
                Err(error) => Judgement::Broken(error.to_string()),
            }
        }
        Ok(Some(Request::Http(_))) => {
            Judgement::OpensNothing("A request for something else than a WebSocket.".into())
        }
        Ok(None) => Judgement::OpensNothing("The head is incomplete.".into()),
        Err(Error::Handshake(error)) => {
            Judgement::Broken(format!("{error}\nThe answer is {}.", error.status()))
        }
        Err(error) => Judgement::Broken(error.to_string()),
    }
}

/// Has the codec read the response as a client, whose key is a random one.
fn judge_response(bytes: &[u8], head: &[String]) -> Judgement {
    let mut codec = HandshakeCodec::client();
    let mut request = http::Request::new(());
    *request.uri_mut() = http::Uri::from_static("ws://capture/");
    let judged = codec.encode(request, &mut BytesMut::new()).and_then(|()| {
        let mut src = bytes.into();
        codec.decode(&mut src)?;
        codec.decode_eof(&mut src)
    });
    let Err(Error::Handshake(error)) = judged else {
        return Judgement::Broken("a response to another key than the client's".into());
    };
    let is_accept = |line: &String| line.to_ascii_lowercase().starts_with("sec-websocket-accept:");
    match *error {
        // Judged after all else that can be told without the request, whose key we don't have.
        HandshakeError::AcceptMismatch if head.iter().any(is_accept) => Judgement::Opens(
            "A WebSocket is opened, if the accept value is right for the client's key.".into(),
        ),
        HandshakeError::Refused(response) => {
            Judgement::OpensNothing(format!("No WebSocket: {}.", response.status()))
        }
        HandshakeError::EndOfStream(place) => {
            Judgement::OpensNothing(format!("The capture ends {place}."))
        }
        error => Judgement::Broken(error.to_string()),
    }
}

/// What a header is there for, where the handshake needs it.
fn purpose(line: &str, from: Role) -> Option<&'static str> {
    let (name, _) = line.split_once(':')?;
    Some(match (name.to_ascii_lowercase().as_str(), from) {
        ("upgrade", _) => "the protocol to go on with",
        ("connection", _) => "Upgrade is meant for this connection, not to be passed on",
        ("sec-websocket-key", _) => "16 random bytes, new for each connection",
        ("sec-websocket-accept", _) => "a hash of the key: no other server would know to send it",
        ("sec-websocket-version", _) => "13 is RFC 6455",
        ("sec-websocket-protocol", Role::Client) => "subprotocols offered, the preferred one first",
        ("sec-websocket-protocol", Role::Server) => "the subprotocol chosen",
        ("sec-websocket-extensions", Role::Client) => "extensions offered",
        ("sec-websocket-extensions", Role::Server) => "extensions agreed on",
        ("origin", Role::Client) => "where the page that asks is from: browsers send this truly",
        _ => return None,
    })
}
